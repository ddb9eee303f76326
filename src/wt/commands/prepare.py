"""`wt prepare`: what `initializeCommand` calls before every start."""

import shlex
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace

from wt import (
    apply,
    checkouts,
    docker,
    git,
    hostile,
    locks,
    mounts,
    naming,
    observe,
    plan,
    private_repo,
    tips,
    trash,
    trust,
    unfinished,
    vetting,
)
from wt.config import Config
from wt.errors import Refused, ToolError, UsageError
from wt.model import Container, Context, Repository, Worktree
from wt.steps import HandOver, Step

# What of a difference is shown with a refusal.
_SCREEN, _WIDTH = 24, 160
# The answer that the compose files got, as long as nothing changes.
_VETTED = "vetted"


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


def alone_with(tree: Worktree, context: Context) -> AbstractContextManager[None]:
    """The lock under which a prepared sandbox is started, or removed; the repository's, where needed, comes first.

    Raises:
        FileNotFoundError: wt keeps nothing for the worktree, or no more once this had waited.
    """
    wait = f"waiting for another wt at work on {tree.name}"
    lock = naming.worktree_state_dir(tree) / "lock"
    return locks.held(lock, on_wait=lambda: context.progress.note(wait), there=True)


@contextmanager
def unless_removed(tree: Worktree, lock: AbstractContextManager[None]) -> Iterator[None]:
    """Hold a lock that lies in what wt keeps for a worktree.

    Raises:
        Refused: that was removed, be it while this waited.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(lock)
        except FileNotFoundError:
            raise removed(tree) from None
        yield


def require_there(tree: Worktree) -> None:
    """Refuse one that was removed while wt waited for a lock.

    Raises:
        Refused: it was.
    """
    if not (tree.path.is_dir() and tree.git_dir.is_dir()):
        raise removed(tree)


def removed(tree: Worktree) -> Refused:
    """The error for a worktree that another wt removed while this one waited."""
    return Refused(f"{tree.path} was removed meanwhile", hint="wt ls shows what is there")


def prepare(tree: Worktree, context: Context, *, begun: list[Step] | None = None, apart: bool = False) -> None:
    """Write what a start needs, make the network, start the shared services; the caller holds the lock.

    Without an engine all files are written before the error is raised.

    Args:
        tree: the worktree.
        context: of the command.
        begun: gets each step before it is carried out.
        apart: use the repository's own network, whatever the engine shows.

    Raises:
        Refused: it is not what the user has approved, or opens more than that; git has not ended making it; it is gone.
        EngineError: the engine can't be reached.
    """
    require_there(tree)
    unfinished.refuse(tree)
    tips.refuse_broken(tree)
    _sweep(tree)
    version = _looked_at(tree)
    containers, failure = _containers()
    seen = observe.surroundings(tree, context.user, containers)
    own, shared = naming.own_network(tree.repository), naming.shared_project_name(tree.repository)
    network = own if apart else plan.network(seen)
    steps = plan.prepare_files(seen, network)
    _trust_first(tree, version, context)
    first = not any(each.project == shared for each in containers or ())
    if network == own and first:
        taken = f"the network {seen.config.network} has another repository's services"
        context.progress.note(f"{taken}: this one uses {network}")
    _say(seen, context)
    apply.carry_out(steps, context.progress, begun=begun)
    if failure is not None:
        raise failure
    _require_harmless(tree, version, seen.config)
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


def _sweep(tree: Worktree) -> None:
    """Remove what a wt that was killed has left; no other one is at it, since we have the lock."""
    # It would be a change in `git status`.
    hostile.sweep(tree.path, plan.ENV_FILE)
    for half in naming.worktree_state_dir(tree).glob(f"{private_repo.BEGUN}*"):
        shutil.rmtree(half, ignore_errors=True)
    trash.is_back(tree)


def _say(seen: plan.Surroundings, context: Context) -> None:
    """What the user should know before the first change."""
    for note in (*seen.notes, *plan.mending(seen)):
        context.progress.note(note)
    if seen.user.is_root and seen.worktree.is_main and not seen.has_private_repository:
        context.progress.note("the main checkout belongs to root: its sandbox can read it, not write to it")
    if not seen.has_private_repository and (kind := mounts.network_file_system(seen.worktree.repository.common_dir)):
        where = f"{seen.worktree.repository.common_dir} is on {kind}, a network file system"
        context.progress.note(f"{where}: git's locks, and what the engine mounts, may not work there")


def _looked_at(tree: Worktree) -> trust.Version:
    """What configures the sandbox; refused, before anything in it is read, where something else was approved."""
    observe.require_devcontainer(tree)
    version = trust.look(tree.path)
    if not trust.is_trusted(tree.repository, version) and trust.known(tree.repository):
        _refuse_changed(tree, version)
    return version


def _trust_first(tree: Worktree, version: trust.Version, context: Context) -> None:
    """Approve the first `.devcontainer` that wt meets in a clone; it need not be this worktree's."""
    if not trust.is_trusted(tree.repository, version) and (root := trust.first_use(tree)) is not None:
        context.progress.note(f"trusting {root / trust.DIRECTORY} as it is: a change of it needs `wt trust`")
    _refuse_changed(tree, version)


def _refuse_changed(tree: Worktree, version: trust.Version) -> None:
    """Refuse a `.devcontainer` that differs from every approved one."""
    if not trust.is_trusted(tree.repository, version):
        lines = [line[:_WIDTH] for line in trust.difference(tree.repository, version)]
        more = [f"... and {len(lines) - _SCREEN} lines more"] if len(lines) > _SCREEN else []
        raise Refused(
            f"{trust.DIRECTORY} of {tree.name} differs from what you trusted: it runs on the host, too",
            hint=f"read it, then: {shlex.join(['wt', 'trust', tree.called])}",
            details=(*lines[:_SCREEN], *more),
        )


def _require_harmless(tree: Worktree, version: trust.Version, settings: Config) -> None:
    """Refuse what weakens the sandbox; asked only when something has changed, since compose takes 0.1 s."""
    state = naming.worktree_state_dir(tree)
    answer = vetting.answer(tree, version.digest)
    if git.file_text(state / _VETTED) != answer and vetting.refuse_weak(tree, settings):
        hostile.write(state, _VETTED, answer.encode(), mode=0o644)


def _containers() -> tuple[tuple[Container, ...] | None, ToolError | None]:
    try:
        return docker.containers(), None
    except ToolError as error:
        return None, error
