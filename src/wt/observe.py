"""Looks at a worktree, its files and the engine before anything is decided; changes nothing."""

import hashlib
import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from wt import (
    checkouts,
    config,
    contexts,
    docker,
    envfile,
    git,
    health,
    hostile,
    importer,
    naming,
    node,
    plan,
    private_repo,
    scaffold,
    sources,
    weakness,
)
from wt.errors import Refused, ToolError, UsageError, WtError
from wt.model import Container, HostUser, InsideRefs, Repository, Worktree, WorktreeStatus

# Files below .devcontainer that change nothing in a sandbox that was made with them.
_NOT_CONFIGURATION = {".env", "devcontainer.json", "container-prompt.md", "wt.toml"}
_MAX_FILES = 2_000


def surroundings(tree: Worktree, user: HostUser, containers: tuple[Container, ...] | None) -> plan.Surroundings:
    """All that `prepare` decides by.

    Raises:
        UsageError: the worktree was never initialised, or its configuration can't be read.
        Refused: something in it is not what it should be.
    """
    require_devcontainer(tree)
    _refuse_unreadable(tree, user)
    settings = config.load(tree.path)
    facts = _described(tree)
    scaffold.refuse_stale(facts, settings)
    git_settings = git.settings(tree.repository, tree.branch)
    bundle = config.ca_bundle(settings, tree.path)
    mount_points = (*facts.mount_points, *facts.protect, *facts.hide)
    made = (plan.CLAUDE_DIR, plan.CLAUDE_JSON, plan.BASH_HISTORY, *naming.PROTECTED, *mount_points)
    inner, outer = checkouts.nested(tree)
    _refuse_behind_link(tree, outer)
    return plan.Surroundings(
        worktree=tree,
        user=user,
        config=settings,
        settings=git_settings,
        env_text=read(tree, plan.ENV_FILE),
        root_env=read(tree, plan.ROOT_ENV),
        node_version=next(_node_versions(tree), None),
        present=frozenset(path for path in made if _is_there(tree, path, facts.protect)),
        mount_points=mount_points,
        files_digest=_digest(tree, _NOT_CONFIGURATION | {settings.shared.file}),
        ca_bundle=bundle,
        ca_digest=hashlib.sha256(bundle.read_bytes()).hexdigest()[:12] if bundle else "",
        shared_services=shared_services(tree, settings),
        services=services(tree),
        docker_socket=contexts.socket(user.home),
        has_private_repository=private_repo.is_complete(tree),
        left_over=private_repo.is_left_over(tree),
        host_view_current=private_repo.host_view_is_current(tree, private_repo.host_view_files(tree, git_settings)),
        has_lfs=(tree.repository.common_dir / "lfs").is_dir(),
        submodules=checkouts.submodules(tree),
        hidden=facts.hide,
        inner=inner,
        outer=outer,
        directory=checkouts.identity(tree),
        containers=containers,
        notes=_notes(tree),
        damage=health.damage(tree),
        env_tracked=checkouts.tracks(tree, plan.ENV_FILE),
    )


def _node_versions(tree: Worktree) -> Iterator[tuple[str, str]]:
    yield from ((name, text) for name in node.VERSION_FILES if (text := read(tree, name)) is not None)


def _refuse_behind_link(tree: Worktree, outer: Iterable[Worktree]) -> None:
    """Another directory would be mounted; the same is seen at once where the worktree itself is a symlink."""
    for around in outer:
        if not hostile.is_directory(around.path, str(tree.path.relative_to(around.path))):
            by = f"which the sandbox of {around.name} may have made"
            raise Refused(f"{tree.path} lies behind a symlink, {by}", hint="remove the symlink")


def require_devcontainer(tree: Worktree) -> None:
    """Refuse a worktree in which wt was never initialised.

    Raises:
        UsageError: it has no directory for the configuration.
    """
    mode = hostile.kind(tree.path, plan.DEVCONTAINER)
    if mode != stat.S_IFDIR:
        state = "there is no .devcontainer" if mode is None else ".devcontainer is not a directory"
        first = "" if mode is None else "remove it, then "
        raise UsageError(
            f"{state} in {tree.path}", hint=f"{first}wt init writes it; commit it, so that every branch has it"
        )


def exposing(trees: Iterable[Worktree], path: Path) -> tuple[Path, ...]:
    """The worktrees around a path whose sandboxes would see what lies there."""
    place = Path(os.path.realpath(path))
    around = [(tree, top) for tree in trees if place.is_relative_to(top := os.path.realpath(tree.path))]
    return tuple(tree.path for tree, top in around if not naming.lies_in(place.relative_to(top), _hidden(tree)))


def _hidden(tree: Worktree) -> tuple[str, ...]:
    return facts(tree).hide


def _described(tree: Worktree) -> scaffold.Facts:
    """What its compose.wt.yml says of itself; refused where a compose file lacks, or a service of wt's."""
    own, compose_wt = (read(tree, f"{plan.DEVCONTAINER}/{name}") for name in plan.COMPOSE_FILES)
    if own is None or compose_wt is None:
        name = plan.COMPOSE_FILES[own is not None]
        # Where wt was before, `wt init` alone writes nothing.
        command = "wt init" if compose_wt is None else "wt init --upgrade"
        raise UsageError(f"there is no .devcontainer/{name} in {tree.path}", hint=f"{command} writes it; commit it")
    _refuse_without_app(own)
    return scaffold.read_facts(compose_wt)


def facts(tree: Worktree) -> scaffold.Facts:
    """What its compose.wt.yml says of itself; nothing where it has none."""
    text = read(tree, f"{plan.DEVCONTAINER}/{scaffold.COMPOSE_WT}")
    return scaffold.read_facts(text) if text is not None else scaffold.Facts((), (), (), None)


def shared_services(tree: Worktree, settings: config.Config) -> tuple[str, ...]:
    """Names of the shared services that start by themselves; none where there is no file for them.

    Raises:
        UsageError: the file is no compose file.
    """
    path = f"{plan.DEVCONTAINER}/{settings.shared.file}"
    text = read(tree, path)
    if text is None:
        return ()
    try:
        services = sources.read(text)["services"]
        return tuple(str(name) for name, service in services.items() if not (service or {}).get("profiles"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise sources.no_services(path, error) from error


def services(tree: Worktree) -> tuple[str, ...]:
    """Names of a sandbox's services that start by themselves, as far as its compose files list them."""
    try:
        files = [sources.read(read(tree, f"{plan.DEVCONTAINER}/{name}") or "") for name in plan.COMPOSE_FILES]
        found = {name: each or {} for data in files for name, each in data["services"].items()}
        return tuple(str(name) for name, each in found.items() if not each.get("profiles"))
    except (WtError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def _refuse_without_app(text: str) -> None:
    """Refuse what compose would complete to a container that installs nothing; what is no YAML, compose will refuse."""
    try:
        data = sources.read(text) or {}
    except ValueError:
        return
    services = (data.get("services") if isinstance(data, dict) else None) or {}
    if isinstance(services, dict) and docker.SERVICE not in services and "include" not in data:
        raise UsageError(
            f"{plan.DEVCONTAINER}/{plan.COMPOSE_FILES[0]} has no service {docker.SERVICE}",
            hint=f"{plan.COMPOSE_FILES[1]} makes a sandbox of the service of that name",
        )


def _notes(tree: Worktree) -> tuple[str, ...]:
    """What the user should know, though nothing is refused for it."""
    aside = naming.state_dir(tree.repository) / naming.ASIDE
    kept = f"an earlier worktree had the place of {tree.name}: its private repository is kept in {aside}"
    return (*([kept] if private_repo.is_left_over(tree) else []), *_notes_for_editors(tree))


def _notes_for_editors(tree: Worktree) -> tuple[str, ...]:
    path = f"{plan.DEVCONTAINER}/devcontainer.json"
    text = read(tree, path)
    if text is None or scaffold.starts_sandbox(text):
        return ()
    why = f"does not start the service {docker.SERVICE} with {scaffold.COMPOSE_WT}"
    return (f"{path} {why}: what an editor makes of it is no sandbox",)


def private(tree: Worktree) -> InsideRefs | None:
    """The refs inside, None while the worktree was never prepared."""
    return private_repo.read_refs(tree) if private_repo.exists(tree) else None


def sandbox_state(tree: Worktree, containers: Iterable[Container] | None) -> str:
    """As `WorktreeStatus` has it."""
    if not tree.path.is_dir():
        return "gone"
    if containers is None:
        return "unknown"
    container = app(containers, naming.project_name(tree))
    if container is None:
        return "none"
    if not container.running:
        return "paused" if container.paused else "stopped"
    return "running" if container.healthy else "unhealthy"


def is_unguarded(tree: Worktree, containers: Iterable[Container] | None) -> bool:
    """Whether its sandbox runs without a guard that is well; one that has just started counts as such."""
    ours = [each for each in containers or () if each.project == naming.project_name(tree) and each.running]
    by_service = {each.service: each for each in ours}
    guard = by_service.get(weakness.GUARD)
    return docker.SERVICE in by_service and (guard is None or guard.unhealthy)


def strangers(repository: Repository, trees: Iterable[Worktree], containers: Iterable[Container]) -> tuple[str, ...]:
    """Compose projects that are sandboxes of this repository, of worktrees that git does not know."""
    ours = naming.repository_id(repository)
    known = {naming.project_name(tree) for tree in trees}
    sandboxes = [each for each in containers if each.repository == ours and each.worktree and each.project]
    return tuple(dict.fromkeys(each.project for each in sandboxes if each.project not in known))


def app(containers: Iterable[Container], project: str) -> Container | None:
    """The container that people work in."""
    return next((each for each in containers if each.project == project and each.service == docker.SERVICE), None)


def status(
    tree: Worktree, containers: tuple[Container, ...] | None, dates: Mapping[str, datetime], host: dict[str, str]
) -> WorktreeStatus:
    """One row of `wt ls`."""
    tip = host.get(tree.branch or "")
    base = git.default_branch(tree.repository)
    counted = _apart(tree, tip, host[base]) if tip and base and base != tree.branch else (None, None)
    return WorktreeStatus(
        worktree=tree,
        state=sandbox_state(tree, containers),
        unsynced=_unsynced(tree, host),
        dirty=_is_dirty(tree),
        ahead=counted[0],
        behind=counted[1],
        last_commit=dates.get(tree.branch or ""),
        outdated=_is_outdated(tree, containers),
        unguarded=is_unguarded(tree, containers),
    )


def _apart(tree: Worktree, tip: str, base: str) -> tuple[int | None, int | None]:
    """As `git.ahead_behind`; None where a commit is missing, which is no reason to say nothing of the others."""
    try:
        return git.ahead_behind(tree.repository, tip, base)
    except ToolError:
        return None, None


def _is_outdated(tree: Worktree, containers: Iterable[Container] | None) -> bool:
    """Whether its container has another configuration than `prepare` wrote last."""
    container = app(containers or (), naming.project_name(tree))
    if container is None or not container.config or not tree.path.is_dir():
        return False
    try:
        return container.config != env_value(tree, "WT_CONFIG")
    except WtError:
        return True


def _is_dirty(tree: Worktree) -> bool | None:
    """Whether it has changes; None where git can't read it, which is no reason to say nothing of the others."""
    if not (tree.is_main or git.says_something(tree.git_dir / "commondir")):
        return None
    try:
        return tree.path.is_dir() and bool(checkouts.dirty(tree))
    except WtError:
        return None


def _unsynced(tree: Worktree, host: dict[str, str]) -> int | None:
    """How many refs inside the host does not have, or not where it should; None when they can't be read."""
    try:
        inside = private(tree)
        broken = health.damage(tree)
    except WtError:
        return None
    if broken:
        return None
    if inside is None:
        return 0
    missing = set(importer.missing(tree, inside, host).values())
    ours, theirs = inside.refs.get(tree.branch or ""), host.get(tree.branch or "")
    if ours and theirs and ours != theirs and ours not in missing:
        # The host has the commit already, on another branch: what is left is to move this one.
        missing |= {ours} if _apart(tree, ours, theirs)[0] else set()
    return len(missing)


def _is_there(tree: Worktree, path: str, protected: tuple[str, ...]) -> bool:
    """Whether what is mounted or written there is present, and of the kind that it should be.

    Raises:
        Refused: it is of another kind; a symlink's target would be mounted.
    """
    found = hostile.kind(tree.path, path)
    allowed = {stat.S_IFREG} if path in (plan.CLAUDE_JSON, plan.BASH_HISTORY) else {stat.S_IFDIR}
    if path in protected:
        allowed |= {stat.S_IFREG}
    if found is not None and found not in allowed:
        raise Refused(f"{tree.path / path} is a symlink or another kind of file", hint="remove it and try again")
    return found is not None


def _refuse_unreadable(tree: Worktree, user: HostUser) -> None:
    """The sandbox's user has neither root's rights nor our further groups: a strict umask can shut it out.

    Raises:
        Refused: it could not read what git borrows, or anything at all.
    """
    objects, refs = tree.repository.common_dir / "objects", tree.repository.common_dir / "refs"
    for path in (objects, refs, *([tree.path] if tree.is_main else [])):
        status = path.stat()
        shift = 6 if status.st_uid == user.sandbox_uid else 3 if status.st_gid == user.sandbox_gid else 0
        if (status.st_mode >> shift) & 0o5 != 0o5:
            lasting = f"git config core.sharedRepository {'0644' if user.is_root else 'world'}"
            opened = (
                f"`{shlex.join(['chmod', '-R', 'a+rX', str(objects), str(refs)])}`, and `{lasting}` for what will come"
            )
            raise Refused(
                f"{path} can't be read by the sandbox's user {user.sandbox_uid}:{user.sandbox_gid}",
                hint="work in a worktree that `wt new` makes" if path == tree.path else opened,
            )


def env_value(tree: Worktree, key: str) -> str:
    """A value of the worktree's `.devcontainer/.env`, empty when absent."""
    return env_values(tree).get(key, "")


def env_values(tree: Worktree) -> dict[str, str]:
    """All values of the worktree's `.devcontainer/.env`; none when absent."""
    return envfile.read(read(tree, plan.ENV_FILE) or "")


def read(tree: Worktree, path: str) -> str | None:
    """The text of a file of a worktree; None when absent."""
    content = hostile.read(tree.path, path)
    return None if content is None else os.fsdecode(content)


def _digest(tree: Worktree, left_out: set[str]) -> str:
    """Hash of the files that configure the sandbox, names and contents."""
    total = hashlib.sha256()
    for path in sorted(hostile.files(tree.path, plan.DEVCONTAINER, limit=_MAX_FILES)):
        if path.partition("/")[2] not in left_out:
            total.update(f"{path}\0".encode(errors="surrogateescape"))
            total.update(hashlib.sha256(hostile.read(tree.path, path) or b"").digest())
    return total.hexdigest()
