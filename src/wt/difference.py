"""In what two commits of the host's repository differ, and what is in the files concerned."""

import os
from collections.abc import Iterable
from contextlib import closing

from wt import git, process
from wt.errors import ToolError
from wt.gate import Change
from wt.model import Repository

# Files and directories of a commit, bytes of all their paths, bytes of one and directories in it. A few objects can
# name any number of them.
_MAX_FILES = 2_000_000
_MAX_NAMES = 256 * 1024 * 1024
_MAX_PATH = 4_096
_MAX_DEPTH = 256
# Bytes of a file that is looked into, and of all together.
_MAX_BLOB = 8 * 1024 * 1024
_MAX_BLOBS = 64 * 1024 * 1024
_SECONDS = 120
# Known to git in every repository, by the length of its object names.
_EMPTY_TREES = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}


def between(repository: Repository, old: str | None, new: str) -> tuple[Change, ...]:
    """Every path at which two commits differ; without an old one, every path of the new.

    What a `.gitmodules` tells git to ignore counts, too.
    """
    options = ("-r", "-z", "--no-renames", "--no-abbrev", "--no-ext-diff", "--ignore-submodules=none")
    trees = (old or _EMPTY_TREES[len(new)], new)
    fields = git.run(repository, "diff-tree", *options, *trees, "--", seconds=_SECONDS).text.split("\0")
    return tuple(_change(entry, path) for entry, path in zip(fields[::2], fields[1::2], strict=False))


def names(repository: Repository, commit: str, *, limit: int = _MAX_FILES) -> tuple[str, ...] | None:
    """Every path of a commit, None when there is more than can be looked at."""
    listing = ("ls-tree", "-r", "--name-only", "--full-tree")
    # The first one for its lines, which can be counted as they come; directories too, which can be many and empty.
    command = [*git.SAFE, "-c", "core.quotePath=false", f"--git-dir={repository.common_dir}", *listing, "-t", commit]
    with closing(process.follow(command, cwd=repository.common_dir)) as lines:
        total = 0
        for number, line in enumerate(lines, 1):
            total += len(line)
            if number > limit or total > _MAX_NAMES or len(line) > _MAX_PATH or line.count(b"/") > _MAX_DEPTH:
                return None
    return tuple(git.run(repository, *listing, "-z", commit, seconds=_SECONDS).text.split("\0")[:-1])


def contents(repository: Repository, blobs: Iterable[str]) -> dict[str, str]:
    """What is in these blobs, but for those that are too large; the smallest first, while there is room for all."""
    sizes = []
    for line in _batch(repository, "--batch-check", blobs).decode().splitlines():
        oid, kind, *more = line.split(" ")
        if kind != "blob":
            raise ToolError(f"git has no file {oid}", hint="`git fsck` says what is damaged")
        sizes.append((int(more[0]), oid))
    small, total = [], 0
    for size, oid in sorted(sizes):
        total += size
        if size <= _MAX_BLOB and total <= _MAX_BLOBS:
            small.append((size, oid))
    output = _batch(repository, "--batch", [oid for _, oid in small])
    found, at = {}, 0
    for size, oid in small:
        # git-cat-file(1): `<oid> <type> <size>\n<contents>\n`
        start = output.index(b"\n", at) + 1
        found[oid] = os.fsdecode(output[start : start + size])
        at = start + size + 1
    return found


def _batch(repository: Repository, mode: str, blobs: Iterable[str]) -> bytes:
    stdin = "".join(f"{oid}\n" for oid in blobs).encode()
    return git.run(repository, "cat-file", mode, stdin=stdin, seconds=_SECONDS).stdout if stdin else b""


def _change(entry: str, path: str) -> Change:
    """As git-diff-tree(1) has it: `:<old mode> <new mode> <old> <new> <status>`, zeros for what is not there."""
    old_mode, new_mode, old, new, _ = entry.removeprefix(":").split(" ")
    return Change(path, *(each if each.strip("0") else None for each in (old_mode, new_mode, old, new)))
