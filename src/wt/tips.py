"""Where a worktree's branch stands: a ref that can't be read, and one that was deleted while it was checked out."""

import os
import re
import shlex
from collections.abc import Mapping

from wt import borrowed, checkouts, complaints, git, hostile, naming
from wt.errors import ToolError, WtError
from wt.model import Repository, Worktree

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_LINE = 4_096
_MOST_IMPORTS = 20
# What git says of a ref whose file names no commit (git: ref-filter.c).
_IGNORED = "warning: ignoring broken ref "


def broken(worktree: Worktree) -> tuple[str, str] | None:
    """What git can't read of the commit that a worktree is at, and what to do about it; None where it can."""
    complaint = _complaint(worktree)
    if complaint is None:
        return None
    return f"git can't read where {worktree.path} stands: {complaint}", complaints.of_git(complaint)


def refuse_broken(worktree: Worktree) -> None:
    """Refuse to take a branch that can't be read for one without commits.

    Raises:
        ToolError: it can't.
    """
    if found := broken(worktree):
        raise ToolError(found[0], hint=found[1])


def astray(worktree: Worktree, host: Mapping[str, str]) -> tuple[str, str | None] | None:
    """Why a worktree's branch can't be moved, and what to do: it is broken, or no ref of the host's any more."""
    if (found := broken(worktree)) or worktree.branch in host or (lost := gone(worktree)) is None:
        return found
    message, command, hint = lost
    return message, command or hint


def broken_ref(repository: Repository) -> tuple[str, str] | None:
    """What git can't read of any ref of the host's, and what to do about it; None where it reads all."""
    complaint, nameless = _read(repository)
    complaint = _names_nothing(nameless[0]) if nameless else complaint
    return (complaint, complaints.of_git(complaint)) if complaint else None


def _read(repository: Repository, *names: str) -> tuple[str | None, tuple[str, ...]]:
    """What git says where it can't read the refs of these names, and which ones it passes over that name no commit."""
    answer = git.run(repository, "for-each-ref", "--format=%(refname) %(objecttype)", *names, check=False)
    lines = os.fsdecode(answer.stderr).split("\n")
    nameless = tuple(line.removeprefix(_IGNORED) for line in lines if line.startswith(_IGNORED))
    return answer.complaint if answer.code != 0 else None, nameless


def _names_nothing(ref: str) -> str:
    return f"unable to resolve reference '{ref}': reference broken"


def _complaint(worktree: Worktree) -> str | None:
    if worktree.branch is None:
        head = (git.file_text(worktree.git_dir / "HEAD", limit=_MAX_LINE) or "").strip()
        there = not _OID.fullmatch(head) or git.resolve(worktree.repository, head) is not None
        return None if there else f"bad object {head}"
    complaint, nameless = _read(worktree.repository, worktree.branch)
    # It speaks of those, too, whose names begin like the one that it is asked for.
    return complaint or (_names_nothing(worktree.branch) if worktree.branch in nameless else None)


def gone(worktree: Worktree) -> tuple[str, str | None, str | None] | None:
    """What is wrong, the line that makes a branch again which is checked out and was deleted, or else a hint.

    None where it is there, and where nothing says that it ever was: a new one has no commit.
    """
    branch = worktree.branch
    if branch is None or branch in git.refs(worktree.repository, branch):
        return None
    kept = git.refs(worktree.repository, naming.ref_prefix(worktree))
    base, fetched = kept.get(borrowed.base_ref(worktree, branch)), _fetched(worktree, branch)
    if base is None and fetched is None:
        return None
    message = f"{worktree.path} is on {naming.short_branch(branch)}, which was deleted"
    # Nothing of the agent's gets past the gate so: the index says which of them the host was at.
    for oid in dict.fromkeys(filter(None, (_last(worktree), *_imported(worktree, branch), base, fetched))):
        if git.resolve(worktree.repository, oid) == oid and checkouts.index_matches(worktree, oid):
            return message, _line(worktree, "update-ref", branch, oid, ""), None
    if base is not None and git.resolve(worktree.repository, base) == base:
        return message, _line(worktree, "update-ref", branch, base, ""), None
    return message, None, f"`{_line(worktree, 'reflog')}` shows where it stood"


def _last(worktree: Worktree) -> str | None:
    """Where the worktree's HEAD was when git itself moved it last."""
    lines = (git.file_text(worktree.git_dir / "logs/HEAD") or "").splitlines()
    words = lines[-1].split(" ", 2) if lines else []
    return words[1] if len(words) > 1 and _OID.fullmatch(words[1]) else None


def _imported(worktree: Worktree, branch: str) -> list[str]:
    """Where the branch stood inside at the last imports, the newest first."""
    ref = naming.ref_prefix(worktree) + branch.removeprefix("refs/")
    look = ("reflog", "show", "--format=%H", f"--max-count={_MOST_IMPORTS}", ref, "--")
    return git.run(worktree.repository, *look, check=False).text.split()


def _fetched(worktree: Worktree, branch: str) -> str | None:
    """Where the host's branch stood when the inside fetched it last, as the agent has it."""
    path = f"repo.git/refs/remotes/host/{naming.short_branch(branch)}"
    try:
        content = hostile.read(naming.worktree_state_dir(worktree), path, limit=_MAX_LINE)
    except (WtError, OSError):
        return None
    oid = os.fsdecode(content or b"").strip()
    return oid if _OID.fullmatch(oid) else None


def _line(worktree: Worktree, *command: str) -> str:
    return shlex.join(["git", "-C", str(worktree.path), *command])
