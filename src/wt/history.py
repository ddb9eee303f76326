"""What the host's history says: ancestry and distances (GitPython, off the hot paths)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wt.errors import ToolError
from wt.model import Repository

if TYPE_CHECKING:
    from git.cmd import Git


def is_ancestor(repository: Repository, old: str, new: str) -> bool:
    """Whether the commit `new` contains `old`."""
    with _git(repository) as git:
        code, _, complaint = git.merge_base("--is-ancestor", old, new, with_extended_output=True, with_exceptions=False)
        if code not in (0, 1):
            raise ToolError(f"git merge-base failed: {complaint}", hint="`git fsck` says what is damaged")
        return bool(code == 0)


def count(repository: Repository, old: str | None, new: str) -> int:
    """How many commits `new` has that `old` lacks."""
    with _git(repository) as git:
        return int(git.rev_list("--count", f"{old}..{new}" if old else new))


def merge_base(repository: Repository, one: str, other: str) -> str | None:
    """The newest commit that both come from, None when there is none."""
    with _git(repository) as git:
        answer: str = git.merge_base(one, other, with_exceptions=False)
        return answer.partition("\n")[0] or None


@contextmanager
def _git(repository: Repository) -> "Iterator[Git]":
    """GitPython's commands (its objects know SHA-1 only) on the host's repository; its errors stay in here."""
    from git import Git, GitError

    # Not through Repo, which takes `$HOME` for a variable where it is a directory's name.
    git = Git(repository.common_dir)
    git.set_persistent_git_options(git_dir=str(repository.common_dir))
    try:
        yield git
    except GitError as error:
        raise ToolError(
            f"git could not read the history of {repository.common_dir}: {error}",
            hint="`git fsck` says what is damaged",
        ) from error
