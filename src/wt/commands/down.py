"""`wt down`: import, then stop sandboxes; nothing is removed."""

from collections.abc import Iterable

from wt import apply, docker, health, naming, plan, selection
from wt.commands import sync
from wt.errors import EngineError, WtError, of_machine
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
    """Import; what can't be imported is no reason to let a sandbox run: stopping it loses nothing."""
    if broken := health.damage(tree):
        error = sync.unreadable(tree, broken)
        return ImportReport(tree, kept=error.message, hint=error.hint)
    try:
        return sync.bring_in(tree, context)
    except EngineError:
        raise
    except WtError as error:
        return ImportReport(tree, kept=error.message, hint=error.hint)
    except OSError as error:
        if (known := of_machine(error)) is None:
            raise
        return ImportReport(tree, kept=known.message, hint=known.hint)
