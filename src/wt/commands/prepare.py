"""`wt prepare`: what `initializeCommand` calls before every start."""

from contextlib import AbstractContextManager
from dataclasses import replace

from wt import apply, checkouts, docker, locks, mounts, naming, observe, plan
from wt.errors import ToolError, UsageError
from wt.model import Container, Context, Repository, Worktree
from wt.steps import HandOver, Step


def run(context: Context) -> None:
    """Prepare the worktree around the current directory."""
    repository, tree = checkouts.locate(context.directory)
    if tree is None:
        raise UsageError(f"{repository.common_dir} is a bare repository", hint="run this in one of its worktrees")
    with alone(repository, context):
        prepare(tree, context)


def alone(repository: Repository, context: Context) -> AbstractContextManager[None]:
    """The lock that every change to a repository's worktrees takes."""
    wait = "waiting for another wt in this repository"
    return locks.held(naming.state_dir(repository) / ".lock", on_wait=lambda: context.progress.note(wait))


def prepare(tree: Worktree, context: Context, *, begun: list[Step] | None = None, apart: bool = False) -> None:
    """Write what a start needs, make the network, start the shared services; the caller holds the lock.

    Without an engine all files are written before the error is raised.

    Args:
        tree: the worktree.
        context: of the command.
        begun: gets each step before it is carried out.
        apart: use the repository's own network, whatever the engine shows.

    Raises:
        EngineError: the engine can't be reached.
    """
    containers, failure = _containers()
    seen = observe.surroundings(tree, context.user, containers)
    own, shared = naming.own_network(tree.repository), naming.shared_project_name(tree.repository)
    network = own if apart else plan.network(seen)
    first = not any(each.project == shared for each in containers or ())
    if network == own and first:
        taken = f"the network {seen.config.network} has another repository's services"
        context.progress.note(f"{taken}: this one uses {network}")
    for note in (*seen.notes, *plan.mending(seen)):
        context.progress.note(note)
    if seen.user.is_root and tree.is_main and not seen.has_private_repository:
        context.progress.note("the main checkout belongs to root: its sandbox can read it, not write to it")
    if not seen.has_private_repository and (kind := mounts.network_file_system(tree.repository.common_dir)):
        where = f"{tree.repository.common_dir} is on {kind}, a network file system"
        context.progress.note(f"{where}: git's locks, and what the engine mounts, may not work there")
    apply.carry_out(plan.prepare_files(seen, network), context.progress, begun=begun)
    if failure is not None:
        raise failure
    steps = plan.prepare_engine(
        seen,
        network,
        driver=docker.network_driver(network),
        astray=bool(docker.astray(each for each in containers or () if each.project == shared)),
    )
    if seen.user.is_root and checkouts.is_promised(tree):
        steps = (*steps, HandOver(tree, seen.user))
    apply.carry_out(steps, context.progress, begun=begun)
    if first and network != own and plan.crowded(replace(seen, containers=docker.containers())):
        # Another repository's services were started meanwhile. It may not have seen these: who sees others gives way.
        docker.stop(shared)
        docker.remove_project(shared, volumes=False, images=False)
        prepare(tree, context, begun=begun, apart=True)


def _containers() -> tuple[tuple[Container, ...] | None, ToolError | None]:
    try:
        return docker.containers(), None
    except ToolError as error:
        return None, error
