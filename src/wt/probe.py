"""A script in a container: run within limits, and a weak container for it to be run in."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from wt import docker, naming, process
from wt.errors import ToolError

# Seconds that a script may take, and bytes that it may say.
SECONDS = 40
_MOST = 1_000_000
# Root's, where the image has the user's own programs first.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ROLE = "verify"
# What has been left by a wt that was killed ends by itself.
_LIFE = 120
_SAYS = """printf '%s\\n' "$1"; exec sleep "$2\""""
# For a process in a weak container: docker itself gives root neither inheritable nor ambient capabilities.
UNBOUND = ("setpriv", "--inh-caps=+chown", "--ambient-caps=+chown")


def run(
    container: str,
    shell: str,
    script: str,
    *,
    env: Mapping[str, str] | None = None,
    under: Sequence[str] = (),
) -> str:
    """What a script prints in a container; nothing where it can't be run.

    Args:
        container: its id.
        shell: `bash` or `sh`.
        script: what it runs.
        env: variables that it gets.
        under: the program that starts the shell.
    """
    given = {"PATH": _PATH, **(env or {})}
    options = ["--workdir=/", *(f"--env={name}={value}" for name, value in given.items())]
    # It ends inside, too, when its time has come; what runs there does not end with docker's client.
    limited = ("timeout", "-k", "3", str(SECONDS), *under, shell, "-c", script)
    command = ["docker", "exec", *options, container, *limited]
    cut = f'"$@" 2>/dev/null | head -c {_MOST}'
    try:
        done = process.run(["sh", "-c", cut, "sh", *command], check=False, seconds=SECONDS + 10)
    except ToolError:
        return ""
    return done.stdout.decode(errors="replace")


def inspected(ids: Sequence[str]) -> tuple[Mapping[str, Any], ...]:
    """What the engine knows of each container; those that are gone by now are left out.

    Raises:
        ToolError: it can't be asked.
    """
    if not ids:
        return ()
    return tuple(json.loads(docker.ask("container", "inspect", *ids, lenient=True) or "[]"))


@contextmanager
def weak(image: str, labels: Mapping[str, str], own: str) -> Iterator[tuple[str, str]]:
    """Name and id of a container of an image in which every attack on the kernel's controls works, for the block.

    It has no mounts and no network, and runs nothing but what is asked of it. To whoever takes it for the sandbox's own
    by a part of its name, or by what it says of itself in its log, it is that.

    Args:
        image: the sandbox's.
        labels: whose it is.
        own: the name of the sandbox's container.

    Raises:
        ToolError: it does not start.
    """
    name = f"{own}-wt-verify-{secrets.token_hex(4)}-{own}"
    open_ = ["--user=0:0", "--cap-add=ALL", "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"]
    # The image's own label would make it one of the project's.
    named = {**labels, naming.LABEL_ROLE: ROLE, docker.PROJECT: ""}
    options = [*open_, "--network=none", *(f"--label={key}={value}" for key, value in named.items())]
    # A terminal, since else the engine puts bytes of its own before what it says.
    start = ["docker", "run", "--detach", "--tty", "--rm", f"--name={name}", *options, "--entrypoint=sh", image]
    command = [*start, "-c", _SAYS, "sh", json.dumps({"Name": f"/{own}"}), str(_LIFE)]
    try:
        # Interrupted, the engine would make it after it was looked for; with a time limit, docker hears of nothing.
        with process.signals_afterwards():
            made = process.run(command, seconds=_LIFE).text.strip()
        yield name, made
    finally:
        docker.remove("container", name)
