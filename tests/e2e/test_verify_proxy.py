"""`wt verify` on a proxy that lacks a rule: the row that turns red. The proxy alone, without a sandbox."""

import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from unit.nouns import tree

from support import docker, inspect
from wt import contexts, naming, node, probe, scaffold
from wt.verify import answers, docker_api
from wt.verify.target import Target

pytestmark = pytest.mark.xdist_group("docker-proxy")
IMAGE = "haproxy:3.0"
LIST, REFUSALS = "docker api: list", "docker api: refusals"
# Without what, and the row that says so. What only says no in other words is left out, and what answers less.
MUTANTS = [
    ("if !reads", "if FALSE", REFUSALS),
    ("if upgrades", "if FALSE", REFUSALS),
    ("greets path -m reg ^(/v", "greets path -m reg (/v", REFUSALS),
    ("(_ping|version)$", "(_ping|version)", REFUSALS),
    ("lists path -m reg ^(/v", "lists path -m reg (/v", REFUSALS),
    ("/containers/json$", "/containers/json", REFUSALS),
    ("looks path -m reg ^(/v", "looks path -m reg (/v", REFUSALS),
    ("(json|logs|stats)$", "(json|logs|stats)", REFUSALS),
    ("allow if greets or lists", "allow", REFUSALS),
    ("if !inspected !named !met", "if FALSE", REFUSALS),
    ("if lists all", "if FALSE", LIST),
    ("if lists !all", "if FALSE", LIST),
    ("if !looks", "if FALSE", REFUSALS),
    ("deny_status 403 ", "", REFUSALS),
    ("if inspected !named !ours", "if FALSE", REFUSALS),
    ("which) -m reg ^(NAMES)", "which) -m reg (NAMES)", REFUSALS),
    ("which) -m reg ^(NAMES)-[0-9]+$", "which) -m reg ^(NAMES)-[0-9]+", REFUSALS),
    ("name) -m reg ^/(NAMES)-[0-9]+$", "name) -m reg .", REFUSALS),
    ("name) -m reg ^/(NAMES)-[0-9]+$", "name) -m reg (NAMES)-[0-9]+$", REFUSALS),
    ("name) -m reg ^/(NAMES)-[0-9]+$", "name) -m reg ^/(NAMES)-[0-9]+", REFUSALS),
]


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """A sandbox of one container that does nothing, and a foreign one."""
    at = tree(f"bench{uuid.uuid4().hex[:6]}")
    own = f"{naming.project_name(at)}-app-1"
    docker("run", "--detach", "--network=none", f"--name={own}", IMAGE, "sleep", "900")
    services: dict[str, dict[str, Any]] = {"app": {}, "docker-proxy": {}}
    try:
        with probe.weak(IMAGE, {}, own) as foreign:
            rest: dict[str, Any] = {
                "values": {"WT_DOCKER_SOCKET": "/x"},
                "protect": (),
                "helpers": {},
                "siblings": (),
                "remotes": (),
            }
            app = {"Name": f"/{own}", "Mounts": []}
            yield Target(
                at, services=services, app=app, volumes=frozenset(), foreign=foreign, mark="wt-verify-x", **rest
            )
    finally:
        docker("rm", "--force", own)


@pytest.fixture
def red(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., dict[str, str]]]:
    """What does not hold behind a proxy of another configuration."""
    place = tmp_path / "api"
    place.mkdir()
    for path in (place, *place.parents[:3]):
        path.chmod(0o777)
    name = f"{target.project}-docker-proxy-1"
    socket = place / "docker.sock"
    names = f"{target.project}-(app|docker-proxy)"

    def start(old: str = "", new: str = "") -> dict[str, str]:
        text = scaffold.compose_wt(scaffold.Project("shop", node.package_manager(tmp_path), (".",)))
        service: dict[str, Any] = yaml.safe_load(text)["services"]["docker-proxy"]
        configuration = service["environment"]["CONFIGURATION"].replace("$$", "$")
        plain = configuration.replace("${WT_DOCKER_NAMES:-unprepared}", "NAMES")
        assert old in plain, old
        configuration = (plain.replace(old, new) if old else plain).replace("NAMES", names)
        engine = contexts.socket(Path.home())
        docker(
            *("run", "--detach", "--network=none", "--user=0:0", "--read-only", "--tmpfs=/run:size=64k"),
            *(f"--name={name}", f"--env=CONFIGURATION={configuration}", f"--volume={place}:/run/docker-api"),
            *(f"--volume={engine}:/var/run/docker.sock:ro", f"--entrypoint={service['entrypoint'][0]}", IMAGE),
            *(word.replace("$$", "$") for word in service["entrypoint"][1:]),
        )
        while not socket.exists() and inspect(name)["State"]["Running"]:
            time.sleep(0.05)
        script = docker_api.script(target).replace(docker_api.SOCKET, str(socket))
        script = f"top={tmp_path}; {answers.PRELUDE}\n{script}"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, timeout=60)
        heard = answers.parse(done.stdout)
        rows = docker_api.checks(replace(target), heard, {})
        return {row.control: row.answer for row in rows if row.state != "holds" and row.control != "docker sockets"}

    yield start
    docker("rm", "--force", name)


def test_the_proxy_as_it_is_holds(red: Callable[..., dict[str, str]]) -> None:
    assert red() == {}


@pytest.mark.parametrize(("old", "new", "control"), MUTANTS, ids=[f"{old} -> {new}" for old, new, _ in MUTANTS])
def test_a_rule_that_is_taken_out_is_named(
    red: Callable[..., dict[str, str]], old: str, new: str, control: str
) -> None:
    assert control in red(old, new)
