"""The only module that starts programs."""

import _thread
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Container, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from wt import complaints, limits, streams
from wt.errors import Interrupted, ToolError, TooMuch, of_machine

# Seconds that a program has to end by itself.
_MERCY = 5
# How often a signal is handed on to what may not have begun yet.
_ATTEMPTS = 3
# Those that end the program; what the caller chose to ignore, such as nohup, stays ignored.
_SIGNALS = tuple(
    number
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    if signal.getsignal(number) is not signal.SIG_IGN
)
# Bytes of a line that is followed: what is longer comes in pieces.
_MAX_LINE = 8 * 1024**2

# Where the user's own git configuration lies is the user's to say; everything else would redirect git.
_KEPT_GIT_VARIABLES = {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"}
# What `clean_environment` has taken away.
_dropped: dict[str, str] = {}


@dataclass(frozen=True)
class Result:
    """What a finished program left: its exit code and both outputs."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text, bytes that are no UTF-8 kept as surrogates."""
        return os.fsdecode(self.stdout)

    @property
    def complaint(self) -> str:
        """What it said of why it failed."""
        return complaints.last(self.stderr.decode(errors="replace"))


def clean_environment() -> None:
    """For all children: drop what would aim git or compose elsewhere (`GIT_*`, `COMPOSE_*`), and ask for English.

    What programs say is read here; only the language of their messages is set, not the encoding of names.
    """
    for name in list(os.environ):
        if name.startswith("COMPOSE_") or (name.startswith("GIT_") and name not in _KEPT_GIT_VARIABLES):
            _dropped[name] = os.environ[name]
            del os.environ[name]
    if everything := os.environ.pop("LC_ALL", None):
        os.environ["LANG"] = os.environ["LC_CTYPE"] = everything
    os.environ["LC_MESSAGES"] = "C"


def inherited() -> dict[str, str]:
    """The variables that we were started with, those that `clean_environment` dropped among them."""
    return {**os.environ, **_dropped}


def interrupt_on_signals() -> None:
    """Make Ctrl-C, SIGTERM and SIGHUP end the program by an Interrupted, with all that is undone on the way.

    The first one is enough: who presses Ctrl-C twice would only keep what was begun from being ended and undone.
    Python drops an interrupt that arrives in a callback of its own, with a traceback: it is raised again then.
    """

    def interrupt(_number: int, _frame: object) -> None:
        ignore_signals()
        raise Interrupted

    def again(dropped: "sys.UnraisableHookArgs") -> None:
        if dropped.exc_type is Interrupted:
            interrupt_on_signals()
            threading.Timer(0.05, _thread.interrupt_main).start()
        else:
            sys.__unraisablehook__(dropped)

    for number in _SIGNALS:
        signal.signal(number, interrupt)
    sys.unraisablehook = again


def ignore_signals() -> None:
    """From here on Ctrl-C and its like do nothing: what was begun is done, and has only to be said."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def out_of_reach(program: str) -> list[str]:
    """How to start a program: where Ctrl-C is ignored by now, so that it does not reach the program either.

    A terminal sends it to the whole group, and docker listens even where it was told to ignore it.
    """
    apart = "import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-I", "-S", "-c", apart, program] if _is_deaf() else [program]


def _is_deaf() -> bool:
    return any(signal.getsignal(number) is signal.SIG_IGN for number in _SIGNALS)


@contextmanager
def postponed() -> Iterator[None]:
    """Let Ctrl-C and its like wait until the block has ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C and its like in the block, in the programs that it starts too."""
    with _handlers(signal.SIG_IGN):
        yield


def run(
    args: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: bytes = b"",
    check: bool = True,
    seconds: float | None = None,
    max_file_bytes: int | None = None,
    max_memory: int | None = None,
    max_output: int | None = None,
    whole: bool = False,
) -> Result:
    """Run a program to its end and capture what it says.

    Args:
        args: program and arguments, never a shell line.
        cwd: where it runs; the current directory if left out.
        env: variables on top of the inherited ones; one that is None is not inherited.
        stdin: its standard input.
        check: raise when it exits with anything but 0.
        seconds: time limit.
        max_file_bytes: no file that it writes may grow beyond this (RLIMIT_FSIZE).
        max_memory: bytes of memory that each process may have, where the kernel counts them (RLIMIT_DATA).
        max_output: bytes that it may say on standard output, which then is a pipe that breaks.
        whole: interrupted, it is over only when all that it has started is; so it is with a time limit.

    Raises:
        ToolError: the program is missing or failed; TimedOut, TooMuch: it was ended.
        WtError: it failed since the disk is full, read-only or somebody else's.
    """
    with (
        streams.last_words(signals_afterwards) as (writer, heard),
        _output(args, max_output) as (output, said),
        _started(
            limits.command(args, max_file_bytes, max_memory),
            cwd=cwd,
            env={name: value for name, value in {**os.environ, **(env or {})}.items() if value is not None},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=writer,
            start_new_session=whole or seconds is not None,
        ) as child,
    ):
        stdout = _fed(child, args, stdin, seconds)
    result = Result(child.returncode, stdout or bytes(said), bytes(heard))
    if check and result.code != 0:
        raise complaints.failure(f"{_name(args)} failed: {result.complaint}", cwd)
    return result


@contextmanager
def _output(args: Sequence[str], most: int | None) -> Iterator[tuple[int, bytearray]]:
    """Where a program's standard output goes, and what came of it where it may not be more than `most` bytes."""
    if most is None:
        yield subprocess.PIPE, bytearray()
        return
    with streams.first_words(signals_afterwards, most) as (writer, said):
        yield writer, said
    if len(said) > most:
        hint = "stop what answers there, such as a sandbox by `wt down`, and run it again"
        raise TooMuch(f"{_name(args)} said more than {most} bytes and was ended", hint=hint)


def _fed(child: "subprocess.Popen[bytes]", args: Sequence[str], stdin: bytes, seconds: float | None) -> bytes | None:
    """What a program said in the time that it has, where no other pipe was made for that."""
    try:
        said: bytes | None = child.communicate(stdin, timeout=seconds)[0]
    except subprocess.TimeoutExpired as error:
        raise limits.overdue(_name(args), seconds) from error
    return said


def replace(args: Sequence[str]) -> NoReturn:
    """Become another program: terminal, signals and exit code are then its own.

    Raises:
        ToolError: the program is missing.
    """
    try:
        os.execvp(args[0], list(args))  # noqa: S606 - no shell is wanted
    except FileNotFoundError as error:
        raise complaints.missing(args[0]) from error


def leave(args: Sequence[str]) -> None:
    """Start a program that goes on by itself, and says nothing, when wt has ended."""
    none = subprocess.DEVNULL
    command = ["sh", "-c", '"$@" &', "sh", *args]
    with _started(command, stdin=none, stdout=none, stderr=none, cwd="/", start_new_session=True) as child:
        child.wait()


def follow(
    args: Sequence[str],
    *,
    cwd: Path | None = None,
    without: Container[str] = (),
    seconds: float | None = None,
    max_memory: int | None = None,
) -> Generator[bytes, None, None]:
    """Run a program and yield its output (both streams) line by line, as it comes; closed early, it is ended.

    A line that is longer than any should be comes in pieces, of which only the last one ends as a line does.

    Args:
        args: program and arguments.
        cwd: where it runs; the current directory if left out.
        without: names of variables that it does not inherit.
        seconds: time limit, also for a program that says nothing.
        max_memory: as for `run`.

    Raises:
        ToolError: the program is missing or failed; TimedOut: it was ended.
    """
    env = {name: value for name, value in os.environ.items() if name not in without}
    command = limits.command(args, None, max_memory)
    with (
        _started(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child,
        limits.ended_after(seconds, child.kill, signals_afterwards) as late,
    ):
        last = b""
        while line := child.stdout.readline(_MAX_LINE) if child.stdout else b"":
            last = line
            yield line
        code = child.wait()
    if late.is_set():
        raise limits.overdue(_name(args), seconds)
    if code != 0:
        raise ToolError(f"{_name(args)} failed: {complaints.last(last.decode(errors='replace'))}")


def pass_through(args: Sequence[str], *, on_signal: Sequence[str]) -> int:
    """Run a program on our own standard streams and return its exit code.

    SIGINT, SIGTERM and SIGHUP are handed on by running `on_signal` with the signal's number behind it, for
    programs such as `docker exec` that don't do so themselves; where that fails, the program itself gets the signal.

    Raises:
        ToolError: the program is missing.
    """
    arrived: list[int] = []
    unheard: list[int] = []
    # Only who reads from the terminal has to stay in its group: Ctrl-C reaches it there by itself, and docker exec
    # then ends with 0 at once, whatever goes on inside.
    terminal = os.isatty(0)
    # From the first moment on; what arrives before the program runs is handed on when it does.
    with (
        _handlers(lambda number, _frame: arrived.append(number)),
        _started(args, process_group=None if terminal else 0) as child,
    ):

        def hand_on(number: int, _frame: object) -> None:
            if terminal and number == signal.SIGINT:
                unheard.append(number)
            for _ in range(_ATTEMPTS):
                if _is_heard(on_signal, number):
                    return
                time.sleep(0.2)
            unheard.append(number)
            child.send_signal(number)

        with _handlers(hand_on):
            for number in arrived:
                hand_on(number, None)
            code = child.wait()
            if -code == signal.SIGPIPE:
                # Our reader is gone, and docker exec with it; what runs inside would go on.
                _is_heard(on_signal, signal.SIGTERM)
    return 128 + unheard[0] if code <= 0 and unheard else 128 - code if code < 0 else code


def _is_heard(on_signal: Sequence[str], number: int) -> bool:
    with suppress(ToolError):
        return run([*on_signal, str(int(number))], check=False, max_output=_MAX_LINE).code == 0
    return False


@contextmanager
def _handlers(handler: "signal._HANDLER") -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def _started(command: Sequence[str], **options: Any) -> "Iterator[subprocess.Popen[bytes]]":
    """A program for the block, ended with it."""
    child: subprocess.Popen[bytes] | None = None
    if _is_deaf():
        options["start_new_session"] = True  # see out_of_reach
    try:
        with _explained(command[0], options.get("cwd")), signals_afterwards():
            child = subprocess.Popen(list(command), **options)
        yield child
    finally:
        if child is not None:
            with child:
                _end(child, group=bool(options.get("start_new_session")))


@contextmanager
def _explained(program: str, cwd: Path | None) -> Iterator[None]:
    """Say why a program can't be started."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        gone = ToolError(f"{cwd} is gone", hint="run it again; `wt doctor` names what is gone for good")
        raise gone if cwd and not cwd.is_dir() else complaints.missing(program) from error
    except OSError as error:
        closed = of_machine(error, cwd) if cwd and error.filename == cwd else None  # it names what can't be entered
        raise closed or complaints.unusable(program, error) from error


@contextmanager
def signals_afterwards() -> Iterator[None]:
    """Let what interrupts wait for the end of a short block, in a way that no child inherits, as it would a mask.

    An interrupt in the midst of a start would leave a program that nobody knows of.
    """
    arrived: list[int] = []
    mine = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _SIGNALS if mine and callable(signal.getsignal(number))}
    for number in before:
        signal.signal(number, lambda number, _frame: arrived.append(number))
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
    if arrived:
        signal.raise_signal(arrived[0])


def _end(child: "subprocess.Popen[bytes]", *, group: bool) -> None:
    """End a program that still runs, and its whole group where it has one."""
    if child.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number) if group else child.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=_MERCY)
            if not group or _is_over(child.pid):
                return


def _is_over(group: int) -> bool:
    """Whether no process of a group is left; waits a while for the last one."""
    end = time.monotonic() + _MERCY
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):  # the latter where what has ended still counts, as on macOS
            return True
        time.sleep(0.02)
    return False


def _name(args: Sequence[str]) -> str:
    """Program and verb: `git fetch`, `docker ps`."""
    verb = next((arg for arg in args[1:] if arg[:1].isalpha() and "=" not in arg), "")
    return f"{args[0]} {verb}".strip()
