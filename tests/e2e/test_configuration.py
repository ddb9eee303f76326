"""Files of .devcontainer that are wrong: the telling line, the exit code, and nothing left behind."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import Repository, as_user, docker

pytestmark = as_user

DOCKERFILE, COMPOSE, SHARED = "Dockerfile", "docker-compose.yml", "docker-compose.shared.yml"
FROM = "FROM node:${NODE_VERSION}-trixie-slim"
SERVICE = "    environment:\n      DATABASE_URL"
COMMAND = "    command:\n      - bash\n      - -c\n      - |"
SICK = """services:
  db:
    image: debian:trixie-slim
    command: [sh, -c, echo the disk is on strike; sleep 60]
    init: true
    healthcheck: {test: ["CMD", "false"], interval: 1s, retries: 1}
    networks: [dev]
"""

# File, what is replaced (all of it where that is empty), by what; exit code, and what has to be said.
WRONG = {
    "apt": (DOCKERFILE, "\nUSER vscode", "\nRUN apt-get install -y no-such-thing\nUSER vscode", 1, "Unable to locate"),
    "npm": (DOCKERFILE, "\nUSER vscode", "\nRUN npm install -g file:/no-such-thing\nUSER vscode", 1, "npm error"),
    "long": (DOCKERFILE, "\nUSER vscode", "\nRUN seq 300; echo the reason; false\nUSER vscode", 1, "the reason"),
    "syntax": (DOCKERFILE, "\nUSER vscode", "\nFROBNICATE x\nUSER vscode", 1, "unknown instruction: FROBNICATE"),
    "base image": (DOCKERFILE, FROM, "FROM localhost:1/no/such:1", 1, "localhost:1/no/such:1"),
    "copy": (DOCKERFILE, "\nUSER vscode", "\nCOPY missing /x\nUSER vscode", 1, '"/missing": not found'),
    "yaml": (COMPOSE, "", "services:\n  app: [\n", 2, "yaml: line 2"),
    "unknown key": (COMPOSE, "    environment:", "    enviroment:", 2, "services.app Additional property enviroment"),
    "undefined": (COMPOSE, SERVICE, f"    labels: ['a=${{NO_SUCH:?}}']\n{SERVICE}", 2, "NO_SUCH is missing a value"),
    "no app": (COMPOSE, "", "services:\n  web: {image: debian:trixie-slim}\n", 2, "has no service app"),
    "ends at once": (COMPOSE, COMMAND, f"{COMMAND}\n        echo the end; exit 3", 1, "app: the end"),
    "ends slowly": (COMPOSE, COMMAND, f"    cpus: 0.05\n{COMMAND}\n        echo the end; exit 3", 1, "app: the end"),
    "taken port": (COMPOSE, SERVICE, f"    ports: ['127.0.0.1:@PORT:80']\n{SERVICE}", 1, "address already in use"),
    "sick": (
        COMPOSE,
        "services:\n  app:",
        f"{SICK}  app:\n    depends_on: {{db: {{condition: service_healthy}}}}",
        1,
        "strike",
    ),
    "shared yaml": (
        SHARED,
        "",
        "services: [\n",
        2,
        f".devcontainer/{SHARED} is not a compose file with services: line",
    ),
    "shared key": (SHARED, "", "services:\n  x: {imag: y}\n", 2, "services.x Additional property imag"),
    "shared image": (SHARED, "", "services:\n  x: {image: 'localhost:1/no/such:1'}\n", 1, "localhost:1"),
    "shared sick": (SHARED, "services:", SICK, 1, "db: the disk is on strike"),
    "protect": ("wt.toml", "", "protect = ['infra']\n", 3, "hint: wt init --upgrade"),
}


@pytest.fixture(scope="module")
def plain(make_repository: Callable[..., Repository]) -> Repository:
    return make_repository("plain")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said_and_nothing_stays(plain: Repository, taken: int, kind: str) -> None:
    name, old, new, code, words = WRONG[kind]
    path = plain.path / ".devcontainer" / name
    text = path.read_text()
    assert old in text
    changed = (text.replace(old, new, 1) if old else new).replace("@PORT", str(taken))
    plain.account.run("tee", path, stdin=changed)
    plain.git("commit", "--quiet", "--all", "--message", kind)
    plain.wt("trust", "--yes")
    before = plain.git("for-each-ref")
    try:
        done = plain.wt("new", "x", check=False)
        assert done.returncode == code, done.stderr
        said = done.stderr[done.stderr.index("wt: ") :]
        assert words in said and len(said.splitlines()) <= 15
        assert plain.git("for-each-ref") == before
        assert plain.git("worktree", "list").count("\n") == 0 and not Path(f"{plain.path}-x").exists()
        assert [each for each in (plain.path / ".git/wt-sandbox").iterdir() if each.is_dir()] == [
            plain.path / ".git/wt-sandbox/trust"
        ]
        assert docker("ps", "--all", "--quiet", "--filter", f"label=wt.path={plain.path}-x") == ""
    finally:
        plain.wt("rm", "x", "--force", "--delete-branch", check=False)
        plain.git("reset", "--quiet", "--hard", "HEAD~1")
        if name == SHARED:
            plain.wt("shared", "down", "--volumes")


def test_a_shared_service_that_is_still_starting_says_what_it_does(plain: Repository) -> None:
    slow = SICK.replace("retries: 1", "start_period: 1h").replace("sleep 60", "exec sleep 60")
    shared, settings = (plain.path / ".devcontainer" / name for name in (SHARED, "wt.toml"))
    plain.account.run("tee", shared, stdin=shared.read_text().replace("services:", slow, 1))
    plain.account.run("tee", settings, stdin="[shared]\nwait = 3\n")
    plain.wt("trust", "--yes")
    try:
        said = plain.wt("prepare", check=False)
        assert said.returncode == 1, said.stderr
        assert "  db: the disk is on strike" in said.stderr.splitlines(), said.stderr
        assert "hint: `wt shared logs` shows all they say" in said.stderr and len(said.stderr.splitlines()) <= 15
        assert "starting" in plain.wt("shared", "status").stdout
    finally:
        plain.git("checkout", "--", ".")
        plain.wt("shared", "down", "--volumes")


def test_an_editor_that_would_start_no_sandbox_is_said(plain: Repository) -> None:
    path = plain.path / ".devcontainer/devcontainer.json"
    text = path.read_text()
    for old, new in (
        (', "compose.wt.yml"', ""),
        ('"service": "app"', '"service": "web"'),
        ('  "dockerC', '  // "dockerC'),
    ):
        plain.account.run("tee", path, stdin=text.replace(old, new, 1))
        plain.wt("trust", "--yes")
        assert "what an editor makes of it is no sandbox" in plain.wt("prepare").stderr
    plain.account.run("tee", path, stdin=f"// a comment\n{text}")
    plain.wt("trust", "--yes")
    assert plain.wt("prepare").stderr == ""
    plain.git("checkout", "--", ".")


def test_a_ca_bundle_that_this_user_may_not_read(plain: Repository) -> None:
    closed = plain.account.home / "closed"
    plain.wt("trust", "--yes")
    plain.account.run("sh", "-c", f"mkdir {closed}; : > {closed}/a.pem; chmod 000 {closed}/a.pem")
    for mode in ("700", "000"):
        plain.account.run("chmod", mode, closed)
        done = plain.wt("prepare", env={"WT_CA_BUNDLE": f"{closed}/a.pem"}, check=False)
        assert done.returncode == 2
        assert ("can't be read: Permission denied" if plain.account.uid else "holds no certificate") in done.stderr
    plain.account.run("chmod", "700", closed)
