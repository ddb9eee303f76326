"""What wt asks of docker: one `docker ps` on hot paths, python-on-whales off them."""

import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from wt import complaints, envfile, naming, process, versions
from wt.errors import EngineError, TimedOut, ToolError, UsageError, WtError
from wt.model import ComposeProject, Container

if TYPE_CHECKING:
    from python_on_whales import DockerClient

SERVICE = "app"
READY_FILE = "/tmp/.wt-dependencies"  # noqa: S108 - in the sandbox, emptied at every start
# Exit code of a shell that finds no such program, and of docker too.
NOT_THERE = 127
_PROJECT = "com.docker.compose.project"
_EXEC_MARK = "WT_EXEC"
# Seconds that an engine may take for what it knows by heart.
_PATIENCE = 30
# What compose says of each thing it makes, whether or not it works out.
_ROUTINE = re.compile(r"\s*(Container|Volume|Network|Image) .* (\w+ing|Created|Started|Healthy|Recreated|Stopped)$")
_UPLOAD_PACK = ("git", "-c", "uploadpack.allowAnySHA1InWant=true", "upload-pack", "--strict", "/wt/repo.git")

_FIELDS = {
    "id": ".ID",
    "name": ".Names",
    "state": ".State",
    "status": ".Status",
    "networks": ".Networks",
    "image": ".Image",
    "project": f'(.Label "{_PROJECT}")',
    "service": '(.Label "com.docker.compose.service")',
    "worktree": f'(.Label "{naming.LABEL_WORKTREE}")',
    "config": f'(.Label "{naming.LABEL_CONFIG}")',
    "hidden": f'(.Label "{naming.LABEL_HIDDEN}")',
}
_ROW = "{" + ",".join(f'"{name}":{{{{json {field}}}}}' for name, field in _FIELDS.items()) + "}"


def containers(*, project: str | None = None) -> tuple[Container, ...]:
    """Every container of the engine, or of one compose project, running or not; a single call.

    Raises:
        EngineError: the engine can't be reached.
        ToolError: docker is not installed, or failed.
    """
    chosen = ("--filter", f"label={_PROJECT}={project}") if project else ()
    answer = _docker("ps", "--all", "--no-trunc", *chosen, "--format", _ROW, seconds=_PATIENCE)
    rows = [json.loads(line) for line in answer.text.splitlines() if line]
    return tuple(
        Container(
            **row | {"networks": tuple(row["networks"].split(",")), "hidden": tuple(json.loads(row["hidden"] or "[]"))}
        )
        for row in rows
    )


def network_driver(name: str) -> str | None:
    """The driver of the network of that name, None when there is no such network."""
    answer = process.run(["docker", "network", "inspect", "--format", "{{.Driver}}", name], check=False)
    if answer.code != 0 and "not found" in answer.complaint.lower():
        return None
    _raise_for(answer, "network inspect")
    return answer.text.strip()


def create_network(name: str) -> None:
    """Make a bridge network that several compose projects may join; one that exists by now is as good."""
    with _client() as docker:
        try:
            docker.network.create(name, labels={"wt.role": "shared"})
        except Exception:
            if network_driver(name) is None:
                raise


def remove_network_if_unused(name: str) -> None:
    """Remove a network that no container names, running or not; a missing one is fine."""
    if network_driver(name) is not None and not any(name in each.networks for each in containers()):
        with _client() as docker:
            docker.network.remove([name])


@cache
def require_versions() -> None:
    """Refuse an engine or a compose that is too old; 0.1 s, so only where much more is about to be done.

    Raises:
        ToolError: one of them is too old or missing.
    """
    form = '{{.ServerVersion}}{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}} {{.Version}}{{end}}{{end}}'
    engine, _, plugin = _docker("info", "--format", form).text.strip().partition(" ")
    versions.require("Docker Engine", engine)
    if not plugin:
        raise complaints.no_compose()
    versions.require("Docker Compose", plugin)


def build(compose: ComposeProject, detail: Callable[[str], None]) -> None:
    """Build the images of a project.

    Raises:
        WtError: with the lines of the step that failed.
    """
    require_versions()
    _compose(compose, ["--progress", "plain", "build"], detail, f"the image of {compose.name} does not build")


def up(compose: ComposeProject, detail: Callable[[str], None], *, recreate: bool) -> None:
    """Start a project's containers; those that run with an unchanged configuration are left alone.

    Args:
        compose: the project.
        detail: told each line that compose prints.
        recreate: replace containers whose configuration changed; else they are kept as they are.

    Raises:
        WtError: with what compose said, and the last log lines of what is not well.
    """
    keep = [] if recreate else ["--no-recreate"]
    try:
        _compose(compose, ["up", "--detach", "--no-build", *keep], detail, f"{compose.name} does not start")
    except (UsageError, ToolError):
        raise
    except WtError as error:
        raise WtError(
            error.message, details=error.details + _logs_of_unwell(containers(project=compose.name))
        ) from error


def up_and_wait(
    compose: ComposeProject, services: Collection[str], detail: Callable[[str], None], *, seconds: int, recreate: bool
) -> None:
    """Start a project's containers and wait until every one is healthy, or runs where it has no health check.

    Raises:
        WtError: with the last log lines of what did not become healthy.
    """
    keep = [] if recreate else ["--no-recreate"]
    options = ["--detach", "--wait", "--wait-timeout", str(seconds), *keep]
    require_versions()
    try:
        _compose(compose, ["up", *options], detail, f"the shared services of {compose.name} are not healthy")
    except (UsageError, ToolError):
        raise
    except WtError as error:
        found = containers(project=compose.name)
        if set(services) <= {container.service for container in found if _is_well(container)}:
            return
        hint = "`wt shared logs` shows all they say" if found else None
        raise WtError(error.message, hint=hint, details=error.details + _logs_of_unwell(found)) from error


def stop(project: str) -> None:
    """Stop the running containers of a project."""
    running = [container.id for container in containers(project=project) if container.running]
    if running:
        with _client() as docker:
            docker.container.stop(running, time=10)


def remove_project(project: str, *, volumes: bool = True, images: bool = True) -> None:
    """Remove all that carries a compose project's label: containers, networks, and if wanted volumes and images.

    By label and not through compose, so that no file of the worktree is needed.
    """
    for pause in (0.1, 0.3, 1, 3, None):
        try:
            _remove_project(project, volumes=volumes, images=images)
        except EngineError:
            raise
        except ToolError:
            # The engine may still be at work on something that an interrupted command asked for.
            if pause is None:
                raise
            time.sleep(pause)
        else:
            return


def _remove_project(project: str, *, volumes: bool, images: bool) -> None:
    chosen = {"label": f"{_PROJECT}={project}"}
    found = [container.id for container in containers(project=project)]
    with _client() as docker:
        if found:
            docker.container.remove(found, force=True, volumes=True)
        if networks := docker.network.list(filters=chosen):
            docker.network.remove([network.name for network in networks])
        if volumes and (named := docker.volume.list(filters=chosen)):
            docker.volume.remove([volume.name for volume in named])
        if images and (built := docker.image.list(filters=chosen)):
            docker.image.remove([image.id for image in built], force=True)


def volume_bytes() -> dict[str, int]:
    """Bytes in the volumes of each compose project, as the engine counts them (slow)."""
    answer = _docker("system", "df", "--verbose", "--format", "{{json .Volumes}}")
    sizes: dict[str, int] = {}
    for volume in json.loads(answer.text):
        labels = dict(label.partition("=")[::2] for label in volume["Labels"].split(","))
        if project := labels.get(_PROJECT):
            sizes[project] = sizes.get(project, 0) + _bytes(volume["Size"])
    return sizes


def exec_command(container: Container, command: Sequence[str], *, workdir: str, terminal: bool, mark: str) -> list[str]:
    """The command line that runs `command` in a container on our own standard streams."""
    options = ["--interactive", *(["--tty"] if terminal else []), "--env", f"{_EXEC_MARK}={mark}", "--workdir", workdir]
    return ["docker", "exec", *options, container.id, *command]


def if_there(command: Sequence[str]) -> list[str]:
    """`command` for a container, silent and with NOT_THERE where the program is missing."""
    return ["sh", "-c", f'command -v "$1" >/dev/null || exit {NOT_THERE}; exec "$@"', "sh", *command]


def has_program(container: Container, program: str) -> bool:
    """Whether there is a program of that name, or at that path, in a running container."""
    line = ["docker", "exec", container.id, "sh", "-c", 'command -v "$1"', "sh", program]
    return process.run(line, check=False).code == 0


def signal_command(container: Container, mark: str) -> list[str]:
    """The command line that, with a signal's number behind it, signals all that an `exec_command` started.

    `docker exec` itself hands no signal on; what it started is known by its environment.
    """
    script = (
        'found=; for process in /proc/[0-9]*; do if tr "\\0" "\\n" <"$process/environ" 2>/dev/null | grep -qx "$1"; '
        'then kill -s "$2" "${process#/proc/}" 2>/dev/null && found=1; fi; done; [ -n "$found" ]'
    )
    return ["docker", "exec", container.id, "sh", "-c", script, "sh", f"{_EXEC_MARK}={mark}"]


def upload_pack_running(container: Container) -> list[str]:
    """The command line that serves a running sandbox's commits on its standard streams."""
    return ["docker", "exec", "--interactive", container.id, *_UPLOAD_PACK]


def upload_pack_stopped(image: str, repository: Path, objects: Path, user: tuple[int, int]) -> list[str]:
    """The command line that serves them from a throw-away container, which sees nothing else."""
    mounts = ((repository, "/wt/repo.git"), (objects, "/wt/objects"))
    bound = [f'type=bind,"source={_csv(str(source))}",target={target},readonly' for source, target in mounts]
    flags = [
        "--rm",
        "--interactive",
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
    ]
    limits = ["--memory=1g", "--pids-limit=64", f"--user={user[0]}:{user[1]}", "--label=wt.role=import"]
    program, *arguments = _UPLOAD_PACK
    return [
        "docker",
        "run",
        *flags,
        *limits,
        *(f"--mount={bind}" for bind in bound),
        f"--entrypoint={program}",
        image,
        *arguments,
    ]


def image_exists(image: str) -> bool:
    """Whether the engine has the image."""
    return process.run(["docker", "image", "inspect", "--format", "{{.Id}}", image], check=False).code == 0


def wait_for_dependencies(container: Container, *, seconds: int) -> str:
    """Wait until the start command has installed the dependencies; its exit code as text.

    Raises:
        ToolError: it took longer, or the sandbox stopped.
    """
    script = f"until [ -s {READY_FILE} ]; do sleep 0.2; done; cat {READY_FILE}"
    return process.run(["docker", "exec", container.id, "sh", "-c", script], seconds=seconds).text.strip()


def logs_command(project: str, services: Sequence[str], *, follow: bool, tail: str) -> list[str]:
    """The command line that prints the logs of a compose project.

    Raises:
        UsageError: `tail` is no number of lines, which compose would take for all.
    """
    if not re.fullmatch("all|[0-9]{1,9}", tail):
        raise UsageError(f"--tail {tail!r} is not a number of lines", hint="such as 100, or all")
    options = ["--no-color", "--tail", tail, *(["--follow"] if follow else [])]
    return ["docker", "compose", "--project-name", project, "logs", *options, *services]


def _is_well(container: Container) -> bool:
    """Healthy, or a job such as a migration that ended well; compose's --wait takes that for a failure."""
    return container.healthy or container.status.startswith("Exited (0)")


def _logs_of_unwell(found: Iterable[Container]) -> tuple[str, ...]:
    return tuple(line for container in found if not _is_well(container) for line in last_lines(container))


def last_lines(container: Container) -> list[str]:
    """The last five lines that a container said, behind the name of its service."""
    answer = process.run(["docker", "logs", "--tail", "5", container.id], check=False)
    lines = (answer.stdout + answer.stderr).decode(errors="replace").splitlines()
    return [f"{container.service}: {line}" for line in lines[-5:]]


@contextmanager
def _client() -> "Iterator[DockerClient]":
    """python-on-whales; its exceptions don't come out of here."""
    # A module that is interrupted half-way through its import would be of no use for undoing.
    with process.postponed():
        from python_on_whales import DockerClient
        from python_on_whales.exceptions import DockerException

    try:
        yield DockerClient()
    except DockerException as error:
        complaint = (error.stderr or error.stdout or str(error)).strip()
        last = complaint.splitlines()[-1] if complaint else "no message"
        raise complaints.known(complaint) or ToolError(f"docker failed: {last}") from error


def _compose(compose: ComposeProject, arguments: Sequence[str], detail: Callable[[str], None], failure: str) -> None:
    """Run compose, pass on what it prints, and when it fails keep the lines that say why.

    Through our own door, since an interrupt has to end it: python-on-whales lets it run on.
    """
    files = [option for file in compose.files for option in ("--file", str(file))]
    project = ["--project-name", compose.name, "--project-directory", str(compose.directory)]
    options = [*project, "--env-file", str(compose.env_file), *files, "--ansi", "never"]
    command = ["docker", "compose", *options]
    # A variable of the same name would win over the file; docker itself can't do without these two.
    named = envfile.read(compose.env_file.read_text(errors="surrogateescape")).keys() - {"PATH", "HOME"}
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
            names = " and ".join(f".devcontainer/{file.name}" for file in compose.files)
            raise UsageError(f"docker compose can't read {names}", details=unreadable) from error
        raise WtError(failure, hint=complaints.unseen(complaint), details=tuple(_telling(lines))) from error


def _complaints(command: Sequence[str], *, without: Collection[str]) -> tuple[str, ...]:
    """What a program says that fails; nothing where it doesn't."""
    lines: list[str] = []
    try:
        lines += (data.decode(errors="replace").strip() for data in process.follow(command, without=without))
    except ToolError as error:
        return tuple(lines[-8:]) or (error.message,)
    return ()


def _telling(lines: Sequence[str]) -> list[str]:
    """The last step's lines of a build, or the last lines of anything else."""
    steps = [match[1] for line in lines if (match := re.match(r"#(\d+) (?:\d+\.\d+|ERROR)", line))]
    if steps:
        return [line.removeprefix(f"#{steps[-1]} ") for line in lines if line.startswith(f"#{steps[-1]} ")][-12:]
    return [line.strip() for line in lines if not _ROUTINE.match(line)][-8:]


def _docker(*arguments: str, seconds: float | None = None) -> process.Result:
    try:
        answer = process.run(["docker", *arguments], check=False, seconds=seconds)
    except TimedOut as error:
        raise EngineError(
            f"Docker does not answer: {error.message}",
            hint="look after its engine: `docker context ls` shows where it is",
        ) from error
    _raise_for(answer, arguments[0])
    return answer


def _raise_for(answer: process.Result, verb: str) -> None:
    if answer.code != 0:
        known = complaints.known(answer.stderr.decode(errors="replace"))
        raise known or ToolError(f"docker {verb} failed: {answer.complaint}")


def _csv(value: str) -> str:
    return value.replace('"', '""')


def _bytes(text: str) -> int:
    match = re.fullmatch(r"([0-9.]+)([kMGT]?)B", text)
    units = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
    return int(float(match[1]) * units[match[2]]) if match else 0
