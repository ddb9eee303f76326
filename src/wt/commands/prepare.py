"""`wt prepare`: what `initializeCommand` calls before every start."""

from pathlib import Path

from wt import apply, docker, git, locks, naming, observe, plan
from wt.errors import ToolError, UsageError
from wt.model import Container, Context, Worktree
from wt.steps import Step


def run(context: Context) -> None:
    """Prepare the worktree around the current directory."""
    repository, tree = git.locate(context.directory)
    if tree is None:
        raise UsageError(f"{repository.common_dir} is a bare repository", hint="run this in one of its worktrees")
    with locks.held(lock(tree), on_wait=lambda: context.progress.note("waiting for another wt in this repository")):
        prepare(tree, context)


def lock(tree: Worktree) -> Path:
    """The lock that all changes to a repository's worktrees take."""
    return naming.state_dir(tree.repository) / "lock"


def prepare(tree: Worktree, context: Context, *, begun: list[Step] | None = None) -> None:
    """Write what a start needs, make the network, start the shared services; the caller holds the lock.

    Without an engine all files are written before the error is raised.

    Args:
        tree: the worktree.
        context: of the command.
        begun: gets each step before it is carried out.

    Raises:
        EngineError: the engine can't be reached.
    """
    containers, failure = _containers()
    seen = observe.surroundings(tree, context.user, containers)
    network = plan.network(seen)
    if network != seen.config.network and observe.env_value(tree, "WT_NETWORK") != network:
        context.progress.note(
            f"the network {seen.config.network} has another repository's services: this one uses {network}"
        )
    if seen.user.is_root and tree.is_main and not seen.has_private_repository:
        context.progress.note("the main checkout belongs to root: its sandbox can read it, not write to it")
    apply.carry_out(plan.prepare_files(seen, network), context.progress, begun=begun)
    if failure is not None:
        raise failure
    exists = docker.network_driver(network) is not None
    apply.carry_out(plan.prepare_engine(seen, network, network_exists=exists), context.progress, begun=begun)


def _containers() -> tuple[tuple[Container, ...] | None, ToolError | None]:
    try:
        return docker.containers(), None
    except ToolError as error:
        return None, error
