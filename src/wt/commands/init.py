"""`wt init`: write the tracked files of a sandbox."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath

from wt import checkouts, config, git, hostile, naming, node, scaffold, texts, trust
from wt.errors import UsageError
from wt.model import Context, InitReport, Worktree

IGNORE_FILE = ".gitignore"
COMPOSE_WT = f".devcontainer/{scaffold.COMPOSE_WT}"
DEVCONTAINER = ".devcontainer/devcontainer.json"
# Of a file that people write by hand.
_MAX_BYTES = 4 * 1024**2


def run(context: Context, *, template: str, dry_run: bool, upgrade: bool) -> InitReport:
    """Write what is missing; never over a file that wt did not write, and unasked only where wt was never before.

    Args:
        context: of the command.
        template: the kind of project.
        dry_run: only say what would be written.
        upgrade: change what an earlier init wrote, too.
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
        settings.docker_api,
    )
    files = {f".devcontainer/{name}": text for name, text in scaffold.render(template, project).items()}
    before = {path: _present(tree.path, path) for path in (*files, IGNORE_FILE)}
    wanted = _wanted(files, before, project.hide)
    initialised = _is_ours(before, COMPOSE_WT)
    idle = dry_run or (initialised and not upgrade)
    if not idle:
        with _trusting(tree):
            _write(tree.path, wanted)
    manager = f"{project.manager.name}, {len(packages)} package{'s' if len(packages) != 1 else ''} with node_modules"
    theirs, ours = before[DEVCONTAINER], files[DEVCONTAINER]
    return InitReport(
        written=tuple(wanted),
        kept=tuple(path for path, text in files.items() if path not in wanted and before[path] != text),
        dry_run=idle,
        diff=tuple(line for path, text in wanted.items() for line in _diff(path, before[path], text)),
        needed=scaffold.missing_settings(theirs, ours) if theirs is not None else (),
        notes=(manager,),
        next=_next(initialised=initialised, idle=idle) if wanted else None,
    )


@contextmanager
def _trusting(tree: Worktree) -> Iterator[None]:
    """What the user has written over an approved version is approved, too; the first use comes later."""
    approved = trust.known(tree.repository) and trust.is_trusted(tree.repository, trust.look(tree.path))
    yield
    if approved and not trust.is_trusted(tree.repository, version := trust.look(tree.path)):
        trust.record(tree.repository, version)


def _hidden(tree: Worktree, settings: config.Config) -> tuple[str, ...]:
    """Directories of other worktrees: those in wt.toml, that of new ones, and those that there are by now."""
    known = {*settings.hide, *filter(None, [naming.worktree_folder(tree.repository, settings.worktree_dir)])}
    for path in sorted(checkouts.nested(tree)[0]):
        if not naming.lies_in(PurePath(path), known):
            folder = str(PurePath(path).parent)
            known.add(path if folder == "." or checkouts.tracks(tree, folder) else folder)
    return tuple(sorted(known))


def _wanted(files: Mapping[str, str], before: Mapping[str, str | None], hidden: tuple[str, ...]) -> dict[str, str]:
    """The files to write: those that are missing, and those of wt that differ."""
    wanted = {
        path: text
        for path, text in files.items()
        if before[path] is None or (before[path] != text and _is_ours(before, path))
    }
    ignores = _ignores(before[IGNORE_FILE] or "", hidden)
    return wanted if ignores is None else wanted | {IGNORE_FILE: ignores}


def _is_ours(before: Mapping[str, str | None], path: str) -> bool:
    return path == COMPOSE_WT and (before[path] or "").startswith(scaffold.HEADER)


def _write(root: Path, files: Mapping[str, str]) -> None:
    hostile.make_directory(root, ".devcontainer")
    for path, content in files.items():
        hostile.write(root, path, content.encode(errors="surrogateescape"), mode=0o644)


def _diff(path: str, before: str | None, after: str) -> Iterator[str]:
    """What changes in a file that is there, as a unified diff."""
    if before is not None:
        yield from texts.Comparison(context=1).unified(path, before.splitlines(), after.splitlines())


def _next(*, initialised: bool, idle: bool) -> str:
    """What a person does next."""
    if idle:
        return f"wt init{' --upgrade' if initialised else ''} writes this"
    if initialised:
        return "read git diff, commit, then: wt up"
    return "read .devcontainer/docker-compose.yml, commit, then: wt new NAME"


def _ignores(text: str, hidden: tuple[str, ...]) -> str | None:
    """The text of .gitignore with the lines that it lacks; None when it has all."""
    there = {line.strip().strip("/") for line in text.splitlines()}
    missing = [line for line in (*scaffold.IGNORED, *(f"{path}/" for path in hidden)) if line.strip("/") not in there]
    if not missing:
        return None
    return text + ("" if not text or text.endswith("\n") else "\n") + "".join(f"{line}\n" for line in missing)


def _present(root: Path, path: str) -> str | None:
    content = hostile.read(root, path, limit=_MAX_BYTES)
    return None if content is None else content.decode(errors="surrogateescape")
