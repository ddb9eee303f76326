"""What the engine was told of the containers: asked on the host, where nothing inside has a say."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wt import naming
from wt.model import Check
from wt.verify.answers import judged
from wt.verify.target import Target
from wt.weakness import BESIDE, NO_NEW_PRIVILEGES

_TRIED = "docker inspect"
_NAMESPACES = {"NetworkMode": "network", "PidMode": "pid", "IpcMode": "ipc", "UsernsMode": "user", "UTSMode": "uts"}
_LOOPBACK = ("127.", "::1")

Inspected = Mapping[str, Any]


def checks(target: Target) -> Iterator[Check]:
    """The container that people work in, then those that stand beside it."""
    app, settings = target.app, _settings(target.app)
    yield judged("container: configuration", _TRIED, _configuration(target), "as .env has it", "wt up makes it anew")
    yield judged("container: privileges", _TRIED, _privileges(settings), "none are added, all capabilities dropped")
    yield judged("container: filters", _TRIED, _filters(settings), "no-new-privileges, and the engine's own filters")
    yield judged("container: namespaces", _TRIED, _namespaces(settings), "none of the host's")
    yield judged("container: devices", _TRIED, _devices(settings), "none")
    yield judged("container: ports", _TRIED, _ports(settings), "none but on the loopback address")
    yield judged(
        "container: user", _TRIED, _user(target, app), f"{target.values.get('WT_UID')}:{target.values.get('WT_GID')}"
    )
    for service in BESIDE:
        if service in target.services:
            yield judged(
                f"service: {service}",
                _TRIED,
                _helper(target, service),
                "it runs, and has no rights of its own",
                "wt up",
            )


def _settings(found: Inspected) -> Inspected:
    return found.get("HostConfig") or {}


def _configuration(target: Target) -> Iterator[str]:
    """What is attacked would not be what the files say."""
    labels = (target.app.get("Config") or {}).get("Labels") or {}
    if labels.get(naming.LABEL_CONFIG) != target.values.get("WT_CONFIG"):
        yield "it was made with another configuration than .env has"


def _privileges(settings: Inspected) -> Iterator[str]:
    if settings.get("Privileged"):
        yield "privileged"
    yield from (f"added: {each}" for each in settings.get("CapAdd") or ())
    if "ALL" not in (settings.get("CapDrop") or ()):
        yield "not all capabilities are dropped"


def _filters(settings: Inspected) -> Iterator[str]:
    options: Sequence[str] = settings.get("SecurityOpt") or ()
    if not NO_NEW_PRIVILEGES & {*options}:
        yield "no-new-privileges is not set"
    yield from (each for each in options if each not in NO_NEW_PRIVILEGES)
    if not settings.get("MaskedPaths") or not settings.get("ReadonlyPaths"):
        yield "paths of the kernel are not masked"


def _namespaces(settings: Inspected) -> Iterator[str]:
    for key, name in _NAMESPACES.items():
        mode = str(settings.get(key) or "")
        if mode == "host" or (mode.startswith("container:") and key != "NetworkMode"):
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


def _helper(target: Target, service: str) -> Iterator[str]:
    found = target.helpers.get(service)
    if found is None:
        yield "there is none"
        return
    settings, state = _settings(found), found.get("State") or {}
    if state.get("Status") != "running":
        yield f"it is {state.get('Status') or 'not there'}"
    yield from (*_privileges(settings), *_filters(settings), *_namespaces(settings), *_devices(settings))
    if settings.get("NetworkMode") != "none":
        yield f"network: {settings.get('NetworkMode')}"
    if not settings.get("ReadonlyRootfs"):
        yield "its file system can be written to"
