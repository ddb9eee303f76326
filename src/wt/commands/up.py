"""`wt up`: start sandboxes."""

import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from wt import apply, docker, git, naming, observe, plan, private_repo, selection
from wt.commands import prepare
from wt.errors import ToolError, WtError
from wt.model import Container, Context, Worktree
from wt.steps import CreateNetwork, StartSandbox, Step

WAIT_SECONDS = 1800


def run(context: Context, names: Iterable[str], *, wait: bool) -> None:
    """Prepare and start each sandbox.

    Args:
        context: of the command.
        names: of worktrees.
        wait: until the dependencies are installed.
    """
    git.require_version()
    for tree in selection.selected(context, names):
        with prepare.alone(tree.repository, context):
            prepare.prepare(tree, context)
        container = start(tree, context)
        if wait:
            wait_for_dependencies(tree, container, context)


def start(tree: Worktree, context: Context, *, begun: list[Step] | None = None) -> Container:
    """Start a prepared worktree's sandbox, if need be; the container that people work in.

    Raises:
        WtError: it does not build or start.
        Refused: the worktree was removed since it was prepared.
    """
    project = naming.project_name(tree)
    with _alone_with(tree, context):
        before = docker.containers(project=project)
        steps = plan.up(
            tree,
            observe.env_value(tree, "WT_CONFIG"),
            before,
            docker.SERVICE,
            services=observe.services(tree),
            astray=bool(docker.astray(before)),
        )
        for step in steps:
            if isinstance(step, StartSandbox):
                _restore_network(tree, context)
            apply.carry_out([step], context.progress, begun=begun)
        container = observe.app(docker.containers(project=project) if steps else before, project)
        if steps and container is not None and container.running:
            docker.linger(container)
            container = observe.app(docker.containers(project=project), project)
    if container is None or not container.running:
        raise _gone(tree, container)
    return container


@contextmanager
def _alone_with(tree: Worktree, context: Context) -> Iterator[None]:
    """The lock on a sandbox, whose worktree may have been removed since it was prepared."""
    with prepare.unless_removed(tree, prepare.alone_with(tree, context)):
        prepare.require_there(tree)
        yield


def _restore_network(tree: Worktree, context: Context) -> None:
    """Make the network again that `prepare` made: while an image is built, which takes minutes, nobody is on it.

    A `wt gc` takes it for left over then.
    """
    name = observe.env_value(tree, "WT_NETWORK")
    if name and docker.network_driver(name) is None:
        owner = tree.repository if name == naming.own_network(tree.repository) else None
        apply.carry_out([CreateNetwork(name, owner)], context.progress)


def _gone(tree: Worktree, container: Container | None) -> WtError:
    """Not only `wt logs` as a hint: `wt new` removes the container."""
    return WtError(
        f"the sandbox of {tree.name} did not stay up",
        hint="look at `command` in .devcontainer/docker-compose.yml",
        details=tuple(docker.last_lines(container)) if container else (),
    )


def running(tree: Worktree, context: Context) -> Container:
    """The container of a sandbox, started if it is down."""
    project = naming.project_name(tree)
    container = observe.app(docker.containers(project=project), project)
    # Without it the worktree was made anew, and what runs sees the directory that was there before.
    prepared = observe.env_value(tree, "WT_CONFIG")
    if container is not None and container.running and prepared:
        private_repo.renew_packed_refs(tree)
        return container
    with prepare.alone(tree.repository, context):
        prepare.prepare(tree, context)
    return start(tree, context)


def wait_for_dependencies(tree: Worktree, container: Container, context: Context) -> None:
    """Wait until the start command has installed the dependencies.

    Raises:
        WtError: they could not be installed.
    """
    with context.progress.step(f"dependencies of {tree.name}"):
        try:
            code = docker.wait_for_dependencies(container, seconds=WAIT_SECONDS)
        except ToolError:
            now = observe.app(docker.containers(project=container.project), container.project)
            if now is None or not now.running:
                raise _gone(tree, now) from None
            raise
        if code != "0":
            raise WtError(
                f"the dependencies of {tree.name} could not be installed (exit code {code})",
                hint=shlex.join(["wt", "logs", tree.called]),
            )
