"""`wt gc`: remove what no worktree owns any more."""

import os
import shlex
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wt import (
    apply,
    checkouts,
    disks,
    docker,
    estates,
    garbage,
    git,
    health,
    hostile,
    inventory,
    naming,
    plan,
    removal,
    staging,
    survey,
    trash,
)
from wt.commands import prepare, rm, sync
from wt.errors import Refused, UsageError, WtError, told
from wt.model import Context, Holding, Leftover, Repository, Worktree
from wt.steps import RemoveRefs, Step


@dataclass(frozen=True)
class Options:
    """What a user asked for.

    Attributes:
        everywhere: all repositories of this machine, not this one alone.
        older_than: worktrees that nobody touched for so long may go, too.
        merged: so may those whose branch the default branch has.
        volumes: data of shared services that may go.
    """

    everywhere: bool = False
    older_than: timedelta | None = None
    merged: bool = False
    volumes: Collection[str] = ()


def options(*, everywhere: bool, older_than: str | None, merged: bool, volumes: Collection[str]) -> Options:
    """What was typed.

    Raises:
        UsageError: it can't be understood.
    """
    return Options(everywhere, garbage.age(older_than) if older_than else None, merged, volumes)


def run(context: Context, options: Options, *, sizes: bool = True) -> tuple[Leftover, ...]:
    """What may go, and what stays though no worktree owns it; nothing is changed.

    Args:
        context: of the command.
        options: what the user asked for.
        sizes: count the bytes of what docker holds, which is slow.

    Raises:
        UsageError: a volume was named that is none of these.
    """
    holdings = inventory.holdings()
    if sizes:
        with context.progress.step("sizes counted"):
            holdings = inventory.sized(holdings)
    repositories = _repositories(context, options, holdings)
    rows = tuple(piece.row for piece in _pieces(context, options, holdings, repositories))
    names = {row.name for row in rows if row.kind == "volume" and row.state == "removable"}
    if unknown := sorted(set(options.volumes) - names):
        there = "`wt shared down --volumes` removes the data of a repository that is there"
        raise UsageError(f"no volume {unknown[0]} is left over", hint=f"`wt gc --all` names those that are; {there}")
    return rows


def remove(context: Context, options: Options, agreed: Sequence[Leftover]) -> tuple[Leftover, ...]:
    """Remove what was agreed on and is still to go; what became of each.

    What came up since is left for the next time.
    """
    shown = {(row.kind, row.name): row for row in agreed if row.state == "removable"}
    repositories = _repositories(context, options, inventory.holdings())
    done: list[Leftover] = []
    stuck: set[str] = set()
    with ExitStack() as locks:
        for repository in repositories:
            locks.enter_context(prepare.alone(repository, context))
        for piece in _pieces(context, options, inventory.holdings(), repositories):
            before = shown.get((piece.row.kind, piece.row.name))
            if not piece.goes or before is None or piece.gone != (garbage.GONE in before.reason):
                continue
            row = _carry_out(piece, context) if piece.row.name not in stuck else replace(piece.row, state="kept")
            if row.state != "removed" and piece.project:
                stuck.add(piece.project)
            done.append(replace(row, size=before.size))
        for repository in repositories:
            trash.delete(repository)
    return tuple(_checked(row) for row in done)


def _checked(row: Leftover) -> Leftover:
    """What could not be deleted is still there."""
    if row.kind != "trash" or row.state != "removed" or not os.path.lexists(row.name):
        return row
    ending = f"its owner, or root, can: rm -rf {shlex.quote(row.name)}"
    return replace(row, state="failed", reason="it could not be deleted", hint=ending)


def _carry_out(piece: garbage.Piece, context: Context) -> Leftover:
    """Remove one; what stops it is said and stops no other."""
    row = piece.row
    try:
        if piece.candidate is not None:
            rm.remove(piece.candidate, context, force=piece.gone, gone=piece.gone)
        else:
            with rm.unstarted(piece.orphan, context) if piece.orphan is not None else nullcontext():
                rescued = _rescue(piece.orphan, piece.project, context) if piece.orphan is not None else ()
                with context.progress.step(f"{row.kind} {row.name} removed"):
                    apply.carry_out((*piece.steps, *rescued), context.progress)
    except (WtError, OSError) as error:
        message, hint = told(error)
        return replace(row, state="kept" if isinstance(error, Refused) else "failed", reason=message, hint=hint)
    return replace(row, state="removed")


def _rescue(tree: Worktree, project: str, context: Context) -> tuple[Step, ...]:
    """Import what a private repository holds; what of that is elsewhere too may go with it."""
    apply.carry_out(plan.stop(docker.containers(project=project)), context.progress)
    sync.bring_in(tree, context)
    if loss := staging.loss(tree):
        raise Refused(loss, hint=f"look at {naming.worktree_state_dir(tree)}; removing that directory ends it")
    return () if estates.only_here(tree, git.refs(tree.repository)) else (RemoveRefs(tree),)


def _pieces(
    context: Context, options: Options, holdings: tuple[Holding, ...], there: Sequence[Repository]
) -> tuple[garbage.Piece, ...]:
    """The whole plan."""
    now = datetime.now(UTC)
    found = _estates(context, options, holdings, there, now)
    pieces = [piece for estate in found for piece in garbage.decide(estate, named=options.volumes, now=now)]
    if options.everywhere:
        pieces += garbage.ownerless(each for each in holdings if not each.repository)
    return (*pieces, *garbage.by_hand(inventory.by_hand()))


def _repositories(context: Context, options: Options, holdings: tuple[Holding, ...]) -> tuple[Repository, ...]:
    """Those that are there, in an order that is the same for every wt: their locks are taken in it."""
    here = _here(context, options)
    found = {here.common_dir: here} if here else {}
    for name, group in estates.by_repository(holdings).items() if options.everywhere else ():
        with suppress(LookupError):
            if name and (repository := estates.find(name, group, context.user)) is not None:
                found[repository.common_dir] = repository
    return tuple(found[each] for each in sorted(found))


def _here(context: Context, options: Options) -> Repository | None:
    """The repository around the current directory; with `--all` there need not be one."""
    try:
        return checkouts.locate(context.directory)[0]
    except (UsageError, Refused):
        if options.everywhere:
            return None
        raise


def _estates(
    context: Context, options: Options, holdings: tuple[Holding, ...], there: Sequence[Repository], now: datetime
) -> Iterator[garbage.Estate]:
    groups = estates.by_repository(holdings)
    for repository in there:
        group = groups.get(naming.repository_id(repository), ())
        candidates = tuple(_candidates(repository, options, now))
        yield estates.of_repository(repository, group, candidates, survey.forgotten(repository))
    for name in sorted(groups.keys() - {"", *map(naming.repository_id, there)}) if options.everywhere else ():
        try:
            # One that came up since is left alone.
            if estates.find(name, groups[name], context.user) is None:
                yield estates.of_nobody(groups[name])
        except LookupError as reason:
            yield garbage.Estate(None, groups[name], why=str(reason))


def _candidates(repository: Repository, options: Options, now: datetime) -> Iterator[garbage.Candidate]:
    """Worktrees that `wt rm` might let go."""
    host = git.refs(repository)
    for tree in checkouts.worktrees(repository):
        if tree.is_main or tree.locked is not None:
            continue
        try:
            there = hostile.is_there(tree.path)
        except OSError as error:
            yield garbage.Candidate(tree, "its directory may be gone", (f"that can't be told: {error.strerror}", None))
            continue
        if not there:
            yield _gone(tree, host)
        elif _is_ours(tree) and (why := _reason(tree, options, now, host)):
            yield garbage.Candidate(tree, why, _obstacle(tree, host))


def _is_ours(tree: Worktree) -> bool:
    """Whether what lies there is this worktree, as `wt rm` asks it, too."""
    try:
        return checkouts.points_back(tree)
    except WtError:
        return False


def _gone(tree: Worktree, host: dict[str, str]) -> garbage.Candidate:
    why = f"git knows it on branch {naming.short_branch(tree.branch)}" if tree.branch else "git knows it"
    why += f", and {garbage.GONE}"
    removed = trash.holds(tree)
    if (place := disks.unmounted(tree)) is not None and not removed:
        other = f"mount it, or {shlex.join(['wt', 'rm', '--force', tree.called])}"
        return garbage.Candidate(tree, why, (f"it may lie on a disk that is not mounted: {place}", other))
    if (place := _moved_to(tree)) is not None:
        repair = shlex.join(["git", "worktree", "repair", str(place)])
        return garbage.Candidate(tree, why, (f"it was moved to {place}", repair))
    force = shlex.join(["wt", "rm", "--force", tree.called])
    if not removed and (work := checkouts.operation(tree.git_dir)):
        return garbage.Candidate(tree, why, (f"a {work} is under way in it", force))
    if not removed and (files := checkouts.staged(tree)):
        return garbage.Candidate(tree, why, (f"its index has what was never committed: {files[0]}", force))
    if not removed and (loss := estates.unseen(tree)):
        return garbage.Candidate(tree, why, (f"its private repository has {loss}", force))
    count = estates.unsynced(tree, host)
    if count == 0 and not removed and not health.damage(tree) and (loss := staging.loss(tree)):
        return garbage.Candidate(tree, why, (loss, force))
    first = "; what its private repository holds comes first" if count else ""
    return garbage.Candidate(tree, why + first, _decided(tree, gone=True), gone=True)


def _moved_to(tree: Worktree) -> Path | None:
    """Where a worktree lies that was moved without git, as far as that is where one would look for it."""
    found = survey.around(tree.repository, checkouts.worktrees(tree.repository))
    return next((each.path for each in found if each.entry == tree.git_dir.resolve()), None)


def _reason(tree: Worktree, options: Options, now: datetime, host: dict[str, str]) -> str | None:
    """Why a worktree that is there may be left over: one that has only just been made is neither merged nor old."""
    idle = now - _touched(tree)
    if options.older_than is not None and idle > options.older_than:
        return f"nobody touched it for {idle.days} days" if idle.days else f"nobody touched it for {idle}"
    into = git.default_branch(tree.repository)
    moved = tree.branch is not None and tree.branch in host and len(git.reflog(tree.repository, tree.branch)) > 1
    if options.merged and moved and into and tree.branch != into and rm.is_merged(tree, host, into):
        return f"{naming.short_branch(tree.branch or '')} is merged to {naming.short_branch(into)}"
    return None


def _touched(tree: Worktree) -> datetime:
    """When somebody last committed, staged or checked out something, inside or on the host."""
    private = naming.private_repo(tree)
    files = [base / name for base in (tree.git_dir, private) for name in ("HEAD", "index", "logs/HEAD", "commondir")]
    times = [0.0]
    for file in files:
        with suppress(OSError):
            times.append(file.lstat().st_mtime)
    # An agent sets any time, such as one that no calendar has.
    return datetime.fromtimestamp(min(max(times), datetime.now(UTC).timestamp()), UTC)


def _obstacle(tree: Worktree, host: dict[str, str]) -> tuple[str, str | None] | None:
    count = estates.unsynced(tree, host)
    if count == 0:
        return _decided(tree)
    why = f"it has {count} to sync" if count else "its private repository can't be read"
    return why, shlex.join(["wt", "sync", tree.called])


def _decided(tree: Worktree, *, gone: bool = False) -> tuple[str, str | None] | None:
    """What `wt rm` would say."""
    broken = gone and health.damage(tree) is not None
    try:
        removal.decide(rm.observe_removal(tree, rm.processes(tree), force=gone, broken=broken), force=gone)
    except WtError as error:
        return error.message, error.hint
    return None
