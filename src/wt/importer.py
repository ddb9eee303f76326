"""Brings a sandbox's commits into the host's repository, as from a hostile peer.

The host never opens the private repository's objects: the sandbox serves them, and git's own protocol, which is meant
for untrusted peers, is all that the host speaks with it. Every inside ref lands under `refs/wt/<id>/`; then the
worktree's own branch moves, by fast-forward only.
"""

import re
import shlex
import shutil
from collections.abc import Callable, Sequence

from wt import checkouts, difference, gate, git, history, lfs, naming, tips
from wt.config import Import
from wt.errors import Incomplete, Refused, ToolError
from wt.gate import Concern
from wt.model import ImportReport, InsideRefs, Repository, Worktree

# Characters of a path, and of what it is, in a line; an agent can make either as long as it likes.
_SHOWN = 100
# Below a worktree's prefix: what is not called so inside.
_OWN = {"HEAD", "base", "clash", "refs", "stash"}
# What git says of objects that the other side does not have, or that it takes for broken ones.
_INCOMPLETE = re.compile("repository corruption|bad pack header|not our ref|not send all necessary|fsck error")
# Why a branch did not move, and what resolves it.
_Standing = tuple[str, str | None]


def targets(worktree: Worktree, inside: InsideRefs) -> dict[str, str]:
    """The host's ref for each thing inside that must not be lost, with the object name that it gets."""
    prefix = naming.ref_prefix(worktree)
    wanted = {_kept_at(worktree, name): oid for name, oid in inside.refs.items()}
    wanted |= {f"{prefix}stash/{number}": oid for number, oid in enumerate(inside.stash)}
    if inside.detached:
        wanted[f"{prefix}HEAD"] = inside.detached
    return wanted


def missing(worktree: Worktree, inside: InsideRefs, host: dict[str, str]) -> dict[str, str]:
    """Those of the targets that the host lacks: their object is at the tip of none of its refs, or they have moved.

    Args:
        worktree: whose sandbox it is.
        inside: its refs.
        host: all refs of the host's repository.
    """
    aimed = targets(worktree, inside)
    # What one of our own refs leaves behind is not kept by it.
    known = {oid for name, oid in host.items() if aimed.get(name, oid) == oid}
    taken = set(host)
    above = {parent for name in taken for parent in _parents(name)}
    wanted: dict[str, str] = {}
    for ref, oid in aimed.items():
        if oid not in known or host.get(ref, oid) != oid:
            # A branch `a` can't be stored beside `a/b`, which an earlier import may have brought.
            clash = not git.fits(ref) or ref in above or not taken.isdisjoint(_parents(ref))
            name = f"{naming.ref_prefix(worktree)}clash/{oid}" if clash else ref
            wanted[name] = oid
            taken.add(name)
            above.update(_parents(name))
    return wanted


def _parents(name: str) -> list[str]:
    """`a/b` and `a` of `a/b/c`."""
    parts = name.split("/")
    return ["/".join(parts[:length]) for length in range(len(parts) - 1, 0, -1)]


def bring_in(
    worktree: Worktree,
    inside: InsideRefs,
    server: Callable[[], Sequence[str] | None],
    limits: Import,
    accepted: str | None = None,
) -> ImportReport:
    """Import what the inside has and move the worktree's branch to it where that loses nothing.

    Args:
        worktree: whose sandbox it is.
        inside: its refs, read as text.
        server: finds the command that serves its objects, None when nothing can; asked only when some are missing.
        limits: how large and how slow an import may be.
        accepted: the commit that somebody has looked at, so that the branch may move to it whatever it brings.

    Raises:
        ToolError: the sandbox did not serve what its refs name.
    """
    host = git.refs(worktree.repository)
    wanted = keep(worktree, inside, server, limits, host)
    moved, standing = _move(worktree, inside, host, accepted)
    commits = history.count(worktree.repository, *moved) if moved else 0
    return ImportReport(worktree, wanted, moved, commits, *(standing or (None, None)))


def keep(
    worktree: Worktree,
    inside: InsideRefs,
    server: Callable[[], Sequence[str] | None],
    limits: Import,
    host: dict[str, str],
) -> tuple[str, ...]:
    """Import what the inside has below `refs/wt/<id>/` and move nothing else; the refs that are new or moved.

    The caller holds the lock on the worktree's imports.

    Args:
        worktree: whose sandbox it is.
        inside: its refs, read as text.
        server: as for `bring_in`.
        limits: how large and how slow an import may be.
        host: all refs of the host's repository.

    Raises:
        ToolError: the sandbox did not serve what its refs name.
    """
    quarantine = naming.worktree_state_dir(worktree) / "incoming"
    shutil.rmtree(quarantine, ignore_errors=True)  # of an import that was killed
    # Before the commits that name them, so that the host never has a pointer without its content.
    lfs.adopt(worktree, max_bytes=limits.max_bytes)
    wanted = missing(worktree, inside, host)
    if oids := set(wanted.values()) - set(host.values()):
        command = server()
        if command is None:
            here = shlex.join(["wt", "up", worktree.called])
            another = "start another sandbox of this repository, as by `wt new NAME`, then try again"
            raise ToolError(
                f"{worktree.name} has commits to import and no image to serve them from",
                hint=f"start it once: {here}" if worktree.path.is_dir() else another,
            )
        try:
            git.fetch(
                worktree.repository, command, oids, quarantine, seconds=limits.seconds, max_bytes=limits.max_bytes
            )
        except ToolError as error:
            raise _failed(worktree, error, limits) from error
    git.update_refs(worktree.repository, {ref: (oid, None) for ref, oid in wanted.items()})
    return tuple(sorted(wanted))


def _whole_again(worktree: Worktree) -> str:
    """What brings the rest of a history that is cut short inside, or lets it be seen where it is there."""
    seen = shlex.join(["rm", str(naming.private_repo(worktree) / "shallow")])
    fetched = f"{_in_sandbox(worktree, 'git', 'fetch', '--unshallow')} if the rest can be fetched"
    if (worktree.repository.common_dir / "shallow").exists():  # then the inside can't be without that file
        return fetched
    return f"{fetched}, {seen} if it is there" if worktree.path.is_dir() else seen


def _failed(worktree: Worktree, error: ToolError, limits: Import) -> ToolError:
    """The error for an import that failed, with what helps."""
    message = f"{worktree.name} could not be imported: {error.message}"
    if isinstance(error, git.CutShort):
        return ToolError(message, hint=_whole_again(worktree))
    if not _INCOMPLETE.search(error.message):
        allowed = f"nothing was changed; [import] in wt.toml allows {limits.max_size} and {limits.seconds} s"
        return ToolError(message, hint=allowed)
    # git compares with all that the host has.
    if broken := tips.broken_ref(worktree.repository):
        return ToolError(f"{worktree.name} could not be imported: {broken[0]}", hint=broken[1])
    rest = f"`{shlex.join(['wt', 'rm', '--force', worktree.called])}` puts its private repository aside"
    if worktree.path.is_dir():
        which = f"`{_in_sandbox(worktree, 'git', 'fsck')}` names what is missing or broken"
        # What serves it may have been ended in the midst of it.
        rest = f"sync again; if that says the same, {which}: fetch that here from a clone that has it; {rest}"
    elif not worktree.git_dir.is_dir():
        rest = f"look at {naming.worktree_state_dir(worktree)}; removing that directory ends it"
    return Incomplete(message, hint=rest)


def concerns(repository: Repository, old: str | None, new: str, names: tuple[str, ...] | None) -> tuple[Concern, ...]:
    """What somebody has to look at before the host goes from one commit to another, which has these `names`."""
    if names is None:
        return (Concern(".", gate.ENDLESS),)
    changes = difference.between(repository, old, new)
    contents = difference.contents(repository, gate.wanted(changes))
    found = gate.refused(changes, contents, names)
    # What came from the default branch by a merge or a rebase is the host's own.
    for other in _default_tips(repository) - {old} if found else ():
        changes = gate.unknown(changes, difference.between(repository, other, new))
        found = gate.refused(changes, contents, names)
    return found


def _default_tips(repository: Repository) -> set[str | None]:
    """Where the default branch stands, here and as the remote has it."""
    ours = git.default_branch(repository)
    theirs = ours and ours.replace("refs/heads/", "refs/remotes/origin/", 1)
    return {oid for name in (ours, theirs) if name and (oid := git.resolve(repository, name))}


def _move(
    worktree: Worktree, inside: InsideRefs, host: dict[str, str], accepted: str | None
) -> tuple[tuple[str | None, str] | None, _Standing | None]:
    """Move the branch by fast-forward; else say why not, and what resolves it."""
    branch, repository = worktree.branch, worktree.repository
    if not worktree.path.is_dir():
        return None, (f"{worktree.path} is gone", f"its commits are below {naming.ref_prefix(worktree)}")
    if astray := tips.astray(worktree, host):
        return None, astray
    checkouts.end_move(worktree)
    if branch is None or branch not in inside.refs:
        return None, _elsewhere(worktree, inside, host, accepted)
    old, new = host.get(branch), inside.refs[branch]
    if old == new:
        return None, _elsewhere(worktree, inside, host, accepted)
    if old is not None and not history.is_ancestor(repository, old, new):
        aside = _elsewhere(worktree, inside, host, accepted)
        return None, aside or _diverged(worktree, inside, old, new, accepted)
    if stopped := _stopped(worktree, branch, old, new, accepted):
        return None, stopped
    if others := [
        str(tree.path) for tree in checkouts.worktrees(repository) if tree.branch == branch and tree != worktree
    ]:
        why = f"{naming.short_branch(branch)} is checked out in {others[0]}, too, whose index would stay behind"
        return None, (why, "check out another branch there, then sync again")
    if staged := _staged(worktree, old):
        return None, staged
    try:
        checkouts.move_branch(worktree, old, new)
    except Refused as error:
        return None, (error.message, error.hint)
    return (old, new), _elsewhere(worktree, inside, host, accepted)


def _staged(worktree: Worktree, old: str | None) -> _Standing | None:
    """What a move of the branch would mix up with what it brings, and a reset would drop."""
    if checkouts.index_matches(worktree, old):
        return None
    return f"changes are staged on the host in {worktree.path}", "commit or unstage them, then sync again"


def _stopped(worktree: Worktree, ref: str, old: str | None, new: str, accepted: str | None) -> _Standing | None:
    """What keeps the host from taking over a tip, in short."""
    if new == accepted or not (
        found := concerns(worktree.repository, old, new, difference.names(worktree.repository, new))
    ):
        return None
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    first = f"{found[0].path[:_SHOWN]} ({found[0].reason[:_SHOWN]}){more}"
    why = f"{naming.short_branch(ref)} is not moved to {new[:10]}: {first}"
    return why, shlex.join(["wt", "review", worktree.called])


def _diverged(worktree: Worktree, inside: InsideRefs, old: str, new: str, accepted: str | None) -> _Standing:
    """The host's branch stands at `old`, which the inside's, at `new`, does not contain."""
    branch = worktree.branch or ""
    short = naming.short_branch(branch)
    if history.is_ancestor(worktree.repository, new, old):
        return f"{short} is older inside than on the host", _in_sandbox(worktree, "git", "catch-up")
    if new in git.reflog(worktree.repository, branch):
        why = f"{short} was rewritten on the host: it is {old[:10]} there, {new[:10]} inside"
        return why, _in_sandbox(worktree, "sh", "-c", f"git fetch host && git reset {shlex.quote(f'host/{short}')}")
    if old in inside.past:
        why = f"{short} was rewritten inside: it is {old[:10]} on the host, {new[:10]} inside"
        held = _stopped(worktree, branch, old, new, accepted) or _staged(worktree, old)
        return held or (why, _by_hand(worktree, "reset", new))
    why = f"both sides moved {short}: {old[:10]} on the host, {new[:10]} inside"
    return why, _in_sandbox(worktree, "git", "catch-up")


def _elsewhere(worktree: Worktree, inside: InsideRefs, host: dict[str, str], accepted: str | None) -> _Standing | None:
    """Name work that stands on another branch inside than the worktree's."""
    here = None if worktree.branch else (git.file_text(worktree.git_dir / "HEAD") or "").strip()
    if (inside.head, inside.detached) == (worktree.branch, here):
        return None
    if inside.operation:
        # Until it ends, HEAD is its own, and git switches to no branch.
        return f"a {inside.operation} is under way inside", "let it be ended there, then sync again"
    if worktree.branch is None:
        return _on_no_branch(worktree, inside, host, accepted, here or "")
    ours = naming.short_branch(worktree.branch)
    why = f"inside, {_where(inside)} is checked out, on the host {ours}"
    back, follow = (_in_sandbox(worktree, "git", verb, ours) for verb in ("switch", "catch-up"))
    # What the inside does not have, the agent can't have left.
    return why, f"{back} if the agent switched; {follow} if you did" if worktree.branch in inside.refs else follow


def _on_no_branch(
    worktree: Worktree, inside: InsideRefs, host: dict[str, str], accepted: str | None, here: str
) -> _Standing | None:
    """The host's HEAD is detached, at `here`: it does not move by itself."""
    if work := checkouts.operation(worktree.git_dir):
        # Git switches to no branch before that, and a reset would be the operation's.
        return f"a {work} is under way on the host in {worktree.path}", "finish or abort it, then sync again"
    why = f"on the host no branch is checked out but commit {here[:10]}, inside {_where(inside)}"
    if inside.detached:
        old = git.resolve(worktree.repository, here)
        stopped = _stopped(worktree, "HEAD", old, inside.detached, accepted)
        return stopped or (why, _by_hand(worktree, "reset", inside.detached))
    branch = naming.short_branch(inside.head) if inside.head and inside.head in host else "BRANCH"
    return why, _by_hand(worktree, "switch", branch)


def _where(inside: InsideRefs) -> str:
    at = f"commit {inside.detached[:10]}" if inside.detached else "nothing"
    return naming.short_branch(inside.head) if inside.head else at


def _by_hand(worktree: Worktree, *command: str) -> str:
    """What a user types to run git in the worktree; a commit goes by its own name, so that it is what was looked at."""
    return shlex.join(["git", "-C", str(worktree.path), *command])


def _in_sandbox(worktree: Worktree, *command: str) -> str:
    """What a user types to run a command in the worktree's sandbox."""
    return shlex.join(["wt", "exec", worktree.called, "--", *command])


def _kept_at(worktree: Worktree, ref: str) -> str:
    """The host's ref for one that the inside has, apart from those that wt itself has there."""
    name = ref.removeprefix("refs/")
    return naming.ref_prefix(worktree) + (ref if ref != name and name.partition("/")[0] in _OWN else name)
