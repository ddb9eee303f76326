"""Whether a private repository can still be used: by git inside, and by what reads its refs as text.

Nothing here runs git in it: its configuration is given to git as text, which reads it and follows nothing.
"""

import os
import stat
from pathlib import Path

from wt import headless, hostile, naming, process
from wt.errors import Refused, WtError
from wt.model import Worktree

_KINDS = {stat.S_IFDIR: "a directory", stat.S_IFREG: "a file", stat.S_IFLNK: "a symlink"}
_LIMIT = 1024 * 1024


def damage(worktree: Worktree) -> str | None:
    """What keeps git from opening a worktree's private repository, or wt from reading it; None where nothing does."""
    state, root = naming.worktree_state_dir(worktree), naming.private_repo(worktree)
    kind = hostile.kind(state, root.name)
    if kind is None:
        return None
    if kind != stat.S_IFDIR:
        return f"it is {_called(kind)}"
    if not os.access(root, os.R_OK | os.X_OK):
        return "its directory can't be opened"
    parts = [_part(root, name, expected) for name, expected in _PARTS.items()]
    return next(filter(None, parts), None) or _head(root) or _configuration(root) or _out_of_reach(worktree)


def is_replaced(worktree: Worktree, objects: str) -> bool:
    """Whether it does not borrow what lies at `objects` any more, as wt made it to: it is another repository."""
    root = naming.private_repo(worktree)
    try:
        text = hostile.read(root, "objects/info/alternates", limit=_LIMIT)
    except WtError:
        return True
    return objects.encode() not in (text or b"").split(b"\n")


_PARTS = {"HEAD": stat.S_IFREG, "objects": stat.S_IFDIR, "refs": stat.S_IFDIR}


def _part(root: Path, name: str, expected: int) -> str | None:
    kind = hostile.kind(root, name)
    if kind is None:
        return f"it has no {name}"
    if kind != expected:
        return f"its {name} is {_called(kind)}"
    flags = os.R_OK | (os.X_OK if expected == stat.S_IFDIR else 0)
    return None if os.access(root / name, flags) else f"its {name} can't be read"


def _head(root: Path) -> str | None:
    try:
        head = hostile.read(root, "HEAD", limit=_LIMIT)
    except Refused:
        return "its HEAD can't be read"
    text = os.fsdecode(head or b"").strip()
    return None if headless.HEAD.fullmatch(text) else "its HEAD names neither branch nor commit"


def _configuration(root: Path) -> str | None:
    try:
        text = hostile.read(root, "config", limit=_LIMIT)
    except WtError:
        return "its config is no file that can be read"
    if text is None:
        return None
    options = ("--no-includes", "--file", "-", "--get", "core.repositoryformatversion")
    answer = process.run(["git", "config", *options], stdin=text, check=False)
    # 1: there is no such key.
    if answer.code not in (0, 1):
        return "its config is none that git can read"
    return None if answer.text.strip() in {"", "0", "1"} else "its config is for another git"


def _out_of_reach(worktree: Worktree) -> str | None:
    """What a git inside could mend, where none can be started any more."""
    hidden = not worktree.path.is_dir() and hostile.kind(naming.private_repo(worktree), "reftable") is not None
    return "its refs are not stored as files" if hidden else None


def _called(kind: int) -> str:
    return _KINDS.get(kind, "neither a file nor a directory")
