"""`wt trust`: approve what configures a sandbox."""

from collections.abc import Callable
from dataclasses import replace

from wt import selection, trust
from wt.commands import prepare
from wt.errors import UsageError
from wt.model import Context, TrustReport


def run(context: Context, name: str | None, agreed: Callable[[TrustReport], bool]) -> TrustReport:
    """Approve the `.devcontainer` of a worktree, as it is shown and whatever is there by then.

    Args:
        context: of the command.
        name: of the worktree.
        agreed: shows how it differs from what was approved; whether that is well.
    """
    tree = selection.worktree(context, name)
    version = trust.look(tree.path) if tree.path.is_dir() else trust.Version({})
    if not version.entries:
        raise UsageError(f"there is no {trust.DIRECTORY} in {tree.path}", hint="wt init writes it")
    if trust.is_trusted(tree.repository, version):
        return TrustReport(tree, trusted=True)
    report = TrustReport(tree, trusted=False, difference=trust.difference(tree.repository, version))
    if not agreed(report):
        return report
    with prepare.alone(tree.repository, context):
        trust.record(tree.repository, version)
    return replace(report, trusted=True)
