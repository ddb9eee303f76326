"""`wt agent`: run the agent in a sandbox, started if it is down."""

import shlex
import stat
from collections.abc import Sequence
from pathlib import PurePosixPath

from wt import config, docker, hostile, process, selection
from wt.commands import exec as entrance
from wt.commands import up
from wt.config import Agent
from wt.errors import ToolError
from wt.model import Context

PROMPT = ".devcontainer/container-prompt.md"
CLAUDE = "claude"
# Root's: what an agent puts on its own PATH does not come before it.
INSTALLED = "/usr/local/bin/claude"


def run(context: Context, name: str | None, arguments: Sequence[str]) -> int:
    """Run the agent on our own standard streams; its exit code.

    Raises:
        ToolError: the sandbox has no such program.
    """
    tree = selection.worktree(context, name)
    settings = config.load(tree.path).agent
    words = command(settings, arguments, prompt=hostile.kind(tree.path, PROMPT) == stat.S_IFREG)
    container = up.running(tree, context)
    line, on_signal = entrance.lines(context, tree, container, docker.if_there(words))
    code = process.pass_through(line, on_signal=on_signal)
    if code == docker.NOT_THERE and not docker.has_program(container, words[0]):
        raise ToolError(
            f"there is no {words[0]} in the sandbox of {tree.name}",
            hint="install it in .devcontainer/Dockerfile, or change [agent] in wt.toml; "
            f"then wt up {shlex.quote(tree.called)}",
        )
    return code


def command(settings: Agent, arguments: Sequence[str], *, prompt: bool) -> list[str]:
    """The agent's own command line; what only Claude Code understands goes to no other program.

    Args:
        settings: `[agent]` of wt.toml.
        arguments: what the user adds.
        prompt: whether there is a prompt file.
    """
    program, *words = settings.command.split()
    is_claude = PurePosixPath(program).name == CLAUDE
    if program == CLAUDE and settings.version:
        program = INSTALLED
    extra = ["--append-system-prompt-file", f"/app/{PROMPT}"] if prompt and is_claude else []
    return [program, *words, *extra, *arguments]
