"""What `wt gc` decides of what it observed: every kind of thing, what may go and what stays."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from unit.nouns import REPOSITORY, tree
from wt import garbage, naming
from wt.errors import UsageError
from wt.garbage import Candidate, Estate, Orphan, Piece, stand_in
from wt.model import Holding
from wt.steps import RemoveHoldings, RemoveRefs, RemoveState

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DEAD = stand_in(REPOSITORY, "dead")
PROJECT = naming.project_name(DEAD)
VOLUME = Holding("volume", "v", "v", PROJECT, "12345678", "dead", role="sandbox", size=7)
RUNNING = Holding("container", "c", "c", PROJECT, "12345678", "dead", role="sandbox", running=True, used=True)
DATA = Holding("volume", "data", "data", "shop-shared-12345678", "12345678", role="shared")
SERVICE = replace(DATA, kind="container", id="p", name="p", running=True)
ESTATE = Estate(REPOSITORY, (), living=frozenset({"main", "feature"}))
ORPHAN = Orphan(DEAD, 0, served=True, size=5)


def decided(estate: Estate, *named: str) -> list[tuple[str, str, str]]:
    return [(piece.row.kind, piece.row.name, piece.row.state) for piece in pieces(estate, *named)]


def pieces(estate: Estate, *named: str) -> tuple[Piece, ...]:
    return garbage.decide(estate, named=named, now=NOW)


def steps(estate: Estate, *named: str) -> list[object]:
    return [step for piece in pieces(estate, *named) for step in piece.steps]


def test_nothing_of_a_worktree_that_git_knows_goes() -> None:
    living = replace(VOLUME, worktree="feature", project="feature")
    shared = (DATA, SERVICE)
    used = replace(living, kind="image", used=True, outdated=True)
    current = replace(living, kind="image")
    assert decided(replace(ESTATE, holdings=(living, used, current, *shared))) == []


def test_the_sandbox_of_a_worktree_that_is_gone_goes_as_one() -> None:
    seen = replace(ESTATE, holdings=(VOLUME, RUNNING))
    assert decided(seen) == [("sandbox", PROJECT, "removable")]
    assert steps(seen) == [RemoveHoldings((VOLUME, RUNNING))]
    (piece,) = pieces(seen)
    assert piece.row.size == 7 and piece.row.reason == "its worktree is gone: 1 volume, 1 container"


def test_nobody_at_work_is_disturbed() -> None:
    seen = replace(ESTATE, holdings=(VOLUME, RUNNING), orphans=(ORPHAN,), busy={PROJECT: ("vim",)})
    assert decided(seen) == [("private repository", "dead", "kept"), ("sandbox", PROJECT, "kept")]
    assert all("vim" in piece.row.reason for piece in pieces(replace(seen, orphans=())))
    of_nobody = Estate(None, (VOLUME, RUNNING), busy={PROJECT: ("vim",)})
    assert decided(of_nobody) == [("sandbox", PROJECT, "kept")]


@pytest.mark.parametrize(
    ("orphan", "state"),
    [
        (ORPHAN, "removable"),
        (replace(ORPHAN, unsynced=3), "removable"),
        (replace(ORPHAN, unsynced=3, served=False), "kept"),
        (replace(ORPHAN, served=False), "removable"),
        (replace(ORPHAN, unsynced=None, stays="it can't be read"), "kept"),
    ],
)
def test_a_private_repository_goes_only_when_the_host_gets_what_it_holds(orphan: Orphan, state: str) -> None:
    """Where it stays, what serves its commits stays, too."""
    seen = replace(ESTATE, holdings=(VOLUME,), orphans=(orphan,))
    assert [row[2] for row in decided(seen)] == [state, state]
    (first, _) = pieces(seen)
    assert first.orphan == (DEAD if state == "removable" else None)
    assert first.steps == ((RemoveState(DEAD),) if state == "removable" else ())


def test_refs_go_only_when_their_commits_are_elsewhere_too() -> None:
    seen = replace(ESTATE, refs={"dead": (), "other": ("abc precious",)})
    assert decided(seen) == [("refs", "refs/wt/dead/", "removable"), ("refs", "refs/wt/other/", "kept")]
    assert steps(seen) == [RemoveRefs(DEAD)]


def test_of_builds_the_old_ones_that_nothing_uses_go() -> None:
    old = Holding("image", "sha256:1", "1", "feature-1", "12345678", "feature", role="sandbox", outdated=True)
    for other in (replace(old, used=True), replace(old, outdated=False)):
        assert decided(replace(ESTATE, holdings=(other,))) == []
    assert decided(replace(ESTATE, holdings=(old,))) == [("image", "1", "removable")]


def test_a_network_goes_when_no_container_is_on_it() -> None:
    own = Holding("network", "n", "dev-12345678", repository="12345678", role="shared")
    assert decided(replace(ESTATE, holdings=(own,))) == [("network", "dev-12345678", "removable")]
    assert decided(replace(ESTATE, holdings=(replace(own, used=True),))) == []
    assert garbage.ownerless([replace(own, used=True)]) == ()


@pytest.mark.parametrize(
    ("changes", "goes"),
    [
        ({"running": True}, False),
        ({"running": True, "created": NOW - timedelta(days=2)}, True),
        ({}, False),
        ({"created": NOW - timedelta(hours=1)}, True),
        ({"created": None}, True),
    ],
)
def test_what_serves_an_import_goes_when_that_has_ended(changes: dict[str, object], goes: bool) -> None:
    serving = Holding("container", "i", "i", "x", "12345678", "feature", role="import", created=NOW)
    seen = replace(ESTATE, holdings=(replace(serving, **changes),))  # type: ignore[arg-type]
    assert decided(seen) == ([("import", "i", "removable")] if goes else [])


def test_trash_on_a_disk_that_is_not_mounted_stays() -> None:
    seen = replace(ESTATE, trash=((Path("/a"), 5, True), (Path("/b"), 0, False)))
    assert decided(seen) == [("trash", "/a", "removable"), ("trash", "/b", "kept")]


def test_a_worktree_goes_as_wt_rm_says() -> None:
    may = Candidate(tree("may"), "its branch is merged", None)
    must_not = Candidate(tree("must-not"), "its branch is merged", ("it is dirty", "commit"))
    rows = pieces(replace(ESTATE, candidates=(may, must_not)))
    assert [(piece.row.state, piece.candidate) for piece in rows] == [("removable", may.tree), ("kept", None)]
    assert rows[1].row.reason == "its branch is merged, but it is dirty" and rows[1].row.hint == "commit"


def test_of_a_repository_that_is_gone_the_data_stays_unless_it_is_named() -> None:
    seen = Estate(None, (VOLUME, DATA, SERVICE))
    rows = [("sandbox", PROJECT, "removable"), ("shared services", DATA.project, "removable")]
    assert decided(seen) == [*rows, ("volume", "data", "kept")]
    assert RemoveHoldings((DATA,)) not in steps(seen)
    assert decided(seen, "data") == [*rows, ("volume", "data", "removable")]


def test_of_a_repository_that_can_not_be_looked_at_everything_stays() -> None:
    seen = Estate(None, (VOLUME, DATA, SERVICE), why="can't be looked at")
    (piece,) = pieces(seen, "data")
    assert not piece.goes and piece.steps == () and PROJECT in piece.row.name


def test_volumes_of_a_set_up_by_hand_are_named_and_stay() -> None:
    (piece,) = garbage.by_hand(["claude-code-x-node-modules"])
    assert not piece.goes and piece.row.hint == "docker volume rm claude-code-x-node-modules"


@pytest.mark.parametrize(
    ("text", "age"), [("30d", timedelta(30)), ("12 h", timedelta(hours=12)), ("2w", timedelta(14))]
)
def test_an_age_is_a_number_and_a_unit(text: str, age: timedelta) -> None:
    assert garbage.age(text) == age


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1y", "1.5d", "999999d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an age"):
        garbage.age(text)
