"""`.devcontainer/wt.toml` into one frozen Config."""

import difflib
import json
import os
import re
import string
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath

from wt import hostile, naming
from wt.errors import Refused, UsageError

FILE = ".devcontainer/wt.toml"
_SIZE = re.compile(r"[1-9][0-9]*[kmg]", re.IGNORECASE)
_VERSION = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){2}")
# Words without quotes, variables or operators: no shell reads them.
_COMMAND = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./@%:=,+-]*(?: +[A-Za-z0-9_./@%:=,+-]+)*")
_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}
_MAX_FILE = 1024**2
# What the kernel, docker and git take.
_NUMBERS = {"limits.pids": 4_194_304, "shared.wait": 86_400, "import.seconds": 86_400}
_SIZES = {"limits.memory": "6m", "limits.tmp": "1m", "import.max_size": "1k"}
_MAX_SIZE = "1048576g"
_NETWORK = re.compile(r"(?!(?:host|none|bridge|default)$)[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_PLACEHOLDERS = ("parent", "repository", "name")
# What wt or git mounts there itself; a volume covers each node_modules.
_TAKEN = {".git", ".devcontainer", ".vscode", ".idea", ".claude-docker"}


@dataclass(frozen=True)
class Shared:
    """`[shared]`: the compose file of the shared services, and how long they may take to become healthy (s)."""

    file: str = "docker-compose.shared.yml"
    wait: int = 120


@dataclass(frozen=True)
class Limits:
    """`[limits]`: what one sandbox may use at most."""

    memory: str = "8g"
    pids: int = 4096
    tmp: str = "1g"


@dataclass(frozen=True)
class Import:
    """`[import]`: the largest file that an import may write, and how long it may take (s)."""

    max_size: str = "2g"
    seconds: int = 300

    @property
    def max_bytes(self) -> int:
        return _bytes(self.max_size)


@dataclass(frozen=True)
class Agent:
    """`[agent]`: the program that `wt agent` runs, and the version of Claude Code in the image; empty for none."""

    command: str = "claude"
    version: str = "2.1.330"


@dataclass(frozen=True)
class Allow:
    """`[allow]`: what compose files may weaken, by the names that a refusal prints; see `weakness`."""

    privileged: tuple[str, ...] = ()
    docker_socket: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """What a repository says in wt.toml; every key is optional.

    Attributes:
        network: the docker network that sandboxes and shared services meet on.
        worktree_dir: where `wt new` puts a worktree; placeholders {parent}, {repository}, {name}.
        ca_bundle: file with further certificate authorities (PEM) for the sandbox; `WT_CA_BUNDLE` goes before it.
        node_modules: directories that hold a package.json; None finds them by the package manager's workspaces.
        protect: further paths of the workspace that a sandbox can only read.
        hide: directories of the workspace that a sandbox does not see, such as one that holds other worktrees.
        docker_api: whether it can ask docker what its own containers and the shared services are, and what they say.
    """

    network: str = "dev"
    worktree_dir: str = "{parent}/{repository}-{name}"
    ca_bundle: str = ""
    node_modules: tuple[str, ...] | None = None
    protect: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    docker_api: bool = True
    shared: Shared = Shared()
    limits: Limits = Limits()
    import_: Import = Import()
    agent: Agent = Agent()
    allow: Allow = Allow()


_SECTIONS = {"shared": Shared, "limits": Limits, "import": Import, "agent": Agent, "allow": Allow}
_PATH_LISTS = {"node_modules", "protect", "hide"}


def load(root: Path) -> Config:
    """The configuration of the worktree at `root`; the defaults where it has none.

    Raises:
        UsageError: with the file, the key and what it may be.
        Refused: it is a symlink or no regular file.
    """
    content = hostile.read(root, FILE, limit=_MAX_FILE)
    if content is None:
        return Config()
    try:
        data = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UsageError(f"{FILE} is not UTF-8, on line {line}", hint="save it as UTF-8") from error
    except (ValueError, RecursionError) as error:
        # Numbers of thousands of digits are a ValueError, too.
        raise UsageError(f"{FILE} is not valid TOML: {error}", hint="mend that line, or remove the file") from error
    return parse(data)


def parse(data: Mapping[str, object]) -> Config:
    """A Config from what the TOML file holds.

    Raises:
        UsageError: a key is unknown, or its value isn't allowed.
    """
    values = dict(data)
    sections: dict[str, object] = {}
    for name, kind in _SECTIONS.items():
        section = values.pop(name, {})
        if not isinstance(section, Mapping):
            hint = f"write [{name}] on a line of its own, and its keys below it"
            raise UsageError(f"{FILE}: {name} must be a table, [{name}], not {_shown(section)}", hint=hint)
        defaults = {field.name: getattr(kind(), field.name) for field in fields(kind)}
        sections["import_" if name == "import" else name] = kind(**_checked(section, defaults, f"{name}."))
    known = {field.name: getattr(Config(), field.name) for field in fields(Config)}
    top = {name: value for name, value in known.items() if name.removesuffix("_") not in _SECTIONS}
    return Config(**_checked(values, top, ""), **sections)  # type: ignore[arg-type]


def ca_bundle(config: Config, root: Path) -> Path | None:
    """The file of certificate authorities for this machine, None when none is set.

    Raises:
        UsageError: it does not exist, can't be read, or holds no certificate.
        Refused: it lies where the sandbox writes, or in the worktree and is a symlink or behind one.
    """
    wanted = os.environ.get("WT_CA_BUNDLE") or config.ca_bundle
    if not wanted:
        return None
    path = Path(os.path.normpath(root / os.path.expanduser(wanted)))  # noqa: PTH111 - fails where there is no such user
    source = "WT_CA_BUNDLE" if os.environ.get("WT_CA_BUNDLE") else f"{FILE}: ca_bundle"
    hint = "it is a PEM file of certificate authorities"
    try:
        if not path.is_file():
            raise UsageError(f"{source} names {path}, which is not a file", hint=hint)
        # An agent may have put a link to a file of the host into its worktree.
        real = path.parent.resolve() / path.name
        below = next(
            (each.relative_to(top) for each, top in ((path, root), (real, root.resolve())) if each.is_relative_to(top)),
            None,
        )
        content = hostile.read(root, str(below)) if below else path.read_bytes()
    except OSError as error:
        raise UsageError(f"{source} names {path}, which can't be read: {error.strerror}", hint=hint) from error
    if b"-----BEGIN CERTIFICATE-----" not in (content or b""):
        raise UsageError(f"{source} names {path}, which holds no certificate", hint=hint)
    if below and not naming.lies_in(below, (".devcontainer", *config.protect)):
        raise Refused(
            f"{source} names {path}, which the sandbox could replace by a link to a file of yours",
            hint="put it into .devcontainer, or name it in protect",
        )
    return path.resolve()


def _checked(values: Mapping[str, object], defaults: Mapping[str, object], prefix: str) -> dict[str, object]:
    checked: dict[str, object] = {}
    for key, value in values.items():
        if key not in defaults:
            known = {name: f"{prefix}{name}" for name in defaults} | ({} if prefix else _below_sections())
            near = difflib.get_close_matches(key, list(known), n=1)
            hint = f"did you mean {known[near[0]]}?" if near else f"there are: {', '.join(sorted(known.values()))}"
            raise UsageError(f"{FILE}: {prefix}{key} is not known", hint=hint)
        checked[key] = _value(f"{prefix}{key}", value, defaults[key])
    return checked


def _below_sections() -> dict[str, str]:
    """What a key at the top may have been meant for."""
    keys = {field.name: f"{name}.{field.name}" for name, kind in _SECTIONS.items() for field in fields(kind)}
    return keys | {name: f"[{name}]" for name in _SECTIONS}


def _value(key: str, value: object, default: object) -> object:
    """The value as it is used, once it is one of those that the key allows."""
    fits, allowed = _rule(key, default)
    if not fits(value):
        hint = f"left out, it is {_shown(default)}" if default is not None else None
        raise UsageError(f"{FILE}: {key} must be {allowed}, not {_shown(value)}", hint=hint)
    if isinstance(value, list):
        return tuple(dict.fromkeys(str(PurePosixPath(item)) for item in value) if key in _PATH_LISTS else value)
    return value


def _rule(key: str, default: object) -> tuple[Callable[[object], bool], str]:
    """Whether a value is allowed, and which ones are."""
    if key in _PATH_LISTS:
        paths = 'a list of paths inside the repository, such as ["packages/a"], none of which wt mounts itself'
        return lambda value: _is_list(value, lambda item: _inside(item, key)), paths
    if isinstance(default, tuple):
        names = 'a list of names in quotes, such as ["app"], as a refusal prints them'
        return lambda value: _is_list(value, lambda item: bool(item) and item.isprintable()), names
    if isinstance(default, bool):
        return lambda value: isinstance(value, bool), "true or false"
    if isinstance(default, int):
        most = _NUMBERS.get(key, 2**31 - 1)
        return lambda value: type(value) is int and 0 < value <= most, f"a number from 1 to {most}"
    if key in _SIZES:
        least = _SIZES[key]
        sizes = f'a number and k, m or g in quotes, such as "8g", from "{least}" to "{_MAX_SIZE}"'
        return lambda value: isinstance(value, str) and _is_size(value, least), sizes
    fits, texts = _TEXTS.get(key, (bool, "text in quotes"))
    return lambda value: isinstance(value, str) and value.isprintable() and bool(fits(value)), texts


def _is_list(value: object, fits: Callable[[str], bool]) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and fits(item) for item in value)


def _is_pattern(text: str) -> bool:
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return False
    names = [name for _, name, _, _ in parts if name is not None]
    plain = not any(spec or conversion for _, _, spec, conversion in parts)
    # Worktrees are looked for beside each other.
    path = PurePosixPath(text)
    last = "{name}" in path.name and "{name}" not in str(path.parent)
    return plain and last and set(names) <= set(_PLACEHOLDERS)


_TEXTS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "network": (_NETWORK.fullmatch, "the name of a docker network of your own in quotes: letters, digits, _, . and -"),
    "worktree_dir": (
        _is_pattern,
        "a path in quotes with {name} in its last part alone, and perhaps {parent} and {repository}",
    ),
    "ca_bundle": (lambda _: True, "the path of a PEM file in quotes"),
    "shared.file": (
        lambda text: "/" not in text and text not in {"", ".", ".."},
        "the name of a file in .devcontainer, in quotes",
    ),
    "agent.command": (_COMMAND.fullmatch, 'a program with plain arguments in quotes, such as "claude --model opus"'),
    "agent.version": (
        lambda text: not text or _VERSION.fullmatch(text),
        f'a version in quotes, such as "{Agent.version}", or "" for no agent in the image',
    ),
}


def _is_size(text: str, least: str) -> bool:
    return len(text) < 30 and bool(_SIZE.fullmatch(text)) and _bytes(least) <= _bytes(text) <= _bytes(_MAX_SIZE)


def _bytes(size: str) -> int:
    return int(size[:-1]) * _UNITS[size[-1].lower()]


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _inside(path: str, key: str) -> bool:
    parts = PurePosixPath(path).parts
    if not path or path.startswith("/") or ".." in parts or not path.isprintable():
        return False
    if {part.lower() for part in parts} & {"node_modules"} or any(part.lower() in _TAKEN for part in parts[:1]):
        return False
    return bool(parts) or key == "node_modules"
