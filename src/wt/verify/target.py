"""What is known of a sandbox before it is attacked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wt import naming, weakness
from wt.model import Remote, Worktree

# The container that people work in.
APP = "app"


@dataclass(frozen=True)
class Target:
    """A running sandbox, as the host sees it.

    Attributes:
        values: of `.devcontainer/.env`.
        protect: paths that wt.toml adds to those that can only be read.
        services: what compose makes of its files.
        app: what the engine knows of the container that people work in.
        helpers: what it knows of the services of wt's beside it, by service.
        siblings: the other worktrees of the repository.
        volumes: volumes of their sandboxes.
        remotes: those of the host's repository, with the addresses that its git makes of theirs.
        foreign: name and id of a container that is none of the sandbox's business.
        mark: in the name of all that a script makes.
        usual: what the engine was told of the weak container: its own, where a container asks for nothing.
        writable: whether the sandbox's user may write to /app at all.
        declared: the volumes of its files, by the key there.
        secrets: the secrets of its files, alike.
        configs: the configurations of its files, alike.
        ssh: by address of a remote, what ssh has to be told to go where the host's goes.
        hide: directories of the workspace that it does not see.
    """

    worktree: Worktree
    values: Mapping[str, str]
    protect: tuple[str, ...]
    services: Mapping[str, Any]
    app: Mapping[str, Any]
    helpers: Mapping[str, Mapping[str, Any]]
    siblings: tuple[Worktree, ...]
    volumes: frozenset[str]
    remotes: tuple[Remote, ...]
    foreign: tuple[str, str]
    mark: str
    usual: Mapping[str, Any] = field(default_factory=dict)
    writable: bool = True
    declared: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    configs: Mapping[str, Any] = field(default_factory=dict)
    ssh: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hide: tuple[str, ...] = ()

    @property
    def project(self) -> str:
        return naming.project_name(self.worktree)

    @property
    def container(self) -> str:
        """The name of the container that people work in."""
        return str(self.app.get("Name") or "").removeprefix("/")

    @property
    def service(self) -> Mapping[str, Any]:
        """What compose makes of its service."""
        return self.services.get(APP) or {}

    @property
    def own_mounts(self) -> tuple[tuple[str, str, bool], ...]:
        """Source, target and whether it is read-only of what wt itself mounts, whatever the compose files say."""
        return self.mounts_of(APP)

    def mounts_of(self, service: str) -> tuple[tuple[str, str, bool], ...]:
        """The same for another service of wt's."""
        docker_api = weakness.PROXY in self.services
        ground = weakness.ground(self.values, self.protect, self.hide, docker_api=docker_api)
        return tuple(sorted(each[1:] for each in ground.mounts if each[0] == service))

    @property
    def host_sources(self) -> dict[str, str]:
        """By place: what of the host is there, by the compose files and by the engine, through volumes, too."""
        found: dict[str, str] = {}
        for each in self.service.get("volumes") or ():
            source = str(each.get("source") or "")
            if each.get("type") == "volume":
                options = (self.declared.get(source) or {}).get("driver_opts") or {}
                source = str(options.get("device") or "")
            if source.startswith("/"):
                found[str(each.get("target"))] = source
        made = {str(each["Destination"]): bind_source(each) for each in self.app.get("Mounts") or ()}
        return found | {place: source for place, source in made.items() if source}

    def inner(self, path: Path) -> str | None:
        """Where a path of the host's is inside, if it lies in the worktree."""
        top = self.worktree.path
        return f"/app/{path.relative_to(top)}" if path.is_relative_to(top) and path != top else None


def bind_source(mount: Mapping[str, Any]) -> str | None:
    """Where what the engine has mounted lies on the host; None where it is docker's own."""
    # Docker Desktop has the host's files in a directory of its machine.
    return str(mount["Source"]).removeprefix("/host_mnt") if mount["Type"] == "bind" else None
