"""What is staged inside alone: the indexes of a private repository, read as bytes (gitformat-index(5))."""

import hashlib
import os
import re
import stat
import struct
import time
from collections.abc import Collection, Generator, Iterator, Mapping
from itertools import islice, takewhile
from pathlib import Path

from wt import git, hostile, naming
from wt.errors import WtError
from wt.model import Repository, Worktree

_HEADER = struct.Struct(">4s2I")
# Of an entry: where its mode and its object name begin, and what says that it has two more bytes of flags.
_MODE, _OID, _EXTENDED = 24, 40, 0x4000
_SUBMODULE = 0o160000
_FILES = {stat.S_IFREG, stat.S_IFLNK}
# Name and length of an extension, and the name of the one that says which index has the other entries.
_EXTENSION, _LINK = struct.Struct(">4sI"), b"link"
# Of all indexes together, and of the paths in each: one of version 4 says in a few bytes what differs from the path
# before.
_MAX_BYTES = 128 * 1024**2
_MAX_FILES = 100_000
_MAX_PATH = 4_096
# Objects that one git is asked for, and how many that are missing end the search: for each, git looks for new packs.
_AT_ONCE = 20_000
_MANY = 10_000
_SECONDS = 120
_UNREADABLE = "index, which can't be read"


def alone(worktree: Worktree) -> tuple[str, ...]:
    """Paths in the indexes inside whose content the host does not have, be it in a commit or loose.

    Of an index that shares its entries (`git update-index --split-index`), those that it has replaced count, too. Where
    there are very many paths, these are the first of them.
    """
    algorithm = _algorithm(worktree.repository)
    end, found = time.monotonic() + _SECONDS, list[str]()
    try:
        empty = hashlib.new(algorithm, b"blob 0\0").hexdigest()
        entries = (each for each in _staged(naming.private_repo(worktree), algorithm) if each[0] != empty)
        while len(found) < _MANY and (asked := dict(islice(entries, _AT_ONCE))):
            found += _missing(worktree.repository, asked, seconds=end - time.monotonic())
    except (WtError, struct.error, ValueError, IndexError):
        return (_UNREADABLE,)
    return tuple(sorted(set(found)))


def _algorithm(repository: Repository) -> str:
    return git.run(repository, "rev-parse", "--show-object-format").text.strip()


def _missing(repository: Repository, staged: Mapping[str, tuple[bytes, str]], *, seconds: float) -> Iterator[str]:
    """Paths of those of the objects that the host does not have.

    Raises:
        ToolError: git does not say.
    """
    stdin = "".join(f"{oid}\n" for oid in staged).encode()
    listing = ("cat-file", "--batch-check=%(objectname)", "--buffer")
    for line in git.run(repository, *listing, stdin=stdin, seconds=seconds).text.split("\n"):
        if line.endswith(" missing"):
            path, where = staged[line.removesuffix(" missing")]
            yield os.fsdecode(path or b"a file") + where


def overlooked(worktree: Worktree) -> tuple[str, ...]:
    """Files that the index inside has otherwise and that git ignores on the host, so that its status is silent."""
    try:
        return tuple(sorted(_overlooked(worktree, time.monotonic() + _SECONDS)))
    except (WtError, OSError, struct.error, ValueError, IndexError):
        return (_UNREADABLE,)


def _overlooked(worktree: Worktree, end: float) -> Iterator[str]:
    root, algorithm = worktree.path, _algorithm(worktree.repository)
    known = frozenset(git.run_in(worktree, "ls-files", "--cached", "-z").stdout.split(b"\0"))
    # Those that an index has replaced which shares its entries are listed without their path.
    replaced, inside = set[str](), dict[bytes, str]()
    for oid, (path, _) in takewhile(lambda each: not each[1][1], _staged(naming.private_repo(worktree), algorithm)):
        if not path:
            replaced.add(oid)
        elif path not in known and not _leads_out(path) and hostile.kind(root, os.fsdecode(path)) in _FILES:
            inside[path] = oid
    for path in _ignored(worktree, inside, seconds=end - time.monotonic()):
        if _oid(root, os.fsdecode(path), algorithm, end) not in {None, inside[path], *replaced}:
            yield os.fsdecode(path)


def _leads_out(path: bytes) -> bool:
    return not {b"", b".", b"..", b".git"}.isdisjoint(path.split(b"/"))


def _ignored(worktree: Worktree, paths: Collection[bytes], *, seconds: float) -> list[bytes]:
    """Those that git ignores on the host.

    Raises:
        ToolError: git took longer.
        ValueError: git does not say.
    """
    if not paths:
        return []
    listed = b"".join(path + b"\0" for path in paths)
    answer = git.run_in(worktree, "check-ignore", "-z", "--stdin", stdin=listed, check=False, seconds=seconds)
    if answer.code not in (0, 1):  # something is ignored, or nothing
        raise ValueError(answer.complaint)
    return [path for path in answer.stdout.split(b"\0") if path]


def _oid(root: Path, path: str, algorithm: str, end: float) -> str | None:
    """The name that a file's content has as an object, line ends as they are; None where there is none.

    Raises:
        ValueError: it takes longer than to the moment `end`.
    """
    kind = hostile.kind(root, path)
    if kind not in _FILES:
        return None

    def pieces() -> Iterator[bytes]:
        return iter([os.fsencode(hostile.target(root, path))]) if kind == stat.S_IFLNK else hostile.chunks(root, path)

    total = hashlib.new(algorithm, b"blob %d\0" % sum(map(len, _until(end, pieces()))))
    for piece in _until(end, pieces()):
        total.update(piece)
    return total.hexdigest()


def _until(end: float, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if time.monotonic() > end:
            raise ValueError(end)
        yield chunk


def loss(worktree: Worktree) -> str:
    """What would go with the private repository though all that can be imported is here; empty where nothing would."""
    found = alone(worktree) if hostile.kind(naming.worktree_state_dir(worktree), "repo.git") else ()
    return f"its index has what was never committed: {found[0]}" if found else ""


def _staged(root: Path, algorithm: str) -> Iterator[tuple[str, tuple[bytes, str]]]:
    """Object names of all that is staged, each with its path and in which worktree that was made inside."""
    room = _MAX_BYTES
    made = (
        re.fullmatch(r"worktrees/([^/]+)/index", path) for path in hostile.files(root, "worktrees", limit=_MAX_FILES)
    )
    for index, where in (("index", ""), *((each[0], f" of the worktree {each[1]}") for each in made if each)):
        if (content := hostile.read(root, index, limit=room)) is None:
            continue
        room -= len(content)
        if base := (yield from _parsed(content, algorithm, where)):
            shared = hostile.read(root, f"{index.removesuffix('index')}sharedindex.{base}", limit=room) or b""
            room -= len(shared)
            yield from _parsed(shared, algorithm, where)


def _parsed(content: bytes, algorithm: str, where: str) -> Generator[tuple[str, tuple[bytes, str]], None, str]:
    """Object name of each entry, but for submodules, with its path; and which index has the others.

    The path is empty where the other index has that, too.

    Raises:
        ValueError: it is no index, or has more bytes of paths than all may have; likewise struct.error and IndexError.
    """
    size = hashlib.new(algorithm).digest_size
    signature, version, count = _HEADER.unpack_from(content)
    if signature != b"DIRC" or version not in (2, 3, 4):
        raise ValueError(signature)
    start, path, room = _HEADER.size, b"", _MAX_BYTES
    for _ in range(count):
        (mode,) = struct.unpack_from(">I", content, start + _MODE)
        oid = content[start + _OID : start + _OID + size]
        (flags,) = struct.unpack_from(">H", content, start + _OID + size)
        at, common = start + _OID + size + (4 if flags & _EXTENDED else 2), 0
        if version == 4:
            common, at = _shared(content, at, len(path))
        end = content.index(b"\0", at)
        path = path[:common] + content[at:end]
        room -= len(path)
        if len(path) > _MAX_PATH or room < 0:
            raise ValueError(path)
        start = end + 1 if version == 4 else start + ((end - start + 8) & ~7)
        if stat.S_IFMT(mode) != _SUBMODULE:
            yield oid.hex(), (path, where)
    return _base(content, start, size)


def _base(content: bytes, start: int, size: int) -> str:
    """The object name of the index that shares its entries with this one, whose extensions start there; or nothing."""
    while start + _EXTENSION.size + size <= len(content):
        name, length = _EXTENSION.unpack_from(content, start)
        start += _EXTENSION.size
        if name == _LINK and any(base := content[start : start + size]):
            return base.hex()
        start += length
    return ""


def _shared(content: bytes, at: int, length: int) -> tuple[int, int]:
    """How much of the path before this one it begins with, in version 4, and where the rest of it is."""
    dropped = content[at] & 0x7F
    while content[at] & 0x80 and dropped <= length:
        at += 1
        dropped = (dropped + 1 << 7) + (content[at] & 0x7F)
    if dropped > length:
        raise ValueError(dropped)
    return length - dropped, at + 1
