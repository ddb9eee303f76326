"""What can go wrong, by what the user has to do about it."""

import errno
import os

# What the machine itself can refuse, and what to do about it: neither a bug nor something that wt could mend.
_MACHINE = {
    errno.ENOSPC: "free some space, or some inodes, and run it again",
    errno.EDQUOT: "free some of your quota and run it again",
    errno.EROFS: "mount it for writing, or work in a clone elsewhere",
    errno.EACCES: "run wt as the user who owns it; `ls -ld` shows who that is, and the mode",
    errno.EPERM: "run wt as the user who owns it; `ls -ld` shows who that is",
    errno.EIO: "look at the disk: the kernel's log says more",
    errno.ESTALE: "mount the network file system again",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "close other programs and run it again",
    errno.ENOMEM: "close other programs and run it again",
    errno.EAGAIN: "raise the limit of processes (`ulimit -u`), or close other programs",
}

# What the machine says where a directory should be a file, or the other way round, or a symlink is not followed.
_OTHER_KINDS = {errno.ELOOP, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENXIO}


class WtError(Exception):
    """The command failed; the message is one line that a user can act on.

    Raised where the reason is known and caught once, in `wt.cli`.

    Args:
        message: what happened, one line, without a full stop.
        hint: what to do about it.
        details: further lines, such as the files or commits concerned.
    """

    exit_code = 1
    code = "failed"

    def __init__(self, message: str, *, hint: str | None = None, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class Interrupted(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP. Not KeyboardInterrupt, which libraries catch and make something else of."""


class UsageError(WtError):
    """What was typed or configured can't be understood."""

    exit_code = 2
    code = "usage"


class Refused(WtError):
    """Going on could destroy work or open the sandbox."""

    exit_code = 3
    code = "refused"


class ToolError(WtError):
    """git, docker or another program is missing, too old, or failed."""

    exit_code = 4
    code = "tool"


class TimedOut(ToolError):
    """A program took longer than it may."""


class TooMuch(ToolError):
    """A program said more than it may."""


class Incomplete(ToolError):
    """A sandbox lacks objects that its refs name, or has broken ones: the next try would end as this one did."""


class EngineError(ToolError):
    """The Docker engine can't be reached."""

    code = "engine"


def of_machine(error: OSError, place: object = None) -> WtError | None:
    """What the machine refused at `place`, such as a full disk; None when it was something else."""
    if error.errno not in _MACHINE:
        return None
    return _refused_by_machine(error.errno, place or error.filename or "")


def closed(place: object) -> WtError:
    """The error for what this user may not look into."""
    return _refused_by_machine(errno.EACCES, place)


def told(error: WtError | OSError) -> tuple[str, str | None]:
    """What to say of an error, and what to do about it, where a row shows it and the command goes on."""
    known = error if isinstance(error, WtError) else of_machine(error)
    return (known.message, known.hint) if known else (str(error), None)


def of_kind(error: OSError, place: object) -> Refused | None:
    """The error where something else stands at `place` than wt's own; None when it was something else."""
    return another_kind(place) if error.errno in _OTHER_KINDS else None


def another_kind(place: object) -> Refused:
    return Refused(f"{place} is, or lies behind, a symlink or another kind of file", hint="remove it and try again")


def of_machine_in(complaint: str, *, full: bool) -> WtError | None:
    """The same, from what a program says; git does not always say that the disk is `full`."""
    said = (number for number in _MACHINE if os.strerror(number).lower() in complaint.lower())
    number = errno.ENOSPC if full else next(said, None)
    return _refused_by_machine(number, complaint) if number is not None else None


def _refused_by_machine(number: int, place: object) -> WtError:
    reason = os.strerror(number).lower()
    text = str(place).removesuffix(os.strerror(number)).rstrip(": ")
    return WtError(f"{reason}: {text}" if text else reason, hint=_MACHINE[number])
