"""Brings a sandbox's commits into the host's repository, as from a hostile peer.

The host never opens the private repository's objects: the sandbox serves them, and git's own protocol, which is meant
for untrusted peers, is all that the host speaks with it. Every inside ref lands under `refs/wt/<id>/`; then the
worktree's own branch moves, by fast-forward only.
"""

from collections.abc import Callable, Sequence

from wt import checkouts, git, history, naming
from wt.config import Import
from wt.errors import Refused, ToolError
from wt.model import ImportReport, InsideRefs, Worktree

_SHOWN = 5


def targets(worktree: Worktree, inside: InsideRefs) -> dict[str, str]:
    """The host's ref for each thing inside that must not be lost, with the object name that it gets."""
    prefix = naming.ref_prefix(worktree)
    wanted = {prefix + name.removeprefix("refs/"): oid for name, oid in inside.refs.items()}
    wanted |= {f"{prefix}stash/{number}": oid for number, oid in enumerate(inside.stash)}
    if inside.detached:
        wanted[f"{prefix}HEAD"] = inside.detached
    return wanted


def missing(worktree: Worktree, inside: InsideRefs, host: dict[str, str]) -> dict[str, str]:
    """Those of the targets whose object is at the tip of no ref of the host.

    Args:
        worktree: whose sandbox it is.
        inside: its refs.
        host: all refs of the host's repository.
    """
    known = set(host.values())
    taken = set(host)
    above = {parent for name in taken for parent in _parents(name)}
    wanted: dict[str, str] = {}
    for ref, oid in targets(worktree, inside).items():
        if oid not in known:
            # A branch `a` can't be stored beside `a/b`, which an earlier import may have brought.
            clash = ref in above or not taken.isdisjoint(_parents(ref))
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
    worktree: Worktree, inside: InsideRefs, server: Callable[[], Sequence[str] | None], limits: Import
) -> ImportReport:
    """Import what the inside has and move the worktree's branch to it where that loses nothing.

    Args:
        worktree: whose sandbox it is.
        inside: its refs, read as text.
        server: finds the command that serves its objects, None when nothing can; asked only when some are missing.
        limits: how large and how slow an import may be.

    Raises:
        ToolError: the sandbox did not serve what its refs name.
    """
    host = git.refs(worktree.repository)
    wanted = missing(worktree, inside, host)
    if wanted:
        command = server()
        if command is None:
            raise ToolError(
                f"{worktree.name} has commits to import and no image to serve them from",
                hint=f"start it once: wt up {worktree.name}",
            )
        try:
            quarantine = naming.worktree_state_dir(worktree) / "incoming"
            oids = set(wanted.values())
            git.fetch(
                worktree.repository, command, oids, quarantine, seconds=limits.seconds, max_bytes=limits.max_bytes
            )
        except ToolError as error:
            raise ToolError(
                f"{worktree.name} could not be imported: {error.message}",
                hint=f"nothing was changed; [import] in wt.toml allows {limits.max_size} and {limits.seconds} s",
            ) from error
        git.update_refs(worktree.repository, {ref: (oid, None) for ref, oid in wanted.items()})
    moved, kept, hint = _move(worktree, inside, host)
    commits = history.count(worktree.repository, *moved) if moved else 0
    return ImportReport(worktree, tuple(sorted(wanted)), moved, commits, kept, hint)


def _move(
    worktree: Worktree, inside: InsideRefs, host: dict[str, str]
) -> tuple[tuple[str, str] | None, str | None, str | None]:
    """Move the branch by fast-forward; else say why not, and what resolves it."""
    branch = worktree.branch
    if branch is None or branch not in host or branch not in inside.refs:
        return None, *_elsewhere(worktree, inside)
    old, new = host[branch], inside.refs[branch]
    name, short = worktree.name, naming.short_branch(branch)
    ref = naming.ref_prefix(worktree) + branch.removeprefix("refs/")
    if old == new or history.is_ancestor(worktree.repository, new, old):
        behind = old != new and inside.head == branch
        why = f"{short} is older inside than on the host" if behind else None
        resolve = f"wt exec {name} -- sh -c 'git fetch host && git merge --ff-only host/{short}'" if behind else None
        return (None, why, resolve) if why else (None, *_elsewhere(worktree, inside))
    if not history.is_ancestor(worktree.repository, old, new):
        why = f"both sides moved {short}: {old[:10]} on the host, {new[:10]} inside"
        return None, why, f"wt exec {name} -- sh -c 'git fetch host && git rebase host/{short}'; then wt sync {name}"
    if links := history.submodule_changes(worktree.repository, old, new):
        shown = ", ".join(links[:_SHOWN])
        return (
            None,
            f"{short} brings submodules, which can run programs on the host: {shown}",
            f"look at {ref}; merge it by hand if you trust it",
        )
    if not checkouts.index_matches(worktree, old):
        return None, f"changes are staged on the host in {worktree.path}", "commit or unstage them, then sync again"
    try:
        checkouts.move_branch(worktree, old, new)
    except Refused as error:
        return None, error.message, error.hint
    return (old, new), *_elsewhere(worktree, inside)


def _elsewhere(worktree: Worktree, inside: InsideRefs) -> tuple[str | None, str | None]:
    """Name work that stands on another branch inside than the worktree's."""
    if inside.head == worktree.branch:
        return None, None
    where = naming.short_branch(inside.head) if inside.head else f"commit {(inside.detached or '')[:10]}"
    ours = naming.short_branch(worktree.branch) if worktree.branch else "no branch"
    return f"inside, {where} is checked out, on the host {ours}", f"it is kept under {naming.ref_prefix(worktree)}"
