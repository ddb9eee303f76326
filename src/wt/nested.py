"""Repositories that lie in a worktree's files: git, run in one of them, runs what its configuration says."""

import errno
import os
import stat
import time
from collections.abc import Collection
from pathlib import Path

from wt import gate, git, hostile, naming
from wt.errors import Refused, WtError

_MAX_ENTRIES = 500_000
_MAX_FOUND = 1_000
_SECONDS = 10
# Bytes of a file that holds a path, and what the machine says of one that leads nowhere.
_MAX_POINTER = 8_192
_NOWHERE = {errno.ELOOP, errno.ENAMETOOLONG}


def repositories(
    root: Path, known: Collection[str] = (), *, limit: int = _MAX_ENTRIES, seconds: float = _SECONDS
) -> tuple[tuple[str, ...], bool]:
    """Directories below `root` that git takes for repositories, and whether all was looked at.

    Args:
        root: a worktree, whose own `.git` is the host's matter.
        known: directories below it that are left out.
        limit: entries that are looked at.
        seconds: time limit.
    """
    found: list[str] = []
    pending, left, room, whole = [""], limit, hostile.MAX_PENDING, True
    end = time.monotonic() + seconds
    while pending:
        current = pending.pop()
        room += len(current)
        if left <= 0 or time.monotonic() > end or len(found) >= _MAX_FOUND:
            return tuple(sorted(found)), False
        try:
            entries = hostile.entries(root, current, limit=left + 1)
        except FileNotFoundError:
            continue
        except WtError:
            whole = False
            continue
        left -= len(entries)
        names = [name for name, _ in entries]
        if current and (any(map(gate.is_dot_git, names)) or gate.is_repository(names)):
            found.append(current)
            room -= len(current)
        for name in (name for name, kind in entries if kind == stat.S_IFDIR and name != ".git"):
            if (path := f"{current}/{name}".lstrip("/")) not in known:
                pending.append(path)
                room -= len(path)
            if room < 0:
                return tuple(sorted(found)), False
    return tuple(sorted(found)), whole and left >= 0


def refuse_within(directory: Path) -> None:
    """Git takes the nearest `.git` for the repository's, be it one that an agent made in its worktree.

    Nothing of what is found is opened but the text of pointers.

    Raises:
        Refused: around `directory` lies a repository that is not the one of the checkout around it, in which wt has
            been at work.
    """
    nearest, *around = _taken_for_one(directory.resolve()) or [directory]
    for outer in around:
        common_dir = _used(outer)
        if common_dir and common_dir not in (nearest, nearest.parent.parent, _used(nearest)):
            raise _of_its_own(nearest, outer)


def refuse_another(here: Path, common_dir: Path) -> None:
    """What `refuse_within` saw may have changed before git looked; no checkout's own `.git` is an agent's to change.

    Args:
        here: where git looked, resolved before that.
        common_dir: its answer.

    Raises:
        Refused: that is not the repository of a checkout around `here` in which wt has been at work.
    """
    for outer in _taken_for_one(here):
        if _used(outer) not in (None, common_dir):
            raise _of_its_own(common_dir, outer)


def _of_its_own(place: Path, outer: Path) -> Refused:
    return Refused(
        f"{place} is a repository of its own, inside {outer}: an agent could have made it there",
        hint="run wt outside of it; what is yours belongs elsewhere, what is not you can remove",
    )


def _taken_for_one(here: Path) -> list[Path]:
    """Those of a directory and what is around it that git can take for a repository, the nearest first."""
    return [place for place in (here, *here.parents) if _is_taken_for_one(place)]


def _is_taken_for_one(place: Path) -> bool:
    """Whether git can take a directory for a repository, or for a checkout of one (setup.c, is_git_directory)."""
    head, common, objects, refs = (os.path.lexists(place / name) for name in ("HEAD", "commondir", "objects", "refs"))
    return os.path.lexists(place / ".git") or (head and (common or (objects and refs)))


def _used(place: Path) -> Path | None:
    """The common directory of a checkout or bare repository in which wt has been at work; None where it is neither."""
    try:
        common_dir = _common_dir(place)
    except (ValueError, RuntimeError):  # no path at all, or symlinks in a loop
        return None
    except OSError as error:
        if error.errno in _NOWHERE:
            return None
        raise
    return common_dir if common_dir and os.path.isdir(common_dir / naming.STATE) else None  # noqa: PTH112 - as below


def _common_dir(place: Path) -> Path | None:
    """Where a `.git` leads, or the place itself without one; None where what it leads to does not lead back."""
    dot_git = place / ".git"
    common_dir = dot_git.resolve() if os.path.isdir(dot_git) else place  # noqa: PTH112 - pathlib may raise
    if (pointer := git.file_text(dot_git, limit=_MAX_POINTER)) is not None:
        git_dir = (place / pointer.removeprefix("gitdir: ").rstrip("\n")).resolve()
        back = git.file_text(git_dir / "gitdir", limit=_MAX_POINTER)
        if back is None or (git_dir / back.rstrip("\n")).resolve() != dot_git:
            return None
        text = git.file_text(git_dir / "commondir", limit=_MAX_POINTER) or ""
        common_dir = (git_dir / text.rstrip("\n")).resolve()
    return common_dir
