"""`wt sync`: bring in what was committed inside."""

import shlex
from collections.abc import Iterable, Sequence

from wt import config, docker, health, importer, locks, naming, observe, private_repo, selection
from wt.errors import Refused
from wt.model import Context, ImportReport, Worktree


def run(context: Context, names: Iterable[str]) -> tuple[ImportReport, ...]:
    """Import each worktree's commits; what was done."""
    return tuple(bring_in(tree, context) for tree in selection.selected(context, names, gone=True))


def bring_in(tree: Worktree, context: Context, *, images: Sequence[str] = ()) -> ImportReport:
    """Import one worktree's commits and move its branch where that loses nothing.

    Args:
        tree: the worktree.
        context: of the command.
        images: those that can serve its commits where its own is gone.

    Raises:
        ToolError: the sandbox did not serve them.
        Refused: the private repository is broken.
    """
    if not private_repo.exists(tree):
        return ImportReport(tree)
    if broken := health.damage(tree):
        raise unreadable(tree, broken)
    wait = f"waiting for another import of {tree.name}"
    with locks.held(naming.worktree_state_dir(tree) / "import.lock", on_wait=lambda: context.progress.note(wait)):
        private_repo.renew_packed_refs(tree)
        inside = private_repo.read_refs(tree)
        limits = config.load(tree.path).import_
        return importer.bring_in(tree, inside, lambda: _server(tree, images), limits)


def unreadable(tree: Worktree, broken: str) -> Refused:
    """The error for a private repository that git can't open: what is in it can't be imported."""
    again, rest = (shlex.join(["wt", *words, tree.name]) for words in (("up",), ("rm", "--force")))
    mend = f"`{again}` puts it aside and makes a new one, once it is stopped"
    hint = mend if tree.path.is_dir() else f"`{rest}` puts it aside and removes the rest"
    return Refused(f"the private repository of {tree.name} is broken: {broken}", hint=hint)


def _server(tree: Worktree, images: Sequence[str]) -> list[str] | None:
    """The command that serves the inside's objects: in the running sandbox, else in a throw-away container."""
    project = naming.project_name(tree)
    container = observe.app(docker.containers(project=project), project)
    if container is not None and container.running:
        return docker.upload_pack_running(container)
    own = container.image if container else f"{project}-{docker.SERVICE}"
    image = next(filter(docker.image_exists, (own, *images)), None)
    if image is None:
        return None
    owner = naming.private_repo(tree).lstat()
    objects = tree.repository.common_dir / "objects"
    return docker.upload_pack_stopped(image, naming.private_repo(tree), objects, (owner.st_uid, owner.st_gid))
