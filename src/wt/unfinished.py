"""A worktree that git has not made to its end: without an index, each of its files would look deleted inside."""

import shlex

from wt import git
from wt.errors import Refused
from wt.model import Worktree

# The reason for which git locks a worktree while it makes it (git: builtin/worktree.c).
_MAKING = "initializing"


def why(worktree: Worktree) -> str | None:
    """What is not there yet, or not any more; None where all is."""
    if _is_being_made(worktree):
        return f"git has not ended making {worktree.path}"
    if not (worktree.git_dir / "index").is_file() and _tip(worktree) is not None:
        return f"git has no index of {worktree.path}"
    return None


def mend(worktree: Worktree) -> str:
    """The line that ends what git began, as soon as no git is at it: missing files are written, no other is touched."""
    top, lock = str(worktree.path), worktree.git_dir / "index.lock"
    steps = [["rm", str(lock)]] if lock.is_file() else []
    steps += [["git", "worktree", "unlock", top]] if _is_being_made(worktree) else []
    if _tip(worktree) is None:
        # Nothing says on which branch it was to be.
        return " && ".join(map(shlex.join, [*steps, ["wt", "rm", "--force", worktree.called]]))
    steps += [["git", "-C", top, "reset", "--quiet"], ["git", "-C", top, "ls-files", "-z", "--deleted"]]
    write = shlex.join(["git", "-C", top, "checkout-index", "-z", "--stdin"])
    return f"{' && '.join(map(shlex.join, steps))} | {write}"


def refuse(worktree: Worktree) -> None:
    """Refuse to make a sandbox for such a worktree.

    Raises:
        Refused: it is one.
    """
    if reason := why(worktree):
        raise Refused(reason, hint=f"wait for the git that is at work there; if there is none: {mend(worktree)}")


def _is_being_made(worktree: Worktree) -> bool:
    # Read anew: while wt waited for another one, that may have ended it.
    return (git.file_text(worktree.git_dir / "locked") or "").strip() == _MAKING


def _tip(worktree: Worktree) -> str | None:
    """The commit that its HEAD is at."""
    return git.resolve(worktree.repository, worktree.branch or (git.file_text(worktree.git_dir / "HEAD") or "").strip())
