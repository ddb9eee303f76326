"""What is interrupted is undone whole, by Ctrl-C (the whole process group) and by SIGTERM (wt alone)."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from support import Repository, as_user, docker
from wt.cli.verbs import app

INTERRUPTED = 130
ENDED_BEFORE_IT_BEGAN = {-signal.SIGINT, -signal.SIGTERM}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_new_is_undone_whole_at_any_moment(repository: Repository, number: signal.Signals) -> None:
    repository.wt("new", "warm")  # image, network and shared services are there: the moments fall into all steps
    before = repository.git("for-each-ref")
    codes = [interrupted(repository, number, after=seconds) for seconds in (0.1, 0.4, 0.7, 1.0, 1.3)]
    assert set(codes) <= {0, INTERRUPTED} | ENDED_BEFORE_IT_BEGAN
    assert INTERRUPTED in codes
    assert repository.git("for-each-ref") == before
    assert repository.git("worktree", "list").count("\n") == 1
    assert sorted(path.name for path in repository.path.parent.iterdir()) == ["shop", "shop-warm"]
    state = repository.path / ".git/wt-sandbox"
    # The trash is there where one that was quicker was removed again.
    assert {path.name for path in state.iterdir() if path.is_dir()} - {"trash", "trust"} == {"shop-warm"}
    mine = f"label=wt.repo={repository.env(repository.worktree('warm'))['WT_REPO_ID']}"
    for kind, name in (("ps", "{{.Names}}"), ("volume", "{{.Name}}")):
        listing = ("ps", "--all") if kind == "ps" else ("volume", "ls")
        assert "feature-x" not in docker(*listing, "--filter", mine, "--format", name), kind
    assert "feature-x" not in docker("image", "ls", "--filter", mine, "--format", "{{.Repository}}")


def interrupted(repository: Repository, number: signal.Signals, *, after: float) -> int:
    """Exit code of a `wt new` that gets a signal; one that was quicker is removed again."""
    code, _ = signalled(repository, ["new", "feature-x"], number, after=after)
    if code == 0:
        repository.wt("rm", "feature-x", "--delete-branch")
    return code


def signalled(
    repository: Repository, verb: list[str], number: signal.Signals, *, after: float, cwd: Path | None = None
) -> tuple[int, str]:
    """Exit code of a wt that gets a signal, and what it said: never more than it would say of a failure."""
    account = repository.account
    with subprocess.Popen(
        # A job in the background of a script, which the tests may be, ignores Ctrl-C.
        ["env", "--default-signal", str(account.tools / "wt"), *verb],
        cwd=cwd or repository.path,
        env=account.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **account.identity,  # type: ignore[call-overload]
    ) as child:
        wait_for_python(child.pid)
        time.sleep(after)
        if number == signal.SIGINT:
            for _ in range(2):  # nobody waits for an answer to the first
                os.killpg(child.pid, number)
                time.sleep(0.05)
        else:
            child.send_signal(number)
        said = child.communicate(timeout=60)[1]
    assert "Traceback" not in said and "bug" not in said, said
    return int(child.returncode), said


def wait_for_python(pid: int) -> None:
    """Until Python itself is up, which takes it 0.01 s of a processor, an interrupt ends it in its own words."""
    tick = 1 / os.sysconf("SC_CLK_TCK")
    while True:
        # proc(5): behind the name, state is the first, user and system time are the 12th and the 13th.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if fields[0] == "Z" or (int(fields[11]) + int(fields[12])) * tick >= 0.03:
            return
        time.sleep(0.005)


@pytest.fixture(scope="module")
def harbour(make_repository: Callable[..., Repository]) -> Repository:
    """A repository with a sandbox `x`."""
    repository = make_repository("harbour")
    repository.wt("new", "x")
    return repository


# What is interrupted; what makes it have something to do; what has to hold when it has run again, to its end.
VERBS = {
    "ls": ("true", "wt ls"),
    "path x": ("true", "wt path x"),
    "init --upgrade": ("rm -f .devcontainer/Dockerfile .devcontainer/wt.toml", "git diff --quiet"),
    "prepare": (
        "wt down x; rm -rf .devcontainer/.env .git/wt-sandbox/main; wt shared down",
        "wt shared status | grep healthy && grep WT_CONFIG .devcontainer/.env && test -d .git/wt-sandbox/main/host.git",
    ),
    "up x": ("wt down x", "wt ls | grep 'x.*running'"),
    "down x": ("wt exec x -- git commit -q --allow-empty -m y", "wt ls | grep 'x *stopped *-'"),
    "sync x": (
        "wt exec x -- git commit -q --allow-empty -m z",
        "wt ls | grep 'x *running *-' && git fsck && test ! -e .git/wt-sandbox/harbour-x/incoming",
    ),
    "shared up": ("wt shared down", "wt shared status | grep -q healthy"),
    "shared down": ("wt shared up", "! wt shared status | grep -q healthy"),
    "rm gone --delete-branch": ("wt path gone || wt new gone", "! wt path gone && ! git rev-parse -q --verify gone"),
    "gc --yes": (
        "test -e .git/wt-sandbox/harbour-left || { wt new left && git worktree remove --force $(wt path left); }",
        "! wt gc --dry-run | grep left && ! test -e .git/wt-sandbox/harbour-left && git rev-parse -q --verify left",
    ),
    "review x": ("wt exec x -- git commit -q --allow-empty -m v", "wt review x"),
    "verify x": (
        "wt up x",
        "! docker ps --all --quiet --filter label=wt.role=verify --filter label=wt.common-dir=$PWD/.git | grep .",
    ),
    "trust --yes": ("date >>.devcontainer/note", "wt prepare && rm .devcontainer/note"),
    "doctor": ("true", "wt doctor --json | grep '\"result\"'"),
    "completion bash": ("true", "wt completion bash | bash -n"),
    "shared status": ("wt shared up", "wt shared status | grep -q healthy"),
    "logs -f x": ("wt up x", "true"),
    "shared logs -f": ("wt shared up", "true"),
    "shell x": ("wt up x", "true"),
    "exec x -- sleep 4321": ("wt up x", "test -z \"$(wt exec x -- sh -c 'grep -lzx 432[1] /proc/[0-9]*/cmdline')\""),
}
# They may be done, or not have begun, at any of the moments.
QUICK = {"ls", "path x", "init --upgrade", "shell x", "trust --yes", "completion bash", "shared status"}
# Those that have a test of their own: above, and in test_agent.py.
ELSEWHERE = {"new", "agent"}
MOMENTS = [(signal.SIGINT, 0.15), (signal.SIGTERM, 0.3), (signal.SIGHUP, 0.5), (signal.SIGINT, 0.9)]


def commands(group: Any, before: str = "") -> Iterator[str]:
    """All that can be typed, without what is hidden."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        elif not command.hidden:
            yield f"{before}{name}"


def test_every_verb_is_here() -> None:
    there = set(commands(typer.main.get_command(app)))
    here = {name for name in there for verb in VERBS if f"{verb} ".startswith(f"{name} ")}
    assert here | ELSEWHERE == there and not here & ELSEWHERE


@as_user
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_ends_with_a_line_and_does_its_work_when_it_is_run_again(harbour: Repository, verb: str) -> None:
    before, after = VERBS[verb]
    codes = []
    for number, seconds in MOMENTS:
        harbour.account.run("sh", "-c", before, cwd=harbour.path)
        code, said = signalled(harbour, verb.split(), number, after=seconds)
        allowed = {INTERRUPTED, 128 + number, -number} if "sleep" in verb else {0, INTERRUPTED, -number}
        allowed |= {128 + number} if verb.startswith("shell") else {1} if verb == "doctor" else set()
        codes.append(code)
        assert code in allowed, (number, seconds, said)
        assert "wt: " not in said.replace("wt: interrupted\n", ""), (number, seconds, said)
    assert {INTERRUPTED, 128 + signal.SIGHUP} & set(codes) or verb in QUICK
    if "-f" not in verb and "sleep" not in verb:
        harbour.wt(*verb.split(), check="gone" not in verb and verb != "doctor")
    harbour.account.run("sh", "-c", after, cwd=harbour.path)
