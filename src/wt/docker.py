"""What wt asks of docker: one `docker ps` on hot paths, python-on-whales off them."""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wt import complaints, naming, process, versions
from wt.errors import EngineError, TimedOut, ToolError
from wt.model import Container

if TYPE_CHECKING:
    from python_on_whales import DockerClient

SERVICE = "app"
READY_FILE = "/tmp/.wt-dependencies"  # noqa: S108 - in the sandbox, whose start command removes it first
# Exit code of a shell that finds no such program, and of docker too.
NOT_THERE = 127
PROJECT = "com.docker.compose.project"
# On what compose made a container for; an image's labels, which all of its containers have, lack it.
NUMBER = "com.docker.compose.container-number"
# Where what wt asks runs: /app may be a directory that is gone from the host.
_EXEC = ("docker", "exec", "--workdir=/")
_EXEC_MARK = "WT_EXEC"
# proc(5): what is behind the last bracket of `stat` is state and parent; what docker exec starts has none in here.
_PROCESSES = f"""
for process in /proc/[0-9]*; do
  read -r stat <"$process/stat" || continue
  [ "${{process#/proc/}}" = $$ ] && ask=ask || ask=
  tr '\\0' '\\n' <"$process/environ" | grep -q '^{_EXEC_MARK}=' && mark=mark || mark=
  printf '%s\\t%s\\t%s\\t%s\\n' "$ask" "$mark" "$stat" "$(head -c 300 "$process/cmdline" | tr '\\0\\n' '  ')"
done 2>/dev/null
:
"""
_PROCESS = re.compile(r"(?P<ask>ask|)\t(?P<mark>mark|)\t(?P<pid>\d+) \(.*\) [^Z] (?P<parent>\d+) [^\t]*\t(?P<line>.*)")
_HINT = "`docker info` says how its engine is"
# Seconds that an engine may take for what it knows by heart, and bytes that a sandbox may answer.
_PATIENCE = 30
_MOST = 4 * 1024**2
_UPLOAD_PACK = ("git", "-c", "uploadpack.allowAnySHA1InWant=true", "upload-pack", "--strict", "/wt/repo.git")

_FIELDS = {
    "id": ".ID",
    "name": ".Names",
    "state": ".State",
    "status": ".Status",
    "networks": ".Networks",
    "image": ".Image",
    "project": f'(.Label "{PROJECT}")',
    "worktree": f'(.Label "{naming.LABEL_WORKTREE}")',
    "config": f'(.Label "{naming.LABEL_CONFIG}")',
    "hidden": f'(.Label "{naming.LABEL_HIDDEN}")',
    "repository": f'(.Label "{naming.LABEL_REPOSITORY}")',
}
# Neither what a user runs of a sandbox's image, which has the image's labels, nor `docker compose run` is the service.
_IS_SERVICE = f'(and (.Label "{NUMBER}") (ne (.Label "com.docker.compose.oneoff") "True"))'
_FIELDS["service"] = f'(and {_IS_SERVICE} (.Label "com.docker.compose.service"))'
_ROW = "{" + ",".join(f'"{name}":{{{{json {field}}}}}' for name, field in _FIELDS.items()) + "}"


def containers(*, project: str | None = None) -> tuple[Container, ...]:
    """Every container of the engine, or of one compose project, running or not; a single call.

    Raises:
        EngineError: the engine can't be reached.
        ToolError: docker is not installed, or failed.
    """
    chosen = ("--filter", f"label={PROJECT}={project}") if project else ()
    answer = _docker("ps", "--all", "--no-trunc", *chosen, "--format", _ROW, seconds=_PATIENCE)
    rows = [json.loads(line) for line in answer.text.splitlines() if line]
    return tuple(
        Container(
            **row
            | {
                "networks": tuple(row["networks"].split(",")),
                "service": row["service"] or "",
                "hidden": _paths(row["hidden"]),
            }
        )
        for row in rows
    )


def _paths(label: str) -> tuple[str, ...]:
    """What the label of hidden directories says; nothing where somebody else has one of that name."""
    try:
        found = json.loads(label or "[]")
    except (ValueError, RecursionError):
        return ()
    return tuple(map(str, found)) if isinstance(found, list) else ()


def network_driver(name: str) -> str | None:
    """The driver of the network of that name, None when there is no such network."""
    answer = process.run(["docker", "network", "inspect", "--format", "{{.Driver}}", name], check=False)
    if answer.code != 0 and "not found" in answer.complaint.lower():
        return None
    _raise_for(answer, "network inspect")
    return answer.text.strip()


def astray(found: Iterable[Container]) -> tuple[Container, ...]:
    """Those on a network that is gone: docker never starts them again, though one of the same name be there."""
    # A network that a running container is on can't be removed.
    resting = {each.id: each for each in found if not each.alive}
    if not resting:
        return ()
    networks = "{{range .NetworkSettings.Networks}} {{.NetworkID}}{{end}}"
    joined = process.run(["docker", "inspect", "--format", f"{{{{.Id}}}}{networks}", *resting], check=False).text
    known = set(_docker("network", "ls", "--quiet", "--no-trunc").text.split())
    rows = [line.split() for line in joined.splitlines()]
    return tuple(resting[row[0]] for row in rows if row and row[0] in resting and set(row[1:]) - known)


def create_network(name: str, labels: dict[str, str]) -> None:
    """Make a bridge network that several compose projects may join; one that exists by now is as good."""
    with _client() as docker:
        try:
            docker.network.create(name, labels=labels)
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


def stop(project: str) -> None:
    """Stop the services of a project."""

    def alive() -> list[str]:
        return [container.id for container in containers(project=project) if container.alive and container.service]

    if found := alive():
        with _client() as docker:
            docker.container.stop(found, time=10)
        # What the engine lists is a copy that follows in its own time (moby: daemon/monitor.go).
        for pause in (0.05, 0.1, 0.2, 0.4, 0.8):
            if not alive():
                break
            time.sleep(pause)


def resume(project: str) -> None:
    """Let the paused containers of a project go on: compose can't start them."""
    paused = [container.id for container in containers(project=project) if container.paused]
    if paused:
        with _client() as docker:
            docker.container.unpause(paused)


def remove_project(project: str, *, volumes: bool = True, images: bool = True) -> None:
    """Remove what carries a compose project's label: containers, networks, and if wanted volumes and images.

    By label and not through compose, so that no file of the worktree is needed. What has a name of its own stays.
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
    chosen: list[tuple[Literal["label"], str]] = [("label", f"{PROJECT}={project}")]
    # What a user runs of a sandbox's image has the image's labels, but no number of compose's.
    made = f'{{{{.ID}}}} {{{{.Label "{NUMBER}"}}}} {{{{.Label "{naming.LABEL_ROLE}"}}}}'
    listed = _docker("ps", "--all", "--no-trunc", f"--filter=label={PROJECT}={project}", "--format", made).text
    rows = [line.split(" ") for line in listed.splitlines()]
    found = [container for container, number, role in rows if number or role in naming.PASSING]
    with _client() as docker:
        if found:
            docker.container.remove(found, force=True, volumes=True)
        if networks := [each for each in docker.network.list(filters=chosen) if naming.is_own(project, each.name)]:
            docker.network.remove([*networks])
        named = docker.volume.list(filters=chosen) if volumes else []
        if own := [each for each in named if naming.is_own(project, each.name)]:
            docker.volume.remove([*own])
        seen = docker.image.list(filters=chosen) if images else []
        if ours := [name for each in seen if (name := own_image(each.id, each.repo_tags, each.config.labels or {}))]:
            docker.image.remove(ours, force=True)


def own_image(image: str, names: Sequence[str] | None, labels: Mapping[str, str]) -> str | None:
    """What to remove an image by that compose built; None for what the user made of one, which has its labels too."""
    ours = f"{labels.get(PROJECT)}-{labels.get('com.docker.compose.service')}:latest"
    return ours if ours in (names or ()) else None if names or NUMBER in labels else image


def remove(kind: str, name: str, *, running: bool = False) -> None:
    """Remove a container, network, volume or image; a missing one is fine.

    Args:
        kind: which of the four.
        name: its id or name.
        running: stop it first.

    Raises:
        ToolError: docker refused.
    """
    if running:
        process.run(["docker", "stop", "-t", "10", name], check=False)
    options = ("--force", "--volumes") if kind == "container" else ()
    for pause in (0.2, 1, 3, 0):
        answer = process.run(["docker", kind, "rm", *options, name], check=False)
        said = answer.complaint.lower()
        # By itself, or by somebody else.
        if "is already in progress" not in said:
            break
        time.sleep(pause)
    if answer.code != 0 and not any(sign in said for sign in ("no such", "not found")):
        _raise_for(answer, f"{kind} rm")


def exec_command(container: Container, command: Sequence[str], *, workdir: str, terminal: bool, mark: str) -> list[str]:
    """The command line that runs `command` in a container on our own standard streams."""
    options = ["--interactive", *(["--tty"] if terminal else []), "--env", f"{_EXEC_MARK}={mark}", "--workdir", workdir]
    # The shell says in one line, and by the usual code, what is missing; docker's codes depend on its version.
    return ["docker", "exec", *options, container.id, "sh", "-c", 'exec "$@"', "sh", *command]


def if_there(command: Sequence[str]) -> list[str]:
    """`command` for a container, silent and with NOT_THERE where the program is missing."""
    return ["sh", "-c", f'command -v "$1" >/dev/null || exit {NOT_THERE}; exec "$@"', "sh", *command]


def has_program(container: Container, program: str) -> bool:
    """Whether there is a program of that name, or at that path, in a running container."""
    line = ["docker", "exec", container.id, "sh", "-c", 'command -v "$1"', "sh", program]
    return process.run(line, check=False, max_output=_MOST).code == 0


def processes(container: Container) -> tuple[str, ...]:
    """Command lines of what somebody runs in a container by `wt exec` or `docker exec`, as an editor does.

    What its own command has started does not count. The sandbox answers: the agent, which is the same user there, can
    give a wrong answer, or none.

    Raises:
        ToolError: there was no answer.
    """
    answer = process.run([*_EXEC, container.id, "sh", "-c", _PROCESSES], seconds=_PATIENCE, max_output=_MOST)
    found: dict[str, re.Match[str]] = {}
    for line in answer.stdout.decode(errors="replace").split("\n"):
        if match := _PROCESS.fullmatch(line):
            found.setdefault(match["pid"], match)
    ours = {pid for pid, match in found.items() if match["ask"]}
    theirs = {pid for pid, match in found.items() if match["mark"] or (match["parent"] == "0" and pid != "1")}
    return tuple(found[pid]["line"].strip() for pid in found if pid in theirs - ours)


def signal_command(container: Container, mark: str) -> list[str]:
    """The command line that, with a signal's number behind it, signals all that an `exec_command` started.

    `docker exec` itself hands no signal on; what it started is known by its environment.
    """
    script = (
        'found=; for process in /proc/[0-9]*; do if tr "\\0" "\\n" <"$process/environ" 2>/dev/null | grep -qx "$1"; '
        'then kill -s "$2" "${process#/proc/}" 2>/dev/null && found=1; fi; done; [ -n "$found" ]'
    )
    return [*_EXEC, container.id, "sh", "-c", script, "sh", f"{_EXEC_MARK}={mark}"]


def upload_pack_running(container: Container) -> list[str]:
    """The command line that serves a running sandbox's commits on its standard streams."""
    return [*_EXEC, "--interactive", container.id, *_UPLOAD_PACK]


def upload_pack_stopped(image: str, repository: Path, objects: Path, user: tuple[int, int]) -> list[str]:
    """The command line that serves them from a throw-away container, which sees nothing else."""
    mounts = ((repository, "/wt/repo.git"), (objects, "/wt/objects"))
    bound = [f'--mount=type=bind,"source={_csv(str(source))}",target={target},readonly' for source, target in mounts]
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
    return ["docker", "run", *flags, *limits, *bound, f"--entrypoint={program}", image, *arguments]


def image_exists(image: str) -> bool:
    """Whether the engine has the image."""
    return process.run(["docker", "image", "inspect", "--format", "{{.Id}}", image], check=False).code == 0


def wait_for_dependencies(container: Container, *, seconds: int) -> str:
    """Wait until the start command has installed the dependencies; its exit code as text.

    Raises:
        ToolError: it took longer, or the sandbox stopped.
    """
    script = f"until [ -s {READY_FILE} ]; do sleep 0.2; done; head -c 8 {READY_FILE}"
    return process.run([*_EXEC, container.id, "sh", "-c", script], seconds=seconds, max_output=_MOST).text.strip()


def linger(container: Container) -> None:
    """Give the command that a container just started time to end, if it can't run: more on a slow machine."""
    if process.run([*_EXEC, container.id, "sleep", "0.3"], check=False, max_output=_MOST).code != 0:
        # It is ending, which an engine says a little later.
        with suppress(TimedOut):
            process.run(["docker", "wait", container.id], seconds=3)


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
        yield DockerClient(client_call=process.out_of_reach("docker"))
    except DockerException as error:
        complaint = (error.stderr or error.stdout or str(error)).strip()
        last = complaint.splitlines()[-1] if complaint else "no message"
        raise complaints.known(complaint) or ToolError(f"docker failed: {last}", hint=_HINT) from error


def ask(*arguments: str, lenient: bool = False) -> str:
    """What a docker command prints; `lenient`, even where it failed for a part of what it was asked.

    Raises:
        ToolError: docker failed.
    """
    if lenient:
        return process.run(["docker", *arguments], check=False).text
    return _docker(*arguments).text


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
        raise known or ToolError(f"docker {verb} failed: {answer.complaint}", hint=_HINT)


def _csv(value: str) -> str:
    return value.replace('"', '""')
