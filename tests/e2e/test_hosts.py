"""States of the host, on a real engine: each works, or is one clear line and leaves everything as it was."""

import ipaddress
import json
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support import Account, Repository, as_root, as_user, by_root, docker, tree

WORK = "git status --porcelain && date >a && git add a && git commit -qm inside && git fetch -q host && git gc -q"


def with_umask(repository: Repository, umask: str, script: str, *, code: int = 0) -> str:
    """What a script of wt and git says, under a umask, in the main checkout."""
    done = repository.account.run("sh", "-c", f"umask {umask} && {script}", cwd=repository.path, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def made_with(umask: str, repository: Repository) -> None:
    """Give a repository the modes that it would have, had it been made under a umask."""
    with_umask(
        repository, umask, "mv .git ../g; cp -r . ../copy; rm -r ./* .[a-z]*; cp -r ../copy/. .; cp -r ../g .git"
    )


@pytest.mark.parametrize("umask", ["077", "002"])
def test_a_sandbox_under_any_umask(repository: Repository, umask: str) -> None:
    made_with(umask, repository)
    objects = repository.path / ".git/objects"
    if repository.account.uid == 0 and umask == "077":
        said = with_umask(repository, umask, "wt new x", code=3)
        assert f"{objects} can't be read by the sandbox's user 1000:1000" in said
        assert not repository.path.with_name("shop-x").exists()
        opened, lasting = said.partition("hint: ")[2].split("`")[1::2]
        repository.git("worktree", "prune")
        repository.account.run("sh", "-c", f"{opened} && {lasting}", cwd=repository.path)
        repository.path.chmod(0o700)
        assert f"wt: {repository.path} can't be read" in with_umask(repository, umask, "wt prepare", code=3)
    with_umask(repository, umask, "wt new x")
    path = repository.worktree("x")
    assert (path / ".devcontainer/.env").stat().st_mode & 0o777 == 0o600
    assert repository.inside("x", WORK).stdout == ""
    assert "1 commit further" in with_umask(repository, umask, "wt sync x")
    with_umask(repository, umask, "git commit -q --allow-empty -m second && wt new y --from x")
    assert repository.inside("x", "git fetch -q host && git rebase -q host/main && git fsck").returncode == 0
    assert repository.inside("y", f"cat .devcontainer/wt.toml >/dev/null && {WORK}").stdout == ""
    assert repository.git("status", "--porcelain", cwd=path) == ""
    assert "kept" in with_umask(repository, umask, "wt down x y")


@pytest.fixture
def stranger(account: Account, workshop: Path) -> Iterator[Account]:
    """An ordinary user whose uid and gid are nobody else's, another run's neither, in the group `docker`."""
    name, number = f"wt-odd-{os.getpid()}", str(20_000 + os.getpid() % 40_000)
    home = workshop / name
    subprocess.run(["groupadd", "--gid", number, name], check=True)
    options = ("--uid", number, "--gid", number, "--groups", "docker", "--create-home", "--home-dir", str(home))
    subprocess.run(["useradd", *options, name], check=True)
    try:
        entry = pwd.getpwnam(name)
        groups = tuple(os.getgrouplist(name, entry.pw_gid))
        found = Account(name, entry.pw_uid, entry.pw_gid, groups, home, account.tools)
        for key, value in (("user.name", "Ada"), ("user.email", "ada@example.org"), ("safe.directory", "*")):
            found.run("git", "config", "--global", key, value)
        yield found
    finally:
        subprocess.run(["userdel", name], check=True)


def cloned(repository: Repository, account: Account) -> Repository:
    """A clone of a repository for another account."""
    found = Repository(account, account.home / "work" / "shop")
    account.run("git", "clone", "--quiet", repository.path, found.path)
    return found


@as_root
def test_a_uid_that_is_not_1000(repository: Repository, stranger: Account) -> None:
    theirs = cloned(repository, stranger)
    try:
        with_umask(theirs, "077", "wt new x")
        assert theirs.inside("x", f"{WORK}; id -u; id -g").stdout.split() == [str(stranger.uid)] * 2
        assert "1 commit further" in theirs.wt("sync", "x").stdout
        owners = {path.lstat().st_uid for path in theirs.path.parent.rglob("*")}
        assert owners == {stranger.uid}
    finally:
        theirs.remove()


@as_root
def test_a_user_whom_docker_refuses(repository: Repository, stranger: Account) -> None:
    theirs = cloned(repository, replace(stranger, groups=(stranger.gid,)))
    try:
        said = theirs.wt("new", "x", check=False)
        assert said.returncode == 4
        assert said.stderr.splitlines()[-2:] == [
            "wt: Docker refuses this user",
            "hint: add the user to the group `docker` and log in again",
        ]
        assert theirs.git("for-each-ref", "refs/heads/x") == "" and not theirs.path.with_name("shop-x").exists()
        assert "unknown" in theirs.wt("ls").stdout
    finally:
        theirs.remove()


@as_root
def test_somebody_elses_repository(repository: Repository, stranger: Account) -> None:
    repository.wt("prepare")
    before = tree(repository.path, without=[".git/index"])
    theirs = Repository(stranger, repository.path)
    for verb, code in (
        ("path", 0),
        ("ls", 0),
        ("prepare", 1),
        ("new x --no-up", 1),
        ("up", 1),
        ("sync", 1),
        # It says why nothing is imported, and stops what runs.
        ("down", 0),
        ("init --upgrade", 0),
    ):
        said = theirs.wt(*verb.split(), check=False)
        assert said.returncode == code, (verb, said.stderr)
        wrong = [line for line in said.stderr.splitlines() if line.startswith("wt: ")]
        assert len(wrong) == (1 if code else 0) and all("permission denied: " in line for line in wrong), said.stderr
    stranger.run("git", "config", "--global", "--unset", "safe.directory")
    said = theirs.wt("ls", check=False)
    assert said.returncode == 3 and "hint: if you trust its owner: git config --global" in said.stderr
    assert tree(repository.path, without=[".git/index"]) == before


@by_root
@as_user
def test_an_engine_that_does_not_see_these_files(repository: Repository) -> None:
    """As one on another machine: what is mounted has to be there."""
    place = repository.path.parent
    script = (
        f"cp -a {place} {place}.kept && mount -t tmpfs tmpfs {place} && cp -a {place}.kept/. {place}"
        f' && rm -r {place}.kept && cd "$0" && exec setpriv --reuid "$1" --regid "$2" --groups "$3"'
        " sh -c 'wt new x; code=$?; wt shared down --volumes 2>/dev/null; exit $code'"
    )
    account = repository.account
    groups = ",".join(map(str, account.groups or (account.gid,)))
    words = ("sh", "-c", script, str(repository.path), str(account.uid), str(account.gid), groups)
    done = subprocess.run(
        ["unshare", "--mount", *words], env=account.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "hint: the engine does not see this machine's files: `docker context ls` shows where it is" in done.stderr


@as_user
def test_dockers_own_networks_are_refused_before_anything_starts(repository: Repository) -> None:
    config = repository.path / ".devcontainer/wt.toml"
    for name in ("host", "none", "bridge", "default"):
        repository.account.run("tee", config, stdin=f'network = "{name}"\n')
        for verb in ("prepare", "up", "new x"):
            said = repository.wt(*verb.split(), check=False)
            assert said.returncode == 2 and "network must be the name of a docker network of your own" in said.stderr
            assert f'not "{name}"' in said.stderr
    assert not (repository.path / ".git/wt-sandbox/main").exists()
    assert not repository.path.with_name("shop-x").exists()


@as_user
def test_a_bridge_of_that_name_is_used_whoever_made_it(repository: Repository) -> None:
    name = f"wt-e2e-{os.getpid()}"
    made = docker("network", "create", name)
    try:
        repository.account.run("tee", repository.path / ".devcontainer/wt.toml", stdin=f'network = "{name}"\n')
        repository.wt("prepare")
        assert repository.env()["WT_NETWORK"] == name
        assert len(json.loads(docker("network", "inspect", made))[0]["Containers"]) == 1
        repository.wt("shared", "down", "--volumes")
        assert docker("network", "ls", "--quiet", "--no-trunc", "--filter", f"name={name}") == made
    finally:
        docker("network", "rm", name)


# What makes the network; a kernel may have no macvlan, every engine has what only holds a configuration.
@pytest.mark.parametrize("options", [("--driver", "macvlan"), ("--config-only",)], ids=["macvlan", "config-only"])
@as_user
def test_a_network_that_is_no_bridge_is_refused(repository: Repository, options: tuple[str, ...]) -> None:
    name = f"wt-e2e-odd-{os.getpid()}"
    if not docker("network", "create", *options, name, check=False):
        pytest.skip("this kernel has no macvlan")
    try:
        repository.account.run("tee", repository.path / ".devcontainer/wt.toml", stdin=f'network = "{name}"\n')
        repository.git("commit", "--quiet", "--all", "--message=network")
        for verb in ("prepare", "up", "new x"):
            said = repository.wt(*verb.split(), check=False)
            assert said.returncode == 3 and f"wt: the docker network {name} is no bridge" in said.stderr, said.stderr
            assert "hint: set network in .devcontainer/wt.toml" in said.stderr
        assert repository.containers(repository.env()["WT_SHARED_PROJECT"]) == []
        assert not repository.path.with_name("shop-x").exists()
    finally:
        docker("network", "rm", name)


@as_user
def test_the_engine_of_a_docker_context(repository: Repository) -> None:
    account, name = repository.account, f"wt-e2e-{os.getpid()}"
    where, socket_ = (
        docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}"),
        account.home / "engine.sock",
    )
    own = ("env", "-u", "DOCKER_HOST", "-u", "DOCKER_CONTEXT")
    account.run("ln", "-s", where.removeprefix("unix://"), socket_)
    account.run("docker", "context", "create", name, "--docker", f"host=unix://{socket_}")
    try:
        account.run(*own, "docker", "context", "use", name)
        account.run(*own, "wt", "new", "x", cwd=repository.path)
        assert account.run(*own, "wt", "exec", "x", "--", "pwd", cwd=repository.path).stdout == "/app\n"
        socket_.unlink()
        for verb in ("prepare", "up x", "exec x -- true"):
            said = account.run(*own, "wt", *verb.split(), cwd=repository.path, check=False)
            assert said.returncode == 4 and said.stderr.splitlines()[-2:] == [
                "wt: Docker is not running",
                "hint: start it, or choose another engine with `docker context use`",
            ]
    finally:
        account.run("docker", "context", "use", "default")
        account.run("docker", "context", "rm", name)
    assert repository.wt("exec", "x", "--", "pwd").stdout == "/app\n"


@pytest.mark.alone
@as_user
def test_no_addresses_left_for_a_network(repository: Repository) -> None:
    """For a moment all of the engine's pools are taken: by a few large networks, which are gone at once."""
    name = f"wt-e2e-own-{os.getpid()}"
    repository.account.run("tee", repository.path / ".devcontainer/wt.toml", stdin=f'network = "{name}"\n')
    for attempt in range(3):  # who else works with this engine may give addresses back in between
        said = prepared_without_addresses(repository, f"wt-e2e-full-{os.getpid()}-{attempt}")
        if said.returncode != 0:
            break
        repository.wt("shared", "down", "--volumes")
        docker("network", "rm", name)
    assert said.returncode == 4, said.stderr
    assert said.stderr.splitlines()[-2:] == [
        "wt: Docker has no addresses left for another network",
        "hint: `docker network prune` removes the networks that nothing uses",
    ]
    repository.wt("prepare")
    repository.wt("shared", "down", "--volumes")
    docker("network", "rm", name)


def prepared_without_addresses(repository: Repository, prefix: str) -> "subprocess.CompletedProcess[str]":
    made: list[str] = []
    try:
        for number, subnet in enumerate(free_subnets()):
            if docker("network", "create", "--subnet", subnet, f"{prefix}-{number}", check=False):
                made.append(f"{prefix}-{number}")
        return repository.wt("prepare", check=False)
    finally:
        docker("network", "rm", *made)


def free_subnets() -> list[str]:
    """What is left of the engine's default address pools, in as few pieces as possible."""
    pools = ["172.17.0.0/16", "172.18.0.0/15", "172.20.0.0/14", "172.24.0.0/14", "172.28.0.0/14", "192.168.0.0/16"]
    ids = docker("network", "ls", "--quiet").split()
    form = "{{range .IPAM.Config}}{{.Subnet}} {{end}}"
    used = [ipaddress.IPv4Network(word) for word in docker("network", "inspect", "--format", form, *ids).split()]
    free = [ipaddress.IPv4Network(pool) for pool in pools]
    for taken in used:
        free = [
            piece
            for pool in free
            for piece in (
                [] if pool.subnet_of(taken) else pool.address_exclude(taken) if taken.subnet_of(pool) else [pool]
            )
        ]
    # The engine takes whole /16 and /20: smaller pieces are of no use to it.
    return [str(piece) for piece in free if piece.prefixlen <= (20 if piece[0].packed[0] == 192 else 16)]


@as_user
def test_an_engine_that_stops_answering_does_not_stop_an_interrupt(repository: Repository) -> None:
    """Ctrl-C ends it while docker waits for an engine that took the call and says nothing."""
    account = repository.account
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        mute.settimeout(30)
        where = {"DOCKER_HOST": f"tcp://127.0.0.1:{mute.getsockname()[1]}"}
        with subprocess.Popen(
            ["env", "--default-signal", str(account.tools / "wt"), "prepare"],
            cwd=repository.path,
            env=account.environment() | where,
            stderr=subprocess.PIPE,
            text=True,
            **account.identity,  # type: ignore[call-overload]
        ) as child:
            call, _ = mute.accept()
            started = time.monotonic()
            child.send_signal(signal.SIGINT)
            said = child.communicate(timeout=30)[1]
            call.close()
    assert (child.returncode, said) == (130, "wt: interrupted\n")
    assert time.monotonic() - started < 5


@as_user
def test_exported_variables_reach_no_compose(repository: Repository) -> None:
    shared = repository.path / ".devcontainer/docker-compose.shared.yml"
    extra = "image: node:24-trixie-slim, command: [sleep, '60'], profiles: [extra], networks: [dev], labels: *labels"
    text = shared.read_text().replace("\nnetworks:", f"\n  extra: {{{extra}}}\n\nnetworks:", 1)
    repository.account.run("tee", shared, stdin=text)
    exported = {"COMPOSE_FILE": "elsewhere", "COMPOSE_PROJECT_NAME": "elsewhere", "COMPOSE_PROFILES": "extra"}
    repository.wt("shared", "up", env=exported)
    assert len(repository.containers(repository.env()["WT_SHARED_PROJECT"])) == 1
    assert repository.containers("elsewhere") == []
    repository.wt("shared", "down", "--volumes")
