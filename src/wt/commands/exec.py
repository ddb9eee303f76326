"""`wt exec` and `wt shell`: run a command in a sandbox, started if it is down."""

import secrets
import sys
from collections.abc import Sequence
from pathlib import PurePosixPath

from wt import docker, process, selection
from wt.commands import up
from wt.errors import UsageError
from wt.model import Container, Context, Worktree

SHELL = ("bash", "--login")


def run(context: Context, name: str | None, command: Sequence[str]) -> int:
    """Run `command`, on our own standard streams; its exit code."""
    if not command:
        raise UsageError("there is no command to run", hint="wt exec NAME -- COMMAND")
    tree = selection.worktree(context, name)
    line, on_signal = lines(context, tree, up.running(tree, context), command)
    if _on_terminal():
        process.replace(line)
    return process.pass_through(line, on_signal=on_signal)


def lines(
    context: Context, tree: Worktree, container: Container, command: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The command line that runs `command` in a sandbox, and the one that hands a signal on to it."""
    mark = secrets.token_hex(8)
    place, terminal = _workdir(context, tree), _on_terminal()
    line = docker.exec_command(container, command, workdir=place, terminal=terminal, mark=mark)
    return line, docker.signal_command(container, mark)


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _workdir(context: Context, tree: Worktree) -> str:
    """The place inside that the current directory is, when it lies in the worktree."""
    here = context.directory.resolve()
    top = tree.path.resolve()
    return str(PurePosixPath("/app", *here.relative_to(top).parts)) if here.is_relative_to(top) else "/app"
