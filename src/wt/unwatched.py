"""What `git status` is silent about: files it was told not to look at, repositories among others, inner worktrees."""

import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from wt import git, hostile, naming
from wt.errors import WtError
from wt.model import Worktree

# What `git ls-files -v --stage -z` says of a file that is skip-worktree (S), assume-unchanged (lower case), or both.
_MARKED = re.compile(rb"(?:^|\0)(?:S|[a-z]) ((?!160000)\d+ [0-9a-f]+ \d\t([^\0]+))")

_MAX_MADE, _MAX_POINTER = 200, 4_096


def changed(worktree: Worktree, *, seconds: float) -> tuple[str, ...]:
    """Paths that are marked skip-worktree or assume-unchanged and differ from the host's index.

    Of a sparse checkout, what is not there is no change.

    Args:
        worktree: whose they are.
        seconds: time limit of each look at files.
    """
    listed = git.run_in(worktree, "ls-files", "-v", "--stage", "-z").stdout
    there = [entry for entry, path in _MARKED.findall(listed) if os.path.lexists(worktree.path / os.fsdecode(path))]
    if not there:
        return ()
    with tempfile.TemporaryDirectory() as place:
        # An index of these alone, in which nothing is marked.
        env = {"GIT_INDEX_FILE": str(Path(place, "index"))}
        told = ("-c", "core.ignoreStat=false", "update-index")
        git.run_in(worktree, *told, "-z", "--index-info", env=env, stdin=b"".join(entry + b"\0" for entry in there))
        # It ends with 1 where something differs.
        git.run_in(worktree, *told, "-q", "--refresh", env=env, check=False, seconds=seconds)
        arguments = ("diff-files", "--name-only", "-z", "--ignore-submodules=all", "--no-ext-diff", "--no-renames")
        found = git.run_in(worktree, *arguments, env=env, seconds=seconds).stdout
    return tuple(os.fsdecode(path) for path in found.split(b"\0") if path)


def repositories(worktree: Worktree) -> tuple[str, ...]:
    """Directories that have a `.git` of their own and files that the host's index has: git passes over the former."""
    listed = git.run_in(worktree, "ls-files", "--cached", "-z").stdout
    places: set[str] = set()
    for file in listed.split(b"\0"):
        place = os.fsdecode(file)
        while (place := place.rpartition("/")[0]) and place not in places:
            places.add(place)
    return tuple(sorted(each for each in places if not hostile.is_absent(worktree.path, f"{each}/.git")))


def made_inside(worktree: Worktree) -> tuple[str, ...]:
    """Paths of worktrees that were made inside; of those that lie in this one, the ones that are still there.

    A private repository that was put aside has some, too, as long as they are there: the worktree outlasts it.
    """
    known, whole = _entries(naming.private_repo(worktree))
    if not whole:
        return (f"more than {_MAX_MADE} of them",)
    found = list(_there(worktree, known))
    for root in _put_aside(worktree):
        # It is the agent's, and stays for ever: what can't be read, and what is elsewhere, is no reason to wait for.
        with suppress(WtError):
            found += [each for each in _there(worktree, _entries(root)[0]) if not each.startswith("/")]
    return tuple(dict.fromkeys(found))


def _put_aside(worktree: Worktree) -> list[Path]:
    aside = naming.state_dir(worktree.repository) / naming.ASIDE
    if not aside.is_dir():
        return []
    return [each / "repo.git" for each in sorted(aside.iterdir()) if each.name.rpartition(".")[0] == worktree.id]


def _entries(root: Path) -> tuple[list[PurePosixPath], bool]:
    """Where the worktrees of a private repository have their `.git`, as a sandbox sees it; whether these are all."""
    try:
        admin = hostile.entries(root, "worktrees", limit=_MAX_MADE + 1)
    except FileNotFoundError:
        return [], True
    found = []
    for name in (name for name, kind in admin[:_MAX_MADE] if kind == stat.S_IFDIR):
        text = os.fsdecode(hostile.read(root, f"worktrees/{name}/gitdir", limit=_MAX_POINTER) or b"").rstrip("\n")
        dot_git = PurePosixPath(os.path.normpath(PurePosixPath(naming.REPOSITORY_INSIDE, "worktrees", name, text)))
        found += [dot_git] if dot_git.name == ".git" and "\0" not in text else []
    return found, len(admin) <= _MAX_MADE


def _there(worktree: Worktree, known: Iterable[PurePosixPath]) -> Iterator[str]:
    """The directories of those that are still there, relative to the worktree where they lie in it."""
    for dot_git in known:
        if not dot_git.is_relative_to(naming.WORKSPACE_INSIDE):
            yield str(dot_git.parent)
            continue
        place = dot_git.relative_to(naming.WORKSPACE_INSIDE).parent
        # The worktree's own `.git` is no other one's.
        if place != PurePosixPath() and not hostile.is_absent(worktree.path, f"{place}/.git"):
            yield str(place)
