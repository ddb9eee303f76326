"""Whether another branch has what a branch has, be it as other commits."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

from wt import git, process
from wt.errors import TooMuch, WtError
from wt.model import Repository

# Of the other branch, the newest commits since the two parted.
SEARCHED = 5_000
# A file with more than this counts as a whole, and no line of one is longer.
_LARGE = "4m"
# For all of the look, and bytes of each git that looks: a few trees can name any number of files.
SECONDS = 60
_MAX_MEMORY = 1024**3
_PATCH = (
    "--patch",
    "--unified=3",
    "--inter-hunk-context=0",
    "--full-index",
    "--no-color",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=none",
    "--submodule=short",
)
_COMMIT = "wt-commit "


def is_merged(repository: Repository, tip: str, into: str, *, seconds: float = SECONDS) -> bool:
    """Whether the commit `into` has all that `tip` has: its commits, its changes, or exactly its files.

    Its changes are there when each of its commits was picked or rebased, or all were squashed to one. Two commits have
    the same changes when their patches are equal but for line numbers. What takes longer than `seconds`, or too much
    memory, or what git can't tell, is not merged.
    """
    try:
        return _has(repository, tip, into, time.monotonic() + seconds)
    except WtError:
        return False


def _has(repository: Repository, tip: str, into: str, end: float) -> bool:
    """As `is_merged`.

    Raises:
        WtError: that can't be told, such as by the moment `end`.
    """

    def asked(*arguments: str, check: bool = True) -> str:
        limits = {"seconds": end - time.monotonic(), "max_memory": _MAX_MEMORY}
        return git.run(repository, *arguments, check=check, **limits).text

    base = asked("merge-base", into, tip, check=False).split("\n")[0]
    if not base or base == tip:
        return base == tip
    trees = [asked("rev-parse", f"{each}^{{tree}}").strip() for each in (tip, base)]
    newest = ("log", f"--max-count={SEARCHED}", "--format=%T", f"{base}..{into}")
    if trees[0] != trees[1] and trees[0] in asked(*newest).split():
        return True
    there = Counter(_changes(repository, "log", f"--max-count={SEARCHED}", f"{base}..{into}", end=end))
    whole = Counter(_changes(repository, "diff", base, tip, end=end))
    if whole and whole <= there:
        return True
    has_merges = asked("rev-list", "--count", "--merges", f"{base}..{tip}").strip() != "0"
    single = Counter(_changes(repository, "log", f"{base}..{tip}", end=end))
    return bool(single) and not has_merges and single <= there


def _changes(repository: Repository, verb: str, *arguments: str, end: float) -> Iterator[str]:
    """A hash of what each commit of a range changes, or of one difference; merges, and those without any, left out.

    git-patch-id(1) would take patches that differ in white space, or in a binary file, for equal.

    Raises:
        WtError: git failed, by the moment `end` or by its limit of memory too, or a line is too long to be looked at.
    """
    options = ("--no-merges", f"--format={_COMMIT}%H") if verb == "log" else ()
    # Then an empty line is never part of a patch.
    settings = ("-c", f"core.bigFileThreshold={_LARGE}", "-c", "diff.suppressBlankEmpty=false")
    command = [*git.SAFE, *settings, f"--git-dir={repository.common_dir}", verb, *options, *_PATCH, *arguments, "--"]
    total, index, empty = hashlib.sha256(), b"", True
    where = repository.common_dir  # of a directory that holds it, git would take files for settings
    left = end - time.monotonic()
    with closing(process.follow(command, cwd=where, seconds=left, max_memory=_MAX_MEMORY)) as lines:
        for line in lines:
            if not line.endswith(b"\n"):  # a path without end
                raise TooMuch("a line of a patch is too long")
            if line.startswith(_COMMIT.encode()):
                if not empty:
                    yield total.hexdigest()
                total, empty = hashlib.sha256(), True
            elif line.startswith(b"index "):
                index = line
            elif line.startswith(b"@@ "):
                total.update(b"@@\n")
            elif line != b"\n":
                # The names of the contents are all that is said of a binary file.
                total.update(index + line if line.startswith(b"Binary files ") else line)
                empty = False
    if not empty:
        yield total.hexdigest()
