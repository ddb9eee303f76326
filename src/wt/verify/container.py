"""What the engine was told of the containers: asked on the host, where nothing inside has a say."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wt import naming
from wt.model import Check
from wt.verify.answers import judged
from wt.verify.target import Target, bind_source
from wt.weakness import BESIDE, GUARD, NO_NEW_PRIVILEGES, PROXY

_TRIED = "docker inspect"
_NAMESPACES = {
    "NetworkMode": "network",
    "PidMode": "pid",
    "IpcMode": "ipc",
    "UsernsMode": "user",
    "UTSMode": "uts",
    "CgroupnsMode": "cgroup",
}
# What an engine gives to every container, and each may have in another way.
_GIVEN = {"Runtime": "runtime", "CgroupParent": "control group"}
# Those of the others are that of `.env`; root without rights may talk to the engine's socket.
_USERS = {PROXY: "root"}
_VOLUMES = {GUARD: ("/tmp",), PROXY: ("/run/docker-api",)}  # noqa: S108 - in a container
_SOCKET = "/var/run/docker.sock"
_LOOPBACK = ("127.", "::1")

Inspected = Mapping[str, Any]


def checks(target: Target) -> Iterator[Check]:
    """The container that people work in, then those that stand beside it."""
    app, settings = target.app, _settings(target.app)
    yield judged("container: configuration", _TRIED, _configuration(target), "as .env has it", "wt up makes it anew")
    yield judged(
        "container: privileges", _TRIED, _privileges(target, settings), "none are added, all capabilities dropped"
    )
    yield judged("container: filters", _TRIED, _filters(settings), "no-new-privileges, and the engine's own filters")
    yield judged("container: namespaces", _TRIED, _namespaces(target, settings), "none of the host's")
    yield judged("container: devices", _TRIED, _devices(settings), "none")
    yield judged("container: ports", _TRIED, _ports(settings), "none but on the loopback address")
    yield judged(
        "container: user", _TRIED, _user(target, app), f"{target.values.get('WT_UID')}:{target.values.get('WT_GID')}"
    )
    yield judged("container: log", _TRIED, _log(settings), f"{_log_driver(settings)}, which does not fill the disk")
    for service in BESIDE:
        if service in target.services:
            yield judged(
                f"service: {service}",
                _TRIED,
                _helper(target, service),
                "it runs as it should, with no rights, mounts or limits but its own",
                "wt up",
            )


def _settings(found: Inspected) -> Inspected:
    return found.get("HostConfig") or {}


def _configuration(target: Target) -> Iterator[str]:
    """What is attacked would not be what the files say."""
    labels = (target.app.get("Config") or {}).get("Labels") or {}
    if labels.get(naming.LABEL_CONFIG) != target.values.get("WT_CONFIG"):
        yield "it was made with another configuration than .env has"


def _privileges(target: Target, settings: Inspected) -> Iterator[str]:
    if settings.get("Privileged"):
        yield "privileged"
    yield from (f"added: {each}" for each in settings.get("CapAdd") or ())
    if "ALL" not in (settings.get("CapDrop") or ()):
        yield "not all capabilities are dropped"
    if (settings.get("OomScoreAdj") or 0) < 0 or settings.get("OomKillDisable"):
        yield "others are ended before it where memory runs out"
    yield from (f"sysctl: {each}" for each in settings.get("Sysctls") or ())
    for key, name in _GIVEN.items():
        if settings.get(key) != target.usual.get(key):
            yield f"{name}: {settings.get(key)}"


def _filters(settings: Inspected) -> Iterator[str]:
    options: Sequence[str] = settings.get("SecurityOpt") or ()
    if not NO_NEW_PRIVILEGES & {*options}:
        yield "no-new-privileges is not set"
    yield from (each for each in options if each not in NO_NEW_PRIVILEGES)
    if not settings.get("MaskedPaths") or not settings.get("ReadonlyPaths"):
        yield "paths of the kernel are not masked"


def _namespaces(target: Target, settings: Inspected) -> Iterator[str]:
    for key, name in _NAMESPACES.items():
        mode = str(settings.get(key) or "")
        if (mode == "host" and target.usual.get(key) != mode) or (
            mode.startswith("container:") and key != "NetworkMode"
        ):
            yield f"{name}: {mode}"


def _devices(settings: Inspected) -> Iterator[str]:
    for each in settings.get("Devices") or ():
        yield str(each.get("PathOnHost"))
    for key in ("DeviceCgroupRules", "DeviceRequests"):
        if settings.get(key):
            yield key


def _ports(settings: Inspected) -> Iterator[str]:
    if settings.get("PublishAllPorts"):
        yield "all are published"
    for port, bindings in (settings.get("PortBindings") or {}).items():
        for each in bindings or ():
            if not str(each.get("HostIp") or "").startswith(_LOOPBACK):
                yield f"{port} on {each.get('HostIp') or 'every address'}"


def _user(target: Target, found: Inspected) -> Iterator[str]:
    user = str((found.get("Config") or {}).get("User") or "root")
    if user != f"{target.values.get('WT_UID')}:{target.values.get('WT_GID')}" or user.split(":")[0].strip("0") == "":
        yield user


def _log_driver(settings: Inspected) -> str:
    return str((settings.get("LogConfig") or {}).get("Type"))


def _log(settings: Inspected) -> Iterator[str]:
    """This one alone keeps all that was ever said on this machine, where it is not told how much."""
    if _log_driver(settings) == "json-file" and "max-size" not in (settings["LogConfig"].get("Config") or {}):
        yield "json-file without max-size"


def _helper(target: Target, service: str) -> Iterator[str]:
    found = target.helpers.get(service)
    if found is None:
        yield "there is none"
        return
    settings, state = _settings(found), found.get("State") or {}
    if state.get("Status") != "running":
        yield f"it is {state.get('Status') or 'not there'}"
    yield from (*_privileges(target, settings), *_namespaces(target, settings))
    yield from (*_filters(settings), *_devices(settings))
    if settings.get("NetworkMode") != "none":
        yield f"network: {settings.get('NetworkMode')}"
    if not settings.get("ReadonlyRootfs"):
        yield "its file system can be written to"
    user = str((found.get("Config") or {}).get("User") or "root")
    if user != (wanted := _USERS.get(service) or f"{target.values.get('WT_UID')}:{target.values.get('WT_GID')}"):
        yield f"user: {user}, not {wanted}"
    yield from (*_limits(settings), *_log(settings), *_mounts(target, service, found))


def _limits(settings: Inspected) -> Iterator[str]:
    """-1 is what an engine says that can't count swap."""
    memory, processes = settings.get("Memory") or 0, settings.get("PidsLimit") or 0
    if memory <= 0:
        yield "no limit on memory"
    elif settings.get("MemorySwap") not in (memory, -1):
        yield "swap besides memory"
    if processes <= 0:
        yield "no limit on processes"
    if not any(each.get("Name") == "nofile" for each in settings.get("Ulimits") or ()):
        yield "no limit on open files"


def _mounts(target: Target, service: str, found: Inspected) -> Iterator[str]:
    """What of the host it has, and which volume of the sandbox's."""
    sources = {place: (source, read_only) for source, place, read_only in target.mounts_of(service)}
    app = {str(each["Destination"]): each.get("Name") for each in target.app.get("Mounts") or ()}
    wanted = sources | {place: (app.get(place), False) for place in _VOLUMES[service]}
    made = {str(each["Destination"]): _mount(each) for each in found.get("Mounts") or ()}
    # On some engines the socket that it gets is another one of the same machine's.
    if service == PROXY and made.get(_SOCKET, ("", False))[0].endswith(".sock"):
        wanted[_SOCKET] = (made[_SOCKET][0], True)
    yield from (f"mount: {place} is missing" for place in sorted(wanted.keys() - made.keys()))
    for place, mount in sorted(made.items()):
        if place not in wanted:
            yield f"mount: {place} from {mount[0]}"
        elif mount != wanted[place]:
            yield f"mount: {place} from {mount[0]}, {'read-only' if mount[1] else 'writable'}"


def _mount(each: Inspected) -> tuple[str, bool]:
    """Its source on the host, or the name of its volume; and whether it is read-only."""
    return bind_source(each) or str(each.get("Name")), not each["RW"]
