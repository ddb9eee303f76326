"""A worktree goes with all that belongs to it, and not while work could be lost."""

from dataclasses import replace
from pathlib import Path

import pytest

from unit.nouns import MAIN, tree
from wt import removal
from wt.errors import Refused, UsageError

PAGE = Path(__file__).parents[2] / "docs/reference/removal.md"
GOING = removal.Removal(
    tree(),
    inner=(),
    gone=False,
    dirty=(),
    submodules=(),
    repositories=(),
    made_inside=(),
    mounts=(),
    processes=(),
    only_here=(),
    only_on_branch=(),
    merged=False,
    into="refs/heads/main",
    also_in=None,
    operations=(),
    tip="tip",
)


def names(chosen: tuple[object, ...]) -> list[str]:
    return [type(step).__name__ for step in chosen]


def test_rm_removes_everything_and_the_branch_only_when_asked() -> None:
    first, last = ["MoveToTrash", "RemoveProject", "RemoveState", "RemoveRefs"], ["RemoveWorktree", "EmptyTrash"]
    everything, with_branch = [*first, *last], [*first, "DeleteBranch", *last]
    only = replace(GOING, only_on_branch=("abc x",))
    assert names(removal.decide(GOING)) == everything
    assert names(removal.decide(only)) == everything
    assert names(removal.decide(GOING, delete_branch=True)) == with_branch
    assert names(removal.decide(replace(only, merged=True), delete_branch=True)) == with_branch
    assert names(removal.decide(only, force_branch=True)) == with_branch
    assert names(removal.decide(replace(GOING, dirty=("a",)), force=True)) == everything
    assert names(removal.decide(replace(GOING, gone=True), force=True)) == everything
    on_none, unborn = replace(GOING, worktree=tree(branch=None), tip=None), replace(GOING, tip=None)
    for seen in (on_none, unborn):
        assert names(removal.decide(seen, delete_branch=True)) == everything


ALL = {"force", "delete_branch", "force_branch"}
# What is found, the options that don't help, and what is said.
REFUSED = [
    (replace(GOING, worktree=MAIN), ALL, "shop is the main checkout"),
    (replace(GOING, worktree=replace(tree(), locked="on a stick\n")), ALL, "feature is locked: on a stick$"),
    (replace(GOING, worktree=replace(tree(), locked="")), ALL, "feature is locked$"),
    (replace(GOING, inner=("trees/a", "b")), ALL, "trees/a, b lies inside feature"),
    (replace(GOING, operations=("rebase",)), ALL, "a rebase is under way in feature"),
    (replace(GOING, processes=("npm run dev",)), ALL, "somebody is at work in the sandbox of feature"),
    (replace(GOING, gone=True), ALL - {"force"}, "/code/feature is gone, with what was not committed there"),
    (replace(GOING, dirty=("a",)), ALL - {"force"}, "feature has changes that are not committed"),
    (replace(GOING, mounts=(Path("/code/feature/data"),)), ALL, "something is mounted in feature: /code/feature/data"),
    (replace(GOING, submodules=("lib",)), ALL - {"force"}, "feature has submodules, in which there may be work"),
    (replace(GOING, repositories=("lib",)), ALL - {"force"}, "feature has repositories among its files"),
    (replace(GOING, made_inside=("lib",)), ALL - {"force"}, "feature has worktrees that were made inside"),
    (replace(GOING, also_in=Path("/y")), ALL, "feature is checked out in /y, too"),
    (replace(GOING, only_here=("abc x",)), ALL, "feature has commits that are nowhere else"),
    (
        replace(GOING, only_on_branch=("abc x",)),
        ALL - {"force_branch"},
        "feature has commits that are not merged to main",
    ),
]


@pytest.mark.parametrize(("seen", "options", "words"), REFUSED)
def test_rm_refuses_where_work_could_be_lost(seen: removal.Removal, options: set[str], words: str) -> None:
    with pytest.raises((Refused, UsageError), match=words):
        removal.decide(seen, **dict.fromkeys(options, True))


@pytest.mark.parametrize(("seen", "options"), [(seen, options) for seen, options, _ in REFUSED if options != ALL])
def test_one_option_lets_it_go(seen: removal.Removal, options: set[str]) -> None:
    assert removal.decide(seen, **dict.fromkeys(ALL - options, True))


def test_the_page_has_every_refusal() -> None:
    said = [words.rstrip("$") for _, _, words in REFUSED]
    page = [row.split("|")[2].strip() for row in PAGE.read_text().splitlines() if row.startswith("|")][2:]
    assert [fragment for fragment in page if not any(fragment in words for words in said)] == []
    assert [words for words in said if not any(fragment in words for fragment in page)] == []


@pytest.mark.parametrize("what", ["dirty", "only_here"])
@pytest.mark.parametrize(("count", "last"), [(20, "line 19"), (21, "and 1 more"), (500, "and 480 more")])
def test_a_long_list_says_how_long_it_is(what: str, count: int, last: str) -> None:
    lines = tuple(f"line {number}" for number in range(count))
    with pytest.raises(Refused) as caught:
        removal.decide(replace(GOING, **{what: lines}))  # type: ignore[arg-type]
    assert caught.value.details[:20] == lines[:20] and caught.value.details[-1] == last
