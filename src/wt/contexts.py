"""Which engine docker talks to, read from docker's own files: to ask the command takes longer."""

import hashlib
import json
import os
import sys
from pathlib import Path

# Where an engine has it, seen from the machine that it runs on.
DEFAULT = "/var/run/docker.sock"
# Engines in a virtual machine show a socket of theirs on the host; what they mount is looked for inside.
_OF_MACHINES = (".docker/desktop", ".docker/run", ".colima", ".lima", ".orbstack", ".rd")


def host(home: Path) -> str:
    """The address of the engine in use, as `unix:///var/run/docker.sock`.

    docker's own order: DOCKER_HOST, DOCKER_CONTEXT, what `docker context use` chose
    (https://docs.docker.com/engine/manage-resources/contexts/).

    Args:
        home: of the user.
    """
    if address := os.environ.get("DOCKER_HOST"):
        return address
    place = Path(os.environ.get("DOCKER_CONFIG") or home / ".docker")
    name = os.environ.get("DOCKER_CONTEXT") or _read(place / "config.json").get("currentContext") or "default"
    if name == "default":
        return f"unix://{DEFAULT}"
    known = _read(place / "contexts/meta" / hashlib.sha256(str(name).encode()).hexdigest() / "meta.json")
    try:
        return str(known["Endpoints"]["docker"]["Host"])  # type: ignore[index]
    except (KeyError, TypeError):
        return f"unix://{DEFAULT}"


def socket(home: Path) -> str:
    """Where a container has to mount the engine's socket from."""
    kind, _, path = host(home).partition("://")
    return path if kind == "unix" and path.startswith("/") and _is_on_the_host(path) else DEFAULT


def _is_on_the_host(path: str) -> bool:
    """Whether the engine runs on this machine: on Linux only, and not where a program brings a machine for it."""
    return sys.platform == "linux" and not any(f"/{each}/" in path for each in _OF_MACHINES)


def _read(path: Path) -> dict[str, object]:
    """A file of docker's; empty where there is none, or where it is not readable."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
