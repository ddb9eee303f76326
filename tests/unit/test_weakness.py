"""What a compose project weakens, from what compose prints; and what it reads besides."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unit.nouns import SEEN
from wt import plan, sources, weakness
from wt.config import Allow
from wt.errors import Refused, UsageError

VALUES = plan.environment(replace(SEEN, user=replace(SEEN.user, home=Path("/home/me"))), "dev")
OWN = weakness.ground(VALUES, ["infra"])
SHARED = weakness.ground(VALUES, [], shared=True)
TREE = VALUES["LOCAL_WORKSPACE_FOLDER"]
SAFE: Mapping[str, Any] = {"cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "user": "501:20"}


def bind(source: str, target: str = "/x", *, read_only: bool = False) -> dict[str, Any]:
    return {"volumes": [{"type": "bind", "source": source, "target": target, "read_only": read_only}]}


def mounted() -> list[dict[str, Any]]:
    mounts = sorted(each[1:] for each in OWN.mounts if each[0] == weakness.SERVICE)
    return [bind(*each[:2], read_only=each[2])["volumes"][0] for each in mounts]


def judged(service: Mapping[str, Any], ground: weakness.Ground = OWN, name: str = "app") -> list[str]:
    """What is found in a project whose sandbox has these settings besides."""
    services: dict[str, Any] = {} if ground.shared else {"app": {**SAFE}}
    services[name] = {**services.get(name, {}), **service}
    return named({"services": services}, ground)


def named(data: Mapping[str, Any], ground: weakness.Ground = OWN) -> list[str]:
    return [f"{each.kind} {each.name}" for each in weakness.found(data, ground)]


WEAK: list[tuple[dict[str, Any], list[str]]] = [
    ({"privileged": True}, ["privileged app"]),
    ({"cap_add": ["SYS_ADMIN", "cap_net_raw"]}, ["cap_add app:SYS_ADMIN", "cap_add app:NET_RAW"]),
    (bind("/var/run/docker.sock"), ["docker_socket app"]),
    (bind("/run/containerd/containerd.sock", read_only=True), ["docker_socket app"]),
    ({"network_mode": "host"}, ["namespaces app:network_mode=host"]),
    ({"network_mode": "container:other"}, ["namespaces app:network_mode=container:other"]),
    ({"pid": "host"}, ["namespaces app:pid=host"]),
    ({"ipc": "host"}, ["namespaces app:ipc=host"]),
    ({"pid": "service:guard"}, ["namespaces app:pid=service:guard"]),
    ({"ipc": "service:docker-proxy"}, ["namespaces app:ipc=service:docker-proxy"]),
    ({"network_mode": "service:guard"}, ["namespaces app:network_mode=service:guard"]),
    ({"volumes_from": ["guard:ro"]}, ["settings app:volumes_from"]),
    ({"uts": "host"}, ["namespaces app:uts=host"]),
    ({"cgroup": "host"}, ["namespaces app:cgroup=host"]),
    ({"userns_mode": "host"}, ["namespaces app:userns_mode=host"]),
    (bind("/", read_only=True), ["binds app:/"]),
    (bind("/home/me/.ssh", read_only=True), ["binds app:~/.ssh"]),
    (bind(TREE, "/workspace"), ["binds app:."]),
    (bind(TREE, "/workspace", read_only=True), ["binds app:."]),
    (bind(f"{TREE}/data"), ["binds app:data"]),
    (bind(f"{TREE}/.devcontainer/x"), ["binds app:.devcontainer/x"]),
    (bind(f"{TREE}/.devcontainer", "/app/.devcontainer"), ["binds app:.devcontainer"]),
    (bind(f"{TREE}x/.devcontainer", read_only=True), [f"binds app:{TREE}x/.devcontainer"]),
    (bind(f"{TREE}/.devcontainer/../../../var/run/docker.sock", read_only=True), ["docker_socket app"]),
    (bind(f"{TREE}/.devcontainer/../x", read_only=True), ["binds app:x"]),
    (bind(f"{TREE}/.devcontainer/link/../x", read_only=True), ["binds app:.devcontainer/x"]),
    (bind("/srv/../home/me/x"), ["binds app:~/x"]),
    (bind(VALUES["GIT_COMMON_DIR"], "/git"), ["binds app:/code/shop/.git"]),
    (bind(f"{VALUES['GIT_COMMON_DIR']}/objects", "/wt/objects"), ["binds app:/code/shop/.git/objects"]),
    ({"security_opt": [*SAFE["security_opt"], "seccomp:unconfined"]}, ["security_opt app:seccomp:unconfined"]),
    ({"security_opt": [*SAFE["security_opt"], "apparmor=unconfined"]}, ["security_opt app:apparmor=unconfined"]),
    ({"security_opt": []}, ["security_opt app:no-new-privileges"]),
    ({"cap_drop": ["NET_RAW"]}, ["settings app:cap_drop"]),
    *(({"user": user}, ["settings app:user"]) for user in ("root", "0:0", "00", "", None)),
    ({"ports": [{"target": 80, "published": "8080"}]}, ["ports app:8080"]),
    ({"ports": [{"target": 80, "host_ip": "0.0.0.0"}]}, ["ports app:80"]),
    ({"ports": [{"target": 80, "host_ip": "127.0.0.1.evil"}]}, ["ports app:80"]),
    ({"ports": [{"target": 80, "host_ip": "::"}]}, ["ports app:80"]),
    *(
        ({key: value}, [f"settings app:{key}"])
        for key, value in {
            "devices": [{"source": "/dev/kvm"}],
            "device_cgroup_rules": ["c 1:3 mr"],
            "group_add": ["docker"],
            "sysctls": {"net.core.somaxconn": "1"},
            "volumes_from": ["container:x"],
            "runtime": "sysbox",
            "cgroup_parent": "/",
            "oom_score_adj": -900,
            "gpus": [{"count": -1}],
            "provider": {"type": "x"},
            "use_api_socket": True,
            "what_comes_next": "x",
        }.items()
    ),
    ({"deploy": {"resources": {"reservations": {"devices": [{}]}}}}, ["settings app:deploy devices"]),
    ({"volumes": [{"type": "npipe", "target": "/x"}]}, ["settings app:npipe /x"]),
    ({"ulimits": {"nofile": 1, "rtprio": 99}}, ["settings app:ulimits rtprio"]),
    ({"networks": {"dev": {"driver_opts": {"a": "b"}}}}, ["settings app:driver_opts dev"]),
    ({"post_start": [{"command": "x", "privileged": True}]}, ["privileged app"]),
    ({"pre_stop": [{"command": "x", "user": "root"}]}, ["settings app:hook user"]),
    ({"build": {"context": TREE}}, ["files app:."]),
    ({"build": {"context": "/srv"}}, ["files app:/srv"]),
    ({"build": {"context": f"{TREE}/.devcontainer", "dockerfile": "../Dockerfile"}}, ["files app:Dockerfile"]),
    ({"build": {"context": f"{TREE}/.devcontainer", "dockerfile": "/etc/x"}}, ["files app:/etc/x"]),
    ({"build": {"dockerfile_inline": "x", "additional_contexts": {"z": "/srv"}}}, ["files app:/srv"]),
    ({"build": {"context": f"{TREE}/.devcontainer/.."}}, ["files app:."]),
    ({"build": {"dockerfile_inline": "x", "additional_contexts": {"z": f"{TREE}/.devcontainer/.."}}}, ["files app:."]),
    ({"build": {"network": "host"}}, ["namespaces app:build network=host"]),
    ({"build": {"privileged": True}}, ["privileged app"]),
    ({"build": {"ssh": ["default"]}}, ["settings app:build ssh"]),
    ({"build": {"entitlements": ["security.insecure"]}}, ["settings app:build entitlements"]),
    ({"build": {"cache_to": ["type=local,dest=/x"]}}, ["settings app:build cache_to"]),
]
HARMLESS: list[dict[str, Any]] = [
    {"volumes": mounted()},
    bind(f"{TREE}/.devcontainer/init.sql", read_only=True),
    {"volumes": [{"type": "volume", "source": "cache", "target": "/c"}, {"type": "tmpfs", "target": "/t"}]},
    *({"ports": [{"target": 80, "host_ip": each}]} for each in ("127.0.0.1", "127.0.0.2", "::1")),
    {"privileged": False, "devices": None, "sysctls": {}, "pid": "", "ports": None, "x-mine": 1},
    {"network_mode": "service:db", "ipc": "private", "pid": "service:db"},
    {"environment": {"A": "privileged"}, "command": ["x"], "healthcheck": {}, "depends_on": {}, "restart": "always"},
    {"build": {"context": f"{TREE}/.devcontainer/db", "dockerfile": "../Dockerfile", "args": {"A": "1"}}},
    {"build": {"context": "https://example.com/x.git", "additional_contexts": {"z": "docker-image://x"}}},
    {"deploy": {"resources": {"limits": {"memory": "1g"}}, "replicas": 2}},
    {"scale": 0, "healthcheck": {"disable": True}, "networks": {"dev": None}, "ulimits": {"nofile": 1}},
]


@pytest.mark.parametrize(("service", "said"), WEAK, ids=str)
def test_a_weakness_is_named_in_the_sandbox_and_in_every_other_service(
    service: dict[str, Any], said: list[str]
) -> None:
    assert judged(service) == said
    elsewhere = [each for each in said if each.rpartition(":")[2] not in {"cap_drop", "user", "no-new-privileges"}]
    assert judged(service, name="db") == [each.replace(" app", " db", 1) for each in elsewhere]
    assert judged(service, SHARED, "db") == [each.replace(" app", " shared/db", 1) for each in elsewhere]


@pytest.mark.parametrize("service", HARMLESS, ids=str)
def test_what_weakens_nothing_is_not_named(service: dict[str, Any]) -> None:
    assert judged(service) == []


@pytest.mark.parametrize("name", weakness.BESIDE)
def test_what_stands_beside_a_sandbox_is_not_put_into_another_service(name: str) -> None:
    for key in ("pid", "ipc", "network_mode"):
        assert judged({key: "service:app"}, name=name) == [f"namespaces {name}:{key}=service:app"]
    assert judged({"network_mode": "none", "ipc": "private"}, name=name) == []


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"scale": 0}, "scale"),
        ({"deploy": {"replicas": 0}}, "scale"),
        ({"healthcheck": {"disable": True}}, "healthcheck"),
        ({"healthcheck": {"test": ["NONE"]}}, "healthcheck"),
    ],
    ids=str,
)
def test_what_stands_beside_a_sandbox_is_not_kept_from_its_work(service: dict[str, Any], said: str) -> None:
    for name in weakness.BESIDE:
        assert judged(service, name=name) == [f"settings {name}:{said}"]
        assert judged({"scale": 1, "healthcheck": {"test": ["CMD", "x"]}}, name=name) == []


def test_what_wt_mounts_is_nothing_special_in_another_service() -> None:
    sources = {each["source"] for each in mounted()}
    for name in ("db", weakness.GUARD):
        assert len(judged({"volumes": mounted()}, name=name)) == len(sources - {f"{TREE}/.devcontainer"})
    view = bind(VALUES["WT_HOST_GIT"], "/view")
    assert judged(view, name=weakness.GUARD) == [] != judged(view, name="db")
    assert judged(bind(VALUES["WT_GIT_DIR"], "/wt/repo.git"), SHARED, "app") != []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"volumes": {"a": {"name": "feature-000000_a", "external": True}}}, "volumes a"),
        ({"volumes": {"a": {"name": "common"}}}, "volumes a"),
        ({"volumes": {"a": {"driver": "nfs"}}}, "volumes a"),
        ({"volumes": {"a": {"driver_opts": {"type": "none", "o": "bind", "device": "/"}}}}, "volumes a"),
        ({"networks": {"n": {"name": "host", "external": True}}}, "networks n"),
        ({"networks": {"n": {"driver": "macvlan"}}}, "networks n"),
        ({"networks": {"n": {"name": "lan", "external": True}}}, "networks n"),
        ({"networks": {"n": {"driver_opts": {"com.docker.network.bridge.name": "br0"}}}}, "networks n"),
        ({"secrets": {"s": {"file": "/home/me/.netrc"}}}, "files s:~/.netrc"),
        ({"configs": {"c": {"file": f"{TREE}/.env"}}}, "files c:.env"),
        ({"secrets": {"s": {"file": f"{TREE}/.devcontainer/../../../home/me/.netrc"}}}, "files s:~/.netrc"),
        ({"configs": {"c": {"file": f"{TREE}/.devcontainer/../.env"}}}, "files c:.env"),
        ({"volumes": {"a": None}, "networks": {"n": {"name": "dev", "external": True}, "m": None}}, None),
        ({"volumes": {"a": {"name": f"{OWN.project}_a", "labels": {}}}}, None),
        ({"secrets": {"s": {"file": VALUES["WT_CA_BUNDLE"]}, "t": {"environment": "T"}}}, None),
        ({"configs": {"c": {"content": "x"}, "d": {"file": f"{TREE}/.devcontainer/x"}}}, None),
    ],
    ids=str,
)
def test_what_stands_beside_the_services(data: Mapping[str, Any], said: str | None) -> None:
    assert named({"services": {"app": SAFE}, **data}) == ([said] if said else [])


def test_a_project_without_the_sandbox_is_none() -> None:
    assert named({"services": {}}) == [
        "settings app:cap_drop",
        "security_opt app:no-new-privileges",
        "settings app:user",
    ]


def test_what_is_allowed_by_name_passes_and_the_rest_is_refused_as_lines_for_wt_toml() -> None:
    service = {"privileged": True, **bind("/srv"), "cap_add": ["A", "B"]}
    found = weakness.found({"services": {"app": {**SAFE, **service}}}, OWN)
    allow = Allow(privileged=("app",), cap_add=("app:A", "app:B"), binds=("app:/srv",))
    weakness.refuse(found, allow, "file")
    with pytest.raises(Refused) as caught:
        weakness.refuse(found, replace(allow, cap_add=("app:A", "db:B"), privileged=()), "file")
    assert [each.partition("  #")[0] for each in caught.value.details] == [
        'privileged = ["app"]',
        'cap_add = ["app:A", "db:B", "app:B"]',
    ]
    assert "[allow] in .devcontainer/wt.toml" in (caught.value.hint or "")


def written(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def outside(root: Path, text: str, more: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    shutil.rmtree(root / "d", ignore_errors=True)
    here = ("here.yml", "sub/here.yml", "github.com/x/here.yml", "me@example.com:here.yml")
    written(root, {"d/main.yml": text, **{f"d/{each}": "services: {x: {}}\n" for each in here}, **(more or {})})
    return [(name, path.replace(f"{root}/", "")) for name, path in sources.named(root, "d", ["main.yml"])]


MOVED = ("include", "${project_directory}")


@pytest.mark.parametrize(
    "case",
    [
        ("services: {a: {env_file: ../.env}}", ("a", ".env")),
        ("services: {a: {env_file: [x, {path: ../y, required: false}]}}", ("a", "y")),
        ("services: {a: {env_file: '${HOME}/x'}}", ("a", "${HOME}/x")),
        ("services: {a: {env_file: ~/x}}", ("a", "~/x")),
        ("services: {a: {env_file: /etc/x}}", ("a", "/etc/x")),
        ("services: {a: {env_file: /d/link/../x}}", ("a", "/d/link/../x")),
        ("services: {a: {env_file: 'file://x'}}", ("a", "file://x")),
        ("services: {a: {label_file: ../x}}", ("a", "x")),
        ("services: {a: {extends: {file: ../x.yml, service: y}}}", ("a", "x.yml")),
        ("services: {a: {extends: {file: gone.yml, service: y}}}", ("a", "gone.yml")),
        ("services: {a: {extends: {file: github.com/x/here.yml, service: y}}}", ("a", "github.com/x/here.yml")),
        ("include: [../x.yml]", ("include", "x.yml")),
        ("include: ['https://example.com/x.git']", ("include", "https://example.com/x.git")),
        ("include: ['git@example.com:x.git']", ("include", "git@example.com:x.git")),
        ("include: ['me@example.com:here.yml']", ("include", "me@example.com:here.yml")),
        ("include: [{path: [../x.yml, ./../y.yml]}]", ("include", "x.yml"), ("include", "y.yml")),
        ("include: [{path: [here.yml, ../x.yml]}]", ("include", "x.yml"), MOVED),
        ("include: [{path: [here.yml, sub/here.yml]}]", MOVED),
        ("include: [{path: [here.yml, $X]}]", ("include", "$X"), MOVED),
        ("include: [{path: here.yml, env_file: ../x}]", ("include", "x")),
        ("include: [{path: here.yml, project_directory: ..}]", MOVED),
        ("x-a: &a {env_file: ../.env}\nservices: {a: {<<: *a}}", ("a", ".env")),
        ("services: {a: {ports: !reset [], env_file: !override [../.env]}}", ("a", ".env")),
        ("services: {a: {<<: {env_file: ../.env}, env_file: !reset null}}", ("a", ".env")),
        ("services: {a: {<<: [!reset {env_file: x}, {env_file: ../.env}]}}", ("a", ".env")),
        ("services: {a: {}}\n---\nservices: {b: {env_file: ../.env}}", ("b", ".env")),
        ("services: {on: {env_file: ../.env}, yes: {}}", ("on", ".env")),
        ("services: {a: {env_file: [x, {path: sub/y}], extends: {service: b}, label_file: l}}",),
        ("include: [here.yml]\nservices: {a: {extends: {file: ./here.yml, service: x}}, b: }",),
        ("include: [{path: [here.yml, ./sub/../here.yml]}]",),
        ("services: {a: {build: !override {x: !!str y}, z: !!int 1}}",),
        ("include:\nservices:",),
    ],
    ids=str,
)
def test_what_compose_reads_from_elsewhere(tmp_path: Path, case: tuple[Any, ...]) -> None:
    text, *said = case
    assert sorted(outside(tmp_path, text)) == sorted(said)


def test_files_that_are_named_are_followed_and_a_circle_ends(tmp_path: Path) -> None:
    more = {
        "d/sub/base.yml": "include: [../main.yml]\nservices: {b: {env_file: [../near, ../../far]}}",
        "far.yml": "services: {c: {env_file: /etc/passwd}}",
    }
    text = "services: {a: {extends: {file: sub/base.yml, service: b}}}"
    assert outside(tmp_path, text, more) == [("b", "far")]


@pytest.mark.parametrize("text", ["{{{", "[1]", "services: [1]", "include: [{path: 1}]", "include: [{}]", "\x00"])
def test_what_is_no_compose_file_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises((UsageError, Refused)):
        outside(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: {!!binary ZW52X2ZpbGU=: ../x}}",
        "services: {a: {extends: !!set {file: ../x, service: b}}}",
        "services: {a: !!null {!!value x-a: z, env_file: ../x}}",
        "services: {a: {<<: {env_file: ../x}, !!merge x-a: {env_file: near}}}",
        "services: {a: {env_file: !!null ../x}}",
        "services: {a: {env_file: [!!str {=: near}]}}",
        "services: !!omap [a: {env_file: ../x}]",
        "%TAG !x! tag:yaml.org,2002:\n---\nservices: {a: {!x!binary ZW52X2ZpbGU=: ../x}}",
    ],
)
def test_a_tag_that_not_every_parser_reads_alike_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"main\.yml .*: line \d+, the tag !!\w+ "):
        outside(tmp_path, text)


def test_the_volume_of_wt_is_known_as_it_is_and_no_other() -> None:
    size, project = VALUES["WT_TMP"], VALUES["COMPOSE_PROJECT_NAME"]
    options = {"type": "tmpfs", "device": "tmpfs", "o": f"mode=1777,nosuid,nodev,nr_inodes=65536,size={size}"}
    tmp: dict[str, Any] = {"name": f"{project}_tmp-{size}", "driver_opts": options, "labels": {"wt.role": "sandbox"}}

    def found(volume: Mapping[str, Any], ground: weakness.Ground = OWN, name: str = "tmp") -> list[str]:
        return [each for each in named({"volumes": {name: volume}}, ground) if each.startswith("volumes")]

    assert found(tmp) == []
    others: list[dict[str, Any]] = [
        {**tmp, "name": "x"},
        {**tmp, "external": True},
        {**tmp, "driver": "nfs"},
        {"name": tmp["name"]},
    ]
    others += [{**tmp, "driver_opts": {**options, **each}} for each in ({"o": "bind"}, {"device": "/"}, {"x": "y"})]
    assert [found(each) for each in others] == [["volumes tmp"]] * len(others)
    assert found(tmp, name="other") == ["volumes other"] and found(tmp, SHARED) == ["volumes shared/tmp"]
