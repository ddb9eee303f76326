"""Carries out a plan, step by step, and takes it back when it fails half-way."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import assert_never

from wt import (
    borrowed,
    checkouts,
    compose,
    docker,
    git,
    hostile,
    importer,
    inventory,
    naming,
    private_repo,
    process,
    trash,
)
from wt.errors import WtError
from wt.model import Progress, Worktree
from wt.steps import (
    AddWorktree,
    BuildImage,
    CreateNetwork,
    CreatePrivateRepository,
    DeleteBranch,
    EmptyTrash,
    HandOver,
    MakeDirectory,
    MoveToTrash,
    RecordRepository,
    RemoveHoldings,
    RemoveProject,
    RemoveRefs,
    RemoveState,
    RemoveWorktree,
    StartSandbox,
    StartShared,
    Step,
    StopSandbox,
    WriteFile,
    WriteHostView,
)


def carry_out(steps: Iterable[Step], progress: Progress, *, begun: list[Step] | None = None) -> None:
    """Carry out steps in order; those done before a failure stay done.

    Args:
        steps: the plan.
        progress: told of each step that is worth a word.
        begun: gets each step before it is carried out, for `undone_on_failure`.
    """
    for step in steps:
        if begun is not None:
            begun.append(step)
        text = describe(step)
        if text is None:
            _perform(step, progress)
        else:
            with progress.step(text):
                _perform(step, progress)


@contextmanager
def undone_on_failure(progress: Progress) -> Iterator[list[Step]]:
    """Take back what the block has begun, the last step first, when it fails or is interrupted.

    The block gets the list that `carry_out` adds to.
    """
    begun: list[Step] = []
    try:
        yield begun
        # Interrupted before this line, all is undone; after it, nothing: there is no moment between.
        process.ignore_signals()
    except BaseException:
        with process.uninterrupted():
            if begun:
                progress.note("undoing what was begun")
            for step in reversed(begun):
                try:
                    _undo(step)
                except (WtError, OSError) as error:
                    progress.note(f"could not undo: {describe(step)} ({error})")
        raise


def describe(step: Step) -> str | None:  # noqa: C901 - one line for each kind of step
    """The step in the user's words; None where it is too small to speak of."""
    match step:
        case AddWorktree(path=path, branch=branch, start=start):
            origin = f" from {start[:10]}" if start else ""
            return f"worktree {path} on branch {branch}{origin}"
        case CreatePrivateRepository(worktree=tree):
            return f"private repository of {tree.name}"
        case CreateNetwork(name=name):
            return f"network {name}"
        case StartShared(services=services):
            return f"shared services: {', '.join(services)}"
        case BuildImage(compose=project):
            return f"image of {project.name}"
        case StartSandbox(compose=project):
            return f"sandbox {project.name}"
        case StopSandbox(project=project):
            return f"{project} stopped"
        case RemoveProject(project=project):
            return f"containers, volumes and image of {project} removed"
        case RemoveWorktree(worktree=tree):
            return f"worktree {tree.path} removed"
        case DeleteBranch(branch=branch, tip=tip):
            return f"branch {naming.short_branch(branch)} deleted, which was at {tip[:10]}"
        case WriteFile() | MakeDirectory() | RecordRepository() | WriteHostView() | HandOver():
            return None
        case MoveToTrash() | RemoveState() | RemoveRefs() | EmptyTrash() | RemoveHoldings():
            return None
        case _:
            assert_never(step)


def _perform(step: Step, progress: Progress) -> None:  # noqa: C901 - one line for each kind of step
    match step:
        case WriteFile(worktree=tree, path=path, content=content, mode=mode, owner=owner):
            hostile.write(tree.path, path, content, mode=mode, owner=owner)
        case MakeDirectory(worktree=tree, path=path, owner=owner):
            hostile.make_directory(tree.path, path, owner=owner)
        case RecordRepository(repository=repository):
            checkouts.record(repository)
        case CreatePrivateRepository(worktree=tree, settings=settings, user=user):
            owner = (user.sandbox_uid, user.sandbox_gid) if user.is_root else None
            private_repo.create(tree, settings, owner=owner)
        case WriteHostView(worktree=tree, settings=settings, owner=owner):
            private_repo.write_host_view(tree, private_repo.host_view_files(tree, settings), owner=owner)
        case CreateNetwork(name=name, owner=owner):
            docker.create_network(name, naming.network_labels(owner))
        case StartShared(compose=project, services=services, seconds=seconds):
            which = {"recreate": step.recreate, "force": step.force}
            compose.up_and_wait(project, services, progress.detail, seconds=seconds, **which)
        case AddWorktree(repository=repository, path=path, branch=branch, start=start):
            checkouts.add_worktree(repository, path, branch, start, promised=step.promised)
        case HandOver(worktree=tree, user=user):
            _hand_over(tree.path, user.sandbox_uid, user.sandbox_gid)
            checkouts.keep_promise(tree)
        case BuildImage(compose=project):
            compose.build(project, progress.detail)
        case StartSandbox(compose=project):
            compose.up(project, progress.detail, recreate=step.recreate, force=step.force)
        case StopSandbox(project=project):
            docker.stop(project)
        case RemoveProject(project=project):
            docker.remove_project(project)
        case RemoveHoldings(holdings=holdings):
            inventory.remove(holdings)
        case MoveToTrash(worktree=tree):
            trash.put(tree)
        case EmptyTrash(repository=repository):
            trash.empty(repository)
        case RemoveWorktree(worktree=tree):
            if not checkouts.remove_worktree(tree):
                progress.note(f"{tree.path} is there again, made by something else, and stays")
        case RemoveState(worktree=tree):
            trash.put_state(tree)
        case RemoveRefs(worktree=tree):
            _remove_refs(tree)
        case DeleteBranch(repository=repository, branch=branch, tip=tip):
            git.update_refs(repository, borrowed.heirs(repository, {branch: tip}))
            git.delete_branch(repository, branch, tip)
        case _:
            assert_never(step)


def _undo(step: Step) -> None:
    match step:
        case AddWorktree(repository=repository, path=path, branch=branch, start=start, parents=parents):
            for tree in checkouts.worktrees(repository):
                if tree.path == path:
                    checkouts.remove_worktree(tree)
            for directory in parents:
                with suppress(OSError):
                    directory.rmdir()
            full = f"refs/heads/{branch}"
            if start is not None and git.resolve(repository, full) == start:
                git.update_refs(repository, {full: (None, start)})
        case CreatePrivateRepository(worktree=tree) if _holds_nothing(tree):
            # What was imported is not of one that was made just now.
            private_repo.remove(tree)
            _remove_refs(tree, "base/")
        case BuildImage(compose=project) | StartSandbox(compose=project):
            docker.remove_project(project.name)
        case _:
            pass  # what is in the worktree goes with it; network and shared services serve others too


def _holds_nothing(tree: Worktree) -> bool:
    """Whether a private repository has nothing that the host lacks: it may have been there before."""
    return not private_repo.exists(tree) or not importer.missing(
        tree, private_repo.read_refs(tree), git.refs(tree.repository)
    )


def _remove_refs(tree: Worktree, kind: str = "") -> None:
    found, base = git.refs(tree.repository, naming.ref_prefix(tree) + kind), f"{naming.ref_prefix(tree)}base/"
    imported = {name: oid for name, oid in found.items() if not name.startswith(base)}
    kept = borrowed.heirs(tree.repository, imported, but=tree.id)
    gone: borrowed.Changes = {name: (None, oid) for name, oid in found.items()}
    git.update_refs(tree.repository, gone | kept)


def _hand_over(top: Path, uid: int, gid: int) -> None:
    """Root's git goes on accepting the worktree: top directory and `.git` stay root's, the group may write.

    What configures the sandbox stays root's, too; the group may read it, whatever the umask, but for `.env`.
    """
    ours = top / ".devcontainer"
    for directory, names, files in os.walk(top):
        for name in (*names, *files):
            path = Path(directory, name)
            if not path.is_relative_to(ours) and path != top / ".git":
                os.chown(path, uid, gid, follow_symlinks=False)
            elif path.is_relative_to(ours) and path != ours / ".env":
                os.chown(path, 0, gid, follow_symlinks=False)
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o050 if path.is_dir() else 0o040))
    os.chown(top, 0, gid)
    top.chmod(0o775)
