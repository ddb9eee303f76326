"""Whether a branch may go: what counts as merged, on real git."""

import os
import signal
from pathlib import Path

import pytest

from unit.repos import commit, git, repository, run, worktree
from wt import git as host
from wt import merges, process

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
    "a change of a binary file, squashed": [
        "git checkout -q topic && printf 'a\\0b' > logo && git add . && git commit -qm logo && git checkout -q main",
        FILE.format("x"),
        SQUASH,
    ],
    "made, taken back and made again, made and taken back there": [
        "git checkout -q -B topic main",
        FILE.format("y"),
        "git revert --no-edit topic && git cherry-pick topic~1 && git checkout -q main",
        FILE.format("x"),
        "git cherry-pick topic~2 topic~1",
    ],
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
    "but for white space": ["printf 'one\\n three\\n' > notes", "git add notes", "git commit -qm spaces"],
    "a newline at the end": ["printf 'one\\nthree' > notes", "git add notes", "git commit -qm newline"],
    "another change of a binary file": [
        "printf 'a\\0b' > logo && git add . && git commit -qm logo && git branch -f topic",
        "git checkout -q topic && printf 'a\\0c' > logo && git commit -qam c && git checkout -q main",
        "printf 'a\\0d' > logo && git commit -qam d",
    ],
    "made and taken back, beside an empty commit": [
        "git checkout -q topic && git revert --no-edit topic topic~1 topic~2 && git checkout -q main",
        "git commit -q --allow-empty -m x",
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
    assert merged(topic) == (history in MERGED)


def merged(shop: Path, **options: float) -> bool:
    repository = worktree(shop).repository
    tips = host.refs(repository, "refs/heads/")
    return merges.is_merged(repository, tips["refs/heads/topic"], tips["refs/heads/main"], **options)


def test_the_branch_s_own_commits_are_all_looked_for(topic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        run(["sh", "-c", f"git checkout -q topic && {FILE.format(name)}"], topic)
    monkeypatch.setattr(merges, "SEARCHED", 2)
    run(["sh", "-c", "git checkout -q main && git cherry-pick topic~1 topic"], topic)
    assert not merged(topic)


def test_what_takes_too_long_is_not_merged(topic: Path) -> None:
    run(["sh", "-c", f"{FILE.format('x')} && {SQUASH}"], topic)
    assert merged(topic) and not merged(topic, seconds=0)


def test_what_lies_in_the_current_directory_keeps_nobody_waiting(topic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object) -> None:
        raise TimeoutError

    run(["sh", "-c", f"{FILE.format('x')} && {SQUASH}"], topic)
    os.mkfifo(topic / ".gitattributes")
    monkeypatch.chdir(topic)
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(30)
    try:
        assert merged(topic)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def equal_trees(topic: Path, levels: int, branch: str = "topic") -> None:
    """A commit on a branch with ten files in ten equal directories, those in ten equal ones, ...; then one without."""
    ten = "{ for n in 0 1 2 3 4 5 6 7 8 9; do printf '%s\\t%s\\n' \"$1\" $n; done; } | git mktree"
    script = (
        f'ten() {{ {ten}; }}; t=$(ten "100644 blob $(echo x | git hash-object -w --stdin)"); '
        f'for _ in $(seq {levels - 1}); do t=$(ten "040000 tree $t"); done; '
        f"t=$({{ git ls-tree {branch}; printf '040000 tree %s\\tmany\\n' $t; }} | git mktree); "
        f"c=$(git commit-tree -p {branch} -m many $t); "
        f"git update-ref refs/heads/{branch} $(git commit-tree -p $c -m few {branch}^{{tree}})"
    )
    run(["sh", "-c", script], topic)


def test_what_takes_too_much_memory_is_not_merged(topic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merges, "_MAX_MEMORY", 16 * 1024**2)
    run(["sh", "-c", f"{FILE.format('x')} && {SQUASH}"], topic)
    assert merged(topic)
    equal_trees(topic, 5, "main")  # 100,000 files, for which it takes three times as much
    assert not merged(topic)


def test_a_commit_of_more_files_than_fit_into_memory_is_not_merged(
    topic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merges, "_MAX_MEMORY", 64 * 1024**2)
    equal_trees(topic, 9)
    run(["sh", "-c", FILE.format("x")], topic)
    assert not merged(topic)


def test_a_git_that_says_nothing_is_ended(topic: Path) -> None:
    def late(*_: object) -> None:
        raise AssertionError

    run(["sh", "-c", f"{FILE.format('x')} && {SQUASH}"], topic)
    (topic / ".git/info").mkdir(exist_ok=True)
    os.mkfifo(topic / ".git/info/attributes")  # which it would read first
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(30)
    try:
        assert not merged(topic, seconds=3)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_a_line_without_end_is_not_merged(topic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece of it could say anything, such as where a commit begins."""
    run(
        ["sh", "-c", f"git checkout -q topic && printf %0500d 1 >y && {FILE.format('z')} && git checkout -q main"],
        topic,
    )
    run(["sh", "-c", f"{FILE.format('x')} && {SQUASH}"], topic)
    assert merged(topic)
    monkeypatch.setattr(process, "_MAX_LINE", 200)
    assert not merged(topic)


def test_a_submodule_s_commit_counts_though_git_is_told_to_ignore_it(topic: Path) -> None:
    with_gitlink(topic, "1" * 40)
    git(topic, "config", "diff.ignoreSubmodules", "all")
    run(["sh", "-c", f"{FILE.format('x')} && git cherry-pick topic~3 topic~2 topic~1"], topic)
    assert not merged(topic)


def with_gitlink(topic: Path, oid: str) -> None:
    """A commit on the branch that has a submodule and nothing else."""
    link = f"git update-index --add --cacheinfo 160000,{oid},sub"
    run(["sh", "-c", f"git checkout -q topic && {link} && git commit -qm sub && git checkout -q main"], topic)


@pytest.fixture
def canary(topic: Path) -> Path:
    """A file that the program beside it makes."""
    program = topic.parent / "program"
    program.write_text(f"#!/bin/sh\ntouch '{topic.parent}/canary'\n")
    program.chmod(0o755)
    return topic.parent / "canary"


def test_a_submodule_is_not_entered(topic: Path, canary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies at its place is the agent's, and so is its configuration."""
    git(topic, "config", "diff.submodule", "diff")
    oid = commit(repository(topic.parent / "sub"))
    git(topic.parent / "sub", "config", "diff.external", str(canary.with_name("program")))
    with_gitlink(topic, oid)
    run(["sh", "-c", f"{FILE.format('x')} && {SQUASH}"], topic)
    (topic / "sub").rmdir()
    (topic.parent / "sub").rename(topic / "sub")
    (topic / ".git/sub").symlink_to(topic / "sub")
    monkeypatch.chdir(topic)
    assert merged(topic) and not canary.exists()
    git(topic, "diff", "main~1", "topic")
    assert canary.exists()


@pytest.mark.parametrize("kind", ["command", "textconv"])
def test_programs_of_the_user_are_not_run_as_a_branch_wants(
    topic: Path, canary: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent chooses by `.gitattributes`, as the user does for all, which driver of the configuration sees a file."""
    git(topic, "config", f"diff.x.{kind}", str(canary.with_name("program")))
    (topic / ".git/info").mkdir(exist_ok=True)
    for place in (".gitattributes", ".git/info/attributes"):
        (topic / place).write_text("* diff=x\n")
    monkeypatch.chdir(topic)
    assert not merged(topic) and not canary.exists()
    git(topic, "diff", "main", "topic")
    assert canary.exists()
