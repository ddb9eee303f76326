"""Decides whether a worktree may go, and what goes with it; pure."""

import shlex
from dataclasses import dataclass

from wt import naming
from wt.errors import Refused, UsageError
from wt.model import Worktree
from wt.steps import DeleteBranch, RemoveProject, RemoveState, RemoveWorktree, Step

# Files or commits that a refusal names.
SHOWN = 20


@dataclass(frozen=True)
class Removal:
    """What was observed of a worktree that is to go.

    Attributes:
        inner: other worktrees inside it, relative to it.
        dirty: paths that differ from the host's index, or are untracked and not ignored.
        only_here: commits that no branch, remote or tag would hold any more.
        only_here_with_branch: the same if its branch went too.
        operations: what is under way, inside or on the host.
        tip: object name of its branch.
    """

    worktree: Worktree
    inner: tuple[str, ...]
    dirty: tuple[str, ...]
    only_here: tuple[str, ...]
    only_here_with_branch: tuple[str, ...]
    operations: tuple[str, ...]
    tip: str | None


def decide(seen: Removal, *, force: bool, delete_branch: bool) -> tuple[Step, ...]:
    """What removes a worktree with all that belongs to it.

    Args:
        seen: what was observed, after an import.
        force: let changes go that were never committed.
        delete_branch: delete its branch too.

    Raises:
        Refused: work could be lost.
    """
    tree = seen.worktree
    if tree.is_main:
        raise UsageError(
            f"{tree.name} is the main checkout", hint=f"`wt down {shlex.quote(tree.name)}` stops its sandbox"
        )
    if tree.locked is not None:
        reason = f": {tree.locked.strip()}" if tree.locked.strip() else ""
        raise Refused(f"{tree.name} is locked{reason}", hint=f"git worktree unlock {shlex.quote(str(tree.path))}")
    if seen.inner:
        raise Refused(
            f"{', '.join(seen.inner)} lies inside {tree.name}, and would go with it",
            hint="remove or move the other worktree first",
        )
    if seen.operations:
        raise Refused(f"a {seen.operations[0]} is under way in {tree.name}", hint="finish or abort it")
    if seen.dirty and not force:
        raise Refused(
            f"{tree.name} has changes that are not committed",
            hint="commit them, or drop them with --force",
            details=_first(seen.dirty),
        )
    lost = seen.only_here_with_branch if delete_branch else seen.only_here
    if lost:
        branch_only = delete_branch and not seen.only_here
        hint = "leave out --delete-branch, or merge it" if branch_only else "git branch NAME COMMIT keeps them"
        raise Refused(f"{tree.name} has commits that are nowhere else", hint=hint, details=_first(lost))
    project = naming.project_name(tree)
    steps: list[Step] = [RemoveProject(project), RemoveWorktree(tree), RemoveState(tree)]
    if delete_branch and tree.branch is not None and seen.tip is not None:
        steps.append(DeleteBranch(tree.repository, tree.branch, seen.tip))
    return tuple(steps)


def _first(lines: tuple[str, ...]) -> tuple[str, ...]:
    rest = len(lines) - SHOWN
    return (*lines[:SHOWN], f"and {rest} more") if rest > 0 else lines
