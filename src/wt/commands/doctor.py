"""`wt doctor`: what is wrong, and the command that mends it; changes nothing."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace

from wt import checkouts, docker, drift, headless, host, private_repo, scaffold, survey
from wt.commands import gc, init
from wt.errors import ToolError, UsageError, WtError
from wt.model import Container, Context, Finding, Repository, Worktree


def run(context: Context) -> tuple[Finding, ...]:
    """What is wrong with the host, the repository around the current directory, its worktrees and their sandboxes."""
    containers, unanswered = _engine()
    repository, trees, broken = _repository(context)
    answers = containers is not None
    found = (*unanswered, *host.findings(survey.machine(repository, trees, answers=answers)), *broken)
    if repository is None:
        return found
    leftovers = _leftovers(context) if answers else ()
    return (*found, *_drift(context, repository, trees, containers), *_written(context, trees), *leftovers)


def _engine() -> tuple[tuple[Container, ...] | None, tuple[Finding, ...]]:
    """All containers; None, and why, where docker can't be asked."""
    try:
        return docker.containers(), ()
    except ToolError as error:
        message = f"{error.message}: nothing is known of the sandboxes"
        return None, (Finding("engine", None, message, None, error.hint),)


def _repository(context: Context) -> tuple[Repository | None, tuple[Worktree, ...], tuple[Finding, ...]]:
    """The repository and its worktrees; where there is none, or no git for it, that is said, or found."""
    try:
        repository, _ = checkouts.locate(context.directory)
        return repository, checkouts.worktrees(repository), ()
    except headless.Headless as error:
        return None, (), (Finding("no repository", None, error.message, None, error.hint),)
    except (UsageError, ToolError) as error:
        context.progress.note(f"{error.message}: only the host was looked at")
        return None, (), ()


def _drift(
    context: Context, repository: Repository, trees: tuple[Worktree, ...], containers: tuple[Container, ...] | None
) -> tuple[Finding, ...]:
    around, astray = survey.around(repository, trees), survey.resting(containers, repository)
    sights = [survey.sight(tree, context.user, around, containers, astray) for tree in trees]
    return drift.findings(survey.ground(repository, trees, around, astray), sights)


def _written(context: Context, trees: Iterable[Worktree]) -> Iterator[Finding]:
    """What of the tracked files is not as `wt init` would write it today, in each worktree that has a sandbox."""
    for tree in trees:
        try:
            if tree.path.is_dir() and private_repo.exists(tree):
                yield from _differing(replace(context, directory=tree.path), tree)
        except WtError:
            pass  # a finding of its own


def _differing(context: Context, tree: Worktree) -> Iterator[Finding]:
    report = init.run(context, template=scaffold.TEMPLATES[0], dry_run=True, upgrade=False)
    again = f"(cd {shlex.quote(str(tree.path))} && wt init --upgrade)"
    commit = "read git diff, and commit it"
    if init.COMPOSE_WT in report.written:
        message = f"{init.COMPOSE_WT} of {tree.name} is not what this wt makes of wt.toml and the packages"
        yield Finding("stale", tree, message, again, commit)
    if init.IGNORE_FILE in report.written:
        message = f"{init.IGNORE_FILE} of {tree.name} lacks lines: files that are no source could be committed"
        yield Finding("not ignored", tree, message, again, commit)
    if report.needed:
        message = f"{init.DEVCONTAINER} of {tree.name} lacks {', '.join(report.needed)}"
        hint = "write it there: it is your file, which wt does not change"
        yield Finding("settings", tree, message, None, hint)


def _leftovers(context: Context) -> tuple[Finding, ...]:
    """What no worktree owns any more; a worktree that is gone is a finding of its own."""
    rows = gc.run(context, gc.Options(), sizes=False)
    chosen = [row for row in rows if row.state == "removable" and row.kind != "worktree"]
    return tuple(Finding("leftover", None, f"{row.kind} {row.name}: {row.reason}", "wt gc") for row in chosen)
