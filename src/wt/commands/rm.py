"""`wt rm`: import, refuse when work could be lost, then remove all that belongs to a worktree."""

import shlex
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, suppress

from wt import (
    apply,
    borrowed,
    checkouts,
    docker,
    estates,
    git,
    health,
    hostile,
    inventory,
    merges,
    mounts,
    naming,
    observe,
    plan,
    private_repo,
    removal,
    selection,
    staging,
    trash,
    unwatched,
)
from wt.commands import prepare, sync
from wt.errors import Incomplete, Refused, ToolError
from wt.model import Context, InsideRefs, Worktree
from wt.steps import Step


def run(
    context: Context, names: Iterable[str], *, force: bool, delete_branch: bool, force_branch: bool
) -> tuple[Worktree, ...]:
    """Remove worktrees; those that were removed.

    Args:
        context: of the command.
        names: of worktrees.
        force: let changes go that were never committed.
        delete_branch: delete their branches too, if they are merged.
        force_branch: delete their branches, merged or not.
    """
    removed = []
    for tree in selection.selected(context, names, gone=True):
        with prepare.alone(tree.repository, context):
            remove(tree, context, force=force, delete_branch=delete_branch, force_branch=force_branch)
        removed.append(tree)
    return tuple(removed)


def remove(
    tree: Worktree,
    context: Context,
    *,
    force: bool,
    delete_branch: bool = False,
    force_branch: bool = False,
    gone: bool = False,
) -> None:
    """Remove one worktree; the caller holds the lock.

    Args:
        tree: the worktree.
        context: of the command.
        force: let changes go that were never committed.
        delete_branch: delete its branch too, if it is merged.
        force_branch: delete its branch, merged or not.
        gone: only while its directory is not there: what the user agreed to says nothing of one that comes back.

    Raises:
        Refused: work could be lost.
    """

    # Nothing can be imported from it, ever: --force keeps it, and lets the rest go.
    broken = damage = health.damage(tree) if force else None

    def decided() -> tuple[Step, ...]:
        nonlocal broken
        now = checkouts.current(tree)
        if now.path != tree.path:
            raise Refused(f"{tree.path} was moved to {now.path}", hint="run it again, which looks at what is in it")
        broken = damage or _brought_in(tree, context, force=force)
        if gone and hostile.is_there(tree.path):
            raise Refused(f"{tree.path} is there again", hint="run it again, which looks at what is in it")
        if gone and broken is None:
            _refuse_staged(tree)
        ask_merged = delete_branch and not force_branch
        seen = observe_removal(now, processes(now), force=force, ask_merged=ask_merged, broken=broken is not None)
        return removal.decide(seen, force=force, delete_branch=delete_branch, force_branch=force_branch)

    # Asked before the sandbox stops, so that a refusal disturbs nothing, and after it, when nothing can change.
    decided()
    with unstarted(tree, context):
        apply.carry_out(plan.stop(docker.containers(project=naming.project_name(tree))), context.progress)
        steps = decided()
        if broken is not None:
            where = private_repo.put_aside(tree)
            context.progress.note(f"the private repository of {tree.name} is broken: {broken}; it is kept in {where}")
        apply.carry_out(steps, context.progress)


def _brought_in(tree: Worktree, context: Context, *, force: bool) -> str | None:
    """Import what is inside; why that can't be, ever, where --force does without."""
    if not force:
        sync.bring_in(tree, context)
        return None
    # It breaks off where what serves it is ended, too.
    for _ in range(2):
        with suppress(Incomplete):
            sync.bring_in(tree, context)
            return None
    return "objects that its refs name are missing or broken"


def _refuse_staged(tree: Worktree) -> None:
    """What nobody agreed to let go, where the directory is gone by itself."""
    if not trash.holds(tree) and (loss := staging.loss(tree)):
        raise Refused(loss, hint=shlex.join(["wt", "rm", "--force", tree.called]))


def unstarted(tree: Worktree, context: Context) -> AbstractContextManager[None]:
    """No wt starts its sandbox in the block; the caller holds the lock on the repository."""
    # Who would prepare one that never was waits for that lock.
    prepared = naming.worktree_state_dir(tree).is_dir()
    return prepare.alone_with(tree, context) if prepared else nullcontext()


def processes(tree: Worktree) -> tuple[str, ...]:
    """What somebody runs in a worktree's sandbox."""
    project = naming.project_name(tree)
    found = docker.containers(project=project)
    if any(each.alive and not each.service for each in found):
        # No service: it serves an import, which its label alone tells, or is somebody's.
        held = {each.id: each for each in inventory.holdings() if each.project == project}
        still = {each.id for each in docker.containers(project=project) if each.alive and not each.service}
        others = [each.name for each in found if each.id in still - held.keys()]
        told = (f"{name}, by docker run of its image: `docker stop {name}` ends it" for name in others)
        return (*estates.busy(held.values()).get(project, ()), *told)
    app = observe.app(found, project)
    try:
        return docker.processes(app) if app is not None and app.running else ()
    except ToolError as error:
        # Another wt may have ended it since it was seen, of which docker has many words, or none.
        if not _runs_on(project):
            return ()
        error.hint = error.hint or f"`{shlex.join(['wt', 'down', tree.called])}` stops it"
        raise


def _runs_on(project: str) -> bool:
    """Whether a sandbox still runs; the engine's list has it as running for a moment after it has ended."""
    for pause in (0, 0.3, 1):
        time.sleep(pause)
        app = observe.app(docker.containers(project=project), project)
        if app is None or not app.running:
            return False
    return True


def observe_removal(
    tree: Worktree,
    processes: tuple[str, ...] = (),
    *,
    force: bool = False,
    ask_merged: bool = False,
    broken: bool = False,
) -> removal.Removal:
    """What `removal` decides by; what takes long is asked only where it matters."""
    repository, there = tree.repository, hostile.is_there(tree.path)
    host = git.refs(repository)
    inside = None if broken else observe.private(tree)
    tip = host.get(tree.branch or "")
    kept = git.lasting(repository, host)
    without_branch = {oid for name, oid in kept.items() if name != tree.branch}
    only_on_branch = git.only_in(repository, [tip], sorted(without_branch)) if ask_merged and tip else ()
    into = git.default_branch(repository)
    operations = (inside.operation if inside else None, checkouts.operation(tree.git_dir)) if there else ()
    same = [each.path for each in checkouts.worktrees(repository) if tree.branch and each.branch == tree.branch]
    return removal.Removal(
        worktree=tree,
        inner=tuple(path for path in checkouts.nested(tree)[0] if (tree.path / path).is_dir()),
        gone=not there and not trash.holds(tree),
        dirty=_dirty(tree) if there and not force else (),
        submodules=_submodules(tree) if there and not force else (),
        repositories=unwatched.repositories(tree) if there and not force else (),
        made_inside=estates.made_inside(tree) if there and not force else (),
        mounts=mounts.below(tree.path.resolve()),
        processes=processes,
        only_here=git.only_in(repository, _tips(tree, inside, host), sorted(set(kept.values()))),
        only_on_branch=only_on_branch,
        merged=bool(only_on_branch) and is_merged(tree, host, into),
        into=into,
        also_in=next((path for path in same if path != tree.path), None),
        operations=tuple(each for each in operations if each),
        tip=tip,
    )


def _dirty(tree: Worktree) -> tuple[str, ...]:
    """What was never committed, in the directory or in the index inside alone."""
    found = checkouts.dirty(tree)
    seen, alone = set(found), staging.alone(tree)
    staged = (f"{path} (staged inside)" for path in alone if path not in seen)
    changed = (f"{path} (changed inside)" for path in staging.overlooked(tree) if path not in {*seen, *alone})
    return (*found, *staged, *changed)


def _submodules(tree: Worktree) -> tuple[str, ...]:
    """Those with files or commits, outside or inside."""
    inside = ("those that were added inside",) if private_repo.has_submodules(tree) else ()
    return checkouts.filled_submodules(tree) or inside


def _tips(tree: Worktree, inside: InsideRefs | None, host: dict[str, str]) -> list[str]:
    """The commits that only the worktree may hold: what was imported from it, and what its own refs stand at."""
    # A stash entry that was imported once and is gone inside was applied or dropped there.
    ours, own = naming.ref_prefix(tree), set[str]()
    imported = {
        name: oid for name, oid in host.items() if name.startswith(ours) and not name.startswith(f"{ours}base/")
    }
    if inside is not None:
        alive = {*inside.stash, *inside.refs.values(), inside.detached}
        stash = f"{ours}stash/"
        imported = {name: oid for name, oid in imported.items() if not name.startswith(stash) or oid in alive}
        # What it has by a name of its own may be held by what keeps alive what others borrow, and by nothing else.
        named = {**inside.refs, **({"refs/HEAD": inside.detached} if inside.detached else {})}
        own = {oid for name, oid in named.items() if host.get(borrowed.base_ref(tree, name)) != oid}
        own = {*own, *inside.stash}.intersection(host.values())
    # On no branch, HEAD is all that holds what was committed on the host.
    head = None if tree.branch else git.resolve(tree.repository, (git.file_text(tree.git_dir / "HEAD") or "").strip())
    return sorted({*imported.values()} | own | checkouts.own_refs(tree) | ({head} if head else set()))


def is_merged(tree: Worktree, host: dict[str, str], default: str | None) -> bool:
    """Whether the default branch, here or as the remote has it, has what the worktree's branch has."""
    theirs = default or ""
    names = {theirs, theirs.replace("refs/heads/", "refs/remotes/origin/", 1)} - {tree.branch}
    tip, end = host[tree.branch or ""], time.monotonic() + merges.SECONDS
    tips = (host[name] for name in names if name in host)
    return any(merges.is_merged(tree.repository, tip, each, seconds=end - time.monotonic()) for each in tips)
