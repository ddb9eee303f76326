"""`wt down`: import, then stop sandboxes; nothing is removed."""

import shlex
from collections.abc import Iterable

from wt import apply, docker, health, naming, plan, selection
from wt.commands import sync
from wt.model import Context, ImportReport, Worktree


def run(context: Context, names: Iterable[str]) -> tuple[ImportReport, ...]:
    """Import and stop each sandbox; what the imports did."""
    reports = []
    for tree in selection.selected(context, names, gone=True):
        first = _bring_in(tree, context)
        apply.carry_out(plan.stop(docker.containers(project=naming.project_name(tree))), context.progress)
        last = _bring_in(tree, context)
        reports += [first, last] if last.imported or last.moved else [first]
    return tuple(report for report in reports if report.imported or report.moved or report.kept)


def _bring_in(tree: Worktree, context: Context) -> ImportReport:
    """Import; from a private repository that is broken nothing can be, which is no reason to let its sandbox run."""
    broken = health.damage(tree)
    if broken is None:
        return sync.bring_in(tree, context)
    hint = f"{shlex.join(['wt', 'up', tree.name])} puts it aside and makes a new one"
    return ImportReport(tree, kept=f"nothing is imported, its private repository is broken: {broken}", hint=hint)
