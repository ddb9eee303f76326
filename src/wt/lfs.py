"""Git LFS objects that were made in a sandbox: files that are named by the hash of what they hold."""

import hashlib
import os
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from wt import hostile, naming
from wt.errors import ToolError
from wt.model import Worktree

_STORE = "lfs/objects"
_MAX_OBJECTS = 100_000
# Of what is being copied, and after how many seconds nobody can be at that any more.
_BEGUN = ".wt."
_LONGEST = 24 * 60 * 60


def adopt(worktree: Worktree, *, max_bytes: int) -> int:
    """Copy into the host's store what the sandbox's holds and the host's lacks; how many there were.

    The caller holds the lock on the worktree's imports: what another one left that was killed is removed.

    A name that is not the hash of the content is left alone, so that a sandbox can add objects and replace none.

    Args:
        worktree: whose sandbox it is.
        max_bytes: all of them together may not be larger.

    Raises:
        ToolError: they are.
    """
    root, store = naming.private_repo(worktree), worktree.repository.common_dir / _STORE
    left, copied = max_bytes, 0
    begun = store / f"{_BEGUN}{naming.digest(worktree.id, length=8)}."
    _sweep(begun)
    for path in hostile.files(root, _STORE, limit=_MAX_OBJECTS):
        match = re.fullmatch(rf"{_STORE}/(..)/(..)/(\1\2[0-9a-f]{{60}})", path)
        target = store / path.removeprefix(f"{_STORE}/")
        if match and not target.exists():
            size, kept = _copy(root, path, target, begun, oid=match[3], limit=left)
            left, copied = left - size, copied + kept
    return copied


def _sweep(begun: Path) -> None:
    """Remove what imports of this worktree left that were killed, and those of others that are over by now."""
    for each in begun.parent.glob(f"{_BEGUN}*"):
        with suppress(OSError):
            if each.name.startswith(begun.name) or time.time() - each.lstat().st_mtime > _LONGEST:
                each.unlink()


def _copy(root: Path, path: str, target: Path, begun: Path, *, oid: str, limit: int) -> tuple[int, bool]:
    """Copy one object; the bytes it has, and whether they are what its name says: else there is no copy.

    Args:
        root: the private repository.
        path: the object, relative to it.
        target: its place in the host's store.
        begun: how the path of a copy begins that is not complete yet.
        oid: what the object's name says.
        limit: bytes that it may have.

    Raises:
        ToolError: it has more.
    """
    begun.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=begun.name, dir=begun.parent)
    total, size = hashlib.sha256(), 0
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in hostile.chunks(root, path):
                size += len(chunk)
                if size > limit:
                    hint = "[import] max_size in wt.toml allows more"
                    raise ToolError("the LFS objects of the sandbox are larger than an import may be", hint=hint)
                total.update(chunk)
                file.write(chunk)
        if total.hexdigest() != oid:
            return size, False
        Path(temporary).chmod(0o644)
        target.parent.mkdir(parents=True, exist_ok=True)
        Path(temporary).rename(target)
    finally:
        Path(temporary).unlink(missing_ok=True)
        with suppress(OSError):  # those that hold something stay
            os.removedirs(begun.parent)
    return size, True
