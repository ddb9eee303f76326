"""What is mounted: no more, no less, and for reading only where wt says so."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from wt.model import Check
from wt.verify.answers import Heard, judged, unknown
from wt.verify.docker_api import SOCKET
from wt.verify.target import Target, bind_source
from wt.weakness import PROXY

SCRIPT = """
while read -r _ _ _ _ place options _; do say "mount:$place" 0 "$options"; done </proc/self/mountinfo
"""
# Every container has these.
_STANDARD = re.compile(r"/|/(proc|sys|dev)(/.*)?|/etc/(resolv\.conf|hostname|hosts)|(/usr)?/sbin/docker-init")
_API = str(PurePosixPath(SOCKET).parent)
_TMP = "/tmp"  # noqa: S108 - in the sandbox
_HINT = "compare compose.wt.yml with what `wt init --upgrade` would write; `wt up` makes the container anew"


@dataclass(frozen=True)
class Mount:
    """Where something is mounted, and how; the source is None where it is docker's."""

    read_only: bool
    source: str | None = None


def checks(target: Target, inside: Heard, _weak: Heard) -> Iterator[Check]:
    """What a process inside sees mounted, and what the engine says that it has mounted."""
    yield _seen(target, inside)
    yield _made(target)


def expected(target: Target) -> dict[str, Mount]:
    """By target: what the compose files ask for; where it is wt's own, as wt asks for it whatever they say."""
    found: dict[str, Mount] = {}
    for each in target.service.get("volumes") or ():
        source = str(each.get("source")) if each.get("type") == "bind" else None
        found[str(each.get("target"))] = Mount(bool(each.get("read_only")), source)
    for line in target.service.get("tmpfs") or ():
        place, _, options = str(line).partition(":")
        found[place] = Mount("ro" in options.split(","))
    for kind, given, place in (("secrets", target.secrets, "/run/secrets/"), ("configs", target.configs, "/")):
        for each in target.service.get(kind) or ():
            name = str(each.get("target") or each.get("source"))
            # What is no file on the host, compose copies into the container.
            if (given.get(each.get("source")) or {}).get("file"):
                found[name if name.startswith("/") else f"{place}{name}"] = Mount(read_only=True)
    found |= {place: Mount(read_only=False) for place in (target.app.get("Config") or {}).get("Volumes") or ()}
    found |= {_TMP: Mount(read_only=False), "/app/.claude-docker": Mount(read_only=True)}
    found |= {_API: Mount(read_only=True)} if PROXY in target.services else {}
    return found | {place: Mount(read_only, source) for source, place, read_only in target.own_mounts}


def _seen(target: Target, inside: Heard) -> Check:
    control, tried = "mounts", "/proc/self/mountinfo"
    found = {
        _unescaped(key.removeprefix("mount:")): answer.text.split(",")
        for key, answer in inside.items()
        if key.startswith("mount:")
    }
    if "/" not in found:
        return unknown(control, tried, "it was not read")
    ours = {place: Mount("ro" in options) for place, options in found.items() if not _STANDARD.fullmatch(place)}
    wrong = _differences(expected(target), ours)
    wrong += [f"{_TMP} without {option}" for option in ("nosuid", "nodev") if option not in found.get(_TMP, ())]
    return judged(control, tried, wrong, f"{len(ours)}, {_others(target)}", _HINT)


def _made(target: Target) -> Check:
    control, tried = "mounts, by the engine", "docker inspect"
    found = {
        str(each["Destination"]): Mount(not each["RW"], bind_source(each)) for each in target.app.get("Mounts") or ()
    }
    found |= {
        str(place): Mount("ro" in str(options).split(","))
        for place, options in ((target.app.get("HostConfig") or {}).get("Tmpfs") or {}).items()
    }
    if not found:
        return unknown(control, tried, "the engine names no mount")
    wanted = expected(target)
    wrong = _differences(wanted, found)
    wrong += [
        f"{place} is {made.source}, not {wanted[place].source}"
        for place, made in sorted(found.items())
        if place in wanted and made.source != wanted[place].source
    ]
    return judged(control, tried, wrong, f"{len(found)}, each from its source", _HINT)


def _differences(wanted: Mapping[str, Mount], found: Mapping[str, Mount]) -> list[str]:
    modes = {True: "read-only", False: "writable"}
    both = sorted(wanted.keys() & found.keys())
    return [
        *(f"extra: {place}" for place in sorted(found.keys() - wanted.keys())),
        *(f"missing: {place}" for place in sorted(wanted.keys() - found.keys())),
        *(
            f"{place} is {modes[found[place].read_only]}"
            for place in both
            if found[place].read_only != wanted[place].read_only
        ),
    ]


def _others(target: Target) -> str:
    """Directories of the host that are not wt's own: wt.toml has let them in."""
    own = {place for _, place, _ in target.own_mounts}
    others = sorted(target.host_sources.keys() - own)
    return f"of the host's also {', '.join(others)}" if others else "of the host's none but wt's own"


def _unescaped(place: str) -> str:
    """proc(5): white space and backslashes are octal numbers there; each stands for one byte."""
    raw = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), place)
    return raw.replace("\n", " ")
