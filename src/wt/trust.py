"""Which versions of `.devcontainer` the user has approved: what configures a sandbox runs on the host, too."""

import hashlib
import itertools
import json
import stat
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from functools import cached_property
from pathlib import Path

from wt import hostile, naming, texts
from wt.errors import Refused
from wt.model import Repository, Worktree

DIRECTORY = ".devcontainer"
# Without it a `.devcontainer` is not one of wt's.
_INITIALISED = f"{DIRECTORY}/compose.wt.yml"
# wt writes it, and a temporary file beside it.
_OWN = ".env"
_MAX_FILES = 2_000
_MAX_BYTES = 64 * 1024**2
# Longer files are known by their hash alone.
_MAX_TEXT = 64 * 1024
# More than anybody reads, of a difference.
_MAX_LINES = 20_000


@dataclass(frozen=True)
class Entry:
    """One file.

    Attributes:
        kind: file, program (it may be run) or symlink.
        digest: hash of its content, or of the symlink's target.
        text: the same, None where it is no text or a long one.
    """

    kind: str
    digest: str
    text: str | None


@dataclass(frozen=True)
class Version:
    """What a `.devcontainer` holds, by paths relative to it."""

    entries: Mapping[str, Entry]

    @cached_property
    def content(self) -> bytes:
        """All of it, as it is kept."""
        return json.dumps({path: astuple(each) for path, each in self.entries.items()}, sort_keys=True).encode()

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def look(root: Path) -> Version:
    """What the `.devcontainer` of a worktree holds, `.env` left out.

    Raises:
        Refused: it can't be told: there is a device or the like in it, a symlink that leaves it, or too much.
    """
    entries, left = {}, _MAX_BYTES
    for path, kind in hostile.below(root, DIRECTORY, limit=_MAX_FILES):
        name = path.removeprefix(f"{DIRECTORY}/")
        if name == _OWN or hostile.is_left_of(_OWN, name):
            continue
        if kind == stat.S_IFLNK:
            entries[name] = _entry("symlink", _inner_target(root, path))
        elif kind == stat.S_IFREG:
            content = hostile.read(root, path) or b""
            left -= len(content)
            entries[name] = _entry("program" if hostile.is_executable(root, path) else "file", content)
        else:
            raise Refused(f"{root / path} is neither a file nor a symlink", hint="remove it and try again")
        if left < 0:
            most = f"{root / DIRECTORY} holds more than {_MAX_BYTES // 1024**2} MiB"
            raise Refused(most, hint="keep what is large elsewhere")
    return Version(entries)


def _inner_target(root: Path, path: str) -> bytes:
    """What a symlink leads to is part of the version; what lies outside is not, and a sandbox may have written it."""
    target = hostile.target(root, path)
    names = [*path.split("/")[1:-1]]
    for name in target.split("/"):
        if name == ".." and names:
            names.pop()
        elif target.startswith("/") or name == "..":
            raise Refused(
                f"{root / path} is a symlink that leaves {DIRECTORY}", hint="put what it leads to in its place"
            )
        elif name not in {"", "."}:
            names.append(name)
    return target.encode(errors="surrogateescape")


def _entry(kind: str, content: bytes) -> Entry:
    try:
        text = content.decode() if len(content) <= _MAX_TEXT and b"\0" not in content else None
    except UnicodeDecodeError:
        text = None
    return Entry(kind, hashlib.sha256(content).hexdigest(), text)


def is_trusted(repository: Repository, version: Version) -> bool:
    """Whether the user has approved it, in whatever worktree."""
    return not version.entries or (_place(repository) / version.digest).is_file()


def record(repository: Repository, version: Version) -> None:
    """Approve a version, beside those that are approved already: branches may differ."""
    hostile.make_directory(naming.state_dir(repository), naming.TRUST)
    hostile.write(_place(repository), version.digest, version.content, mode=0o644)


def first_use(tree: Worktree) -> Path | None:
    """Where nothing was approved yet, approve what is checked out; whose that is, None when there was something.

    The main checkout's, if wt was initialised there: the first worktree may be on a branch of somebody else's.
    """
    if known(tree.repository):
        return None
    main = tree.repository.main_checkout
    root = main if main and hostile.kind(main, _INITIALISED) == stat.S_IFREG else tree.path
    record(tree.repository, look(root))
    return root


def known(repository: Repository) -> tuple[Version, ...]:
    """The versions that were approved, the newest first."""
    place = _place(repository)
    # What another wt is writing begins with a dot.
    files = [path for path in place.iterdir() if path.name[0] != "." and path.is_file()] if place.is_dir() else []
    found = sorted(files, key=lambda path: -path.stat().st_mtime_ns)
    return tuple(version for path in found if (version := _read(path)) is not None)


def _read(path: Path) -> Version | None:
    """A version that was kept; None where that is damaged: then nothing says that it was approved."""
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != path.name:
        return None
    return Version({name: Entry(*each) for name, each in json.loads(content).items()})


def _place(repository: Repository) -> Path:
    return naming.state_dir(repository) / naming.TRUST


def difference(repository: Repository, version: Version) -> tuple[str, ...]:
    """How it differs from that approved version which is closest: what became of each file, then a unified diff.

    What is too long to be read is cut, and said to be.
    """
    closest = min(known(repository), key=lambda each: len(_differing(each, version)), default=Version({}))
    names = _differing(closest, version)
    lines = [f"{_became(closest.entries.get(name), version.entries.get(name))}: {name}" for name in names]
    comparison = texts.Comparison(context=2)
    differing = (line for name in names for line in _diff(name, closest, version, comparison))
    lines += itertools.islice(differing, _MAX_LINES)
    if next(differing, None) is not None:
        lines.append(f"what differs beyond these lines is not shown: read it in {DIRECTORY}")
    return tuple(lines)


def _differing(old: Version, new: Version) -> list[str]:
    return sorted(name for name in {*old.entries, *new.entries} if old.entries.get(name) != new.entries.get(name))


def _became(old: Entry | None, new: Entry | None) -> str:
    if old is None or new is None:
        return "new" if new else "gone"
    return f"a {new.kind} now" if old.kind != new.kind else "changed"


def _diff(name: str, old: Version, new: Version, comparison: texts.Comparison) -> Iterator[str]:
    """Line breaks but `\\n` stay in their line, so that a change of these shows, too."""
    before, after = (each.entries.get(name) for each in (old, new))
    if before and after and before.digest == after.digest:
        return
    if any(each is not None and each.text is None for each in (before, after)):
        yield f"{name} is no text, or too long to be shown"
        return
    then, now = (each.text.split("\n") if each and each.text is not None else [] for each in (before, after))
    yield from comparison.unified(name, then, now)
