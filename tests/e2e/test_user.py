"""What a person does who deletes, mistypes and goes away in the middle: nothing is lost, and each hint works."""

import json
import shutil
from collections.abc import Callable

import pytest

from support import Repository, docker


def state(repository: Repository) -> str:
    worktrees: list[dict[str, str]] = json.loads(repository.wt("ls", "--json").stdout)["result"]
    return worktrees[1]["state"]


def removed_by_git(repository: Repository) -> None:
    repository.git("worktree", "remove", "--force", repository.worktree("feature-x"))


def removed_by_hand(repository: Repository) -> None:
    shutil.rmtree(repository.worktree("feature-x"))
    repository.git("worktree", "prune")


def new(repository: Repository) -> None:
    repository.wt("new", "feature-x", "--wait")


def add_by_hand(repository: Repository) -> None:
    repository.git("worktree", "add", "--quiet", "../shop-feature-x", "feature-x")


@pytest.mark.parametrize(("remove", "make"), [(removed_by_git, new), (removed_by_hand, add_by_hand)])
def test_a_worktree_that_was_deleted_while_its_sandbox_ran_can_be_made_again(
    repository: Repository, remove: Callable[[Repository], None], make: Callable[[Repository], None]
) -> None:
    repository.wt("new", "feature-x", "--wait")
    repository.inside("feature-x", "git commit -q --allow-empty -m 'only inside'")
    remove(repository)
    make(repository)
    assert repository.wt("exec", "feature-x", "--", "git", "log", "-1", "--format=%s").stdout == "only inside\n"
    assert "1 commit further" in repository.wt("sync", "feature-x").stdout
    seen = repository.worktree("feature-x") / "seen"
    seen.write_text("yes")
    assert repository.inside("feature-x", "cat seen").stdout == "yes"
    seen.unlink()
    repository.wt("rm", "feature-x")


def test_what_is_paused_goes_on_or_stops(repository: Repository) -> None:
    repository.wt("new", "x", "--wait")  # what installs packages is often in the kernel, where nothing is frozen
    project = repository.env(repository.worktree("x"))["COMPOSE_PROJECT_NAME"]
    shared = repository.env(repository.worktree("x"))["WT_SHARED_PROJECT"]
    docker("pause", *repository.containers(project), *repository.containers(shared))
    assert state(repository) == "paused"
    repository.inside("x", "true")
    docker("pause", *repository.containers(project))
    repository.wt("down", "x")
    assert state(repository) == "stopped"


def test_what_is_inside_comes_in_though_the_directory_of_its_sandbox_is_gone(repository: Repository) -> None:
    repository.wt("new", "feature-x", "--wait")
    repository.inside("feature-x", "git commit -q --allow-empty -m 'only inside'")
    removed_by_git(repository)
    add_by_hand(repository)
    repository.wt("down", "feature-x")
    assert repository.git("log", "-1", "--format=%s", "feature-x") == "only inside"
