"""What wt asks of the host's repository, and does to it.

A worktree is hostile ground: every call on one pins the directories that git would otherwise look for in files which an
agent can write, and switches off what would run a program found there.
"""

import errno
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wt import complaints, process, versions
from wt.errors import Refused, ToolError, TooMuch
from wt.model import GitSettings, Remote, Repository, Worktree

# A file name's limit, less the `.lock` that git appends, and what the path of a whole ref may take of a path's.
_MAX_REF_PART = 250
_MAX_REF = 1_000
# Directories that it may lie in: to each of them it is compared.
_MAX_REF_DEPTH = 32
# Commits whose subjects are read; characters of one, and bytes of all.
_MOST_SUBJECTS = 100
_MAX_SUBJECT = 200
_MAX_SUBJECTS = 1024**2
# What the machine says where there is no file to read.
_NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}
NO_FILES = "its refs are not stored as files"
# Bytes that each process of a fetch may have: a small pack can become anything, and git reads most of it whole.
_MAX_MEMORY = 3 * 1024**3

SAFE = (
    "git",
    "--no-optional-locks",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "protocol.allow=never",
    "-c",
    "log.showSignature=false",
)


class CutShort(ToolError):
    """Commits came without what they come from."""


def require_version() -> None:
    """Refuse a git that is too old.

    Raises:
        ToolError: it is.
    """
    versions.require("git", process.run(["git", "--version"]).text)


def settings(repository: Repository, branch: str | None) -> GitSettings:
    """What the host's configuration holds that a sandbox may know.

    Args:
        repository: the host's repository.
        branch: the branch of the worktree, the last resort for a default branch.

    Raises:
        Refused: the repository is of a kind that can't be shared with a sandbox.
    """
    pattern = r"^(user\.(name|email)|remote\..*\.(url|promisor)|core\.(excludesfile|autocrlf|eol)|extensions\..*)$"
    answer = run(repository, "config", "-z", "--get-regexp", pattern, check=False)
    if answer.code not in (0, 1):
        raise ToolError(f"git config failed: {answer.complaint}", hint=complaints.of_git(answer.complaint))
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
        conversions=tuple((key, values[f"core.{key}"]) for key in ("autocrlf", "eol") if f"core.{key}" in values),
    )


def default_branch(repository: Repository) -> str | None:
    """Full name of the branch that work starts from: the remote's, else the main checkout's; None when unborn."""
    for head in (repository.common_dir / "refs/remotes/origin/HEAD", repository.common_dir / "HEAD"):
        target = (file_text(head) or "").removeprefix("ref: ").strip()
        local = target.replace("refs/remotes/origin/", "refs/heads/", 1)
        if local.startswith("refs/heads/") and resolve(repository, local) is not None:
            return local
    return None


def refs(repository: Repository, *prefixes: str) -> dict[str, str]:
    """Full ref name to object name, below the prefixes, or all of them; tags are not peeled."""
    output = run(repository, "for-each-ref", "--format=%(objectname) %(refname)", *prefixes).text
    return {name: oid for oid, _, name in (line.partition(" ") for line in output.split("\n") if line)}


def symbolic_refs(repository: Repository) -> frozenset[str]:
    """Full names of the refs that only stand for another one."""
    output = run(repository, "for-each-ref", "--format=%(if)%(symref)%(then)%(refname)%(end)").text
    return frozenset(output.split("\n")) - {""}


def lasting(repository: Repository, found: Mapping[str, str]) -> dict[str, str]:
    """Those of its refs that hold commits for good: branches, remote-tracking branches and tags."""
    symbolic = symbolic_refs(repository)
    kinds = ("refs/heads/", "refs/remotes/", "refs/tags/")
    return {name: oid for name, oid in found.items() if name.startswith(kinds) and name not in symbolic}


def resolve(repository: Repository, revision: str) -> str | None:
    """Object name of the commit that a revision names, None when there is none."""
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    answer = run(repository, *arguments, check=False)
    return answer.text.strip() or None


def valid_branch(name: str) -> bool:
    """Whether git takes `name` as a branch, and as itself: not `@` or `@{-1}`, which stand for another."""
    if not fits(name):
        return False
    answer = process.run([*SAFE, "check-ref-format", "--branch", name], check=False)
    return answer.code == 0 and answer.text == f"{name}\n" and name != "@"


def fits(name: str) -> bool:
    """Whether a ref of that name can be stored as a file, and looked for among all others."""
    parts = name.split("/")
    fit = len(os.fsencode(name)) <= _MAX_REF and len(parts) <= _MAX_REF_DEPTH
    return fit and all(len(os.fsencode(part)) <= _MAX_REF_PART for part in parts)


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
        # With a reflog, so that what an agent rewrites stays within reach for as long as git keeps such things.
        run(repository, "update-ref", "--create-reflog", "-m", "wt", "--stdin", stdin=stdin)


def delete_branch(repository: Repository, branch: str, tip: str) -> None:
    """Delete a branch, by its full name, that still points at `tip`, and what the configuration says of it.

    One that is a symbolic ref goes itself, and not the branch that it stands for.
    """
    section = f"branch.{branch.removeprefix('refs/heads/')}"
    run(repository, "config", "--local", "--remove-section", section, check=False)
    lines = f"option no-deref\ndelete {branch} {tip}\n"
    run(repository, "update-ref", "-m", "wt", "--stdin", stdin=lines.encode(errors="surrogateescape"))


def reflog(repository: Repository, ref: str) -> frozenset[str]:
    """Object names that a ref has stood at, as far as the host remembers."""
    return frozenset(run(repository, "reflog", "show", "--format=%H", ref, "--", check=False).text.split())


def only_in(repository: Repository, tips: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """What is reachable from `tips` and from none of `others`, one line each: commits, and tips that are none.

    The newest commits have their subjects. Tips that are none, such as a tag with its message, count unless they are
    among `others` themselves.
    """
    tips, others = set(tips), set(others)
    chosen = [*tips, *(f"^{oid}" for oid in others)]
    if not tips:
        return ()
    stdin = "".join(f"{line}\n" for line in chosen).encode()
    found = run(repository, "rev-list", "--abbrev-commit", "--stdin", stdin=stdin).text.split()
    more = tuple(_no_commits(repository, sorted(tips - others)))
    newest = (f"--max-count={_MOST_SUBJECTS}", f"--format=%h %<({_MAX_SUBJECT},trunc)%s")
    try:
        answer = run(repository, "log", *newest, "--stdin", stdin=stdin, max_output=_MAX_SUBJECTS)
    except TooMuch:  # subjects of what has no width
        return (*found, *more)
    lines = [line.rstrip() for line in answer.text.split("\n") if line]
    return (*lines, *found[len(lines) :], *more)


def _no_commits(repository: Repository, oids: Iterable[str]) -> Iterator[str]:
    """Name and kind of those of the objects that are no commits."""
    stdin = "".join(f"{oid}\n" for oid in oids).encode()
    answer = run(repository, "cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=stdin) if stdin else None
    for oid, _, kind in (line.partition(" ") for line in (answer.text if answer else "").split("\n")):
        if kind not in ("", "commit"):
            yield f"{oid[:10]} ({kind})"


def ahead_behind(repository: Repository, tip: str, base: str) -> tuple[int, int]:
    """How many commits `tip` has that `base` lacks, and the other way round."""
    output = run(repository, "rev-list", "--left-right", "--count", f"{tip}...{base}").text
    ahead, behind = output.split()
    return int(ahead), int(behind)


def branch_dates(repository: Repository, branches: Collection[str]) -> dict[str, datetime]:
    """When the newest commit of each of these branches was made; those whose commit is missing are left out."""
    if not branches:
        return {}
    arguments = ("for-each-ref", "--format=%(committerdate:unix) %(refname)", *branches)
    answer = run(repository, *arguments, check=False)
    if answer.code != 0 and len(branches) > 1:  # one that is missing ends it
        return {name: date for each in branches for name, date in branch_dates(repository, [each]).items()}
    pairs = (line.partition(" ") for line in answer.text.split("\n") if line)
    return {name: date for seconds, _, name in pairs if seconds and (date := _date(int(seconds)))}


def _date(seconds: int) -> datetime | None:
    """None for what is no date: a commit may carry any number."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


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
        CutShort: nor what they come from.
    """
    objects = repository.common_dir / "objects"
    shutil.rmtree(quarantine, ignore_errors=True)
    options = ("--quiet", "--no-tags", "--no-auto-gc", "--no-write-fetch-head", "--no-recurse-submodules", "--stdin")
    # gitremote-helpers(7), ext: "% " is a space inside an argument, "%%" a percent sign.
    quoted = " ".join(argument.replace("%", "%%").replace(" ", "% ") for argument in server)
    try:
        (quarantine / "info").mkdir(parents=True)
        (quarantine / "info/alternates").write_text(f"{objects}\n")
        run(
            repository,
            *("-c", "protocol.ext.allow=always", "-c", "fetch.fsckObjects=true"),
            *("fetch", *options, f"ext::{quoted}"),
            stdin="".join(f"{oid}\n" for oid in wanted).encode(),
            env={"GIT_OBJECT_DIRECTORY": str(quarantine)},
            seconds=seconds,
            max_file_bytes=max_bytes,
            max_memory=_MAX_MEMORY,
        )
        _require_whole(repository, wanted, quarantine, seconds=seconds)
        _adopt(quarantine, objects)
    finally:
        shutil.rmtree(quarantine, ignore_errors=True)


def _require_whole(repository: Repository, wanted: Collection[str], quarantine: Path, *, seconds: float) -> None:
    """Look again whether all is there: of a peer that says that its history is cut short, git takes it so."""
    stdin = "".join(f"{oid}\n" for oid in wanted).encode()
    env = {"GIT_OBJECT_DIRECTORY": str(quarantine)}
    limits = {"seconds": seconds, "max_memory": _MAX_MEMORY}
    options = ("--objects", "--quiet", "--stdin", "--not", "--all")
    if run(repository, "rev-list", *options, stdin=stdin, env=env, check=False, **limits).code != 0:
        raise CutShort("its history is cut short inside")


def _adopt(quarantine: Path, objects: Path) -> None:
    """Move objects into the repository, a pack's index last: before it is there, git does not see the pack."""
    found = [path for path in quarantine.rglob("*") if path.is_file() and path.parent.name != "info"]
    for path in sorted(found, key=lambda path: path.suffix == ".idx"):
        target = objects / path.relative_to(quarantine)
        if not target.parent.exists():
            target.parent.mkdir(exist_ok=True)
            target.parent.chmod(stat.S_IMODE(objects.stat().st_mode))  # as git was told, whatever the umask
        path.rename(target)


def without_credentials(url: str) -> str:
    """A remote's address without a password, and for anything but SSH without a user name, which may be a token."""

    def kept(match: re.Match[str]) -> str:
        user = match["user"].partition(":")[0] if "ssh" in match["scheme"] else ""
        return f"{match['scheme']}://{user}@" if user else f"{match['scheme']}://"

    return re.sub(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/?#]*)@", kept, url)


def run_in(worktree: Worktree, *arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> process.Result:
    """Run git on a worktree with every directory pinned to what the host's repository says; as `run`."""
    pinned = {
        "GIT_DIR": str(worktree.git_dir),
        "GIT_COMMON_DIR": str(worktree.repository.common_dir),
        "GIT_WORK_TREE": str(worktree.path),
    }
    return _run(arguments, cwd=worktree.path, env={**pinned, **(env or {})}, **options)


def run(repository: Repository, *arguments: str, **options: Any) -> process.Result:
    """Run git on the repository itself, in no worktree; options are those of `process.run`.

    Raises:
        ToolError: as there, with what to do about it, such as the way to remove the lock of a git that was killed.
    """
    return _run([f"--git-dir={repository.common_dir}", *arguments], cwd=repository.common_dir, **options)


def _run(arguments: Sequence[str], **options: Any) -> process.Result:
    try:
        return process.run([*SAFE, *arguments], **options)
    except ToolError as error:
        # What a fetch brings is another repository's.
        if not error.hint and "fetch" not in arguments:
            error.hint = complaints.of_git(error.message)
        raise


def _refuse_unsupported(repository: Repository, values: Mapping[str, str]) -> None:
    reasons = {
        "it borrows objects from another one (objects/info/alternates)": (
            repository.common_dir / "objects/info/alternates"
        ).exists(),
        "it is a partial clone": any(key.endswith((".promisor", ".partialclone")) for key in values),
        NO_FILES: values.get("extensions.refstorage", "files") != "files",
    }
    for reason, holds in reasons.items():
        if holds:
            raise unfit(repository.common_dir, reason)


def unfit(place: Path, reason: str) -> Refused:
    """The error for a repository of a kind that can't be shared with a sandbox."""
    return Refused(
        f"{place} can't be shared with a sandbox: {reason}",
        hint="a full clone works (`git clone` without --shared, --reference, --filter or reftable)",
    )


def _excludes(repository: Repository, configured: str | None) -> str:
    """Ignore patterns of the user and of this clone, which no sandbox would see otherwise."""
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    personal = Path(configured).expanduser() if configured else config_home / "git/ignore"
    texts = (file_text(personal), file_text(repository.common_dir / "info/exclude"))
    return "".join(text if text.endswith("\n") else f"{text}\n" for text in texts if text)


def file_text(path: Path, *, limit: int = -1) -> str | None:
    """What is in a file, the first `limit` bytes of it; None where there is none, or another kind of one.

    A FIFO would keep its reader waiting.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        return os.fsdecode(file.read(limit))


def says_something(path: Path) -> bool:
    """Whether there is a file, and more in it than a power cut leaves."""
    return bool((file_text(path) or "").strip("\0\n "))
