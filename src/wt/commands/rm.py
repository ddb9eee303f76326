"""`wt rm`: import, refuse when work could be lost, then remove all that belongs to a worktree."""

from collections.abc import Iterable

from wt import apply, checkouts, docker, git, naming, observe, plan, removal, selection
from wt.commands import prepare, sync
from wt.model import Context, Worktree
from wt.steps import Step


def run(context: Context, names: Iterable[str], *, force: bool, delete_branch: bool) -> tuple[Worktree, ...]:
    """Remove worktrees; those that were removed.

    Args:
        context: of the command.
        names: of worktrees.
        force: let changes go that were never committed.
        delete_branch: delete their branches too.
    """
    removed = []
    for tree in selection.selected(context, names):
        with prepare.alone(tree.repository, context):
            # Asked before the sandbox stops, so that a refusal disturbs nothing, and after it, when nothing can change.
            _decide(tree, context, force=force, delete_branch=delete_branch)
            apply.carry_out(plan.stop(docker.containers(project=naming.project_name(tree))), context.progress)
            apply.carry_out(_decide(tree, context, force=force, delete_branch=delete_branch), context.progress)
        removed.append(tree)
    return tuple(removed)


def _decide(tree: Worktree, context: Context, *, force: bool, delete_branch: bool) -> tuple[Step, ...]:
    sync.bring_in(tree, context)
    return removal.decide(_observe(tree), force=force, delete_branch=delete_branch)


def _observe(tree: Worktree) -> removal.Removal:
    host = git.refs(tree.repository)
    inside = observe.private(tree)
    # A stash entry that was imported once and is gone inside was applied or dropped there.
    ours, gone = naming.ref_prefix(tree), set()
    if inside is not None:
        alive = {*inside.stash, *inside.refs.values(), inside.detached}
        gone = {oid for name, oid in host.items() if name.startswith(f"{ours}stash/") and oid not in alive}
    imported = {oid for name, oid in host.items() if name.startswith(ours) and not name.startswith(f"{ours}base/")}
    # On no branch, HEAD is all that holds what was committed on the host.
    head = None if tree.branch else git.resolve(tree.repository, (git.file_text(tree.git_dir / "HEAD") or "").strip())
    tips = sorted(imported - gone | ({head} if head else set()))
    kept = {name: oid for name, oid in host.items() if name.startswith(("refs/heads/", "refs/remotes/", "refs/tags/"))}
    tip = host.get(tree.branch or "")
    without_branch = {name: oid for name, oid in kept.items() if name != tree.branch}
    operations = (inside.operation if inside else None, checkouts.operation(tree.git_dir))
    return removal.Removal(
        worktree=tree,
        inner=tuple(path for path in checkouts.nested(tree)[0] if (tree.path / path).is_dir()),
        dirty=checkouts.dirty(tree),
        only_here=git.only_in(tree.repository, tips, sorted(set(kept.values()))),
        only_here_with_branch=git.only_in(
            tree.repository, [*tips, *([tip] if tip else [])], sorted(set(without_branch.values()))
        ),
        operations=tuple(each for each in operations if each),
        tip=tip,
    )
