"""What wt asks of the host's repository, and does to it.

A worktree is hostile ground: every call on one pins the directories that git would otherwise look for in files which an
agent can write, and switches off what would run a program found there.
"""

import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wt import naming, process
from wt.errors import Refused, ToolError, UsageError
from wt.model import GitSettings, Remote, Repository, Worktree

_SAFE = (
    "git",
    "--no-optional-locks",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "protocol.allow=never",
)


def locate(directory: Path) -> tuple[Repository, Worktree | None]:
    """The repository around `directory`, and the worktree of it; None inside a bare repository.

    Raises:
        UsageError: there is no repository.
        Refused: the worktree's `.git` points at a repository that doesn't know it.
    """
    questions = ("--path-format=absolute", "--git-common-dir", "--absolute-git-dir", "--is-inside-work-tree")
    answer = process.run([*_SAFE, "-C", str(directory), "rev-parse", *questions], check=False)
    if answer.code != 0:
        if "not a git repository" in answer.complaint:
            raise UsageError(
                f"{directory} is not in a git repository", hint="run wt in a checkout, or `git init` first"
            )
        raise Refused(f"git does not open {directory}: {answer.complaint}")
    common_text, git_text, inside = answer.text.split("\n")[:3]
    common_dir, git_dir = Path(common_text).resolve(), Path(git_text).resolve()
    repository = Repository(common_dir, _main_checkout(common_dir))
    known = [tree for tree in worktrees(repository) if tree.git_dir == git_dir]
    if inside == "false" and repository.main_checkout is None and git_dir == common_dir:
        return repository, None
    if not known and git_dir == common_dir:
        raise Refused(
            f"the git directory of {directory} lies apart from it, in {common_dir}",
            hint="wt works in clones whose .git is a directory, and in their worktrees; not in submodules",
        )
    here = directory.resolve()
    if not known or not here.is_relative_to(known[0].path.resolve()):
        raise Refused(
            f"{directory} says that it belongs to {common_dir}, which does not know it",
            hint="`git worktree repair` mends a worktree or repository that was moved",
        )
    return repository, known[0]


def worktrees(repository: Repository) -> tuple[Worktree, ...]:
    """Every worktree that the repository knows, read from its own admin directories, the main checkout first."""
    found = []
    if repository.main_checkout is not None:
        branch = _head_branch(repository.common_dir)
        found.append(Worktree(repository, naming.MAIN_ID, repository.main_checkout, repository.common_dir, branch))
    admin = repository.common_dir / "worktrees"
    for git_dir in sorted(admin.iterdir()) if admin.is_dir() else ():
        pointer = _text(git_dir / "gitdir")
        if pointer is None:
            continue
        path = Path(os.path.normpath(git_dir / pointer.rstrip("\n"))).parent
        worktree_id = naming.linked_id(git_dir.name)
        locked = _text(git_dir / "locked")
        found.append(Worktree(repository, worktree_id, path, git_dir, _head_branch(git_dir), locked))
    return tuple(found)


def settings(repository: Repository, branch: str | None) -> GitSettings:
    """What the host's configuration holds that a sandbox may know.

    Args:
        repository: the host's repository.
        branch: the branch of the worktree, the last resort for a default branch.

    Raises:
        Refused: the repository is of a kind that can't be shared with a sandbox.
    """
    pattern = r"^(user\.(name|email)|remote\..*\.(url|promisor)|core\.excludesfile|extensions\..*)$"
    answer = _repository_git(repository, "config", "-z", "--get-regexp", pattern, check=False)
    if answer.code not in (0, 1):
        raise ToolError(f"git config failed: {answer.complaint}")
    entries = [entry.partition("\n")[::2] for entry in answer.text.split("\0") if entry]
    values = dict(entries)
    _refuse_unsupported(repository, values)
    remotes = tuple(
        Remote(key.removeprefix("remote.").removesuffix(".url"), without_credentials(value))
        for key, value in entries
        if key.startswith("remote.") and key.endswith(".url")
    )
    return GitSettings(
        user_name=values.get("user.name"),
        user_email=values.get("user.email"),
        remotes=remotes,
        excludes=_excludes(repository, values.get("core.excludesfile")),
        object_format=values.get("extensions.objectformat", "sha1"),
        default_branch=default_branch(repository) or branch,
    )


def obstacles(worktree: Worktree) -> tuple[str, ...]:
    """What makes it unsafe to give this worktree to a sandbox, in words."""
    others = [tree for tree in worktrees(worktree.repository) if tree.path != worktree.path]
    inner = [str(tree.path) for tree in others if tree.path.is_relative_to(worktree.path)]
    outer = [
        str(tree.path)
        for tree in others
        if worktree.path.is_relative_to(tree.path) and naming.private_repo(tree).exists()
    ]
    modules = worktree.git_dir / "modules"
    reasons = (
        (f"{', '.join(inner)} lies inside it, where its sandbox could write", bool(inner)),
        (f"it lies inside {', '.join(outer)}, whose sandbox could write to it", bool(outer)),
        ("it has submodules, whose configuration its sandbox could write", modules.is_dir() and any(modules.iterdir())),
    )
    return tuple(reason for reason, holds in reasons if holds)


def default_branch(repository: Repository) -> str | None:
    """Full name of the branch that work starts from: the remote's, else the main checkout's; None when unborn."""
    for head in (repository.common_dir / "refs/remotes/origin/HEAD", repository.common_dir / "HEAD"):
        target = (_text(head) or "").removeprefix("ref: ").strip()
        local = target.replace("refs/remotes/origin/", "refs/heads/", 1)
        if local.startswith("refs/heads/") and resolve(repository, local) is not None:
            return local
    return None


def refs(repository: Repository, *prefixes: str) -> dict[str, str]:
    """Full ref name to object name, below the prefixes, or all of them; tags are not peeled."""
    output = _repository_git(repository, "for-each-ref", "--format=%(objectname) %(refname)", *prefixes).text
    return {name: oid for oid, _, name in (line.partition(" ") for line in output.split("\n") if line)}


def resolve(repository: Repository, revision: str) -> str | None:
    """Object name of the commit that a revision names, None when there is none."""
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    answer = _repository_git(repository, *arguments, check=False)
    return answer.text.strip() or None


def valid_branch(name: str) -> bool:
    """Whether git takes `name` as a branch."""
    return process.run([*_SAFE, "check-ref-format", "--branch", name], check=False).code == 0


def update_refs(repository: Repository, changes: Mapping[str, tuple[str | None, str | None]]) -> None:
    """Move refs, all or none.

    Args:
        repository: the host's repository.
        changes: full ref name to its new and its expected old object name; a new one of None deletes, an old one of
            None takes whatever is there.
    """
    lines = []
    for name, (new, old) in changes.items():
        verb = f"update {name} {new}" if new else f"delete {name}"
        lines.append(f"{verb} {old}" if old else verb)
    if lines:
        stdin = "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")
        _repository_git(repository, "update-ref", "-m", "wt", "--stdin", stdin=stdin)


def only_in(repository: Repository, tips: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """Commits, one line each and twenty at most, that are reachable from `tips` and from none of `others`."""
    chosen = [*tips, *(f"^{oid}" for oid in others)]
    if not any(not line.startswith("^") for line in chosen):
        return ()
    stdin = "".join(f"{line}\n" for line in chosen).encode()
    answer = _repository_git(repository, "log", "--format=%h %s", "--max-count=20", "--stdin", stdin=stdin)
    return tuple(line for line in answer.text.split("\n") if line)


def ahead_behind(repository: Repository, tip: str, base: str) -> tuple[int, int]:
    """How many commits `tip` has that `base` lacks, and the other way round."""
    output = _repository_git(repository, "rev-list", "--left-right", "--count", f"{tip}...{base}").text
    ahead, behind = output.split()
    return int(ahead), int(behind)


def branch_dates(repository: Repository) -> dict[str, datetime]:
    """When the newest commit of each branch was made."""
    output = _repository_git(
        repository, "for-each-ref", "--format=%(committerdate:unix) %(refname)", "refs/heads/"
    ).text
    pairs = (line.partition(" ") for line in output.split("\n") if line)
    return {name: datetime.fromtimestamp(int(seconds), UTC) for seconds, _, name in pairs if seconds}


def dirty(worktree: Worktree) -> tuple[str, ...]:
    """Paths that differ from the host's index or HEAD, or are neither tracked nor ignored."""
    arguments = ("status", "--porcelain", "-z", "--ignore-submodules=all", "--untracked-files=normal", "--no-renames")
    output = worktree_git(worktree, *arguments).text
    return tuple(entry[3:] for entry in output.split("\0") if entry)


def index_matches(worktree: Worktree, tip: str) -> bool:
    """Whether nothing is staged on the host: its index holds exactly the tree of `tip`."""
    arguments = ("diff-index", "--cached", "--quiet", "--ignore-submodules=all", "--no-ext-diff", tip, "--")
    return worktree_git(worktree, *arguments, check=False).code == 0


def operation(git_dir: Path) -> str | None:
    """What is under way on the host in a worktree, such as "rebase"; None when nothing is."""
    for name, what in OPERATIONS.items():
        if (git_dir / name).exists():
            return what
    return None


OPERATIONS = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
}


def move_branch(worktree: Worktree, old: str, new: str) -> None:
    """Move the worktree's branch and the host's index of it from `old` to `new`; its files are `new`'s already.

    The new index is built under git's own lock on it, so that a `git add` in that moment waits or fails as usual.

    Raises:
        Refused: another git process holds the index.
    """
    index, lock = worktree.git_dir / "index", worktree.git_dir / "index.lock"
    try:
        descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError as error:
        raise Refused(
            f"another git process is at work in {worktree.path}", hint=f"wait for it, or remove a stale {lock}"
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(index.read_bytes())
        worktree_git(worktree, "read-tree", "-i", "-m", old, new, env={"GIT_INDEX_FILE": str(lock)})
        update_refs(worktree.repository, {worktree.branch or "HEAD": (new, old)})
        lock.replace(index)
    finally:
        lock.unlink(missing_ok=True)


def add_worktree(repository: Repository, path: Path, branch: str, start: str | None) -> None:
    """Make a worktree on `branch` (short name), the branch too when `start` is given."""
    new_branch = ("-b", branch) if start else ()
    _repository_git(
        repository, "worktree", "add", "--quiet", "--no-track", *new_branch, "--", str(path), start or branch
    )


def remove_worktree(worktree: Worktree) -> None:
    """Remove a worktree's directory and admin directory; whether it may go was decided before."""
    _repository_git(worktree.repository, "worktree", "remove", "--force", "--", str(worktree.path))


def fetch(
    repository: Repository,
    server: Sequence[str],
    wanted: Collection[str],
    quarantine: Path,
    *,
    seconds: float,
    max_bytes: int,
) -> None:
    """Fetch objects as from a hostile peer; they come into the repository when all are there and checked.

    Args:
        repository: the host's repository.
        server: the command that runs `git upload-pack` on the other side, on its standard streams.
        wanted: object names.
        quarantine: a directory on the same file system that is made for this, and is gone afterwards.
        seconds: time limit.
        max_bytes: no file that arrives may be larger.

    Raises:
        ToolError: the peer did not serve them; the repository is as it was.
    """
    objects = repository.common_dir / "objects"
    shutil.rmtree(quarantine, ignore_errors=True)
    (quarantine / "info").mkdir(parents=True)
    (quarantine / "info/alternates").write_text(f"{objects}\n")
    options = ("--quiet", "--no-tags", "--no-auto-gc", "--no-write-fetch-head", "--no-recurse-submodules", "--stdin")
    # gitremote-helpers(7), ext: "% " is a space inside an argument, "%%" a percent sign.
    quoted = " ".join(argument.replace("%", "%%").replace(" ", "% ") for argument in server)
    try:
        _repository_git(
            repository,
            *("-c", "protocol.ext.allow=always", "-c", "transfer.fsckObjects=true"),
            *("fetch", *options, f"ext::{quoted}"),
            stdin="".join(f"{oid}\n" for oid in wanted).encode(),
            env={"GIT_OBJECT_DIRECTORY": str(quarantine)},
            seconds=seconds,
            max_file_bytes=max_bytes,
        )
        _adopt(quarantine, objects)
    finally:
        shutil.rmtree(quarantine, ignore_errors=True)


def _adopt(quarantine: Path, objects: Path) -> None:
    """Move objects into the repository, a pack's index last: before it is there, git does not see the pack."""
    found = [path for path in quarantine.rglob("*") if path.is_file() and path.parent.name != "info"]
    for path in sorted(found, key=lambda path: path.suffix == ".idx"):
        target = objects / path.relative_to(quarantine)
        target.parent.mkdir(exist_ok=True)
        path.rename(target)


def without_credentials(url: str) -> str:
    """A remote's address without a password, and for anything but SSH without a user name, which may be a token."""

    def kept(match: re.Match[str]) -> str:
        user = match["user"].partition(":")[0] if "ssh" in match["scheme"] else ""
        return f"{match['scheme']}://{user}@" if user else f"{match['scheme']}://"

    return re.sub(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/?#]*)@", kept, url)


def worktree_git(
    worktree: Worktree, *arguments: str, env: Mapping[str, str] | None = None, check: bool = True
) -> process.Result:
    """Run git on a worktree with every directory pinned to what the host's repository says."""
    pinned = {
        "GIT_DIR": str(worktree.git_dir),
        "GIT_COMMON_DIR": str(worktree.repository.common_dir),
        "GIT_WORK_TREE": str(worktree.path),
    }
    return process.run([*_SAFE, *arguments], cwd=worktree.path, env={**pinned, **(env or {})}, check=check)


def _repository_git(repository: Repository, *arguments: str, **options: Any) -> process.Result:
    """Run git on the repository itself, in no worktree; options are those of `process.run`."""
    command = [*_SAFE, f"--git-dir={repository.common_dir}", *arguments]
    return process.run(command, cwd=repository.common_dir, **options)


def _main_checkout(common_dir: Path) -> Path | None:
    answer = process.run([*_SAFE, f"--git-dir={common_dir}", "rev-parse", "--is-bare-repository"])
    return common_dir.parent if answer.text.strip() == "false" and common_dir.name == ".git" else None


def _refuse_unsupported(repository: Repository, values: Mapping[str, str]) -> None:
    reasons = {
        "it borrows objects from another one (objects/info/alternates)": (
            repository.common_dir / "objects/info/alternates"
        ).exists(),
        "it is a partial clone": any(key.endswith((".promisor", ".partialclone")) for key in values),
        "its refs are not stored as files": values.get("extensions.refstorage", "files") != "files",
    }
    for reason, holds in reasons.items():
        if holds:
            raise Refused(
                f"{repository.common_dir} can't be shared with a sandbox: {reason}",
                hint="a full clone works (`git clone` without --shared, --reference, --filter or reftable)",
            )


def _excludes(repository: Repository, configured: str | None) -> str:
    """Ignore patterns of the user and of this clone, which no sandbox would see otherwise."""
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    personal = Path(configured).expanduser() if configured else config_home / "git/ignore"
    texts = (_text(personal), _text(repository.common_dir / "info/exclude"))
    return "".join(text if text.endswith("\n") else f"{text}\n" for text in texts if text)


def _head_branch(git_dir: Path) -> str | None:
    head = _text(git_dir / "HEAD") or ""
    match = re.fullmatch(r"ref: (refs/heads/.+)\n?", head)
    return match[1] if match else None


def _text(path: Path) -> str | None:
    try:
        return os.fsdecode(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
