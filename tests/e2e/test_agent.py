"""`wt agent`: the real Claude Code, without a login; where it needs a server, one inside records what it is sent."""

import json
import os
import pty
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import Repository, as_user, docker
from wt.config import Agent

pytestmark = as_user

VERSION = Agent().version
# Answers nothing where the path says so, and to everything else that it can't be done.
SERVER = """
const {appendFileSync} = require('node:fs');
const refusal = JSON.stringify({type: 'error', error: {type: 'invalid_request_error', message: 'recorded'}});
require('node:http').createServer((request, answer) => {
  let body = '';
  request.on('data', data => body += data);
  request.on('end', () => {
    appendFileSync('/tmp/recorded', request.url + ' ' + body + '\\n');
    if (!request.url.startsWith('/silent')) answer.writeHead(400, {'content-type': 'application/json'}).end(refusal);
  });
}).listen(8123, '127.0.0.1');
"""


@pytest.fixture
def recorder(lived_in: Repository) -> Iterator[str]:
    """Address of a server in the sandbox that keeps what it is sent in /tmp/recorded."""
    container = lived_in.containers(lived_in.env(lived_in.worktree("lived-in"))["COMPOSE_PROJECT_NAME"])[0]
    started = lived_in.inside(
        "lived-in", f"rm -f /tmp/recorded; nohup node -e {shlex.quote(SERVER)} >/dev/null 2>&1 & echo $!"
    )
    address = "http://127.0.0.1:8123"
    lived_in.inside("lived-in", f"until curl -s -o /dev/null {address}; do sleep 0.1; done")
    yield address
    docker("exec", container, "kill", started.stdout.strip())


def settings(address: str) -> str:
    """What makes Claude Code talk to a server of ours, with a key that is none."""
    return json.dumps({"env": {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_API_KEY": "none"}})


def recorded(repository: Repository) -> str:
    return repository.inside("lived-in", "cat /tmp/recorded").stdout


def test_the_version_is_pinned_and_the_program_is_not_the_sandbox_s_to_replace(lived_in: Repository) -> None:
    done = lived_in.wt("agent", "lived-in", "--", "--version")
    assert (done.stdout, done.stderr) == (f"{VERSION} (Claude Code)\n", "")
    replace = "test ! -w /usr/local/bin && test ! -w $(realpath /usr/local/bin/claude) && touch /usr/local/bin/claude"
    assert "Permission denied" in lived_in.inside("lived-in", replace, check=False).stderr
    own = "~/.local/bin/claude"
    lived_in.inside("lived-in", f"printf '#!/bin/sh\\necho another' > {own} && chmod +x {own}")
    by_name = lived_in.inside("lived-in", "claude").stdout
    by_wt = lived_in.wt("agent", "lived-in", "--", "--version").stdout
    lived_in.inside("lived-in", f"rm {own}")
    assert (by_name, by_wt) == ("another\n", done.stdout)


def test_it_does_not_update_itself(lived_in: Repository) -> None:
    said = lived_in.wt("agent", "lived-in", "--", "doctor").stdout
    assert "Auto-updates: disabled (set by env: DISABLE_AUTOUPDATER)" in said


def test_exit_codes_are_the_agent_s_own(lived_in: Repository) -> None:
    tree = lived_in.worktree("lived-in")
    assert lived_in.wt("agent", "--", "--version", cwd=tree).returncode == 0
    failed = lived_in.wt("agent", "lived-in", "--", "--frobnicate", check=False)
    alone = lived_in.inside("lived-in", "claude --frobnicate", check=False)
    assert (failed.returncode, failed.stdout, failed.stderr) == (1, "", alone.stderr)
    assert "unknown option '--frobnicate'" in failed.stderr


def test_prompt_file_and_standard_input_reach_it_and_its_answer_comes_back(lived_in: Repository, recorder: str) -> None:
    prompt = (lived_in.worktree("lived-in") / ".devcontainer/container-prompt.md").read_text()
    arguments = ("agent", "lived-in", "--", "-p", "--settings", settings(recorder))
    done = lived_in.wt(*arguments, stdin="typed on the host", check=False)
    assert (done.returncode, done.stdout) == (1, "API Error: 400 recorded\n")
    sent = recorded(lived_in)
    assert json.dumps(prompt.strip())[1:-1] in sent
    assert "typed on the host" in sent


def test_without_a_prompt_file_it_runs_without(repository: Repository) -> None:
    repository.git("rm", "--quiet", ".devcontainer/container-prompt.md")
    repository.git("commit", "--quiet", "--message=no prompt")
    repository.wt("new", "feature-x", "--no-up")
    done = repository.wt("agent", "feature-x", "--", "-p", "hello", check=False)
    assert (done.returncode, done.stdout) == (1, "Not logged in · Please run /login\n")
    assert "prompt file" not in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_its_own_code(
    lived_in: Repository, recorder: str, number: signal.Signals, code: int
) -> None:
    account = lived_in.account
    options = ["-p", "hello", "--settings", settings(f"{recorder}/silent")]
    with subprocess.Popen(
        [str(account.tools / "wt"), "agent", "lived-in", "--", *options],
        cwd=lived_in.path,
        env=account.environment(),
        stdin=subprocess.DEVNULL,
        **account.identity,  # type: ignore[call-overload]
    ) as child:
        try:
            until(lambda: "/v1/messages" in recorded(lived_in))
            child.send_signal(number)
            assert child.wait(timeout=20) == code
        finally:
            child.kill()
    assert lived_in.inside("lived-in", "pgrep -f append-system-prompt-file", check=False).stdout == ""


def test_the_terminal_is_passed_through_and_a_login_needs_no_browser(lived_in: Repository) -> None:
    """It shows an address and waits for a code; Ctrl-C is a byte that only a terminal inside makes a signal of."""
    code, screen = on_terminal(lived_in, ["agent", "lived-in", "--", "auth", "login"], "Paste code here", b"\x03")
    assert "https://claude.ai/oauth/authorize?" in screen
    assert code == 128 + signal.SIGINT


def on_terminal(repository: Repository, words: list[str], wait_for: str, typed: bytes) -> tuple[int, str]:
    """Exit code and screen of wt on a terminal of its own, into which `typed` goes when `wait_for` is on it."""
    account = repository.account
    ours, theirs = pty.openpty()
    if os.geteuid() == 0:
        os.fchown(theirs, account.uid, -1)
    with subprocess.Popen(
        [str(account.tools / "wt"), *words],
        cwd=repository.path,
        env=account.environment() | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        **account.identity,  # type: ignore[call-overload]
    ) as child:
        os.close(theirs)
        screen = b""
        try:
            while chunk := read(ours):
                screen += chunk
                if typed and wait_for.encode() in screen:
                    os.write(ours, typed)
                    typed = b""
            return child.wait(timeout=20), screen.decode(errors="replace")
        finally:
            os.close(ours)
            child.kill()


def read(terminal: int) -> bytes:
    """What comes within a minute; nothing once the last program has left the terminal."""
    try:
        return os.read(terminal, 65536) if select.select([terminal], [], [], 60)[0] else b""
    except OSError:
        return b""


def test_its_configuration_survives_a_new_container_and_the_host_s_own_is_not_touched(repository: Repository) -> None:
    home = repository.account.home
    before = [path for path in (home / ".claude", home / ".claude.json") if path.exists()]
    repository.wt("new", "feature-x", "--no-up")
    tree: Path = repository.worktree("feature-x")
    repository.wt("agent", "feature-x", "--", "mcp", "add", "kept", "--", "true")
    project = repository.env(tree)["COMPOSE_PROJECT_NAME"]
    old = repository.containers(project)
    repository.wt("down", "feature-x")
    repository.account.run("docker", "rm", "--force", *old)
    repository.wt("up", "feature-x")
    assert repository.containers(project) != old
    assert "Command: true" in repository.wt("agent", "feature-x", "--", "mcp", "get", "kept").stdout
    assert "kept" in (tree / ".claude-docker/.claude.json").read_text()
    assert repository.git("status", "--porcelain", cwd=tree) == ""
    assert before == [path for path in (home / ".claude", home / ".claude.json") if path.exists()] == []


def test_another_command_and_an_image_without_the_agent(repository: Repository) -> None:
    configure(repository, 'version = ""')
    repository.wt("new", "feature-x")
    said = [
        "wt: there is no claude in the sandbox of shop-feature-x",
        "hint: install it in .devcontainer/Dockerfile, or change [agent] in wt.toml; then wt up shop-feature-x",
    ]
    missing = repository.wt("agent", "feature-x", "--", "-p", "hello", check=False)
    assert (missing.returncode, missing.stdout, missing.stderr.splitlines()) == (4, "", said)
    tree = repository.worktree("feature-x")
    configure(repository, 'command = "echo other"', tree)
    assert repository.wt("agent", "feature-x", "--", "a  b").stdout == "other a  b\n"
    configure(repository, 'command = "sh"', tree)
    own = repository.wt("agent", "feature-x", "--", "-c", "exit 127", check=False)
    assert (own.returncode, own.stderr) == (127, "")


def configure(repository: Repository, line: str, tree: Path | None = None) -> None:
    """Make a line the whole of `[agent]`, and commit it in the main checkout."""
    repository.account.run("tee", (tree or repository.path) / ".devcontainer/wt.toml", stdin=f"[agent]\n{line}\n")
    if tree is None:
        repository.git("commit", "--quiet", "--all", "--message=agent")


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that happens within half a minute."""
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)
