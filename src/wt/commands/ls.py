"""`wt ls`: every worktree and the state of its sandbox."""

from dataclasses import replace

from wt import checkouts, docker, git, inventory, naming, observe, trash
from wt.errors import ToolError
from wt.model import Container, Context, WorktreeStatus


def run(context: Context, *, sizes: bool) -> tuple[WorktreeStatus, ...]:
    """One row for each worktree of the repository around the current directory.

    Args:
        context: of the command.
        sizes: count the bytes of the sandboxes' volumes too, which is slow.
    """
    repository, _ = checkouts.locate(context.directory)
    containers: tuple[Container, ...] | None = None
    holding: tuple[str, ...] = ()
    try:
        holding, containers = inventory.volume_projects(naming.repository_id(repository)), docker.containers()
    except ToolError as error:
        context.progress.note(f"{error.message}: the state of sandboxes is unknown")
    trees = checkouts.worktrees(repository)
    unknown = "a worktree that git does not know any more: see wt doctor"
    strangers = observe.strangers(repository, trees, containers or ())
    for stranger in strangers:
        context.progress.note(f"{stranger} is the sandbox of {unknown}")
    for project in sorted({*holding} - {*strangers, *map(naming.project_name, trees)}):
        context.progress.note(f"{project} has volumes of {unknown}")
    for path in trash.old(repository):
        context.progress.note(f"what was removed is not deleted yet: {path}")
    host = git.refs(repository)
    dates = git.branch_dates(repository, [tree.branch for tree in trees if tree.branch])
    rows = tuple(observe.status(tree, containers, dates, host) for tree in trees)
    used = _sizes(context) if sizes and containers is not None else None
    if used is None:
        return rows
    return tuple(replace(row, size=used.get(naming.project_name(row.worktree), 0)) for row in rows)


def _sizes(context: Context) -> dict[str, int] | None:
    try:
        return inventory.volume_bytes()
    except ToolError as error:
        context.progress.note(f"{error.message}: the sizes of volumes are unknown")
        return None
