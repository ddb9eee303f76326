"""Where removed worktrees go: out of the way at once, by a rename, and deleted afterwards.

So a deletion that fails leaves no half of a worktree. What an agent wrote there is deleted without following symlinks.
"""

import secrets
import time
from pathlib import Path

from wt import naming, process
from wt.model import Repository, Worktree

# Directories that the agent took its own rights to are opened first; a symlink goes when what it leads to is gone.
_DELETE = """
trash=$1; shift
for each; do rm -rf -- "$each" || { chmod -R u+rwX -- "$each"; rm -rf -- "$each"; }; done
for link in "$trash"/*; do [ -e "$link" ] || rm -f -- "$link"; done
"""
# Seconds after which what is still there was not deleted, and is not about to be.
_LONG = 300


def put(worktree: Worktree) -> None:
    """Move a worktree's directory to the trash, if it is still there.

    From another file system than the repository's it goes beside its place, and the trash gets a symlink to that.

    Raises:
        OSError: it can't be moved, and is as it was.
    """
    trash = _place(worktree.repository)
    trash.mkdir(parents=True, exist_ok=True)
    kept = trash / f"{worktree.id}.{secrets.token_hex(4)}"
    if not worktree.path.is_dir():
        return
    if worktree.path.lstat().st_dev == trash.stat().st_dev:
        worktree.path.rename(kept)
        return
    beside = worktree.path.with_name(f".wt-trash.{kept.name}")
    kept.symlink_to(beside)
    try:
        worktree.path.rename(beside)
    except OSError:
        kept.unlink()
        raise


def holds(worktree: Worktree) -> bool:
    """Whether a worktree that is gone went here."""
    return any(path.name.rpartition(".")[0] == worktree.id for path in _entries(worktree.repository))


def empty(repository: Repository) -> None:
    """Begin to delete what is here; that goes on by itself, and what it can't delete stays here."""
    if found := _entries(repository):
        real = [path.readlink() if path.is_symlink() else path for path in found]
        process.leave(["sh", "-c", _DELETE, "sh", str(_place(repository)), *map(str, real)])


def stuck(repository: Repository) -> tuple[Path, ...]:
    """What could not be deleted."""
    return tuple(path for path in _entries(repository) if time.time() - path.lstat().st_ctime > _LONG)


def _entries(repository: Repository) -> list[Path]:
    place = _place(repository)
    return sorted(place.iterdir()) if place.is_dir() else []


def _place(repository: Repository) -> Path:
    return naming.state_dir(repository) / naming.TRASH
