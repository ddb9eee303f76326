"""Renders the tracked files of a sandbox from `templates/`, and reads back what compose.wt.yml says of itself."""

import json
import re
import string
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from wt import naming
from wt.config import FILE, Config
from wt.errors import Refused, UsageError
from wt.node import PackageManager

TEMPLATES = ("node",)
COMPOSE_WT = "compose.wt.yml"
USER_FILES = (
    "devcontainer.json",
    "docker-compose.yml",
    "Dockerfile",
    "docker-compose.shared.yml",
    "container-prompt.md",
    "wt.toml",
)
IGNORED = (".devcontainer/.env", ".claude-docker/", "node_modules/")
HEADER = "# Written by `wt init`"
_FACTS = "x-wt: "
# What of compose.wt.yml is there for the sake of `docker_api` alone.
_DOCKER_API = re.compile(r" *# docker_api:\n(.*?) *# end of docker_api\n", re.DOTALL)
# Without these the devcontainer is not wt's sandbox.
_SETTINGS = (
    "dockerComposeFile",
    "service",
    "workspaceFolder",
    "remoteUser",
    "updateRemoteUserUID",
    "initializeCommand",
)
# JSON with comments and trailing commas: strings are kept, the rest goes.
_COMMENTS = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_COMMAS = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')
_PLAYWRIGHT = "/home/vscode/.cache/ms-playwright"
_AGENT = "/home/vscode/.claude-docker"


class _Template(string.Template):
    delimiter = "@@"
    idpattern = "(?!)"  # the braced form only: @@{name}
    braceidpattern = "[a-z_]+"


@dataclass(frozen=True)
class Project:
    """What the templates are filled with.

    Attributes:
        repository: its name, for people.
        manager: how dependencies are installed.
        packages: directories that hold a package.json, relative to the workspace.
        protect: further paths that a sandbox can only read.
        hide: directories that a sandbox does not see.
        docker_api: whether it can ask docker of its own containers.
    """

    repository: str
    manager: PackageManager
    packages: tuple[str, ...]
    protect: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    docker_api: bool = True


@dataclass(frozen=True)
class Facts:
    """What compose.wt.yml says of itself.

    Attributes:
        mount_points: as `protect` and `hide`, paths in the workspace that must be there before a start.
        docker_api: None in a file that was written before there was any.
    """

    mount_points: tuple[str, ...]
    protect: tuple[str, ...]
    hide: tuple[str, ...]
    docker_api: bool | None


def render(template: str, project: Project) -> dict[str, str]:
    """The text of every tracked file, by its name below `.devcontainer/`."""
    manager = project.manager
    setup = (
        f"\nRUN npm install --global --force {manager.package} && npm cache clean --force\n" if manager.package else ""
    )
    values = {
        "repository": json.dumps(project.repository)[1:-1],
        "database": naming.slug(project.repository),
        "install": _indent(manager.install, 8).lstrip(),
        "package_manager": setup,
        "user_setup": f"RUN {manager.setup}\n" if manager.setup else "",
    }
    files = {name: _fill(f"{template}/{name}", values) for name in USER_FILES}
    return files | {COMPOSE_WT: compose_wt(project)}


def compose_wt(project: Project) -> str:
    """The text of compose.wt.yml."""
    modules = [_modules(package) for package in project.packages]
    volumes = _volume_names(modules)
    paths = {"mount_points": modules, "protect": list(project.protect), "hide": list(project.hide)}
    facts = {"version": 1, **paths, "docker_api": project.docker_api}
    inside = [_AGENT, _PLAYWRIGHT, project.manager.store, *(f"/app/{path}" for path in modules)]
    values = {
        "facts": _dollars(json.dumps(facts, ensure_ascii=False)),
        "store": project.manager.store,
        "image_mount_points": _indent(_dollars("\n".join(inside)), 10),
        "read_only_mounts": _lines(
            (
                *map(_bind, naming.around((*naming.PROTECTED, *project.protect), project.hide)),
                *map(_read_only, (*naming.PROTECTED, *project.protect)),
            )
        ),
        "hidden": _dollars(json.dumps(project.hide, ensure_ascii=False)).replace("'", "''"),
        "hidden_mounts": _lines(_hidden(path) for path in project.hide),
        "node_modules_mounts": _lines(_volume(path, name) for path, name in volumes.items()),
        "volumes": "\n".join(f"  {name}: {{labels: *labels}}" for name in volumes.values()),
        "guard": _indent(_dollars(_template("guard.pl")), 8).rstrip(),
    }
    return _DOCKER_API.sub(r"\1" if project.docker_api else "", _fill(COMPOSE_WT, values))


def read_facts(text: str) -> Facts:
    """What compose.wt.yml says of itself, without a YAML parser: the line is JSON.

    Raises:
        UsageError: the line is missing or damaged.
    """
    line = next((line for line in text.splitlines() if line.startswith(_FACTS)), "")
    try:
        facts = json.loads(line.removeprefix(_FACTS).replace("$$", "$"))
        points, protect, hide = (tuple(map(str, facts[name])) for name in ("mount_points", "protect", "hide"))
        return Facts(points, protect, hide, facts.get("docker_api"))
    except (ValueError, KeyError, TypeError) as error:
        hint = "wt init --upgrade" if text.startswith(HEADER) else "move it away, then wt init writes it"
        raise UsageError(f".devcontainer/{COMPOSE_WT} was not written by this version of wt", hint=hint) from error


def refuse_stale(facts: Facts, config: Config) -> None:
    """wt.toml counts when compose.wt.yml is rendered; until then it would promise what is not so.

    Raises:
        Refused: it was changed since.
    """
    modules = None if config.node_modules is None else tuple(map(_modules, config.node_modules))
    changed = {
        "protect": config.protect != facts.protect,
        "node_modules": modules not in (None, facts.mount_points),
        # More may be hidden than wt.toml names: see `wt init`.
        "hide": not set(config.hide) <= set(facts.hide),
        "docker_api": facts.docker_api not in (None, config.docker_api),
    }
    if names := [name for name, differs in changed.items() if differs]:
        raise Refused(
            f"{' and '.join(names)} in {FILE} and .devcontainer/{COMPOSE_WT} differ",
            hint="wt init --upgrade writes it again; commit both",
        )


def _modules(package: str) -> str:
    return f"{package}/node_modules".removeprefix("./")


def missing_settings(theirs: str, ours: str) -> tuple[str, ...]:
    """The lines of wt's devcontainer.json that a repository's own lacks; all where that one can't be read."""
    values = _settings(theirs)
    lines = {line.strip().partition(":")[0].strip('"'): line.strip() for line in ours.splitlines()}
    lacking = [lines[key] for key in _SETTINGS if not _serves(key, values.get(key), lines[key])]
    instead = [f'no "{key}": the image comes from compose' for key in ("image", "build", "dockerFile") if key in values]
    return (*lacking, *instead)


def starts_sandbox(devcontainer: str) -> bool:
    """Whether what a devcontainer.json starts is wt's sandbox."""
    values = _settings(devcontainer)
    return values.get("service") == "app" and _serves("dockerComposeFile", values.get("dockerComposeFile"), "")


def _settings(devcontainer: str) -> Mapping[str, object]:
    """What a devcontainer.json says; nothing where it can't be read."""
    try:
        return dict(json.loads(_COMMAS.sub(_kept, _COMMENTS.sub(_kept, devcontainer))))
    except (ValueError, TypeError, RecursionError):
        return {}


def _serves(key: str, value: object, line: str) -> bool:
    """Whether a setting has what wt needs, whatever it has besides."""
    if key == "dockerComposeFile":
        return isinstance(value, list) and any(str(each).rpartition("/")[2] == COMPOSE_WT for each in value)
    if key == "initializeCommand":
        return any(f"{program} prepare" in json.dumps(value) for program in ("wt", "wt-sandbox"))
    return line == f'"{key}": {json.dumps(value)},'


def _kept(match: re.Match[str]) -> str:
    return match[1] or ""


def _fill(name: str, values: Mapping[str, str]) -> str:
    return _Template(_template(name)).substitute(values)


def _template(name: str) -> str:
    return resources.files("wt").joinpath("templates", name).read_text(encoding="utf-8")


def _volume_names(paths: Sequence[str]) -> dict[str, str]:
    """A compose volume for each directory; two whose slugs are equal are told apart by their hash."""
    names: dict[str, str] = {}
    for path in paths:
        package = path.removesuffix("node_modules").strip("/")
        name = f"node-modules-{naming.slug(package)}" if package else "node-modules"
        names[path] = f"{name}-{naming.digest(path, length=4)}" if name in names.values() else name
    return names


def _read_only(path: str) -> str:
    return _bind(path, "read_only: true, ")


def _bind(path: str, options: str = "") -> str:
    workspace = "${LOCAL_WORKSPACE_FOLDER:-/run-wt-prepare-first}"
    source, target = f'"{workspace}/{_literal(path)}"', f'"/app/{_literal(path)}"'
    return f"- {{type: bind, source: {source}, target: {target}, {options}bind: {{create_host_path: false}}}}"


def _hidden(path: str) -> str:
    return f'- {{type: tmpfs, target: "/app/{_literal(path)}", read_only: true, tmpfs: {{size: 4096}}}}'


def _volume(path: str, name: str) -> str:
    return f'- {{type: volume, source: {name}, target: "/app/{_literal(path)}"}}'


def _literal(path: str) -> str:
    """A path inside a YAML scalar in double quotes, as in JSON."""
    return _dollars(json.dumps(path, ensure_ascii=False)[1:-1])


def _dollars(text: str) -> str:
    """Text that compose reads as it is, where it would put in variables."""
    return text.replace("$", "$$")


def _lines(items: Iterable[str]) -> str:
    return _indent("\n".join(items), 6)


def _indent(text: str, columns: int) -> str:
    return textwrap.indent(text, " " * columns)
