"""`wt logs`: what the containers of a sandbox say."""

import shlex
from collections.abc import Iterator

from wt import compose, docker, naming, selection
from wt.errors import UsageError
from wt.model import Context


def run(context: Context, name: str | None, *, follow: bool, tail: str) -> Iterator[bytes]:
    """Lines of the sandbox's logs, as they come."""
    tree = selection.worktree(context, name)
    project = naming.project_name(tree)
    if not docker.containers(project=project):
        raise UsageError(f"{tree.name} has no sandbox", hint=shlex.join(["wt", "up", tree.called]))
    return compose.logs(project, (), follow=follow, tail=tail)
