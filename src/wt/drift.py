"""Names what is not as wt left it, and the command that mends it; pure."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wt import naming
from wt.model import Container, Finding, Repository, Worktree
from wt.weakness import BESIDE, SERVICE

_ENV = ".devcontainer/.env"


@dataclass(frozen=True)
class Sight:
    """What was observed of one worktree.

    Attributes:
        place: what is at its path: directory, symlink (to one), other or nothing.
        moved_to: where its directory is now, as far as that was found.
        unmounted: the mount point that it may have lain on, where nothing is mounted.
        removed: `wt rm` took its directory away, and did not end.
        pointer: where its `.git` leads: here, nowhere (there is none), another (repository, which has it too),
            stranger (one that does not) or other (it is no file).
        lacks: files that git's admin directory of it lacks, or that say nothing.
        inside_branch: the branch that is checked out inside, if the host has it, too.
        unreadable: what git complains of, and whether that is the index.
        broken_branch: what git complains of where it looks for the commit that it is at, and what to do about it.
        gone_branch: what is said of a branch that was deleted, the line that makes it again, and a hint without one.
        unfinished: what git has not made, or not any more, and the line that ends that.
        damage: what is broken about its private repository.
        replaced: whether that is another one than wt made.
        untrusted: its `.devcontainer` differs from what the user approved.
        refusal: why it can't be prepared, and what to do.
        unprepared: what `prepare` would write again.
        outdated: whether its containers were made with another configuration than today's.
        containers: those of its sandbox; None when docker can't be asked.
        services: names of those that should have one.
        astray: those on a network that is gone.
    """

    worktree: Worktree
    place: str = "directory"
    moved_to: Path | None = None
    unmounted: Path | None = None
    removed: bool = False
    pointer: str = "here"
    lacks: tuple[str, ...] = ()
    inside_branch: str | None = None
    unreadable: tuple[str, bool] | None = None
    broken_branch: tuple[str, str] | None = None
    gone_branch: tuple[str, str | None, str | None] | None = None
    unfinished: tuple[str, str] | None = None
    damage: str | None = None
    replaced: bool = False
    untrusted: bool = False
    refusal: tuple[str, str | None] | None = None
    unprepared: tuple[str, ...] = ()
    outdated: bool = False
    containers: tuple[Container, ...] | None = ()
    services: tuple[str, ...] = ()
    astray: tuple[Container, ...] = ()


@dataclass(frozen=True)
class Forgotten:
    """A directory that git made as a worktree, and whose admin directory is gone.

    Attributes:
        entry: the name of that admin directory.
        branch: short name of the branch that it was on, as far as anything says so, if that is free.
    """

    path: Path
    entry: str
    branch: str | None


@dataclass(frozen=True)
class Ground:
    """What was observed of the repository around its worktrees.

    Attributes:
        forgotten: directories of worktrees that git does not know any more.
        copies: copies of a worktree's directory, with that worktree.
        hollow: admin directories that don't say where their worktree is, with its directory where that was found.
        shared_astray: containers of shared services on a network that is gone.
    """

    repository: Repository
    forgotten: tuple[Forgotten, ...] = ()
    copies: tuple[tuple[Path, Worktree], ...] = ()
    hollow: tuple[tuple[Path, Path | None], ...] = ()
    shared_astray: tuple[Container, ...] = field(default=())


def findings(ground: Ground, sights: Sequence[Sight]) -> tuple[Finding, ...]:
    """All that is wrong with the worktrees and sandboxes of a repository."""
    found = [each for sight in sights for each in _of(sight, sight.worktree.called)]
    return (*_of_ground(ground), *found)


def _of(sight: Sight, name: str) -> Iterable[Finding]:
    """What is wrong with one worktree; where the ground is gone, nothing is said of what stands on it."""
    if sight.place != "directory":
        return [_absent(sight, name)]
    if lost := _entry(sight):
        return lost
    return [*_pointer(sight), *_branch(sight), *_private(sight, name), *_prepared(sight, name), *_sandbox(sight, name)]


def _absent(sight: Sight, name: str) -> Finding:
    tree, path = sight.worktree, sight.worktree.path
    remove = _line("wt", "rm", "--force", name)
    if sight.place == "symlink":
        mend = _line("git", "worktree", "repair", sight.moved_to) if sight.moved_to else _line("rm", path)
        return Finding("symlink", tree, f"{path} is a symlink, which wt does not follow", mend, "its target stays")
    if sight.moved_to is not None:
        there = _line("git", "worktree", "repair", sight.moved_to)
        return Finding("moved", tree, f"{path} was moved to {sight.moved_to} without git", there)
    if sight.removed:
        return Finding("half removed", tree, f"wt rm of {tree.name} was interrupted", _line("wt", "rm", name))
    if sight.place == "other":
        kept = "what has its place is kept"
        return Finding("no directory", tree, f"{path} is no directory any more", remove, kept)
    if sight.unmounted is not None:
        why = f"{path} may lie on a disk that is not mounted: {sight.unmounted}"
        return Finding("not mounted", tree, why, None, f"mount it; `{remove}` where it was deleted")
    alive = any(each.alive for each in sight.containers or ())
    message = f"{path} is gone" + (", and its sandbox runs" if alive else "")
    hint = "commits from inside are imported first; `git worktree repair NEW_PATH` instead, where it was moved"
    if tree.locked is not None:
        reason = f": {tree.locked.strip()}" if tree.locked.strip() else ""
        unlock = f"{_line('git', 'worktree', 'unlock', path)} && {remove}"
        return Finding("gone, locked", tree, f"{message}; it is locked{reason}", unlock, f"bring it back, else {hint}")
    return Finding("gone", tree, message, remove, hint)


def _entry(sight: Sight) -> list[Finding]:
    """What is wrong with git's own files of a worktree."""
    tree, admin = sight.worktree, sight.worktree.git_dir
    texts = {"HEAD": sight.inside_branch and f"ref: {sight.inside_branch}", "commondir": "../.."}
    found = []
    for lack in sight.lacks:
        text = texts[lack]
        command = f"{_line('echo', text)} > {shlex.quote(str(admin / lack))}" if text else None
        message = f"git can't read {tree.path}: {admin} has no {lack}, or one that says nothing"
        found.append(Finding("unreadable", tree, message, command, f"look at {admin}" if command is None else None))
    if sight.unreadable and not found:
        complaint, index = sight.unreadable
        again = f"{_line('rm', admin / 'index')} && {_line('git', '-C', tree.path, 'reset', '--quiet')}"
        message = f"git can't read {tree.path}: {complaint}"
        hint = "what was staged is in the files still" if index else f"look at {admin}"
        found.append(Finding("unreadable", tree, message, again if index else None, hint))
    if sight.broken_branch and not found:
        message, hint = sight.broken_branch
        found.append(Finding("branch broken", tree, message, None, hint))
    if sight.unfinished and not found:
        message, line = sight.unfinished
        found.append(Finding("half made", tree, message, line, "once no git is at work there; no file is overwritten"))
    return found


def _pointer(sight: Sight) -> list[Finding]:
    tree, path = sight.worktree, sight.worktree.path
    repair = _line("git", "worktree", "repair", path)
    match sight.pointer:
        case "nowhere":
            return [Finding("no .git", tree, f"{path} has no .git", _line("git", "worktree", "repair"))]
        case "other":
            away = _line("mv", path / ".git", path / ".git.aside")
            message = f"{path / '.git'} is no file"
            return [Finding("no .git", tree, message, f"{away} && {_line('git', 'worktree', 'repair')}")]
        case "stranger":
            return [Finding("cut off", tree, f"the .git of {path} does not lead to this repository", repair)]
        case "another":
            message = f"{path} is a worktree of another repository, which this one was copied from"
            return [Finding("another's", tree, message, _line("rm", "-r", tree.git_dir), "its directory stays")]
    return []


def _branch(sight: Sight) -> list[Finding]:
    return [Finding("branch gone", sight.worktree, *sight.gone_branch)] if sight.gone_branch else []


def _private(sight: Sight, name: str) -> list[Finding]:
    tree, private = sight.worktree, naming.private_repo(sight.worktree)
    up, first = _line("wt", "up", name), _first(sight, name)
    if sight.damage:
        message = f"the private repository of {tree.name} is broken: {sight.damage}"
        return [Finding("broken", tree, message, first + up, "it is put aside, not deleted, and a new one made")]
    if sight.replaced:
        aside = naming.state_dir(tree.repository) / naming.ASIDE
        place = _line("mktemp", "-d", aside / f"{tree.id}.XXXXXX")
        away = f'{_line("mkdir", "-p", aside)} && {_line("mv", private)} "$({place})"'
        message = f"the private repository of {tree.name} is not the one that wt made: it borrows nothing of the host"
        hint = "`wt sync` first, if it has commits that you want"
        return [Finding("replaced", tree, message, f"{first}{away} && {up}", hint)]
    return []


def _first(sight: Sight, name: str) -> str:
    """What stops the sandbox before the rest of a line, where it runs."""
    alive = any(each.alive for each in sight.containers or ())
    return f"{_line('wt', 'down', name)} && " if alive else ""


def _prepared(sight: Sight, name: str) -> list[Finding]:
    tree = sight.worktree
    if sight.untrusted:
        message = f".devcontainer of {tree.name} differs from what you trusted"
        return [Finding("untrusted", tree, message, _line("wt", "trust", name), "it shows what differs, and asks")]
    if sight.refusal:
        message, hint = sight.refusal
        return [Finding("refused", tree, f"no sandbox can start: {message}", None, hint)]
    if not sight.unprepared:
        return []
    again = f"(cd {shlex.quote(str(tree.path))} && wt prepare)"
    if sight.containers:
        # What a container has mounted stays the deleted one until it is started again.
        first = _first(sight, name) if {*sight.unprepared} - {_ENV} else ""
        again = first + _line("wt", "up", name)
    message = f"missing, or not as wt wrote it: {', '.join(sight.unprepared)}"
    return [Finding("unprepared", tree, message, again)]


def _sandbox(sight: Sight, name: str) -> list[Finding]:
    tree, up = sight.worktree, _line("wt", "up", name)
    found = sight.containers or ()
    if sight.outdated:
        message = f"the sandbox of {tree.name} is from an older configuration"
        hint = "it is made again: its volumes stay, and what is elsewhere in the container goes"
        return [Finding("outdated", tree, message, up, hint)]
    if sight.astray:
        return [Finding("network gone", tree, f"the network of {_names(sight.astray)} was removed", up)]
    rows = [*(_container(tree, name, each) for each in found), *_ended(sight, up), _incomplete(sight, up)]
    return [each for each in rows if each is not None]


def _container(tree: Worktree, name: str, container: Container) -> Finding | None:
    logs, up = _line("wt", "logs", name), _line("wt", "up", name)
    if container.paused:
        return Finding("paused", tree, f"{container.name} is paused", up)
    if container.state == "restarting":
        return Finding("restarting", tree, f"{container.name} ends again and again", logs, "it says why")
    if container.running and container.unhealthy:
        return Finding("unhealthy", tree, f"{container.name} is unhealthy", logs, "it says why")
    if container.state in {"created", "dead"}:
        return Finding("not started", tree, f"{container.name} was made, and never started", up)
    return None


def _ended(sight: Sight, up: str) -> list[Finding]:
    """What the sandbox runs without; a service of the user's that ended with 0 has done its work."""
    found = sight.containers or ()
    if not any(each.running and each.service == SERVICE for each in found):
        return []
    ended = [
        each
        for each in found
        if each.state == "exited" and (each.service in BESIDE or (each.service and "Exited (0)" not in each.status))
    ]
    return [Finding("not running", sight.worktree, f"{each.name} has ended", up) for each in ended]


def _incomplete(sight: Sight, up: str) -> Finding | None:
    """Nothing at all is a sandbox that was never started, or is to be made again: that is well."""
    missing = sorted({*sight.services} - {each.service for each in sight.containers or ()})
    if not missing or not sight.containers:
        return None
    message = f"the sandbox of {sight.worktree.name} has no container of {', '.join(missing)}"
    return Finding("incomplete", sight.worktree, message, up)


def _of_ground(ground: Ground) -> list[Finding]:
    found = [_forgotten(each) for each in ground.forgotten]
    for path, tree in ground.copies:
        message = f"{path} is a copy of {tree.path}: git takes both for one worktree"
        found.append(Finding("copy", tree, message, _line("rm", path / ".git"), "the rest of the copy stays"))
    for entry, place in ground.hollow:
        command = _line("git", "worktree", "repair", place) if place else None
        remove = _line("rm", "-r", entry)
        hint = f"`git worktree repair PATH`, where its directory is elsewhere; where it is gone, `{remove}`: what is "
        hint += "staged in it, or committed on no branch, goes with it"
        message = f"{entry} does not say where its worktree is"
        found.append(Finding("hollow entry", None, message, command, None if place else hint))
    if ground.shared_astray:
        message = f"the network of {_names(ground.shared_astray)} was removed"
        found.append(Finding("network gone", None, message, _line("wt", "shared", "up")))
    return found


def _forgotten(lost: Forgotten) -> Finding:
    """git can't repair it: an empty worktree is made, whose `.git` takes the place of the one that leads nowhere."""
    path = lost.path
    beside = path.with_name(f"{path.name}.new")
    made = beside / lost.entry
    how = [lost.branch] if lost.branch else []
    add = ("git", "worktree", "add", "--quiet", "--no-checkout", *([] if lost.branch else ["--detach"]), "--", made)
    steps = (
        (*add, *how),
        ("mv", "-f", made / ".git", path / ".git"),
        ("rmdir", made, beside),
        ("git", "worktree", "repair", path),
        ("git", "-C", path, "reset", "--quiet"),
    )
    message = f"{path} was a worktree of this repository, and git does not know it any more"
    hint = "it is a worktree again, with all its files" + ("" if lost.branch else ", and on no branch")
    return Finding("forgotten", None, message, " && ".join(_line(*each) for each in steps), hint)


def _names(containers: Iterable[Container]) -> str:
    return ", ".join(each.name for each in containers)


def _line(*words: object) -> str:
    return shlex.join(map(str, words))
