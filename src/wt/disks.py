"""The disk that a worktree lies on: written down while it is there, asked for when the worktree is not."""

import os
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
    return _recorded(worktree) == of(worktree)


def record(worktree: Worktree) -> None:
    """Write down on which disk the worktree lies, where that is another one than the repository's."""
    state, place = naming.worktree_state_dir(worktree), of(worktree)
    if place is None:
        if _recorded(worktree) is not None:
            (state / _RECORD).unlink()
    else:
        hostile.write(state, _RECORD, os.fsencode(place), mode=0o644)


def unmounted(worktree: Worktree) -> Path | None:
    """The mount point that a worktree which is not there lay on, where nothing is mounted now.

    Of one that wt never prepared nothing is known: then it is its place, if that looks like one on such a disk.
    """
    if hostile.is_directory(naming.worktree_state_dir(worktree), "repo.git"):
        place = _recorded(worktree)
        return place if place is not None and not place.is_mount() else None
    return worktree.path if mounts.may_be_unmounted(worktree.path) else None


def _recorded(worktree: Worktree) -> Path | None:
    text = git.file_text(naming.worktree_state_dir(worktree) / _RECORD)
    return Path(text) if text else None
