"""Crowds of real `wt` processes at once, in two repositories on the real engine; then what must hold."""

import random
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence

from state import kills, verbs
from state.machine import SAVE
from state.world import World
from wt import envfile, naming
from wt.model import Worktree

# Worktrees that each repository has before a round.
_BEFORE = 4
_SAME = 3


class Crowd:
    """What is started in one repository, and what must have come of it."""

    def __init__(self, world: World, chance: random.Random, number: int) -> None:
        self.world, self.same = world, f"same-{number}"
        self.names = [f"x{number}-{each}" for each in "abc"]
        self._made_ready(number)
        trees = world.trees()
        self.leaving = chance.sample(trees, 2)
        for tree in self.leaving:
            world.may_end(tree)
        calls: list[tuple[list[str], Worktree | None]] = [
            *((["new", name], None) for name in (*self.names, *[self.same] * _SAME)),
            *((["prepare"], tree) for tree in trees * 2),
            *((["sync", str(tree.path)], None) for tree in trees),
            *(([chance.choice(["up", "down"]), str(tree.path)], None) for tree in trees),
            *((["rm", "--force", str(tree.path)], None) for tree in self.leaving),
            *[(["gc", "--yes"], None)] * 2,
        ]
        self.calls = chance.sample(calls, len(calls))

    def _made_ready(self, number: int) -> None:
        """So many worktrees, each with work inside that the host does not have."""
        for tree in self.world.trees()[_BEFORE:]:
            verbs.run(self.world, "rm", tree, options={"force": True})
        for each in range(len(self.world.trees()), _BEFORE):
            verbs.run(self.world, "new", None, name=f"w{number}-{each}", options={})
        for tree in self.world.trees():
            verbs.run(self.world, "up", tree, options={})
            text = f"text-{number}"
            assert self.world.inside(tree, f"echo {text} >>{text} && {SAVE.format(text)}") is not None
        self.world.check()

    def start(self) -> list["subprocess.Popen[str]"]:
        return [kills.started(self.world, words, tree) for words, tree in self.calls]

    def look(self, ended: Sequence[tuple[int, str]]) -> None:
        """Losers have waited, or say why they lost; nothing is lost, nothing is there twice, all goes on working."""
        for (words, _), (code, said) in zip(self.calls, ended, strict=True):
            self.world.counts[f"wt {words[0]} at once"] += 1
            self.world.counts["waited, and said for what"] += "waiting for another" in said
            self.world.counts["refused, with what to do"] += code != 0
            assert code in {0, 1, 2, 3, 4} and (code == 0 or "hint: " in said), (words, code, said)
            if code != 0:
                self.world.counts[f"  {kills.reason(said)}"] += 1
        codes: dict[str, list[int]] = {name: [] for name in (*self.names, self.same)}
        for (words, _), (code, _said) in zip(self.calls, ended, strict=True):
            if words[0] == "new":
                codes[words[1]].append(code)
        assert sorted(codes.pop(self.same)) == [0, *[3] * (_SAME - 1)] and set(map(tuple, codes.values())) == {(0,)}
        self.world.check(whole=False)
        verbs.assert_single(self.world)
        for tree in self.world.trees():
            _assert_whole(tree)
            verbs.run(self.world, "up", tree, options={})
        verbs.run(self.world, "gc", None, options={})
        self.world.check()


def _assert_whole(tree: Worktree) -> None:
    """Its `.env` is there once, with each key once, and nothing half-written beside it."""
    place = tree.path / ".devcontainer"
    text = (place / ".env").read_text()
    keys = [line.partition("=")[0] for line in text.splitlines()]
    assert len(keys) == len(set(keys)) and envfile.read(text)["COMPOSE_PROJECT_NAME"] == naming.project_name(tree)
    assert [each.name for each in place.iterdir() if each.suffix == ".tmp"] == []


def run(worlds: Sequence[World], number: int, *, seed: int, told: Callable[[str], None]) -> Counter[str]:
    """So many rounds, each of one crowd in every repository at the same moment; how often what came of it."""
    chance, counts = random.Random(seed), worlds[0].counts
    for each in range(number):
        crowds = [Crowd(world, chance, each) for world in worlds]
        children = [crowd.start() for crowd in crowds]
        ended = [[(child.communicate(timeout=600)[1], child.returncode) for child in group] for group in children]
        for crowd, group in zip(crowds, ended, strict=True):
            crowd.look([(code, said) for said, code in group])
            counts["commands at once"] += len(group)
        counts["rounds"] += 1
        told(f"{each + 1} rounds")
    return counts
