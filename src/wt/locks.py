"""Advisory file locks: one holder at a time, and none left behind when the holder dies."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PATIENCE = 0.4


@contextmanager
def held(path: Path, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock on `path` for the block; the file is made, and stays.

    Args:
        path: the lock file.
        on_wait: called once when another process has held it for 400 ms.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        started = time.monotonic()
        while not _acquired(descriptor):
            if time.monotonic() - started > _PATIENCE:
                on_wait()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                break
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _acquired(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
