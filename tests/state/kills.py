"""Random `kill -9` of real `wt` processes on the real engine; then the same command again, then what must hold."""

import os
import random
import re
import shlex
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from unit.repos import WT

from state import verbs
from state.machine import SAVE
from state.world import World
from wt.errors import WtError
from wt.model import Worktree

VERBS = ("new", "up", "down", "sync", "rm", "gc", "prepare")
# Seconds that a command takes, as long as nobody knows better.
_FIRST_GUESS = 2.0
_ENOUGH = 4


@dataclass
class Kills:
    """One repository, in which commands are killed one after another.

    Attributes:
        world: the repository.
        chance: decides what happens when.
        seconds: how long each command takes when it is left alone.
        said: what a command that was killed answered the second time, where it refused.
    """

    world: World
    chance: random.Random
    counts: Counter[str]
    seconds: dict[str, float] = field(default_factory=dict)
    said: Counter[str] = field(default_factory=Counter)
    number: int = 0

    def one(self) -> None:
        """Kill one command, run it again, look."""
        verb = self.chance.choice(VERBS)
        words, tree = self._prepared(verb)
        self.world.check()
        if tree is not None and verb == "rm":
            self.world.may_end(tree)
        killed = self._killed(verb, words, tree)
        self.counts["kills"] += killed
        self.counts[f"kill of {verb}"] += killed
        self.world.check(whole=False)
        if self._again(words, tree):
            self._ended(verb, tree)
        self.world.check()
        if self.chance.random() < 0.2:
            verbs.run(self.world, "gc", None, options={})
            self.world.check()

    def _prepared(self, verb: str) -> tuple[list[str], Worktree | None]:
        """A command line that has something to do, and the worktree that it is about."""
        self.number += 1
        trees = self._there()
        if verb == "new":
            for each in trees[_ENOUGH:]:
                self._removed(each)
            return ["new", f"x{self.number}"], None
        if not trees:
            self._wt(["new", f"x{self.number}"])
            trees = self._there()
        tree = self.chance.choice(trees)
        if verb == "gc":
            self._abandoned(tree)
            return ["gc", "--yes"], None
        self._worked(verb, tree)
        options = ["--force"] if verb == "rm" else []
        return [verb, *options, *([] if verb == "prepare" else [str(tree.path)])], tree

    def _there(self) -> list[Worktree]:
        return [each for each in self.world.trees() if each.path.is_dir()]

    def _worked(self, verb: str, tree: Worktree) -> None:
        """Let a command on a worktree have something to do."""
        if verb in {"up", "prepare"}:
            with suppress(WtError):
                verbs.run(self.world, "down", tree, options={})
            if verb == "prepare":
                self.world.may_end(tree)
                (tree.path / ".devcontainer/.env").unlink(missing_ok=True)
                verbs.run(self.world, "shared down", None, options={})
            return
        self._wt(["up", str(tree.path)])
        text = f"text-{self.number}"
        self._inside(tree, f"echo {text} >>{text} && {SAVE.format(text)}")
        if self.chance.random() < 0.3:
            self._inside(tree, f"git branch side-{text}")

    def _inside(self, tree: Worktree, script: str) -> None:
        container = self.world.app(tree)
        assert container is not None
        done = self.world.engine.inside(container.id, script)
        assert done.returncode == 0, f"in {tree.path}, {container}: {done.stdout}{done.stderr}"

    def _abandoned(self, tree: Worktree) -> None:
        """A worktree that git, or a user, has removed without wt."""
        self._worked("sync", tree)
        self.world.may_end(tree)
        if self.chance.random() < 0.5:
            self.world.git("worktree", "remove", "--force", tree.path)
        else:
            subprocess.run(["rm", "-rf", str(tree.path)], check=True)

    def _removed(self, tree: Worktree) -> None:
        with suppress(WtError):
            verbs.run(self.world, "rm", tree, options={"force": True})

    def _killed(self, verb: str, words: Sequence[str], tree: Worktree | None) -> bool:
        """Start a command and kill it at a random moment, half of the time with all that it has started."""
        began = time.monotonic()
        child = started(self.world, words, tree)
        whole = self.chance.random() < 0.5
        try:
            child.communicate(timeout=self.chance.uniform(0.05, self.seconds.get(verb, _FIRST_GUESS)))
        except subprocess.TimeoutExpired:
            kill(child.pid, whole=whole)
            # What it started may have our ends of the pipes still.
            for stream in (child.stdout, child.stderr):
                assert stream is not None
                stream.close()
            child.wait()
            return True
        self.seconds[verb] = time.monotonic() - began
        return False

    def _ended(self, verb: str, tree: Worktree | None) -> None:
        """What a command promises that says it has done its job; and there are never two of a thing."""
        if verb == "new":
            tree = next(each for each in self.world.trees() if each.branch == f"refs/heads/x{self.number}")
        if tree is not None:
            verbs.assert_done(self.world, verb, tree)
        verbs.assert_single(self.world)

    def _again(self, words: Sequence[str], tree: Worktree | None) -> bool:
        """The same command ends the job, or says what to do: then that is done. Whether it ended."""
        if tree is not None and not tree.git_dir.exists():
            return words[0] == "rm"
        code, said = self._unlocked(words, tree)
        if code == 0:
            self.counts["ended by the same again"] += 1
            return True
        hint = re.search(r"^ *hint: (.*)$", said, re.MULTILINE)
        assert code in {2, 3} and hint, f"wt {shlex.join(words)}: exit {code}\n{said}"
        self.counts["refused, with what to do"] += 1
        self.said[reason(said)] += 1
        if hint[1].startswith("wt "):
            code, said = self._unlocked(shlex.split(hint[1])[1:], tree)
            assert code == 0, f"{hint[1]}: exit {code}\n{said}"
        return False

    def _unlocked(self, words: Sequence[str], tree: Worktree | None) -> tuple[int, str]:
        """Run a command until nothing that git was killed over is in its way, mending that as it says."""
        code, said = self._wt(words, tree, check=False)
        while stale := re.search(r"^ *hint: wait for the git .*?: ((?:rm|git) .*)$", said, re.MULTILINE):
            waited = self._waited()
            if not waited:
                self.counts["what git was killed over mended, as was said"] += 1
                subprocess.run(["bash", "-ec", stale[1]], cwd=self.world.path, check=True)
            code, said = self._wt(words, tree, check=False)
        return code, said

    def _waited(self) -> bool:
        """Wait for each git that has outlived its wt; whether there was one."""
        place = os.fsencode(self.world.path.parent)
        for count in range(600):
            lines = [line.split(b"\0") for each in Path("/proc").glob("[0-9]*") if (line := _read(each / "cmdline"))]
            if not any(b"git" in line[0] and any(place in word for word in line) for line in lines):
                return count > 0
            time.sleep(0.1)
        raise AssertionError("a git does not end")

    def _wt(self, words: Sequence[str], tree: Worktree | None = None, *, check: bool = True) -> tuple[int, str]:
        child = started(self.world, words, tree)
        said = child.communicate(timeout=300)[1]
        assert child.returncode == 0 or not check, f"wt {shlex.join(words)}: exit {child.returncode}\n{said}"
        return child.returncode, said


def kill(pid: int, *, whole: bool) -> None:
    """`kill -9`; of the `whole`, also what it has started in sessions of their own."""
    os.kill(pid, signal.SIGSTOP)
    for each in (*(_descendants(pid) if whole else ()), pid):
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """All that a process has started, and what these have."""
    # proc(5): behind the last bracket are state and parent.
    stats = {int(each.name): _read(each / "stat").rpartition(b") ")[2].split() for each in Path("/proc").glob("[0-9]*")}
    found, rest = [], [pid]
    while rest:
        parent = str(rest.pop()).encode()
        children = [each for each, fields in stats.items() if fields[1:2] == [parent]]
        found += children
        rest += children
    return found


def _read(file: Path) -> bytes:
    """Of a process; nothing where it has just ended."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def reason(said: str) -> str:
    """Why a command refused, without the names of worktrees."""
    why = next(line for line in said.splitlines() if line.startswith("wt: "))
    return re.sub(r"[/\w.-]*(?:[wx]|same-)\d+[/\w.-]*", "...", why)


def started(world: World, words: Sequence[str], tree: Worktree | None) -> "subprocess.Popen[str]":
    """A real wt, on its own."""
    return subprocess.Popen(
        [WT, *words],
        cwd=tree.path if tree is not None and tree.path.is_dir() and words[0] == "prepare" else world.path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def run(world: World, number: int, *, seed: int, told: Callable[[str], None]) -> Counter[str]:
    """Kill so many commands; how often what came of it."""
    kills = Kills(world, random.Random(seed), world.counts)
    while world.counts["kills"] < number:
        kills.one()
        if world.counts["kills"] % 20 == 0:
            told(f"{world.counts['kills']} kills")
    for what, count in kills.said.items():
        world.counts[f"  {what}"] = count
    return world.counts
