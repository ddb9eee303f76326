"""All controls: what is run inside, and all rows in the order in which they are shown."""

from collections.abc import Iterator

from wt.model import Check
from wt.verify import (
    container,
    docker_api,
    limits,
    mounts,
    privileges,
    push,
    siblings,
    sockets,
    variables,
    writes,
)
from wt.verify.answers import END, PRELUDE, Heard, of, quoted, unknown
from wt.verify.target import Target

# What is left where a script is interrupted: it ignores that nobody listens any more, and cleans up.
_CLEAN = f"""
clean() {{
{sockets.CLEAN}
for place in /app /wt/repo.git; do rm -f "$place/$mark"; rmdir "$place/$mark-1" "$place/$mark-2"; done 2>/dev/null
}}
trap '' PIPE
trap clean EXIT
trap 'exit 1' TERM INT HUP
"""


def inside(target: Target) -> str:
    """What is tried in the sandbox, for bash; what takes time is begun first."""
    return "\n".join(
        [
            f"mark={quoted([target.mark])} AS= planted= made= shared=",
            PRELUDE,
            _CLEAN,
            push.begin(target),
            sockets.PLANT,
            privileges.SCRIPT,
            mounts.SCRIPT,
            writes.script(target),
            limits.SCRIPT,
            docker_api.script(target),
            push.end(target),
            siblings.script(target),
            sockets.LOOK,
            f"say {END} 0 ''",
        ]
    )


def weak(target: Target) -> str:
    """The same, where it has to work: what the kernel grants."""
    user = f"setpriv --reuid={target.values['WT_UID']} --regid={target.values['WT_GID']} --clear-groups"
    return "\n".join([f"AS={quoted([user])}", PRELUDE, privileges.SCRIPT, limits.SCRIPT, f"say {END} 0 ''"])


def checks(target: Target, inside: Heard, weak: Heard, variable: Heard) -> tuple[Check, ...]:
    """Every row."""
    return (
        *_whole({"in the sandbox": inside, "in a weak container": weak, "with variables": variable}),
        *privileges.checks(target, inside, weak),
        *limits.checks(target, inside, weak),
        *container.checks(target),
        *mounts.checks(target, inside, weak),
        *writes.checks(target, inside, weak),
        *siblings.checks(target, inside, weak),
        *push.checks(target, inside, weak),
        *variables.checks(variable),
        *sockets.checks(inside),
        *docker_api.checks(target, inside, weak),
    )


def _whole(scripts: dict[str, Heard]) -> Iterator[Check]:
    """A row for each script that did not come to its end."""
    for where, heard in scripts.items():
        if not of(heard, END).worked:
            yield unknown(f"script {where}", "run it to its end", "it was cut off, or gave no answer")
