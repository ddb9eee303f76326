"""What the host's history says: ancestry, distances, what a range of commits brings (GitPython, off the hot paths)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wt.errors import ToolError
from wt.model import Repository

if TYPE_CHECKING:
    from git.cmd import Git

_GITLINK = "160000"
# Known to git in every repository, by the length of its object names.
_EMPTY_TREES = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}


def is_ancestor(repository: Repository, old: str, new: str) -> bool:
    """Whether the commit `new` contains `old`."""
    with _git(repository) as git:
        code, _, complaint = git.merge_base("--is-ancestor", old, new, with_extended_output=True, with_exceptions=False)
        if code not in (0, 1):
            raise ToolError(f"git merge-base failed: {complaint}")
        return bool(code == 0)


def count(repository: Repository, old: str | None, new: str) -> int:
    """How many commits `new` has that `old` lacks."""
    with _git(repository) as git:
        return int(git.rev_list("--count", f"{old}..{new}" if old else new))


def submodule_changes(repository: Repository, old: str | None, new: str) -> tuple[str, ...]:
    """Paths at which `new` has a gitlink or a `.gitmodules` that `old` has not, or not the same.

    With such a link in the index, a plain `git status` runs what the directory's own configuration says. What a
    `.gitmodules` tells git to ignore counts, too.
    """
    with _git(repository) as git:
        fields = git.diff_tree(
            "-r",
            "-z",
            "--no-renames",
            "--diff-filter=AMT",
            "--ignore-submodules=none",
            old or _EMPTY_TREES[len(new)],
            new,
        ).split("\0")
    changes = zip(fields[::2], fields[1::2], strict=False)
    return tuple(
        path
        for change, path in changes
        if change.split(" ")[1] == _GITLINK or path.rpartition("/")[2].lower() == ".gitmodules"
    )


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
        raise ToolError(f"git could not read the history of {repository.common_dir}: {error}") from error
