"""The verbs of `wt shared`."""

from typing import Annotated

import typer

from wt import output
from wt.cli.arguments import Follow, Json, Tail, context, offer

app = typer.Typer(help="The services that all sandboxes share.", no_args_is_help=True, rich_markup_mode=None)


@app.command("up")
def up(as_json: Json = False) -> None:
    """Start the shared services, changes applied.

    It waits until they are healthy.
    """
    from wt.commands import shared as command

    output.answer("shared up", command.up(context()), as_json=as_json)


@app.command("down")
def down(
    volumes: Annotated[bool, typer.Option("--volumes", help="Remove their data, too.")] = False,
) -> None:
    """Remove the shared services.

    Their data stays, unless --volumes is given.
    """
    from wt.commands import shared as command

    command.down(context(), volumes=volumes)


@app.command("status")
def status(as_json: Json = False) -> None:
    """Show the shared services."""
    from wt.commands import shared as command

    output.answer("shared status", command.status(context()), as_json=as_json)


@app.command("logs")
def logs(
    services: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SERVICE]...", help="Services; else all.", autocompletion=offer("shared_services")),
    ] = None,
    follow: Follow = False,
    tail: Tail = "all",
) -> None:
    """Print what the shared services say."""
    from wt.commands import shared as command

    output.lines(command.logs(context(), services or (), follow=follow, tail=tail))
