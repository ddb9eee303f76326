"""What docker holds for wt, by its labels and by compose's: containers, volumes, networks and images, with sizes."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from wt import docker, naming
from wt.model import Container, Holding

# Those of the set-up by hand that wt replaces: named, and left to the user.
_BY_HAND = re.compile(r"claude-code-.+-node-modules")
_LABELS = {
    "project": docker.PROJECT,
    "repository": naming.LABEL_REPOSITORY,
    "worktree": naming.LABEL_WORKTREE,
    "common_dir": naming.LABEL_COMMON_DIR,
    "role": naming.LABEL_ROLE,
}
_LIST = {
    "container": ("ls", "--all", "--quiet", "--no-trunc"),
    "image": ("ls", "--quiet", "--no-trunc"),
    "volume": ("ls", "--quiet"),
    "network": ("ls", "--quiet", "--no-trunc"),
}
# What compose puts on each that it makes; somebody may have named a project for what they made by hand.
_MADE = {
    "container": docker.NUMBER,
    "image": "com.docker.compose.service",
    "volume": "com.docker.compose.volume",
    "network": "com.docker.compose.network",
}
# As `naming.project_name` makes it.
_SANDBOX = re.compile(r".+-[0-9a-f]{6}")


def holdings() -> tuple[Holding, ...]:
    """All that docker holds with a label of wt, or in the compose project of such a sandbox; sizes are not counted.

    Raises:
        ToolError: docker can't be asked.
    """
    everybody = docker.containers()
    labelled = {kind: _labelled(kind, naming.LABEL_ROLE) for kind in _LIST}
    ours = _all(labelled, everybody)
    if not owners(ours):
        return ours
    further = {kind: _labelled(kind, _MADE[kind]) for kind in _LIST}
    return adopted(_all({kind: [*labelled[kind], *further[kind]] for kind in _LIST}, everybody))


def owners(found: Iterable[Holding]) -> Mapping[str, Holding]:
    """For each compose project that wt made, one of the labelled holdings in it: they all say whose it is."""
    groups: dict[str, list[Holding]] = {}
    for each in found:
        if each.role == "sandbox" and each.worktree and _SANDBOX.fullmatch(each.project):
            groups.setdefault(each.project, []).append(each)
    return {name: group[0] for name, group in groups.items() if len({_owner(each) for each in group}) == 1}


def adopted(found: Iterable[Holding]) -> tuple[Holding, ...]:
    """The labelled ones, and before them what has no label and is in the project of a sandbox, with its owner.

    Of a removal that stops half-way, what is left is found by the labelled ones.
    """
    every = tuple(dict.fromkeys(found))
    known = owners(every)
    every = tuple(each for each in every if each.project not in known or _goes_along(each))
    bare = [(each, known[each.project]) for each in every if not each.role and each.project in known]
    further = [
        replace(each, repository=own.repository, worktree=own.worktree, common_dir=own.common_dir, role="service")
        for each, own in bare
    ]
    return (*further, *(each for each in every if each.role))


def _goes_along(holding: Holding) -> bool:
    """Whether it goes with its project, by whose label it is that of whoever made it first."""
    return holding.kind not in {"volume", "network"} or naming.is_own(holding.project, holding.name)


def _owner(holding: Holding) -> tuple[str, str]:
    return holding.repository, holding.worktree


def _all(found: Mapping[str, list[dict[str, Any]]], everybody: Iterable[Container]) -> tuple[Holding, ...]:
    containers = found["container"]
    in_use = {each["Image"] for each in containers}
    mounted = {mount.get("Name") for each in containers for mount in each["Mounts"]}
    joined = {network for each in everybody for network in each.networks}
    ours = [each for each in containers if _is_ours(each["Config"]["Labels"])]
    return (
        *(_container(each) for each in ours),
        *(_volume(each, used=each["Name"] in mounted) for each in found["volume"]),
        *(_network(each, used=each["Name"] in joined) for each in found["network"]),
        *(_image(name, each, used=each["Id"] in in_use) for each in found["image"] if (name := _own(each))),
    )


def volume_projects(repository: str) -> tuple[str, ...]:
    """The compose projects of sandboxes, by a repository's id, that have volumes.

    Raises:
        ToolError: docker can't be asked.
    """
    labels = {naming.LABEL_REPOSITORY: repository, naming.LABEL_ROLE: "sandbox"}
    chosen = [f"--filter=label={key}={value}" for key, value in labels.items()]
    listed = docker.ask("volume", "ls", "--format", f'{{{{.Label "{docker.PROJECT}"}}}} {{{{.Name}}}}', *chosen)
    pairs = [line.partition(" ")[::2] for line in listed.splitlines()]
    return tuple(dict.fromkeys(project for project, name in pairs if naming.is_own(project, name)))


def volumes_of(project: str) -> tuple[str, ...]:
    """Names of the volumes of a compose project, such as have a name of their own among them.

    Raises:
        ToolError: docker can't be asked.
    """
    return tuple(docker.ask("volume", "ls", "--quiet", f"--filter=label={docker.PROJECT}={project}").split())


def by_hand() -> tuple[str, ...]:
    """Names of volumes that a set-up by hand calls so."""
    return tuple(filter(_BY_HAND.fullmatch, docker.ask("volume", "ls", "--quiet").split()))


def sized(found: Iterable[Holding]) -> tuple[Holding, ...]:
    """The same, with the bytes that go when each goes alone (slow): layers that other images have too don't count."""
    used = json.loads(docker.ask("system", "df", "--verbose", "--format", "{{json .}}"))
    sizes = {("volume", each["Name"]): each["Size"] for each in used["Volumes"] or ()}
    sizes |= {("image", f"{each['Repository']}:{each['Tag']}"): each["UniqueSize"] for each in used["Images"] or ()}
    sizes |= {("image", each["ID"]): each["UniqueSize"] for each in used["Images"] or ()}
    sizes |= {("container", each["ID"]): each["Size"].partition(" ")[0] for each in used["Containers"] or ()}
    return tuple(replace(each, size=_size(sizes, each)) for each in found)


def volume_bytes() -> dict[str, int]:
    """Bytes in the volumes of each compose project, as the engine counts them (slow)."""
    sizes: dict[str, int] = {}
    for volume in json.loads(docker.ask("system", "df", "--verbose", "--format", "{{json .Volumes}}")):
        labels = dict(label.partition("=")[::2] for label in volume["Labels"].split(","))
        if project := labels.get(docker.PROJECT):
            sizes[project] = sizes.get(project, 0) + _parse_bytes(volume["Size"])
    return sizes


def _size(sizes: Mapping[tuple[str, str], str], holding: Holding) -> int | None:
    text = sizes.get((holding.kind, holding.id)) or sizes.get((holding.kind, holding.id[:12]))
    return _parse_bytes(text) if text else None


def _parse_bytes(text: str) -> int:
    """How many bytes docker's own way of writing a size means, such as `1.3GB`; 0 for what is none."""
    match = re.fullmatch(r"([0-9.]+)([kMGT]?)B", text)
    units = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
    return int(float(match[1]) * units[match[2]]) if match else 0


def remove(found: Iterable[Holding]) -> None:
    """Remove each; what is gone by now is fine.

    Raises:
        ToolError: docker refused, such as a volume that somebody uses.
    """
    ordered = sorted(found, key=lambda each: ("container", "network", "volume", "image").index(each.kind))
    for holding in ordered:
        docker.remove(holding.kind, holding.id, running=holding.running)


def _labelled(kind: str, label: str) -> list[dict[str, Any]]:
    """What docker knows of each with a label; those that go in this moment are left out."""
    names = sorted(set(docker.ask(kind, *_LIST[kind], "--filter", f"label={label}").split()))
    if not names:
        return []
    found: list[dict[str, Any]] = json.loads(docker.ask(kind, "inspect", *names, lenient=True) or "[]")
    return found


def _is_ours(labels: Mapping[str, str]) -> bool:
    """Whether compose or wt made the container: what a user runs of a sandbox's image has the image's labels, too."""
    return docker.NUMBER in labels or labels.get(naming.LABEL_ROLE) in naming.PASSING


def _container(data: dict[str, Any]) -> Holding:
    config, state = data["Config"], data["State"]["Status"]
    alive = state in {"running", "paused", "restarting"}
    known = _known(config["Labels"], data["Created"])
    return Holding("container", data["Id"], data["Name"].removeprefix("/"), **known, running=alive, used=alive)


def _volume(data: dict[str, Any], *, used: bool) -> Holding:
    return Holding("volume", data["Name"], data["Name"], **_known(data["Labels"], data.get("CreatedAt")), used=used)


def _network(data: dict[str, Any], *, used: bool) -> Holding:
    return Holding("network", data["Id"], data["Name"], **_known(data["Labels"], data["Created"]), used=used)


def _own(data: dict[str, Any]) -> str | None:
    return docker.own_image(data["Id"], data["RepoTags"], data["Config"]["Labels"])


def _image(name: str, data: dict[str, Any], *, used: bool) -> Holding:
    known, outdated = _known(data["Config"]["Labels"], data["Created"]), not data["RepoTags"]
    return Holding("image", name, name.removeprefix("sha256:")[:64], **known, used=used, outdated=outdated)


def _known(labels: dict[str, str], created: str | None) -> dict[str, Any]:
    values: dict[str, Any] = {field: labels.get(label, "") for field, label in _LABELS.items()}
    place = values["common_dir"]
    return values | {"common_dir": Path(place) if place.startswith("/") else None, "created": _moment(created)}


def _moment(text: str | None) -> datetime | None:
    """What RFC 3339 says, nanoseconds left out; None for what is no time."""
    try:
        return datetime.fromisoformat(re.sub(r"\.\d+", "", text or ""))
    except ValueError:
        return None
