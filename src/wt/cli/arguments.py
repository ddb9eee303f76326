"""What several verbs take: their arguments, what the tab key offers for them, and the context of a call."""

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

import typer

from wt import output
from wt.errors import Interrupted, UsageError, WtError
from wt.model import Context


def context() -> Context:
    """Where we were called, by whom, and how we talk."""
    from wt import selection

    return Context(selection.here(), selection.host_user(), output.Narrator())


def require_terminal(hint: str, *, as_json: bool) -> None:
    """Refuse to ask where there is nobody who could answer.

    Raises:
        UsageError: there is not.
    """
    if as_json or not sys.stdin.isatty():
        raise UsageError("there is nobody to ask", hint=hint)


def agreed(question: str) -> bool:
    """Whether the user wants what was just shown."""
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        raise Interrupted from None


def offer(what: str) -> Callable[[typer.Context], list[tuple[str, str]]]:
    """Candidates for a value that is typed, each with a remark; none where they can't be found out."""

    def candidates(call: typer.Context) -> list[tuple[str, str]]:
        from wt.commands import complete

        typed = [word for value in call.params.values() if isinstance(value, list | tuple) for word in value]
        if typed and not call.allow_interspersed_args:  # then comes what is run inside
            return []
        with suppress(WtError, OSError):
            return [(each, remark) for each, remark in getattr(complete, what)(context()).items() if each not in typed]
        return []

    return candidates


TREES, BRANCHES = offer("worktrees"), offer("free_branches")

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="Worktree: its name, branch or path; else the current one.",
        autocompletion=TREES,
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Worktrees; else the current one.", autocompletion=TREES),
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")]
Tail = Annotated[str, typer.Option("--tail", "-n", metavar="N", help="Only the last N lines.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Wait = Annotated[bool, typer.Option("--wait", help="Until the dependencies are installed.")]
