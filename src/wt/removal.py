"""Decides whether a worktree may go, and what goes with it; pure."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from wt import naming
from wt.errors import Refused, UsageError
from wt.model import Worktree
from wt.steps import (
    DeleteBranch,
    EmptyTrash,
    MoveToTrash,
    RemoveProject,
    RemoveRefs,
    RemoveState,
    RemoveWorktree,
    Step,
)

# Files or commits that a refusal names.
SHOWN = 20


@dataclass(frozen=True)
class Removal:
    """What was observed of a worktree that is to go.

    Attributes:
        inner: other worktrees inside it, relative to it.
        gone: its directory is not there, and wt did not remove it.
        dirty: paths that differ from the host's index, or are untracked and not ignored.
        submodules: those with files, of which git says nothing here.
        repositories: directories with tracked files that are repositories of their own, of which it says nothing, too.
        made_inside: worktrees that were made in its sandbox and may still be there.
        mounts: mount points inside it.
        processes: command lines that somebody started in the running sandbox.
        only_here: commits that no branch, remote or tag would hold any more.
        only_on_branch: commits that its branch alone holds; none if nobody asks.
        merged: whether the branch `into` has what its branch has, be it as other commits.
        into: full name of the default branch.
        also_in: another worktree on the same branch.
        operations: what is under way, inside or on the host.
        tip: object name of its branch.
    """

    worktree: Worktree
    inner: tuple[str, ...]
    gone: bool
    dirty: tuple[str, ...]
    submodules: tuple[str, ...]
    repositories: tuple[str, ...]
    made_inside: tuple[str, ...]
    mounts: tuple[Path, ...]
    processes: tuple[str, ...]
    only_here: tuple[str, ...]
    only_on_branch: tuple[str, ...]
    merged: bool
    into: str | None
    also_in: Path | None
    operations: tuple[str, ...]
    tip: str | None


def decide(
    seen: Removal, *, force: bool = False, delete_branch: bool = False, force_branch: bool = False
) -> tuple[Step, ...]:
    """What removes a worktree with all that belongs to it.

    Args:
        seen: what was observed, after an import.
        force: let changes go that were never committed.
        delete_branch: delete its branch too, if that is merged.
        force_branch: delete its branch, merged or not.

    Raises:
        Refused: work could be lost.
    """
    tree = seen.worktree
    if tree.is_main:
        raise UsageError(
            f"{tree.name} is the main checkout", hint=f"`wt down {shlex.quote(tree.called)}` stops its sandbox"
        )
    _refuse_in_use(seen)
    _refuse_loss(seen, force=force)
    # Last, since who stops the sandbox for it loses what is in its `/tmp`.
    _refuse_at_work(seen)
    if delete_branch or force_branch:
        _refuse_branch(seen, force=force_branch)
    # First the private repository: what is left of the refs then is no reason to ask it for anything.
    steps: list[Step] = [
        MoveToTrash(tree),
        RemoveProject(naming.project_name(tree)),
        RemoveState(tree),
        RemoveRefs(tree),
    ]
    if (delete_branch or force_branch) and tree.branch is not None and seen.tip is not None:
        steps.append(DeleteBranch(tree.repository, tree.branch, seen.tip))
    # What git knows of it goes last: until then the same command finds it, and goes on after a crash.
    return (*steps, RemoveWorktree(tree), EmptyTrash(tree.repository))


def _refuse_loss(seen: Removal, *, force: bool) -> None:
    tree = seen.worktree
    if seen.gone and not force:
        raise Refused(
            f"{tree.path} is gone, with what was not committed there",
            hint="`git worktree repair PATH` takes it up where it was moved to; --force removes the rest of it",
        )
    if seen.dirty and not force:
        raise Refused(
            f"{tree.name} has changes that are not committed",
            hint="commit them, or drop them with --force",
            details=first(seen.dirty),
        )
    look = "look into them, then use --force"
    prune = shlex.join(["wt", "exec", tree.called, "--", "git", "worktree", "prune"])
    for what, found, hint in (
        ("submodules", seen.submodules, look),
        ("repositories among its files", seen.repositories, look),
        ("worktrees that were made inside", seen.made_inside, f"`{prune}` forgets those that are gone; {look}"),
    ):
        if found and not force:
            raise Refused(f"{tree.name} has {what}, in which there may be work", hint=hint, details=first(found))
    if seen.only_here:
        raise Refused(
            f"{tree.name} has commits that are nowhere else",
            hint="`git branch NAME COMMIT` keeps one, `git tag NAME OBJECT` one that is no commit",
            details=first(seen.only_here),
        )


def _refuse_branch(seen: Removal, *, force: bool) -> None:
    branch = naming.short_branch(seen.worktree.branch or "")
    if seen.also_in is not None:
        raise Refused(f"{branch} is checked out in {seen.also_in}, too", hint="leave the branch: it is in use")
    if seen.only_on_branch and not seen.merged and not force:
        into = f" to {naming.short_branch(seen.into)}" if seen.into else ""
        raise Refused(
            f"{branch} has commits that are not merged{into}",
            hint="merge it, leave out --delete-branch, or let them go with --force-branch",
            details=first(seen.only_on_branch),
        )


def _refuse_in_use(seen: Removal) -> None:
    tree = seen.worktree
    if tree.locked is not None:
        reason = f": {tree.locked.strip()}" if tree.locked.strip() else ""
        raise Refused(f"{tree.name} is locked{reason}", hint=f"git worktree unlock {shlex.quote(str(tree.path))}")
    if seen.inner:
        raise Refused(
            f"{', '.join(seen.inner)} lies inside {tree.name}, and would go with it",
            hint="remove or move the other worktree first",
        )
    if seen.mounts:
        raise Refused(f"something is mounted in {tree.name}: {seen.mounts[0]}", hint="unmount it first")
    if seen.operations:
        raise Refused(f"a {seen.operations[0]} is under way in {tree.name}", hint="finish or abort it")


def _refuse_at_work(seen: Removal) -> None:
    if seen.processes:
        down = shlex.join(["wt", "down", seen.worktree.called])
        raise Refused(
            f"somebody is at work in the sandbox of {seen.worktree.name}",
            hint=f"end it; `{down}` stops the sandbox, and with it what runs in there",
            details=first(seen.processes),
        )


def first(lines: tuple[str, ...], shown: int = SHOWN) -> tuple[str, ...]:
    """The first lines, and how many more there are."""
    rest = len(lines) - shown
    return (*lines[:shown], f"and {rest} more") if rest > 0 else lines
