"""Limits on memory and processes, as the kernel has them."""

from collections.abc import Iterator

from wt.model import Check
from wt.verify.answers import Heard, judged, of, unknown
from wt.verify.target import Target

_FILES = {
    "memory": ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    "processes": ("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"),
}
_SETTINGS = {"memory": "Memory", "processes": "PidsLimit"}
# The first version of cgroups writes a number where there is no limit.
_NONE = 1 << 60
SCRIPT = "\n".join(
    f"try limit:{name} sh -c 'cat {new} 2>/dev/null || cat {old}'" for name, (new, old) in _FILES.items()
)


def checks(target: Target, inside: Heard, weak: Heard) -> Iterator[Check]:
    """One row for each: a number, the one that the engine was told, where a weak container has none."""
    for name, files in _FILES.items():
        yield _limit(target, inside, weak, name, files[0].rpartition("/")[2])


def _limit(target: Target, inside: Heard, weak: Heard, name: str, file: str) -> Check:
    control, tried = f"limit: {name}", f"{file} of the control group"
    found, elsewhere = of(inside, f"limit:{name}"), of(weak, f"limit:{name}")
    told = (target.app.get("HostConfig") or {}).get(_SETTINGS[name])
    if not found.worked or not elsewhere.worked:
        return unknown(control, tried, found.shown if not found.worked else elsewhere.shown)
    if _number(elsewhere.text) is not None:
        return unknown(control, tried, f"a container without a limit has one, too: {elsewhere.text}")
    number = _number(found.text)
    wrong = (
        ["there is none"] if number is None else [f"{number}, but the engine was told {told}"] if number != told else []
    )
    return judged(control, tried, wrong, f"{number}, as the engine was told; a weak container has none")


def _number(text: str) -> int | None:
    value = int(text) if text.strip().isdecimal() else _NONE
    return value if value < _NONE else None
