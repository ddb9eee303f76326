"""Real repositories, made and used by real git, and real runs of `wt`."""

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from wt import checkouts, importer, naming, private_repo
from wt import git as host
from wt.config import Import
from wt.model import ImportReport, Worktree

WT = str(Path(sysconfig.get_path("scripts"), "wt"))
WORKSPACES = {"package.json": '{"workspaces": ["packages/*"]}', "packages/a/package.json": "{}"}
# A server in a container has none of the client's variables.
SERVE = (
    "env",
    "-u",
    "GIT_OBJECT_DIRECTORY",
    "git",
    "-c",
    "safe.directory=*",
    "-c",
    "uploadpack.allowAnySHA1InWant=true",
    "upload-pack",
    "--strict",
)


def run(
    args: Sequence[str | Path], cwd: Path, *, code: int = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    words, environment = [str(each) for each in args], {**os.environ, **(env or {})}
    none = subprocess.DEVNULL
    done = subprocess.run(
        words, cwd=cwd, stdin=none, capture_output=True, encoding="utf-8", errors="replace", env=environment, timeout=60
    )
    assert done.returncode == code, f"{words} exited with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}"
    return done


def wt(cwd: Path, *args: str, code: int = 0, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return run([WT, *args], cwd, code=code, env=env)


def git(cwd: Path, *args: str, code: int = 0) -> str:
    return run(["git", *args], cwd, code=code).stdout.strip()


def commit(checkout: Path, path: str = "file", text: str = "text\n", message: str = "a commit") -> str:
    (checkout / path).write_text(text)
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(checkout, "rev-parse", "HEAD")


def repository(path: Path, *options: str) -> Path:
    path.mkdir(parents=True)
    git(path, "init", "--quiet", *options)
    commit(path)
    return path.resolve()


def initialised(path: Path, files: Mapping[str, str] | None = None) -> Path:
    """A repository with these files in which `wt init` has run."""
    repository(path)
    for name, text in (files or {}).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    wt(path, "init")
    commit(path)
    return path.resolve()


def copied(checkout: Path, place: Path) -> Path:
    """A copy of a checkout in a directory, whose index knows its files."""
    path = place / checkout.name
    shutil.copytree(checkout, path, symlinks=True)
    git(path, "reset", "--quiet")
    return path


def linked(checkout: Path, name: str = "feature", branch: str | None = None) -> Path:
    git(checkout, "worktree", "add", "--quiet", "-b", branch or name, f"../{name}")
    return checkout.parent / name


def worktree(path: Path) -> Worktree:
    _, tree = checkouts.locate(path)
    assert tree is not None
    return tree


def create(path: Path) -> Worktree:
    """The worktree at `path`, with a private repository."""
    tree = worktree(path)
    private_repo.create(tree, host.settings(tree.repository, tree.branch))
    return tree


class Inside:
    """What an agent does in its private repository; the borrowed objects lie at another place than in a container."""

    def __init__(self, path: Path) -> None:
        self._use(create(path))

    @classmethod
    def prepared(cls, path: Path) -> "Inside":
        """That of a worktree which has its private repository already."""
        self = cls.__new__(cls)
        self._use(worktree(path))
        return self

    def _use(self, tree: Worktree) -> None:
        self.tree = tree
        self.path = naming.private_repo(tree)
        self.server = [*SERVE, str(self.path)]
        (self.path / "objects/info/alternates").write_text(f"{tree.repository.common_dir}/objects\n")

    def git(self, *args: str, code: int = 0) -> str:
        return git(self.tree.path, f"--git-dir={self.path}", f"--work-tree={self.tree.path}", *args, code=code)

    def commit(self, path: str = "inside", text: str = "made inside\n") -> str:
        (self.tree.path / path).write_text(text)
        self.git("add", "--", path)
        self.git("commit", "--quiet", "--message", "made inside")
        return self.git("rev-parse", "HEAD")

    def bring_in(self) -> ImportReport:
        """Import what it has."""
        return importer.bring_in(self.tree, private_repo.read_refs(self.tree), lambda: self.server, Import())
