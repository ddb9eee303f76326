"""What a commit may not bring to the host before a look at it: it leads git or a file system astray; pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

SUBMODULE = "a submodule: git runs what the configuration in that directory says"
MODULES = "names submodules to git"
DOT_GIT = "a file system may take a part of its name for .git"
NO_NAME = "a part of its path is empty, `.` or `..`"
OUTSIDE = "a symlink out of the tree"
INTO_GIT = "a symlink into .git"
UNCLEAR = "a symlink that goes up again, or is longer than a path can be"
BARE = "a bare repository, or a part of one: git in it runs what its configuration says"
ENDLESS = "more files, or longer paths, than wt looks at"
REASONS = (SUBMODULE, MODULES, DOT_GIT, NO_NAME, OUTSIDE, INTO_GIT, UNCLEAR, BARE, ENDLESS)

GITLINK = "160000"
SYMLINK = "120000"
_MAX_PATH = 4_096
_DOT_GIT = re.compile(r"(\.git|git~[0-9]+)[ .]*(:.*)?", re.DOTALL)
_DOT_GITMODULES = re.compile(r"(\.gitmodules|gitmod~[0-9]+|gi7eba?~[0-9]+)[ .]*(:.*)?", re.DOTALL)
# What makes a directory a repository to git, and what git in it then runs (git: setup.c, is_git_directory).
_PARTS = {"head", "objects", "refs", "commondir", "config", "config.worktree", "hooks"}


@dataclass(frozen=True)
class Change:
    """A path at which two commits differ.

    Attributes:
        path: what differs.
        old_mode: git's mode in the first, such as `100644`; None when it is not there.
        new_mode: the same in the second.
        old: object name in the first, None when it is not there.
        new: the same in the second.
    """

    path: str
    old_mode: str | None
    new_mode: str | None
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Concern:
    """A path that somebody should look at before a commit comes to the host.

    Attributes:
        path: the path in the commit, `.` for all of it.
        reason: why, and what changed.
    """

    path: str
    reason: str


def wanted(changes: Iterable[Change]) -> frozenset[str]:
    """Object names of the contents that `refused` looks into: where symlinks lead."""
    return frozenset(each.new for each in changes if each.new and each.new_mode == SYMLINK)


def refused(changes: Sequence[Change], contents: Mapping[str, str], names: Iterable[str]) -> tuple[Concern, ...]:
    """What of the changes must be looked at first; what goes away is no concern.

    Args:
        changes: from what the host has to the commit that is brought.
        contents: of the blobs that `wanted` names; one that is missing was too large.
        names: every path of that commit.
    """
    there = [each for each in changes if each.new]
    found = [Concern(each.path, reason) for each in there for reason in _reasons(each, contents)]
    return (*found, *(Concern(path, BARE) for path in _bare_repositories(there, names)))


def unknown(changes: Iterable[Change], others: Iterable[Change]) -> tuple[Change, ...]:
    """Those of the changes that another commit of the host's does not have in the same way.

    Submodules stay among them: what counts is the directory, which the worktree's agent can write to.

    Args:
        changes: from one commit of the host's to the one that is brought.
        others: from the other one.
    """
    differs = {each.path for each in others}
    return tuple(each for each in changes if each.path in differs or _is_submodule(each))


def is_dot_git(name: str) -> bool:
    """Whether git on any system takes a name for `.git` (git: path.c, is_ntfs_dotgit; utf8.c, is_hfs_dotgit)."""
    text = plain(name)
    return "git" in text and any(map(_DOT_GIT.fullmatch, text.split("\\")))


def plain(text: str) -> str:
    """A path as file systems may see it that ignore case and characters without a shape."""
    if not text.isascii():
        text = "".join(each for each in text if unicodedata.category(each) != "Cf")
    return text.casefold()


def is_repository(names: Iterable[str]) -> bool:
    """Whether a directory that holds these names can be one that git takes for a repository, apart from `.git`."""
    found = {plain(name) for name in names}
    return "head" in found and ("commondir" in found or {"objects", "refs"} <= found)


def _reasons(change: Change, contents: Mapping[str, str]) -> Iterator[str]:
    parts = change.path.split("/")
    if change.new_mode == GITLINK:
        yield SUBMODULE
    elif _is_submodule(change):
        yield MODULES
    if any(is_dot_git(part) for part in parts):
        yield DOT_GIT
    if not {"", ".", ".."}.isdisjoint(part for each in parts for part in each.split("\\")):
        yield NO_NAME
    if change.new_mode == SYMLINK:
        yield from _leads(len(parts) - 1, contents.get(change.new or ""))


def _is_submodule(change: Change) -> bool:
    """A link to one, or the file that names them, by whatever name a file system has it (git: path.c)."""
    name = plain(change.path).replace("\\", "/").rpartition("/")[2]
    return change.new_mode == GITLINK or _DOT_GITMODULES.fullmatch(name) is not None


def _leads(depth: int, target: str | None) -> Iterator[str]:
    """Where a symlink leads that lies `depth` directories below the top."""
    if target is None or len(target) > _MAX_PATH:
        yield UNCLEAR
        return
    if target.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", target):
        yield f"{OUTSIDE}: {target}"
        return
    parts = [part for part in target.replace("\\", "/").split("/") if part not in {"", "."}]
    ups = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
    if ups > depth:
        yield f"{OUTSIDE}: {target}"
    elif ".." in parts[ups:]:
        # Where one of the names before it is a symlink itself, it goes up from there.
        yield f"{UNCLEAR}: {target}"
    if any(is_dot_git(part) for part in parts):
        yield f"{INTO_GIT}: {target}"


def _bare_repositories(changes: Sequence[Change], names: Iterable[str]) -> list[str]:
    """Directories with a file HEAD, without which none is a repository, and of which something changed that matters.

    The other parts of one may come by another branch, which is harmless by itself.
    """
    held = {place for name in names for place, _, part in [plain(name).rpartition("/")] if part == "head"}
    touched = (place for each in (changes if held else ()) for place in _matters(each.path))
    return sorted({place or "." for place in touched if plain(place) in held})


def _matters(path: str) -> Iterator[str]:
    """The directories in which git, if it takes them for a repository, is led by what is at the path."""
    names = path.split("/")
    return ("/".join(names[:at]) for at, name in enumerate(names) if plain(name) in _PARTS)
