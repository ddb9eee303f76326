"""The engine dies in the middle of a command: the same again ends the job, and nothing is left that `wt gc` misses."""

import json

import flaky
from support import Repository, as_user, docker

# So many connections to the engine are let through: from the first question to the last removal.
MOMENTS = (2, 6, 11, 17)
LIFE = (["new", "x"], ["down", "x"], ["up", "x"], ["rm", "x", "--delete-branch"])


def cut(repository: Repository, words: list[str], *, after: int) -> bool:
    """Whether a command failed since the engine died after so many connections; it says so, and no more."""
    with flaky.engine(repository.path.parent, connections=after) as (engine, variables):
        done = repository.wt(*words, env=variables, check=False)
    assert "Traceback" not in done.stderr and done.returncode in {0, 1, 4}, done.stderr
    assert engine.died or done.returncode == 0, done.stderr
    return done.returncode != 0


def sandboxes(repository: Repository, number: str) -> list[str]:
    """What docker holds for the repository, but for its shared services."""
    mine = ("--filter", f"label=wt.repo={number}", "--filter", "label=wt.role=sandbox")
    kinds = (("ps", "--all"), ("volume", "ls"), ("image", "ls"))
    return [each for kind in kinds for each in docker(*kind, "--quiet", *mine).split()]


@as_user
def test_the_same_command_again_ends_what_was_begun(repository: Repository) -> None:
    repository.wt("prepare")
    number = repository.env()["WT_REPO_ID"]
    cuts = dict.fromkeys((words[0] for words in LIFE), 0)
    for after in MOMENTS:
        for words in LIFE:
            cuts[words[0]] += cut(repository, words, after=after)
            worktrees = {row["worktree"]["name"] for row in json.loads(repository.wt("ls", "--json").stdout)["result"]}
            if words[0] != "new" or "shop-x" not in worktrees:
                # What there is no more need not be removed again.
                repository.wt(*words, check=words[0] != "rm" or "shop-x" in worktrees)
            if words[0] == "up":
                assert repository.inside("x", "git status --porcelain").stdout == ""
        assert json.loads(repository.wt("gc", "--yes", "--json").stdout)["result"] == []
        assert sandboxes(repository, number) == []
    assert all(cuts.values()), cuts
    assert repository.git("for-each-ref", "refs/wt/shop-x", "refs/heads/x") == ""
    assert [path.name for path in repository.path.parent.iterdir()] == ["shop"]


@as_user
def test_what_could_not_be_undone_without_an_engine_is_found_by_gc(repository: Repository) -> None:
    repository.wt("prepare")
    number = repository.env()["WT_REPO_ID"]
    found = 0
    for after in range(6, 40, 3):
        failed = cut(repository, ["new", "x"], after=after)
        left = sandboxes(repository, number)
        if not failed:
            break
        rows = json.loads(repository.wt("gc", "--yes", "--json").stdout)["result"]
        assert bool(left) == bool(rows) and sandboxes(repository, number) == [], (after, rows)
        found += bool(left)
    else:
        raise AssertionError("wt new never came through")
    assert found, "the engine died too early, or too late"
