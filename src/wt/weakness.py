"""What a compose project weakens: pure, from what compose makes of its files."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from wt import naming
from wt.config import FILE, Allow
from wt.errors import Refused

# How many files the volume at /tmp may have.
TMP_FILES = 65536
SERVICE, GUARD, PROXY = "app", "guard", "docker-proxy"
# What wt sets beside a sandbox, and never ends by itself.
BESIDE = (GUARD, PROXY)
# Whom `[allow]` names a service of the shared services' file as.
SHARED = "shared/"

_REASONS = {
    "privileged": "all rights of root on the host",
    "docker_socket": "who talks to docker is root on the host",
    "cap_add": "rights beyond those of an ordinary container",
    "namespaces": "sees what others run, or how the host is connected",
    "security_opt": "a filter of the kernel is switched off, or another one",
    "binds": "files of the host, or ones that configure it",
    "files": "what is outside of .devcontainer enters the sandbox, or configures it",
    "ports": "open to the network that the host is on",
    "volumes": "shared with other projects, or a directory of the host",
    "networks": "not a network of this project's containers alone",
    "settings": "wt does not know that it is harmless",
}

# What changes nothing about the boundary, or is judged where it leads to, as secrets and networks are; `cap_drop` and
# `user` matter for the sandbox alone, see `_lost`.
_SERVICE_KEYS = """
    annotations attach blkio_config cap_drop command configs container_name cpu_count cpu_percent cpu_period cpu_quota
    cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset depends_on develop dns dns_opt dns_search domainname entrypoint
    env_file environment expose extends external_links extra_hosts healthcheck hostname image init labels links logging
    mac_address mem_limit mem_reservation mem_swappiness memswap_limit pids_limit platform profiles pull_policy
    read_only restart scale secrets shm_size stdin_open stop_grace_period stop_signal storage_opt tmpfs tty user
    working_dir
"""
_BUILD_KEYS = """
    args cache_from dockerfile_inline extra_hosts isolation labels no_cache platforms provenance pull sbom secrets
    shm_size tags target ulimits
"""
_HARMLESS, _HARMLESS_BUILD = frozenset(_SERVICE_KEYS.split()), frozenset(_BUILD_KEYS.split())
_LOOPBACK = re.compile(r"127(\.[0-9]{1,3}){3}|::1|\[::1\]")
SOCKETS = {"docker.sock", "containerd.sock", "podman.sock", "crio.sock"}
NO_NEW_PRIVILEGES = {"no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"}


@dataclass(frozen=True)
class Weakness:
    """One setting that opens the sandbox, or the host.

    Attributes:
        kind: the key in `[allow]`.
        name: the value there: the service, and what of it.
        path: what it is about on the host, if it is about that.
    """

    kind: str
    name: str
    path: str | None = None


@dataclass(frozen=True)
class Ground:
    """What belongs to a project whatever its files say.

    Attributes:
        project: its name.
        workspace: the worktree.
        home: the user's home directory.
        mounts: what wt itself mounts: service, source, target, and whether it is read-only.
        files: what wt itself has compose read.
        network: that of all sandboxes of the repository.
        volumes: what wt itself has a driver make, in full, by the key in its file.
        shared: whether it is that of the shared services, which has no sandbox.
    """

    project: str
    workspace: Path
    home: Path
    mounts: frozenset[tuple[str, str, str, bool]]
    files: frozenset[str]
    network: str
    volumes: Mapping[str, Mapping[str, Any]]
    shared: bool


def ground(
    values: Mapping[str, str],
    protect: Sequence[str],
    hide: Sequence[str] = (),
    *,
    shared: bool = False,
    docker_api: bool = False,
) -> Ground:
    """What belongs to the project of a sandbox, or of the shared services.

    Args:
        values: of `.env`.
        protect: what is mounted read-only over the workspace besides what always is.
        hide: what is empty in it.
        shared: of the shared services.
        docker_api: whether wt itself mounts the engine's socket, for what stands before it.
    """
    workspace, common_dir = values["LOCAL_WORKSPACE_FOLDER"], values["GIT_COMMON_DIR"]
    sandbox = [
        (workspace, "/app", False),
        (values["WT_DOT_GIT"], "/app/.git", values["WT_DOT_GIT_RO"] == "true"),
        (values["WT_GIT_DIR"], "/wt/repo.git", False),
        (f"{common_dir}/objects", "/wt/objects", True),
        (values["WT_LFS"], "/wt/lfs", True),
        (values["WT_HOST_GIT"], "/wt/host.git", True),
        (f"{common_dir}/refs", "/wt/host.git/refs", True),
        (f"{workspace}/.claude-docker", "/home/vscode/.claude-docker", False),
        *((f"{workspace}/{path}", f"/app/{path}", True) for path in (*naming.PROTECTED, *protect)),
        *(
            (f"{workspace}/{path}", f"/app/{path}", False)
            for path in naming.around((*naming.PROTECTED, *protect), hide)
        ),
    ]
    guard = [(common_dir, "/host", True), (values["WT_HOST_GIT"], "/view", False)]
    proxy = [(values["WT_DOCKER_SOCKET"], "/var/run/docker.sock", True)] if docker_api else []
    ours = {SERVICE: sandbox, GUARD: guard, PROXY: proxy}
    mounts = [(service, *each) for service, some in ours.items() for each in some]
    return Ground(
        values["WT_SHARED_PROJECT" if shared else "COMPOSE_PROJECT_NAME"],
        Path(workspace),
        Path(values["HOST_HOME"]),
        frozenset() if shared else frozenset(mounts),
        frozenset({values["WT_CA_BUNDLE"]}),
        values["WT_NETWORK"],
        {} if shared else {"tmp": _tmp(values["COMPOSE_PROJECT_NAME"], values["WT_TMP"])},
        shared,
    )


def _tmp(project: str, size: str) -> Mapping[str, Any]:
    """The volume that app and guard have as `/tmp`; nothing of the host is in it."""
    options = f"mode=1777,nosuid,nodev,nr_inodes={TMP_FILES},size={size}"
    return {"name": f"{project}_tmp-{size}", "driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": options}}


def found(data: Mapping[str, Any], ground: Ground) -> tuple[Weakness, ...]:
    """All that a project weakens.

    Args:
        data: what `docker compose config --format json` prints.
        ground: what belongs to it anyway.
    """
    services = data.get("services") or {}
    rows = [each for name, service in services.items() for each in _service(name, service or {}, ground)]
    if not ground.shared:
        rows += _lost(services.get(SERVICE) or {}, ground)
        rows += [each for name in BESIDE for each in _idle(name, services.get(name) or {}, ground)]
    return tuple(dict.fromkeys([*rows, *_volumes(data, ground), *_networks(data, ground), *_files(data, ground)]))


def refuse(found: Sequence[Weakness], allow: Allow, source: str) -> None:
    """Refuse what is not allowed by name.

    Args:
        found: all that a project weakens.
        allow: what `wt.toml` allows.
        source: the file that says so, as people know it.

    Raises:
        Refused: with the lines that would allow it.
    """
    rows = {each.name: [*getattr(allow, each.name)] for each in fields(allow)}
    refused = [each for each in found if each.name not in rows[each.kind]]
    if not refused:
        return
    kinds = dict.fromkeys(each.kind for each in refused)
    names = {kind: [*rows[kind], *(each.name for each in refused if each.kind == kind)] for kind in kinds}
    raise Refused(
        f"{source} would weaken what wt promises",
        hint=f"change it there, or put these lines below [allow] in {FILE}",
        details=tuple(
            f"{kind} = {json.dumps(each, ensure_ascii=False)}  # {_REASONS[kind]}" for kind, each in names.items()
        ),
    )


def file(service: str, path: Path, ground: Ground) -> Iterator[Weakness]:
    """What compose reads for a service, a file or a directory: an agent must not have written it."""
    if str(path) not in ground.files and not _configures(path, ground):
        yield _weakness("files", service, _shown(path, ground), ground, str(path))


def _service(name: str, service: Mapping[str, Any], ground: Ground) -> Iterator[Weakness]:
    for key, value in service.items():
        if key in _JUDGES:
            yield from _JUDGES[key](name, value, ground)
        elif value not in (None, False, "", [], {}) and key not in _HARMLESS and not key.startswith("x-"):
            yield _weakness("settings", name, key, ground)


def _lost(service: Mapping[str, Any], ground: Ground) -> Iterator[Weakness]:
    """What compose.wt.yml gives to the sandbox, and is not there any more."""
    if "ALL" not in (service.get("cap_drop") or ()):
        yield _weakness("settings", SERVICE, "cap_drop", ground)
    if not NO_NEW_PRIVILEGES & {*(service.get("security_opt") or ())}:
        yield _weakness("security_opt", SERVICE, "no-new-privileges", ground)
    user = str(service.get("user") or "0").partition(":")[0]
    if user in {"root", "0"} or not user.strip("0"):
        yield _weakness("settings", SERVICE, "user", ground)


def _idle(name: str, service: Mapping[str, Any], ground: Ground) -> Iterator[Weakness]:
    """What keeps one from its work that stands beside a sandbox, or from saying that it does not work."""
    if 0 in (service.get("scale"), (service.get("deploy") or {}).get("replicas")):
        yield _weakness("settings", name, "scale", ground)
    check = service.get("healthcheck") or {}
    if check.get("disable") or "NONE" in (check.get("test") or ()):
        yield _weakness("settings", name, "healthcheck", ground)


def _privileged(name: str, value: object, ground: Ground) -> Iterator[Weakness]:
    if value:
        yield _weakness("privileged", name, "", ground)


def _hooks(name: str, value: Any, ground: Ground) -> Iterator[Weakness]:
    """Commands that are run in the container when it starts or ends."""
    yield from _privileged(name, any((each or {}).get("privileged") for each in value or ()), ground)
    if any("user" in (each or {}) for each in value or ()):
        yield _weakness("settings", name, "hook user", ground)


def _cap_add(name: str, value: Any, ground: Ground) -> Iterator[Weakness]:
    for each in value or ():
        yield _weakness("cap_add", name, str(each).upper().removeprefix("CAP_"), ground)


def _namespace(key: str, harmless: Callable[[str], object]) -> Callable[[str, Any, Ground], Iterator[Weakness]]:
    def judge(name: str, value: Any, ground: Ground) -> Iterator[Weakness]:
        mode = str(value or "")
        # In there, what is beside a sandbox could be ended by it.
        among_others = name in BESIDE and mode.startswith("service:")
        if mode and (among_others or not harmless(mode)):
            yield _weakness("namespaces", name, f"{key}={mode}", ground)

    return judge


def _of_another(mode: str) -> bool:
    """That of a container of the same project, but of none beside the sandbox."""
    kind, _, service = mode.partition(":")
    return kind == "service" and service not in BESIDE


def _own_network(mode: str) -> bool:
    return mode in {"none", "bridge", "default"} or _of_another(mode)


def _security_opt(name: str, value: Any, ground: Ground) -> Iterator[Weakness]:
    for each in value or ():
        if each not in NO_NEW_PRIVILEGES:
            yield _weakness("security_opt", name, str(each), ground)


def _ports(name: str, value: Any, ground: Ground) -> Iterator[Weakness]:
    for each in value or ():
        if not _LOOPBACK.fullmatch(str(each.get("host_ip") or "")):
            yield _weakness("ports", name, str(each.get("published") or each.get("target")), ground)


def _mounts(name: str, value: Any, ground: Ground) -> Iterator[Weakness]:
    for each in value or ():
        kind, source, target = each.get("type"), str(each.get("source") or ""), str(each.get("target"))
        read_only = bool(each.get("read_only"))
        if kind == "bind":
            ours = (name, source, target, read_only) in ground.mounts
            if not ours and not (read_only and _configures(Path(source), ground)):
                path = Path(source)
                socket = "docker_socket" if path.name in SOCKETS else "binds"
                yield _weakness(socket, name, "" if socket != "binds" else _shown(path, ground), ground, source)
        elif kind not in {"volume", "tmpfs", "image"}:
            yield _weakness("settings", name, f"{kind} {target}", ground)


def _build(name: str, value: Any, ground: Ground) -> Iterator[Weakness]:
    build: Mapping[str, Any] = {"context": value} if isinstance(value, str) else value or {}
    context = str(build.get("context") or ".")
    places = [context, *map(str, (build.get("additional_contexts") or {}).values())]
    if context.startswith("/") and build.get("dockerfile"):
        places.append(os.path.normpath(os.path.join(context, str(build["dockerfile"]))))  # noqa: PTH118 - may be absolute
    for place in places:
        # The others are addresses, images and services.
        if place.startswith("/"):
            yield from file(name, Path(place), ground)
    if build.get("network") == "host":
        yield _weakness("namespaces", name, "build network=host", ground)
    yield from _privileged(name, build.get("privileged"), ground)
    judged = {"context", "additional_contexts", "dockerfile", "network", "privileged"}
    for key, each in build.items():
        if key not in _HARMLESS_BUILD | judged and not key.startswith("x-") and each not in (None, False, "", [], {}):
            yield _weakness("settings", name, f"build {key}", ground)


def _deploy(name: str, value: Any, ground: Ground) -> Iterator[Weakness]:
    resources = (value or {}).get("resources") or {}
    if any((resources.get(kind) or {}).get("devices") for kind in ("limits", "reservations")):
        yield _weakness("settings", name, "deploy devices", ground)


def _joins(name: str, value: Any, ground: Ground) -> Iterator[Weakness]:
    places = [key for key, each in (value or {}).items() if (each or {}).get("driver_opts")]
    yield from (_weakness("settings", name, f"driver_opts {key}", ground) for key in places)


def _ulimits(name: str, value: Any, ground: Ground) -> Iterator[Weakness]:
    yield from (_weakness("settings", name, f"ulimits {each}", ground) for each in value or {} if each != "nofile")


_JUDGES: Mapping[str, Callable[[str, Any, Ground], Iterator[Weakness]]] = {
    "build": _build,
    "cap_add": _cap_add,
    "cgroup": _namespace("cgroup", lambda value: value == "private"),
    "deploy": _deploy,
    "ipc": _namespace("ipc", lambda value: value in {"private", "shareable", "none"} or _of_another(value)),
    "network_mode": _namespace("network_mode", _own_network),
    "networks": _joins,
    "pid": _namespace("pid", _of_another),
    "ports": _ports,
    "post_start": _hooks,
    "pre_stop": _hooks,
    "privileged": _privileged,
    "security_opt": _security_opt,
    "ulimits": _ulimits,
    "userns_mode": _namespace("userns_mode", lambda _: False),
    "uts": _namespace("uts", lambda _: False),
    "volumes": _mounts,
}


def _volumes(data: Mapping[str, Any], ground: Ground) -> Iterator[Weakness]:
    """Nothing writable is shared, but by the shared services; a driver can make a directory of the host of it."""
    for name, each in (data.get("volumes") or {}).items():
        volume = {key: value for key, value in (each or {}).items() if key != "labels"}
        if volume == ground.volumes.get(name):
            continue
        own = volume.get("name", f"{ground.project}_{name}") == f"{ground.project}_{name}"
        if volume.get("external") or not own or volume.get("driver") not in (None, "", "local"):
            yield Weakness("volumes", _prefixed(name, ground))
        elif volume.get("driver_opts"):
            device = (volume["driver_opts"] or {}).get("device")
            yield Weakness("volumes", _prefixed(name, ground), str(device) if device else None)


def _networks(data: Mapping[str, Any], ground: Ground) -> Iterator[Weakness]:
    for key, each in (data.get("networks") or {}).items():
        network = each or {}
        # What drives an external one is not said here.
        elsewhere = network.get("external") and network.get("name") != ground.network
        odd = network.get("driver_opts") or network.get("driver") not in (None, "", "bridge")
        if elsewhere or odd or network.get("name") == "host":
            yield Weakness("networks", key)


def _files(data: Mapping[str, Any], ground: Ground) -> Iterator[Weakness]:
    for kind in ("secrets", "configs"):
        for name, each in (data.get(kind) or {}).items():
            if source := (each or {}).get("file"):
                yield from file(name, Path(source), ground)


def _configures(path: Path, ground: Ground) -> bool:
    """Whether it is what the user has approved: `.devcontainer` itself, or in it."""
    # Where `..` leads, a symlink in there can change.
    return ".." not in path.parts and path.is_relative_to(ground.workspace / ".devcontainer")


def _shown(path: Path, ground: Ground) -> str:
    """As it is for everybody who has the repository."""
    path = Path(os.path.normpath(path))
    if path.is_relative_to(ground.workspace):
        return str(path.relative_to(ground.workspace))
    return f"~/{path.relative_to(ground.home)}" if path.is_relative_to(ground.home) else str(path)


def _weakness(kind: str, service: str, what: str, ground: Ground, path: str | None = None) -> Weakness:
    return Weakness(kind, _prefixed(f"{service}:{what}" if what else service, ground), path)


def _prefixed(name: str, ground: Ground) -> str:
    return f"{SHARED}{name}" if ground.shared else name
