"""Where removed worktrees go: out of the way at once, by a rename, and deleted afterwards.

So a deletion that fails leaves no half of a worktree. What an agent wrote there is deleted without following symlinks.
"""

import errno
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from wt import mounts, naming, process
from wt.errors import Refused, of_kind, of_machine
from wt.model import Repository, Worktree

# Pairs of a trash entry and what is to be deleted for it. Directories that the agent closed to itself are opened first,
# files are not: a hard link may be to one outside.
_DELETE = """
while [ $# -gt 1 ]; do
  rm -rf "$2" || { find "$2" -type d -exec chmod u+rwx {} \\; ; rm -rf "$2"; }
  [ -e "$2" ] || rm -f "$1"
  shift 2
done
"""
_DELETION = ("sh", "-c", _DELETE, "sh")
# Seconds after which the user should know.
_LONG = 300
# In git's admin directory of a worktree, from its removal on; and before that, with the ending of its place here. Names
# alone say it, since a disk may be full.
_MARK, _BEGUN = "wt-removed", "wt-removing"


def put(worktree: Worktree) -> None:
    """Move a worktree's directory to the trash, if it is still there.

    From another file system than the repository's it goes beside its place, and the trash gets a symlink to that.

    Raises:
        Refused: it can't be moved, and is as it was.
    """
    if not worktree.path.is_dir():
        return
    is_back(worktree)
    kept = _entry(worktree)
    begun = worktree.git_dir / f"{_BEGUN}{kept.suffix}"
    begun.touch()
    try:
        _open(worktree.path)
        try:
            worktree.path.rename(kept)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            beside = worktree.path.with_name(_beside(kept))
            kept.symlink_to(beside)
            worktree.path.rename(beside)
    except OSError as error:
        begun.unlink()
        if kept.is_symlink():
            kept.unlink()
        raise of_machine(error, worktree.path) or Refused(
            f"{worktree.path} can't be moved: {error.strerror}", hint="it may be a mount point"
        ) from error
    with suppress(OSError):  # as long as it is here, the one says what the other does
        begun.rename(worktree.git_dir / _MARK)


def put_state(worktree: Worktree) -> None:
    """Move all that wt keeps for a worktree to the trash; missing is fine."""
    with suppress(FileNotFoundError):
        naming.worktree_state_dir(worktree).rename(_entry(worktree))


def holds(worktree: Worktree) -> bool:
    """Whether a worktree whose directory is gone went here."""
    begun = [_place(worktree, each.suffix) for each in worktree.git_dir.glob(f"{_BEGUN}.*")]
    return (worktree.git_dir / _MARK).exists() or any(os.path.lexists(_real(each)) for each in begun)


def is_back(worktree: Worktree) -> None:
    """The worktree's directory is there, whatever a `wt rm` of it had begun."""
    for mark in (worktree.git_dir / _MARK, *worktree.git_dir.glob(f"{_BEGUN}.*")):
        mark.unlink(missing_ok=True)


def empty(repository: Repository) -> None:
    """Begin to delete what is here; that goes on by itself, and what it can't delete stays here."""
    if pairs := _pairs(repository):
        process.leave([*_DELETION, *pairs])


def delete(repository: Repository) -> None:
    """Delete what is here, and wait for it."""
    if pairs := _pairs(repository):
        process.run([*_DELETION, *pairs], check=False)


def content(repository: Repository) -> tuple[tuple[Path, bool], ...]:
    """What is here, where it really is, and whether the disk that it is on is there."""
    return tuple((real, _is_mounted(real)) for real in map(_real, _entries(repository)))


def old(repository: Repository) -> tuple[Path, ...]:
    """What is here longer than a deletion should take, where it really is."""
    found = []
    for entry in _entries(repository):
        with suppress(FileNotFoundError):  # deleted at this moment
            if time.time() - entry.lstat().st_ctime > _LONG:
                found.append(_real(entry))
    return tuple(found)


def _open(directory: Path) -> None:
    """Take back the right to move a directory, which its sandbox may have given away."""
    mode = directory.lstat().st_mode
    if not stat.S_ISDIR(mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        directory.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)


def _pairs(repository: Repository) -> list[str]:
    """What `_DELETE` takes; what is on a disk that is not mounted at present stays here."""
    found = [(entry, _real(entry)) for entry in _entries(repository)]
    return [str(path) for entry, real in found if _is_mounted(real) for path in (entry, real)]


def _is_mounted(real: Path) -> bool:
    """Whether the disk is there that something lies on; where nothing is at all, what leads to it has to stay."""
    return os.path.lexists(real) or not mounts.may_be_unmounted(real)


def _entry(worktree: Worktree) -> Path:
    """A new place in the trash."""
    trash = naming.state_dir(worktree.repository) / naming.TRASH
    try:
        trash.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if refused := of_kind(error, trash):
            raise refused from error
        raise
    return _place(worktree, f".{os.urandom(4).hex()}")


def _place(worktree: Worktree, ending: str) -> Path:
    return naming.state_dir(worktree.repository) / naming.TRASH / f"{naming.slug(worktree.id)}{ending}"


def _entries(repository: Repository) -> list[Path]:
    place = naming.state_dir(repository) / naming.TRASH
    return sorted(place.iterdir()) if place.is_dir() else []


def _real(entry: Path) -> Path:
    """Where the content of an entry is; no symlink is followed that `put` can't have made."""
    try:
        target = entry.readlink()
    except OSError:
        return entry
    return target if target.name == _beside(entry) and target.is_absolute() else entry


def _beside(entry: Path) -> str:
    return f".wt-trash.{entry.name}"
