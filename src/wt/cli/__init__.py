"""Arguments in, exit code out: the only room that knows typer, and the only one that catches."""

import io
import os
import sys

import typer

from wt import __version__, output, process, streams
from wt.cli.verbs import app
from wt.errors import Interrupted, UsageError, WtError, of_machine

BUG = 70
INTERRUPTED = 130


def main() -> None:
    """Run the program and exit with its code."""
    streams.open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    process.clean_environment()
    process.interrupt_on_signals()
    # What follows these two is another program's.
    ours = sys.argv[1 : sys.argv.index("--") if "--" in sys.argv else None]
    as_json = "--json" in ours and ours[0] not in {"exec", "agent"}
    sys.exit(_guarded(as_json=as_json))


def _guarded(*, as_json: bool) -> int:
    try:
        code = app(standalone_mode=False)
        output.flush()
    except WtError as error:
        # Where the answer can't be written, what is wrong can't either: it is said on standard error.
        output.failure(error, as_json=as_json and not isinstance(error, output.Unwritable))
        return error.exit_code
    except Interrupted:
        output.say("wt: interrupted")
        return INTERRUPTED
    except typer.TyperException as error:
        return _misused(error, as_json=as_json)
    except BrokenPipeError:
        streams.silence(sys.stdout)
        return 1
    except Exception as error:  # noqa: BLE001 - the last line of defence: a user never sees a traceback
        known = of_machine(error) if isinstance(error, OSError) else None
        if known is None:
            return _bug(error)
        output.failure(known, as_json=as_json)
        return known.exit_code
    return code if isinstance(code, int) else 0


def _misused(error: typer.TyperException, *, as_json: bool) -> int:
    """What was typed is not what the command takes; with nothing typed behind it, its help is the answer."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        output.say(error.format_message())
    else:
        hint = f"{context.command_path if context is not None else 'wt'} --help"
        message = error.format_message().rstrip(".")
        output.failure(UsageError(message[:1].lower() + message[1:], hint=hint), as_json=as_json)
    return UsageError.exit_code


def _bug(error: Exception) -> int:
    if os.environ.get("WT_DEBUG"):
        raise error
    output.say(f"wt: this is a bug in wt {__version__}: {type(error).__name__}: {output.clean(str(error))}")
    output.say("hint: run it again with WT_DEBUG=1 and report what it prints")
    return BUG
