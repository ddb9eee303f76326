"""Decides whether a worktree can be made, and where; pure."""

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from wt import envfile, naming
from wt.errors import Refused, UsageError
from wt.model import Repository, Worktree
from wt.steps import AddWorktree

MAX_NAME = 255
# Linux takes 4,095 bytes; git and the private repository need some 330 below the common directory.
MAX_PATH = 3_700


def decide(
    repository: Repository,
    path: Path,
    branch: str,
    *,
    branches: Mapping[str, str],
    worktrees: Sequence[Worktree],
    start: str | None,
    default_start: str | None,
    occupied: bool,
    exposed: Sequence[Path],
) -> AddWorktree:
    """The step that makes a worktree.

    Args:
        repository: the repository.
        path: where the worktree will be.
        branch: short name of its branch.
        branches: full names of the branches there are, with their tips.
        worktrees: the worktrees there are.
        start: the commit that `--from` names.
        default_start: the commit that a new branch starts from without it.
        occupied: whether there is something at the path.
        exposed: worktrees around the path whose sandboxes would see it.

    Raises:
        UsageError, Refused: it can't be made.
    """
    full = f"refs/heads/{branch}"
    holders = [tree for tree in worktrees if tree.branch == full]
    if holders:
        raise Refused(f"{branch} is checked out in {holders[0].path}", hint=shlex.join(["wt", "up", holders[0].called]))
    if full in branches and start is not None:
        raise UsageError(
            f"the branch {branch} exists; --from is for a new one", hint="leave out --from, or choose another name"
        )
    if occupied:
        raise Refused(f"{path} exists", hint="choose another name, or set worktree_dir in wt.toml")
    _refuse_place(path, repository, exposed)
    if full in branches:
        return AddWorktree(repository, path, branch, None)
    _refuse_clash(full, branches)
    first = start or default_start
    if first is None:
        raise UsageError("the repository has no commit to start from", hint="make a first commit")
    return AddWorktree(repository, path, branch, first)


def _refuse_clash(full: str, branches: Iterable[str]) -> None:
    for each in branches:
        if each.startswith(f"{full}/") or full.startswith(f"{each}/"):
            names = (naming.short_branch(name) for name in (full, each))
            raise Refused(
                "git can't have a branch {} beside the branch {}".format(*names),
                hint="choose another name, or give one with --branch",
            )


def _refuse_place(path: Path, repository: Repository, exposed: Sequence[Path]) -> None:
    if exposed:
        raise Refused(
            f"{path} lies inside {exposed[0]}, whose sandbox could write to it",
            hint="set worktree_dir in wt.toml to a directory of its own, then wt init --upgrade hides that",
        )
    refuse_unfit(path, repository)


def refuse_unfit(path: Path, repository: Repository) -> None:
    """Said before there is a worktree or a private repository: no sandbox could be there."""
    if any(path.is_relative_to(repository.common_dir / each) for each in naming.GIT_OWN):
        raise Refused(f"{path} is a place of git's own", hint="choose another name, or set worktree_dir in wt.toml")
    for each in (path, repository.common_dir):
        for what, text, limit in (("name", each.name, MAX_NAME), ("path", str(each), MAX_PATH)):
            if (size := len(os.fsencode(text))) > limit:
                raise Refused(
                    f"a {what} of {size} bytes is too long, {limit} are possible: {each}",
                    hint="choose a shorter one, for a new worktree with worktree_dir in wt.toml",
                )
        envfile.quote(str(each))
