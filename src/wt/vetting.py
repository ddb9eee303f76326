"""Whether the compose files of a worktree weaken its sandbox, or the host: compose is asked what it makes of them."""

import os
from pathlib import Path

from wt import __version__, compose, config, hostile, naming, observe, plan, sources, weakness
from wt.errors import Refused
from wt.model import ComposeProject, Worktree


def answer(tree: Worktree, version: str) -> str:
    """What stands for all that `refuse_weak` looks at in `.devcontainer`, for a version of its other files."""
    return naming.digest(__version__, version, observe.read(tree, plan.ENV_FILE) or "", length=64)


def refuse_weak(tree: Worktree, settings: config.Config) -> bool:
    """Refuse compose files that weaken the sandbox, or the host; whether that holds until `answer` changes.

    What lies outside of `.devcontainer` was not approved with it, and may be another thing the next time.

    Raises:
        Refused: with what is not allowed by name.
        UsageError: compose can't read them.
    """
    values = observe.env_values(tree)
    projects = [(plan.compose_project(tree), False)]
    if hostile.kind(tree.path, f"{plan.DEVCONTAINER}/{settings.shared.file}") is not None:
        projects.append((plan.shared_project(tree, settings), True))
    lasting = True
    facts = observe.facts(tree)
    for project, shared in projects:
        ground = weakness.ground(values, settings.protect, facts.hide, shared=shared, docker_api=bool(facts.docker_api))
        found = _weaknesses(tree, project, ground)
        names = [each.name for each in project.files]
        weakness.refuse(found, settings.allow, " and ".join(f"{plan.DEVCONTAINER}/{each}" for each in names))
        for each in found:
            _refuse_link(tree, each)
        lasting = lasting and not any(each.path for each in found)
    return lasting


def _weaknesses(tree: Worktree, project: ComposeProject, ground: weakness.Ground) -> tuple[weakness.Weakness, ...]:
    # First of all: of what is no compose file, compose says best what is wrong.
    found = weakness.found(compose.resolved(project), ground)
    named = sources.named(tree.path, plan.DEVCONTAINER, [each.name for each in project.files])
    read = [each for service, path in named for each in weakness.file(service, Path(path), ground)]
    return tuple(dict.fromkeys([*found, *read]))


def _refuse_link(tree: Worktree, found: weakness.Weakness) -> None:
    """What may be used by its name may not become another thing: the engine follows symlinks, and so does compose."""
    path = Path(found.path or "/")
    inner = path.is_relative_to(tree.path) or ".." in path.parts
    if inner and os.path.realpath(path) != os.path.normpath(path):
        reason = f"{path} is, or lies behind, a symlink, and {found.name} would get what it leads to"
        raise Refused(reason, hint="remove the symlink, or name the path that it leads to")
