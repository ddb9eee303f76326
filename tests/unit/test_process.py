"""Starting programs."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unit.repos import run as real
from wt import process
from wt.errors import TimedOut, ToolError


def pass_through(tmp_path: Path, script: str, *, code: int) -> str:
    call = f"process.pass_through(['sh', '-c', {script!r}], on_signal=['sh', '-c', 'echo $0 >got'])"
    return real(
        [sys.executable, "-c", f"import sys; from wt import process; sys.exit({call})"], tmp_path, code=code
    ).stdout


def test_a_missing_program_is_a_tool_error_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="git is not installed") as caught:
        process.run(["git", "status"])
    assert (caught.value.exit_code, caught.value.hint) == (4, "install git 2.34 or newer")
    with pytest.raises(ToolError, match="docker is not installed"):
        process.pass_through(["docker"], on_signal=["true"])
    with pytest.raises(ToolError, match="docker is not installed"):
        list(process.follow(["docker"]))


def test_a_program_that_may_not_be_started_is_a_tool_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError):
        process.run(["docker", "ps"])


def test_a_failure_tells_the_program_the_verb_and_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^git rev-parse failed: not a git repository"):
        process.run(["git", "-C", str(tmp_path), "rev-parse", "HEAD"])


def test_output_that_is_no_utf8_survives() -> None:
    assert os.fsencode(process.run(["printf", "\\377"]).text) == b"\xff"


def test_the_time_limit_ends_it() -> None:
    with pytest.raises(ToolError, match=r"^sleep took longer than 0\.2 s"):
        process.run(["sleep", "30"], seconds=0.2)


def test_the_size_limit_stops_a_writer(tmp_path: Path) -> None:
    write = ["dd", "if=/dev/zero", f"of={tmp_path}/file", "bs=1024", "count=64"]
    process.run(write, max_file_bytes=64 * 1024)
    assert (tmp_path / "file").stat().st_size == 64 * 1024
    with pytest.raises(ToolError):
        process.run(write, max_file_bytes=16 * 1024)
    assert (tmp_path / "file").stat().st_size == 16 * 1024


def test_the_environment_loses_what_would_aim_git_and_compose_elsewhere(tmp_path: Path) -> None:
    planted = dict.fromkeys(("GIT_DIR", "GIT_CONFIG_COUNT", "COMPOSE_FILE", "GIT_CONFIG_GLOBAL", "DOCKER_HOST"), "0")
    script = "from wt import process; process.clean_environment(); print(process.run(['env']).text)"
    seen = real([sys.executable, "-c", script], tmp_path, env=planted).stdout.splitlines()
    assert {line.partition("=")[0] for line in seen} & planted.keys() == {"GIT_CONFIG_GLOBAL", "DOCKER_HOST"}


@pytest.mark.parametrize("code", [0, 126])
def test_pass_through_hands_on_streams_and_the_exit_code(tmp_path: Path, code: int) -> None:
    assert pass_through(tmp_path, f"cat; echo out; exit {code}", code=code) == "out\n"


def test_pass_through_hands_on_signals_from_the_first_moment(tmp_path: Path) -> None:
    pass_through(tmp_path, "kill -TERM $PPID; for i in 1 2 3 4 5 6; do [ -s got ] && exit 7; sleep 0.1; done", code=7)
    assert (tmp_path / "got").read_text() == "15\n"


def test_pass_through_says_what_ended_a_program_as_a_shell_does(tmp_path: Path) -> None:
    pass_through(tmp_path, "kill -TERM $$", code=128 + 15)


def test_pass_through_signals_the_program_itself_where_nobody_hears_its_messenger(tmp_path: Path) -> None:
    """A client such as docker exec then ends with 0, whatever goes on inside."""
    script = "trap 'exit 0' INT; kill -INT $PPID; while :; do sleep 0.1; done"
    call = f"process.pass_through(['sh', '-c', {script!r}], on_signal=['false'])"
    real([sys.executable, "-c", f"import sys; from wt import process; sys.exit({call})"], tmp_path, code=128 + 2)


def test_an_interrupt_that_is_repeated_keeps_nothing_from_being_ended(tmp_path: Path) -> None:
    slow = "trap 'sleep 0.6; touch ended; exit' TERM; touch begun; while :; do sleep 0.02; done"
    call = f"process.interrupt_on_signals(); process.run(['sh', '-c', {slow!r}])"
    command = ["env", "--default-signal", sys.executable, "-c", f"from wt import process; {call}"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as child:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        for _ in range(3):
            child.send_signal(signal.SIGTERM)
            time.sleep(0.1)
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize("how", ["run", "follow", "out_of_reach"])
def test_a_second_ctrl_c_does_not_reach_what_cleans_up(tmp_path: Path, how: str) -> None:
    """A terminal sends it to the whole group, and docker, as this program, listens even where it was told not to."""
    deaf = "import signal, time; signal.signal(2, signal.SIG_DFL); open('begun', 'w'); time.sleep(1); open('done', 'w')"
    cleaning = {
        "run": f"process.run([sys.executable, '-c', {deaf!r}])",
        "follow": f"list(process.follow([sys.executable, '-c', {deaf!r}]))",
        "out_of_reach": f"subprocess.run([*process.out_of_reach(sys.executable), '-c', {deaf!r}])",
    }
    script = (
        "import subprocess, sys; from wt import process; process.interrupt_on_signals()\n"
        f"try: process.run(['sleep', '30'])\nfinally: {cleaning[how]}"
    )
    command = ["env", "--default-signal", sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL, start_new_session=True) as child:
        while not subprocess.run(["pgrep", "-P", str(child.pid)], capture_output=True, check=False).stdout:
            time.sleep(0.01)
        os.killpg(child.pid, signal.SIGINT)
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        os.killpg(child.pid, signal.SIGINT)
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("hears", [True, False])
def test_what_an_interrupted_program_has_started_is_ended_before_anything_is_undone(
    tmp_path: Path, hears: bool
) -> None:
    """As `git worktree add` starts `git branch`."""
    late = tmp_path / "late"
    child = f"trap '{'sleep 0.3; exit' if hears else ''}' TERM; touch begun; sleep 1; sleep 7; touch {late}"
    script = f"sh -c {shlex.quote(child)} & wait"
    call = f"process._MERCY = 1; process.interrupt_on_signals(); process.run(['sh', '-c', {script!r}], whole=True)"
    command = ["env", "--default-signal", sys.executable, "-c", f"from wt import process; {call}"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as ours:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        ours.send_signal(signal.SIGTERM)
    left = real(["sh", "-c", f"pgrep -f 'touc[h] {late}' || true"], tmp_path).stdout
    assert left == "" and not late.exists()


LATE = """
import os, signal, subprocess
from wt import process

class Late(subprocess.Popen):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        print(self.pid, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)

subprocess.Popen = Late
process.interrupt_on_signals()
process.run(["sleep", "30"])
"""


def test_an_interrupt_while_a_program_starts_leaves_none_behind(tmp_path: Path) -> None:
    command = ["env", "--default-signal", sys.executable, "-c", LATE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Interrupted" in done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_what_is_followed_has_limits_too() -> None:
    with pytest.raises(TimedOut, match="sleep took longer"):
        list(process.follow(["sleep", "30"], seconds=0.1))
    script = "import sys; bytes(1 << int(sys.argv[1]))"
    assert list(process.follow([sys.executable, "-c", script, "20"], seconds=60, max_memory=1 << 28)) == []
    with pytest.raises(ToolError, match="MemoryError"):
        list(process.follow([sys.executable, "-c", script, "29"], max_memory=1 << 28))


def test_lines_are_followed_as_they_come_and_a_failure_has_the_last_word() -> None:
    lines = process.follow(["sh", "-c", "echo first; echo last words >&2; exit 1"])
    assert [next(lines), next(lines)] == [b"first\n", b"last words\n"]
    with pytest.raises(ToolError, match="last words"):
        next(lines)
