"""What can go wrong, by what the user has to do about it."""


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


class EngineError(ToolError):
    """The Docker engine can't be reached."""

    code = "engine"
