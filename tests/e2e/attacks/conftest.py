"""Both sides, one of each in a process, and the verdicts."""

import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from attacks import baseline
from attacks.attack import SECRET, Attack, Played, Side, play
from attacks.baseline import Baseline
from attacks.sandbox import Sandbox
from support import Account, Repository, docker


class Closed(BaseHTTPRequestHandler):
    """Nobody may come in."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="closed"')
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def closed_server() -> Iterator[str]:
    """The address of a web server that asks for a password."""
    with HTTPServer(("127.0.0.1", 0), Closed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def stranger() -> Iterator[str]:
    """A container of another project."""
    name = f"wt-stranger-{os.getpid()}"
    script = "echo $TOKEN | tee /tmp/secret; sleep 100000 & wait"
    run = ("run", "--detach", "--interactive", "--network=none", f"--name={name}", f"--env=TOKEN={SECRET}")
    docker(*run, "haproxy:3.0", "sh", "-c", script)
    yield name
    docker("rm", "--force", name)


def _ground(account: Account, name: str) -> Path:
    """A place with a repository `shop`, nothing in it committed yet, its origin, and what nobody may read."""
    place = account.home / name
    script = f"""
    mkdir -p {place}/canaries {place}/secret {place}/.claude {place}/Library/pnpm/store && cd {place}
    echo {SECRET} >secret/token && echo '{{}}' >.claude/settings.json
    git init -q other && git -C other commit -q --allow-empty -m {SECRET}
    git config --global alias.st status
    git init -q --bare origin.git && git clone -q origin.git shop 2>&1 && cd shop
    echo notes >notes.txt && echo 24 >.nvmrc && echo '{{"name": "shop"}}' >package.json
    """
    account.run("sh", "-ec", script)
    return place


def _publish(account: Account, shop: Path) -> None:
    for words in (
        ("add", "--all"),
        ("commit", "--quiet", "--message=first"),
        ("push", "--quiet", "-u", "origin", "main"),
    ):
        account.run("git", *words, cwd=shop)


@pytest.fixture(scope="session")
def hand_made(user: Account, closed_server: str, stranger: str) -> Iterator[Baseline]:
    """The baseline."""
    place = _ground(user, "by-hand")
    account = Account(user.name, user.uid, user.gid, user.groups, place, user.tools)
    user.run("cp", user.home / ".gitconfig", place)
    side = Baseline(account, place, closed_server, stranger, name=f"baseline-{user.uid}-{place.parent.name[-6:]}")
    baseline.write(side.main, side.name)
    _publish(account, side.main)
    side.set_up()
    yield side
    side.tear_down()


@pytest.fixture(scope="session")
def sandboxed(user: Account, closed_server: str, stranger: str) -> Iterator[Sandbox]:
    """wt's side."""
    place = _ground(user, "by-wt")
    side = Sandbox(user, place, closed_server, stranger)
    user.run("wt", "init", cwd=side.main)
    # No shared services: they are no part of what is attacked here.
    user.run("rm", ".devcontainer/docker-compose.shared.yml", cwd=side.main)
    _publish(user, side.main)
    user.run("wt", "new", "sibling", "--no-up", cwd=side.main)
    yield side
    Repository(user, side.main).remove()


@pytest.fixture(scope="session")
def played() -> Callable[[Side, tuple[Attack, ...]], Played]:
    """Plays a round once, for all tests of its attacks."""
    known: dict[tuple[str, str], Played] = {}

    def once(side: Side, attacks: tuple[Attack, ...]) -> Played:
        key = (type(side).__name__, attacks[0].name)
        if key not in known:
            known[key] = play(side, attacks)
        return known[key]

    return once
