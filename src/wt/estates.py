"""Looks at what belongs to each repository, before `garbage` decides what of it may go; changes nothing."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from wt import (
    borrowed,
    checkouts,
    disks,
    docker,
    git,
    health,
    hostile,
    importer,
    inventory,
    mounts,
    naming,
    private_repo,
    staging,
    trash,
    unwatched,
)
from wt.errors import ToolError, WtError
from wt.garbage import UNPREPARED, Candidate, Estate, Orphan, stand_in
from wt.model import Container, Holding, HostUser, Repository, Worktree


def of_repository(
    repository: Repository,
    holdings: tuple[Holding, ...],
    candidates: tuple[Candidate, ...] = (),
    forgotten: frozenset[str] = frozenset(),
) -> Estate:
    """What belongs to a repository that is there; what is `forgotten` by git alone is still somebody's."""
    living, host = checkouts.ids(repository) | forgotten, git.refs(repository)
    served = any(each.kind == "image" and each.role != "service" for each in holdings)
    found = [stand_in(repository, each) for each in borrowed.ids(repository) if each not in living]
    return Estate(
        repository,
        holdings,
        living=living,
        candidates=candidates,
        orphans=tuple(_orphan(tree, host, served=served) for tree in found),
        refs={
            tree.id: only_here(tree, host)
            for tree in (stand_in(repository, each) for each in _kept_for(host))
            if tree.id not in living and tree not in found
        },
        trash=tuple((path, hostile.size(path), mounted) for path, mounted in trash.content(repository)),
        busy=busy(each for each in holdings if each.worktree not in living),
    )


def of_nobody(holdings: tuple[Holding, ...]) -> Estate:
    """What belongs to a repository that is gone for good."""
    return Estate(None, holdings, busy=busy(holdings))


def by_repository(holdings: Iterable[Holding]) -> Mapping[str, tuple[Holding, ...]]:
    """All that belongs to each repository, by its eight digits; what belongs to none is below the empty name."""

    def owner(holding: Holding) -> str:
        return holding.repository

    return {name: tuple(group) for name, group in groupby(sorted(holdings, key=owner), owner)}


def images(repository: Repository) -> tuple[str, ...]:
    """Ids of the images of all sandboxes of a repository: any of them can serve a private repository."""
    ours = by_repository(inventory.holdings()).get(naming.repository_id(repository), ())
    return tuple(each.id for each in ours if each.kind == "image" and each.role != "service")


def find(name: str, holdings: Iterable[Holding], user: HostUser) -> Repository | None:
    """The repository of these eight digits, None when it is gone for good.

    Args:
        name: the digits.
        holdings: what docker holds for it.
        user: whose it must be: what another one writes there, the owner could not change.

    Raises:
        LookupError: that can't be told, with the reason.
    """
    places = {each.common_dir for each in holdings if each.common_dir}
    if name == UNPREPARED:
        return None
    if not places:
        raise LookupError("is not named by anything that is left of it")
    try:
        there = [each for each in sorted(places) if _is_there(each)]
        # Nothing of another user's is read: it could keep us for ever, or tell us anything.
        if any(each.stat().st_uid != user.uid for each in there):
            raise LookupError("belongs to another user")
        found = [checkouts.repository_at(each) for each in there]
    except (OSError, WtError) as error:
        raise LookupError("can't be looked at") from error
    return next((each for each in found if naming.repository_id(each) == name), None)


def _is_there(common_dir: Path) -> bool:
    """Whether something is at the place of a repository.

    Raises:
        LookupError: its disk may not be mounted.
    """
    if hostile.is_there(common_dir):
        return True
    if mounts.may_be_unmounted(common_dir):
        raise LookupError("may lie on a disk that is not mounted at present")
    return False


def unsynced(tree: Worktree, host: dict[str, str]) -> int | None:
    """How many refs of a private repository the host does not have; None when they can't be read."""
    if not private_repo.exists(tree):
        return 0
    try:
        inside = private_repo.read_refs(tree)
    except WtError:
        return None
    return len(set(importer.missing(tree, inside, host).values()))


def _orphan(tree: Worktree, host: dict[str, str], *, served: bool) -> Orphan:
    count = None if health.damage(tree) else unsynced(tree, host)
    size = hostile.size(naming.worktree_state_dir(tree))
    # What is committed and not here yet looks like what is staged alone; it is asked for again when that is here.
    stays = _stays(tree, readable=count is not None) or ("" if count else staging.loss(tree))
    return Orphan(tree, count, served, size, stays=stays)


def _stays(tree: Worktree, *, readable: bool) -> str:
    """What no import brings to the host, or who may come back for it; empty where nothing is in the way."""
    if not readable:
        return "it can't be read"
    if loss := unseen(tree):
        return f"it has {loss}"
    place = disks.unmounted(tree) if private_repo.exists(tree) else None
    return (
        f"its worktree may lie on a disk that is not mounted, and be there again once it is: {place}" if place else ""
    )


def unseen(tree: Worktree) -> str:
    """What no import brings from a private repository whose worktree is gone; empty where there is nothing."""
    if private_repo.has_submodules(tree):
        return "submodules, in which there may be work"
    try:
        made = made_inside(tree)
    except WtError as error:
        return f"what can't be read: {error.message}"
    if made:
        return f"worktrees that were made inside, in which there may be work: {made[0]}"
    return ""


def made_inside(tree: Worktree) -> tuple[str, ...]:
    """Worktrees that were made inside, as `unwatched` has them; elsewhere, none outlasts what it lies in.

    Raises:
        Refused: what names them can't be read.
        ToolError: docker can't be asked.
    """
    found = unwatched.made_inside(tree)
    if not any(each.startswith("/") for each in found):
        return found
    containers = docker.containers(project=naming.project_name(tree))
    if any(each.alive for each in containers):
        return found
    # A stop empties it.
    lasting = [each for each in found if not f"{each}/".startswith("/tmp/")]  # noqa: S108 - in a sandbox
    return tuple(each for each in lasting if containers or not each.startswith("/"))


def _kept_for(host: Mapping[str, str]) -> list[str]:
    """Ids below `refs/wt/`."""
    parts = [name.split("/") for name in host if name.startswith("refs/wt/")]
    return sorted({"/".join(each[2:4] if each[2] == naming.ASIDE else each[2:3]) for each in parts})


def only_here(tree: Worktree, host: dict[str, str]) -> tuple[str, ...]:
    """Commits that the refs kept for a worktree hold, and no branch, remote-tracking branch or tag."""
    prefix = naming.ref_prefix(tree)
    tips = {oid for ref, oid in host.items() if ref.startswith(prefix) and not ref.startswith(f"{prefix}base/")}
    return git.only_in(tree.repository, sorted(tips), sorted(set(git.lasting(tree.repository, host).values())))


def busy(holdings: Iterable[Holding]) -> Mapping[str, tuple[str, ...]]:
    """What somebody runs in each compose project that is alive; one that does not answer may be at work, too."""
    alive = (each for each in holdings if each.kind == "container" and each.running)
    wanted = {each.id for each in alive if each.role not in naming.PASSING}
    if not wanted:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for container in docker.containers():
        if container.id in wanted and container.service == docker.SERVICE:
            found[container.project] = (*found.get(container.project, ()), *_processes(container))
        elif container.id in wanted and not container.service:
            # Somebody's `docker compose run`, which a stop of the services does not reach: it can still commit.
            ending = f"{container.name}, by docker compose run: `docker stop {container.name}` ends it"
            found[container.project] = (*found.get(container.project, ()), ending)
    return {project: processes for project, processes in found.items() if processes}


def _processes(container: Container) -> tuple[str, ...]:
    if container.paused:
        return ()
    try:
        return docker.processes(container)
    except ToolError as error:
        return (error.message,)
