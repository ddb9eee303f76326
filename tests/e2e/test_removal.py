"""`wt rm` in all states of a worktree: nobody is disturbed, no commit is lost, the same again ends what was begun."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support import Repository, as_user, docker


def left(repository: Repository, project: str) -> list[str]:
    """What is left of a worktree `x`, once what is deleted afterwards had the time for it."""
    state = repository.path / ".git/wt-sandbox"
    for _ in range(100):
        if not list((state / "trash").iterdir()):
            break
        time.sleep(0.1)
    mine = ("--quiet", "--filter", f"label=com.docker.compose.project={project}")
    kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"), ("image", "ls"))
    found = [docker(*kind, *mine) for kind in kinds]
    found += [str(path) for path in (*(state / "trash").iterdir(), *state.glob("shop-x"))]
    found += [path.name for path in repository.path.parent.iterdir() if path.name != "shop"]
    return [each for each in (*found, repository.git("for-each-ref", "refs/wt")) if each]


def project(repository: Repository) -> str:
    return repository.env(repository.worktree("x"))["COMPOSE_PROJECT_NAME"]


def refused(repository: Repository, *words: str) -> str:
    done = repository.wt("rm", "x", *words, check=False)
    assert done.returncode == 3, done.stderr
    return done.stderr


def test_who_is_at_work_in_a_sandbox_is_not_disturbed(repository: Repository) -> None:
    """Whatever started it; what the start command left running is nobody at work."""
    compose = repository.path / ".devcontainer/docker-compose.yml"
    daemon = compose.read_text().replace("code=$$?", "code=$$?; setsid sleep 4444 &", 1)
    repository.account.run("tee", compose, stdin=daemon)
    repository.git("commit", "--quiet", "--all", "--message", "a daemon")
    repository.wt("new", "x", "--wait")
    name = project(repository)
    repository.inside("x", "pgrep -f 444[4]")
    (app,) = repository.containers(name)
    docker("exec", "--detach", app, "sleep", "5555")
    assert "\n  sleep 5555\nhint: " in refused(repository)
    docker("exec", app, "pkill", "-f", "sleep 5555")
    with subprocess.Popen(
        ["wt", "exec", "x", "--", "sh", "-c", "setsid sleep 6666 & sleep 7777"],
        cwd=repository.path,
        env=repository.account.environment(),
        stdin=subprocess.DEVNULL,
        **repository.account.identity,  # type: ignore[call-overload]
    ) as child:
        repository.inside("x", "until pgrep -f 777[7]; do sleep 0.1; done")
        assert "\n  sleep 7777\n" in refused(repository, "--force", "--force-branch")
        docker("exec", app, "pkill", "-f", "sleep 7777")
        child.wait()
    assert "\n  sleep 6666\n" in refused(repository)
    repository.wt("down", "x")
    repository.wt("rm", "x", "--delete-branch")
    assert left(repository, name) == []


def test_a_container_that_the_user_made_of_the_image_stays(repository: Repository) -> None:
    """It has the labels of the sandbox's image; what it was told to keep may be nowhere else."""
    repository.wt("new", "x")
    mine = f"{project(repository)}-mine"
    docker("run", "--detach", "--name", mine, "--entrypoint", "sleep", f"{project(repository)}-app", "999")
    try:
        assert f"\n  {mine}, by docker run of its image: `docker stop {mine}` ends it\n" in refused(repository)
        docker("stop", "--time=0", mine)
        repository.wt("rm", "x")
        assert docker("ps", "--all", "--quiet", "--filter", f"name={mine}")
    finally:
        docker("rm", "--force", mine, check=False)


def test_worktrees_that_were_made_inside_are_looked_into_first(repository: Repository) -> None:
    """As an agent makes for helpers of its own, in a directory that git ignores."""
    ignored = repository.path / ".gitignore"
    repository.account.run("tee", "--append", ignored, stdin="trees/\n")
    repository.git("commit", "--quiet", "--all", "--message", "trees are ignored")
    repository.wt("new", "x")
    name = project(repository)
    repository.inside(
        "x", "git worktree add -q trees/side && echo work >trees/side/work && git worktree add -q /tmp/far"
    )
    assert "clean" in repository.wt("ls").stdout and repository.git("status", "--porcelain") == ""
    said = refused(repository)
    assert "x has worktrees that were made inside, in which there may be work\n  /tmp/far\n  trees/side\n" in said
    repository.inside("x", "git worktree remove --force trees/side && rm -r /tmp/far && git worktree prune")
    repository.wt("rm", "x")
    assert left(repository, name) == []


def test_a_worktree_whose_directory_is_gone_loses_no_commit(repository: Repository) -> None:
    repository.wt("new", "x")
    name = project(repository)
    repository.inside("x", "git commit -q --allow-empty -m inside")
    shutil.rmtree(repository.worktree("x"))
    assert "is gone, with what was not committed there" in refused(repository)
    assert "inside" in refused(repository, "--force")
    assert "is gone\n  hint: its commits are below refs/wt/shop-x/" in repository.wt("sync", "x").stdout
    repository.git("merge", "--quiet", "--ff-only", "refs/wt/shop-x/heads/x")
    repository.wt("rm", "x", "--force", "--delete-branch")
    assert left(repository, name) == [] and repository.git("branch", "--format=%(refname:short)") == "main"


# `wt rm` up to the step at which it dies.
KILLED = """
import os, sys
from wt import apply, removal, selection
from wt.cli.arguments import context
from wt.commands import rm
tree = selection.worktree(context(), "x")
steps = removal.decide(rm.observe_removal(tree), delete_branch=True)
assert len(steps) == 7, steps
apply.carry_out(steps[: int(sys.argv[1])], context().progress)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("done", [1, 2, 3, 4, 5])
def test_one_that_was_killed_is_ended_by_the_same_again(repository: Repository, done: int) -> None:
    """After each of its steps but the last two, after which nothing is left but what the next `wt rm` deletes.

    Another one in between empties the trash.
    """
    repository.wt("new", "x")
    repository.wt("new", "y", "--no-up")
    name = project(repository)
    repository.git("commit", "--quiet", "--allow-empty", "--message", "main moves on")
    repository.inside("x", "git fetch -q host && git commit -q --allow-empty -m inside")
    repository.wt("down", "x")
    repository.git("merge", "--quiet", "--message", "merge", "x")
    killed = repository.account.run(
        repository.account.python, "-c", KILLED, str(done), cwd=repository.path, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    repository.wt("rm", "y", "--delete-branch")
    repository.wt("rm", "x", "--delete-branch")
    assert left(repository, name) == [] and repository.git("worktree", "list").count("\n") == 0
    assert repository.git("branch", "--format=%(refname:short)") == "main"


def test_a_worktree_on_another_file_system(repository: Repository, other_disk: Path) -> None:
    config = repository.path / ".devcontainer/wt.toml"
    repository.account.run("tee", config, stdin=f'worktree_dir = "{other_disk}/{{name}}"\n')
    repository.git("commit", "--quiet", "--all", "--message", "elsewhere")
    repository.wt("new", "x")
    name = project(repository)
    repository.wt("rm", "x", "--delete-branch")
    assert left(repository, name) == [] and list(other_disk.iterdir()) == []


def test_a_branch_that_was_squashed_to_the_default_branch_may_go(repository: Repository) -> None:
    repository.wt("new", "x", "--no-up")
    path = repository.worktree("x")
    for word in "ab":
        repository.account.run("sh", "-c", f"echo {word} >> {word} && git add . && git commit -qm {word}", cwd=path)
    assert "x has commits that are not merged" in refused(repository, "--delete-branch")
    repository.git("merge", "--quiet", "--squash", "x")
    repository.git("commit", "--quiet", "--message", "a and b")
    said = repository.wt("rm", "x", "--delete-branch").stderr
    assert "branch x deleted, which was at " in said


@as_user
def test_what_is_closed_is_neither_overlooked_nor_in_the_way(repository: Repository) -> None:
    repository.wt("new", "x")
    name, path = project(repository), repository.worktree("x")
    repository.inside("x", "mkdir secret && echo work > secret/work && chmod 0 secret")
    assert "\n  secret/\n" in refused(repository)
    repository.inside(
        "x", "mkdir /wt/repo.git/deep && touch /wt/repo.git/deep/x && chmod 0 /wt/repo.git/deep && chmod 555 /app"
    )
    repository.wt("rm", "x", "--force", "--delete-branch")
    assert not path.exists() and left(repository, name) == []


def test_a_branch_goes_with_its_configuration(repository: Repository) -> None:
    repository.wt("new", "x", "--no-up")
    repository.git("config", "branch.x.remote", "origin")
    repository.git("commit", "--quiet", "--allow-empty", "--message", "x", cwd=repository.worktree("x"))
    repository.wt("rm", "x", "--force-branch")
    assert repository.git("config", "--get-regexp", "^branch\\.", check=False) == ""
    assert repository.git("branch", "--format=%(refname:short)") == "main"
