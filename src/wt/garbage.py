"""Decides what no worktree owns any more, and what of it may go; pure."""

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from wt import naming
from wt.errors import UsageError
from wt.model import Holding, Leftover, Repository, Worktree
from wt.removal import first
from wt.steps import RemoveHoldings, RemoveRefs, RemoveState, Step

UNPREPARED = "unprepared"
# Why a worktree may go that nobody asked to let go.
GONE = "its directory is gone"
# After that, a container that serves an import is one whose wt was killed.
_LONGEST_IMPORT = timedelta(days=1)
# An import's container is made before it runs, and gone a moment after it ended.
_BETWEEN = timedelta(minutes=10)
_AGE = re.compile(r"(?P<number>[0-9]{1,5}) ?(?P<unit>h|d|w)")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True)
class Orphan:
    """A private repository that no worktree has.

    Attributes:
        tree: as if it were a worktree.
        unsynced: refs in it that the host does not have; None when they can't be read, and it stays.
        stays: why it has to stay in any case.
        served: whether something can serve them.
        size: bytes in it.
    """

    tree: Worktree
    unsynced: int | None
    served: bool
    size: int
    stays: str = ""


@dataclass(frozen=True)
class Candidate:
    """A worktree that may go as `wt rm` would let it go.

    Attributes:
        why: it is one.
        obstacle: what `wt rm` would say, and its hint; None when it may go.
        gone: its directory is not there.
    """

    tree: Worktree
    why: str
    obstacle: tuple[str, str | None] | None
    gone: bool = False


@dataclass(frozen=True)
class Estate:
    """What belongs to one repository.

    Attributes:
        repository: None when it is not there, or can't be looked at.
        why: that is so; empty when it is there or gone for good.
        living: ids of the worktrees that git knows.
        refs: for each id below `refs/wt/` that neither a worktree nor a private repository has, the commits that are
            nowhere else.
        trash: what was removed and is not deleted, its bytes, and whether its disk is there.
        busy: for each compose project without a worktree, what somebody runs in it.
    """

    repository: Repository | None
    holdings: tuple[Holding, ...]
    why: str = ""
    living: frozenset[str] = frozenset()
    candidates: tuple[Candidate, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    refs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trash: tuple[tuple[Path, int, bool], ...] = ()
    busy: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """One row of the plan, and what removes it.

    Attributes:
        candidate: goes as by `wt rm`.
        gone: that one's directory is not there, and must not come back before it goes.
        orphan: is imported first.
        project: is stopped before that.
        repository: whose trash is emptied.
    """

    row: Leftover
    steps: tuple[Step, ...] = ()
    candidate: Worktree | None = None
    gone: bool = False
    orphan: Worktree | None = None
    project: str = ""
    repository: Repository | None = None

    @property
    def goes(self) -> bool:
        return self.row.state == "removable"


def age(text: str) -> timedelta:
    """What `--older-than` means.

    Raises:
        UsageError: it is no age.
    """
    match = _AGE.fullmatch(text)
    if match is None:
        raise UsageError(f"--older-than {text!r} is not an age", hint="such as 12h, 30d or 8w")
    return int(match["number"]) * _UNITS[match["unit"]]


def decide(estate: Estate, *, named: Collection[str], now: datetime) -> tuple[Piece, ...]:
    """Every row for one repository: what may go, and what the user should know that it stays.

    Args:
        estate: what was observed.
        named: volumes that may go although they hold the data of shared services.
        now: the time.
    """
    if estate.why:
        return (_unknown(estate),)
    if estate.repository is None:
        return tuple(_of_nobody(estate, named))
    return (
        *(_worktree(each, estate) for each in estate.candidates),
        *(_orphan(each, estate) for each in estate.orphans),
        *_sandboxes(estate),
        *_passing(estate, now),
        *(_image(each) for each in estate.holdings if _is_old_build(each, estate)),
        *(_network(each) for each in estate.holdings if _is_empty_network(each)),
        *(_refs(stand_in(estate.repository, name), commits) for name, commits in sorted(estate.refs.items())),
        *(_trash(*each, estate.repository) for each in estate.trash),
    )


def ownerless(networks: Iterable[Holding]) -> tuple[Piece, ...]:
    """Rows for networks that belong to no repository in particular."""
    return tuple(_network(each) for each in networks if _is_empty_network(each))


def by_hand(volumes: Iterable[str]) -> tuple[Piece, ...]:
    """Rows for volumes of a set-up by hand, which stay."""
    why = "made by hand for a dev container, not by wt"
    return tuple(
        Piece(Leftover("volume", name, why, "kept", hint=shlex.join(["docker", "volume", "rm", name])))
        for name in volumes
    )


def _unknown(estate: Estate) -> Piece:
    where = next((each.common_dir for each in estate.holdings if each.common_dir), None)
    names = sorted({each.project for each in estate.holdings if each.project})
    place = f" {where}" if where else ""
    row = Leftover("sandbox", ", ".join(names) or str(where), f"its repository{place} {estate.why}", "kept")
    return Piece(replace(row, size=_total(estate.holdings), hint="wt gc --all, once it can be seen"))


def _worktree(candidate: Candidate, estate: Estate) -> Piece:
    tree, obstacle = candidate.tree, candidate.obstacle
    size = _total(each for each in estate.holdings if each.worktree == tree.id)
    if obstacle is not None:
        reason = f"{candidate.why}, but {obstacle[0]}"
        return Piece(Leftover("worktree", str(tree.path), reason, "kept", size, obstacle[1]))
    return Piece(
        Leftover("worktree", str(tree.path), candidate.why, "removable", size), candidate=tree, gone=candidate.gone
    )


def _orphan(orphan: Orphan, estate: Estate) -> Piece:
    tree, count = orphan.tree, orphan.unsynced
    row = Leftover("private repository", tree.id, "no worktree has it", "kept", orphan.size)
    place = naming.worktree_state_dir(tree)
    if orphan.stays:
        looked = f"look at {place}; removing that directory ends it"
        return Piece(replace(row, reason=f"no worktree has it, and {orphan.stays}", hint=looked))
    if count and not orphan.served:
        why = f"no worktree has it, it holds {_plural(count, 'ref')} that the host has not, and no image can serve them"
        return Piece(replace(row, reason=why, hint="start a sandbox of this repository, then wt gc again"))
    project = naming.project_name(tree)
    if busy := estate.busy.get(project):
        return Piece(replace(row, reason=f"somebody is at work in its sandbox: {busy[0]}", hint="end it"))
    imported = f"; what it holds alone comes below {naming.ref_prefix(tree)} first" if count else ""
    found = replace(row, reason=row.reason + imported, state="removable")
    return Piece(found, (RemoveState(tree),), orphan=tree, project=project)


def _sandboxes(estate: Estate) -> Iterator[Piece]:
    """Those of worktrees that are gone, image included: one for which something must be imported first waits."""
    stuck = {naming.project_name(each.tree) for each in estate.orphans if not _orphan(each, estate).goes}
    ours = (each for each in estate.holdings if each.role in naming.LASTING and each.worktree not in estate.living)
    for project, group in _projects(ours):
        row = Leftover("sandbox", project, f"its worktree is gone: {_counted(group)}", "removable", _total(group))
        if project in stuck and project not in estate.busy:
            yield Piece(replace(row, reason="its private repository stays", state="kept"))
        else:
            yield _unless_busy(row, group, estate)


def _unless_busy(row: Leftover, group: tuple[Holding, ...], estate: Estate) -> Piece:
    if busy := estate.busy.get(row.name):
        return Piece(replace(row, reason=f"somebody is at work in it: {busy[0]}", state="kept", hint="end it"))
    return Piece(row, (RemoveHoldings(group),))


def _passing(estate: Estate, now: datetime) -> Iterator[Piece]:
    """Containers of a command that was killed before it could remove them."""
    for each in estate.holdings:
        longest = _LONGEST_IMPORT if each.running else _BETWEEN
        if each.role in naming.PASSING and (not each.created or now - each.created > longest):
            row = Leftover("import", each.name, "served an import that has ended", "removable", each.size)
            if each.role == "verify":
                row = Leftover("verify", each.name, "stood beside a sandbox that was verified", "removable", each.size)
            yield Piece(row, (RemoveHoldings((each,)),))


def _is_old_build(holding: Holding, estate: Estate) -> bool:
    old = holding.kind == "image" and holding.outdated and not holding.used
    return old and holding.worktree in estate.living


def _image(holding: Holding) -> Piece:
    why = f"an older build for {holding.worktree}, which nothing uses"
    name = holding.name[:12]
    return Piece(Leftover("image", name, why, "removable", holding.size), (RemoveHoldings((holding,)),))


def _is_empty_network(holding: Holding) -> bool:
    """Whether nobody is on a network that wt made; one of a sandbox's goes with that."""
    return holding.kind == "network" and holding.role not in naming.LASTING and not holding.used


def _network(holding: Holding) -> Piece:
    row = Leftover("network", holding.name, "no container is on it; wt makes it again", "removable")
    return Piece(row, (RemoveHoldings((holding,)),))


def _refs(tree: Worktree, commits: tuple[str, ...]) -> Piece:
    prefix = naming.ref_prefix(tree)
    row = Leftover("refs", prefix, "no worktree has them, and what they hold is elsewhere too", "removable")
    if commits:
        why = f"no worktree has them, and they hold {_plural(len(commits), 'commit')} that are nowhere else"
        keep = f"git tag NAME {commits[0].partition(' ')[0]} keeps one: {', '.join(first(commits, 3))}"
        return Piece(replace(row, reason=why, state="kept", hint=keep))
    return Piece(row, (RemoveRefs(tree),))


def _trash(path: Path, size: int, mounted: bool, repository: Repository) -> Piece:  # noqa: FBT001
    row = Leftover("trash", str(path), "removed by wt rm, and not deleted yet", "removable", size)
    if not mounted:
        return Piece(replace(row, reason="removed by wt rm, on a disk that is not mounted", state="kept"))
    return Piece(row, repository=repository)


def _of_nobody(estate: Estate, named: Collection[str]) -> Iterator[Piece]:
    """What a repository that is gone for good has left; the data of its shared services only when it is named."""
    sandboxes = [each for each in estate.holdings if each.role != "shared"]
    for project, group in _projects(sandboxes):
        why = "started before wt prepare" if group[0].repository == UNPREPARED else "its repository is gone"
        row = Leftover("sandbox", project, f"{why}: {_counted(group)}", "removable", _total(group))
        yield _unless_busy(row, group, estate)
    shared = [each for each in estate.holdings if each.role == "shared" and each.kind != "network"]
    for project, group in _projects(each for each in shared if each.kind != "volume"):
        why = f"their repository is gone: {_counted(group)}"
        yield Piece(Leftover("shared services", project, why, "removable", _total(group)), (RemoveHoldings(group),))
    for each in (each for each in shared if each.kind == "volume"):
        row = Leftover("volume", each.name, "data of shared services whose repository is gone", "kept", each.size)
        if each.name in named:
            yield Piece(replace(row, state="removable"), (RemoveHoldings((each,)),))
        else:
            yield Piece(replace(row, hint=shlex.join(["wt", "gc", "--all", "--volume", each.name])))
    yield from ownerless(estate.holdings)


def stand_in(repository: Repository, name: str) -> Worktree:
    """A worktree for an id that none has any more, with the places that it would have."""
    admin = repository.common_dir / "worktrees" / name
    return Worktree(repository, name, admin / "gone", admin, None)


def _projects(holdings: Iterable[Holding]) -> Iterator[tuple[str, tuple[Holding, ...]]]:
    def project(holding: Holding) -> str:
        return holding.project or holding.name

    for name, group in groupby(sorted(holdings, key=project), project):
        yield name, tuple(group)


def _counted(group: Iterable[Holding]) -> str:
    kinds = [each.kind for each in group]
    return ", ".join(_plural(kinds.count(kind), kind) for kind in dict.fromkeys(kinds))


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _total(group: Iterable[Holding]) -> int | None:
    sizes = [each.size for each in group if each.size is not None]
    return sum(sizes) if sizes else None
