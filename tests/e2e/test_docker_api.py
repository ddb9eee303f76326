"""What an agent can ask docker, with the docker client that is inside; the rules are tried in test_docker_proxy.py."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from support import Repository, as_user, docker, inspect

ENGINE = "/var/run/docker.sock"
INSIDE = "/run/docker-api/docker.sock"


@dataclass(frozen=True)
class Harbour:
    """A sandbox, the shared services, and a container that is none of its business.

    Attributes:
        own: id of the sandbox's container.
        stranger: name of the other one.
    """

    repository: Repository
    own: str
    stranger: str

    @property
    def project(self) -> str:
        return self.repository.env(self.repository.worktree("lived-in"))["COMPOSE_PROJECT_NAME"]

    @property
    def database(self) -> str:
        return f"{self.repository.env()['WT_SHARED_PROJECT']}-postgres-1"

    def docker(self, line: str) -> tuple[int, str]:
        """Exit code and all that the docker client says inside."""
        done = self.repository.inside("lived-in", f"docker {line}", check=False)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def harbour(lived_in: Repository) -> Iterator[Harbour]:
    """Named as a project of its own whose name begins with the sandbox's."""
    worktree = lived_in.worktree("lived-in")
    lived_in.wt("prepare")
    project = lived_in.env(worktree)["COMPOSE_PROJECT_NAME"]
    own = docker("ps", "-q", "--no-trunc", "--filter", f"name=^/{project}-app-1$")
    said = "echo said; exec sleep 600"
    stranger = f"{project}-{uuid.uuid4().hex[:6]}-app-1"
    docker("run", "--detach", "--rm", f"--name={stranger}", "--network=none", "haproxy:3.0", "sh", "-c", said)
    yield Harbour(lived_in, own, stranger)
    docker("rm", "--force", stranger)


@as_user
def test_what_an_agent_works_with_is_there(harbour: Harbour) -> None:
    names = {f"{harbour.project}-{service}-1" for service in ("app", "guard", "docker-proxy")} | {harbour.database}
    assert set(harbour.docker("ps --format '{{.Names}}'")[1].split()) == names
    assert "database system is ready" in harbour.docker(f"logs {harbour.database}")[1]
    assert harbour.docker(f"logs --tail 1 {harbour.database}")[1].count("\n") == 1
    assert harbour.docker(f"inspect --format '{{{{.Id}}}}' {harbour.project}-app-1") == (0, f"{harbour.own}\n")
    assert "%" in harbour.docker(f"stats --no-stream {harbour.project}-app-1")[1].splitlines()[1]
    assert harbour.docker("version --format '{{.Server.Version}}'")[0] == 0


@as_user
def test_all_shows_what_has_ended_too_and_no_more(harbour: Harbour) -> None:
    ended = f"{harbour.project}-app-77"
    docker("run", f"--name={ended}", "--network=none", "haproxy:3.0", "true")
    try:
        assert ended not in harbour.docker("ps --format '{{.Names}}'")[1]
        shown = harbour.docker("ps --all --filter name=. --format '{{.Names}}'")[1]
        assert ended in shown and harbour.stranger not in shown.split()
        assert harbour.stranger in docker("ps", "--format", "{{.Names}}").split()
    finally:
        docker("rm", ended)


@as_user
@pytest.mark.parametrize("what", ["name", "id", "short id"])
@pytest.mark.parametrize("verb", ["inspect --type container", "logs", "stats --no-stream", "top"])
def test_others_are_refused_by_whatever_they_are_called(harbour: Harbour, verb: str, what: str) -> None:
    number = inspect(harbour.stranger)["Id"]
    called = {"name": harbour.stranger, "id": number, "short id": number[:12]}[what]
    code, said = harbour.docker(f"{verb} {called}")
    reason = "this is not offered in a sandbox" if verb == "top" else f"{called} is no container of this sandbox"
    assert code != 0 and said.count("\n") <= 3 and f"Error response from daemon: wt: {reason}" in said
    assert docker(*verb.split(), called)


@as_user
def test_own_containers_are_known_by_id_once_they_were_asked_about(harbour: Harbour) -> None:
    for called in (harbour.own, harbour.own[:12]):
        assert harbour.docker(f"inspect --type container --format '{{{{.Name}}}}' {called}")[0] == 0
        assert harbour.docker(f"logs {called}")[0] == 0
    assert harbour.docker(f"stats --no-stream {harbour.own}")[0] == 0
    refused = harbour.docker(f"stats --no-stream {harbour.own[:12]}")[1]
    assert f"wt: {harbour.own[:12]} is no container of this sandbox" in refused


@as_user
def test_the_proxy_is_for_this_sandbox_alone_and_grants_nothing(harbour: Harbour) -> None:
    proxy = inspect(f"{harbour.project}-docker-proxy-1")
    host = proxy["HostConfig"]
    assert (host["NetworkMode"], host["ReadonlyRootfs"], host["CapDrop"]) == ("none", True, ["ALL"])
    assert host["SecurityOpt"] == ["no-new-privileges:true"] and host["PidsLimit"] == 32
    assert {mount["Destination"] for mount in proxy["Mounts"]} == {ENGINE, "/run/docker-api"}
    app = {mount["Destination"]: mount for mount in inspect(harbour.own)["Mounts"]}
    assert ENGINE not in app and not app["/run/docker-api"]["RW"]
    done = harbour.repository.inside("lived-in", f"rm {INSIDE}; mv {INSIDE} {INSIDE}.x; touch {INSIDE}.y", check=False)
    assert done.stderr.count("Read-only file system") == 3


@as_user
def test_where_there_is_no_proxy_a_refusal_looks_different(harbour: Harbour) -> None:
    docker("stop", f"{harbour.project}-docker-proxy-1")
    code, said = harbour.docker("ps")
    assert code != 0 and "Cannot connect to the Docker daemon" in said and "wt:" not in said
    assert re.search(r"docker-proxy-1 .*(ended|not running)", harbour.repository.wt("doctor", check=False).stdout)
    harbour.repository.wt("up", "lived-in")
    assert harbour.docker("ps")[0] == 0


@as_user
def test_without_docker_api_there_is_none(repository: Repository) -> None:
    config = repository.path / ".devcontainer/wt.toml"
    config.write_text(config.read_text() + "\ndocker_api = false\n")
    done = repository.wt("prepare", check=False)
    assert done.returncode == 3 and "docker_api in .devcontainer/wt.toml" in done.stderr
    repository.wt("init", "--upgrade")
    repository.git("commit", "--quiet", "--all", "--message=without")
    repository.wt("new", "x")
    assert repository.inside("x", f'echo "[$DOCKER_HOST]"; ls {INSIDE}', check=False).stdout == "[]\n"
    names = docker("ps", "--format", "{{.Names}}", "--filter", f"label=wt.path={repository.worktree('x')}")
    assert len(names.split()) == 2 and "docker-proxy" not in names
