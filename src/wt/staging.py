"""What is staged inside alone: the private repository's index, read as bytes (gitformat-index(5))."""

import hashlib
import os
import stat
import struct
from collections.abc import Iterator

from wt import git, hostile, naming
from wt.errors import WtError
from wt.model import Worktree

_HEADER = struct.Struct(">4s2I")
# Of an entry: where its mode and its object name begin, and what says that it has two more bytes of flags.
_MODE, _OID, _EXTENDED = 24, 40, 0x4000
_SUBMODULE = 0o160000
_MAX_BYTES = 64 * 1024**2
_MAX_PATH = 4_096


def alone(worktree: Worktree) -> tuple[str, ...]:
    """Paths in the index inside whose content the host does not have, be it in a commit or loose.

    What of an index is shared with others (`git update-index --split-index`) is not looked into.
    """
    algorithm = git.run(worktree.repository, "rev-parse", "--show-object-format").text.strip()
    try:
        content = hostile.read(naming.private_repo(worktree), "index", limit=_MAX_BYTES)
        staged = dict(_entries(content, algorithm)) if content else {}
    except (WtError, struct.error, ValueError, IndexError):
        return ("index, which can't be read",)
    if not staged:
        return ()
    stdin = "".join(f"{oid}\n" for oid in staged).encode()
    answer = git.run(worktree.repository, "cat-file", "--batch-check=%(objectname)", stdin=stdin).text
    missing = [line.removesuffix(" missing") for line in answer.split("\n") if line.endswith(" missing")]
    return tuple(sorted(os.fsdecode(staged[oid]) for oid in missing))


def loss(worktree: Worktree) -> str:
    """What would go with the private repository though all that can be imported is here; empty where nothing would."""
    found = alone(worktree) if hostile.kind(naming.worktree_state_dir(worktree), "repo.git") else ()
    return f"its index has what was never committed: {found[0]}" if found else ""


def _entries(content: bytes, algorithm: str) -> Iterator[tuple[str, bytes]]:
    """Object name and path of each entry, but for submodules and empty files.

    Raises:
        ValueError: it is no index; likewise struct.error and IndexError.
    """
    empty, size = hashlib.new(algorithm, b"blob 0\0").digest(), hashlib.new(algorithm).digest_size
    signature, version, count = _HEADER.unpack_from(content)
    if signature != b"DIRC" or version not in (2, 3, 4):
        raise ValueError(signature)
    start, path = _HEADER.size, b""
    for _ in range(count):
        (mode,) = struct.unpack_from(">I", content, start + _MODE)
        oid = content[start + _OID : start + _OID + size]
        (flags,) = struct.unpack_from(">H", content, start + _OID + size)
        at, common = start + _OID + size + (4 if flags & _EXTENDED else 2), 0
        if version == 4:
            common, at = _shared(content, at, len(path))
        end = content.index(b"\0", at)
        path = path[:common] + content[at:end]
        if len(path) > _MAX_PATH:
            raise ValueError(path)
        start = end + 1 if version == 4 else start + ((end - start + 8) & ~7)
        if stat.S_IFMT(mode) != _SUBMODULE and oid != empty:
            yield oid.hex(), path


def _shared(content: bytes, at: int, length: int) -> tuple[int, int]:
    """How much of the path before this one it begins with, in version 4, and where the rest of it is."""
    dropped = content[at] & 0x7F
    while content[at] & 0x80 and dropped <= length:
        at += 1
        dropped = (dropped + 1 << 7) + (content[at] & 0x7F)
    if dropped > length:
        raise ValueError(dropped)
    return length - dropped, at + 1
