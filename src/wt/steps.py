"""The steps that a plan is made of: data alone, carried out by `wt.apply`."""

from dataclasses import dataclass
from pathlib import Path

from wt.model import ComposeProject, GitSettings, Holding, HostUser, Repository, Worktree


@dataclass(frozen=True)
class WriteFile:
    """Write a file into a worktree, replacing it whole; `owner` is a user and group to give it to."""

    worktree: Worktree
    path: str
    content: bytes
    mode: int = 0o644
    owner: tuple[int, int] | None = None


@dataclass(frozen=True)
class MakeDirectory:
    """Make a directory in a worktree, with its parents; `owner` is a user and group to give them to."""

    worktree: Worktree
    path: str
    owner: tuple[int, int] | None = None


@dataclass(frozen=True)
class RecordRepository:
    """Write down by which name and number wt knows the repository."""

    repository: Repository


@dataclass(frozen=True)
class CreatePrivateRepository:
    """Make the git directory that the sandbox will write to, and what keeps its borrowed objects alive."""

    worktree: Worktree
    settings: GitSettings
    user: HostUser


@dataclass(frozen=True)
class WriteHostView:
    """Write the view of the host's refs, which a sandbox can only read; its guard keeps the copies in it up to date.

    Attributes:
        worktree: whose sandbox it is.
        settings: of the host's repository.
        owner: user and group of the guard, where they are not ours.
    """

    worktree: Worktree
    settings: GitSettings
    owner: tuple[int, int] | None = None


@dataclass(frozen=True)
class CreateNetwork:
    """Make the network of the shared services; `owner` is the repository that has it alone."""

    name: str
    owner: Repository | None = None


@dataclass(frozen=True)
class StartShared:
    """Start the shared services and wait until they are healthy.

    Attributes:
        services: those that are not, for the user to read.
        seconds: how long they may take.
        recreate: apply a changed file to services that run already.
        force: replace every container, changed or not.
    """

    compose: ComposeProject
    services: tuple[str, ...]
    seconds: int
    recreate: bool
    force: bool = False


@dataclass(frozen=True)
class AddWorktree:
    """Make a branch, when `start` is given, and a worktree on it; git makes the `parents` that are missing, too.

    Attributes:
        promised: it will be handed over, if not now, by who goes on with it.
    """

    repository: Repository
    path: Path
    branch: str
    start: str | None
    parents: tuple[Path, ...] = ()
    promised: bool = False


@dataclass(frozen=True)
class HandOver:
    """Give a worktree that root made to the sandbox's user; its top directory and `.git` stay root's."""

    worktree: Worktree
    user: HostUser


@dataclass(frozen=True)
class BuildImage:
    """Build the sandbox's image, from docker's cache where nothing changed."""

    compose: ComposeProject


@dataclass(frozen=True)
class StartSandbox:
    """Start the sandbox's containers, keeping those whose configuration is unchanged.

    Attributes:
        recreate: replace containers of an older configuration.
        force: replace every container, changed or not.
    """

    compose: ComposeProject
    recreate: bool
    force: bool = False


@dataclass(frozen=True)
class StopSandbox:
    """Stop the containers of a compose project; nothing is removed."""

    project: str


@dataclass(frozen=True)
class RemoveProject:
    """Remove every container, volume, network and image of a compose project."""

    project: str


@dataclass(frozen=True)
class RemoveHoldings:
    """Remove what docker holds, each by its own name, containers first."""

    holdings: tuple[Holding, ...]


@dataclass(frozen=True)
class MoveToTrash:
    """Move a worktree's directory out of the way, to be deleted."""

    worktree: Worktree


@dataclass(frozen=True)
class RemoveWorktree:
    """Remove a worktree's admin directory, and its directory where it is still there."""

    worktree: Worktree


@dataclass(frozen=True)
class EmptyTrash:
    """Begin to delete the worktrees that were removed."""

    repository: Repository


@dataclass(frozen=True)
class RemoveState:
    """Remove the private repository and its views."""

    worktree: Worktree


@dataclass(frozen=True)
class RemoveRefs:
    """Remove the refs that are kept for a worktree."""

    worktree: Worktree


@dataclass(frozen=True)
class DeleteBranch:
    """Delete a branch that still points at `tip`."""

    repository: Repository
    branch: str
    tip: str


Step = (
    WriteFile
    | MakeDirectory
    | RecordRepository
    | CreatePrivateRepository
    | WriteHostView
    | CreateNetwork
    | StartShared
    | AddWorktree
    | HandOver
    | BuildImage
    | StartSandbox
    | StopSandbox
    | RemoveProject
    | RemoveHoldings
    | MoveToTrash
    | RemoveWorktree
    | EmptyTrash
    | RemoveState
    | RemoveRefs
    | DeleteBranch
)
