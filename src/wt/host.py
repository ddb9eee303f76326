"""Names what is wrong with the host itself, and the command that mends it; pure."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wt import versions
from wt.errors import ToolError
from wt.model import Finding

GIB = 1024**3
# Less free space, or fewer free inodes, than an image and its packages take.
_SCARCE_BYTES, _SCARCE_INODES = GIB, 10_000
# What aims plain git, compose and an editor at something else than the directory they are called in.
_AIMING = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
    *("COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES", "COMPOSE_ENV_FILES", "COMPOSE_DISABLE_ENV_FILE"),
}
# In `.env`, and of another meaning outside of it: compose can't do without the first two, wt itself reads the third.
_BOTH = {"PATH", "HOME", "WT_CA_BUNDLE"}
_LISTENS = re.compile(r"API is accessible on (https?://\S+) without")
_LOOPBACK = re.compile(r"localhost|127\.[\d.]+|::1")
# Each address of a machine, and the machine itself to who calls it.
_ANY = {"0.0.0.0", "::"}  # noqa: S104 - nothing listens here


@dataclass(frozen=True)
class Engine:
    """What an engine says of itself.

    Attributes:
        version: of the engine.
        vendor: who built it, as far as that is said; a distribution says nothing.
        runc: version of what starts containers.
        warnings: what it warns of.
        unlimited: of which things it can't limit a container's use.
        filtered: whether it filters a container's system calls where nothing else is asked for.
        directory: where it keeps its data, on the machine that it runs on.
    """

    version: str
    vendor: str = ""
    runc: str = ""
    warnings: tuple[str, ...] = ()
    unlimited: tuple[str, ...] = ()
    filtered: bool = True
    directory: Path | None = None


@dataclass(frozen=True)
class Disk:
    """What is free on the disk that a path lies on; inodes are None where the file system does not count them."""

    path: Path
    bytes: int
    inodes: int | None


@dataclass(frozen=True)
class Host:
    """What was observed of the machine and its user.

    Attributes:
        git: what git says of its version; None where there is none.
        compose: what compose says of its version; empty where there is none, None where docker can't be started.
        engine: None where it does not answer.
        endpoint: where docker looks for its engine, such as `unix:///var/run/docker.sock`.
        writable: files and directories that any user may change, and whether they belong to this one.
        exported: variables, as they were inherited.
        settings: the values of the `.env` of each worktree.
        disks: those that are written to.
    """

    git: str | None = ""
    compose: str | None = None
    engine: Engine | None = None
    endpoint: str = ""
    writable: Mapping[Path, bool] | None = None
    exported: Mapping[str, str] | None = None
    settings: tuple[Mapping[str, str], ...] = ()
    disks: tuple[Disk, ...] = ()


def findings(host: Host) -> tuple[Finding, ...]:
    """All that is wrong with a host."""
    looks: tuple[Callable[[Host], Iterator[Finding]], ...] = (
        _programs,
        _endpoint,
        _engine,
        _rights,
        _variables,
        _disks,
    )
    return tuple(found for look in looks for found in look(host))


def local_socket(endpoint: str) -> Path | None:
    """The socket of an engine that is reached by one."""
    return Path(endpoint.removeprefix("unix://")) if endpoint.startswith("unix://") else None


def _programs(host: Host) -> Iterator[Finding]:
    if host.git is None:
        hint = "install git 2.34 or newer: https://git-scm.com/downloads"
        yield Finding("no git", None, "git is not installed, or not on PATH", None, hint)
    if host.compose == "":
        hint = "install it: https://docs.docker.com/compose/install/"
        yield Finding("no compose", None, "docker has no compose plug-in", None, hint)
    engine = host.engine.version if host.engine else ""
    for program, said in {"git": host.git, "Docker Engine": engine, "Docker Compose": host.compose}.items():
        try:
            versions.require(program, said or "")
        except ToolError as error:
            yield Finding("too old", None, error.message, None, error.hint)


def _endpoint(host: Host) -> Iterator[Finding]:
    """An engine elsewhere; a loopback address may be the end of a virtual machine's wire."""
    name = _machine(host.endpoint)
    if name is None or _LOOPBACK.fullmatch(name) or name in _ANY:
        return
    exported = host.exported or {}
    chosen = next((name for name in ("DOCKER_HOST", "DOCKER_CONTEXT") if exported.get(name)), None)
    message = f"the engine is on another machine, {host.endpoint}: it does not see this one's files"
    command = f"unset {chosen}" if chosen else "docker context use default"
    yield Finding("remote engine", None, message, command, "`docker context ls` shows which engines there are")


def _machine(address: str) -> str | None:
    """The machine that an address names, None where it names none."""
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _engine(host: Host) -> Iterator[Finding]:
    if (engine := host.engine) is None:
        return
    for warning in engine.warnings:
        if listens := _LISTENS.search(warning):
            inside = not _LOOPBACK.fullmatch(_machine(listens[1]) or "")
            whoever = f"every program of this machine{', and every sandbox that reaches it' if inside else ''}"
            message = f"the engine obeys whoever calls {listens[1]}: {whoever}"
            hint = "take that address out of `hosts` in daemon.json, or of dockerd's command line"
            yield Finding("open engine", None, message, None, hint)
    if not engine.filtered:
        message = "the engine filters no system calls: more of the kernel is open to a sandbox"
        hint = "take `seccomp-profile` out of daemon.json, or use another kernel"
        yield Finding("no filter", None, message, None, hint)
    if engine.unlimited:
        message = f"the engine can't limit {' and '.join(engine.unlimited)}: `limits` in wt.toml are not kept"
        hint = "https://docs.docker.com/engine/security/rootless/ says what a rootless engine needs for it"
        yield Finding("no limits", None, message, None, hint)
    yield from _flaws(engine)


def _flaws(engine: Engine) -> Iterator[Finding]:
    """Of programs that Docker built: a distribution mends a flaw without another number."""
    if not engine.vendor.startswith("Docker "):
        return
    desktop = re.match(r"Docker Desktop (\S+)", engine.vendor)
    for program, version in {"Docker Desktop": desktop[1] if desktop else "", "runc": engine.runc}.items():
        for flaw in versions.flaws(program, version):
            message = f"{program} {version} has {flaw.names}: {flaw.means}"
            update = "Docker Desktop" if desktop else "the package containerd.io"
            hint = f"update {update}; mended in {program} {', '.join(flaw.mended)}: {flaw.source}"
            yield Finding("known flaw", None, message, None, hint)


def _rights(host: Host) -> Iterator[Finding]:
    socket = local_socket(host.endpoint)
    for path, ours in (host.writable or {}).items():
        command = f"{'' if ours else 'sudo '}{shlex.join(['chmod', 'o-w', str(path)])}"
        if path == socket:
            message = f"every user of this machine may drive the engine, and so become root: {path}"
            hint = "what opens it at the engine's start has to go, too; a user of docker belongs to the group `docker`"
            yield Finding("open socket", None, message, command, hint)
        else:
            yield Finding("writable", None, f"every user of this machine may change {path}", command)


def _variables(host: Host) -> Iterator[Finding]:
    exported = host.exported or {}
    wins = {name for values in host.settings for name in exported if exported[name] != values.get(name, exported[name])}
    if names := sorted((wins - _BOTH) | (_AIMING & exported.keys())):
        message = f"exported: {', '.join(names)}; wt ignores this, and plain git, docker compose and editors don't"
        hint = "if it comes back, a start file of your shell exports it"
        yield Finding("variables", None, message, f"unset {' '.join(names)}", hint)


def _disks(host: Host) -> Iterator[Finding]:
    hint = "`wt gc` and `docker system df` show what may go"
    for disk in host.disks:
        if disk.bytes < _SCARCE_BYTES:
            yield Finding("disk", None, f"{disk.bytes / GIB:.1f} GiB are free on the disk of {disk.path}", None, hint)
        elif disk.inodes is not None and disk.inodes < _SCARCE_INODES:
            yield Finding("disk", None, f"{disk.inodes} inodes are free on the disk of {disk.path}", None, hint)
