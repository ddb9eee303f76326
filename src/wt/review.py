"""What a commit brings that programs on a host run, or are led by; pure.

Meant for eyes: who looks for a way around these lists finds one, since any file of a project can be run.
"""

import fnmatch
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from wt import gate
from wt.gate import Change, Concern
from wt.model import Worktree

# By the name of a directory on the way, or of the file itself; in any case.
FOLDERS = {
    ".devcontainer": "configures the sandbox; an editor runs its initializeCommand on the host",
    ".vscode": "an editor runs its tasks and follows its settings",
    ".idea": "an editor runs its configurations",
    ".zed": "an editor runs its tasks and follows its settings",
    ".husky": "git hooks",
    ".githooks": "git hooks",
    ".claude": "an agent on the host runs its hooks and follows its settings",
    ".cursor": "an agent on the host follows it",
    ".windsurf": "an agent on the host follows it",
    ".gemini": "an agent on the host follows it",
    ".codex": "an agent on the host follows it",
    ".opencode": "an agent on the host follows it",
    ".kiro": "an agent on the host follows it",
    ".roo": "an agent on the host follows it",
    ".github/workflows": "CI runs it",
    ".github/actions": "CI runs it",
    ".circleci": "CI runs it",
    ".buildkite": "CI runs it",
    ".forgejo": "CI runs it",
    ".gitea": "CI runs it",
    ".woodpecker": "CI runs it",
    ".yarn": "yarn runs its releases and plugins",
    ".cargo": "cargo runs what it names",
    ".mvn": "Maven runs it",
    ".mise": "mise runs it",
    "gradle/wrapper": "Gradle runs it",
}
FILES = {
    ".envrc": "direnv runs it",
    ".env": "compose and others take their settings from it",
    ".mise.toml": "mise runs it",
    "mise.toml": "mise runs it",
    ".mise.*.toml": "mise runs it",
    "mise.*.toml": "mise runs it",
    ".devcontainer.json": "configures the sandbox; an editor runs its initializeCommand on the host",
    "*.code-workspace": "an editor runs its tasks and follows its settings",
    ".nvim.lua": "an editor runs it",
    ".nvimrc": "an editor runs it",
    ".exrc": "an editor runs it",
    ".dir-locals.el": "an editor runs it",
    "agents.md": "an agent on the host follows it",
    "claude*.md": "an agent on the host follows it",
    "gemini.md": "an agent on the host follows it",
    "copilot-instructions.md": "an agent on the host follows it",
    ".cursorrules": "an agent on the host follows it",
    ".windsurfrules": "an agent on the host follows it",
    ".mcp.json": "an agent on the host starts its servers",
    ".gitattributes": "chooses filters, diff and merge drivers of git",
    ".lfsconfig": "says where git-lfs sends to and fetches from",
    ".npmrc": "says where packages come from, and what runs with them",
    ".yarnrc": "says where packages come from, and what runs with them",
    ".yarnrc.yml": "says where packages come from, and what runs with them",
    "pnpm-workspace.yaml": "says where packages come from, and what runs with them",
    ".pnpmfile.*": "pnpm runs it",
    "bunfig.toml": "says where packages come from, and what runs with them",
    "pip.conf": "says where packages come from",
    ".pre-commit-config.yaml": "git hooks",
    "prek.toml": "git hooks",
    "lefthook*.y*ml": "git hooks",
    "lefthook*.toml": "git hooks",
    "lefthook*.json": "git hooks",
    ".lefthook*.y*ml": "git hooks",
    ".lefthook*.toml": "git hooks",
    ".lefthook*.json": "git hooks",
    ".lintstagedrc*": "git hooks",
    ".gitlab-ci.yml": "CI runs it",
    ".travis.yml": "CI runs it",
    "azure-pipelines.yml": "CI runs it",
    ".woodpecker.y*ml": "CI runs it",
    "action.y*ml": "CI runs it",
    "jenkinsfile": "CI runs it",
    "makefile": "make runs it",
    "gnumakefile": "make runs it",
    "*.mk": "make runs it",
    "justfile": "just runs it",
    ".justfile": "just runs it",
    "*.just": "just runs it",
    "taskfile.y*ml": "task runs it",
    "rakefile": "rake runs it",
    "cmakelists.txt": "cmake runs it",
    "build.gradle*": "Gradle runs it",
    "settings.gradle*": "Gradle runs it",
    "gradlew*": "Gradle runs it",
    "pom.xml": "Maven runs it",
    "mvnw*": "Maven runs it",
    "nx.json": "Nx runs what it names",
    "turbo.json": "Turborepo runs what it names",
    "devbox.json": "devbox runs it",
    "flake.nix": "nix runs it",
    "shell.nix": "nix runs it",
    "default.nix": "nix runs it",
    "build.rs": "cargo runs it",
    "conftest.py": "pytest runs it",
    "noxfile.py": "nox runs it",
    "tox.ini": "tox runs it",
    "setup.py": "pip runs it",
    "pyproject.toml": "says what builds it, where packages come from, and what tools run",
    "dockerfile*": "docker builds it",
    "*.dockerfile": "docker builds it",
    "containerfile*": "docker builds it",
    "docker-bake*.hcl": "docker builds it",
    "compose*.y*ml": "compose starts it",
    "docker-compose*.y*ml": "compose starts it",
    "*.config.[cm]js": "a tool, or an editor's extension, runs it",
    "*.config.[cm]ts": "a tool, or an editor's extension, runs it",
    "*.config.[jt]s": "a tool, or an editor's extension, runs it",
    ".*rc.[cm]js": "a tool, or an editor's extension, runs it",
    ".*rc.js": "a tool, or an editor's extension, runs it",
    ".eslintrc*": "a tool, or an editor's extension, runs it",
    ".prettierrc*": "a tool, or an editor's extension, runs it",
    ".babelrc*": "a tool, or an editor's extension, runs it",
    ".mocharc.*": "a tool, or an editor's extension, runs it",
}
# Looked into: what became of which entry, and which hosts it did not fetch from before.
PACKAGE = "package.json"
ENTRIES = (
    "scripts",
    "bin",
    "packageManager",
    "workspaces",
    "pnpm",
    "husky",
    "gitHooks",
    "simple-git-hooks",
    "lint-staged",
    "pre-commit",
    "trustedDependencies",
    "wireit",
    "eslintConfig",
    "prettier",
    "babel",
    "jest",
)
DEPENDENCIES = (
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
    "overrides",
    "resolutions",
)
LOCKS = (
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "uv.lock",
    "poetry.lock",
    "Cargo.lock",
    "Gemfile.lock",
)
EXECUTABLE = "is executable now"
UNREADABLE = "can't be read as JSON"
TOO_LARGE = "too large to be looked at"

_PROGRAM = "100755"
_LOCK_NAMES = {name.casefold() for name in LOCKS}
# An address with a host, and the short form that ssh takes.
_HOST = re.compile(r"://(?:[^/\s\"'@]*@)?([^/\s\"'<>?#)\\,]+)|\bgit@([\w.-]+):", re.IGNORECASE)
# What lock files say for people alone, but where packages are listed: one may be called so.
_PROSE = {"funding", "deprecated", "homepage"}
_PROSE_LINE = re.compile(rf"\s*(?:{'|'.join(sorted(_PROSE))}):\s*[\w'\"]")
_BY_PACKAGE = {"packages", "requires", *DEPENDENCIES}
# Ranges of versions and what is in the same repository; all else comes from elsewhere than the registry.
_FROM_ELSEWHERE = re.compile(r"(?!workspace:|catalog:).*[:/]", re.DOTALL)
_MAX_JSON = 4 * 1024 * 1024
_SHOWN = 60


@dataclass(frozen=True)
class Review:
    """What a worktree's branch brings.

    Attributes:
        worktree: whose commits they are.
        tip: the commit that was looked at, None when there is none.
        since: the commit that it is compared with, None when there is none.
        commits: how many there are since.
        files: how many files they change.
        refused: what keeps the branch from moving until the tip is accepted.
        runs: what programs on the host run, or are led by.
        nested: repositories in the worktree's files, in which git runs what their configuration says.
        whole: whether all of the worktree's files were searched for such repositories.
    """

    worktree: Worktree
    tip: str | None
    since: str | None
    commits: int
    files: int
    refused: tuple[Concern, ...]
    runs: tuple[Concern, ...]
    nested: tuple[str, ...]
    whole: bool


def wanted(changes: Iterable[Change]) -> frozenset[str]:
    """Object names of the contents that `runs` looks into."""
    looked_into = [each for each in changes if _name(each.path) in {PACKAGE, *_LOCK_NAMES} and each.new]
    files = [pair for each in looked_into for pair in ((each.old_mode, each.old), (each.new_mode, each.new))]
    return frozenset(oid for mode, oid in files if oid and mode != gate.GITLINK)


def runs(changes: Iterable[Change], contents: Mapping[str, str]) -> tuple[Concern, ...]:
    """What programs on a host run or are led by, with what changed.

    Args:
        changes: from the commit that the host has to the one that is brought.
        contents: of the blobs that `wanted` names; one that is missing was too large.
    """
    return tuple(Concern(each.path, reason) for each in changes for reason in _reasons(each, contents))


def _reasons(change: Change, contents: Mapping[str, str]) -> Iterator[str]:
    name = _name(change.path)
    if change.new_mode == gate.GITLINK:
        return
    if name == PACKAGE and change.new:
        try:
            yield from list(_entries(change, contents))
        except RecursionError:
            yield UNREADABLE
    elif name in _LOCK_NAMES and change.new:
        yield from _new_hosts(change, contents)
    elif why := _why(change.path, name):
        yield f"{_how(change)}; {why}"
    if change.new_mode == _PROGRAM and change.old_mode not in {None, _PROGRAM}:
        yield EXECUTABLE


def _why(path: str, name: str) -> str | None:
    around = f"/{gate.plain(path)}/"
    folder = next((why for folder, why in FOLDERS.items() if f"/{folder}/" in around), None)
    if folder or not _any_file().match(name):
        return folder
    return next(why for pattern, why in FILES.items() if fnmatch.fnmatchcase(name, pattern))


@functools.cache
def _any_file() -> re.Pattern[str]:
    """Not made at every start of the program."""
    return re.compile("|".join(map(fnmatch.translate, FILES)))


def _how(change: Change) -> str:
    if change.new is None:
        return "removed"
    how = "new" if change.old is None else "changed"
    return f"{how}, a symlink" if change.new_mode == gate.SYMLINK else how


def _entries(change: Change, contents: Mapping[str, str]) -> Iterator[str]:
    """What became of the entries that a package manager runs, or fetches from elsewhere than its registry."""
    before, after = (_package(contents.get(oid or "")) for oid in (change.old, change.new))
    if after is None:
        yield UNREADABLE
        return
    before = before or {}
    for section in ENTRIES:
        yield from _differences(section, before.get(section), after.get(section))
    for section in DEPENDENCIES:
        then, now = (_mapping(each.get(section)) for each in (before, after))
        elsewhere = {key: value for key, value in now.items() if _FROM_ELSEWHERE.match(_text(value))}
        yield from (f"{section}.{key}: {_short(elsewhere[key])}" for key in elsewhere if then.get(key) != now[key])


def _differences(section: str, then: object, now: object) -> Iterator[str]:
    """One line for each entry of a section that differs, or for all of it when it is no object."""
    if not isinstance(now, dict) and not isinstance(then, dict):
        then, now = {section: then} if then else {}, {section: now} if now else {}
        prefix = ""
    else:
        then, now, prefix = _mapping(then), _mapping(now), f"{section}."
    for key in [*now, *(key for key in then if key not in now)]:
        if then.get(key) != now.get(key):
            yield f"{prefix}{key}: {_short(now[key]) if key in now else 'removed'}"


def _package(text: str | None) -> dict[str, object] | None:
    data = _json(text or "")
    return data if isinstance(data, dict) else None


def _json(text: str) -> object:
    """What a text says as JSON; None where it is none, too large or too deep."""
    try:
        return json.loads(text) if len(text) <= _MAX_JSON else None
    except (ValueError, RecursionError):
        return None


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _new_hosts(change: Change, contents: Mapping[str, str]) -> Iterator[str]:
    """Hosts that a lock file fetches from, and did not before."""
    text = contents.get(change.new or "")
    if text is None:
        yield TOO_LARGE
        return
    if fresh := sorted(_hosts(text) - _hosts(contents.get(change.old or "") or "")):
        yield f"fetches from {', '.join(fresh[:3])}{f' and {len(fresh) - 3} more' if len(fresh) > 3 else ''}"


def _hosts(text: str) -> set[str]:
    data = _json(text) if text[:1] == "{" else None
    lines = text.split("\n") if data is None else _strings(data)
    told = (line for line in lines if data is not None or not _PROSE_LINE.match(line))
    return {(match[1] or match[2]).lower() for line in told for match in _HOST.finditer(line)}


def _strings(data: object) -> Iterator[str]:
    """Every string of a document but for what is prose."""
    pending: list[tuple[str, object]] = [("", data)]
    while pending:
        place, value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from value
            pending += [each for each in value.items() if place in _BY_PACKAGE or each[0] not in _PROSE]
        elif isinstance(value, list):
            pending += [(place, each) for each in value]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(value: object) -> str:
    text = _text(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _name(path: str) -> str:
    return gate.plain(path.rpartition("/")[2])
