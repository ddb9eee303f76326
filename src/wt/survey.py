"""What `wt doctor` looks at: git's files, wt's own and the engine's containers; changes nothing."""

import os
import re
import stat
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from wt import (
    checkouts,
    config,
    disks,
    docker,
    drift,
    engine,
    git,
    health,
    host,
    hostile,
    naming,
    observe,
    plan,
    private_repo,
    process,
    strays,
    tips,
    trash,
    trust,
    unfinished,
)
from wt.errors import ToolError, WtError, told
from wt.model import Container, HostUser, Repository, Worktree
from wt.steps import CreatePrivateRepository, MakeDirectory, Step, WriteFile

_NEEDED = ("HEAD", "commondir")
_MAX_HEAD = 4_096
# A device, such as /dev/null, is everybody's to write to.
_FILES = {stat.S_IFREG, stat.S_IFDIR, stat.S_IFSOCK}
# What git does in a repository is up to who can write one of these.
_GIT_FILES = ("", "config", "hooks", naming.STATE)


def machine(repository: Repository | None, trees: Sequence[Worktree], *, answers: bool) -> host.Host:
    """The host, whatever of it is there.

    Args:
        repository: the one around the current directory, if there is one.
        trees: its worktrees.
        answers: the engine does.
    """
    exported, endpoint = process.inherited(), engine.endpoint()
    client = Path(exported.get("DOCKER_CONFIG") or Path.home() / ".docker")
    common = [repository.common_dir / name for name in _GIT_FILES] if repository else []
    places = [host.local_socket(endpoint), client, client / "config.json", Path.home() / ".gitconfig", *common]
    places += [path for tree in trees for path in (tree.path, tree.path / plan.DEVCONTAINER)]
    found = engine.look() if answers else None
    local = found.directory if found and host.local_socket(endpoint) else None
    return host.Host(
        git=_git_version(),
        compose=engine.compose(),
        engine=found,
        endpoint=endpoint,
        writable={path: ours for path in places if path and (ours := _writable_by_all(path)) is not None},
        exported=exported,
        settings=tuple(_settings(tree) for tree in trees),
        disks=tuple(disk for path in (*common[:1], local) if path and (disk := _disk(path))),
    )


def _git_version() -> str | None:
    try:
        return process.run(["git", "--version"], check=False).text
    except ToolError:
        return None


def _writable_by_all(path: Path) -> bool | None:
    """Whether what any user can change belongs to us; None where not any user can."""
    try:
        place = path.resolve()
        seen = place.stat()
        reached = all(each.stat().st_mode & stat.S_IXOTH for each in place.parents)
    except OSError:
        return None
    open_to_all = seen.st_mode & stat.S_IWOTH and stat.S_IFMT(seen.st_mode) in _FILES
    return seen.st_uid == os.geteuid() if reached and open_to_all else None


def _settings(tree: Worktree) -> dict[str, str]:
    try:
        return observe.env_values(tree) if tree.path.is_dir() else {}
    except (WtError, OSError):
        return {}


def _disk(path: Path) -> host.Disk | None:
    try:
        seen = os.statvfs(path)
    except OSError:
        return None
    return host.Disk(path, seen.f_bavail * seen.f_frsize, seen.f_favail if seen.f_files else None)


def ground(
    repository: Repository, trees: Sequence[Worktree], around: Collection[strays.Stray], astray: Iterable[Container]
) -> drift.Ground:
    """What is wrong around the worktrees."""
    known = {os.path.realpath(tree.git_dir): tree for tree in trees}
    lost = [each for each in around if not each.entry.is_dir()]
    doubles = [(each.path, tree) for each in around if (tree := known.get(str(each.entry))) and tree.path.is_dir()]
    places = {each.entry: each.path for each in around}
    admin = repository.common_dir / "worktrees"
    entries = sorted(each for each in admin.iterdir() if each.is_dir()) if admin.is_dir() else []
    hollow = [each.resolve() for each in entries if os.path.realpath(each) not in known]
    shared = naming.shared_project_name(repository)
    return drift.Ground(
        repository,
        forgotten=tuple(_forgotten(repository, trees, each) for each in lost),
        copies=tuple(doubles),
        hollow=tuple((each, places.get(each)) for each in hollow),
        shared_astray=tuple(each for each in astray if each.project == shared),
    )


def around(repository: Repository, trees: Sequence[Worktree]) -> tuple[strays.Stray, ...]:
    """Directories beside the worktrees, and where new ones come to lie, that are not what git believes."""
    root = repository.main_checkout or repository.common_dir
    try:
        pattern = config.load(root).worktree_dir
    except WtError:
        pattern = config.Config().worktree_dir
    folder = naming.worktree_path(repository, pattern, "x").parent
    return strays.find(repository, trees, dict.fromkeys([folder, *(tree.path.parent for tree in trees)]))


def forgotten(repository: Repository) -> frozenset[str]:
    """Ids of worktrees that git does not know any more, and whose directories are there."""
    found = around(repository, checkouts.worktrees(repository))
    return frozenset(naming.linked_id(each.entry.name) for each in found if not each.entry.is_dir())


def sight(
    tree: Worktree,
    user: HostUser,
    around: Iterable[strays.Stray],
    containers: tuple[Container, ...] | None,
    astray: Iterable[Container],
) -> drift.Sight:
    """What is wrong with one worktree; what stands on broken ground is not looked at."""
    project = naming.project_name(tree)
    seen = drift.Sight(
        tree,
        containers=None if containers is None else tuple(each for each in containers if each.project == project),
        astray=tuple(each for each in astray if each.project == project),
    )
    try:
        if tree.path.is_symlink() or not tree.path.is_dir():
            return _absent(seen, around)
        seen = _on_the_ground(seen)
        if seen.lacks or seen.unreadable or seen.broken_branch:
            return seen
        seen = replace(seen, gone_branch=tips.gone(tree))
        whole = seen.pointer == "here" and not seen.unfinished
        return _prepared(seen, user, containers) if whole and _is_in_use(seen) else seen
    except (WtError, OSError) as error:
        return replace(seen, refusal=told(error))


def _absent(seen: drift.Sight, around: Iterable[strays.Stray]) -> drift.Sight:
    """Of a directory that is not where git has it; a symlink in its place may say where it is."""
    tree, entry = seen.worktree, seen.worktree.git_dir.resolve()
    target = Path(os.path.realpath(tree.path))
    linked = [target] if tree.path.is_symlink() and strays.pointer(target) == entry else []
    moved = next(iter([*linked, *(each.path for each in around if each.entry == entry)]), None)
    place = "symlink" if tree.path.is_dir() else "other" if os.path.lexists(tree.path) else "nothing"
    unmounted = disks.unmounted(tree) if place == "nothing" else None
    return replace(seen, place=place, moved_to=moved, removed=trash.holds(tree), unmounted=unmounted)


def _on_the_ground(seen: drift.Sight) -> drift.Sight:
    """Of a directory that is there: git's and wt's files for it."""
    tree = seen.worktree
    return replace(
        seen,
        pointer=_pointer(tree),
        lacks=() if tree.is_main else tuple(name for name in _NEEDED if not git.says_something(tree.git_dir / name)),
        inside_branch=_inside_branch(tree.repository, tree.id),
        unreadable=_unreadable(tree),
        broken_branch=tips.broken(tree),
        unfinished=(reason, unfinished.mend(tree)) if (reason := unfinished.why(tree)) else None,
        damage=health.damage(tree),
        replaced=private_repo.exists(tree) and health.is_replaced(tree, naming.OBJECTS_INSIDE),
        services=observe.services(tree),
    )


def _is_in_use(seen: drift.Sight) -> bool:
    return bool(seen.containers) or seen.damage is not None or private_repo.exists(seen.worktree)


def _prepared(seen: drift.Sight, user: HostUser, containers: tuple[Container, ...] | None) -> drift.Sight:
    """The same, with what `prepare` and `up` would do."""
    tree = seen.worktree
    try:
        now = observe.surroundings(tree, user, containers)
        network = plan.network(now)
        steps = plan.prepare_files(now, network)
        today = plan.environment(now, network)["WT_CONFIG"]
        if trust.known(tree.repository) and not trust.is_trusted(tree.repository, trust.look(tree.path)):
            return replace(seen, untrusted=True)
    except WtError as error:
        return replace(seen, refusal=(error.message, error.hint))
    labelled = [each for each in seen.containers or () if each.config]
    outdated = any(each.config != today for each in labelled)
    return replace(seen, outdated=outdated, unprepared=_unprepared(tree, steps, seen, outdated=outdated))


def _unprepared(tree: Worktree, steps: Iterable[Step], seen: drift.Sight, *, outdated: bool) -> tuple[str, ...]:
    """What is not there, or not as `prepare` would write it; what a start would do in any case is left out."""
    state = naming.worktree_state_dir(tree)
    found = []
    for step in steps:
        match step:
            case CreatePrivateRepository() if seen.damage is None:
                found += _beside(tree)
            case MakeDirectory(path=path):
                found.append(path)
            case WriteFile(path=plan.ENV_FILE):
                absent = hostile.kind(tree.path, plan.ENV_FILE) is None
                found += [plan.ENV_FILE] if absent or (seen.containers and not outdated) else []
            case WriteFile(path=path):
                found.append(path)
    view = state / "host.git"
    # Its packed-refs are a copy, which any start renews.
    return (*found, *([] if (view / "config").is_file() and (view / "refs").is_dir() else [str(view)]))


def _beside(tree: Worktree) -> list[str]:
    """What is not as `private_repo.create` leaves it, in the place where it keeps a private repository."""
    state = naming.worktree_state_dir(tree)
    if private_repo.is_left_over(tree):
        return [f"{naming.private_repo(tree)} (an earlier worktree's)"]
    lacking = [name for name in ("dot-git", "made") if not (state / name).is_file()]
    lacking += [] if private_repo.exists(tree) else ["repo.git"]
    lacking += [] if disks.is_recorded(tree) else ["disk"]
    # Whose it is, any command that looks into it writes down.
    lacking = lacking or (["dot-git"] if private_repo.is_of(tree) else [])
    return [str(state / name) for name in lacking]


def _pointer(tree: Worktree) -> str:
    """As `drift.Sight` has it."""
    if tree.is_main:
        return "here"
    entry = strays.pointer(tree.path)
    if entry is None:
        return "nowhere" if hostile.kind(tree.path, ".git") is None else "other"
    if entry == tree.git_dir.resolve():
        return "here"
    place = git.file_text(entry / "gitdir") or ""
    theirs = Path(os.path.realpath(entry / place.rstrip("\n"))).parent
    return "another" if place and theirs == tree.path.resolve() else "stranger"


def _unreadable(tree: Worktree) -> tuple[str, bool] | None:
    """What git complains of, and whether it is the index: with none at all it does not."""
    look = ("ls-files", "--stage", "-z", "--", ".git")
    answer = git.run_in(tree, *look, check=False)
    if answer.code == 0:
        return None
    without = git.run_in(tree, *look, env={"GIT_INDEX_FILE": str(tree.git_dir / "wt-none/index")}, check=False)
    return answer.complaint, without.code == 0


def _forgotten(repository: Repository, trees: Sequence[Worktree], stray: strays.Stray) -> drift.Forgotten:
    branch = _inside_branch(repository, naming.linked_id(stray.entry.name)) or _branch_of(repository, stray.path)
    free = branch is not None and branch not in {tree.branch for tree in trees}
    return drift.Forgotten(stray.path, stray.entry.name, naming.short_branch(branch) if branch and free else None)


def _inside_branch(repository: Repository, worktree_id: str) -> str | None:
    """The branch that is checked out in a private repository, if it is one of the host's."""
    state = naming.state_dir(repository) / worktree_id
    try:
        head = os.fsdecode(hostile.read(state, "repo.git/HEAD", limit=_MAX_HEAD) or b"") if state.is_dir() else ""
    except (WtError, OSError):
        return None
    match = re.fullmatch(r"ref: (refs/heads/.+)\n?", head)
    return match[1] if match and match[1] in git.refs(repository, "refs/heads/") else None


def _branch_of(repository: Repository, path: Path) -> str | None:
    """The one branch that `wt new` would have called the directory by."""
    ends = {name: naming.slug(naming.short_branch(name)) for name in git.refs(repository, "refs/heads/")}
    name = naming.slug(naming.repository_name(repository))
    fitting = [full for full, end in ends.items() if path.name in {end, f"{name}-{end}"}]
    return fitting[0] if len(fitting) == 1 else None


def resting(containers: tuple[Container, ...] | None, repository: Repository) -> tuple[Container, ...]:
    """Containers of this repository on a network that is gone."""
    shared, ours = naming.shared_project_name(repository), naming.repository_id(repository)
    return docker.astray(each for each in containers or () if each.repository == ours or each.project == shared)
