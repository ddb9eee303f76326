"""Decides what will be done, or why it is refused: pure functions from what was observed to steps."""

import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from wt import addition, envfile, naming
from wt.config import Config
from wt.errors import Refused, UsageError
from wt.model import ComposeProject, Container, GitSettings, HostUser, Worktree
from wt.steps import (
    BuildImage,
    CreateNetwork,
    CreatePrivateRepository,
    MakeDirectory,
    RecordRepository,
    StartSandbox,
    StartShared,
    Step,
    StopSandbox,
    WriteFile,
    WriteHostView,
)

# Characters of a version file that are shown.
_SHOWN = 40
DEVCONTAINER = ".devcontainer"
ENV_FILE = f"{DEVCONTAINER}/.env"
# Compose and the devcontainer CLI read it, too.
ROOT_ENV = ".env"
CLAUDE_DIR = ".claude-docker"
CLAUDE_JSON = f"{CLAUDE_DIR}/.claude.json"
BASH_HISTORY = f"{CLAUDE_DIR}/.bash_history"
COMPOSE_FILES = ("docker-compose.yml", "compose.wt.yml")
DEFAULT_NODE = "lts"
_DRIVER = "bridge"
_ENDS = r"\n\r\v\f\x85\u2028\u2029"
_AIMS_ELSEWHERE = re.compile(rf"(?:^|[{_ENDS}])(?:[^\S{_ENDS}]|\ufeff)*(?:export\s+)?['\"]?(?P<key>(?:COMPOSE|WT)_\w+)")


@dataclass(frozen=True)
class Surroundings:
    """What was observed of a worktree before `prepare` or `up` decides.

    Attributes:
        env_text: the text of `.devcontainer/.env`, None when absent.
        root_env: the text of `.env` in the workspace, None when absent.
        node_version: `.nvmrc` or `.node-version`, and what it says; None when there is neither.
        present: which of the paths that prepare would make are there.
        mount_points: directories that compose.wt.yml mounts volumes on, and protected paths.
        files_digest: hash of the files that configure the sandbox.
        shared_services: names of the shared services; empty when the repository has none.
        services: names of the sandbox's.
        docker_socket: where the engine has its socket.
        has_lfs: whether the host's repository holds objects of Git LFS.
        submodules: paths at which it has submodules.
        hidden: directories that its sandbox does not see.
        inner: other worktrees inside it, relative to it.
        outer: other worktrees that it lies inside of.
        directory: tells it from another one that was at its path: a container keeps the one that it was started with.
        containers: all of the engine's; None when it can't be reached.
        notes: what the user should read, though nothing is refused for it.
        left_over: the private repository is that of an earlier worktree, for other work.
        damage: what is broken about its private repository.
        env_tracked: whether git has `.devcontainer/.env`, so that a branch carries it.
    """

    worktree: Worktree
    user: HostUser
    config: Config
    settings: GitSettings
    env_text: str | None
    root_env: str | None
    node_version: tuple[str, str] | None
    present: frozenset[str]
    mount_points: tuple[str, ...]
    files_digest: str
    ca_bundle: Path | None
    ca_digest: str
    shared_services: tuple[str, ...]
    services: tuple[str, ...]
    docker_socket: str
    has_private_repository: bool
    left_over: bool
    host_view_current: bool
    has_lfs: bool
    submodules: tuple[str, ...]
    hidden: tuple[str, ...]
    inner: tuple[str, ...]
    outer: tuple[Worktree, ...]
    directory: str
    containers: tuple[Container, ...] | None
    notes: tuple[str, ...] = ()
    damage: str | None = None
    env_tracked: bool = False


def compose_project(worktree: Worktree) -> ComposeProject:
    """The compose project of a worktree's sandbox."""
    directory = worktree.path / DEVCONTAINER
    files = tuple(directory / name for name in COMPOSE_FILES)
    return ComposeProject(naming.project_name(worktree), files, directory / ".env", directory)


def shared_project(worktree: Worktree, config: Config) -> ComposeProject:
    """The compose project of the shared services, as the worktree's files describe it."""
    directory = worktree.path / DEVCONTAINER
    name = naming.shared_project_name(worktree.repository)
    return ComposeProject(name, (directory / config.shared.file,), directory / ".env", directory)


def network(seen: Surroundings) -> str:
    """The network for this repository on this machine.

    The one that its shared services are on; the configured one, unless another repository's services answer there to
    one of the same names; then one of its own.
    """
    wanted, own = seen.config.network, naming.own_network(seen.worktree.repository)
    shared = naming.shared_project_name(seen.worktree.repository)
    if seen.containers is None:
        return envfile.read(seen.env_text or "").get("WT_NETWORK") or wanted
    for container in seen.containers:
        if container.project == shared and (used := {wanted, own} & set(container.networks)):
            return used.pop()
    return own if crowded(seen) else wanted


def crowded(seen: Surroundings) -> bool:
    """Whether another repository's services answer on the configured network to a name that one of this one's has."""
    shared = naming.shared_project_name(seen.worktree.repository)
    others = {
        container.service
        for container in seen.containers or ()
        if seen.config.network in container.networks and container.project != shared and not container.worktree
    }
    return bool(others & set(seen.shared_services))


def environment(seen: Surroundings, network_name: str) -> dict[str, str]:
    """The keys of `.devcontainer/.env` that wt owns, with their values."""
    tree, user, limits = seen.worktree, seen.user, seen.config.limits
    common_dir = tree.repository.common_dir
    private = str(naming.private_repo(tree))
    state = naming.worktree_state_dir(tree)
    values = {
        "COMPOSE_PROJECT_NAME": naming.project_name(tree),
        # Plain `docker compose` would otherwise read the first alone, and start a container that is no sandbox.
        "COMPOSE_FILE": ":".join(COMPOSE_FILES),
        "COMPOSE_PATH_SEPARATOR": ":",
        "WORKTREE_NAME": tree.name,
        "LOCAL_WORKSPACE_FOLDER": str(tree.path),
        "GIT_MAIN_REPO_PATH": str(tree.repository.main_checkout or common_dir),
        "GIT_COMMON_DIR": str(common_dir),
        "HOST_HOME": str(user.home),
        "HOST_UID": str(user.uid),
        "HOST_GID": str(user.gid),
        "WT_UID": str(user.sandbox_uid),
        "WT_GID": str(user.sandbox_gid),
        "WT_GIT_DIR": private,
        "WT_DOT_GIT": private if tree.is_main else str(state / "dot-git"),
        "WT_DOT_GIT_RO": "false" if tree.is_main else "true",
        "WT_HOST_GIT": str(state / "host.git"),
        # A repository without LFS has no such directory: then an empty one is mounted.
        "WT_LFS": str(common_dir / "lfs" if seen.has_lfs else state / "host.git/objects/info"),
        "WT_REPO_ID": naming.repository_id(tree.repository),
        "WT_WORKTREE_ID": tree.id,
        "WT_SHARED_PROJECT": naming.shared_project_name(tree.repository),
        "WT_NETWORK": network_name,
        "WT_DOCKER_SOCKET": seen.docker_socket,
        "WT_DOCKER_NAMES": _container_names(seen),
        "WT_MEMORY": limits.memory,
        "WT_PIDS": str(limits.pids),
        "WT_TMP": limits.tmp,
        "WT_CA_BUNDLE": str(seen.ca_bundle or "/dev/null"),
        "WT_CA_BUNDLE_DIGEST": seen.ca_digest,
        "NODE_VERSION": node_tag(seen.node_version),
        "WT_AGENT_VERSION": seen.config.agent.version,
    }
    settings = [f"{key}={value}" for key, value in sorted(values.items())]
    return values | {"WT_CONFIG": naming.digest(seen.files_digest, seen.directory, *settings, length=12)}


def _container_names(seen: Surroundings) -> str:
    """What the names of the sandbox's containers and of the shared services begin with, as a regular expression."""
    tree = seen.worktree
    ours = naming.project_name(tree), seen.services
    theirs = naming.shared_project_name(tree.repository), seen.shared_services
    return "|".join(_begins(project, services) for project, services in (ours, theirs) if services)


def _begins(project: str, services: Collection[str]) -> str:
    """What else compose takes in a service's name would be more than a name to a regular expression."""
    plain = {name.replace(".", "[.]") for name in services if re.fullmatch(r"[A-Za-z0-9_.-]+", name)}
    return f"{project}-({'|'.join(sorted(plain))})"


def node_tag(found: tuple[str, str] | None) -> str:
    """The tag of the official Node.js image for a version file and what it says; agents can write that file.

    Raises:
        UsageError: it names no version.
    """
    if found is None:
        return DEFAULT_NODE
    name, version = found[0], found[1].strip()
    if match := re.fullmatch(r"v?([0-9]{1,3}(?:\.[0-9]{1,4}){0,2})", version):
        return match[1]
    if version in {"lts/*", "lts"}:
        return "lts"
    if match := re.fullmatch(r"lts/([a-z]{2,20})", version):
        return match[1]
    if version in {"node", "current", "latest"}:
        return "current"
    shown = repr(version) if len(repr(version)) <= _SHOWN else f"{repr(version)[:_SHOWN]}..."
    raise UsageError(f"{name} says {shown}, which is no version", hint="write one such as 24 or 24.1.0 in it, or lts/*")


def prepare_files(seen: Surroundings, network_name: str) -> tuple[Step, ...]:
    """What `prepare` writes without an engine; nothing when all is as it should be.

    Raises:
        Refused: a file in the workspace would aim compose or the devcontainer CLI at another project.
    """
    _refuse_root_env(seen.root_env)
    if seen.env_tracked:
        raise Refused(
            f"git tracks {ENV_FILE}: whoever writes a branch could aim docker compose elsewhere",
            hint=f"git rm --cached {ENV_FILE}, and see that .gitignore names it",
        )
    _refuse_shared_files(seen)
    addition.refuse_unfit(seen.worktree.path, seen.worktree.repository)
    tree, text = seen.worktree, seen.env_text or ""
    steps: list[Step] = []
    if not tree.repository.recorded:
        steps.append(RecordRepository(tree.repository))
    if seen.left_over:
        # The earlier one's sandbox would go on writing to what is put aside.
        project = naming.project_name(tree)
        steps += stop([each for each in seen.containers or () if each.project == project])
    if not (seen.has_private_repository or keeps_broken(seen)):
        steps.append(CreatePrivateRepository(tree, seen.settings, seen.user))
    if not seen.host_view_current:
        steps.append(WriteHostView(tree, seen.settings, _sandbox_owner(seen)))
    directories = (CLAUDE_DIR, *naming.PROTECTED[1:], *seen.mount_points)
    missing = [path for path in directories if path not in seen.present]
    steps += [MakeDirectory(tree, path, _owner(seen, path)) for path in missing if path != ROOT_ENV]
    # Protected and absent: a directory would be none to read.
    steps += [WriteFile(tree, path, b"", 0o644) for path in missing if path == ROOT_ENV]
    for path, content in ((CLAUDE_JSON, b"{}\n"), (BASH_HISTORY, b"")):
        if path not in seen.present:
            steps.append(WriteFile(tree, path, content, 0o600, _owner(seen, path)))
    merged = envfile.merge(text, environment(seen, network_name))
    if seen.env_text != merged:
        steps.append(WriteFile(tree, ENV_FILE, merged.encode(errors="surrogateescape"), 0o600))
    return tuple(steps)


def keeps_broken(seen: Surroundings) -> bool:
    """Whether a broken private repository stays in its place: as far as we know, a sandbox writes to it."""
    project = naming.project_name(seen.worktree)
    alive = seen.containers is None or any(each.project == project and each.alive for each in seen.containers)
    return seen.damage is not None and alive


def mending(seen: Surroundings) -> tuple[str, ...]:
    """What the user should know of a broken private repository, whose commits may be nowhere else."""
    if seen.damage is None:
        return ()
    tree = seen.worktree
    broken = f"the private repository of {tree.name} is broken: {seen.damage}"
    if keeps_broken(seen):
        down, up = (shlex.join(["wt", verb, tree.called]) for verb in ("down", "up"))
        return (f"{broken}; `{down}`, then `{up}` puts it aside and makes a new one",)
    aside = naming.state_dir(tree.repository) / naming.ASIDE
    return (f"{broken}; it is kept, as it is, in {aside / tree.id}.*, and a new one takes its place",)


def prepare_engine(
    seen: Surroundings, network_name: str, *, driver: str | None, astray: bool = False
) -> tuple[Step, ...]:
    """What `prepare` asks of the engine; nothing when the network is there and the shared services are healthy.

    Args:
        seen: what was observed.
        network_name: of the network for this repository.
        driver: that of the network of this name, None when there is none yet.
        astray: containers of the shared services are on a network that is gone.

    Raises:
        Refused: the network is of a kind on which sandboxes would be more open, or could not meet.
    """
    if driver not in (None, _DRIVER):
        raise Refused(
            f"the docker network {network_name} is no {_DRIVER}: its driver is {driver or 'none'}",
            hint="set network in .devcontainer/wt.toml to another name: wt makes it",
        )
    repository = seen.worktree.repository
    owner = repository if network_name == naming.own_network(repository) else None
    steps: list[Step] = [CreateNetwork(network_name, owner)] if driver is None else []
    waiting = unhealthy(seen)
    if waiting:
        compose = shared_project(seen.worktree, seen.config)
        wait = seen.config.shared.wait
        steps.append(StartShared(compose, waiting, wait, recreate=astray, force=astray))
    return tuple(steps)


def unhealthy(seen: Surroundings) -> tuple[str, ...]:
    """The shared services that don't run or are not healthy."""
    project = naming.shared_project_name(seen.worktree.repository)
    well = {each.service for each in seen.containers or () if each.project == project and each.healthy}
    return tuple(service for service in seen.shared_services if service not in well)


def up(
    worktree: Worktree,
    config_digest: str,
    containers: Sequence[Container],
    service: str,
    *,
    services: Collection[str] = (),
    astray: bool = False,
) -> tuple[Step, ...]:
    """What starts a sandbox: nothing when it runs, a plain start when its configuration is unchanged.

    Containers that another client made are kept as long as they carry the hash of today's configuration.

    Args:
        worktree: whose sandbox it is.
        config_digest: the hash of today's configuration.
        containers: those of its compose project.
        service: the service that people work in.
        services: all that start by themselves.
        astray: some of the containers are on a network that is gone.
    """
    compose = compose_project(worktree)
    current = [each for each in containers if each.config == config_digest]
    if any(each.service == service for each in current) and len(current) == len(
        [each for each in containers if each.config]
    ):
        if astray:
            # The image may have gone with the network, in the same cleaning up.
            return (BuildImage(compose), StartSandbox(compose, recreate=True, force=True))
        if all(each.running for each in containers) and {*services} <= {each.service for each in containers}:
            return ()
        return (StartSandbox(compose, recreate=False),)
    return (BuildImage(compose), StartSandbox(compose, recreate=True))


def stop(containers: Sequence[Container]) -> tuple[Step, ...]:
    """What stops the containers of one project; nothing when none is alive."""
    return (StopSandbox(containers[0].project),) if any(each.alive and each.service for each in containers) else ()


def _owner(seen: Surroundings, path: str) -> tuple[int, int] | None:
    """The agent's own files belong to the sandbox's user."""
    return _sandbox_owner(seen) if path.startswith(CLAUDE_DIR) else None


def _sandbox_owner(seen: Surroundings) -> tuple[int, int] | None:
    """Who gets what belongs to the sandbox's user: only root can, and has to, give it away."""
    return (seen.user.sandbox_uid, seen.user.sandbox_gid) if seen.user.is_root else None


def _refuse_shared_files(seen: Surroundings) -> None:
    """Two sandboxes must not write to the same files, nor one to configuration that git runs programs by."""
    tree = seen.worktree
    why = f"{tree.path} can't have a sandbox"
    if seen.submodules:
        raise Refused(
            f"{why}: it has submodules, in which a plain `git status` of yours would run what the sandbox wrote",
            hint=f"wt works in repositories without them; here: {', '.join(seen.submodules[:3])}",
        )
    exposed = [path for path in seen.inner if not naming.lies_in(PurePath(path), seen.hidden)]
    if exposed:
        raise Refused(
            f"{why}: {', '.join(exposed)} lies inside it, where its sandbox could write",
            hint="wt init --upgrade hides it",
        )
    for around in seen.outer:
        inside = tree.path.relative_to(around.path)
        project = naming.project_name(around)
        running = [each for each in seen.containers or () if each.project == project and each.alive]
        if any(each.config and not naming.lies_in(inside, each.hidden) for each in running):
            raise Refused(
                f"{why} while that of {around.name} runs, which could write to it",
                hint=shlex.join(["wt", "down", around.called]),
            )


def _refuse_root_env(text: str | None) -> None:
    """By lines and not by what python-dotenv reads: the devcontainer CLI looks for them in any line."""
    if match := _AIMS_ELSEWHERE.search(text or ""):
        raise Refused(
            f".env sets {match['key']}, which would aim docker compose and the devcontainer CLI elsewhere",
            hint="remove that line; wt's own settings are in .devcontainer/.env",
        )
