"""Repositories that lie in a worktree's files: git, run in one of them, runs what its configuration says."""

import stat
import time
from collections.abc import Collection
from pathlib import Path

from wt import gate, hostile
from wt.errors import WtError

_MAX_ENTRIES = 500_000
_MAX_FOUND = 1_000
_SECONDS = 10


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
    pending, left, whole = [""], limit, True
    end = time.monotonic() + seconds
    while pending:
        current = pending.pop()
        if left <= 0 or time.monotonic() > end or len(found) >= _MAX_FOUND:
            return tuple(sorted(found)), False
        try:
            entries = hostile.entries(root, current, limit=left)
        except FileNotFoundError:
            continue
        except WtError:
            whole = False
            continue
        left -= len(entries)
        names = [name for name, _ in entries]
        if current and (any(map(gate.is_dot_git, names)) or gate.is_repository(names)):
            found.append(current)
        inner = [f"{current}/{name}".lstrip("/") for name, kind in entries if kind == stat.S_IFDIR and name != ".git"]
        pending += [path for path in inner if path not in known]
    return tuple(sorted(found)), whole
