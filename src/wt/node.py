"""What a Node.js project says of itself: its package manager and its workspaces."""

import fnmatch
import functools
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wt import hostile, sources
from wt.errors import Refused, UsageError

VERSION_FILES = (".nvmrc", ".node-version")
_VERSION = re.compile(r"\d{1,4}(\.\d{1,6}){0,2}(-[0-9A-Za-z.]{1,20})?")
# Directories in the path of a workspace, characters in the name of one, and entries that are looked at for all.
_PATIENT_DEPTH = 6
_MAX_NAME = 255
_MAX_ENTRIES = 200_000
_NO_WORKSPACES = {"node_modules", ".git"}


@dataclass(frozen=True)
class PackageManager:
    """How dependencies are installed.

    Attributes:
        name: npm, pnpm or yarn.
        package: what npm installs globally to get it, empty for npm itself.
        setup: shell command that the sandbox's user runs once, in the image; empty for none.
        install: shell command that installs what the lock file says and changes no tracked file.
        store: where it keeps downloaded packages, in the sandbox.
    """

    name: str
    package: str
    setup: str
    install: str
    store: str


def package_manager(root: Path) -> PackageManager:
    """The package manager of the project at `root`, recognised by its lock file; npm without one."""
    version = _pinned_version(root)
    if _is_file(root, "pnpm-lock.yaml"):
        store = "/home/vscode/.local/share/pnpm/store"
        # Left alone, pnpm makes a store in the workspace, since that lies on another file system.
        setup = f"pnpm config set --global store-dir {store}"
        return PackageManager(
            "pnpm", f"pnpm@{version or 'latest'}", setup, "CI=true pnpm install --frozen-lockfile", store
        )
    if _is_file(root, "yarn.lock"):
        if b"# yarn lockfile v1" in (hostile.read(root, "yarn.lock") or b"")[:400]:
            package, store = f"yarn@{version or '1'}", "/home/vscode/.cache/yarn"
            return PackageManager("yarn", package, "", "yarn install --frozen-lockfile", store)
        package = f"@yarnpkg/cli-dist@{version or 'latest'}"
        return PackageManager("yarn", package, "", "yarn install --immutable", "/home/vscode/.yarn/berry")
    store = "/home/vscode/.npm"
    lock = next((name for name in ("package-lock.json", "npm-shrinkwrap.json") if _is_file(root, name)), None)
    if lock is None:
        return PackageManager("npm", "", "", "npm install --no-audit --no-fund --no-package-lock", store)
    # `npm ci` starts from nothing each time: only when the lock file is another than the one installed.
    installed = f"cmp -s {lock} node_modules/.wt-installed"
    install = f"{installed} ||\n  {{ npm ci --no-audit --no-fund && cp {lock} node_modules/.wt-installed; }}"
    return PackageManager("npm", "", "", install, store)


def package_directories(root: Path) -> tuple[str, ...]:
    """The directories of the root package (`.`) and of every workspace, relative to `root`, sorted.

    Raises:
        UsageError: a file that says which these are can't be read, or it would take too long to look for them.
    """
    found, excluded, search = {"."}, set[str](), _Search(root)
    for pattern in _workspace_patterns(root):
        target = excluded if pattern.startswith("!") else found
        places = search.matching(pattern.lstrip("!").strip("/"))
        target.update(place for place in places if hostile.kind(root, f"{place}/package.json") is not None)
    return tuple(sorted(path for path in found - excluded if path.isprintable()))


class _Search:
    """Directories below `root` by patterns, which are an agent's: no symlink is followed, and it ends."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.left = _MAX_ENTRIES

    def matching(self, pattern: str) -> set[str]:
        parts = PurePosixPath(pattern).parts
        if ".." in parts or len(parts) > 2 * _PATIENT_DEPTH or any(len(part) > _MAX_NAME for part in parts):
            return set()
        places = {"."}
        for part in parts:
            inner = self._below if part == "**" else functools.partial(self._called, part)
            places = {each for place in places for each in inner(place)}
        return {str(PurePosixPath(place)) for place in places}

    def _called(self, part: str, place: str) -> list[str]:
        if any(sign in part for sign in "*?["):
            return [f"{place}/{name}" for name in self._in(place) if fnmatch.fnmatchcase(name, part)]
        self._pay(1)
        inner = f"{place}/{part}"
        fits = _may_hold(place) and part not in _NO_WORKSPACES
        return [inner] if fits and hostile.is_directory(self.root, inner) else []

    def _below(self, place: str) -> Iterator[str]:
        pending = [place]
        while pending:
            yield (current := pending.pop())
            pending += [f"{current}/{name}" for name in self._in(current)]

    def _in(self, place: str) -> list[str]:
        """Names of the directories in one, none where a workspace can't be."""
        try:
            entries = hostile.entries(self.root, place, limit=self.left + 1) if _may_hold(place) else []
        except (FileNotFoundError, Refused):
            entries = []
        self._pay(1 + len(entries))
        return [name for name, kind in entries if kind == stat.S_IFDIR and name not in _NO_WORKSPACES]

    def _pay(self, price: int) -> None:
        self.left -= price
        if self.left < 0:
            raise UsageError(
                "there is too much to look through for the workspaces that package.json or pnpm-workspace.yaml names",
                hint="list their directories as node_modules in .devcontainer/wt.toml",
            )


def _may_hold(place: str) -> bool:
    """Whether a workspace in there would not be too deep."""
    return place.count("/") < _PATIENT_DEPTH


def _workspace_patterns(root: Path) -> list[str]:
    text = hostile.read(root, "pnpm-workspace.yaml")
    if text is not None:
        try:
            data = sources.read(os.fsdecode(text))
        except ValueError as error:
            raise UsageError(f"pnpm-workspace.yaml is not valid YAML: {error}", hint="mend it, or remove it") from error
        declared = data.get("packages") if isinstance(data, dict) else None
    else:
        declared = _manifest(root).get("workspaces")
        if isinstance(declared, dict):
            declared = declared.get("packages")
    patterns = declared if isinstance(declared, list) else []
    return [pattern for pattern in patterns if isinstance(pattern, str) and pattern.strip("!./")]


def _pinned_version(root: Path) -> str | None:
    """The version of the `packageManager` field, such as `pnpm@10.12.4+sha512...`."""
    field = _manifest(root).get("packageManager")
    version = field.partition("@")[2].partition("+")[0] if isinstance(field, str) else ""
    return version if _VERSION.fullmatch(version) else None


def _manifest(root: Path) -> dict[str, object]:
    try:
        data = json.loads(hostile.read(root, "package.json") or b"{}")
    except (ValueError, RecursionError) as error:
        why = "it is not UTF-8" if isinstance(error, UnicodeError) else error
        raise UsageError(f"package.json can't be read: {why}", hint="mend it: it has to be valid JSON") from error
    return data if isinstance(data, dict) else {}


def _is_file(root: Path, name: str) -> bool:
    return hostile.kind(root, name) == stat.S_IFREG
