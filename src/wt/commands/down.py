"""`wt down`: import, then stop sandboxes; nothing is removed."""

from collections.abc import Iterable

from wt import apply, naming, selection
from wt.commands import sync
from wt.model import Context, ImportReport
from wt.steps import StopSandbox


def run(context: Context, names: Iterable[str]) -> tuple[ImportReport, ...]:
    """Import and stop each sandbox; what the imports did."""
    reports = []
    for tree in selection.selected(context, names):
        reports.append(sync.bring_in(tree, context))
        apply.carry_out([StopSandbox(naming.project_name(tree))], context.progress)
        reports.append(sync.bring_in(tree, context))
    return tuple(report for report in reports if report.imported or report.moved or report.kept)
