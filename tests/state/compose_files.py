"""What compose makes of a project's files: as much of it as the engine in memory needs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wt import envfile
from wt.model import ComposeProject

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\})")


@dataclass(frozen=True)
class Service:
    """One service, its variables filled in.

    Attributes:
        image: its name; that of the project's own where it is built.
        build_labels: labels of the image, None where it is not built.
        binds: directories of the host, with their places in the container.
        volumes: names of the project's volumes, with their places.
        text: all of it, to tell whether it changed.
    """

    name: str
    image: str
    build_labels: Mapping[str, str] | None
    labels: Mapping[str, str]
    networks: tuple[str, ...]
    binds: tuple[tuple[Path, str], ...]
    volumes: tuple[tuple[str, str], ...]
    text: str


@dataclass(frozen=True)
class Files:
    """A project's services and volumes, and which of its networks somebody else makes."""

    services: tuple[Service, ...]
    volumes: Mapping[str, Mapping[str, str]]
    networks: Mapping[str, bool]


def read(project: ComposeProject) -> Files:
    """The files of a project, merged and filled in from its `.env` alone."""
    data = _data(project)
    networks = {key: (each or {}) for key, each in (data.get("networks") or {}).items()}
    names = {key: each.get("name") or f"{project.name}_{key}" for key, each in networks.items()}
    volumes = _named(project, data)
    places = {key: str(each["name"]) for key, each in volumes.items()}
    services = tuple(_service(project.name, name, each, names, places) for name, each in data["services"].items())
    if any(f"{project.name}_default" in service.networks for service in services):
        networks["default"], names["default"] = {}, f"{project.name}_default"
    labels = {places[key]: each.get("labels") or {} for key, each in volumes.items()}
    return Files(services, labels, {names[key]: bool(each.get("external")) for key, each in networks.items()})


def resolved(project: ComposeProject) -> Mapping[str, Any]:
    """The same as `docker compose config` prints it, as far as `wt.weakness` looks at it."""
    data = _data(project)
    services = {
        name: each | {"volumes": _mounts(each), "networks": _joined(each)} for name, each in data["services"].items()
    }
    return {**data, "services": services, "volumes": _named(project, data)}


def _named(project: ComposeProject, data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The volumes, each with its name."""
    found = (data.get("volumes") or {}).items()
    return {key: {"name": f"{project.name}_{key}", **(each or {})} for key, each in found}


def _data(project: ComposeProject) -> dict[str, Any]:
    values = envfile.read(project.env_file.read_text())
    data: dict[str, Any] = {}
    for file in project.files:
        data = _merged(data, _filled(yaml.safe_load(file.read_text()), values))
    return data


def _joined(service: Mapping[str, Any]) -> Mapping[str, Any]:
    found = service.get("networks") or {}
    return found if isinstance(found, dict) else dict.fromkeys(found)


def _mounts(service: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    mounts = [_mount(each) for each in service.get("volumes") or ()]
    return [{**each, "read_only": each.get("read_only") in (True, "true")} for each in mounts]


def _service(
    project: str, name: str, data: Mapping[str, Any], networks: Mapping[str, str], volumes: Mapping[str, str]
) -> Service:
    mounts = [_mount(each) for each in data.get("volumes") or ()]
    joined = tuple(networks[each] for each in data.get("networks") or ()) or (f"{project}_default",)
    build = data.get("build")
    return Service(
        name,
        data.get("image") or f"{project}-{name}",
        None if build is None else build.get("labels") or {},
        data.get("labels") or {},
        joined,
        tuple((Path(each["source"]), each["target"]) for each in mounts if each["type"] == "bind"),
        tuple((volumes[each["source"]], each["target"]) for each in mounts if each["type"] == "volume"),
        repr(data),
    )


def _mount(mount: Any) -> Mapping[str, Any]:
    """A mount in the long form, or a named volume in the short one."""
    if not isinstance(mount, str):
        return dict(mount)
    source, _, target = mount.partition(":")
    return {"type": "volume", "source": source, "target": target}


def _filled(data: Any, values: Mapping[str, str]) -> Any:
    if isinstance(data, dict):
        return {key: _filled(value, values) for key, value in data.items()}
    if isinstance(data, list):
        return [_filled(each, values) for each in data]
    if not isinstance(data, str):
        return data

    def value(match: re.Match[str]) -> str:
        return "$" if match["dollar"] else values.get(match["name"]) or match["default"] or ""

    return _VARIABLE.sub(value, data)


def _merged(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return one | {key: _merged(one.get(key), value) for key, value in other.items()}
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *other]
    return one if other is None else other
