"""`wt verify`: what is made of the answers. Each control holds, fails, and can't be shown where its attack breaks."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unit.nouns import MAIN, REPOSITORY, tree
from wt import docker, garbage, naming, probe, process
from wt.errors import Interrupted, ToolError
from wt.model import Check, Holding, Remote
from wt.verify import answers, docker_api, groups, push, report, siblings, variables, writes
from wt.verify.answers import Answer
from wt.verify.target import Target
from wt.weakness import BESIDE, PROXY

VALUES = {
    "COMPOSE_PROJECT_NAME": "feature-x",
    "LOCAL_WORKSPACE_FOLDER": "/code/feature",
    "GIT_COMMON_DIR": "/code/shop/.git",
    "HOST_HOME": "/home/ada",
    "WT_NETWORK": "shop-dev",
    "WT_UID": "1001",
    "WT_GID": "1002",
    "WT_GIT_DIR": "/s/repo.git",
    "WT_DOT_GIT": "/s/dot-git",
    "WT_DOT_GIT_RO": "true",
    "WT_HOST_GIT": "/s/host.git",
    "WT_LFS": "/s/lfs",
    "WT_CA_BUNDLE": "/dev/null",
    "WT_SHARED_PROJECT": "shared",
    "WT_MEMORY": "9000k",
    "WT_PIDS": "99",
    "WT_TMP": "1g",
    "WT_CONFIG": "c0ffee",
    "WT_DOCKER_SOCKET": "/var/run/docker.sock",
}
HOST_CONFIG = {
    "Privileged": False,
    "CapAdd": None,
    "CapDrop": ["ALL"],
    "SecurityOpt": ["no-new-privileges:true"],
    "NetworkMode": "1234",
    "PidMode": "",
    "IpcMode": "private",
    "UsernsMode": "",
    "CgroupnsMode": "private",
    "Runtime": "runc",
    "CgroupParent": "",
    "OomScoreAdj": 0,
    "OomKillDisable": None,
    "MaskedPaths": ["/proc/kcore"],
    "ReadonlyPaths": ["/proc/sys"],
    "Devices": None,
    "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "80"}]},
    "Memory": 9000 << 10,
    "MemorySwap": 9000 << 10,
    "PidsLimit": 99,
    "Ulimits": [{"Name": "nofile", "Soft": 16384, "Hard": 16384}],
    "LogConfig": {"Type": "local", "Config": {"max-size": "10m"}},
}
HELPER = {
    "State": {"Status": "running"},
    "HostConfig": HOST_CONFIG | {"NetworkMode": "none", "ReadonlyRootfs": True},
}
TMP = {"Type": "volume", "Name": "feature_tmp", "Destination": "/tmp", "RW": True}


def beside(user: str, *mounts: dict[str, Any]) -> dict[str, Any]:
    """What the engine knows of a container that stands beside the sandbox's."""
    return HELPER | {"Config": {"User": user}, "Mounts": [*mounts]}


def bind(source: str, place: str, *, writable: bool = False) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Destination": place, "RW": writable}


SOCKETS = {"Type": "volume", "Name": "feature_docker-api", "Destination": "/run/docker-api", "RW": True}
HELPERS = {
    "guard": beside("1001:1002", bind("/code/shop/.git", "/host"), bind("/s/host.git", "/view", writable=True), TMP),
    "docker-proxy": beside("root", bind("/var/run/docker.sock", "/var/run/docker.sock"), SOCKETS),
}
SIBLING = tree("other")
API = {"type": "volume", "source": "docker-api", "target": "/run/docker-api", "read_only": True}
VOLUMES = [API, {"type": "volume", "source": "store", "target": "/home/vscode/.npm"}]
REMOTES = (Remote("origin", "git@example.com:x.git"), Remote("disk", "/srv/x.git"))


def _target(**changes: Any) -> Target:
    own = naming.project_name(changes.get("worktree", tree()))
    app: dict[str, Any] = {"Name": f"/{own}-app-1", "Id": "a" * 64, "HostConfig": HOST_CONFIG}
    app["Config"] = {"User": "1001:1002", "Labels": {naming.LABEL_CONFIG: "c0ffee"}}
    services = {"app": {"volumes": VOLUMES}} | {name: {} for name in BESIDE}
    target = Target(
        worktree=tree(),
        values=VALUES,
        protect=("secrets",),
        services=services,
        app=app,
        helpers=HELPERS,
        siblings=(SIBLING,),
        volumes=frozenset({"other_store"}),
        remotes=REMOTES,
        foreign=("wt-verify-f", "f" * 64),
        mark="wt-verify-1",
        usual={"CgroupnsMode": "private", "Runtime": "runc", "CgroupParent": ""},
    )
    target = replace(target, **changes)
    mounts = [bind(source, place, writable=not read_only) for source, place, read_only in target.own_mounts]
    mounts += [{"Type": "volume", "Name": "feature_store", "Destination": "/home/vscode/.npm", "RW": True}]
    api = {"Type": "volume", "Name": "feature_docker-api", "Destination": "/run/docker-api", "RW": False}
    mounts += [TMP]
    mounts += [api] if PROXY in target.services else []
    mounts += [{"Type": "tmpfs", "Source": "", "Destination": "/app/.claude-docker", "RW": False}]
    return replace(target, app=app | {"Mounts": mounts})


TARGET = _target()
EPERM = Answer(1, "Operation not permitted")
ABSENT = Answer(2, "ls: cannot access: No such file or directory")
ZERO, SOME = Answer(0, "0" * 16), Answer(0, "00000000a80425fb")
OK, READ_ONLY, BUSY = Answer(0, ""), Answer(1, "x: Read-only file system"), Answer(1, "Device or resource busy")
STATUS = dict.fromkeys(("CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb"), ZERO)


def _mounted(target: Target) -> dict[str, Answer]:
    own = {place: "ro" if read_only else "rw" for _, place, read_only in target.own_mounts}
    found = own | {"/": "rw", "/proc": "rw", "/etc/hosts": "rw", "/home/vscode/.npm": "rw"}
    found |= {"/tmp": "rw,nosuid,nodev", "/app/.claude-docker": "ro"}
    found |= {"/run/docker-api": "ro"} if PROXY in target.services else {}
    return {f"mount:{place}": Answer(0, f"{options},relatime") for place, options in found.items()}


def _inside(target: Target) -> dict[str, Answer]:
    own = target.container
    names = (f"/{own}", "/shop-shared-12345678-postgres-1")
    return {
        **STATUS,
        "NoNewPrivs": Answer(0, "1"),
        "Seccomp": Answer(0, "2"),
        "Uid": Answer(0, "1001\t1001 1001 1001"),
        "Gid": Answer(0, "1002 1002 1002 1002"),
        "Groups": Answer(0, "1002 "),
        "keyctl": EPERM,
        "namespace": Answer(1, "unshare: unshare failed: Operation not permitted"),
        "setuid": Answer(0, "vscode P"),
        "sudo": Answer(1, "not found"),
        "su": Answer(0, "/usr/bin/su"),
        "limit:memory": Answer(0, str(9000 << 10)),
        "limit:processes": Answer(0, "99"),
        "limit:swap": Answer(0, f"together {9000 << 10}"),
        "limit:open files": Answer(0, "16384"),
        "limit:/tmp": Answer(0, "262144 4096 65536"),
        **_mounted(target),
        **{f"write:{place}": READ_ONLY for place in writes.places(target)},
        **{f"{deed}:{place}": BUSY for deed in ("rename", "remove") for place in (*writes.places(target), "/app/.git")},
        **{f"{deed}:control": OK for deed in ("write", "rename", "remove")},
        "write:control-git": OK,
        "write:control-file": OK,
        **{f"path:{path}": ABSENT for path in ("/code/shop/.git", "/code/shop/.git/wt-sandbox", SIBLING.path)},
        f"path:{naming.private_repo(SIBLING)}": ABSENT,
        "path:control": Answer(0, "/app"),
        **{f"api:{name}:{port}": Answer(6, "?") for name in ("other", "docker-proxy") for port in (2375, 2376)},
        "api:control": Answer(0, "172.18.0.2 feature"),
        "push:1": Answer(128, "git@example.com: Permission denied (publickey)."),
        "push:2": Answer(128, "fatal: '/srv/x.git' does not appear to be a git repository"),
        "push:control": Answer(0, "a" * 40),
        "push:host": Answer(1, "error: remote unpack failed: unable to create temporary object directory"),
        "sockets:planted": Answer(0, "/tmp/x.sock"),
        "sockets:left": OK,
        "sockets:count": Answer(0, "21"),
        "sockets:control": OK,
        "sockets:linked": OK,
        "api:socket": OK,
        "api:usual": OK,
        "api:host": Answer(0, f"unix://{docker_api.SOCKET}"),
        "api:ping": Answer(200, "OK"),
        "api:own": Answer(200, "{"),
        **{f"api:list:{key}": Answer(200, "[") for key in ("all", "running")},
        **{f"listed:{key}:{name}": OK for key in ("all", "running") for name in names},
        **{f"api:{number}": Answer(403, '{"message": "no"}') for number in range(len(docker_api.refused(target)))},
        "end": OK,
    }


INSIDE = _inside(TARGET)
WEAK = {
    **dict.fromkeys(STATUS, SOME),
    "NoNewPrivs": Answer(0, "0"),
    "Seccomp": Answer(0, "0"),
    "keyctl": Answer(0, "a keyring"),
    "namespace": OK,
    "setuid": Answer(0, "vscode L 2026-11-26 0 99999 7 -1"),
    "limit:memory": Answer(0, "9223372036854771712"),
    "limit:processes": Answer(0, "max"),
    "limit:swap": Answer(0, "together 9223372036854771712"),
    "end": OK,
}
GONE = Answer(0, "done")
VARIABLES = {
    "sh -c": Answer(0, f"{' '.join(variables.NAMES)} done"),
    **dict.fromkeys(("bash -c", "bash -lc", "bash -ic", "bash -lic"), GONE),
    "end": OK,
}


def _rows(
    target: Target = TARGET,
    inside: Mapping[str, Answer] = INSIDE,
    weak: Mapping[str, Answer] = WEAK,
    variable: Mapping[str, Answer] = VARIABLES,
) -> list[Check]:
    return [row for row in groups.checks(target, inside, weak, variable) if row.state != "holds"]


def test_all_holds_in_a_sandbox_as_it_should_be() -> None:
    assert _rows() == []
    main = _target(worktree=MAIN, values=VALUES | {"WT_DOT_GIT_RO": "false", "WT_DOT_GIT": "/s/repo.git"})
    assert _rows(main, _inside(main)) == []


def test_nothing_is_shown_by_no_answer() -> None:
    """What the engine knows is all that holds then: nobody was there to be blocked."""
    rows = groups.checks(TARGET, {}, {}, {})
    held = {row.control for row in rows if row.state == "holds"}
    assert {name.partition(":")[0] for name in held} == {"container", "service", "mounts, by the engine", "siblings"}
    assert "siblings: volumes" in held and "siblings: directories" not in held
    assert not any(row.state == "fails" for row in rows)


# What is answered otherwise inside; the control, and what becomes of it.
ELSE = [
    *((key, SOME, "capabilities", "fails") for key in STATUS),
    ("CapBnd", Answer(None, ""), "capabilities", "unknown"),
    ("Seccomp", Answer(0, "0"), "seccomp", "fails"),
    ("keyctl", Answer(0, "a keyring"), "seccomp", "fails"),
    ("keyctl", Answer(127, "perl: not found"), "seccomp", "unknown"),
    ("NoNewPrivs", Answer(0, "0"), "no-new-privileges", "fails"),
    ("NoNewPrivs", Answer(None, ""), "no-new-privileges", "unknown"),
    ("setuid", WEAK["setuid"], "setuid", "fails"),
    ("setuid", Answer(127, "passwd: not found"), "setuid", "unknown"),
    ("namespace", OK, "user namespaces", "fails"),
    ("namespace", Answer(1, "No space left on device"), "user namespaces", "unknown"),
    ("sudo", Answer(0, "/usr/bin/sudo"), "sudo", "fails"),
    ("su", Answer(1, "not found"), "sudo", "unknown"),
    ("Uid", Answer(0, "0 0 0 0"), "user", "fails"),
    ("Groups", Answer(0, "1002 999"), "user", "fails"),
    ("limit:memory", Answer(0, "max"), "limit: memory", "fails"),
    ("limit:memory", Answer(0, "2048"), "limit: memory", "fails"),
    ("limit:processes", Answer(1, "no such file"), "limit: processes", "unknown"),
    ("limit:swap", Answer(0, "together 2048"), "limit: swap", "fails"),
    ("limit:swap", Answer(0, "apart 1024"), "limit: swap", "fails"),
    ("limit:swap", Answer(0, "not counted"), "limit: swap", "fails"),
    ("limit:swap", Answer(1, ""), "limit: swap", "unknown"),
    ("limit:open files", Answer(0, "unlimited"), "limit: open files", "fails"),
    ("limit:open files", Answer(0, "1048576"), "limit: open files", "fails"),
    ("limit:open files", Answer(None, ""), "limit: open files", "unknown"),
    ("limit:/tmp", Answer(0, "999999 4096 65536"), "limit: /tmp", "fails"),
    ("limit:/tmp", Answer(0, "262144 4096 999999"), "limit: /tmp", "fails"),
    ("limit:/tmp", Answer(0, "0 4096 0"), "limit: /tmp", "fails"),
    ("limit:/tmp", Answer(1, "stat: not found"), "limit: /tmp", "unknown"),
    ("mount:/wt/objects", Answer(0, "rw"), "mounts", "fails"),
    ("mount:/var/run/docker.sock", Answer(0, "rw"), "mounts", "fails"),
    ("mount:/tmp", Answer(0, "rw,nodev"), "mounts", "fails"),
    ("mount:/run/docker-api", Answer(0, "rw"), "mounts", "fails"),
    ("write:/wt/objects", OK, "read-only: /wt/objects", "fails"),
    ("write:/wt/objects", Answer(1, "Permission denied"), "read-only: /wt/objects", "unknown"),
    ("write:/app/secrets", Answer(1, "No such file or directory"), "read-only: /app/secrets", "unknown"),
    ("rename:/app/.vscode", OK, "fixed: /app/.vscode", "fails"),
    ("remove:/app/.git", Answer(1, "Permission denied"), "fixed: /app/.git", "unknown"),
    ("path:/code/other", Answer(0, "/code/other"), "siblings: directories", "fails"),
    ("path:/code/other", Answer(1, "Permission denied"), "siblings: directories", "unknown"),
    ("path:/code/shop/.git", OK, "host's git directory", "fails"),
    ("api:other:2375", Answer(0, "OK"), "siblings: docker api", "fails"),
    ("api:other:2375", Answer(28, "timed out"), "siblings: docker api", "unknown"),
    ("api:control", Answer(2, ""), "siblings: docker api", "unknown"),
    ("push:1", Answer(0, "[new branch]"), "push: origin", "fails"),
    ("push:1", Answer(128, "Could not resolve hostname"), "push: origin", "unknown"),
    ("push:1", Answer(127, "ssh: not found"), "push: origin", "unknown"),
    ("push:1", Answer(128, "ERROR: Repository not found."), "push: origin", "unknown"),
    ("push:2", Answer(0, ""), "push: disk", "fails"),
    ("push:host", Answer(0, "[new branch]"), "push: host", "fails"),
    ("push:host", Answer(1, "cannot lock ref"), "push: host", "unknown"),
    ("push:control", Answer(128, "not a git repository"), "push: host", "unknown"),
    ("push:control", OK, "push: host", "unknown"),
    ("sockets:left", Answer(0, "/tmp/vscode-ipc-1.sock"), "sockets", "fails"),
    ("sockets:control", Answer(1, ""), "sockets", "unknown"),
    ("sockets:planted", Answer(2, "perl: not found"), "sockets", "unknown"),
    ("api:ping", Answer(503, ""), "docker api", "unknown"),
    ("api:own", Answer(403, '{"message": "no"}'), "docker api", "unknown"),
    ("api:3", Answer(200, "[]"), "docker api: refusals", "fails"),
    ("api:3", Answer(404, "{}"), "docker api: refusals", "fails"),
    ("api:3", Answer(0, ""), "docker api: refusals", "unknown"),
    ("api:3", Answer(403, "Forbidden"), "docker api: refusals", "unknown"),
    *((f"listed:{key}:/wt-verify-f", OK, "docker api: list", "fails") for key in ("all", "running")),
    (f"listed:running:/{TARGET.project}-b-app-1", OK, "docker api: list", "fails"),
    ("api:list:running", Answer(403, "no"), "docker api: list", "unknown"),
    ("api:usual", Answer(0, "/var/run/docker.sock"), "docker sockets", "fails"),
    ("api:host", Answer(0, "tcp://x:2375"), "docker sockets", "fails"),
    ("end", Answer(None, ""), "script in the sandbox", "unknown"),
]


@pytest.mark.parametrize(("key", "answer", "control", "state"), ELSE)
def test_another_answer_is_another_judgement(key: str, answer: Answer, control: str, state: str) -> None:
    found = {row.control: row.state for row in _rows(inside=INSIDE | {key: answer})}
    assert found.get(control) == state, found


@pytest.mark.parametrize(
    ("key", "answer", "control"),
    [
        *((key, ZERO, "capabilities") for key in STATUS),
        ("keyctl", EPERM, "seccomp"),
        ("NoNewPrivs", Answer(0, "1"), "no-new-privileges"),
        ("setuid", Answer(0, "vscode P"), "setuid"),
        ("namespace", Answer(1, "Operation not permitted"), "user namespaces"),
        ("limit:memory", INSIDE["limit:memory"], "limit: memory"),
        ("limit:processes", Answer(0, "99"), "limit: processes"),
        ("limit:swap", INSIDE["limit:swap"], "limit: swap"),
        ("end", Answer(None, ""), "script in a weak container"),
    ],
)
def test_without_its_positive_control_nothing_is_shown(key: str, answer: Answer, control: str) -> None:
    assert {row.control: row.state for row in _rows(weak=WEAK | {key: answer})} == {control: "unknown"}


@pytest.mark.parametrize("deed", ["write:control", "rename:control", "remove:control", "write:control-file"])
def test_where_no_write_works_none_is_blocked(deed: str) -> None:
    rows = _rows(inside=INSIDE | {deed: Answer(1, "Read-only file system")})
    assert rows and {row.state for row in rows} == {"unknown"}


def test_root_s_main_checkout_can_only_be_read_as_a_whole() -> None:
    main = _target(worktree=MAIN, values=VALUES | {"WT_DOT_GIT_RO": "false"}, writable=False)
    denied = Answer(1, "Permission denied")
    moved = {f"{deed}:/app/.vscode": denied for deed in ("rename", "remove")}
    assert _rows(main, _inside(main) | moved | {"write:control": denied, "rename:control": denied}) == []
    assert _rows(replace(main, writable=True), _inside(main) | moved) != []


@pytest.mark.parametrize(
    ("shell", "answer", "state"),
    [
        ("bash -c", "SSH_AUTH_SOCK done", "fails"),
        ("bash -ic", "", "unknown"),
        ("sh -c", "done", "unknown"),
    ],
)
def test_variables_that_stay_are_named(shell: str, answer: str, state: str) -> None:
    rows = _rows(variable=VARIABLES | {shell: Answer(0, answer)})
    assert {row.state for row in rows} == {state}


@pytest.mark.parametrize(
    ("changes", "control"),
    [
        ({"Privileged": True}, "privileges"),
        ({"CapAdd": ["SYS_PTRACE"]}, "privileges"),
        ({"CapDrop": None}, "privileges"),
        ({"SecurityOpt": None}, "filters"),
        ({"SecurityOpt": ["no-new-privileges:true", "seccomp=unconfined"]}, "filters"),
        ({"MaskedPaths": None}, "filters"),
        ({"OomScoreAdj": -500}, "privileges"),
        ({"OomKillDisable": True}, "privileges"),
        ({"Sysctls": {"net.ipv4.ip_forward": "1"}}, "privileges"),
        ({"Runtime": "other"}, "privileges"),
        ({"CgroupParent": "/other"}, "privileges"),
        ({"CgroupnsMode": "host"}, "namespaces"),
        ({"NetworkMode": "host"}, "namespaces"),
        ({"PidMode": "host"}, "namespaces"),
        ({"IpcMode": "host"}, "namespaces"),
        ({"UsernsMode": "host"}, "namespaces"),
        ({"Devices": [{"PathOnHost": "/dev/kvm"}]}, "devices"),
        ({"DeviceRequests": [{"Driver": "nvidia"}]}, "devices"),
        ({"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "80"}]}}, "ports"),
        ({"PublishAllPorts": True}, "ports"),
        ({"LogConfig": {"Type": "json-file", "Config": {}}}, "log"),
    ],
)
def test_what_the_engine_was_told_is_named(changes: dict[str, Any], control: str) -> None:
    app = {**TARGET.app, "HostConfig": HOST_CONFIG | changes}
    assert {row.control: row.state for row in _rows(replace(TARGET, app=app))} == {f"container: {control}": "fails"}


def test_what_the_engine_gives_to_every_container_is_no_weakness() -> None:
    """With the first version of cgroups, all are in the host's namespace of them."""
    usual = {"CgroupnsMode": "host", "Runtime": "crun", "CgroupParent": "/all"}
    app = {**TARGET.app, "HostConfig": HOST_CONFIG | usual}
    helpers = {name: {**each, "HostConfig": each["HostConfig"] | usual} for name, each in HELPERS.items()}
    assert _rows(replace(TARGET, app=app, helpers=helpers, usual=usual)) == []
    assert {row.control for row in _rows(replace(TARGET, usual=usual))} == {
        "container: privileges",
        *(f"service: {name}" for name in BESIDE),
    }


def test_another_user_or_configuration_is_named() -> None:
    app = {**TARGET.app, "Config": {"User": "vscode", "Labels": {}}}
    found = {row.control for row in _rows(replace(TARGET, app=app))}
    assert found == {"container: user", "container: configuration"}


@pytest.mark.parametrize("service", BESIDE)
@pytest.mark.parametrize("changes", [None, {"State": {"Status": "exited"}}, {"HostConfig": HOST_CONFIG}])
def test_a_service_that_is_missing_or_weak_is_named(service: str, changes: dict[str, Any] | None) -> None:
    left = {name: each for name, each in TARGET.helpers.items() if name != service}
    helpers = left if changes is None else left | {service: HELPERS[service] | changes}
    found = {row.control: row.state for row in _rows(replace(TARGET, helpers=helpers))}
    assert found == {f"service: {service}": "fails"}


def _beside(service: str, **changes: Any) -> list[str]:
    """What is said of a service of which something is otherwise: of itself, or of what the engine was told."""
    own = HELPERS[service]
    told = {key: value for key, value in changes.items() if key not in own}
    changed = own | {key: value for key, value in changes.items() if key in own}
    changed["HostConfig"] = own["HostConfig"] | told
    rows = _rows(replace(TARGET, helpers=HELPERS | {service: changed}))
    assert {row.control for row in rows} <= {f"service: {service}"}
    return [row.answer for row in rows]


@pytest.mark.parametrize("service", BESIDE)
def test_what_stands_beside_is_limited_and_has_its_user(service: str) -> None:
    assert _beside(service, Memory=0) == ["no limit on memory"]
    assert _beside(service, MemorySwap=2048) == ["swap besides memory"]
    assert _beside(service, PidsLimit=None) == ["no limit on processes"]
    assert _beside(service, Ulimits=None) == ["no limit on open files"]
    assert _beside(service, LogConfig={"Type": "json-file", "Config": None}) == ["json-file without max-size"]
    (said,) = _beside(service, Config={"User": "7"})
    assert said.startswith("user: 7, not ")


def test_what_stands_beside_is_mounted_as_wt_does() -> None:
    host, view, tmp = HELPERS["guard"]["Mounts"]
    assert _beside("guard", Mounts=[{**host, "RW": True}, view, tmp]) == ["mount: /host from /code/shop/.git, writable"]
    assert _beside("guard", Mounts=[{**host, "Source": "/"}, view, tmp]) == ["mount: /host from /, read-only"]
    assert _beside("guard", Mounts=[host, tmp]) == ["mount: /view is missing"]
    assert _beside("guard", Mounts=[host, view, {**tmp, "Name": "b"}]) == ["mount: /tmp from b, writable"]
    socket, api = HELPERS["docker-proxy"]["Mounts"]
    assert _beside("docker-proxy", Mounts=[{**socket, "RW": True}, api]) != []
    assert _beside("docker-proxy", Mounts=[{**socket, "Source": "/run/desktop/docker.sock"}, api]) == []
    assert _beside("docker-proxy", Mounts=[socket, api, {**host, "Destination": "/x"}]) == [
        "mount: /x from /code/shop/.git"
    ]


def test_mounts_that_the_engine_made_are_compared() -> None:
    mounts = [dict(each) for each in TARGET.app["Mounts"]]
    mounts[0]["Source"] = "/elsewhere"
    mounts[1]["RW"] = not mounts[1]["RW"]
    extra = {"Type": "bind", "Source": "/srv", "Destination": "/host", "RW": False}
    (row,) = _rows(replace(TARGET, app={**TARGET.app, "Mounts": [*mounts[:-1], extra]}))
    assert row.control == "mounts, by the engine"
    for part in ("extra: /host", "missing: /app/.claude-docker", "is /elsewhere, not", mounts[1]["Destination"]):
        assert part in row.answer


@pytest.mark.parametrize(("kind", "place"), [("secrets", "/run/secrets/x"), ("configs", "/x")])
def test_what_compose_copies_is_no_mount_that_is_missing(kind: str, place: str) -> None:
    """A secret of a variable, and a configuration that the compose file has in it."""

    def rows(definition: Mapping[str, str]) -> set[tuple[str, str]]:
        changes: dict[str, Any] = {kind: {"x": definition}}
        changes["services"] = {**TARGET.services, "app": {"volumes": VOLUMES, kind: [{"source": "x"}]}}
        return {(row.control, row.answer) for row in _rows(replace(TARGET, **changes))}

    assert rows({"environment": "X"}) == rows({"content": "x"}) == set()
    missing = f"missing: {place}"
    assert rows({"file": "/x"}) == {("mounts", missing), ("mounts, by the engine", missing)}


def _told(inside: dict[str, Answer], **told: Any) -> list[tuple[str, str]]:
    """What is said where the engine was told something else, and it is so inside."""
    target = replace(TARGET, app={**TARGET.app, "HostConfig": HOST_CONFIG | told})
    return [(row.control, row.answer) for row in _rows(target, INSIDE | inside)]


def test_a_limit_is_that_of_env_and_not_any_that_the_engine_was_told() -> None:
    """As after `docker update`."""
    more, swap = Answer(0, "99999999999744"), Answer(0, "together 99999999999744")
    memory = _told({"limit:memory": more, "limit:swap": swap}, Memory=99999999999744, MemorySwap=99999999999744)
    assert memory == [("limit: memory", "99999999999744, and not 9216000")]
    processes = _told({"limit:processes": Answer(0, "77")}, PidsLimit=77)
    assert processes == [("limit: processes", "77, and not 99")]
    files = [{"Name": "nofile", "Soft": 99, "Hard": 99}]
    assert _told({"limit:open files": Answer(0, "99")}, Ulimits=files) == [("limit: open files", "99, and not 16384")]
    assert _told({}, Ulimits=None) == [("limit: open files", "16384, but the engine was told none")]


def test_the_kernel_gives_memory_in_whole_pages() -> None:
    page = 64 << 10
    whole = (9000 << 10) // page * page
    inside = {"limit:memory": Answer(0, str(whole)), "limit:swap": Answer(0, f"together {whole}")}
    assert _told(inside) == []
    for less in ({"limit:memory": Answer(0, str(whole - page))}, {"limit:swap": Answer(0, f"together {whole - page}")}):
        assert len(_told(inside | less)) == 1


def test_a_volume_that_a_sibling_has_too_is_named() -> None:
    assert [row.control for row in _rows(replace(TARGET, volumes=frozenset({"feature_store"})))] == [
        "siblings: volumes"
    ]


def test_a_sibling_inside_the_workspace_is_an_empty_directory() -> None:
    inner = replace(SIBLING, path=TARGET.worktree.path / ".trees/other")
    target = replace(TARGET, siblings=(inner,))
    absent = {f"path:{path}": ABSENT for path in (inner.path, naming.private_repo(inner))}
    place = "/app/.trees/other"
    assert f"find {place} " in siblings.script(target)
    assert _rows(target, INSIDE | absent | {f"inner:{place}": OK}) == []
    (row,) = _rows(target, INSIDE | absent | {f"inner:{place}": Answer(0, f"{place}/package.json")})
    assert (row.control, row.state) == (f"hidden: {place}", "fails")


def test_without_a_proxy_there_is_no_api() -> None:
    target = _target(services={"app": {"volumes": VOLUMES[1:]}})
    inside = {key: answer for key, answer in INSIDE.items() if key != "mount:/run/docker-api"}
    (row,) = _rows(target, inside)
    assert (row.control, row.state) == ("docker sockets", "fails")
    without = inside | {"api:socket": Answer(1, "no socket"), "api:host": OK}
    assert _rows(target, without) == []


@pytest.mark.parametrize(
    ("rule", "without"),
    [
        ("^(/v[0-9]+[.][0-9]+)?/(_ping|version)$", "/x/_ping"),
        ("^(/v[0-9]+[.][0-9]+)?/(_ping|version)$", "/_pingx"),
        ("^(/v[0-9]+[.][0-9]+)?/containers/json$", "/x/containers/json"),
        ("^(/v[0-9]+[.][0-9]+)?/containers/json$", "/containers/jsonx/json"),
        ("^(/v[0-9]+[.][0-9]+)?/containers/[A-Za-z0-9][A-Za-z0-9_.-]*/(json|logs|stats)$", "/x/containers/OWN/json"),
        ("^(/v[0-9]+[.][0-9]+)?/containers/[A-Za-z0-9][A-Za-z0-9_.-]*/(json|logs|stats)$", "/containers/OWN/jsonx"),
        ("^/containers/OWN/json$", "/containers/xOWN/json"),
        ("^/containers/OWN/json$", "/containers/OWNx/json"),
    ],
)
def test_each_pattern_of_the_proxy_is_tried_at_both_ends(rule: str, without: str) -> None:
    asked = {path for method, path, _ in docker_api.refused(TARGET) if method == "GET"}
    path = without.replace("OWN", TARGET.container)
    assert path in asked and not re.search(rule.replace("OWN", TARGET.container), path)


def test_what_is_only_read_is_tried_to_be_written() -> None:
    """Paths that are answered when they are read: elsewhere another rule refuses."""
    written = {path for method, path, _ in docker_api.refused(TARGET) if method == "POST"}
    assert f"/containers/{TARGET.container}/json" in written


def test_a_list_without_the_sandbox_itself_shows_nothing() -> None:
    inside = {key: answer for key, answer in INSIDE.items() if not key.startswith("listed:")}
    assert {row.control: row.state for row in _rows(inside=inside)} == {"docker api: list": "unknown"}


def test_a_long_list_is_heard_whole(tmp_path: Path) -> None:
    """One answer for all names would be cut in the middle of one."""
    shared = naming.shared_project_name(REPOSITORY)
    names = [f"/{shared}-service{number}-1" for number in range(60)] + [f"/{TARGET.container}"]
    listed = ",".join(f'{{"Names":["{name}"]}}' for name in names)
    tools = {"curl": f"cat >body <<'X'\n[{listed}]\nX\nmv body top/body; printf 200", "ls": "exit 2"}
    for name, text in tools.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "top").mkdir()
    script = f"PATH={tmp_path}:$PATH; top=top\n{answers.PRELUDE}\n{docker_api.script(TARGET)}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    heard = answers.parse(done.stdout)
    assert {key for key in heard if key.startswith("listed:")} == {
        f"listed:{key}:{name}" for key in ("all", "running") for name in names
    }
    left = {key: answer for key, answer in INSIDE.items() if not key.startswith("listed:")}
    assert _rows(inside=left | {key: heard[key] for key in heard if key.startswith("listed:")}) == []


def _with(target: Target, source: str, **declared: Any) -> Target:
    """With one more mount, as the files say and the engine has made it."""
    kind = "volume" if declared else "bind"
    volume = {"type": kind, "source": source, "target": "/x"}
    mount = {"Type": kind, "Source": source, "Destination": "/x", "RW": True, "Name": source}
    app = {**target.app, "Mounts": [*target.app["Mounts"], mount]}
    services = {**target.services, "app": {"volumes": [*VOLUMES, volume]}}
    return replace(target, app=app, services=services, declared=declared)


MORE = INSIDE | {"mount:/x": Answer(0, "rw")}


@pytest.mark.parametrize(
    "source", ["/srv/e/engine", "/srv/e", "/", "/run", "/var/run", "/x/podman.sock", "/run/podman"]
)
def test_the_engine_s_socket_is_named_by_whatever_way_it_comes_in(source: str) -> None:
    target = replace(TARGET, values=VALUES | {"WT_DOCKER_SOCKET": "/srv/e/engine"})
    socket, api = HELPERS["docker-proxy"]["Mounts"]
    proxy = HELPERS["docker-proxy"] | {"Mounts": [{**socket, "Source": "/srv/e/engine"}, api]}
    target = replace(target, helpers=HELPERS | {"docker-proxy": proxy})
    wanted = {"docker sockets": "fails"}
    assert {row.control: row.state for row in _rows(_with(target, source), MORE)} == wanted
    volume = _with(target, "data", data={"driver_opts": {"type": "none", "o": "bind", "device": source}})
    assert {row.control: row.state for row in _rows(volume, MORE)} == wanted
    assert _rows(_with(target, "/srv/else"), MORE) == []


def test_a_socket_that_answers_as_the_engine_does_is_named(tmp_path: Path) -> None:
    """In a directory of the host's, whatever it is called."""
    (row,) = _rows(_with(TARGET, "/srv/else"), MORE | {"engine:/x/y": OK})
    assert (row.control, row.state) == ("docker sockets", "fails") and "/x/y answers" in row.answer
    assert "engines /x\n" in docker_api.script(_with(TARGET, "/srv/else"))


def test_a_volume_that_is_a_directory_of_the_host_is_said_to_be_one() -> None:
    volume = _with(TARGET, "data", data={"driver_opts": {"type": "none", "o": "bind", "device": "/srv/data"}})
    (row,) = [row for row in groups.checks(volume, MORE, WEAK, VARIABLES) if row.control == "mounts"]
    assert "of the host's also /x" in row.answer
    plain = _with(TARGET, "data", data={"driver_opts": {"type": "tmpfs", "device": "tmpfs"}})
    (row,) = [row for row in groups.checks(plain, MORE, WEAK, VARIABLES) if row.control == "mounts"]
    assert "none but wt's own" in row.answer


def test_answers_are_read_line_by_line_and_cut() -> None:
    heard = answers.parse(f"a\t0\tone\nnonsense\nb\tx\ty\nc\t403\t{'z' * 9999}\nd\t1\n")
    assert heard["a"] == Answer(0, "one")
    assert heard.keys() == {"a", "c"} and len(heard["c"].text) < 1000


def test_no_proxy_answers_for_what_is_asked_by_curl(tmp_path: Path) -> None:
    lines = [line for line in groups.inside(TARGET).splitlines() if "curl" in line]
    assert len(lines) > 2 and all("--noproxy '*'" in line for line in lines)


def test_a_name_that_is_not_known_inside_is_told_from_no_network() -> None:
    other = Answer(128, "ssh: Could not resolve hostname git.intern: Name or service not known")
    target = replace(TARGET, remotes=(*REMOTES, Remote("intern", "git.intern:x.git")))
    assert _rows(target, INSIDE | {"push:3": other}) == []
    without = INSIDE | {"push:3": other, "push:1": Answer(128, "ssh: connect to host example.com port 22: timed out")}
    assert {row.control: row.state for row in _rows(target, without)} == dict.fromkeys(
        ("push: origin", "push: intern"), "unknown"
    )


def test_ssh_is_told_where_the_host_s_leads_to() -> None:
    url = REMOTES[0].url
    assert "-oHostName=git.example.com" in push.begin(replace(TARGET, ssh={url: ("-oHostName=git.example.com",)}))
    assert "-oHostName" not in push.begin(TARGET)


@pytest.mark.parametrize("script", [groups.inside(TARGET), groups.weak(TARGET)])
def test_scripts_are_bash(script: str) -> None:
    subprocess.run(["bash", "-n", "-c", script], check=True)
    assert len(script) < 100_000, "an argument may have 128 KiB"


def test_what_a_script_says_has_one_line(tmp_path: Path) -> None:
    script = (
        f"{answers.PRELUDE}\ntry x printf 'a\\tb\\nc'; try y false; try z no-such-program; say {'w'} 0 \"$(seq 999)\""
    )
    # A directory on PATH that is closed to this user would give another code.
    env = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path, env=env)
    heard = answers.parse(done.stdout)
    assert heard["x"] == Answer(0, "a b c")
    assert (heard["y"].code, heard["z"].code, len(heard["w"].text)) == (1, 127, 300)


SYSTEM = "--env=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Engine:
    """Takes the commands that would reach docker."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def run(self, command: list[str], **_options: object) -> process.Result:
        self.asked.append(command)
        return process.Result(0, b"id\n", b"")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    found = Engine()
    monkeypatch.setattr(process, "run", found.run)
    return found


def test_the_weak_container_sees_nothing_and_is_nobodys(engine: Engine) -> None:
    with probe.weak("image", {naming.LABEL_WORKTREE: "feature"}, "x-app-1") as (name, _):
        (made,) = engine.asked
    # To a proxy that looks at a part of a name, or believes a log, it would be the sandbox's own.
    assert re.fullmatch("x-app-1-wt-verify-[0-9a-f]{8}-x-app-1", name) and made[-2] == '{"Name": "/x-app-1"}'
    assert {"--rm", "--network=none", f"--name={name}", "--label=wt.role=verify", f"--label={docker.PROJECT}="} <= {
        *made
    }
    assert not [each for each in made if re.match("--(privileged|mount|volume|device|pid|ipc|uts|env)|-v", each)]
    assert made[-7:-4] == ["--entrypoint=sh", "image", "-c"] and made[-1] == "120"


@pytest.mark.parametrize("error", [Interrupted, ToolError("x")])
def test_the_weak_container_goes_whatever_happens(engine: Engine, error: BaseException) -> None:
    with pytest.raises((Interrupted, ToolError)), probe.weak("image", {}, "x-app-1") as (name, _):
        raise error
    assert engine.asked[-1] == ["docker", "container", "rm", "--force", "--volumes", name]


def test_a_script_ends_in_the_container_by_itself_and_its_answer_is_cut(engine: Engine) -> None:
    assert probe.run("c", "bash", "echo x", env={"A": "b"}, under=("nice",)) == "id\n"
    (line,) = engine.asked
    assert line[:3] == ["sh", "-c", '"$@" 2>/dev/null | head -c 1000000']
    ended = ["timeout", "-k", "3", "40", "nice", "bash", "-c", "echo x"]
    assert line[4:] == ["docker", "exec", "--workdir=/", SYSTEM, "--env=A=b", "c", *ended]


def test_the_last_line_counts() -> None:
    rows = [
        Check("a", "look", "so", "holds", "not said"),
        Check("b", "look", "x" * 999, "fails", "do"),
        Check("c", "look", "?", "unknown"),
    ]
    (first, b, hint, c, last) = [*report.lines(rows)]
    assert first == ("holds    a: so (look)", False)
    assert b[0].startswith("FAILS    b: xxx") and b[1] and len(b[0]) < 200
    assert hint == ("  hint: do", False) and c == ("UNKNOWN  c: ? (look)", True)
    assert last[0] == "3 controls: 1 hold, 1 fail, 1 could not be shown"


@pytest.mark.parametrize("role", sorted(naming.PASSING))
def test_what_a_killed_verify_left_is_garbage(role: str) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    left = Holding("container", "i", "wt-verify-1", repository="12345678", role=role, created=now - timedelta(days=2))
    estate = garbage.Estate(REPOSITORY, (left, replace(left, name="new", created=now)), living=frozenset({"feature"}))
    assert [(piece.row.kind, piece.row.name) for piece in garbage.decide(estate, named=(), now=now)] == [
        (role, "wt-verify-1")
    ]
