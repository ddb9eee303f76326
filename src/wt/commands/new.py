"""`wt new`: a branch, a worktree and a running sandbox, or nothing at all."""

import os
from dataclasses import replace

from wt import addition, apply, checkouts, config, docker, git, naming, observe, plan, process, selection, unfinished
from wt.commands import prepare, up
from wt.errors import Refused, UsageError
from wt.model import Context, Repository, Worktree
from wt.steps import AddWorktree


def run(
    context: Context, name: str, *, start: str | None, branch: str | None, start_sandbox: bool, wait: bool
) -> Worktree:
    """Make a worktree with its sandbox; undone whole if a step fails.

    Args:
        context: of the command.
        name: what the user calls it.
        start: revision that a new branch starts from; the current checkout's if left out.
        branch: its branch, if not `name`.
        start_sandbox: start the sandbox too.
        wait: until the dependencies are installed.
    """
    if wait and not start_sandbox:
        raise UsageError("--wait has nothing to wait for with --no-up", hint="leave out one of them")
    git.require_version()
    repository, here = checkouts.locate(context.directory)
    with apply.undone_on_failure(context.progress) as begun:
        with prepare.alone(repository, context):
            step = _decide(repository, here, name, start=start, branch=name if branch is None else branch)
            step = replace(step, promised=context.user.is_root)
            apply.carry_out([step], context.progress, begun=begun)
            tree = next(each for each in checkouts.worktrees(repository) if each.path == step.path)
            prepare.prepare(tree, context, begun=begun)
            # What runs for one that had its id, and is gone, sees that one's directory for as long as it runs.
            apply.carry_out(plan.stop(docker.containers(project=naming.project_name(tree))), context.progress)
        container = up.start(tree, context, begun=begun) if start_sandbox else None
    if container is not None and wait:
        process.interrupt_on_signals()
        up.wait_for_dependencies(tree, container, context)
    return tree


def _decide(repository: Repository, here: Worktree | None, name: str, *, start: str | None, branch: str) -> AddWorktree:
    if not git.valid_branch(branch):
        raise UsageError(
            f"{branch!r} is not a name for a branch", hint="see git help check-ref-format, or give one with --branch"
        )
    first = None
    if start is not None and (first := git.resolve(repository, start)) is None:
        raise UsageError(f"--from {start!r} is not a commit", hint="name a branch, a tag or a commit")
    root = here.path if here is not None else repository.main_checkout or repository.common_dir
    trees = checkouts.worktrees(repository)
    for tree in trees:
        if tree.branch == f"refs/heads/{branch}" and not tree.path.is_dir():
            raise selection.is_gone(tree)
        if tree.branch == f"refs/heads/{branch}":
            unfinished.refuse(tree)
    pattern = config.load(root).worktree_dir
    wanted = naming.worktree_path(
        repository, pattern, name, taken=[tree.path for tree in trees if tree.branch != f"refs/heads/{branch}"]
    )
    path = wanted.parent.resolve() / wanted.name
    if any(wanted.is_relative_to(tree.path) and not path.is_relative_to(tree.path.resolve()) for tree in trees):
        raise Refused(f"{wanted} lies behind a symlink, which a sandbox may have made", hint="remove the symlink")
    current = (here.branch if here is not None else None) or git.default_branch(repository)
    step = addition.decide(
        repository,
        path,
        branch,
        branches=git.refs(repository, "refs/heads/"),
        worktrees=trees,
        start=first,
        default_start=git.resolve(repository, current) if current else None,
        occupied=os.path.lexists(path),
        exposed=observe.exposing(trees, path),
    )
    return replace(step, parents=tuple(each for each in path.parents if not each.exists()))
