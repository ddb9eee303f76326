"""The nouns. No behaviour beyond what a noun knows of itself."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol


class Progress(Protocol):
    """How the layers below the command line tell the user what goes on."""

    def step(self, text: str) -> AbstractContextManager[None]:
        """Say that `text` is under way, and that it is done when the block ends without an error."""

    def detail(self, text: str) -> None:
        """The newest line of the step under way, such as a build's."""

    def note(self, text: str) -> None:
        """One line that the user should read."""


@dataclass(frozen=True)
class HostUser:
    """The user on the host, and the one that stands for them in a sandbox.

    The sandbox's is never root: for a host user root it is 1000:1000.
    """

    uid: int
    gid: int
    home: Path

    @property
    def is_root(self) -> bool:
        return self.uid == 0

    @property
    def sandbox_uid(self) -> int:
        return 1000 if self.is_root else self.uid

    @property
    def sandbox_gid(self) -> int:
        return 1000 if self.is_root or self.gid == 0 else self.gid


@dataclass(frozen=True)
class Context:
    """Where a command was called, by whom, and how it talks while it works."""

    directory: Path
    user: HostUser
    progress: Progress


@dataclass(frozen=True)
class Repository:
    """One git object store.

    Attributes:
        common_dir: its canonical path.
        main_checkout: the directory that owns `.git`; a bare repository has none.
        key: its name and eight digits, as they were when wt first saw it; it keeps them when it is moved.
        recorded: whether the key is written down, for this place.
    """

    common_dir: Path
    main_checkout: Path | None
    key: str = field(compare=False)
    recorded: bool = field(compare=False, default=True)


@dataclass(frozen=True)
class Worktree:
    """A checkout of a repository, the main one included.

    Attributes:
        id: the name of its admin directory, unique and stable under `git worktree move`; `main` for the main one.
        path: its top directory.
        git_dir: the host's admin directory of it.
        branch: full name of the checked-out ref, None when HEAD is detached.
        locked: the reason given to `git worktree lock`, None when it isn't locked.
        ambiguous: whether its name is that of another one, or of another one's branch.
    """

    repository: Repository
    id: str
    path: Path
    git_dir: Path
    branch: str | None
    locked: str | None = None
    ambiguous: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def called(self) -> str:
        """What to call it by on a command line: its name, where that is no option and means no other one."""
        return str(self.path) if self.ambiguous or self.name.startswith("-") else self.name

    @property
    def is_main(self) -> bool:
        return self.git_dir == self.repository.common_dir


@dataclass(frozen=True)
class Remote:
    """A remote of the host's repository, its address without credentials."""

    name: str
    url: str


@dataclass(frozen=True)
class GitSettings:
    """What a sandbox may know of the host's git configuration.

    Attributes:
        conversions: `core.autocrlf` and `core.eol`, where they are set: the files lie there as these say.
    """

    user_name: str | None
    user_email: str | None
    remotes: tuple[Remote, ...]
    excludes: str
    object_format: str
    default_branch: str | None
    conversions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class InsideRefs:
    """The refs of a private repository, read as text.

    Attributes:
        head: full name of the branch that HEAD stands on, None when it is detached.
        detached: object name that a detached HEAD stands on.
        refs: full ref name to object name, but for those that show another repository's (`refs/remotes/`) and the
            stash; `refs/worktrees/<name>/` is a detached HEAD, or a ref of its own, of a worktree made inside.
        stash: object names of the stash entries, newest first, and of what git holds for what is under way.
        past: object names that the worktree's branch has stood at, as far as the inside remembers.
        operation: what is under way, such as "rebase"; None when nothing is.
    """

    head: str | None
    detached: str | None
    refs: Mapping[str, str]
    stash: tuple[str, ...]
    past: frozenset[str]
    operation: str | None


@dataclass(frozen=True)
class Container:
    """A container as `docker ps` shows it."""

    id: str
    name: str
    state: str
    status: str
    networks: tuple[str, ...]
    image: str
    project: str
    service: str
    worktree: str
    config: str
    hidden: tuple[str, ...] = ()
    repository: str = ""

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def paused(self) -> bool:
        return self.state == "paused"

    @property
    def alive(self) -> bool:
        """Whether it has processes, be they paused."""
        return self.running or self.paused

    @property
    def healthy(self) -> bool:
        """Running, and not known to be unhealthy or still starting."""
        return self.running and not self.unhealthy and "(health: starting)" not in self.status

    @property
    def unhealthy(self) -> bool:
        return "(unhealthy)" in self.status


@dataclass(frozen=True)
class Holding:
    """A container, volume, network or image that carries a label of wt, or is in the project of one that does.

    Attributes:
        kind: which of the four.
        id: what docker calls it.
        name: what people call it.
        project: compose project, empty where it is in none.
        repository: the repository's eight digits; empty where nothing says so, `unprepared` without a `.env`.
        worktree: id of the worktree, empty where it belongs to none.
        common_dir: where the repository was when it was made, None where nothing says so.
        role: `sandbox`, `service` (in the project of one, without a label of wt), `shared`, `import` or `verify`.
        running: whether a container is alive.
        used: whether a container has it, running or not.
        outdated: whether it is a build that another one has taken the name of.
        created: when it was made; None where docker does not say.
        size: bytes that go with it; None where nobody counted.
    """

    kind: str
    id: str
    name: str
    project: str = ""
    repository: str = ""
    worktree: str = ""
    common_dir: Path | None = None
    role: str = ""
    running: bool = False
    used: bool = False
    outdated: bool = False
    created: datetime | None = None
    size: int | None = None


@dataclass(frozen=True)
class ComposeProject:
    """All that compose has to be told, so that nothing in the environment or the workspace can tell it otherwise."""

    name: str
    files: tuple[Path, ...]
    env_file: Path
    directory: Path


@dataclass(frozen=True)
class ImportReport:
    """What one import did.

    Attributes:
        worktree: whose commits they are.
        imported: refs under `refs/wt/<id>/` that are new or moved.
        moved: old and new object name of the worktree's branch, when it moved; None for the old one of an unborn one.
        commits: how many commits the branch moved forward.
        kept: why the branch did not move although the inside has something, None when all is well.
        hint: what resolves it.
    """

    worktree: Worktree
    imported: tuple[str, ...] = ()
    moved: tuple[str | None, str] | None = None
    commits: int = 0
    kept: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class WorktreeStatus:
    """One row of `wt ls`.

    Attributes:
        worktree: which one.
        state: running, stopped, paused or unhealthy; none without a sandbox, gone when the directory is, or unknown.
        unsynced: refs inside that the host does not have yet; None when they can't be read.
        dirty: whether it has changes that are not committed; None when git can't read it.
        ahead: commits on the branch that its base does not have; None when there is no base.
        behind: the other way round.
        last_commit: when the newest commit on it was made.
        size: bytes in the sandbox's volumes, when asked for.
        outdated: whether its container was made with another configuration than `.devcontainer/.env` has.
        unguarded: whether it runs without a guard, or with one that is not well.
    """

    worktree: Worktree
    state: str
    unsynced: int | None
    dirty: bool | None
    ahead: int | None
    behind: int | None
    last_commit: datetime | None
    size: int | None = None
    outdated: bool = False
    unguarded: bool = False


@dataclass(frozen=True)
class Finding:
    """One row of `wt doctor`.

    Attributes:
        state: what kind of thing is wrong, one of those in docs/reference/doctor.md or drift.md.
        worktree: which one it is about; None for the repository, or the host.
        message: what is wrong.
        command: what mends it, as it can be pasted into a shell; None where no command does.
        hint: what to do, or to know, where the command does not say it all.
    """

    state: str
    worktree: Worktree | None
    message: str
    command: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class Check:
    """One row of `wt verify`.

    Attributes:
        control: what should hold.
        tried: what was done to get around it, or asked.
        answer: what came back.
        state: holds, fails, or unknown where it could not be shown.
        hint: what to do about it, None where there is nothing to say.
    """

    control: str
    tried: str
    answer: str
    state: str
    hint: str | None = None


@dataclass(frozen=True)
class Leftover:
    """One row of `wt gc`.

    Attributes:
        kind: sandbox, shared services, volume, image, network, worktree, private repository, refs, trash, verify ...
        name: what is meant, unique among those of its kind.
        reason: why it may go, or why it stays.
        state: removable or kept; removed or failed once that was tried.
        size: bytes that go with it, None where nobody counted.
        hint: what the user can do about it, None where nothing need be done.
    """

    kind: str
    name: str
    reason: str
    state: str
    size: int | None = None
    hint: str | None = None


@dataclass(frozen=True)
class TrustReport:
    """What `wt trust` found in a worktree, or did.

    Attributes:
        worktree: whose `.devcontainer` it is.
        trusted: whether it is approved.
        difference: from the approved version that is closest: what became of each file, then a unified diff.
    """

    worktree: Worktree
    trusted: bool
    difference: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServiceStatus:
    """One row of `wt shared status`.

    Attributes:
        service: its name in the compose file.
        state: docker's own words, such as "Up 2 minutes (healthy)"; none when there is no container.
        container: its name, None when there is none.
    """

    service: str
    state: str
    container: str | None


@dataclass(frozen=True)
class InitReport:
    """What `wt init` wrote, or would write.

    Attributes:
        written: paths below the repository.
        kept: files that differ from wt's and were left alone, since wt did not write them.
        dry_run: nothing was written: as was asked, or since an earlier init had been there.
        diff: lines of a unified diff, of the files that were there already.
        needed: settings that wt needs and the repository's own devcontainer.json lacks.
        notes: what was found out about the project.
        next: what to do next, None when nothing is to be written.
    """

    written: tuple[str, ...]
    kept: tuple[str, ...]
    dry_run: bool
    diff: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    next: str | None = None
