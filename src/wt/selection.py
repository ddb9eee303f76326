"""Which worktree a command is about, and who runs it."""

import os
import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from wt import checkouts, naming
from wt.errors import Refused, UsageError
from wt.model import Context, HostUser, Repository, Worktree


def host_user() -> HostUser:
    """The user that runs wt.

    Raises:
        UsageError: neither HOME nor the user database says where their home directory is.
    """
    try:
        return HostUser(os.getuid(), os.getgid(), Path.home())
    except RuntimeError as error:
        raise UsageError(f"the user {os.getuid()} has no home directory", hint="set HOME") from error


def here() -> Path:
    """The current directory.

    Raises:
        UsageError: it was removed.
    """
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the current directory is gone", hint="change to one that exists") from error


def worktree(context: Context, name: str | None, *, gone: bool = False) -> Worktree:
    """The worktree of that name, or the one around the current directory.

    Args:
        context: of the command.
        name: what the user calls it.
        gone: take one whose directory is not there, too.

    Raises:
        UsageError: there is none, or the name is ambiguous.
    """
    repository, here = checkouts.locate(context.directory)
    if name is not None:
        return _named(repository, name, gone=gone)
    if here is None:
        raise UsageError(f"{context.directory} is in no worktree", hint="name one: wt ls shows them")
    return here


def selected(context: Context, names: Iterable[str], *, gone: bool = False) -> tuple[Worktree, ...]:
    """The worktrees of those names, each once; without any, the one around the current directory."""
    wanted: list[str | None] = [*names] or [None]
    return tuple(dict.fromkeys(worktree(context, name, gone=gone) for name in wanted))


def _named(repository: Repository, name: str, *, gone: bool) -> Worktree:
    """The worktree of a repository that the user means by `name`."""
    trees = checkouts.worktrees(repository)
    # Two admin directories may name one directory, which leads back to one of them.
    places = Counter(tree.path for tree in trees)
    ours = [tree for tree in trees if places[tree.path] == 1 or checkouts.points_back(tree)]
    tree = naming.find_worktree(ours, name)
    if not tree.path.is_dir():
        if gone:
            return tree
        raise is_gone(tree)
    if not checkouts.points_back(tree):
        raise Refused(
            f"{tree.path} belongs to another repository than {repository.common_dir}",
            hint="run wt there; where the repository was moved, `git worktree repair` mends it",
        )
    return tree


def is_gone(tree: Worktree) -> UsageError:
    """The error for a worktree whose directory is not there."""
    removal = shlex.join(["wt", "rm", "--force", tree.called])
    return UsageError(f"{tree.path} is gone", hint=f"git worktree repair finds a moved one, {removal} removes the rest")
