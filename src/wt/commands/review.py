"""`wt review`: what a sandbox's commits bring that can run on the host; imports them, and moves no branch."""

from wt import checkouts, difference, gate, git, history, importer, nested, review, selection
from wt.commands import sync
from wt.model import Context, InsideRefs, Worktree
from wt.review import Review


def run(context: Context, name: str | None) -> Review:
    """Look at what a worktree's branch has, inside as well as on the host."""
    tree = selection.worktree(context, name)
    inside = sync.keep(tree, context)
    repository = tree.repository
    host = git.resolve(repository, tree.branch or (git.file_text(tree.git_dir / "HEAD") or "").strip())
    tip = _tip(tree, inside, host)
    known, _ = checkouts.nested(tree)
    found, whole = nested.repositories(tree.path, known)
    if tip is None:
        return Review(tree, None, None, 0, 0, (), (), found, whole)
    since = _since(tree, host, tip)
    names = difference.names(repository, tip)
    refused = importer.concerns(repository, host, tip, names) if tip != host else ()
    changes = difference.between(repository, since, tip) if names is not None else ()
    contents = difference.contents(repository, gate.wanted(changes) | review.wanted(changes))
    # What was accepted is in the branch by now; who merges that one should hear of it again.
    taken = gate.refused(changes, contents, names or ()) if since != host else ()
    return Review(
        worktree=tree,
        tip=tip,
        since=since,
        commits=history.count(repository, since, tip),
        files=len(changes),
        refused=refused,
        runs=(*(each for each in taken if each not in refused), *review.runs(changes, contents)),
        nested=found,
        whole=whole,
    )


def _tip(tree: Worktree, inside: InsideRefs | None, host: str | None) -> str | None:
    """The commit to look at: the inside's, unless the host has all of that."""
    if inside is None:
        return host
    theirs = inside.refs.get(tree.branch or inside.head or "") or (None if tree.branch else inside.detached)
    if theirs is None or (host is not None and history.is_ancestor(tree.repository, theirs, host)):
        return host
    return theirs


def _since(tree: Worktree, host: str | None, tip: str) -> str | None:
    """The commit to compare with: where the branch left the default branch, or the remote's where it is that one.

    Without either it is what the host has.
    """
    default = git.default_branch(tree.repository) or ""
    if default == tree.branch:
        default = default.replace("refs/heads/", "refs/remotes/origin/", 1)
    base = git.resolve(tree.repository, default) if default else None
    return (base and history.merge_base(tree.repository, base, tip)) or host
