"""`.devcontainer/wt.toml` into one frozen Config."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath

from wt import hostile
from wt.errors import UsageError

FILE = ".devcontainer/wt.toml"
_SIZE = re.compile(r"[1-9][0-9]*[kmg]", re.IGNORECASE)
_OWN_NETWORKS = ("host", "none", "bridge", "default")
_NETWORK = re.compile(rf"(?!(?:{'|'.join(_OWN_NETWORKS)})$)[A-Za-z0-9][A-Za-z0-9_.-]*")
_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}


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
        return int(self.max_size[:-1]) * _UNITS[self.max_size[-1].lower()]


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
    """

    network: str = "dev"
    worktree_dir: str = "{parent}/{repository}-{name}"
    ca_bundle: str = ""
    node_modules: tuple[str, ...] | None = None
    protect: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    shared: Shared = Shared()
    limits: Limits = Limits()
    import_: Import = Import()


_SECTIONS = {"shared": Shared, "limits": Limits, "import": Import}
_PATH_LISTS = {"node_modules", "protect", "hide"}


def load(root: Path) -> Config:
    """The configuration of the worktree at `root`; the defaults where it has none.

    Raises:
        UsageError: with the file, the key and what it may be.
        Refused: it is a symlink or no regular file.
    """
    content = hostile.read(root, FILE)
    if content is None:
        return Config()
    try:
        return parse(tomllib.loads(content.decode()))
    except UnicodeDecodeError as error:
        raise UsageError(f"{FILE} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{FILE} is not valid TOML: {error}") from error


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
            raise UsageError(f"{FILE}: {name} must be a table: [{name}]")
        defaults = {field.name: getattr(kind(), field.name) for field in fields(kind)}
        sections["import_" if name == "import" else name] = kind(**_checked(section, defaults, f"{name}."))
    known = {field.name: getattr(Config(), field.name) for field in fields(Config)}
    top = {name: value for name, value in known.items() if name.removesuffix("_") not in _SECTIONS}
    config = Config(**_checked(values, top, ""), **sections)  # type: ignore[arg-type]
    for name, size in (
        ("limits.memory", config.limits.memory),
        ("limits.tmp", config.limits.tmp),
        ("import.max_size", config.import_.max_size),
    ):
        if not _SIZE.fullmatch(size):
            raise UsageError(
                f'{FILE}: {name} = "{size}" is not a size', hint='write a number and k, m or g, such as "8g"'
            )
    if not _NETWORK.fullmatch(config.network):
        raise UsageError(
            f'{FILE}: network = "{config.network}" is not the name of a network that wt can make',
            hint=f"letters, digits, _ . and -; not {', '.join(_OWN_NETWORKS)}, which are docker's own",
        )
    if "/" in config.shared.file or config.shared.file in {"", ".", ".."}:
        raise UsageError(f'{FILE}: shared.file = "{config.shared.file}" is not the name of a file in .devcontainer')
    return config


def ca_bundle(config: Config, root: Path) -> Path | None:
    """The file of certificate authorities for this machine, None when none is set.

    Raises:
        UsageError: it does not exist.
    """
    wanted = os.environ.get("WT_CA_BUNDLE") or config.ca_bundle
    if not wanted:
        return None
    path = root / Path(wanted).expanduser()
    if not path.is_file():
        source = "WT_CA_BUNDLE" if os.environ.get("WT_CA_BUNDLE") else f"{FILE}: ca_bundle"
        raise UsageError(f"{source} names {path}, which is not a file")
    return path.resolve()


def _checked(values: Mapping[str, object], defaults: Mapping[str, object], prefix: str) -> dict[str, object]:
    checked: dict[str, object] = {}
    for key, value in values.items():
        if key not in defaults:
            near = difflib.get_close_matches(key, list(defaults), n=1)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"there are: {', '.join(sorted(defaults))}"
            raise UsageError(f"{FILE}: {prefix}{key} is not known", hint=hint)
        checked[key] = _value(f"{prefix}{key}", value, defaults[key])
    return checked


def _value(key: str, value: object, default: object) -> object:
    if key in _PATH_LISTS:
        if isinstance(value, list) and all(isinstance(item, str) and _inside(item) for item in value):
            return tuple(str(PurePosixPath(item)) for item in value)
        raise UsageError(f"{FILE}: {key} must be a list of paths inside the repository", hint='such as ["packages/a"]')
    if isinstance(default, int):
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        raise UsageError(f"{FILE}: {key} must be a number above 0")
    if isinstance(value, str) and (value or not default):
        return value
    raise UsageError(f"{FILE}: {key} must be text in quotes")


def _inside(path: str) -> bool:
    return bool(path) and not path.startswith("/") and ".." not in Path(path).parts and path.isprintable()
