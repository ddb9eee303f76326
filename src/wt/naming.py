"""Names, ids and paths: pure functions from what git says to what docker and the file system are told."""

import errno
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath, PurePosixPath

from wt.errors import UsageError
from wt.model import Repository, Worktree

STATE = "wt-sandbox"
# Read-only in every sandbox: what runs on the host, or configures what does.
PROTECTED = (".devcontainer", ".vscode", ".idea")
MAIN_ID = "main"
RECORD = "repository"
ASIDE = "aside"
TRASH = "trash"
TRUST = "trust"
# Where a sandbox has what is its own, and what it reads of the host's.
WORKSPACE_INSIDE = "/app"
REPOSITORY_INSIDE = "/wt/repo.git"
OBJECTS_INSIDE = "/wt/objects"
HOST_VIEW_INSIDE = "/wt/host.git"
_LINKED_PREFIX = "linked."

# In a bare repository there may be worktrees, too; what a sandbox wrote in one of these would run on the host.
GIT_OWN = frozenset(
    {"branches", "hooks", "info", "lfs", "logs", "modules", "objects", "refs", "worktrees", "wt-sandbox"}
)

LABEL_REPOSITORY = "wt.repo"
LABEL_COMMON_DIR = "wt.common-dir"
LABEL_WORKTREE = "wt.worktree"
LABEL_ROLE = "wt.role"
# Roles of containers that wt makes for itself, for as long as a command takes.
PASSING = frozenset({"import", "verify"})
# Of what stays with a sandbox: what has wt's labels, and what a project's compose files have besides, without any.
LASTING = frozenset({"sandbox", "service"})
LABEL_CONFIG = "wt.config"
LABEL_HIDDEN = "wt.hidden"


def slug(text: str, *, limit: int = 40) -> str:
    """`text` as lower-case ASCII letters, digits and single dashes, at most `limit` characters, never empty."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")[:limit].rstrip("-") or "x"


def digest(*parts: str, length: int) -> str:
    """The first `length` hexadecimal digits of the SHA-256 of the parts."""
    data = b"\0".join(part.encode(errors="surrogateescape") for part in parts)
    return hashlib.sha256(data).hexdigest()[:length]


def linked_id(admin_name: str) -> str:
    """The id of a linked worktree: the name of its admin directory, told apart from what wt calls so itself.

    In any case, since there are file systems that don't tell `Main` from `main`.
    """
    name = admin_name.lower()
    taken = name in {MAIN_ID, RECORD, ASIDE, TRASH, TRUST} or name.startswith(_LINKED_PREFIX)
    return _LINKED_PREFIX + admin_name if taken else admin_name


def repository_key(common_dir: Path, main_checkout: Path | None, inode: int) -> str:
    """What tells one repository on this machine from another: `<its name>-<eight digits>`.

    Args:
        common_dir: where it is.
        main_checkout: the directory that owns `.git`, if there is one.
        inode: of the common directory; another repository may come to lie at the same place.
    """
    name = slug(_repository_name(common_dir, main_checkout), limit=24)
    return f"{name}-{digest(str(common_dir), str(inode), length=8)}"


def repository_id(repository: Repository) -> str:
    """Eight digits that tell one repository on this machine from another."""
    return repository.key.rpartition("-")[2]


def repository_name(repository: Repository) -> str:
    """The name that people use for the repository: its main checkout's directory, or the bare directory's."""
    return _repository_name(repository.common_dir, repository.main_checkout)


def _repository_name(common_dir: Path, main_checkout: Path | None) -> str:
    if main_checkout is not None:
        return main_checkout.name
    name = common_dir.name.removesuffix(".git").lstrip(".")
    return name if name and name != "bare" else common_dir.parent.name


def project_name(worktree: Worktree) -> str:
    """The compose project of a worktree's sandbox; it stays the same wherever worktree or repository are moved."""
    repository = worktree.repository
    name = repository.key.rpartition("-")[0] if worktree.id == MAIN_ID else worktree.id
    return f"{slug(name)}-{digest(repository.key, worktree.id, length=6)}"


def is_own(project: str, name: str) -> bool:
    """Whether compose called a volume or network for its project; one with a name of its own others may use, too."""
    return name.startswith(f"{project}_")


def shared_project_name(repository: Repository) -> str:
    """The compose project of the repository's shared services."""
    name, _, number = repository.key.rpartition("-")
    return f"{name}-shared-{number}"


def own_network(repository: Repository) -> str:
    """The network that a repository falls back to where the common one is taken by another's services."""
    return f"dev-{repository_id(repository)}"


def network_labels(owner: Repository | None) -> dict[str, str]:
    """The labels of a network that wt makes, for all repositories or for one alone."""
    own = {LABEL_REPOSITORY: repository_id(owner), LABEL_COMMON_DIR: str(owner.common_dir)} if owner else {}
    return {LABEL_ROLE: "shared", **own}


def state_dir(repository: Repository) -> Path:
    """The only place on the host where wt keeps anything of its own."""
    return repository.common_dir / STATE


def worktree_state_dir(worktree: Worktree) -> Path:
    """What wt keeps for one worktree: its private repository and the read-only views beside it."""
    return state_dir(worktree.repository) / worktree.id


def private_repo(worktree: Worktree) -> Path:
    """The git directory that the sandbox writes to."""
    return worktree_state_dir(worktree) / "repo.git"


def ref_prefix(worktree: Worktree) -> str:
    """Where the host keeps what came from this worktree's sandbox; ends with a slash."""
    return f"refs/wt/{worktree.id}/"


def aside_prefix(name: str) -> str:
    """Where the host keeps what came from a sandbox that lost its place to another; ends with a slash."""
    return f"refs/wt/{ASIDE}/{name}/"


def short_branch(ref: str) -> str:
    """`feature/x` from `refs/heads/feature/x`."""
    return ref.removeprefix("refs/heads/")


def worktree_path(repository: Repository, pattern: str, name: str, *, taken: Sequence[Path] = ()) -> Path:
    """The directory of a new worktree.

    Args:
        repository: the repository that it belongs to.
        pattern: `worktree_dir` of wt.toml with `{parent}`, `{repository}` and `{name}`; `~` is the home directory
            and a relative path counts from the main checkout (or the bare directory).
        name: what the user called it; made a slug here.
        taken: directories that exist; a name whose slug is taken gets four digits of its hash.
    """
    base = repository.main_checkout or repository.common_dir

    def fill(value: str) -> Path:
        text = pattern.format(parent=base.parent, repository=repository_name(repository), name=value)
        return Path(os.path.normpath(base / os.path.expanduser(text)))  # noqa: PTH111 - fails where there is no such user

    path = fill(slug(name))
    return fill(f"{slug(name)}-{digest(name, length=4)}") if path in taken else path


def lies_in(path: PurePath, directories: Iterable[str]) -> bool:
    """Whether a relative path is, or lies below, one of the directories."""
    return any(path.is_relative_to(directory) for directory in directories)


def around(*fixed: Iterable[str]) -> tuple[str, ...]:
    """Directories around paths that are mounted over the workspace: could they be renamed, the paths would go along."""
    paths = [PurePosixPath(path) for each in fixed for path in each]
    found = {above for path in paths for above in path.parents} - {PurePosixPath()}
    return tuple(sorted(str(each) for each in found if not any(each.is_relative_to(path) for path in paths)))


def worktree_folder(repository: Repository, pattern: str) -> str | None:
    """The directory of the main checkout that new worktrees come into, relative to it; None when they lie outside."""
    folder = worktree_path(repository, pattern, "x").parent
    top = repository.main_checkout
    return str(folder.relative_to(top)) if top and folder.is_relative_to(top) and folder != top else None


def find_worktree(worktrees: Sequence[Worktree], wanted: str) -> Worktree:
    """The worktree that the user means: by name or branch, else by path, of it or of a directory in it.

    Raises:
        UsageError: none or more than one fits.
    """
    named = [tree for tree in worktrees if wanted in (tree.name, tree.branch and short_branch(tree.branch))]
    inner = [tree for tree in worktrees if _lies_in(tree.path, wanted)]
    around = sorted(inner, key=lambda tree: len(tree.path.parts))[-1:]
    for found in (named, [tree for tree in worktrees if _same_place(tree.path, wanted)], around):
        if len(found) == 1:
            return found[0]
        if found:
            paths = tuple(str(tree.path) for tree in found)
            raise UsageError(f"{wanted} could be {len(found)} worktrees", hint="name one by its path", details=paths)
    names = ", ".join(tree.name for tree in worktrees) or "none"
    raise UsageError(f"no worktree is called {wanted or repr(wanted)}", hint=f"there are: {names}")


def _same_place(path: Path, wanted: str) -> bool:
    """Whether what was typed leads to `path`, through symlinks or not."""
    typed = os.path.expanduser(wanted)  # noqa: PTH111 - pathlib fails where there is no such user
    return bool(wanted) and os.path.realpath(typed) == os.path.realpath(path)


def _lies_in(path: Path, wanted: str) -> bool:
    """Whether what was typed is a directory in `path`, and can't be a misspelt name."""
    typed = Path(os.path.realpath(os.path.expanduser(wanted)))  # noqa: PTH111 - as above
    inside = wanted.startswith((".", "/", "~")) and typed.is_relative_to(os.path.realpath(path))
    return inside and _is_directory(typed)


def _is_directory(path: Path) -> bool:
    """Whether there is a directory; what is too long to be a path is none."""
    try:
        return path.is_dir()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise
