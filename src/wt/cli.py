"""Arguments in, exit code out: the only module that knows typer, and the only one that catches."""

import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from wt import __version__, output, process
from wt.errors import Interrupted, UsageError, WtError, of_machine
from wt.model import Context

BUG = 70
INTERRUPTED = 130

app = typer.Typer(
    name="wt",
    help="A hardened dev container for every git worktree.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
shared_app = typer.Typer(help="The services that all sandboxes share.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(shared_app, name="shared")


def _offer(what: str) -> Callable[[typer.Context], list[tuple[str, str]]]:
    """Candidates for a value that is typed, each with a remark; none where they can't be found out."""

    def candidates(context: typer.Context) -> list[tuple[str, str]]:
        from wt.commands import complete

        typed = [word for value in context.params.values() if isinstance(value, list | tuple) for word in value]
        if typed and not context.allow_interspersed_args:  # then comes what is run inside
            return []
        with suppress(WtError, OSError):
            return [(each, remark) for each, remark in getattr(complete, what)(_context()).items() if each not in typed]
        return []

    return candidates


_TREES, _BRANCHES = _offer("worktrees"), _offer("free_branches")

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="Worktree: its name, branch or path; else the current one.",
        autocompletion=_TREES,
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Worktrees; else the current one.", autocompletion=_TREES),
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")]
Tail = Annotated[str, typer.Option("--tail", "-n", metavar="N", help="Only the last N lines.")]
Wait = Annotated[bool, typer.Option("--wait", help="Until the dependencies are installed.")]


def main() -> None:
    """Run the program and exit with its code."""
    process.open_standard_streams()
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
        process.silence(sys.stdout)
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
        hint = f"{context.command_path} --help" if context is not None else None
        output.failure(UsageError(error.format_message().rstrip("."), hint=hint), as_json=as_json)
    return UsageError.exit_code


def _bug(error: Exception) -> int:
    if os.environ.get("WT_DEBUG"):
        raise error
    output.say(f"wt: this is a bug in wt {__version__}: {type(error).__name__}: {output.clean(str(error))}")
    output.say("hint: run it again with WT_DEBUG=1 and report what it prints")
    return BUG


@app.callback(invoke_without_command=True)
def _global(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        sys.stdout.write(f"wt {__version__}\n")
        raise typer.Exit


@app.command()
def init(
    template: Annotated[
        str, typer.Option(metavar="KIND", help="Kind of project.", autocompletion=_offer("templates"))
    ] = "node",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")] = False,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Change what an earlier init wrote.")] = False,
    as_json: Json = False,
) -> None:
    """Write the tracked files of a sandbox.

    No file that wt did not write is ever changed. Where wt was before, it only shows what --upgrade would do.
    """
    from wt.commands import init as command

    output.answer("init", command.run(_context(), template=template, dry_run=dry_run, upgrade=upgrade), as_json=as_json)


@app.command()
def prepare() -> None:
    """Prepare the current worktree for a start.

    What an editor calls before every start; silent when nothing is to be done.
    """
    from wt.commands import prepare as command

    command.run(_context())


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the worktree, and of its branch.", autocompletion=_BRANCHES)],
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="REF", help="Where a new branch starts.", autocompletion=_offer("revisions")),
    ] = None,
    branch: Annotated[
        str | None, typer.Option(metavar="B", help="Its branch, if not NAME.", autocompletion=_BRANCHES)
    ] = None,
    no_up: Annotated[bool, typer.Option("--no-up", help="Don't start the sandbox.")] = False,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Make a worktree and start its sandbox.

    If something fails before the sandbox runs, all of it is removed again.
    """
    from wt.commands import new as command

    tree = command.run(_context(), name, start=start, branch=branch, start_sandbox=not no_up, wait=wait)
    output.answer("new", tree, as_json=as_json)


@app.command()
def up(names: Names = None, wait: Wait = False) -> None:
    """Start sandboxes."""
    from wt.commands import up as command

    command.run(_context(), names or (), wait=wait)


@app.command()
def down(names: Names = None, as_json: Json = False) -> None:
    """Import what was committed inside, then stop.

    Nothing is removed: the next start has nothing to install.
    """
    from wt.commands import down as command

    output.answer("down", command.run(_context(), names or ()), as_json=as_json)


@app.command()
def ls(
    size: Annotated[bool, typer.Option("--size", "-s", help="Count the volumes' bytes, too.")] = False,
    as_json: Json = False,
) -> None:
    """Show every worktree and its sandbox."""
    from wt.commands import ls as command

    output.answer("ls", command.run(_context(), sizes=size), as_json=as_json)


@app.command()
def rm(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Worktrees.", autocompletion=_TREES)],
    force: Annotated[bool, typer.Option("--force", help="Let changes go that were never committed.")] = False,
    delete_branch: Annotated[
        bool, typer.Option("--delete-branch", help="Delete the branch too, if its commits are elsewhere.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Import, then remove worktrees and sandboxes.

    Refuses, with exit code 3, when work could be lost.
    """
    from wt.commands import rm as command

    removed = command.run(_context(), names, force=force, delete_branch=delete_branch)
    if as_json:
        output.answer("rm", removed, as_json=True)


@app.command()
def sync(names: Names = None, as_json: Json = False) -> None:
    """Bring in what was committed inside.

    A branch moves only straight forward; where both sides have new commits, nothing moves and both are named.
    """
    from wt.commands import sync as command

    output.answer("sync", command.run(_context(), names or ()), as_json=as_json)


@app.command(context_settings={"allow_interspersed_args": False})
def exec(  # noqa: A001 - the verb's name
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME] -- COMMAND...", help="Worktree, else the current one; what to run.", autocompletion=_TREES
        ),
    ],
) -> None:
    """Run a command in a sandbox.

    It is started if it is down. The exit code is the command's own.
    """
    from wt.commands import exec as command

    raise typer.Exit(command.run(_context(), *_name_and_command("exec", words)))


@app.command()
def shell(name: Name = None) -> None:
    """Open a shell in a sandbox.

    It is started if it is down. The exit code is the shell's own.
    """
    from wt.commands import exec as command

    raise typer.Exit(command.run(_context(), name, command.SHELL))


@app.command(context_settings={"allow_interspersed_args": False})
def agent(
    words: Annotated[list[str] | None, typer.Argument(metavar="[NAME] [-- ARGS...]", autocompletion=_TREES)] = None,
) -> None:
    """Run the agent in a sandbox."""
    from wt.commands import agent as command

    raise typer.Exit(command.run(_context(), *_name_and_command("agent", words or [])))


@app.command()
def path(name: Name = None, as_json: Json = False) -> None:
    """Print where a worktree is."""
    from wt.commands import path as command

    output.answer("path", command.run(_context(), name), as_json=as_json)


@app.command()
def logs(name: Name = None, follow: Follow = False, tail: Tail = "all") -> None:
    """Print what a sandbox's containers say."""
    from wt.commands import logs as command

    output.lines(command.run(_context(), name, follow=follow, tail=tail))


@app.command()
def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", autocompletion=_offer("shells"))],
) -> None:
    """Print what makes a shell complete wt's words.

    In ~/.bashrc or ~/.zshrc: eval "$(wt completion bash)", or zsh. In fish's config.fish: wt completion fish | source
    """
    from wt.commands import complete

    sys.stdout.write(complete.script(shell, Path(sys.argv[0]).name))


@app.command("__complete", hidden=True)
def complete(line: Annotated[list[str], typer.Argument()]) -> None:
    """Print what may stand at the end of a line, each with a remark: what the scripts of `wt completion` ask."""
    from typer._completion_classes import BashComplete

    from wt.commands import complete

    words, typed = complete.split(" ".join(line))
    if not words or "--" in words:
        return
    before = f"{typed.partition('=')[0]}=" if typed.startswith("-") and "=" in typed else ""
    shell = BashComplete(typer.main.get_command(app), {}, words[0], "")
    for item in shell.get_completions(words[1:], typed):
        if item.value.isprintable():
            sys.stdout.write(f"{before}{item.value}\t{item.help or ''}\n")


@shared_app.command("up")
def shared_up(as_json: Json = False) -> None:
    """Start the shared services, changes applied.

    It waits until they are healthy.
    """
    from wt.commands import shared

    output.answer("shared up", shared.up(_context()), as_json=as_json)


@shared_app.command("down")
def shared_down(
    volumes: Annotated[bool, typer.Option("--volumes", help="Remove their data, too.")] = False,
) -> None:
    """Remove the shared services.

    Their data stays, unless --volumes is given.
    """
    from wt.commands import shared

    shared.down(_context(), volumes=volumes)


@shared_app.command("status")
def shared_status(as_json: Json = False) -> None:
    """Show the shared services."""
    from wt.commands import shared

    output.answer("shared status", shared.status(_context()), as_json=as_json)


@shared_app.command("logs")
def shared_logs(
    services: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SERVICE]...", help="Services; else all.", autocompletion=_offer("shared_services")),
    ] = None,
    follow: Follow = False,
    tail: Tail = "all",
) -> None:
    """Print what the shared services say."""
    from wt.commands import shared

    output.lines(shared.logs(_context(), services or (), follow=follow, tail=tail))


def _name_and_command(verb: str, words: list[str]) -> tuple[str | None, list[str]]:
    """NAME and COMMAND; a `--` in front of everything, which the parser swallows, means that NAME was left out."""
    if not words or sys.argv[sys.argv.index(verb) + 1 :][:1] == ["--"]:
        return None, words
    name, *command = words
    return name, command[1:] if command[:1] == ["--"] else command


def _context() -> Context:
    from wt import selection

    return Context(selection.here(), selection.host_user(), output.Narrator())
