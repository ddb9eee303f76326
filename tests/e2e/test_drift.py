"""What can come to differ from how wt left it, on a real engine: named by `wt doctor`, mended by `wt up`."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import BESIDE, Repository, as_user, docker

pytestmark = as_user

HELPER = """
  helper:
    image: debian:trixie-slim
    entrypoint: ["sleep", "infinity"]
    init: true
    labels: {wt.repo: "$WT_REPO_ID"}
    networks: [dev]
"""


@pytest.fixture(scope="module")
def drifting(make_repository: Callable[..., Repository]) -> Iterator[Repository]:
    """A repository without shared services on a network of its own, with a sandbox `drift` of two containers."""
    repository = make_repository("sea", initialise=False)
    repository.wt("init")
    devcontainer = repository.path / ".devcontainer"
    (devcontainer / "docker-compose.shared.yml").unlink()
    network = f"wt-e2e-{repository.path.parent.name}"
    (devcontainer / "wt.toml").write_text(f'network = "{network}"\n')
    compose = devcontainer / "docker-compose.yml"
    compose.write_text(compose.read_text().replace("services:\n", f"services:{HELPER}", 1))
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message=first")
    repository.wt("new", "drift", "--wait")
    yield repository
    repository.remove()
    docker("network", "rm", network, check=False)


def doctor(
    repository: Repository, code: int | None = 1, env: dict[str, str] | None = None
) -> list[tuple[str, str | None]]:
    """States and commands of what it finds."""
    done = repository.wt("doctor", "--json", check=False, env=env)
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return [(each["state"], each["command"]) for each in json.loads(done.stdout)["result"]]


def ls(repository: Repository, name: str = "sea-drift") -> str:
    return next(line for line in repository.wt("ls").stdout.splitlines() if line.startswith(f"{name} "))


def container(repository: Repository, service: str = "app") -> str:
    return f"{repository.env(repository.worktree('drift'))['COMPOSE_PROJECT_NAME']}-{service}-1"


def mended(repository: Repository) -> None:
    """All is well, and work goes on."""
    assert repository.wt("doctor").stdout == "nothing is wrong\n"
    assert ls(repository).split()[:3] == ["sea-drift", "drift", "running"]
    repository.inside("drift", "git commit -q --allow-empty -m more && git fetch -q host && test -e node_modules/.bin")
    assert "1 commit further" in repository.wt("sync", "drift").stdout


@pytest.mark.parametrize("again", [True, False])
def test_a_sandbox_whose_network_was_removed_gets_the_new_one(drifting: Repository, again: bool) -> None:
    network = drifting.env(drifting.worktree("drift"))["WT_NETWORK"]
    drifting.wt("down", "drift")
    docker("network", "rm", network)
    if again:
        docker("network", "create", network)
    assert doctor(drifting) == [("network gone", "wt up sea-drift")]
    drifting.wt("up", "drift")
    mended(drifting)


def test_a_container_that_was_removed_or_paused_comes_back(drifting: Repository) -> None:
    docker("rm", "--force", container(drifting, "helper"))
    assert doctor(drifting) == [("incomplete", "wt up sea-drift")]
    drifting.wt("up", "drift")
    docker("kill", container(drifting, "helper"))
    assert doctor(drifting) == [("not running", "wt up sea-drift")]
    drifting.wt("up", "drift")
    docker("pause", container(drifting))
    assert doctor(drifting) == [("paused", "wt up sea-drift")] and "paused" in ls(drifting)
    drifting.wt("up", "drift")
    docker("rm", "--force", container(drifting))
    assert doctor(drifting) == [("incomplete", "wt up sea-drift")] and "none" in ls(drifting)
    drifting.wt("up", "drift")
    mended(drifting)


def test_containers_volumes_and_image_that_were_removed_are_made_again(drifting: Repository) -> None:
    drifting.wt("down", "drift")
    project = container(drifting).removesuffix("-app-1")
    docker("rm", *(container(drifting, service) for service in ("app", "helper", *BESIDE)))
    docker("volume", "rm", f"{project}_node-modules")
    docker("image", "rm", "--force", f"{project}-app")
    assert doctor(drifting, 0) == []
    drifting.wt("up", "drift", "--wait")
    mended(drifting)


def test_what_misleads_others_than_wt_is_named_on_a_host_that_is_well(drifting: Repository) -> None:
    """Engine, programs, rights and disks of this machine are as they should be: the first line says so."""
    assert doctor(drifting, 0) == []
    project = drifting.env(drifting.worktree("drift"))["COMPOSE_PROJECT_NAME"]
    env = {"COMPOSE_PROJECT_NAME": project, "GIT_INDEX_FILE": "x"}
    assert doctor(drifting, env=env) == [("variables", "unset COMPOSE_PROJECT_NAME GIT_INDEX_FILE")]
    outside = drifting.wt("doctor", cwd=drifting.account.home)
    assert outside.stdout == "nothing is wrong\n" and "only the host was looked at" in outside.stderr


def test_tracked_files_that_are_another_wt_s_are_named_and_written_again(drifting: Repository) -> None:
    place = drifting.worktree("drift")
    path = place / ".devcontainer/compose.wt.yml"
    path.write_text(path.read_text() + "# of another version\n")
    assert ("stale", f"(cd {place} && wt init --upgrade)") in doctor(drifting)
    drifting.account.run("bash", "-ec", f"cd {place} && wt init --upgrade")
    assert "stale" not in dict(doctor(drifting, None))
    drifting.git("checkout", "-q", ".", cwd=place)
    drifting.git("clean", "-qfd", ".devcontainer", cwd=place)
    drifting.wt("up", "drift")
    mended(drifting)


def test_files_that_were_removed_or_edited_are_written_again(drifting: Repository) -> None:
    place = drifting.worktree("drift")
    state, env = drifting.path / ".git/wt-sandbox/sea-drift", place / ".devcontainer/.env"
    drifting.wt("down", "drift")
    shutil.rmtree(state / "host.git")
    for path in (state / "dot-git", state / "made", env):
        path.unlink()
    assert doctor(drifting) == [("unprepared", "wt up sea-drift")] and "stopped, outdated" in ls(drifting)
    drifting.wt("up", "drift")
    mended(drifting)
    env.write_text(env.read_text().replace("WT_PIDS=", "WT_PIDS=1#"))
    assert doctor(drifting) == [("unprepared", "wt up sea-drift")]
    with (place / ".devcontainer/Dockerfile").open("a") as file:
        file.write("# changed\n")
    assert doctor(drifting) == [("untrusted", "wt trust sea-drift")]
    drifting.wt("trust", "--yes", "drift")
    assert doctor(drifting) == [("outdated", "wt up sea-drift")]
    drifting.wt("prepare", cwd=place)
    assert "running, outdated" in ls(drifting)
    drifting.wt("up", "drift")
    drifting.git("checkout", "-q", ".", cwd=place)
    drifting.wt("up", "drift")
    mended(drifting)


def test_a_broken_private_repository_is_put_aside_once_its_sandbox_is_stopped(drifting: Repository) -> None:
    drifting.inside("drift", "git commit -q --allow-empty -m precious; rm -rf /wt/repo.git/*")
    assert "unreadable" in ls(drifting)
    said = drifting.wt("up", "drift").stderr
    assert "is broken: it has no HEAD; `wt down sea-drift`, then `wt up sea-drift` puts it aside" in said
    assert doctor(drifting) == [("broken", "wt down sea-drift && wt up sea-drift")]
    done = drifting.wt("down", "drift")
    assert done.stdout.splitlines() == [
        "sea-drift: the private repository of sea-drift is broken: it has no HEAD",
        "  hint: `wt up sea-drift` puts it aside and makes a new one, once it is stopped",
    ]
    assert "stopped" in ls(drifting)
    said = drifting.wt("up", "drift").stderr
    aside = drifting.path / ".git/wt-sandbox/aside"
    assert f"it is kept, as it is, in {aside}/sea-drift.*" in said
    assert len(list(aside.glob("sea-drift.*/repo.git"))) == 1
    mended(drifting)


def test_a_sandbox_is_stopped_though_nothing_can_be_imported_from_it(drifting: Repository) -> None:
    drifting.inside("drift", "git commit -q --allow-empty -m lost; rm -rf /wt/repo.git/objects/??")
    assert drifting.wt("sync", "drift", check=False).returncode == 4
    done = drifting.wt("down", "drift")
    assert done.stdout.startswith("sea-drift: sea-drift could not be imported: ") and "stopped" in ls(drifting)
    # What doctor gives for a private repository of the agent's own.
    (drifting.path / ".git/wt-sandbox/sea-drift/repo.git/objects/info/alternates").unlink()
    ((state, command),) = doctor(drifting)
    assert state == "replaced"
    aside = drifting.path / ".git/wt-sandbox/aside"
    before = {*aside.iterdir()}
    drifting.account.run("bash", "-ec", str(command), cwd=drifting.path)
    # What was put aside, and the refs that had been imported from it.
    assert set(doctor(drifting)) == {("leftover", "wt gc")}
    (place,) = {*aside.iterdir()} - before
    assert list(place.iterdir()) == [place / "repo.git"]
    shutil.rmtree(place)
    drifting.wt("gc", "--yes")
    mended(drifting)


def test_a_worktree_with_a_broken_private_repository_can_be_removed(drifting: Repository) -> None:
    drifting.wt("new", "other")
    drifting.inside("other", "rm /wt/repo.git/HEAD")
    assert drifting.wt("rm", "other", check=False).returncode == 3
    shutil.rmtree(drifting.worktree("other"))
    said = drifting.wt("rm", "--force", "--delete-branch", "other").stderr
    aside = next((drifting.path / ".git/wt-sandbox/aside").glob("sea-other.*/repo.git"))
    assert f"is broken: it has no HEAD; it is kept in {aside}" in said
    assert doctor(drifting, 0) == [] and "sea-other" not in drifting.wt("ls").stdout


def test_a_worktree_that_git_forgot_is_one_again_with_its_sandbox(drifting: Repository) -> None:
    place = drifting.worktree("drift")
    drifting.inside("drift", "git commit -q --allow-empty -m inside; echo dirty > dirty")
    shutil.rmtree(drifting.path / ".git/worktrees/sea-drift")
    ((state, command),) = doctor(drifting)
    assert state == "forgotten"
    assert drifting.wt("gc", "--dry-run").stdout.endswith("nothing to remove\n")
    assert "of a worktree that git does not know any more: see wt doctor" in drifting.wt("ls").stderr
    drifting.account.run("bash", "-ec", str(command), cwd=drifting.path)
    assert drifting.git("status", "--porcelain", cwd=place) == "?? dirty"
    (place / "dirty").unlink()
    assert doctor(drifting) == [("outdated", "wt up sea-drift")]
    assert "1 commit further" in drifting.wt("sync", "drift").stdout
    drifting.wt("up", "drift")
    mended(drifting)


def test_a_worktree_that_was_moved_by_hand_goes_on(drifting: Repository) -> None:
    place = drifting.worktree("drift")
    place.rename(place.with_name("sea-drift2"))
    found = doctor(drifting)
    assert found == [("moved", f"git worktree repair {place}2")] and "gone" in ls(drifting)
    drifting.account.run("bash", "-ec", str(found[0][1]), cwd=drifting.path)
    assert drifting.worktree("drift") == Path(f"{place}2")
    drifting.wt("up", "drift")
    drifting.git("worktree", "move", f"{place}2", place)
    drifting.wt("up", "drift")
    # The place is a label of the image.
    assert set(doctor(drifting)) == {("leftover", "wt gc")}
    drifting.wt("gc", "--yes")
    mended(drifting)


def rebuilt(repository: Repository) -> None:
    """Its image says where its worktree is; the one from before the move is for `wt gc`, which is told and does it."""
    repository.wt("up", "drift")
    assert doctor(repository) == [("leftover", "wt gc")]
    repository.wt("gc", "--yes")
    assert doctor(repository, 0) == []


def test_shared_services_whose_network_was_removed_get_the_new_one(repository: Repository) -> None:
    network = f"wt-e2e-{repository.path.parent.name}"
    (repository.path / ".devcontainer/wt.toml").write_text(f'network = "{network}"\n')
    repository.wt("shared", "up")
    shared = repository.env()["WT_SHARED_PROJECT"]
    try:
        docker("stop", f"{shared}-postgres-1")
        docker("network", "rm", network)
        assert doctor(repository) == [("network gone", "wt shared up")]
        repository.wt("prepare")
        assert doctor(repository, 0) == []
        docker("stop", f"{shared}-postgres-1")
        docker("network", "rm", network)
        repository.wt("shared", "up")
        assert doctor(repository, 0) == []
    finally:
        docker("rm", "--force", f"{shared}-postgres-1", check=False)
        docker("network", "rm", network, check=False)
