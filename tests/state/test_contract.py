"""What the engine in memory does is what the real one does: the same assertions on both."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from unit.repos import git, repository

from state.memory import IMAGE, Memory
from state.real import Engine, Real, base_image
from state.world import COMPOSE, DOCKERFILE
from wt import compose, docker, inventory, naming
from wt.errors import ToolError, WtError
from wt.model import ComposeProject, Container, Holding

SHARED = naming.network_labels(None)
LABELS = """\
x-labels: &labels
  wt.repo: ${WT_REPO_ID}
  wt.common-dir: ${GIT_COMMON_DIR}
  wt.worktree: ${WT_WORKTREE_ID}
  wt.role: sandbox
services:
  app:
    build: {labels: *labels}
    user: "${WT_UID}:${WT_GID}"
    init: true
    labels:
      <<: *labels
      wt.config: ${WT_CONFIG:-unprepared}
      wt.hidden: '["trees"]'
    volumes:
      - {type: bind, source: "${PLACE}", target: /app, bind: {create_host_path: false}}
      - {type: bind, source: "${PLACE}/repo.git", target: /wt/repo.git, bind: {create_host_path: false}}
      - {type: bind, source: "${GIT_COMMON_DIR}/objects", target: /wt/objects, read_only: true}
      - {type: volume, source: cache, target: /cache}
    networks: [dev]
networks:
  dev: {external: true, name: "${WT_NETWORK}"}
volumes:
  cache: {labels: *labels}
"""


@dataclass
class Bench:
    """An engine, and a place for the files of projects."""

    engine: Engine
    home: Path
    image: str
    shop: Path

    def project(self, name: str, **values: str) -> ComposeProject:
        """A small project; its name is made unique on this machine."""
        place = self.home / name
        place.mkdir(exist_ok=True)
        if not (place / "repo.git").exists():
            git(self.home, "clone", "--quiet", "--bare", "--shared", str(self.shop), str(place / "repo.git"))
            (place / "repo.git/objects/info/alternates").write_text("/wt/objects\n")
        own = {"PLACE": str(place), "WT_NETWORK": self.image, "GIT_COMMON_DIR": str(self.shop / ".git")}
        own |= {"WT_REPO_ID": self.home.name, "WT_WORKTREE_ID": name, "WT_CONFIG": "first"}
        own |= {"WT_UID": str(os.getuid()), "WT_GID": str(os.getgid()), **values}
        files = {"Dockerfile": DOCKERFILE.format(image=self.image), "a.yml": COMPOSE, "b.yml": LABELS}
        files[".env"] = "".join(f"{key}='{value}'\n" for key, value in own.items())
        for file, text in files.items():
            (place / file).write_text(text)
        return ComposeProject(
            f"{name}-{self.home.name[2:8]}", (place / "a.yml", place / "b.yml"), place / ".env", place
        )

    def started(self, name: str = "x") -> ComposeProject:
        project = self.project(name)
        docker.create_network(self.image, SHARED)
        compose.build(project, ignore)
        compose.up(project, ignore, recreate=True)
        return project


def ignore(_line: str) -> None:
    pass


@pytest.fixture(scope="module", params=["memory", "real"])
def image(request: pytest.FixtureRequest, clean_machine: None) -> Iterator[str]:
    """The image that all of a module's projects are built from, on one of the engines."""
    if request.param == "memory":
        yield IMAGE
        return
    name = f"wt-state-{os.getpid()}"
    with base_image(name):
        yield name


@pytest.fixture
def bench(image: str, tmp_path: Path) -> Iterator[Bench]:
    engine: Engine = Memory([image]) if image == IMAGE else Real()
    home = tmp_path / f"wt{uuid.uuid4().hex[:8]}"
    home.mkdir()
    with engine.installed():
        yield Bench(engine, home, image, repository(tmp_path / "shop"))
        engine.forget(home.name)
        engine.rm_network(f"{home.name}-net")


def only(project: ComposeProject) -> Container:
    (found,) = docker.containers(project=project.name)
    return found


def held(bench: Bench, kind: str) -> list[Holding]:
    return [each for each in inventory.holdings() if each.repository == bench.home.name and each.kind == kind]


def test_a_started_container_says_what_it_is(bench: Bench) -> None:
    project = bench.started()
    found = only(project)
    assert found.running and found.alive and found.healthy and not found.paused
    assert found == replace(
        found,
        name=f"{project.name}-app-1",
        networks=(bench.image,),
        image=f"{project.name}-app",
        project=project.name,
        service="app",
        repository=bench.home.name,
        worktree="x",
        config="first",
        hidden=("trees",),
    )
    assert found in docker.containers()
    assert docker.containers(project="wt-no-such-project") == ()
    assert docker.processes(found) == () and docker.last_lines(found) == []
    bench.engine.work_in(found.id)
    assert docker.processes(found) == ("sleep 1000",)
    docker.linger(found)


def test_what_compose_makes_of_the_files(bench: Bench) -> None:
    project = bench.project("x")
    found = compose.resolved(project)
    app = found["services"]["app"]
    assert [(each["type"], each["source"], each["target"], bool(each.get("read_only"))) for each in app["volumes"]] == [
        ("bind", str(project.directory), "/app", False),
        ("bind", f"{project.directory}/repo.git", "/wt/repo.git", False),
        ("bind", f"{bench.shop}/.git/objects", "/wt/objects", True),
        ("volume", "cache", "/cache", False),
    ]
    assert (app["user"], found["networks"]["dev"]["name"]) == (f"{os.getuid()}:{os.getgid()}", bench.image)


def test_what_a_project_holds_is_told_by_labels(bench: Bench) -> None:
    project = bench.started()
    (container,), (volume,), (image,) = (held(bench, kind) for kind in ("container", "volume", "image"))
    for each in (container, volume, image):
        assert (each.project, each.worktree, each.role) == (project.name, "x", "sandbox")
        assert each.common_dir == bench.shop / ".git" and each.used and not each.outdated and each.created
    assert container.running and not volume.running and not image.running
    assert (container.name, volume.name) == (f"{project.name}-app-1", f"{project.name}_cache")
    assert image.name.removesuffix(":latest") == f"{project.name}-app" and docker.image_exists(image.id)
    assert set(inventory.volume_bytes()) >= {project.name}
    assert inventory.volume_projects(bench.home.name) == (project.name,)
    assert inventory.volume_projects("another") == ()
    assert all(each.size is not None for each in inventory.sized((container, volume, image)))


MORE = "  cache:\n    image: {}\n    command: [sleep, infinity]\n    volumes: [data:/data]\nvolumes:\n  data:\n"


def test_what_a_project_has_without_a_label_is_told_by_its_project(bench: Bench) -> None:
    project = bench.project("x")
    docker.create_network(bench.image, SHARED)
    project.files[0].write_text(COMPOSE + MORE.format(bench.image))
    compose.build(project, ignore)
    compose.up(project, ignore, recreate=True)
    found = [each for kind in ("container", "volume", "network") for each in held(bench, kind)]
    assert sorted((each.kind, each.name, each.role) for each in found) == [
        ("container", f"{project.name}-app-1", "sandbox"),
        ("container", f"{project.name}-cache-1", "service"),
        ("network", f"{project.name}_default", "service"),
        ("volume", f"{project.name}_cache", "sandbox"),
        ("volume", f"{project.name}_data", "service"),
    ]
    assert {(each.worktree, each.common_dir) for each in found} == {("x", bench.shop / ".git")}
    inventory.remove(each for each in found if each.role == "service")
    assert {each.role for each in inventory.holdings() if each.project == project.name} == {"sandbox"}
    inventory.remove(each for each in found if each.role == "sandbox")


NAMED = (
    "  more:\n    image: {0}\n    command: [sleep, infinity]\n    volumes: [data:/data]\n    networks: [own]\n"
    "volumes:\n  data: {{name: {1}-data}}\nnetworks:\n  own: {{name: {1}-own}}\n"
)


@pytest.mark.parametrize("labelled", [False, True])
def test_what_has_a_name_of_its_own_is_not_the_project_s_that_made_it_first(bench: Bench, *, labelled: bool) -> None:
    name = bench.home.name
    docker.create_network(bench.image, SHARED)
    first, second = (bench.project(each) for each in ("x", "y"))
    for project in (first, second):
        text = COMPOSE + NAMED.format(bench.image, name)
        labels = f"{name}-data, labels: {{wt.role: sandbox, wt.repo: {name}, wt.worktree: {project.directory.name}}}"
        project.files[0].write_text(text.replace(f"{name}-data", labels) if labelled else text)
        compose.build(project, ignore)
        compose.up(project, ignore, recreate=True)
    ours = {each.name for kind in ("volume", "network") for each in held(bench, kind)}
    assert ours == {f"{first.name}_cache", f"{second.name}_cache"}
    assert set(inventory.volumes_of(first.name)) == {f"{first.name}_cache", f"{name}-data"}
    docker.remove_project(first.name)
    assert docker.containers(project=first.name) == () and len(docker.containers(project=second.name)) == 2
    assert inventory.volumes_of(first.name) == (f"{name}-data",)
    assert inventory.volume_projects(name) == (second.name,)
    docker.remove_project(second.name)
    assert inventory.volumes_of(first.name) == (f"{name}-data",) and docker.network_driver(f"{name}-own") == "bridge"
    assert inventory.volume_projects(name) == () and not held(bench, "volume")
    docker.remove("volume", f"{name}-data")
    docker.remove_network_if_unused(f"{name}-own")


def test_a_volume_of_a_set_up_by_hand_is_told_by_its_name(bench: Bench) -> None:
    name = f"claude-code-{bench.home.name}-node-modules"
    assert name not in inventory.by_hand()
    with bench.engine.volume(name), bench.engine.volume(f"{name}-more"):
        assert name in inventory.by_hand() and f"{name}-more" not in inventory.by_hand()
        assert not any(each.name == name for each in inventory.holdings())


def test_states(bench: Bench) -> None:
    project = bench.started()
    first = only(project).id
    bench.engine.pause(first)
    assert only(project).paused and only(project).alive and not only(project).running
    docker.resume(project.name)
    assert only(project).running
    bench.engine.pause(first)
    docker.stop(project.name)
    assert only(project).state == "exited" and not only(project).alive
    docker.stop(project.name)
    docker.resume(project.name)
    assert only(project).state == "exited" and not held(bench, "container")[0].running
    compose.up(project, ignore, recreate=False)
    assert only(project).running and only(project).id == first
    bench.engine.kill(first)
    assert only(project).state == "exited"
    bench.engine.rm(first)
    assert docker.containers(project=project.name) == () and len(held(bench, "volume")) == 1


def test_what_was_stopped_is_seen_as_stopped_at_once(bench: Bench) -> None:
    """A real engine's list was behind in some of a hundred cases: wt then took it for one to run a program in."""
    project = bench.started()
    for _ in range(10):
        docker.stop(project.name)
        assert not only(project).alive
        compose.up(project, ignore, recreate=False)


def test_up_makes_anew_only_what_changed_and_only_when_asked(bench: Bench) -> None:
    project = bench.started()
    first = only(project).id
    compose.build(project, ignore)
    compose.up(project, ignore, recreate=True)
    assert only(project).id == first
    bench.project("x", WT_CONFIG="second")
    compose.up(project, ignore, recreate=False)
    assert (only(project).id, only(project).config) == (first, "first")
    compose.up(project, ignore, recreate=True)
    assert only(project).config == "second" and only(project).id != first and only(project).running
    bench.engine.pause(only(project).id)
    compose.up(project, ignore, recreate=True)
    assert only(project).running


def test_an_image_that_is_built_anew_leaves_the_old_one_without_a_name(bench: Bench) -> None:
    project = bench.started()
    bench.project("x", GIT_COMMON_DIR=str(bench.shop / "../shop/.git"))
    compose.build(project, ignore)
    old, new = sorted(held(bench, "image"), key=lambda each: not each.outdated)
    assert old.outdated and old.used and not new.outdated and not new.used
    # The container names what it was made of.
    assert only(project).image == old.id and docker.image_exists(only(project).image)
    compose.up(project, ignore, recreate=True)
    old, new = sorted(held(bench, "image"), key=lambda each: not each.outdated)
    assert old.outdated and not old.used and new.used
    inventory.remove([old])
    assert [each.id for each in held(bench, "image")] == [new.id]
    assert docker.image_exists(new.id) and not docker.image_exists(old.id)


def test_what_is_not_there_stops_a_start(bench: Bench) -> None:
    docker.create_network(bench.image, SHARED)
    project = bench.project("x")
    with pytest.raises(WtError):
        compose.up(project, ignore, recreate=True)
    assert docker.containers(project=project.name) == () and not docker.image_exists(f"{project.name}-app")
    compose.build(project, ignore)
    shutil.rmtree(bench.home / "x/repo.git")
    with pytest.raises(WtError):
        compose.up(project, ignore, recreate=True)
    assert not any(each.alive for each in docker.containers(project=project.name))
    bench.project("x", WT_NETWORK="wt-no-such-network")
    with pytest.raises(WtError):
        compose.up(project, ignore, recreate=True)


def test_a_project_goes_whole_and_alone(bench: Bench) -> None:
    one, other = bench.started("x"), bench.started("x-2")
    docker.remove_project(one.name, volumes=False, images=False)
    assert docker.containers(project=one.name) == ()
    assert [len(held(bench, kind)) for kind in ("container", "volume", "image")] == [1, 2, 2]
    docker.remove_project(one.name)
    assert only(other).running
    assert [each.project for kind in ("container", "volume", "image") for each in held(bench, kind)] == [other.name] * 3
    docker.remove_project(one.name)


def test_each_holding_can_be_removed_by_itself(bench: Bench) -> None:
    bench.started()
    (container,), (volume,), (image,) = (held(bench, kind) for kind in ("container", "volume", "image"))
    for each in (volume, image):
        with pytest.raises(ToolError):
            inventory.remove([each])
    inventory.remove([image, volume, container])
    assert [held(bench, kind) for kind in ("container", "volume", "image")] == [[], [], []]
    inventory.remove([image, volume, container])


def test_networks(bench: Bench) -> None:
    name = f"{bench.home.name}-net"
    assert docker.network_driver(name) is None
    docker.remove_network_if_unused(name)
    docker.create_network(name, SHARED)
    docker.create_network(name, SHARED)
    assert docker.network_driver(name) == "bridge"
    (found,) = [each for each in inventory.holdings() if each.name == name]
    assert (found.kind, found.role, found.repository, found.used) == ("network", "shared", "", False)
    docker.remove_network_if_unused(name)
    assert docker.network_driver(name) is None
    project = bench.project("x", WT_NETWORK=name)
    docker.create_network(name, SHARED)
    compose.build(project, ignore)
    compose.up(project, ignore, recreate=True)
    docker.remove_network_if_unused(name)
    assert docker.network_driver(name) == "bridge"
    docker.stop(project.name)
    docker.remove_network_if_unused(name)
    assert docker.network_driver(name) == "bridge" and only(project).networks == (name,)
    docker.remove_project(project.name)
    docker.remove_network_if_unused(name)
    assert docker.network_driver(name) is None


def test_a_network_that_is_made_again_is_another_one(bench: Bench) -> None:
    name = f"{bench.home.name}-net"
    docker.create_network(name, SHARED)
    project = bench.project("x", WT_NETWORK=name)
    compose.build(project, ignore)
    compose.up(project, ignore, recreate=True)
    (network,) = [each for each in inventory.holdings() if each.name == name]
    with pytest.raises(ToolError):
        inventory.remove([network])
    docker.stop(project.name)
    assert docker.astray([only(project)]) == ()
    inventory.remove([network])
    docker.create_network(name, SHARED)
    stopped = only(project)
    assert docker.astray([stopped]) == (stopped,)
    with pytest.raises(WtError):
        compose.up(project, ignore, recreate=False)
    compose.up(project, ignore, recreate=True, force=True)
    assert only(project).running and docker.astray([only(project)]) == ()
    docker.remove_project(project.name)
    docker.remove_network_if_unused(name)


def test_services_that_are_waited_for(bench: Bench) -> None:
    project = bench.project("x")
    docker.create_network(bench.image, SHARED)
    docker.require_versions()
    compose.build(project, ignore)
    compose.up_and_wait(project, ["app"], ignore, seconds=30, recreate=False)
    assert only(project).healthy


def test_commits_are_served_by_a_container_that_runs_and_by_an_image(bench: Bench, tmp_path: Path) -> None:
    project = bench.started()
    private = bench.home / "x/repo.git"
    script = "git -c user.name=a -c user.email=a@b commit-tree -m inside HEAD^{tree}"
    made = bench.engine.inside(only(project).id, f"export GIT_DIR=${{GIT_DIR:-/wt/repo.git}}; {script}")
    assert made.returncode == 0, made.stderr
    oid = made.stdout.strip()
    running = docker.upload_pack_running(only(project))
    status = private.stat()
    owner = (status.st_uid, status.st_gid)
    stopped = docker.upload_pack_stopped(f"{project.name}-app", private, bench.shop / ".git/objects", owner)
    for number, server in enumerate((running, stopped)):
        target = repository(tmp_path / f"target-{number}")
        quoted = " ".join(word.replace("%", "%%").replace(" ", "% ") for word in server)
        subprocess.run(
            ["git", "-c", "protocol.ext.allow=always", "fetch", "--quiet", f"ext::{quoted}", oid],
            cwd=target,
            check=True,
            capture_output=True,
        )
        assert git(target, "log", "-1", "--format=%s", oid) == "inside"


def test_a_container_sees_the_directory_that_it_was_started_with(bench: Bench) -> None:
    project = bench.started()
    place = bench.home / "x"
    place.rename(bench.home / "elsewhere")
    assert bench.engine.inside(only(project).id, "echo here >seen").returncode == 0
    assert (bench.home / "elsewhere/seen").read_text() == "here\n" and not place.exists()
    docker.stop(project.name)
    moved = tuple(bench.home / "elsewhere" / each.name for each in project.files)
    with pytest.raises(WtError):
        compose.up(replace(project, files=moved, env_file=moved[0].with_name(".env")), ignore, recreate=False)
    assert not only(project).alive
    shutil.rmtree(bench.home / "elsewhere")
