"""Nouns of the model with values that a test need not spell out."""

from dataclasses import replace
from pathlib import Path

from wt.config import Config
from wt.model import Container, GitSettings, HostUser, Repository, Worktree
from wt.plan import Surroundings

REPOSITORY = Repository(Path("/code/shop/.git"), Path("/code/shop"), "shop-12345678")
MAIN = Worktree(REPOSITORY, "main", Path("/code/shop"), REPOSITORY.common_dir, "refs/heads/main")
_CONTAINER = Container("id", "x-app-1", "running", "Up 1 s", ("dev",), "image", "x", "app", "", "")


def tree(name: str = "feature", branch: str | None = "refs/heads/feature") -> Worktree:
    return Worktree(REPOSITORY, name, Path("/code", name), REPOSITORY.common_dir / "worktrees" / name, branch)


def container(project: str = "x", service: str = "app", **changes: str | tuple[str, ...]) -> Container:
    return replace(_CONTAINER, project=project, service=service, **changes)  # type: ignore[arg-type]


# A linked worktree that was never prepared, in a repository with one shared service; the engine runs nothing.
SEEN = Surroundings(
    worktree=tree(),
    user=HostUser(501, 20, Path("/home/it's me")),
    config=Config(),
    settings=GitSettings("Ada", "ada@example.com", (), "", "sha1", "refs/heads/main"),
    env_text=None,
    root_env=None,
    node_version=None,
    present=frozenset(),
    mount_points=("node_modules", "packages/a/node_modules"),
    files_digest="digest",
    ca_bundle=None,
    ca_digest="",
    shared_services=("postgres",),
    services=("app",),
    docker_socket="/var/run/docker.sock",
    has_private_repository=False,
    left_over=False,
    host_view_current=False,
    has_lfs=False,
    submodules=(),
    hidden=(),
    inner=(),
    outer=(),
    directory="",
    containers=(),
)
