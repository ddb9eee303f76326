"""What a program may take of the machine: memory, bytes of a file, time."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from wt.errors import TimedOut


def command(args: Sequence[str], max_file_bytes: int | None, max_memory: int | None) -> Sequence[str]:
    """The command that runs a program under limits; the shell sets them: preexec_fn is unsafe beside threads."""
    # Units: 512 bytes (POSIX), and 1024.
    files = f"ulimit -f {max(1, max_file_bytes // 512)}; " if max_file_bytes is not None else ""
    # One that is lower already can't be raised, of which nothing may come among what the program says.
    memory = f"ulimit -d {max_memory // 1024} 2>/dev/null; " if max_memory is not None else ""
    return ["sh", "-c", f'{files}{memory}exec "$@"', "sh", *args] if files or memory else args


def overdue(name: str, seconds: float | None) -> TimedOut:
    """The error for a program that was ended after so many seconds."""
    took = f"{name} took longer than {round(seconds or 0, 1):g} s and was ended"
    return TimedOut(took, hint="run it again when the machine has less to do")


@contextmanager
def ended_after(
    seconds: float | None, end: Callable[[], None], calmly: Callable[[], AbstractContextManager[None]]
) -> Iterator[threading.Event]:
    """Call `end` in another thread where the block takes longer than it may; whether that was so is in the event.

    Args:
        seconds: None for a block that may take any time.
        end: what ends it.
        calmly: as for `streams.last_words`.
    """
    late = threading.Event()
    if seconds is None:
        yield late
        return

    def expire() -> None:
        late.set()
        end()

    timer = threading.Timer(max(0, seconds), expire)
    timer.daemon = True
    with calmly():
        timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        with calmly():
            timer.join()
