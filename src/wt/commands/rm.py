"""`wt rm`: import, refuse when work could be lost, then remove all that belongs to a worktree."""

from collections.abc import Iterable

from wt import apply, checkouts, docker, git, naming, observe, plan, removal, selection, trash
from wt.commands import prepare, sync
from wt.model import Context, Worktree
from wt.steps import Step


def run(
    context: Context, names: Iterable[str], *, force: bool, delete_branch: bool, force_branch: bool
) -> tuple[Worktree, ...]:
    """Remove worktrees; those that were removed.

    Args:
        context: of the command.
        names: of worktrees.
        force: let changes go that were never committed.
        delete_branch: delete their branches too, if they are merged.
        force_branch: delete their branches, merged or not.
    """
    removed = []
    for tree in selection.selected(context, names, gone=True):

        def decided(tree: Worktree = tree) -> tuple[Step, ...]:
            sync.bring_in(tree, context)
            seen = _observe(tree, _processes(tree))
            return removal.decide(seen, force=force, delete_branch=delete_branch, force_branch=force_branch)

        with prepare.alone(tree.repository, context):
            # Asked before the sandbox stops, so that a refusal disturbs nothing, and after it, when nothing can change.
            decided()
            apply.carry_out(plan.stop(docker.containers(project=naming.project_name(tree))), context.progress)
            apply.carry_out(decided(), context.progress)
        removed.append(tree)
    return tuple(removed)


def _processes(tree: Worktree) -> tuple[str, ...]:
    project = naming.project_name(tree)
    app = observe.app(docker.containers(project=project), project)
    return docker.processes(app) if app is not None and app.running else ()


def _observe(tree: Worktree, processes: tuple[str, ...]) -> removal.Removal:
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
    there = tree.path.is_dir()
    operations = (inside.operation if inside else None, checkouts.operation(tree.git_dir)) if there else ()
    return removal.Removal(
        worktree=tree,
        inner=tuple(path for path in checkouts.nested(tree)[0] if (tree.path / path).is_dir()),
        gone=not there and not trash.holds(tree),
        dirty=checkouts.dirty(tree) if there else (),
        processes=processes,
        only_here=git.only_in(tree.repository, tips, sorted(set(kept.values()))),
        only_on_branch=git.only_in(tree.repository, [tip] if tip else [], sorted(set(without_branch.values()))),
        merged=_is_merged(tree, host),
        operations=tuple(each for each in operations if each),
        tip=tip,
    )


def _is_merged(tree: Worktree, host: dict[str, str]) -> bool:
    """Whether the default branch, here or as the remote has it, has what the worktree's branch has."""
    default = git.default_branch(tree.repository) or ""
    names = {default, default.replace("refs/heads/", "refs/remotes/origin/", 1)} - {tree.branch}
    tip = host.get(tree.branch or "")
    return tip is not None and any(git.is_merged(tree.repository, tip, host[name]) for name in names if name in host)
