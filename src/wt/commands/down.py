"""`wt down`: import, then stop sandboxes; nothing is removed."""

from collections.abc import Iterable

from wt import apply, docker, naming, plan, selection
from wt.commands import sync
from wt.model import Context, ImportReport


def run(context: Context, names: Iterable[str]) -> tuple[ImportReport, ...]:
    """Import and stop each sandbox; what the imports did."""
    reports = []
    for tree in selection.selected(context, names, gone=True):
        first = sync.bring_in(tree, context)
        apply.carry_out(plan.stop(docker.containers(project=naming.project_name(tree))), context.progress)
        last = sync.bring_in(tree, context)
        reports += [first, last] if last.imported or last.moved else [first]
    return tuple(report for report in reports if report.imported or report.moved or report.kept)
