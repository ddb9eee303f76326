"""What wt asks of docker compose: projects are built, started, and their logs are read."""

import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from wt import complaints, docker, envfile, process
from wt.errors import ToolError, UsageError, WtError
from wt.model import ComposeProject, Container

RECOVERY_SECONDS = 10
# Seconds for reading files, none of which is large.
_PATIENCE = 60

# What compose says of each thing it makes, whether or not it works out.
_ROUTINE = re.compile(r"\s*(Container|Volume|Network|Image) .* (\w+ing|Created|Started|Healthy|Recreated|Stopped)$")


def build(compose: ComposeProject, detail: Callable[[str], None]) -> None:
    """Build the images of a project.

    Raises:
        WtError: with the lines of the step that failed.
    """
    docker.require_versions()
    _run(compose, ["--progress", "plain", "build"], detail, f"the image of {compose.name} does not build")


def up(compose: ComposeProject, detail: Callable[[str], None], *, recreate: bool, force: bool = False) -> None:
    """Start a project's containers; those that run with an unchanged configuration are left alone.

    Args:
        compose: the project.
        detail: told each line that compose prints.
        recreate: replace containers whose configuration changed; else they are kept as they are.
        force: replace all of them; volumes stay.

    Raises:
        WtError: with what compose said, and the last log lines of what is not well.
    """
    docker.resume(compose.name)
    try:
        which = _replacing(recreate=recreate, force=force)
        _run(compose, ["up", "--detach", "--no-build", *which], detail, f"{compose.name} does not start")
    except (UsageError, ToolError):
        raise
    except WtError as error:
        said = error.details + _logs_of_unwell(docker.containers(project=compose.name))
        raise WtError(error.message, hint=error.hint, details=said) from error


def up_and_wait(
    compose: ComposeProject,
    services: Collection[str],
    detail: Callable[[str], None],
    *,
    seconds: int,
    recreate: bool,
    force: bool = False,
) -> None:
    """Start a project's containers and wait until every one is healthy, or runs where it has no health check.

    Raises:
        WtError: with the last log lines of what did not become healthy.
    """
    options = ["--detach", "--wait", "--wait-timeout", str(seconds), *_replacing(recreate=recreate, force=force)]
    docker.require_versions()
    docker.resume(compose.name)
    _let_recover(compose.name, min(seconds, RECOVERY_SECONDS))
    failed = WtError(f"the shared services of {compose.name} are not healthy")
    try:
        _run(compose, ["up", *options], detail, failed.message)
    except (UsageError, ToolError):
        raise
    except WtError as error:
        failed = error
    # Compose ends without an error, too, when the time has run out while it waits between two looks.
    found = docker.containers(project=compose.name)
    if not set(services) <= {container.service for container in found if _is_well(container)}:
        hint = "`wt shared logs` shows all they say" if found else failed.hint
        raise WtError(failed.message, hint=hint, details=failed.details + _logs_of_unwell(found))


def resolved(compose: ComposeProject) -> Mapping[str, Any]:
    """What compose makes of a project's files: variables, anchors, merges and extensions resolved.

    Raises:
        UsageError: it can't read them, with what it says.
    """
    command, named = _command(compose)
    dropped = dict.fromkeys(named)
    answer = process.run([*command, "config", "--format", "json"], check=False, env=dropped, seconds=_PATIENCE)
    if answer.code != 0:
        said = answer.stderr.decode(errors="replace").strip()
        raise complaints.known(said) or _unreadable(compose, said.splitlines())
    # As compose would read it again: with each dollar doubled.
    try:
        return dict(json.loads(answer.text.replace("$$", "$")))
    except (ValueError, TypeError) as error:
        raise ToolError("docker compose config printed no JSON", hint="is compose 2.24 or newer?") from error


def _replacing(*, recreate: bool, force: bool) -> list[str]:
    """Which containers compose replaces."""
    return ["--force-recreate"] if force else [] if recreate else ["--no-recreate"]


def _let_recover(project: str, seconds: int) -> None:
    """Compose gives up at once on what is unhealthy, as all is for a moment that was paused or slept."""
    end = time.monotonic() + seconds
    while any(each.unhealthy for each in docker.containers(project=project)) and time.monotonic() < end:
        time.sleep(0.3)


def logs(project: str, services: Sequence[str], *, follow: bool, tail: str) -> Iterator[bytes]:
    """Lines of the logs of a compose project, as they come.

    Raises:
        UsageError: `tail` is no number of lines, which compose would take for all.
    """
    if not re.fullmatch("all|[0-9]{1,9}", tail):
        raise UsageError(f"--tail {tail!r} is not a number of lines", hint="such as 100, or all")
    options = ["--no-color", "--tail", tail, *(["--follow"] if follow else [])]
    command = ["docker", "compose", "--project-name", project, "logs", *options, *services]
    # In the user's directory compose would read what an agent may have put there.
    return process.follow(command, cwd=Path("/"))


def _is_well(container: Container) -> bool:
    """Healthy, or a job such as a migration that ended well; compose's --wait takes that for a failure."""
    return container.healthy or container.status.startswith("Exited (0)")


def _logs_of_unwell(found: Iterable[Container]) -> tuple[str, ...]:
    return tuple(line for container in found if not _is_well(container) for line in docker.last_lines(container))


def _run(compose: ComposeProject, arguments: Sequence[str], detail: Callable[[str], None], failure: str) -> None:
    """Run compose, pass on what it prints, and when it fails keep the lines that say why.

    Through our own door, since an interrupt has to end it: python-on-whales lets it run on.
    """
    command, named = _command(compose)
    lines: list[str] = []
    try:
        with closing(process.follow([*command, *arguments], without=named)) as output:
            for line in (data.decode(errors="replace").rstrip() for data in output):
                if line:
                    lines.append(line)
                    detail(line.strip())
    except ToolError as error:
        complaint = "\n".join(lines)
        if known := complaints.known(complaint):
            raise known from error
        if unreadable := _complaints([*command, "config", "--quiet"], without=named):
            raise _unreadable(compose, unreadable) from error
        raise WtError(failure, hint=complaints.unseen(complaint), details=tuple(_telling(lines))) from error


def _command(compose: ComposeProject) -> tuple[list[str], Collection[str]]:
    """The beginning of a command line, and the names of variables that it must not inherit."""
    files = [option for file in compose.files for option in ("--file", str(file))]
    project = ["--project-name", compose.name, "--project-directory", str(compose.directory)]
    options = [*project, "--env-file", str(compose.env_file), *files, "--ansi", "never"]
    # A variable of the same name would win over the file; docker itself can't do without these two.
    named = envfile.read(compose.env_file.read_text(errors="surrogateescape")).keys() - {"PATH", "HOME"}
    return ["docker", "compose", *options], named


def _unreadable(compose: ComposeProject, said: Sequence[str]) -> UsageError:
    names, hint = " and ".join(f".devcontainer/{file.name}" for file in compose.files), "mend what compose names"
    if any(f"failed to read {compose.env_file}:" in line for line in said):
        names = f".devcontainer/{compose.env_file.name}"
        hint = "mend the line of yours that compose names, or remove the file: `wt prepare` makes it again"
    return UsageError(f"docker compose can't read {names}", hint=hint, details=tuple(said[-8:]))


def _complaints(command: Sequence[str], *, without: Collection[str]) -> tuple[str, ...]:
    """What a program says that fails; nothing where it doesn't."""
    lines: list[str] = []
    try:
        lines += (data.decode(errors="replace").strip() for data in process.follow(command, without=without))
    except ToolError as error:
        return tuple(lines) or (error.message,)
    return ()


def _telling(lines: Sequence[str]) -> list[str]:
    """The last step's lines of a build, or the last lines of anything else."""
    steps = [match[1] for line in lines if (match := re.match(r"#(\d+) (?:\d+\.\d+|ERROR)", line))]
    if steps:
        return [line.removeprefix(f"#{steps[-1]} ") for line in lines if line.startswith(f"#{steps[-1]} ")][-12:]
    return [line.strip() for line in lines if not _ROUTINE.match(line)][-8:]
