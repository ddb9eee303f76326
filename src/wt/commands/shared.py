"""`wt shared`: the services that all sandboxes of a repository use."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from wt import apply, compose, config, docker, hostile, inventory, naming, observe, plan, selection
from wt.commands import prepare
from wt.errors import UsageError
from wt.model import Context, ServiceStatus, Worktree
from wt.steps import StartShared


def up(context: Context) -> tuple[ServiceStatus, ...]:
    """Start the shared services, apply a changed file to them, and wait until they are healthy."""
    tree = selection.worktree(context, None)
    settings, services = _services(tree)
    with prepare.alone(tree.repository, context):
        prepare.prepare(tree, context)
        project = plan.shared_project(tree, settings)
        apply.carry_out([StartShared(project, services, settings.shared.wait, recreate=True)], context.progress)
    return status(context)


def down(context: Context, *, volumes: bool) -> None:
    """Remove the shared services' containers, and their data if `volumes` says so, be it alone by now."""
    tree = selection.worktree(context, None)
    project = naming.shared_project_name(tree.repository)
    with prepare.alone(tree.repository, context):
        data = inventory.volumes_of(project)
        own = [name for name in data if naming.is_own(project, name)]
        if docker.containers(project=project) or (volumes and own):
            with context.progress.step(f"shared services {project} removed, their data {'too' if volumes else 'kept'}"):
                docker.stop(project)
                docker.remove_project(project, volumes=volumes, images=False)
        else:
            context.progress.note(f"shared services {project}: nothing is there{' but their data' if own else ''}")
        for name in (name for name in data if volumes and name not in own):
            by_hand = shlex.join(["docker", "volume", "rm", name])
            context.progress.note(f"volume {name} has a name of its own, and stays: `{by_hand}` removes it")
        docker.remove_network_if_unused(naming.own_network(tree.repository))


def status(context: Context) -> tuple[ServiceStatus, ...]:
    """One row for each shared service."""
    tree = selection.worktree(context, None)
    _, services = _services(tree)
    found = {each.service: each for each in docker.containers(project=naming.shared_project_name(tree.repository))}
    missing = ServiceStatus("", "none", None)
    rows = []
    for service in services:
        container = found.get(service)
        row = (
            ServiceStatus(service, container.status, container.name) if container else replace(missing, service=service)
        )
        rows.append(row)
    return tuple(rows)


def logs(context: Context, services: Sequence[str], *, follow: bool, tail: str) -> Iterator[bytes]:
    """Lines of the shared services' logs, as they come."""
    tree = selection.worktree(context, None)
    project = naming.shared_project_name(tree.repository)
    there = {container.service for container in docker.containers(project=project)}
    if not there:
        raise UsageError("the shared services are not up", hint="wt shared up")
    if unknown := [service for service in services if service not in there]:
        raise UsageError(f"no shared service is called {unknown[0]}", hint=f"there are: {', '.join(sorted(there))}")
    return compose.logs(project, services, follow=follow, tail=tail)


def _services(tree: Worktree) -> tuple[config.Config, tuple[str, ...]]:
    settings = config.load(tree.path)
    services = observe.shared_services(tree, settings)
    if not services:
        path = f"{plan.DEVCONTAINER}/{settings.shared.file}"
        there = hostile.kind(tree.path, path) is not None
        raise UsageError(
            f"this repository has no shared services: {path} {'has none' if there else 'is missing'}",
            hint="add one without a profile"
            if there
            else "`wt init --upgrade` writes docker-compose.shared.yml, with PostgreSQL",
        )
    return settings, services
