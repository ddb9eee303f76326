"""`wt init`: write the tracked files of a sandbox."""

from pathlib import Path, PurePath

from wt import checkouts, config, git, hostile, naming, node, scaffold
from wt.errors import UsageError
from wt.model import Context, InitReport, Worktree

_IGNORE_FILE = ".gitignore"


def run(context: Context, *, template: str, dry_run: bool, upgrade: bool) -> InitReport:
    """Write what is missing; never over a file that wt did not write.

    Args:
        context: of the command.
        template: the kind of project.
        dry_run: only say what would be written.
        upgrade: write compose.wt.yml again.
    """
    if template not in scaffold.TEMPLATES:
        raise UsageError(f"there is no template {template}", hint=f"there are: {', '.join(scaffold.TEMPLATES)}")
    git.require_version()
    repository, tree = checkouts.locate(context.directory)
    if tree is None:
        raise UsageError(f"{repository.common_dir} is a bare repository", hint="run this in one of its worktrees")
    settings = config.load(tree.path)
    given = settings.node_modules
    packages = node.package_directories(tree.path) if given is None else given
    project = scaffold.Project(
        naming.repository_name(repository),
        node.package_manager(tree.path),
        packages,
        settings.protect,
        _hidden(tree, settings),
    )
    wanted, kept = _choose(tree.path, scaffold.render(template, project), upgrade=upgrade)
    ignores = _ignores(tree.path, project.hide)
    if ignores is not None:
        wanted[_IGNORE_FILE] = ignores
    if not dry_run:
        hostile.make_directory(tree.path, ".devcontainer")
        for path, content in wanted.items():
            hostile.write(tree.path, path, content.encode(errors="surrogateescape"), mode=0o644)
    manager = f"{project.manager.name}, {len(packages)} package{'s' if len(packages) != 1 else ''} with node_modules"
    return InitReport(tuple(wanted), kept, dry_run, (manager,))


def _hidden(tree: Worktree, settings: config.Config) -> tuple[str, ...]:
    """Directories of other worktrees: those in wt.toml, that of new ones, and those that there are by now."""
    known = {*settings.hide, *filter(None, [naming.worktree_folder(tree.repository, settings.worktree_dir)])}
    for path in sorted(checkouts.inner(tree)):
        if not naming.lies_in(PurePath(path), known):
            folder = str(PurePath(path).parent)
            known.add(path if folder == "." or checkouts.tracks(tree, folder) else folder)
    return tuple(sorted(known))


def _choose(root: Path, files: dict[str, str], *, upgrade: bool) -> tuple[dict[str, str], tuple[str, ...]]:
    """The files to write, and what is said of those that stay."""
    wanted: dict[str, str] = {}
    kept: list[str] = []
    for name, text in files.items():
        path = f".devcontainer/{name}"
        present = _present(root, path)
        ours = name == scaffold.COMPOSE_WT and present is not None and present.startswith(scaffold.HEADER)
        if present is None or (ours and upgrade and present != text):
            wanted[path] = text
        elif present != text:
            reason = "differs; --upgrade writes it again" if ours else "is yours and stays as it is"
            kept.append(f"{path} {reason}")
    return wanted, tuple(kept)


def _ignores(root: Path, hidden: tuple[str, ...]) -> str | None:
    """The text of .gitignore with the lines that it lacks; None when it has all."""
    text = _present(root, _IGNORE_FILE) or ""
    there = {line.strip().strip("/") for line in text.splitlines()}
    missing = [line for line in (*scaffold.IGNORED, *(f"{path}/" for path in hidden)) if line.strip("/") not in there]
    if not missing:
        return None
    return text + ("" if not text or text.endswith("\n") else "\n") + "".join(f"{line}\n" for line in missing)


def _present(root: Path, path: str) -> str | None:
    content = hostile.read(root, path)
    return None if content is None else content.decode(errors="surrogateescape")
