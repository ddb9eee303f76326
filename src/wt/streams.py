"""Standard streams: opened, silenced, and what a program says on one."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO

_STDERR = 2
# Bytes that are kept of what a program complains of.
_MAX_HEARD = 64 * 1024
# Seconds for the last of it, when the program has ended.
_PATIENCE = 5


def open_standard_streams() -> None:
    """Put the null device where a standard stream is closed: the next file opened would take its place."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - takes it by place only
    os.close(descriptor)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - as long as the program runs
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def silence(stream: TextIO) -> None:
    """Let what is still written to a stream go nowhere, the interpreter's own last flush included."""
    with open(os.devnull, "wb") as null:  # noqa: PTH123
        os.dup2(null.fileno(), stream.fileno())


@contextmanager
def last_words(calmly: Callable[[], AbstractContextManager[None]]) -> Iterator[tuple[int, bytearray]]:
    """A pipe for what a program complains of, and the end of that, whole after the block: a peer may never stop.

    Args:
        calmly: keeps interrupts out of a short block; a thread that starts or ends would lose its locks by one.
    """
    heard = bytearray()

    def keep(chunk: bytes) -> bool:
        heard.extend(chunk)
        del heard[:-_MAX_HEARD]
        return True

    with _listening(calmly, keep) as writer:
        yield writer, heard


@contextmanager
def first_words(calmly: Callable[[], AbstractContextManager[None]], most: int) -> Iterator[tuple[int, bytearray]]:
    """A pipe for what a program says, and that, whole after the block; it breaks at one byte more than `most`.

    Args:
        calmly: as for `last_words`.
        most: bytes that it may say.
    """
    heard = bytearray()

    def keep(chunk: bytes) -> bool:
        heard.extend(chunk[: most + 1 - len(heard)])
        return len(heard) <= most

    with _listening(calmly, keep) as writer:
        yield writer, heard


@contextmanager
def _listening(calmly: Callable[[], AbstractContextManager[None]], keep: Callable[[bytes], bool]) -> Iterator[int]:
    """A pipe whose other end is read while `keep` wants more."""
    reader, writer = os.pipe()

    def listen() -> None:
        while (chunk := os.read(reader, _MAX_HEARD)) and keep(chunk):
            pass
        os.close(reader)

    listener = threading.Thread(target=listen, daemon=True)
    with calmly():
        listener.start()
    try:
        yield writer
    finally:
        os.close(writer)
        with calmly():
            listener.join(_PATIENCE)  # what goes on in the background may keep its end open
