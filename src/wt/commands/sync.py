"""`wt sync`: bring in what was committed inside."""

import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from wt import (
    checkouts,
    config,
    docker,
    estates,
    git,
    health,
    importer,
    locks,
    naming,
    observe,
    private_repo,
    selection,
)
from wt.commands import prepare
from wt.errors import Refused, UsageError
from wt.model import Context, ImportReport, InsideRefs, Repository, Worktree


def run(context: Context, names: Iterable[str], accept: str | None = None) -> tuple[ImportReport, ...]:
    """Import each worktree's commits; what was done.

    Args:
        context: of the command.
        names: of worktrees.
        accept: hash of the commit that the user has looked at; it counts for whichever branch it is the tip of.
    """
    accepted = _looked_at(checkouts.locate(context.directory)[0], accept) if accept is not None else None
    return tuple(bring_in(tree, context, accepted=accepted) for tree in selection.selected(context, names, gone=True))


def bring_in(tree: Worktree, context: Context, *, accepted: str | None = None) -> ImportReport:
    """Import one worktree's commits and move its branch where that loses nothing.

    Args:
        tree: the worktree.
        context: of the command.
        accepted: the commit that somebody has looked at.

    Raises:
        ToolError: the sandbox did not serve them.
        Refused: the private repository is broken.
    """
    with _inside(tree, context) as inside:
        if inside is None:
            return ImportReport(tree)
        limits = config.load(tree.path).import_
        return importer.bring_in(tree, inside, lambda: _server(tree), limits, accepted)


def keep(tree: Worktree, context: Context) -> InsideRefs | None:
    """Import one worktree's commits and move nothing; what the inside's refs are, None where there is no inside."""
    with _inside(tree, context) as inside:
        if inside is not None:
            limits = config.load(tree.path).import_
            importer.keep(tree, inside, lambda: _server(tree), limits, git.refs(tree.repository))
        return inside


@contextmanager
def _inside(tree: Worktree, context: Context) -> Iterator[InsideRefs | None]:
    """The inside's refs, for an import that no other one meets; None where there is no private repository."""
    if not private_repo.exists(tree):
        yield None
        return
    if broken := health.damage(tree):
        raise unreadable(tree, broken)
    wait = f"waiting for another import of {tree.name}"
    lock = naming.worktree_state_dir(tree) / "import.lock"
    with prepare.unless_removed(tree, locks.held(lock, on_wait=lambda: context.progress.note(wait), there=True)):
        if (tree.git_dir / "HEAD").is_file():
            private_repo.claim(tree)
        private_repo.renew_packed_refs(tree)
        yield private_repo.read_refs(tree)


def _looked_at(repository: Repository, accept: str) -> str:
    """The whole name of a commit that the host has; asked before anything new comes in that could begin alike.

    Raises:
        UsageError: it is no name of a commit, such as a branch's, which would be whatever is there by now.
        Refused: the host has no such commit, so that nobody can have looked at it, or several.
    """
    if not re.fullmatch("[0-9a-f]{7,64}", accept):
        raise UsageError(f"{accept} is no hash of a commit", hint="--accept takes the one that `wt review` prints")
    found = git.resolve(repository, accept)
    if found is None or not found.startswith(accept):
        raise Refused(f"no commit here is called {accept}", hint="`wt review` shows what there is to be accepted")
    return found


def unreadable(tree: Worktree, broken: str) -> Refused:
    """The error for a private repository that git can't open: what is in it can't be imported."""
    again, rest = (shlex.join(["wt", *words, tree.called]) for words in (("up",), ("rm", "--force")))
    mend = f"`{again}` puts it aside and makes a new one, once it is stopped"
    hint = mend if tree.path.is_dir() else f"`{rest}` puts it aside and removes the rest"
    return Refused(f"the private repository of {tree.name} is broken: {broken}", hint=hint)


def _server(tree: Worktree) -> list[str] | None:
    """The command that serves the inside's objects: in the running sandbox, else in a throw-away container.

    Where the image of its own is gone, that of another sandbox of the repository does as well.
    """
    project = naming.project_name(tree)
    container = observe.app(docker.containers(project=project), project)
    if container is not None and container.running:
        return docker.upload_pack_running(container)
    own = container.image if container else f"{project}-{docker.SERVICE}"
    image = own if docker.image_exists(own) else next(iter(estates.images(tree.repository)), None)
    if image is None:
        return None
    owner = naming.private_repo(tree).lstat()
    objects = tree.repository.common_dir / "objects"
    return docker.upload_pack_stopped(image, naming.private_repo(tree), objects, (owner.st_uid, owner.st_gid))
