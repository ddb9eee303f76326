"""Completion, typed into real shells: what the documented line brings, and that no name is more than a word."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import PROJECT, Account, Repository, as_user

# How a shell starts without the user's files, the line that the documentation gives, and a `wt` that shows its words.
SHOW = "wt() { printf '<%s>' \"$@\"; echo .e''nd; }; wt-sandbox() { wt \"$@\"; }"
SHOW_IN_FISH = "function wt; printf '<%s>' $argv; echo .e''nd; end; function wt-sandbox; wt $argv; end"
SHELLS = {
    "bash": (["bash", "--norc", "-i"], 'eval "$(wt completion bash)"', SHOW),
    "zsh": (["zsh", "-f", "-i"], 'eval "$(wt completion zsh)"', SHOW),
    "fish": (["fish", "--no-config", "-i"], "wt completion fish | source", SHOW_IN_FISH),
}
# Valid in a directory's or a branch's name, and more than a word to a shell that is not careful.
ODD_DIRECTORIES = ("we ird", "q'uote", 'd"q', "h#sh", "am&p", "co:lon", "back\\slash", "st*r", "ümlaut")
ODD_BRANCH = "x$(touch${IFS}planted)`touch${IFS}planted`"


class Terminal:
    """A shell at a terminal, as a person has it before them."""

    def __init__(self, command: list[str], account: Account, directory: Path) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        environment = account.environment() | {"TERM": "xterm", "PS1": "$ ", "LANG": "C.UTF-8"}
        self._child = subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            **account.identity,  # type: ignore[call-overload]
        )
        os.close(theirs)

    def type(self, text: str, *, until: str, seconds: float = 10) -> str:
        """Type a text and read until a pattern appears; what appeared, without escape sequences."""
        os.write(self._ours, text.encode())
        seen, end = "", time.monotonic() + seconds
        while not re.search(until, seen):
            if time.monotonic() > end:
                os.write(self._ours, b"\x03")  # the next test begins on a fresh line
                raise AssertionError(f"{until} did not appear behind {text!r}: {seen!r}")
            if select.select([self._ours], [], [], 0.2)[0]:
                data = os.read(self._ours, 65536)
                if b"\x1b[c" in data or b"\x1b[0c" in data:
                    os.write(self._ours, b"\x1b[?1;2c")  # newer shells ask what the terminal is, and wait
                seen += re.sub(
                    r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[()].|[=>78])", "", data.decode(errors="replace")
                )
        return seen

    def close(self) -> None:
        self._child.kill()
        self._child.wait()
        os.close(self._ours)


@pytest.fixture(scope="module")
def many(account: Account) -> Iterator[Repository]:
    """A repository with worktrees of odd names; no sandbox is made."""
    path = account.home / "completion/shop"
    account.run("mkdir", "-p", path)
    repository = Repository(account, path)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.git("commit", "--quiet", "--allow-empty", "--message=first")
    for number, name in enumerate(ODD_DIRECTORIES):
        repository.git("worktree", "add", "--quiet", "-b", f"odd-{number}", path.parent / name)
    repository.git("worktree", "add", "--quiet", "-b", ODD_BRANCH, path.parent / "plain")
    yield repository
    shutil.rmtree(path.parent)


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest, many: Repository) -> Iterator[Terminal]:
    command, line, show = SHELLS[request.param]
    assert shutil.which(command[0]), f"{command[0]} is not installed: ./just shells brings it"
    terminal = Terminal(command, many.account, many.path)
    terminal.type(f"{line}; {show}; echo .e''nd\r", until=r"\.end")
    yield terminal
    terminal.close()


@as_user
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("wt prep\t", ["prepare"]),
        ("wt shared st\t", ["shared", "status"]),
        ("wt init --upg\t", ["init", "--upgrade"]),
        ("wt init --template n\t", ["init", "--template", "node"]),
        ("wt new z --from=ma\t", ["new", "z", "--from=main"]),
        ("wt path pl\t", ["path", "plain"]),
        ("wt-sandbox path pl\t", ["path", "plain"]),
        ("wt up plain we\t", ["up", "plain", "we ird"]),
        ("wt exec pl\t-- ls", ["exec", "plain", "--", "ls"]),
        ("wt exec plain -- pl\t", ["exec", "plain", "--", "pl"]),
        ("wt rm x\t", ["rm", ODD_BRANCH]),
        *((f"wt path {name[:2] if name[1].isalnum() else name[0]}\t", ["path", name]) for name in ODD_DIRECTORIES),
    ],
)
def test_what_is_completed_is_the_word_that_wt_gets(
    shell: Terminal, many: Repository, typed: str, words: list[str]
) -> None:
    shown = shell.type(f"{typed}\r", until=r"\.end")
    assert "".join(f"<{word}>" for word in words) in shown.replace("\r", "")
    assert not re.search("rror|wt: |not found|raceback", shown)
    assert list(many.path.iterdir()) == [many.path / ".git"]


def test_the_lines_are_those_of_the_documentation() -> None:
    page = (PROJECT / "docs/reference/completion.md").read_text().replace("\\|", "|")
    assert [line for _, line, _ in SHELLS.values() if f"| `{line}` |" not in page] == []
