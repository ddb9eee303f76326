"""The disk that a worktree lies on: written down while it is there, asked for when the worktree is not."""

from pathlib import Path

from wt import git, hostile, mounts, naming
from wt.model import Worktree

_RECORD = "disk"


def of(worktree: Worktree) -> Path | None:
    """The mount point of a worktree that lies on another file system than its repository; None on the same one."""
    device = worktree.path.stat().st_dev
    if device == worktree.repository.common_dir.stat().st_dev:
        return None
    return [each for each in (worktree.path, *worktree.path.parents) if each.stat().st_dev == device][-1]


def is_recorded(worktree: Worktree) -> bool:
    """Whether what is written down is so."""
    place = of(worktree)
    return _recorded(worktree) == (place and (place, mounts.identity(place)))


def record(worktree: Worktree) -> None:
    """Write down on which disk the worktree lies, where that is another one than the repository's."""
    state, place = naming.worktree_state_dir(worktree), of(worktree)
    if place is None:
        if _recorded(worktree) is not None:
            (state / _RECORD).unlink()
    else:
        text = f"{place}\0{mounts.identity(place)}"
        hostile.write(state, _RECORD, text.encode(errors="surrogateescape"), mode=0o644)


def unmounted(worktree: Worktree) -> Path | None:
    """The mount point that a worktree which is not there lay on, where nothing is mounted now, or another disk.

    Of one that wt never prepared nothing is known: then it is its place, if that looks like one on such a disk.
    """
    if not hostile.is_directory(naming.worktree_state_dir(worktree), "repo.git"):
        return worktree.path if mounts.may_be_unmounted(worktree.path) else None
    found = _recorded(worktree)
    if found is None:
        return None
    place, identity = found
    # By a record without an identity, any disk counts.
    there = place.is_mount() and identity in ("", mounts.identity(place))
    return None if there else place


def _recorded(worktree: Worktree) -> tuple[Path, str] | None:
    """The mount point, and which disk was there; empty where the machine did not say."""
    place, _, identity = (git.file_text(naming.worktree_state_dir(worktree) / _RECORD) or "").partition("\0")
    return (Path(place), identity) if place else None
