"""What a person mistypes, and what the answers are good for: no engine is needed."""

import shutil
from pathlib import Path

import pytest

from unit.repos import git, linked, wt


@pytest.mark.parametrize(("there", "name"), [("one", "one/two"), ("one/two", "one"), ("one/two", "one/two/three")])
def test_a_branch_below_or_above_another_is_refused_with_both_names(shop: Path, there: str, name: str) -> None:
    wt(shop, "init")
    git(shop, "branch", there)
    said = wt(shop, "new", name, "--no-up", code=3).stderr
    assert said.splitlines() == [
        f"wt: git can't have a branch {name} beside the branch {there}",
        "hint: choose another name, or give one with --branch",
    ]


def test_what_is_typed_may_be_any_directory_of_a_worktree(shop: Path) -> None:
    tree = linked(shop)
    (tree / "src/deep").mkdir(parents=True)
    for typed, place in ((".", "src/deep"), ("..", "src/deep"), ("./src", "."), (str(tree / "src"), "/")):
        where = shop if place == "/" else tree / place
        assert wt(where, "path", typed).stdout == f"{tree}\n"
    # It could be a misspelt name, and the command `wt rm`.
    assert "no worktree is called src" in wt(tree, "path", "src", code=2).stderr


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["nwe"], "wt: no such command 'nwe'"),
        (["new"], "wt: missing argument 'name'\nhint: wt new --help\n"),
        (["new", "--from"], "wt: option '--from' requires an argument\nhint: wt --help\n"),
        (["rm"], "wt: missing argument 'NAME...'\nhint: wt rm --help\n"),
    ],
)
def test_what_typer_says_looks_like_what_wt_says(shop: Path, typed: list[str], said: str) -> None:
    assert wt(shop, *typed, code=2).stderr.startswith(said)


def test_new_of_a_branch_whose_worktree_is_gone_does_not_lead_to_it(shop: Path) -> None:
    tree = linked(shop)
    wt(shop, "init")
    shutil.rmtree(tree)
    said = wt(shop, "new", "feature", "--no-up", code=2).stderr
    assert (
        said.splitlines()[-1] == "hint: git worktree repair finds a moved one, wt rm --force feature removes the rest"
    )


@pytest.mark.parametrize("head", ["", "garbage\n"])
def test_one_broken_worktree_hides_no_other(shop: Path, head: str) -> None:
    """As after a power failure: its admin files are there, and empty."""
    for name in ("good", "bad"):
        linked(shop, name)
    (shop / ".git/worktrees/bad/HEAD").write_text(head)
    rows = [line.split() for line in wt(shop, "ls").stdout.splitlines()]
    assert [(row[0], row[4]) for row in rows[1:]] == [("shop", "clean"), ("bad", "unreadable"), ("good", "clean")]


def test_a_directory_in_the_place_of_a_file_is_said_with_what_to_do(shop: Path) -> None:
    wt(shop, "init")
    (shop / ".devcontainer/.env").mkdir()
    said = wt(shop, "prepare", code=3).stderr
    assert said == f"wt: {shop}/.devcontainer/.env is not a regular file\nhint: remove it and try again\n"
