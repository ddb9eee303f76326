"""What docker and its engine say of themselves; off the hot paths."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wt import complaints, process
from wt.errors import TimedOut, ToolError
from wt.host import Engine

# Seconds for what an engine knows by heart.
_PATIENCE = 10


def look() -> Engine | None:
    """The engine that docker uses; None where it does not answer."""
    version, info = _said("version"), _said("info")
    server = version.get("Server") or {}
    if not server or not info.get("ServerVersion"):
        return None
    parts = {each.get("Name"): each.get("Version", "") for each in server.get("Components") or ()}
    options = info.get("SecurityOptions") or ()
    filters = [option for option in options if option.startswith("name=seccomp")]
    limits = {"memory": "MemoryLimit", "processes": "PidsLimit"}
    return Engine(
        version=info["ServerVersion"],
        vendor=(server.get("Platform") or {}).get("Name", ""),
        runc=parts.get("runc", ""),
        warnings=tuple(info.get("Warnings") or ()),
        unlimited=tuple(name for name, key in limits.items() if info.get(key) is False),
        filtered=any("profile=unconfined" not in each for each in filters),
        directory=Path(info["DockerRootDir"]) if info.get("DockerRootDir") else None,
    )


def endpoint() -> str:
    """Where docker looks for its engine; empty where it does not say."""
    return _line("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")


def compose() -> str | None:
    """What compose says of its version; empty where there is none, None where docker can't be started."""
    try:
        answer = process.run(["docker", "compose", "version", "--short"], check=False, seconds=_PATIENCE)
    except ToolError:
        return None
    known = complaints.known(answer.stderr.decode(errors="replace"))
    return "" if known and known.message == complaints.no_compose().message else answer.text.strip() or None


def _said(verb: str) -> Mapping[str, Any]:
    try:
        found = json.loads(_line(verb, "--format", "{{json .}}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _line(*words: str) -> str:
    try:
        return process.run(["docker", *words], check=False, seconds=_PATIENCE).text.strip()
    except (TimedOut, ToolError):
        return ""
