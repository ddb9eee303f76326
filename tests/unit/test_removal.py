"""A worktree goes with all that belongs to it, and not while work could be lost."""

from dataclasses import replace

import pytest

from unit.nouns import MAIN, tree
from wt import removal
from wt.errors import Refused, UsageError

GOING = removal.Removal(tree(), inner=(), dirty=(), only_here=(), only_here_with_branch=(), operations=(), tip="tip")


def names(chosen: tuple[object, ...]) -> list[str]:
    return [type(step).__name__ for step in chosen]


def test_rm_removes_everything_and_the_branch_only_when_asked() -> None:
    everything = ["RemoveProject", "RemoveWorktree", "RemoveState"]
    assert names(removal.decide(GOING, force=False, delete_branch=False)) == everything
    assert names(removal.decide(GOING, force=False, delete_branch=True)) == [*everything, "DeleteBranch"]
    assert names(removal.decide(replace(GOING, dirty=("a",)), force=True, delete_branch=False)) == everything
    kept = replace(GOING, only_here_with_branch=("abc x",))
    assert names(removal.decide(kept, force=False, delete_branch=False)) == everything
    on_none, unborn = replace(GOING, worktree=tree(branch=None), tip=None), replace(GOING, tip=None)
    for seen in (on_none, unborn):
        assert names(removal.decide(seen, force=False, delete_branch=True)) == everything


@pytest.mark.parametrize(
    ("seen", "options", "words"),
    [
        (replace(GOING, worktree=MAIN), "force", "main checkout"),
        (replace(GOING, worktree=replace(tree(), locked="on a stick\n")), "force", "locked: on a stick$"),
        (replace(GOING, worktree=replace(tree(), locked="")), "force", "locked$"),
        (replace(GOING, operations=("rebase",)), "force", "a rebase is under way"),
        (replace(GOING, inner=("trees/a", "b")), "force", "trees/a, b lies inside feature"),
        (replace(GOING, dirty=("a",)), "", "not committed"),
        (replace(GOING, only_here=("abc x",)), "force", "nowhere else"),
        (replace(GOING, only_here_with_branch=("abc x",)), "force delete", "nowhere else"),
    ],
)
def test_rm_refuses_where_work_could_be_lost(seen: removal.Removal, options: str, words: str) -> None:
    with pytest.raises((Refused, UsageError), match=words):
        removal.decide(seen, force="force" in options, delete_branch="delete" in options)


@pytest.mark.parametrize(
    ("only_here", "delete", "hint"),
    [
        ((), True, "leave out --delete-branch, or merge it"),
        (("abc x",), True, "git branch NAME COMMIT keeps them"),
        (("abc x",), False, "git branch NAME COMMIT keeps them"),
    ],
)
def test_the_hint_is_the_one_that_helps(only_here: tuple[str, ...], delete: bool, hint: str) -> None:
    seen = replace(GOING, only_here=only_here, only_here_with_branch=("abc x",))
    with pytest.raises(Refused) as caught:
        removal.decide(seen, force=False, delete_branch=delete)
    assert caught.value.hint == hint


@pytest.mark.parametrize("what", ["dirty", "only_here"])
@pytest.mark.parametrize(("count", "last"), [(20, "line 19"), (21, "and 1 more"), (500, "and 480 more")])
def test_a_long_list_says_how_long_it_is(what: str, count: int, last: str) -> None:
    lines = tuple(f"line {number}" for number in range(count))
    with pytest.raises(Refused) as caught:
        removal.decide(replace(GOING, **{what: lines}), force=False, delete_branch=False)  # type: ignore[arg-type]
    assert caught.value.details[:20] == lines[:20] and caught.value.details[-1] == last
