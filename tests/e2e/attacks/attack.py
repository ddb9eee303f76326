"""What an attack is, and a side that it is carried out on."""

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from support import Account

SECRET = "API_TOKEN=s3cret-of-the-host"
# What a script inside can count on. It is told more of the host than an agent would know.
PRELUDE = """
cd /app
export GIT_AUTHOR_NAME=agent GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=agent GIT_COMMITTER_EMAIL=a@example.com
GIT=$(git rev-parse --path-format=absolute --git-common-dir)
ADMIN=$(git rev-parse --absolute-git-dir)
HOSTS=/wt/objects; [ -d $HOSTS ] || HOSTS=$GIT/objects
program() { printf '#!/bin/sh\\ntouch "%s"\\ncat\\n' "$CANARY" >"/app/$1" && chmod +x "/app/$1"; }
"""

# What people do with git all day, in a terminal: first in the main checkout, then a look at the worktree.
ORDINARY = """
export TERM=xterm PAGER=cat VISUAL=true GIT_TERMINAL_PROMPT=0
# Where one hangs, the others would too.
try() {
  [ -z "$hung" ] || return
  (ulimit -v 3000000; exec timeout --kill-after=1 8 "$@") </dev/null
  code=$?; echo "[exit $code] $*"; case $code in 124 | 137) hung=yes ;; esac
}
cd "$MAIN"
try git status
try git log --all
try git fsck --no-progress
echo 'work of the user' >>notes.txt
try git diff
try git st
try git add notes.txt
try git commit --quiet --message='work of the user'
try git commit --quiet --amend
try git log --patch -3
echo 'more work' >>notes.txt
try git stash --quiet
try git stash pop --quiet
try git checkout --quiet -- notes.txt
try git switch --quiet --create aside
try git switch --quiet main
try git branch --quiet --delete aside
try git fetch --quiet --all
try git pull --quiet --ff-only origin main
cd "$WORKTREE" && try git status && try git diff
"""


Seen: TypeAlias = "Callable[[Side, Attack], bool]"


@dataclass(frozen=True)
class Attack:
    """One thing that an agent tries.

    Attributes:
        name: the row in the table.
        inside: the script that it runs in its sandbox.
        then: what the user does in the worktree afterwards, beside what everybody does.
        fired: whether it had an effect on the host; by itself, that the file `$CANARY` is there.
        control: that the same attack works where wt's control is not there; for those that the baseline stops, too.
        together: attacks of one module with the same word here are planted at once.
    """

    name: str
    inside: str
    then: str = ""
    fired: Seen = lambda side, attack: side.canary(attack.name).exists()
    control: "Seen | None" = None
    together: str = ""


@dataclass
class Side:
    """Where an attack is carried out: a repository, a worktree of it and what runs in there.

    Attributes:
        place: a directory of the account's own, which no sandbox sees.
        server: a web server of nobody's that asks for a password.
        stranger: name of a container of another project, with a secret.
        patience: seconds for one command, on a machine where others are at work too.
        said: what the commands of this side's tool printed.
        git_said: what the user's git printed.
        planted: what the attacks' scripts printed, by attack.
        problems: what should not have happened, whatever the attack.
    """

    account: Account
    place: Path
    server: str
    stranger: str
    patience: int = 60
    said: str = ""
    git_said: str = ""
    planted: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def main(self) -> Path:
        return self.place / "shop"

    @property
    def worktree(self) -> Path:
        raise NotImplementedError

    @property
    def secret(self) -> Path:
        return self.place / "secret"

    @property
    def other(self) -> Path:
        """Another repository, whose objects are nobody's business."""
        return self.place / "other"

    def canary(self, name: str) -> Path:
        return self.place / "canaries" / re.sub(r"\W+", "-", name)

    def begin(self) -> None:
        """A worktree, and a sandbox that runs in it."""
        raise NotImplementedError

    def act(self, extra: Sequence[str]) -> None:
        """All that a user does."""
        raise NotImplementedError

    def end(self) -> None:
        """Remove the worktree."""
        raise NotImplementedError

    def inside(self, script: str, *, check: bool = False) -> "subprocess.CompletedProcess[str]":
        """Run a script with the rights and mounts of the sandbox."""
        raise NotImplementedError

    def in_sibling(self, script: str) -> str:
        """What a script prints in the sandbox of another worktree, started now."""
        raise NotImplementedError

    def plant(self, attack: Attack) -> None:
        known: dict[str, object] = {"CANARY": self.canary(attack.name), "MAIN": self.main, "HOST": self.worktree}
        known |= {"SECRET": self.secret, "OTHER": self.other, "SERVER": self.server}
        known |= {"STRANGER": self.stranger}
        lines = "".join(f"export {name}='{value}'\n" for name, value in known.items())
        done = self.inside(lines + PRELUDE + attack.inside)
        self.planted[attack.name] = done.stdout + done.stderr

    def use_git(self, extra: Sequence[str]) -> None:
        """The user's own git, in a terminal."""
        script = ORDINARY + "".join(f'\ncd "$WORKTREE" && {line}' for line in extra)
        env = {"MAIN": str(self.main), "WORKTREE": str(self.worktree), "SHELL": "/bin/sh"}
        done = self.account.run("script", "-qec", script, "/dev/null", cwd=self.place, env=env, check=False)
        self.git_said += done.stdout

    @property
    def shown(self) -> str:
        """What people look at to see what the agent did."""
        raise NotImplementedError

    @property
    def git_hangs(self) -> bool:
        return "[exit 124]" in self.git_said

    def tool(self, *command: str | Path, cwd: Path | None = None, codes: Sequence[int] = (0,)) -> None:
        """Run a command of this side's tool and note what it said."""
        begun = time.monotonic()
        # Ended with all that it has started, which a FIFO would keep for ever: killed, docker leaves compose behind.
        limited = ("timeout", "--kill-after=20", str(self.patience), *command)
        done = self.account.run(*limited, cwd=cwd or self.main, check=False)
        said = done.stdout + done.stderr
        self.said += said
        if "Traceback" in said or done.returncode not in codes:
            took = time.monotonic() - begun
            self.problems.append(f"{' '.join(map(str, command))}: exit {done.returncode} in {took:.0f} s: {said}")

    def git(self, *args: str, cwd: Path | None = None) -> str:
        return self.account.run("git", *args, cwd=cwd or self.main, check=False).stdout

    def has_failed(self, command: str) -> bool:
        """Whether a command of the user's git failed, or hung."""
        return re.search(rf"\[exit [1-9]\d*\] {re.escape(command)}", self.git_said) is not None


@dataclass(frozen=True)
class Played:
    """What came of attacks that were planted at once."""

    fired: dict[str, bool]
    controls: dict[str, bool]
    problems: list[str]
    notes: dict[str, str]


def play(side: Side, attacks: Sequence[Attack]) -> Played:
    """Plant, let the user work, look."""
    side.said = side.git_said = ""
    side.planted, side.problems = {}, []
    for attack in attacks:
        side.canary(attack.name).unlink(missing_ok=True)
    (side.secret / "token").write_text(f"{SECRET}\n")
    side.begin()
    try:
        for attack in attacks:
            side.plant(attack)
        side.act([attack.then for attack in attacks if attack.then])
        fired = {attack.name: attack.fired(side, attack) for attack in attacks}
        controls = {attack.name: attack.control(side, attack) for attack in attacks if attack.control}
        for name in controls:
            side.canary(name).unlink(missing_ok=True)
    finally:
        side.end()
    fired = {name: seen or side.canary(name).exists() for name, seen in fired.items()}
    return Played(fired, controls, side.problems, dict(side.planted))


def fails(command: str) -> Seen:
    """The user's git stops working."""
    return lambda side, _attack: side.has_failed(command)


def leaks(script: str) -> Seen:
    """What belongs to the host alone can be read inside."""
    return lambda side, _attack: SECRET in side.inside(script).stdout
