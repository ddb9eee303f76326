"""The checkouts of a repository: where they are, what state they are in, and what wt does to them.

A worktree is hostile ground: where one is, and which branch it is on, is read from the repository's own admin
directories, never from the worktree's `.git`.
"""

import os
import re
import shlex
import shutil
import stat
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from wt import complaints, errors, git, headless, hostile, naming, process, unwatched
from wt.errors import Refused, UsageError, WtError
from wt.model import Repository, Worktree
from wt.nested import refuse_another, refuse_within

# Seconds for a look at all files; a FIFO by the name of one that git reads would keep it for ever.
_PATIENCE = 120

# In git's admin directory of a worktree: the index, git's own lock on it, and the index that is to take its place.
_INDEX = ("index", "index.lock", "index.wt")
# What that lock says when wt holds it; git's is empty, or begins as an index.
_OURS = b"wt\n"
_PROMISED = "wt-promised"

_SEQUENCE = "sequencer/todo"
OPERATIONS = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
    # All that is left of many at once, when the one that stopped it was committed.
    _SEQUENCE: "cherry-pick",
}
# Where git names commits that nothing else may hold until what is under way ends: what it stashed by itself, where a
# rebase or a bisection began, what is merged or picked. ORIG_HEAD stays after that, with what was thrown away.
HELD = (
    *("rebase-merge/autostash", "rebase-apply/autostash", "MERGE_AUTOSTASH"),
    *("rebase-merge/orig-head", "rebase-apply/orig-head"),
    *("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_START"),
)


def locate(directory: Path) -> tuple[Repository, Worktree | None]:
    """The repository around `directory`, and the worktree of it; None inside a bare repository.

    Raises:
        UsageError: there is no repository.
        Refused: the worktree's `.git` points at a repository that doesn't know it, or an agent can have made it; git
            takes the repository for none (`Headless`).
    """
    here = directory.resolve()
    refuse_within(directory)
    questions = ("--path-format=absolute", "--git-common-dir", "--absolute-git-dir", "--is-inside-work-tree")
    answer = process.run([*git.SAFE, "-C", str(directory), "rev-parse", *questions], check=False)
    if answer.code != 0 or not answer.text.startswith("/"):
        git.require_version()  # before 2.31 git repeats the question about paths
        if match := re.search(r"not a git repository: (/.*)/worktrees/[^/]+$", answer.complaint):
            raise _forgotten(directory, Path(match[1]))
        if "not a git repository" in answer.complaint:
            headless.refuse(directory)
            outside = f"{directory} is not in a git repository"
            raise UsageError(outside, hint="run wt in a checkout, or `git init` first")
        if "refstorage" in answer.complaint:  # a git that does not know it
            raise git.unfit(directory, git.NO_FILES)
        usual = "`git status` there says the same; `git worktree repair` mends a moved repository or worktree"
        trust = f"if you trust its owner: git config --global --add safe.directory {shlex.quote(str(directory))}"
        hint = complaints.of_configuration(answer.complaint) or usual
        hint = trust if "dubious ownership" in answer.complaint else hint
        raise Refused(f"git does not open {directory}: {answer.complaint}", hint=hint)
    common_text, git_text, inside, *more = answer.text.removesuffix("\n").split("\n")
    if more:
        raise Refused(f"the path of this repository holds a line break: {common_text} ...", hint="rename the directory")
    common_dir, git_dir = Path(common_text).resolve(), Path(git_text).resolve()
    refuse_another(here, common_dir)
    repository = repository_at(common_dir)
    known = [tree for tree in worktrees(repository) if tree.git_dir == git_dir]
    if inside == "false" and repository.main_checkout is None and git_dir == common_dir:
        return repository, None
    if not known and git_dir == common_dir:
        raise Refused(
            f"the git directory of {directory} lies apart from it, in {common_dir}",
            hint="wt works in clones whose .git is a directory, and in their worktrees; not in submodules",
        )
    if not known or not here.is_relative_to(known[0].path.resolve()):
        raise Refused(
            f"{directory} says that it belongs to {common_dir}, which does not know it",
            hint="`git worktree repair` mends a worktree or repository that was moved",
        )
    return repository, known[0]


def ids(repository: Repository) -> frozenset[str]:
    """Ids of all worktrees that git has an admin directory for, be it a broken one."""
    admin = repository.common_dir / "worktrees"
    linked = {naming.linked_id(each.name) for each in admin.iterdir()} if admin.is_dir() else set()
    return frozenset(linked | ({naming.MAIN_ID} if repository.main_checkout else set()))


def _forgotten(directory: Path, common_dir: Path) -> WtError:
    """The error for a place whose `.git` leads to an admin directory that is not there, or that may not be read."""
    entries = common_dir / "worktrees"
    for entry in sorted(entries.iterdir()) if entries.is_dir() else ():
        if not os.access(entry, os.R_OK | os.X_OK):
            return errors.closed(entry)
    if not common_dir.is_dir():
        mend = "`git worktree repair`, in the repository, mends one that was moved"
        return Refused(f"{directory} was in a worktree of {common_dir}, which is gone", hint=mend)
    main = common_dir.parent if common_dir.name == ".git" else common_dir
    return Refused(
        f"{directory} was in a worktree of {common_dir}, which does not know it any more",
        hint=f"`wt doctor` in {main} names what mends it, once it lies beside the other worktrees",
    )


def worktrees(repository: Repository) -> tuple[Worktree, ...]:
    """Every worktree that the repository knows, read from its own admin directories, the main checkout first."""
    found = []
    if repository.main_checkout is not None:
        branch = _head_branch(repository.common_dir)
        found.append(Worktree(repository, naming.MAIN_ID, repository.main_checkout, repository.common_dir, branch))
    admin = repository.common_dir / "worktrees"
    for git_dir in sorted(admin.iterdir()) if admin.is_dir() else ():
        dot_git = Path(os.path.normpath(git_dir / (git.file_text(git_dir / "gitdir") or "").rstrip("\n")))
        if dot_git.name != ".git":
            continue
        worktree_id = naming.linked_id(git_dir.name)
        locked = git.file_text(git_dir / "locked")
        found.append(Worktree(repository, worktree_id, dot_git.parent, git_dir, _head_branch(git_dir), locked))
    words = Counter(word for tree in found for word in {tree.name, naming.short_branch(tree.branch or "")})
    return tuple(replace(tree, ambiguous=words[tree.name] > 1) for tree in found)


def current(worktree: Worktree) -> Worktree:
    """The same worktree as git has it now; as it was where git has forgotten it."""
    return next((each for each in worktrees(worktree.repository) if each.git_dir == worktree.git_dir), worktree)


def points_back(worktree: Worktree) -> bool:
    """Whether the worktree is this repository's, and not that of the one which this one was copied from."""
    text = None if worktree.is_main else hostile.read(worktree.path, ".git")
    place = os.fsdecode(text or b"").removeprefix("gitdir: ").rstrip("\n")
    return text is None or (worktree.path / place).resolve() == worktree.git_dir.resolve()


def nested(worktree: Worktree) -> tuple[tuple[str, ...], tuple[Worktree, ...]]:
    """Other worktrees that lie inside this one, relative to it; and those that this one lies inside of."""
    # git has each by the path that it was made at, be there a symlink in it by now.
    top = Path(os.path.realpath(worktree.path))
    places = {Path(os.path.realpath(tree.path)): tree for tree in worktrees(worktree.repository)}
    inner = tuple(str(place.relative_to(top)) for place in places if top in place.parents)
    return inner, tuple(tree for place, tree in places.items() if place in top.parents)


def identity(worktree: Worktree) -> str:
    """What differs between a worktree and one that was made at its path, and with its id, after it was removed."""
    return f"{worktree.path.stat().st_ino} {made(worktree)}"


def made(worktree: Worktree) -> int:
    """When git made the worktree (ns), wherever it was moved since; 0 for the main one."""
    # An inode's number is soon given away again; git writes this file once, when it makes the worktree.
    file = worktree.git_dir / "commondir"
    return file.stat().st_mtime_ns if file.is_file() else 0


def submodules(worktree: Worktree) -> tuple[str, ...]:
    """Paths at which the host's index has a submodule, initialised or not."""
    entries = git.run_in(worktree, "ls-files", "--stage", "-z").stdout
    return tuple(os.fsdecode(path) for path in re.findall(rb"(?:^|\0)160000 [^\t]*\t([^\0]+)", entries))


def filled_submodules(worktree: Worktree) -> tuple[str, ...]:
    """Submodules with files, or with commits, of which the repository itself knows nothing."""
    found = [path for path in submodules(worktree) if _is_filled(worktree.path, path)]
    return (*found, *(["modules"] if not found and (worktree.git_dir / "modules").is_dir() else []))


def _is_filled(root: Path, path: str) -> bool:
    if hostile.is_directory(root, path):
        return any((root / path).iterdir())
    return hostile.kind(root, path) is not None


def own_refs(worktree: Worktree) -> frozenset[str]:
    """Commits that the worktree alone holds, by refs such as refs/worktree or by what is under way in it."""
    kinds = ("refs/worktree", "refs/bisect", "refs/rewritten")
    command = [*git.SAFE, f"--git-dir={worktree.git_dir}", "for-each-ref", "--format=%(objectname)", *kinds]
    words = [word for name in HELD for word in (git.file_text(worktree.git_dir / name) or "").split()]
    held = {git.resolve(worktree.repository, word) for word in words}
    return frozenset(process.run(command).text.split()) | {each for each in held if each}


def tracks(worktree: Worktree, path: str) -> bool:
    """Whether the host's index holds anything below a path of the worktree."""
    return bool(git.run_in(worktree, "ls-files", "-z", "--cached", "--", f":(literal){path}").stdout)


def dirty(worktree: Worktree) -> tuple[str, ...]:
    """Paths that differ from the host's index or HEAD, be it unwatched by git, or are neither tracked nor ignored."""
    arguments = ("status", "--porcelain", "-z", "--ignore-submodules=all", "--untracked-files=normal", "--no-renames")
    answer = git.run_in(worktree, *arguments, env={"LC_ALL": "C"}, seconds=_PATIENCE)
    # What git can't look into may hold anything.
    unread = re.findall(r"could not open directory '(.*?)(?:'|\Z)", answer.stderr.decode(errors="replace"), re.DOTALL)
    found = [entry[3:] for entry in answer.text.split("\0") if entry]
    return (*found, *unread, *unwatched.changed(worktree, seconds=_PATIENCE))


def index_matches(worktree: Worktree, tip: str | None, *, file: Path | None = None) -> bool:
    """Whether nothing is staged on the host: its index holds exactly the tree of `tip`, or nothing without one.

    Args:
        worktree: whose index it is.
        tip: a commit.
        file: another index than git's own.
    """
    if tip is None:
        return not git.run_in(worktree, "ls-files", "-z", "--cached").stdout
    arguments = ("diff-index", "--cached", "--quiet", "--ignore-submodules=all", "--no-ext-diff", tip, "--")
    env = {"GIT_INDEX_FILE": str(file)} if file else None
    return git.run_in(worktree, *arguments, env=env, check=False).code == 0


def staged(worktree: Worktree) -> tuple[str, ...]:
    """Paths that the host's index has otherwise than HEAD; its directory need not be there."""
    command: tuple[str, ...] = ("ls-files", "--cached", "-z")
    if worktree.branch is None or git.resolve(worktree.repository, worktree.branch) is not None:
        options = ("--ignore-submodules=all", "--no-ext-diff", "--no-renames", "HEAD", "--")
        command = ("diff-index", "--cached", "--name-only", "-z", *options)
    pinned = [*git.SAFE, f"--git-dir={worktree.git_dir}"]
    answer = process.run([*pinned, *command], cwd=worktree.repository.common_dir, check=False)
    if answer.code != 0:
        return ("what can't be read",)
    return tuple(path for path in answer.text.split("\0") if path)


def operation(git_dir: Path) -> str | None:
    """What is under way on the host in a worktree, such as "rebase"; None when nothing is."""
    return next((work(git_dir, sign) for sign in OPERATIONS if (git_dir / sign).exists()), None)


def work(git_dir: Path, sign: str) -> str:
    """The operation that one of these signs in a git directory, be it an agent's, stands for."""
    todo = b""
    if sign == _SEQUENCE:
        with suppress(WtError):
            todo = next(hostile.chunks(git_dir, sign), b"")
    return "revert" if todo.startswith(b"revert") else OPERATIONS[sign]


def move_branch(worktree: Worktree, old: str | None, new: str) -> None:
    """Move the worktree's branch and the host's index of it from `old` to `new`; its files are `new`'s already.

    The new index is built under git's own lock on it, so that a `git add` in that moment waits or fails as usual.

    Args:
        worktree: on a branch.
        old: object name of its tip, None while the branch is unborn.
        new: object name that it gets.

    Raises:
        Refused: another git process holds the index, or has switched the branch since `worktree` was read.
    """
    index, lock, built = (worktree.git_dir / name for name in _INDEX)
    try:
        with lock.open("xb") as file:
            file.write(_OURS)
    except FileExistsError as error:
        raise Refused(
            f"another git process is at work in {worktree.path}", hint=f"wait for it, or remove a stale {lock}"
        ) from error
    try:
        if _head_branch(worktree.git_dir) != worktree.branch:
            raise Refused(f"another branch was checked out in {worktree.path} meanwhile", hint="sync again")
        # We hold the index: only a wt that was killed can have left it.
        built.with_name("index.wt.lock").unlink(missing_ok=True)
        if old is not None and index.exists():
            built.write_bytes(index.read_bytes())
        git.run_in(worktree, "read-tree", "-i", "-m", *filter(None, (old, new)), env={"GIT_INDEX_FILE": str(built)})
        # One without the other would look as if all that came in had been staged for removal.
        with process.postponed():
            git.update_refs(worktree.repository, {worktree.branch or "HEAD": (new, old or "0" * len(new))})
            built.replace(index)
    finally:
        built.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)


def end_move(worktree: Worktree) -> None:
    """End what `move_branch` had begun when its wt was killed; the caller holds the lock on imports, as that one did.

    Either the branch has moved, and the new index takes its place, or nothing has.
    """
    index, lock, built = (worktree.git_dir / name for name in _INDEX)
    if not lock.is_file() or lock.read_bytes() != _OURS:
        return
    tip = git.resolve(worktree.repository, worktree.branch or "")
    if tip is not None and built.is_file() and index_matches(worktree, tip, file=built):
        built.replace(index)
    built.unlink(missing_ok=True)
    lock.unlink()


def add_worktree(repository: Repository, path: Path, branch: str, start: str | None, *, promised: bool = False) -> None:
    """Make a worktree on `branch` (short name), the branch too when `start` is given.

    One that is `promised` to the sandbox's user says so until it is handed over.
    """
    new_branch = ("--no-track", "-b", branch) if start else ()
    before = _promise(repository, path)
    if promised:
        hostile.write(before.parent, before.name, b"", mode=0o644)
    try:
        git.run(repository, "worktree", "add", "--quiet", *new_branch, "--", str(path), start or branch, whole=True)
        for tree in worktrees(repository) if promised else ():
            if tree.path == path:
                (tree.git_dir / _PROMISED).touch()
    finally:
        before.unlink(missing_ok=True)


def _promise(repository: Repository, path: Path) -> Path:
    """What promises a worktree for as long as git makes it, and its admin directory may not be there."""
    return naming.state_dir(repository) / f"promised.{naming.digest(str(path), length=12)}"


def is_promised(worktree: Worktree) -> bool:
    """Whether the worktree was to be handed over to the sandbox's user, and who made it died before that."""
    return (worktree.git_dir / _PROMISED).exists() or _promise(worktree.repository, worktree.path).exists()


def keep_promise(worktree: Worktree) -> None:
    """The worktree is handed over."""
    (worktree.git_dir / _PROMISED).unlink(missing_ok=True)
    _promise(worktree.repository, worktree.path).unlink(missing_ok=True)


def remove_worktree(worktree: Worktree) -> bool:
    """Remove a worktree's directory and admin directory, which was decided before; False where another has its place.

    That one stays.
    """
    if os.path.lexists(worktree.path) and not _is_its_own(worktree):
        # Git would stop at it.
        shutil.rmtree(worktree.git_dir)
        return False
    git.run(worktree.repository, "worktree", "remove", "--force", "--", str(worktree.path))
    return True


def _is_its_own(worktree: Worktree) -> bool:
    """Whether what is at a linked worktree's place is that, by its `.git`."""
    return hostile.kind(worktree.path, ".git") == stat.S_IFREG and points_back(worktree)


def record(repository: Repository) -> None:
    """Write down the repository's key, so that it keeps it when it is moved."""
    text = f"{repository.key}\n{repository.common_dir}\n".encode(errors="surrogateescape")
    hostile.write(naming.state_dir(repository), naming.RECORD, text, mode=0o644)


def repository_at(common_dir: Path) -> Repository:
    """A repository with its key: the recorded one, unless that was copied here with its repository."""
    main_checkout = _main_checkout(common_dir)
    key, place = _recorded(common_dir)
    if key and (place == common_dir or not _is_at(place, key)):
        return Repository(common_dir, main_checkout, key, recorded=place == common_dir)
    fresh = naming.repository_key(common_dir, main_checkout, common_dir.stat().st_ino)
    return Repository(common_dir, main_checkout, fresh, recorded=False)


def _is_at(place: Path, key: str) -> bool:
    """Whether the repository of that key is still at `place`; so it counts where we may not look."""
    try:
        return _recorded(place) == (key, place)
    except OSError:
        return True


def _recorded(common_dir: Path) -> tuple[str, Path]:
    """The key that is written down in a repository and the place that it was written for; empty when none is."""
    key, _, place = (git.file_text(common_dir / naming.STATE / naming.RECORD) or "").partition("\n")
    return (key, Path(place.removesuffix("\n"))) if re.fullmatch(r"[a-z0-9-]+-[0-9a-f]{8}", key) else ("", common_dir)


def _main_checkout(common_dir: Path) -> Path | None:
    return common_dir.parent if not headless.is_bare(common_dir) and common_dir.name == ".git" else None


def _head_branch(git_dir: Path) -> str | None:
    head = git.file_text(git_dir / "HEAD") or ""
    match = re.fullmatch(r"ref: (refs/heads/.+)\n?", head)
    return match[1] if match else None
