"""What the host's history says: ancestry, distances, what a range of commits brings (GitPython, off the hot paths)."""

from typing import TYPE_CHECKING

from wt.errors import ToolError
from wt.model import Repository

if TYPE_CHECKING:
    from git import Repo

_GITLINK = 0o160000


def is_ancestor(repository: Repository, old: str, new: str) -> bool:
    """Whether the commit `new` contains `old`."""
    with _open(repository) as repo:
        return repo.is_ancestor(repo.commit(old), repo.commit(new))


def count(repository: Repository, old: str, new: str) -> int:
    """How many commits `new` has that `old` lacks."""
    with _open(repository) as repo:
        return sum(1 for _ in repo.iter_commits(f"{old}..{new}"))


def submodule_changes(repository: Repository, old: str, new: str) -> tuple[str, ...]:
    """Paths at which `new` has a gitlink or a `.gitmodules` that `old` has not, or not the same.

    With such a link in the index, a plain `git status` runs what the directory's own configuration says.
    """
    with _open(repository) as repo:
        changes = repo.commit(old).diff(repo.commit(new), no_renames=True)
        return tuple(
            str(change.b_path)
            for change in changes
            if not change.deleted_file
            and (change.b_mode == _GITLINK or str(change.b_path).rpartition("/")[2].lower() == ".gitmodules")
        )


class _open:  # noqa: N801 - reads as the function that it stands for
    """GitPython on the host's repository; its errors don't come out of here."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def __enter__(self) -> "Repo":
        from git import Repo

        self._repo = Repo(self._repository.common_dir)
        return self._repo

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from git import GitError

        self._repo.close()
        if isinstance(error, GitError | ValueError):
            raise ToolError(f"git could not read the history of {self._repository.common_dir}: {error}") from error
