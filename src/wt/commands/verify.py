"""`wt verify`: attacks on the sandbox that runs, from inside and from the host; nothing of them stays."""

import secrets
import shlex
from collections.abc import Mapping
from dataclasses import replace

from wt import (
    checkouts,
    compose,
    config,
    docker,
    git,
    naming,
    observe,
    plan,
    probe,
    remotes,
    selection,
    trust,
    weakness,
)
from wt.errors import Refused, UsageError
from wt.model import Check, Container, Context, Remote, Worktree
from wt.verify import answers, groups, variables
from wt.verify.target import Target


def run(context: Context, name: str | None) -> tuple[Check, ...]:
    """One row for each control of a worktree's sandbox.

    Raises:
        UsageError: it does not run.
        Refused: its configuration was not approved.
    """
    tree = selection.worktree(context, name)
    containers = docker.containers()
    app = _running(tree, containers)
    _require_trust(tree)
    with context.progress.step(f"attacks on the sandbox of {tree.name}"):
        labels = {key: value for key, value in _labels(tree).items() if value}
        (found,) = probe.inspected([app.id]) or (None,)
        if found is None:
            raise _down(tree)
        with probe.weak(str(found["Image"]), labels, str(found["Name"]).removeprefix("/")) as foreign:
            return _attack(_target(context, tree, containers, app, foreign), app.id)


def _attack(target: Target, app: str) -> tuple[Check, ...]:
    """All scripts, and what is made of their answers."""
    given = variables.injected(target.mark)
    said = (
        probe.run(app, "bash", groups.inside(target)),
        probe.run(target.foreign[1], "bash", groups.weak(target), under=probe.UNBOUND),
        probe.run(app, "sh", variables.SCRIPT, env=given),
    )
    return groups.checks(target, *map(answers.parse, said))


def _running(tree: Worktree, containers: tuple[Container, ...]) -> Container:
    app = observe.app(containers, naming.project_name(tree))
    if app is None or not app.running or not observe.env_value(tree, "WT_CONFIG"):
        raise _down(tree)
    return app


def _down(tree: Worktree) -> UsageError:
    return UsageError(f"the sandbox of {tree.name} does not run", hint=shlex.join(["wt", "up", tree.called]))


def _require_trust(tree: Worktree) -> None:
    """Compose reads files of the worktree, and what they include."""
    if not trust.is_trusted(tree.repository, trust.look(tree.path)):
        raise Refused(
            f"{trust.DIRECTORY} of {tree.name} differs from what you trusted: what it says counts for nothing",
            hint=f"read it, then: {shlex.join(['wt', 'trust', tree.called])}",
        )


def _require_whole(tree: Worktree, values: Mapping[str, str], settings: config.Config) -> None:
    """What an older wt wrote may lack a value."""
    try:
        weakness.ground(values, settings.protect, docker_api=True)
        _ = values["WT_MEMORY"], values["WT_PIDS"]
    except KeyError as error:
        message = f"{plan.ENV_FILE} of {tree.name} lacks {error.args[0]}"
        raise UsageError(message, hint=shlex.join(["wt", "up", tree.called])) from error


def _labels(tree: Worktree) -> dict[str, str]:
    """Whose weak container it is, where one is left over."""
    return {
        naming.LABEL_REPOSITORY: naming.repository_id(tree.repository),
        naming.LABEL_COMMON_DIR: str(tree.repository.common_dir),
        naming.LABEL_WORKTREE: tree.id,
    }


def _target(
    context: Context, tree: Worktree, containers: tuple[Container, ...], app: Container, foreign: tuple[str, str]
) -> Target:
    settings = config.load(tree.path)
    values = observe.env_values(tree)
    _require_whole(tree, values, settings)
    siblings = tuple(each for each in checkouts.worktrees(tree.repository) if each.id != tree.id)
    projects = {naming.project_name(each) for each in siblings}
    helpers = {
        each.service: each for each in containers if each.project == app.project and each.service in weakness.BESIDE
    }
    theirs = [each for each in containers if each.project in projects]
    known = {
        each["Id"]: each
        for each in probe.inspected([app.id, foreign[1], *(each.id for each in (*helpers.values(), *theirs))])
    }
    mounts = [mount for each in theirs for mount in known.get(each.id, {}).get("Mounts") or ()]
    files = compose.resolved(plan.compose_project(tree))
    leading = _remotes(tree)
    return Target(
        worktree=tree,
        values=values,
        protect=settings.protect,
        hide=observe.facts(tree).hide,
        services=files.get("services") or {},
        declared=files.get("volumes") or {},
        secrets=files.get("secrets") or {},
        configs=files.get("configs") or {},
        app=known.get(app.id) or {},
        helpers={service: known[each.id] for service, each in helpers.items() if each.id in known},
        siblings=siblings,
        volumes=frozenset(str(each["Name"]) for each in mounts if each["Type"] == "volume"),
        remotes=leading,
        foreign=foreign,
        usual=(known.get(foreign[1]) or {}).get("HostConfig") or {},
        mark=f"wt-verify-{secrets.token_hex(4)}",
        writable=not (tree.is_main and context.user.is_root),
        ssh={each.url: remotes.ssh_options(each.url) for each in leading},
    )


def _remotes(tree: Worktree) -> tuple[Remote, ...]:
    """Where a push from the host would lead to."""
    found = git.settings(tree.repository, tree.branch).remotes
    return tuple(replace(each, url=remotes.address(tree.repository, each.url)) for each in found)
