"""`wt doctor`: what is wrong, and the command that mends it; changes nothing."""

from wt import checkouts, docker, drift, survey
from wt.commands import gc
from wt.errors import ToolError
from wt.model import Container, Context, Finding, Repository, Worktree


def run(context: Context) -> tuple[Finding, ...]:
    """What is wrong with the host, the repository around the current directory, its worktrees and their sandboxes."""
    repository, _ = checkouts.locate(context.directory)
    trees = checkouts.worktrees(repository)
    containers, host = _engine()
    return (
        *host,
        *_drift(context, repository, trees, containers),
        *(_leftovers(context) if containers is not None else ()),
    )


def _engine() -> tuple[tuple[Container, ...] | None, tuple[Finding, ...]]:
    """All containers; None, and why, where docker can't be asked."""
    try:
        return docker.containers(), ()
    except ToolError as error:
        message = f"{error.message}: nothing is known of the sandboxes"
        return None, (Finding("engine", None, message, None, error.hint),)


def _drift(
    context: Context, repository: Repository, trees: tuple[Worktree, ...], containers: tuple[Container, ...] | None
) -> tuple[Finding, ...]:
    around, astray = survey.around(repository, trees), survey.resting(containers, repository)
    sights = [survey.sight(tree, context.user, around, containers, astray) for tree in trees]
    return drift.findings(survey.ground(repository, trees, around, astray), sights)


def _leftovers(context: Context) -> tuple[Finding, ...]:
    """What no worktree owns any more; a worktree that is gone is a finding of its own."""
    rows = gc.run(context, gc.Options(), sizes=False)
    chosen = [row for row in rows if row.state == "removable" and row.kind != "worktree"]
    return tuple(Finding("leftover", None, f"{row.kind} {row.name}: {row.reason}", "wt gc") for row in chosen)
