"""A hardened dev container for every git worktree."""

__version__ = "0.1.0"
