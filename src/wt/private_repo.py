"""Makes and reads the git directory that a sandbox writes to, and the view of the host's refs beside it.

Once a sandbox has run, the private repository's configuration, hooks and objects are the agent's: git is never run in
it on the host, and its refs are read as text, without following symlinks.
"""

import os
import re
import shlex
import shutil
import stat
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from wt import borrowed, checkouts, disks, git, health, hostile, naming, process
from wt.errors import Refused
from wt.model import GitSettings, InsideRefs, Worktree

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# git-check-ref-format(1), for full names below refs/.
_REF = re.compile(r"refs/(?!\.|.*(?://|\.\.|@\{|/\.|\.lock(?:/|$)|\.$|/$))[^\x00-\x20\x7f~^:?*\[\\]+")
_MAX_REFS = 20_000
_MAX_STASH = 20_000
# Lines of a branch's log that are looked at, the newest.
_MAX_LOG = 20_000
_MAX_LINE = 4_096
# A merge of several names each of them, in a line of its own.
_MAX_MERGED = 65_536
_MADE = "made"
_DOT_GIT = "dot-git"
# How the name of one begins that is not complete yet.
BEGUN = ".repo.git."


def create(worktree: Worktree, settings: GitSettings, *, owner: tuple[int, int] | None = None) -> None:
    """Make the private repository: it borrows the host's objects and knows two branches and no secrets.

    Made beside its place and renamed, so that half of one is never seen. One that is there already stays, and gets back
    what lies beside it; but one that is broken, or that of another worktree, which is gone and had the same id, is put
    aside.

    Args:
        worktree: whose sandbox will write to it.
        settings: what it may know of the host's configuration.
        owner: user and group of the sandbox, where they are not ours.
    """
    target = naming.private_repo(worktree)
    common_dir = worktree.repository.common_dir
    hostile.make_directory(common_dir, str(target.parent.relative_to(common_dir)))
    disks.record(worktree)
    if _is_kept(worktree):
        return
    _put_refs_aside(worktree, f"{worktree.id}.{os.urandom(4).hex()}")
    tips = _copied_refs(worktree, settings)
    kept = tips if worktree.branch else tips | {"refs/HEAD": (worktree.git_dir / "HEAD").read_text().strip()}
    git.update_refs(worktree.repository, {borrowed.base_ref(worktree, name): (oid, None) for name, oid in kept.items()})
    temporary = Path(tempfile.mkdtemp(prefix=BEGUN, dir=target.parent))
    try:
        options = ("--quiet", "--bare", "--template=", f"--object-format={settings.object_format}")
        process.run(["git", "init", *options, str(temporary)])
        temporary.chmod(0o755)
        (temporary / "config").write_text(_config(worktree, settings), errors="surrogateescape")
        # What the host's branches stood at is the point from which `git catch-up` counts what the inside added.
        seen = {name.replace("refs/heads/", "refs/remotes/host/", 1): oid for name, oid in tips.items()}
        (temporary / "packed-refs").write_text(_packed_refs(tips | seen), errors="surrogateescape")
        (temporary / "HEAD").write_text(_head(worktree), errors="surrogateescape")
        (temporary / "objects/info").mkdir(exist_ok=True)
        (temporary / "objects/info/alternates").write_text(f"{naming.OBJECTS_INSIDE}\n")
        (temporary / "info").mkdir(exist_ok=True)
        (temporary / "info/exclude").write_text(settings.excludes, errors="surrogateescape")
        # An index may be split: then most of it is in the files beside it.
        copied = [*worktree.git_dir.glob("index"), *worktree.git_dir.glob("sharedindex.*")]
        for source in (*copied, *common_dir.glob("shallow")):
            shutil.copyfile(source, temporary / source.name)
        if owner is not None:
            _give(temporary, *owner)
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _is_kept(worktree: Worktree) -> bool:
    """Whether the one that is there can stay; what belongs beside it is written, and what can't stay put aside."""
    target = naming.private_repo(worktree)
    # For everybody, whatever the umask: the sandbox's user may be another than ours.
    hostile.write(target.parent, _DOT_GIT, f"gitdir: {naming.REPOSITORY_INSIDE}\n".encode(), mode=0o644)
    if health.damage(worktree):
        _open(target)
    if health.damage(worktree) or is_left_over(worktree):
        put_aside(worktree)
    claim(worktree)
    return exists(worktree)


def claim(worktree: Worktree) -> None:
    """Write down whose it is, where its worktree was made again on the branch that was checked out inside."""
    if not is_of(worktree) and not is_left_over(worktree):
        place = naming.worktree_state_dir(worktree)
        hostile.write(place, _MADE, f"{checkouts.made(worktree)}\n".encode(), mode=0o644)


def exists(worktree: Worktree) -> bool:
    """Whether the worktree has a private repository, and with it perhaps commits that are nowhere else."""
    return hostile.is_directory(naming.worktree_state_dir(worktree), "repo.git")


def is_complete(worktree: Worktree) -> bool:
    """Whether there is a private repository of this worktree that git can open, and what belongs beside it."""
    beside = git.file_text(naming.worktree_state_dir(worktree) / _DOT_GIT) == f"gitdir: {naming.REPOSITORY_INSIDE}\n"
    beside = beside and is_of(worktree) and disks.is_recorded(worktree)
    return beside and exists(worktree) and health.damage(worktree) is None


def is_left_over(worktree: Worktree) -> bool:
    """Whether the private repository is that of a worktree which is gone and had the same id, for other work.

    One that is made again on the branch that was checked out inside goes on with what is there.
    """
    if not exists(worktree) or _made(worktree) is None or is_of(worktree) or health.damage(worktree):
        return False
    return _read_text(naming.private_repo(worktree), "HEAD", limit=_MAX_LINE) != _head(worktree)


def _made(worktree: Worktree) -> str | None:
    return git.file_text(naming.worktree_state_dir(worktree) / _MADE)


def is_of(worktree: Worktree) -> bool:
    """Whether what is there was made for this worktree, or has gone on with it since that was made again."""
    return (_made(worktree) or "").strip() == str(checkouts.made(worktree))


def _open(root: Path) -> None:
    """Take back the rights that the agent gave away, without which nothing in it can be read or moved."""
    for path in (root, root / "HEAD", root / "objects", root / "refs"):
        with suppress(OSError):
            hostile.give_back(path)


def put_aside(worktree: Worktree) -> Path:
    """Move it, as it is, to where it is kept: its commits may be nowhere else.

    In its place its hooks and branches would be another sandbox's.
    """
    hostile.make_directory(naming.state_dir(worktree.repository), naming.ASIDE)
    aside = naming.state_dir(worktree.repository) / naming.ASIDE
    place = Path(tempfile.mkdtemp(prefix=f"{worktree.id}.", dir=aside))
    _open(naming.private_repo(worktree))
    _put_refs_aside(worktree, place.name, borrowed=True)
    naming.private_repo(worktree).rename(place / "repo.git")
    return place / "repo.git"


def _put_refs_aside(worktree: Worktree, name: str, *, borrowed: bool = False) -> None:
    """What was imported from another private repository may be nowhere else: imports from the new one move its refs.

    Args:
        worktree: whose refs they are.
        name: below which they are kept from now on.
        borrowed: those too that keep alive what the other one borrows.
    """
    ours, theirs = naming.ref_prefix(worktree), naming.aside_prefix(name)
    found = git.refs(worktree.repository, ours)
    moved = {ref: oid for ref, oid in found.items() if borrowed or not ref.startswith(f"{ours}base/")}
    changes: dict[str, tuple[str | None, str | None]] = {ref: (None, oid) for ref, oid in moved.items()}
    changes |= {theirs + ref.removeprefix(ours): (oid, None) for ref, oid in moved.items()}
    git.update_refs(worktree.repository, changes)


def host_view_files(worktree: Worktree, settings: GitSettings) -> Mapping[str, bytes]:
    """The files of the host view, a bare repository of text alone; `refs` is covered by the host's own, live.

    Packed refs and `shallow` are copies: the sandbox's guard renews them while it runs.
    """
    common_dir = worktree.repository.common_dir
    packed = common_dir / "packed-refs"
    shallow = common_dir / "shallow"
    version = 0 if settings.object_format == "sha1" else 1
    config = f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n"
    if version:
        config += f"[extensions]\n\tobjectFormat = {settings.object_format}\n"
    files = {
        "config": config.encode(),
        "HEAD": f"ref: {settings.default_branch or 'refs/heads/main'}\n".encode(errors="surrogateescape"),
        "objects/info/alternates": f"{naming.OBJECTS_INSIDE}\n".encode(),
        "packed-refs": packed.read_bytes() if packed.is_file() else b"",
    }
    return files | ({"shallow": shallow.read_bytes()} if shallow.is_file() else {})


def host_view_is_current(worktree: Worktree, files: Mapping[str, bytes]) -> bool:
    """Whether the host view holds exactly these files."""
    view = naming.worktree_state_dir(worktree) / "host.git"
    return (view / "refs").is_dir() and all(
        (view / name).is_file() and (view / name).read_bytes() == content for name, content in files.items()
    )


def write_host_view(worktree: Worktree, files: Mapping[str, bytes], *, owner: tuple[int, int] | None = None) -> None:
    """Write the host view, which the sandbox can only read, and its guard, `owner`, can write to."""
    view = naming.worktree_state_dir(worktree) / "host.git"
    for directory in ("", "refs", "objects", "objects/info"):
        hostile.make_directory(view.parent, f"{view.name}/{directory}")
        (view / directory).chmod(0o755)
    for name, content in files.items():
        hostile.write(view, name, content, mode=0o644)
    if owner is not None:
        os.chown(view, *owner)


def renew_packed_refs(worktree: Worktree) -> None:
    """Copy the host's packed refs into the host view, if they changed."""
    view, packed = naming.worktree_state_dir(worktree) / "host.git", worktree.repository.common_dir / "packed-refs"
    content = packed.read_bytes() if packed.is_file() else b""
    if view.is_dir() and hostile.read(view, "packed-refs") != content:
        hostile.write(view, "packed-refs", content, mode=0o644)


def read_refs(worktree: Worktree) -> InsideRefs:
    """The refs that the sandbox has now, read as text.

    Raises:
        Refused: the repository is not one any more, or holds something that no git writes.
    """
    root = naming.private_repo(worktree)
    head = _read_text(root, "HEAD", limit=_MAX_LINE)
    if head is None:
        command = shlex.join(["wt", "up", worktree.called])
        raise Refused(
            f"the private repository of {worktree.name} can't be read: it has no HEAD",
            hint=f"`{command}` once it is stopped puts it aside, {root}, and makes a new one",
        )
    if hostile.kind(root, "reftable") is not None:
        back = shlex.join(["wt", "exec", worktree.called, "--", "git", "refs", "migrate", "--ref-format=files"])
        raise Refused(f"the refs inside {worktree.name} are not stored as files", hint=f"`{back}` stores them so")
    names = _packed(_read_text(root, "packed-refs") or "") | dict(_loose(root)) | dict(_own_worktrees(root))
    symbolic = re.fullmatch(r"ref: (refs/heads/.+)", head.strip())
    detached = head.strip() if _OID.fullmatch(head.strip()) else None
    shared = {name: oid for name, oid in names.items() if not name.startswith("refs/remotes/") and name != "refs/stash"}
    return InsideRefs(
        head=symbolic[1] if symbolic and _REF.fullmatch(symbolic[1]) else None,
        detached=detached,
        refs=shared,
        stash=_stash(root, names.get("refs/stash")),
        past=frozenset(_reflog(_read_text(root, f"logs/{worktree.branch}") or "")) if worktree.branch else frozenset(),
        operation=next((checkouts.work(root, sign) for sign in checkouts.OPERATIONS if hostile.kind(root, sign)), None),
    )


def has_submodules(worktree: Worktree) -> bool:
    """Whether there are repositories of submodules in it, with commits of which its own refs say nothing."""
    return hostile.is_directory(naming.private_repo(worktree), "modules")


def remove(worktree: Worktree) -> None:
    """Remove all that wt keeps for a worktree; missing is fine, and what is no directory is not wt's."""
    if hostile.kind(naming.state_dir(worktree.repository), worktree.id) not in (None, stat.S_IFDIR):
        return
    shutil.rmtree(naming.worktree_state_dir(worktree), ignore_errors=False, onerror=_ignore_missing)


def _copied_refs(worktree: Worktree, settings: GitSettings) -> dict[str, str]:
    wanted = sorted({name for name in (worktree.branch, settings.default_branch) if name})
    found = git.refs(worktree.repository, *wanted) if wanted else {}
    return {name: oid for name, oid in found.items() if name in wanted}


def _packed_refs(tips: Mapping[str, str]) -> str:
    return "# pack-refs with: peeled fully-peeled sorted \n" + "".join(
        f"{oid} {name}\n" for name, oid in sorted(tips.items())
    )


def _head(worktree: Worktree) -> str:
    if worktree.branch is not None:
        return f"ref: {worktree.branch}\n"
    return (worktree.git_dir / "HEAD").read_text()


def _config(worktree: Worktree, settings: GitSettings) -> str:
    version = 0 if settings.object_format == "sha1" else 1
    sections: list[tuple[str, Iterable[tuple[str, str]]]] = [
        (
            "core",
            [
                ("repositoryformatversion", str(version)),
                ("filemode", "true"),
                ("bare", "false"),
                ("logallrefupdates", "true"),
                *settings.conversions,
            ],
        ),
    ]
    if version:
        sections.append(("extensions", [("objectFormat", settings.object_format)]))
    user = [(key, value) for key, value in (("name", settings.user_name), ("email", settings.user_email)) if value]
    if user:
        sections.append(("user", user))
    for remote in (each for each in settings.remotes if each.name != "host"):
        refspec = f"+refs/heads/*:refs/remotes/{remote.name}/*"
        sections.append((f'remote "{_escape(remote.name)}"', [("url", remote.url), ("fetch", refspec)]))
    branches = sorted({name for name in (worktree.branch, settings.default_branch) if name})
    followed = [("fetch", f"+{name}:refs/remotes/host/{naming.short_branch(name)}") for name in branches]
    sections.append(('remote "host"', [("url", naming.HOST_VIEW_INSIDE), *followed]))
    return "".join(
        f"[{name}]\n" + "".join(f'\t{key} = "{_escape(value)}"\n' for key, value in entries)
        for name, entries in sections
    )


def _escape(value: str) -> str:
    """A value or a subsection between double quotes (git-config(1), Syntax)."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _read_text(root: Path, path: str, *, limit: int = 64 * 1024 * 1024) -> str | None:
    content = hostile.read(root, path, limit=limit)
    return None if content is None else os.fsdecode(content)


def _packed(text: str) -> dict[str, str]:
    # Two for each ref, and one before them: no more are made, since even an empty one takes fifty bytes.
    lines = text.split("\n", 2 * _MAX_REFS + 2)
    found = [line for line in lines if line[:1] not in {"", "#", "^"}]
    if len(found) > _MAX_REFS or len(lines) > 2 * _MAX_REFS + 2:
        raise Refused(f"a private repository has more than {_MAX_REFS} packed refs", hint="delete some of them, inside")
    pairs = (line.partition(" ") for line in found)
    return {name: oid for oid, _, name in pairs if _OID.fullmatch(oid) and _REF.fullmatch(name)}


def _loose(root: Path) -> Iterable[tuple[str, str]]:
    for name in hostile.files(root, "refs", limit=_MAX_REFS):
        if _REF.fullmatch(name):
            oid = (_read_text(root, name, limit=_MAX_LINE) or "").strip()
            if _OID.fullmatch(oid):
                yield name, oid


def _worktree_files(root: Path) -> Iterable[str]:
    return hostile.files(root, "worktrees", limit=_MAX_REFS)


def _own_worktrees(root: Path) -> Iterable[tuple[str, str]]:
    """What worktrees that were made inside have for themselves: detached HEADs, and refs such as refs/worktree."""
    for path in _worktree_files(root):
        below = path.split("/")[2:]
        if (below == ["HEAD"] or below[:1] == ["refs"]) and _REF.fullmatch(f"refs/{path}"):
            oid = (_read_text(root, path, limit=_MAX_LINE) or "").strip()
            if _OID.fullmatch(oid):
                yield f"refs/{path}", oid


def _stash(root: Path, newest: str | None) -> tuple[str, ...]:
    """Stash entries, newest first, and behind them what git holds for what is under way.

    Raises:
        Refused: there are too many.
    """
    # Each line of the reflog ends one entry's life as the newest.
    log = (_read_text(root, "logs/refs/stash") if newest else "") or ""
    found = [newest, *reversed(_reflog(log)[1:])] if newest else []
    for path in _held(root):
        limit = _MAX_MERGED if path.endswith("MERGE_HEAD") else _MAX_LINE
        found += (_read_text(root, path, limit=limit) or "").split()
        if len(found) > _MAX_STASH or log.count("\n") > _MAX_STASH:
            many = f"a private repository has more than {_MAX_STASH} stash entries"
            raise Refused(many, hint="drop some of them, inside")
    return tuple(dict.fromkeys(oid for oid in found if _OID.fullmatch(oid)))


def _held(root: Path) -> Iterable[str]:
    """The files that name what git holds for what is under way, in the repository or in a worktree made inside."""
    yield from checkouts.HELD
    for path in _worktree_files(root):
        if "/".join(path.split("/")[2:]) in checkouts.HELD:
            yield path


def _reflog(log: str) -> list[str]:
    """What a ref stood at before its first change, and what it was set to since; of many changes, the newest."""
    lines = log.rsplit("\n", _MAX_LOG)
    pairs = [fields[:2] for line in lines if len(fields := line.split(" ", 2)) == 3 and _OID.fullmatch(fields[1])]
    return [pairs[0][0], *(new for _, new in pairs)] if pairs else []


def _ignore_missing(_function: object, _path: str, info: tuple[type[BaseException], BaseException, object]) -> None:
    if not isinstance(info[1], FileNotFoundError):
        raise info[1]


def _give(root: Path, uid: int, gid: int) -> None:
    os.chown(root, uid, gid)
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            os.chown(Path(directory, name), uid, gid, follow_symlinks=False)
