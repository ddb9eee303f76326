"""Whether a branch may go: what counts as merged, on real git."""

from pathlib import Path

import pytest

from unit.repos import commit, git, run, worktree
from wt import git as host

# What happens on main after a branch `topic` was made of three commits: two lines, then one of them changed.
FILE = "echo {0} > {0} && git add . && git commit -qm {0}"
SQUASH = "git merge -q --squash topic && git commit -qm squashed"
MERGED = {
    "nothing new on the branch": ["git checkout -q -B topic main"],
    "fast-forward": ["git merge -q --ff-only topic"],
    "a merge commit": ["git merge -q --no-ff topic -m merge"],
    "a merge commit, and more after it": ["git merge -q --no-ff topic -m merge", FILE.format("more")],
    "squashed": [SQUASH],
    "squashed on top of others": [FILE.format("x"), SQUASH],
    "squashed, and more after it": [SQUASH, FILE.format("x")],
    "rebased": [FILE.format("x"), "git cherry-pick main..topic"],
    "picked one by one": [
        FILE.format("x"),
        "git cherry-pick topic~2",
        FILE.format("y"),
        "git cherry-pick topic~1 topic",
    ],
    "its files, by hand": ["git checkout -q topic -- .", "git commit -qm copied"],
    "main merged into it, then squashed": [
        FILE.format("x"),
        "git checkout -q topic",
        "git merge -q main -m merge",
        "git checkout -q main",
        SQUASH,
    ],
}
NOT_MERGED = {
    "not at all": [FILE.format("x")],
    "main stood still": ["true"],
    "its first commits alone": ["git cherry-pick topic~2 topic~1"],
    "squashed without its last": ["git merge -q --squash topic~1", "git commit -qm squashed"],
    "squashed and changed": ["git merge -q --squash topic", "echo other >> notes", "git commit -qam squashed"],
    "squashed, then more on the branch": [SQUASH, "git checkout -q topic", FILE.format("late"), "git checkout -q main"],
    "no common commit": ["git checkout -q --orphan other", "git commit -qm other", "git branch -q -M other main"],
    "all but what a merge changed": [
        "git checkout -q topic",
        "git merge -q --no-ff --no-commit side",
        FILE.format("evil"),
        "git checkout -q main",
        "git cherry-pick topic~3 topic~2 topic~1 side",
    ],
    "an empty commit": ["git checkout -q -B topic main", "git commit -q --allow-empty -m x", "git checkout -q main"],
}


@pytest.fixture
def topic(shop: Path) -> Path:
    git(shop, "branch", "side")
    git(shop, "checkout", "--quiet", "-b", "topic")
    for number, text in enumerate(("one\n", "one\ntwo\n", "one\nthree\n")):
        commit(shop, "notes", text, f"notes {number}")
    git(shop, "checkout", "--quiet", "side")
    commit(shop, "side", "side\n")
    git(shop, "checkout", "--quiet", "main")
    return shop


@pytest.mark.parametrize("settings", ["", "diff.noprefix=true", "diff.algorithm=patience"])
@pytest.mark.parametrize("history", [*MERGED, *NOT_MERGED])
def test_what_counts_as_merged(topic: Path, history: str, settings: str) -> None:
    if settings:
        git(topic, "config", *settings.split("="))
    run(["sh", "-c", " && ".join((MERGED | NOT_MERGED)[history])], topic)
    repository = worktree(topic).repository
    tips = host.refs(repository, "refs/heads/")
    assert host.is_merged(repository, tips["refs/heads/topic"], tips["refs/heads/main"]) == (history in MERGED)
