"""Files in directories that an agent may have prepared: no symlink is followed, nothing but regular files is opened.

Every path is walked from an open directory, one name at a time, so that nothing can be swapped between a check and
its use.
"""

import itertools
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from wt.errors import Refused, WtError, another_kind, of_kind, of_machine

_MAX_BYTES = 64 * 1024 * 1024
_CHUNK = 1024 * 1024
# Entries of a directory whose bytes are counted, and bytes in a path that a system call takes.
_MAX_COUNTED = 1_000_000
_MAX_PATH = 4_096
# Characters of all the paths together that a search has before it: they are an agent's, as many and long as it likes.
MAX_PENDING = 64 * 1024**2
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REGULAR = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read(root: Path, path: str, *, limit: int = _MAX_BYTES) -> bytes | None:
    """The content of a regular file below `root`, None when it is absent.

    Args:
        root: an existing directory.
        path: the file, relative to it.
        limit: bytes that it may have at most.

    Raises:
        Refused: it is a symlink, a directory, a device or a FIFO, lies behind a symlink, or is too large.
    """
    try:
        with _regular(root, path) as file:
            if os.fstat(file.fileno()).st_size > limit:
                raise Refused(
                    f"{root / path} is larger than {limit / 1024**2:.3g} MiB", hint="make it smaller, or remove it"
                )
            return file.read(limit)
    except FileNotFoundError:
        return None


def chunks(root: Path, path: str) -> Iterator[bytes]:
    """The content of a regular file of any size below `root`, piece by piece; nothing when it is absent.

    Raises:
        Refused: it is no regular file, or lies behind a symlink.
    """
    try:
        with _regular(root, path) as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except FileNotFoundError:
        return


def write(root: Path, path: str, content: bytes, *, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Write a file below `root` atomically: temporary file in the same directory, fsync, rename.

    Args:
        root: an existing directory.
        path: the file, relative to it; its directory must exist.
        content: all of it.
        mode: permission bits.
        owner: user and group to give it to.

    Raises:
        Refused: there is something else than a regular file at that place, or a symlink on the way.
    """
    try:
        with _parent(root, path) as (directory, name):
            if _kind(directory, name) not in (None, stat.S_IFREG):
                raise Refused(f"{root / path} is not a regular file", hint="remove it and try again")
            # Not the number of the process, which another one had that was killed: in a container they come again.
            temporary = f".{name}.{int.from_bytes(os.urandom(6))}.tmp"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, 0o600, dir_fd=directory)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fchmod(descriptor, mode)
                    if owner is not None:
                        os.fchown(descriptor, *owner)
                    os.fsync(descriptor)
                os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
            except BaseException:
                os.unlink(temporary, dir_fd=directory)
                raise
    except OSError as error:
        raise _refusal(root, path, error) from error


def sweep(root: Path, path: str) -> None:
    """Remove what `write` left of a file when it was killed; nobody else may be writing that file now.

    Where nothing can be looked at or removed, nothing happens.
    """
    with suppress(OSError), _parent(root, path) as (directory, name), os.scandir(directory) as found:
        for each in found:
            if is_left_of(name, each.name) and each.is_file(follow_symlinks=False):
                os.unlink(each.name, dir_fd=directory)


def is_left_of(name: str, other: str) -> bool:
    """Whether a file of the other name is what `write` leaves of `name` when it is killed."""
    return re.fullmatch(rf"\.{re.escape(name)}\.[0-9]+\.tmp", other) is not None


def make_directory(root: Path, path: str, *, owner: tuple[int, int] | None = None) -> None:
    """Make a directory below `root`, with its parents; those that exist are left as they are.

    Raises:
        Refused: something on the way is no directory, or a symlink.
    """
    names = _names(path)
    try:
        descriptor = os.open(root, _DIRECTORY)
        try:
            for name in names:
                created = _make(descriptor, name)
                inner = os.open(name, _DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
                if created and owner is not None:
                    os.fchown(descriptor, *owner)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _refusal(root, path, error) from error


def is_directory(root: Path, path: str) -> bool:
    """Whether there is a directory, reached without a symlink."""
    try:
        with _parent(root, path) as (directory, name):
            return _kind(directory, name) == stat.S_IFDIR
    except OSError:
        return False


def give_back(path: Path) -> None:
    """Take back the owner's rights to a file or directory, never those to what a symlink leads to.

    By the name alone, one that is swapped between the look and the change would be followed.
    """
    before = path.lstat()
    if not (stat.S_ISDIR(before.st_mode) or stat.S_ISREG(before.st_mode)):
        return
    rights = stat.S_IMODE(before.st_mode) | (0o700 if stat.S_ISDIR(before.st_mode) else 0o600)
    if os.chmod in os.supports_follow_symlinks:
        path.lchmod(rights)
        return
    # Linux: what is held by O_PATH is one thing, whatever its name leads to by now; no right to it is needed.
    held = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.path.samestat(os.fstat(held), before):
            Path(f"/proc/self/fd/{held}").chmod(rights)
    finally:
        os.close(held)


def is_there(path: Path) -> bool:
    """Whether a directory is at a path, through symlinks or not; `Path.is_dir` says no, too, where that can't be told.

    Raises:
        OSError: it can't be told (pathlib's own raises that before Python 3.14 alone).
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def kind(root: Path, path: str) -> int | None:
    """File type of what is at `path` (`stat.S_IFREG`, ...), symlinks not followed; None when nothing is."""
    try:
        with _parent(root, path) as (directory, name):
            return _kind(directory, name)
    except OSError:
        return None


def is_absent(root: Path, path: str) -> bool:
    """Whether nothing is at `path`, symlinks not followed; what can't be looked at may be there."""
    try:
        with _parent(root, path) as (directory, name):
            return _kind(directory, name) is None
    except PermissionError:
        return False
    except OSError:
        return True


def entries(root: Path, path: str, *, limit: int) -> list[tuple[str, int]]:
    """Name and type of what is in a directory below `root`, `limit` of them at most.

    The type is `stat.S_IFDIR`, `stat.S_IFREG`, `stat.S_IFLNK` or, for anything else, 0.

    Raises:
        FileNotFoundError: it is absent.
        Refused: it is none, lies behind a symlink, or can't be read.
    """
    try:
        with _opened(root, path) as directory, os.scandir(directory) as found:
            return sorted((each.name, _type(each)) for each in itertools.islice(found, limit))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _refusal(root, path, error) from error


def files(root: Path, path: str, *, limit: int) -> Iterator[str]:
    """Paths, relative to `root`, of the regular files below the directory `path`, symlinks left out.

    Raises:
        Refused: there are more than `limit` entries, they are too deep, or a directory can't be read or is none.
    """
    return (each for each, kind in below(root, path, limit=limit) if kind == stat.S_IFREG)


def below(root: Path, path: str, *, limit: int) -> Iterator[tuple[str, int]]:
    """All that is below the directory `path` and is no directory: paths, relative to `root`, and types as `entries`.

    Raises:
        Refused: as `files`.
    """
    pending, left = [path], limit
    while pending:
        current = pending.pop()
        try:
            found = entries(root, current, limit=left + 1)
        except FileNotFoundError:
            continue
        left -= len(found)
        if left < 0:
            raise Refused(f"{root / path} holds more than {limit} files", hint="remove what is not needed there")
        for name, kind in found:
            if kind != stat.S_IFDIR:
                yield f"{current}/{name}", kind
            elif len(current) + len(name) > _MAX_PATH:
                raise Refused(
                    f"{root / path} is deeper than git can reach", hint="remove the directories that lie so deep"
                )
            else:
                pending.append(f"{current}/{name}")


def is_executable(root: Path, path: str) -> bool:
    """Whether a regular file below `root` may be run by its owner.

    Raises:
        FileNotFoundError: it is absent.
        Refused: it is something else, or lies behind a symlink.
    """
    with _regular(root, path) as file:
        return bool(os.fstat(file.fileno()).st_mode & stat.S_IXUSR)


def target(root: Path, path: str) -> str:
    """What a symlink below `root` says, wherever that leads.

    Raises:
        Refused: it is none, or lies behind one.
    """
    try:
        with _parent(root, path) as (directory, name):
            return os.readlink(name, dir_fd=directory)
    except OSError as error:
        raise _refusal(root, path, error) from error


def size(root: Path) -> int:
    """Bytes on the disk of all that is in a directory, which may go while it is counted.

    No recursion, and an end: what an agent makes there may be deep, and may grow for as long as it is counted.
    """
    total, pending, left, room = 0, [str(root)], _MAX_COUNTED, MAX_PENDING
    while pending and left > 0:
        current = pending.pop()
        room += len(current)
        with suppress(OSError), os.scandir(current) as entries:
            for entry in itertools.islice(entries, left):
                left -= 1
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False) and len(entry.path) <= room:
                        pending.append(entry.path)
                        room -= len(entry.path)
    return total


@contextmanager
def _regular(root: Path, path: str) -> Iterator[BinaryIO]:
    """A regular file below `root`, opened for reading.

    Raises:
        FileNotFoundError: it is absent.
        Refused: it is something else, or lies behind a symlink.
    """
    try:
        with _parent(root, path) as (directory, name):
            descriptor = os.open(name, _REGULAR, dir_fd=directory)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _refusal(root, path, error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused(f"{root / path} is not a regular file", hint="remove it and try again")
    with os.fdopen(descriptor, "rb") as file:
        yield file


@contextmanager
def _opened(root: Path, path: str) -> Iterator[int]:
    """A descriptor of the directory `path` below `root`."""
    descriptor = os.open(root, _DIRECTORY)
    try:
        for name in _names(path):
            inner = os.open(name, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _parent(root: Path, path: str) -> Iterator[tuple[int, str]]:
    *parents, name = _names(path)
    with _opened(root, "/".join(parents)) as directory:
        yield directory, name


def _make(directory: int, name: str) -> bool:
    try:
        os.mkdir(name, 0o755, dir_fd=directory)
    except FileExistsError:
        return False
    return True


def _names(path: str) -> tuple[str, ...]:
    names = PurePosixPath(path).parts
    if any(name in {"..", "/"} for name in names):
        raise Refused(f"{path} leaves the directory that it belongs to")
    return names


def _type(entry: "os.DirEntry[str]") -> int:
    """Without another system call, in which the entry could be gone."""
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    return stat.S_IFLNK if entry.is_symlink() else stat.S_IFREG if entry.is_file(follow_symlinks=False) else 0


def _kind(directory: int, name: str) -> int | None:
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return None


def _refusal(root: Path, path: str, error: OSError) -> WtError:
    place = root / path
    if of_kind(error, place):
        above = [each for each in reversed(place.parents) if each.is_relative_to(root) and each != root]
        return another_kind(next((each for each in above if each.is_symlink() or not each.is_dir()), place))
    return of_machine(error, place) or Refused(f"{place}: {error.strerror}")
