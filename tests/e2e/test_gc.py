"""`wt gc` on a real engine: it removes what no worktree owns, imports first, and leaves alone what is not its own."""

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jsonschema
import pytest

from support import BESIDE, PROJECT, Repository, as_user, docker

KINDS = (("ps", "--all"), ("volume", "ls"), ("network", "ls"), ("image", "ls"))


def held(label: str) -> list[str]:
    """What docker holds with a label, of any kind."""
    return [each for kind in KINDS for each in docker(*kind, "--quiet", "--filter", f"label={label}").split()]


def collect(repository: Repository, *words: str) -> dict[tuple[str, str], dict[str, str]]:
    answer = json.loads(repository.wt("gc", *words, "--json", check=False).stdout)
    jsonschema.validate(answer, json.loads((PROJECT / "docs/reference/schemas/gc.json").read_text()))
    rows = answer["result"]
    # A set-up by hand may have volumes on this machine, which every gc names.
    own = repository.path.name
    return {(row["kind"], row["name"]): row for row in rows if "claude-code-" not in row["name"] or own in row["name"]}


def states(repository: Repository, *words: str) -> list[tuple[str, str]]:
    return [(kind, row["state"]) for (kind, _), row in collect(repository, *words).items()]


def test_what_git_alone_removed_goes_after_its_commits_are_safe(repository: Repository) -> None:
    repository.wt("new", "x")
    repository.wt("new", "y")
    kept, gone = (repository.env(repository.worktree(name))["COMPOSE_PROJECT_NAME"] for name in "yx")
    repository.inside("x", "git commit -q --allow-empty -m precious && echo 1 > f && git add f && git stash -q")
    before = held(f"com.docker.compose.project={kept}")
    assert states(repository, "--dry-run") == []
    repository.git("worktree", "remove", "--force", repository.worktree("x"))
    everything = held(f"com.docker.compose.project={gone}")
    assert len(everything) > 4
    plan = collect(repository, "--dry-run")
    assert set(plan) == {("private repository", "shop-x"), ("sandbox", gone)}
    assert all(row["state"] == "removable" and row["size"] for row in plan.values())
    assert held(f"com.docker.compose.project={gone}") == everything, "a dry run changed something"
    assert repository.wt("gc", check=False).returncode == 2

    assert {row["state"] for row in collect(repository, "--yes").values()} == {"removed"}
    assert held(f"com.docker.compose.project={gone}") == []
    assert held(f"com.docker.compose.project={kept}") == before
    assert repository.inside("y", "git status --porcelain").stdout == ""
    assert not (repository.path / ".git/wt-sandbox/shop-x").exists()
    subjects = repository.git("log", "--format=%s", "refs/wt/shop-x/heads/x", "refs/wt/shop-x/stash/0")
    assert "precious" in subjects and "WIP on x" in subjects
    (row,) = collect(repository, "--yes").values()
    assert (row["kind"], row["state"]) == ("refs", "kept") and "nowhere else" in row["reason"]
    repository.git("branch", "--force", "x", "refs/wt/shop-x/heads/x")
    repository.git("tag", "stash", "refs/wt/shop-x/stash/0")
    assert states(repository, "--yes") == [("refs", "removed")]
    assert states(repository, "--yes") == []


@as_user
def test_who_is_at_work_is_not_disturbed_and_images_that_are_gone_are_no_loss(repository: Repository) -> None:
    for name in "xy":
        repository.wt("new", name)
    project = repository.env(repository.worktree("x"))["COMPOSE_PROJECT_NAME"]
    repository.inside("x", "git commit -q --allow-empty -m precious")
    (app,) = repository.containers(project)
    docker("exec", "--detach", app, "sleep", "5555")
    repository.git("worktree", "remove", "--force", repository.worktree("x"))
    rows = collect(repository, "--yes")
    assert {row["state"] for row in rows.values()} == {"kept"}
    assert "sleep 5555" in rows["sandbox", project]["reason"]
    docker("rm", "--force", app)
    docker("image", "rm", f"{project}-app")
    assert set(states(repository, "--yes")) == {("private repository", "removed"), ("sandbox", "removed")}
    assert repository.git("log", "-1", "--format=%s", "refs/wt/shop-x/heads/x") == "precious"


@as_user
def test_without_an_image_a_private_repository_stays_with_all_that_it_needs(repository: Repository) -> None:
    repository.wt("new", "x")
    project = repository.env(repository.worktree("x"))["COMPOSE_PROJECT_NAME"]
    repository.inside("x", "git commit -q --allow-empty -m precious")
    repository.git("worktree", "remove", "--force", repository.worktree("x"))
    docker("rm", "--force", *repository.containers(project), *repository.containers(project, *BESIDE))
    docker("image", "rm", f"{project}-app")
    rows = collect(repository, "--yes")
    assert rows["private repository", "shop-x"]["state"] == rows["sandbox", project]["state"] == "kept"
    assert (repository.path / ".git/wt-sandbox/shop-x/repo.git").is_dir()
    repository.wt("new", "y")
    assert set(states(repository, "--yes")) == {("private repository", "removed"), ("sandbox", "removed")}
    assert repository.git("log", "-1", "--format=%s", "refs/wt/shop-x/heads/x") == "precious"


@pytest.mark.alone  # every repository's gc shows a volume that was made by hand
@as_user
def test_what_is_not_wts_own_stays(repository: Repository) -> None:
    """What somebody makes of a sandbox's image has its labels."""
    repository.wt("new", "x")
    project = repository.env(repository.worktree("x"))["COMPOSE_PROJECT_NAME"]
    name = f"{project}-mine"
    docker("run", "--detach", "--name", name, "--entrypoint", "sleep", f"{project}-app", "999")
    docker("volume", "create", "--label", f"com.docker.compose.project={project}", f"{name}-volume")
    docker("volume", "create", f"claude-code-{name}-node-modules")
    try:
        assert "package.json" in repository.inside("x", "ls /app").stdout
        repository.git("worktree", "remove", "--force", repository.worktree("x"))
        rows = collect(repository, "--yes")
        by_hand = rows.pop(("volume", f"claude-code-{name}-node-modules"))
        assert by_hand["state"] == "kept"
        # Its image is in use, which docker says.
        assert rows["sandbox", project]["state"] == "failed"
        assert docker("ps", "--quiet", "--filter", f"name={name}")
        assert docker("volume", "ls", "--quiet", "--filter", f"name={name}-volume")
        docker("rm", "--force", name)
        assert {row["state"] for row in collect(repository, "--yes").values() if row["kind"] == "sandbox"} == {
            "removed"
        }
    finally:
        docker("rm", "--force", name, check=False)
        docker("volume", "rm", f"{name}-volume", f"claude-code-{name}-node-modules", check=False)


@as_user
def test_images_that_the_user_made_of_a_sandbox_stay(repository: Repository) -> None:
    """A snapshot may be the only copy of what is in it; it has all labels of the container."""
    for name in "xy":
        repository.wt("new", name)
    projects = {name: repository.env(repository.worktree(name))["COMPOSE_PROJECT_NAME"] for name in "xy"}
    mine = [f"aaa-{project}-{kind}:1" for project in projects.values() for kind in ("snapshot", "name")]
    bare = []
    try:
        for project in projects.values():
            docker("commit", f"{project}-app-1", f"aaa-{project}-snapshot:1")
            bare.append(docker("commit", f"{project}-app-1"))
            docker("tag", f"{project}-app", f"aaa-{project}-name:1")
        assert states(repository, "--yes") == []
        repository.git("worktree", "remove", "--force", repository.worktree("x"))
        repository.wt("rm", "y")
        assert {row["state"] for row in collect(repository, "--yes").values()} == {"removed"}
        assert states(repository, "--yes") == []
        for image in (*mine, *bare):
            assert docker("image", "inspect", "--format", "{{.Id}}", image)
        for project in projects.values():
            assert docker("image", "ls", "--quiet", f"{project}-app") == ""
    finally:
        docker("image", "rm", "--force", *mine, *bare, check=False)


@as_user
def test_worktrees_that_are_gone_merged_or_old_go_as_by_wt_rm(repository: Repository) -> None:
    for name in ("gone", "merged", "fresh"):
        repository.wt("new", name, "--no-up")
    repository.git("commit", "--quiet", "--allow-empty", "--message", "m", cwd=repository.worktree("merged"))
    repository.git("merge", "--quiet", "--ff-only", "merged")
    shutil.rmtree(repository.path.parent / "shop-gone")
    assert [row["name"] for row in collect(repository, "--yes").values()] == [str(repository.path.parent / "shop-gone")]
    assert states(repository, "--yes", "--older-than", "1h") == []
    assert [row["name"] for row in collect(repository, "--yes", "--merged").values()] == [
        str(repository.path.parent / "shop-merged")
    ]
    assert [row["worktree"]["name"] for row in json.loads(repository.wt("ls", "--json").stdout)["result"]] == [
        "shop",
        "shop-fresh",
    ]
    assert repository.git("branch", "--format=%(refname:short)").split() == ["fresh", "gone", "main", "merged"]


@as_user
def test_an_old_build_goes_and_the_one_in_use_stays(repository: Repository) -> None:
    repository.wt("new", "x")
    path = repository.worktree("x")
    project = repository.env(path)["COMPOSE_PROJECT_NAME"]
    old = docker("image", "inspect", "--format", "{{.Id}}", f"{project}-app")
    repository.account.run("sh", "-c", "echo 'LABEL x=1' >> .devcontainer/Dockerfile", cwd=path)
    repository.wt("trust", "--yes", "x")
    repository.wt("up", "x")
    assert states(repository, "--yes") == [("image", "removed")]
    assert docker("image", "inspect", old, check=False) in ("", "[]")
    assert repository.inside("x", "true").returncode == 0
    assert states(repository, "--yes") == []


# `wt gc --all --yes`, but for what other repositories on this machine have: others may be at work in them.
SCOPED = """
import sys
from wt.cli.arguments import context
from wt.commands import gc
name, number, *volumes = sys.argv[1:]
options = gc.options(everywhere=True, older_than=None, merged=False, volumes=volumes)
rows = [row for row in gc.run(context(), options) if name in row.name or number in row.name]
for row in gc.remove(context(), options, rows):
    print(row.kind, row.name, row.state)
"""


@as_user
def test_of_a_repository_that_was_deleted_all_goes_but_its_data(
    make_repository: Callable[..., Repository], repository: Repository
) -> None:
    """And nothing of one that is there, or may be on a disk that is not mounted."""
    lost = make_repository("attic")
    lost.wt("new", "x")
    environment = lost.env(lost.worktree("x"))
    project, shared = environment["COMPOSE_PROJECT_NAME"], environment["WT_SHARED_PROJECT"]
    number = environment["WT_REPO_ID"]
    label = f"wt.repo={number}"
    assert [row for row in collect(repository, "--dry-run", "--all").values() if "attic" in row["name"]] == []
    assert [row for row in collect(repository, "--dry-run").values() if "attic" in row["name"]] == []
    home = lost.path.parent
    hidden = home.rename(home.with_name("not-there"))
    home.mkdir()
    (row,) = (row for row in collect(repository, "--dry-run", "--all").values() if project in row["name"])
    assert row["state"] == "kept" and "not mounted" in row["reason"]
    home.rmdir()
    hidden.rename(home)
    (home / "something").mkdir()
    shutil.rmtree(lost.path)
    shutil.rmtree(home / "attic-x")

    def removed(*volumes: str) -> list[str]:
        script = ("-c", SCOPED, "attic", number, *volumes)
        done = repository.account.run(repository.account.python, *script, cwd=repository.path)
        return sorted(done.stdout.splitlines())

    # One of its own, where another repository's services were on the common one.
    network = docker("network", "ls", "--filter", f"label={label}", "--format", "{{.ID}} {{.Name}}").split()
    assert removed() == [f"sandbox {project} removed", f"shared services {shared} removed"]
    assert held(label) == [f"{shared}_pgdata", *network[:1]]
    rows = collect(repository, "--dry-run", "--all")
    assert rows["volume", f"{shared}_pgdata"]["state"] == "kept"
    also = [f"network {name} removed" for name in network[1:]]
    assert removed(f"{shared}_pgdata") == [*also, f"volume {shared}_pgdata removed"]
    assert held(label) == []
    refused = repository.wt("gc", "--all", "--dry-run", "--volume", f"{shared}_pgdata", check=False)
    assert refused.returncode == 2 and "is left over" in refused.stderr


@as_user
def test_a_network_that_goes_while_an_image_is_built_is_made_again(repository: Repository) -> None:
    """As by `wt gc`: nobody is on it yet."""
    name = f"wt-e2e-{repository.path.parent.name}"
    folder = repository.path / ".devcontainer"
    nobody_else = f"rm docker-compose.shared.yml; echo 'network = \"{name}\"' > wt.toml"
    slow = f"echo 'RUN sleep 8; echo {name}' >> Dockerfile"
    repository.account.run("sh", "-c", f"{nobody_else}; {slow}", cwd=folder)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "slow")
    try:
        with ThreadPoolExecutor() as pool:
            new = pool.submit(repository.wt, "new", "x")
            while not new.done() and not docker("network", "ls", "--quiet", "--filter", f"name={name}"):
                time.sleep(0.2)
            docker("network", "rm", name)
            assert new.result().returncode == 0
        assert docker("network", "inspect", "--format", '{{index .Labels "wt.role"}}', name) == "shared"
        repository.wt("rm", "x")
    finally:
        docker("network", "rm", name, check=False)
