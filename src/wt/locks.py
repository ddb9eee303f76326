"""Advisory file locks: one holder at a time, and none left behind when the holder dies."""

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wt.errors import another_kind, of_kind

_PATIENCE = 0.4


@contextmanager
def held(path: Path, *, on_wait: Callable[[], None], there: bool = False) -> Iterator[None]:
    """Hold the lock on `path` for the block; the file is made, and stays.

    Args:
        path: the lock file.
        on_wait: called when another process has held it for 400 ms.
        there: its directory has to be there; else that is made, too.

    Raises:
        Refused: there is something else than a file at that place.
        FileNotFoundError: its directory is not there, or went while this waited.
    """
    descriptor = _opened(path, make=not there)
    try:
        started = time.monotonic()
        while not _acquired(descriptor):
            if time.monotonic() - started > _PATIENCE:
                on_wait()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                break
            time.sleep(0.01)
        if not _is_replaced(descriptor, path, there=there):
            yield
            return
    finally:
        os.close(descriptor)
    with held(path, on_wait=on_wait, there=there):
        yield


def _is_replaced(descriptor: int, path: Path, *, there: bool) -> bool:
    """Whether another file has its place: who held it may have moved it away, with its directory."""
    try:
        return not os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        if there:
            raise
        return False


def _opened(path: Path, *, make: bool) -> int:
    try:
        if make:
            path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if refused := of_kind(error, path if path.parent.is_dir() else path.parent):
            raise refused from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise another_kind(path)
    return descriptor


def _acquired(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
