"""Names, ids and paths: pure functions from what git says to what docker and the file system are told."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from wt.errors import UsageError
from wt.model import Repository, Worktree

MAIN_ID = "main"
_LINKED_PREFIX = "linked."

LABEL_WORKTREE = "wt.worktree"
LABEL_CONFIG = "wt.config"


def slug(text: str, *, limit: int = 40) -> str:
    """`text` as lower-case ASCII letters, digits and single dashes, at most `limit` characters, never empty."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")[:limit].rstrip("-") or "x"


def digest(*parts: str, length: int) -> str:
    """The first `length` hexadecimal digits of the SHA-256 of the parts."""
    data = b"\0".join(part.encode(errors="surrogateescape") for part in parts)
    return hashlib.sha256(data).hexdigest()[:length]


def linked_id(admin_name: str) -> str:
    """The id of a linked worktree: the name of its admin directory, told apart from the main checkout's."""
    taken = admin_name == MAIN_ID or admin_name.startswith(_LINKED_PREFIX)
    return _LINKED_PREFIX + admin_name if taken else admin_name


def repository_id(repository: Repository) -> str:
    """Eight digits that tell one repository on this machine from another."""
    return digest(str(repository.common_dir), length=8)


def repository_name(repository: Repository) -> str:
    """The name that people use for the repository: its main checkout's directory, or the bare directory's."""
    if repository.main_checkout is not None:
        return repository.main_checkout.name
    name = repository.common_dir.name.removesuffix(".git").lstrip(".")
    return name if name and name != "bare" else repository.common_dir.parent.name


def project_name(worktree: Worktree) -> str:
    """The compose project of a worktree's sandbox; two worktrees of equal name never share one."""
    key = digest(str(worktree.repository.common_dir), worktree.id, length=6)
    return f"{slug(worktree.name)}-{key}"


def shared_project_name(repository: Repository) -> str:
    """The compose project of the repository's shared services."""
    return f"{slug(repository_name(repository), limit=24)}-shared-{repository_id(repository)}"


def own_network(repository: Repository) -> str:
    """The network that a repository falls back to where the common one is taken by another's services."""
    return f"dev-{repository_id(repository)}"


def state_dir(repository: Repository) -> Path:
    """The only place on the host where wt keeps anything of its own."""
    return repository.common_dir / "wt-sandbox"


def worktree_state_dir(worktree: Worktree) -> Path:
    """What wt keeps for one worktree: its private repository and the read-only views beside it."""
    return state_dir(worktree.repository) / worktree.id


def private_repo(worktree: Worktree) -> Path:
    """The git directory that the sandbox writes to."""
    return worktree_state_dir(worktree) / "repo.git"


def ref_prefix(worktree: Worktree) -> str:
    """Where the host keeps what came from this worktree's sandbox; ends with a slash."""
    return f"refs/wt/{worktree.id}/"


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

    Raises:
        UsageError: the pattern has another placeholder, or none for the name.
    """
    base = repository.main_checkout or repository.common_dir

    def fill(value: str) -> Path:
        text = pattern.format(parent=base.parent, repository=repository_name(repository), name=value)
        return Path(os.path.normpath(base / Path(text).expanduser()))

    if "{name}" not in pattern:
        raise UsageError(f"worktree_dir has no {{name}}: {pattern}")
    try:
        path = fill(slug(name))
        return fill(f"{slug(name)}-{digest(name, length=4)}") if path in taken else path
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise UsageError(
            f"worktree_dir can't be read: {pattern}", hint="its placeholders are {parent}, {repository} and {name}"
        ) from error


def find_worktree(worktrees: Sequence[Worktree], wanted: str) -> Worktree:
    """The worktree that the user means: by name, else by branch, else by path.

    Raises:
        UsageError: none or more than one fits.
    """
    by_path = Path(wanted).expanduser().absolute()
    ways = (
        [tree for tree in worktrees if tree.name == wanted],
        [tree for tree in worktrees if tree.branch is not None and short_branch(tree.branch) == wanted],
        [tree for tree in worktrees if tree.path == by_path or tree.path == by_path.resolve()],
    )
    for found in ways:
        if len(found) == 1:
            return found[0]
        if found:
            paths = tuple(str(tree.path) for tree in found)
            raise UsageError(f"{wanted} could be {len(found)} worktrees", hint="name one by its path", details=paths)
    names = ", ".join(tree.name for tree in worktrees) or "none"
    raise UsageError(f"no worktree is called {wanted}", hint=f"there are: {names}")
