"""Directories that git made as worktrees of a repository, and that are not where it believes, or that it forgot."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wt import hostile
from wt.errors import WtError
from wt.model import Repository, Worktree

_MAX_POINTER = 8_192
# What `wt rm` is deleting, on another file system than the repository's.
_TRASH = ".wt-trash."


@dataclass(frozen=True)
class Stray:
    """A directory whose `.git` leads into a repository that does not have it there.

    Attributes:
        entry: the admin directory that its `.git` names, be it there or not.
    """

    path: Path
    entry: Path


def find(repository: Repository, trees: Iterable[Worktree], folders: Iterable[Path]) -> tuple[Stray, ...]:
    """Those in some folders; what is deeper, or elsewhere, is not looked for."""
    trees = tuple(trees)
    known = {os.path.realpath(tree.path) for tree in trees}
    absent = {tree.git_dir.name: tree for tree in trees if not tree.path.is_dir()}
    admin = (repository.common_dir / "worktrees").resolve()
    found = []
    for directory in sorted({each for folder in folders for each in _directories(folder)}):
        entry = pointer(directory)
        if entry is not None and (tree := absent.get(entry.name)) and _moved_along(directory, entry, tree):
            entry = admin / entry.name
        ours = entry is not None and entry.parent == admin and not directory.name.startswith(_TRASH)
        if entry is not None and ours and os.path.realpath(directory) not in known:
            found.append(Stray(directory, entry))
    return tuple(found)


def _moved_along(directory: Path, entry: Path, tree: Worktree) -> bool:
    """Whether it lies to its repository as before both were moved: its `.git` names the former place of that."""
    former = os.path.relpath(tree.path, entry.parent.parent)
    return former == os.path.relpath(os.path.realpath(directory), tree.repository.common_dir)


def pointer(directory: Path) -> Path | None:
    """The admin directory that the `.git` of a directory names; None where it is no such file."""
    if hostile.kind(directory, ".git") != stat.S_IFREG:
        return None
    try:
        text = os.fsdecode(hostile.read(directory, ".git", limit=_MAX_POINTER) or b"")
    except WtError:
        return None
    place = text.removeprefix("gitdir: ").rstrip("\n")
    return Path(os.path.realpath(directory / place)) if text.startswith("gitdir: ") and "\0" not in place else None


def _directories(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
