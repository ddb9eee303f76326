"""Every verb: what it takes, and what becomes of its result."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from wt import __version__, output
from wt.cli import shared
from wt.cli.arguments import (
    BRANCHES,
    TREES,
    Follow,
    Json,
    Name,
    Names,
    Tail,
    Wait,
    Yes,
    agreed,
    context,
    offer,
    require_terminal,
)
from wt.errors import Refused, WtError
from wt.model import TrustReport

app = typer.Typer(
    name="wt",
    help="A hardened dev container for every git worktree.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(shared.app, name="shared")


@app.callback(invoke_without_command=True)
def _global(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        sys.stdout.write(f"wt {__version__}\n")
        raise typer.Exit


@app.command()
def init(
    template: Annotated[
        str, typer.Option(metavar="KIND", help="Kind of project.", autocompletion=offer("templates"))
    ] = "node",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")] = False,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Change what an earlier init wrote.")] = False,
    as_json: Json = False,
) -> None:
    """Write the tracked files of a sandbox.

    No file that wt did not write is ever changed, but for lines that .gitignore lacks. Where wt was before, it only
    shows what --upgrade would do.
    """
    from wt.commands import init as command

    output.answer("init", command.run(context(), template=template, dry_run=dry_run, upgrade=upgrade), as_json=as_json)


@app.command()
def prepare() -> None:
    """Prepare the current worktree for a start.

    What an editor calls before every start; silent when nothing is to be done.
    """
    from wt.commands import prepare as command

    command.run(context())


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the worktree, and of its branch.", autocompletion=BRANCHES)],
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="REF", help="Where a new branch starts.", autocompletion=offer("revisions")),
    ] = None,
    branch: Annotated[
        str | None, typer.Option(metavar="B", help="Its branch, if not NAME.", autocompletion=BRANCHES)
    ] = None,
    no_up: Annotated[bool, typer.Option("--no-up", help="Don't start the sandbox.")] = False,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Make a worktree and start its sandbox.

    If something fails before the sandbox runs, all of it is removed again.
    """
    from wt.commands import new as command

    tree = command.run(context(), name, start=start, branch=branch, start_sandbox=not no_up, wait=wait)
    output.answer("new", tree, as_json=as_json)


@app.command()
def up(names: Names = None, wait: Wait = False) -> None:
    """Start sandboxes."""
    from wt.commands import up as command

    command.run(context(), names or (), wait=wait)


@app.command()
def down(names: Names = None, as_json: Json = False) -> None:
    """Import what was committed inside, then stop.

    Nothing is removed but what is in its /tmp: the next start has nothing to install.
    """
    from wt.commands import down as command

    output.answer("down", command.run(context(), names or ()), as_json=as_json)


@app.command()
def ls(
    size: Annotated[bool, typer.Option("--size", "-s", help="Count the volumes' bytes, too.")] = False,
    as_json: Json = False,
) -> None:
    """Show every worktree and its sandbox."""
    from wt.commands import ls as command

    output.answer("ls", command.run(context(), sizes=size), as_json=as_json)


@app.command()
def rm(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Worktrees.", autocompletion=TREES)],
    force: Annotated[bool, typer.Option("--force", help="Let changes go that were never committed.")] = False,
    delete_branch: Annotated[
        bool, typer.Option("--delete-branch", help="Delete the branch too, if it is merged.")
    ] = False,
    force_branch: Annotated[bool, typer.Option("--force-branch", help="Delete the branch, merged or not.")] = False,
    as_json: Json = False,
) -> None:
    """Import, then remove worktrees and sandboxes.

    Refuses, with exit code 3, when work could be lost.
    """
    from wt.commands import rm as command

    removed = command.run(context(), names, force=force, delete_branch=delete_branch, force_branch=force_branch)
    if as_json:
        output.answer("rm", removed, as_json=True)


@app.command()
def gc(
    everywhere: Annotated[bool, typer.Option("--all", help="Of every repository of this machine.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only show what would be removed.")] = False,
    yes: Yes = False,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Worktrees that nobody touched for so long, too, such as 30d.")
    ] = None,
    merged: Annotated[bool, typer.Option("--merged", help="Worktrees whose branch is merged, too.")] = False,
    volumes: Annotated[
        list[str] | None, typer.Option("--volume", metavar="NAME", help="This data of shared services, too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Remove what no worktree owns any more.

    It shows what that is and asks. Work that is nowhere else stays.
    """
    from wt.commands import gc as command

    if not (dry_run or yes):
        require_terminal("--dry-run only shows the plan, --yes carries it out", as_json=as_json)
    here = context()
    options = command.options(everywhere=everywhere, older_than=older_than, merged=merged, volumes=volumes or ())
    found = command.run(here, options)
    removable = any(row.state == "removable" for row in found)
    if not (yes and removable):
        output.answer("gc", found, as_json=as_json, empty="nothing to remove")
    if removable and not dry_run and (yes or agreed("Remove these?")):
        removed = command.remove(here, options, found)
        # Who was asked has seen what stays.
        stays = tuple(row for row in found if yes and row.state == "kept")
        output.answer("gc", (*removed, *stays), as_json=as_json)
        if any(row.state == "failed" for row in removed):
            raise typer.Exit(1)


@app.command()
def sync(
    names: Names = None,
    accept: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT", help="Move to this one, whatever `wt review` says of it.", autocompletion=offer("tips")
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring in what was committed inside.

    A branch moves only straight forward, and not to what has to be looked at first; where both sides have new commits,
    nothing moves and both are named.
    """
    from wt.commands import sync as command

    output.answer("sync", command.run(context(), names or (), accept), as_json=as_json)


@app.command()
def review(name: Name = None, as_json: Json = False) -> None:
    """Show what a branch brings that can run on the host.

    It imports what was committed inside and moves nothing. The exit code is 3 when something of it is refused.
    """
    from wt.commands import review as command

    found = command.run(context(), name)
    output.answer("review", found, as_json=as_json)
    if found.refused:
        raise typer.Exit(Refused.exit_code)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is wrong, and what mends it.

    It looks at the host and, in a repository, at worktrees and sandboxes. It changes nothing. The exit code is 1 when
    something is wrong.
    """
    from wt.commands import doctor as command

    found = command.run(context())
    output.answer("doctor", found, as_json=as_json, empty="nothing is wrong")
    if found:
        raise typer.Exit(1)


@app.command()
def verify(name: Name = None, as_json: Json = False) -> None:
    """Attack a running sandbox, and say what holds.

    Nothing of that stays, and nothing that runs is disturbed. The exit code is 1 unless everything holds.
    """
    from wt.commands import verify as command

    found = command.run(context(), name)
    output.answer("verify", found, as_json=as_json)
    if any(row.state != "holds" for row in found):
        raise typer.Exit(1)


@app.command()
def trust(name: Name = None, yes: Yes = False, as_json: Json = False) -> None:
    """Approve a changed .devcontainer.

    It shows what differs from what was approved before, and asks: that runs on the host, too.
    """
    from wt.commands import trust as command

    def approves(report: TrustReport) -> bool:
        if not as_json:
            output.answer("trust", report, as_json=False)
        if not yes:
            require_terminal("--yes approves it", as_json=as_json)
        return yes or agreed("Approve this?")

    report = command.run(context(), name, approves)
    if not report.trusted:
        raise WtError("nothing was approved")
    output.answer("trust", report if as_json else replace(report, difference=()), as_json=as_json)


@app.command(context_settings={"allow_interspersed_args": False})
def exec(  # noqa: A001 - the verb's name
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME] -- COMMAND...", help="Worktree, else the current one; what to run.", autocompletion=TREES
        ),
    ],
) -> None:
    """Run a command in a sandbox.

    It is started if it is down. The exit code is the command's own.
    """
    from wt.commands import exec as command

    raise typer.Exit(command.run(context(), *_name_and_command("exec", words)))


@app.command()
def shell(name: Name = None) -> None:
    """Open a shell in a sandbox.

    It is started if it is down. The exit code is the shell's own.
    """
    from wt.commands import exec as command

    raise typer.Exit(command.run(context(), name, command.SHELL))


@app.command(context_settings={"allow_interspersed_args": False})
def agent(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME] [-- ARGS...]",
            help="Worktree, else the current one; what the agent is told.",
            autocompletion=TREES,
        ),
    ] = None,
) -> None:
    """Run the agent in a sandbox.

    It is started if it is down. The exit code is the agent's own; [agent] in wt.toml says which program that is.
    """
    from wt.commands import agent as command

    raise typer.Exit(command.run(context(), *_name_and_command("agent", words or [])))


@app.command()
def path(name: Name = None, as_json: Json = False) -> None:
    """Print where a worktree is."""
    from wt.commands import path as command

    output.answer("path", command.run(context(), name), as_json=as_json)


@app.command()
def logs(name: Name = None, follow: Follow = False, tail: Tail = "all") -> None:
    """Print what a sandbox's containers say."""
    from wt.commands import logs as command

    output.lines(command.run(context(), name, follow=follow, tail=tail))


@app.command()
def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", autocompletion=offer("shells"))],
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


def _name_and_command(verb: str, words: list[str]) -> tuple[str | None, list[str]]:
    """NAME and COMMAND; a `--` in front of everything, which the parser swallows, means that NAME was left out."""
    if not words or sys.argv[sys.argv.index(verb) + 1 :][:1] == ["--"]:
        return None, words
    name, *command = words
    return name, command[1:] if command[:1] == ["--"] else command
