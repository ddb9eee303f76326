"""`wt path`: where a worktree is."""

from pathlib import Path

from wt import selection
from wt.model import Context


def run(context: Context, name: str | None) -> Path:
    """The directory of a worktree."""
    return selection.worktree(context, name).path
