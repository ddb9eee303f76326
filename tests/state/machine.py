"""Random sequences of what users, agents and crashes do to a repository."""

import itertools
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from state import verbs
from state.real import Engine
from state.world import World
from wt import docker, naming
from wt.model import Worktree

NAMES = st.sampled_from(["a", "b", "c"])
WHICH = st.integers(min_value=0, max_value=5)
OPTIONS = st.fixed_dictionaries(
    {}, optional={each: st.booleans() for each in ("force", "delete_branch", "force_branch")}
)
# What has no more is no sequence yet.
FEW = 4
# Most plans have few steps; none has more.
BOUNDARY = st.integers(min_value=0, max_value=2) | st.integers(min_value=0, max_value=6) | st.integers(0, 14)
SAVE = 'git add --all && git commit --quiet --message "{0}"'


def run(
    original: Path, new_engine: Callable[[], Engine], *, sequences: int, steps: int, derandomize: bool
) -> Counter[str]:
    """Run random sequences; how often what was done.

    Args:
        original: the repository that each begins with a copy of.
        new_engine: makes the engine of each.
        sequences: how many.
        steps: how many each has at most.
        derandomize: the same ones every time.
    """
    counts: Counter[str] = Counter()
    chosen = type(
        "Chosen", (Sequences,), {"original": original, "new_engine": staticmethod(new_engine), "counts": counts}
    )
    common = settings(
        stateful_step_count=steps,
        deadline=None,
        database=None,
        # Each try takes a second or more: minutes of shrinking would tell little.
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    numbers = itertools.count()
    while counts["sequences"] < sequences:
        # One by one, since an engine does not always take the same course; the first of two is empty.
        number = next(numbers) if derandomize else random.randrange(10**9)
        try:
            run_state_machine_as_test(seed(number)(chosen), settings=settings(common, max_examples=2))
        except BaseException as error:
            error.add_note(f"in sequence {counts['sequences']}, with the seed {number}")
            raise
    return counts


def has_any(machine: "Sequences") -> bool:
    return bool(machine.world.trees())


def has_one_there(machine: "Sequences") -> bool:
    return any(each.path.is_dir() for each in machine.world.trees())


def has_moved(machine: "Sequences") -> bool:
    return bool(machine.moved)


class Sequences(RuleBasedStateMachine):
    """Each rule is one thing that somebody does; what must hold is looked at after each."""

    original: ClassVar[Path]
    new_engine: ClassVar[Callable[[], Engine]]
    counts: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.number = 0
        self.moved: list[tuple[Worktree, Path]] = []
        engine = type(self).new_engine()
        self.installed = engine.installed()
        self.installed.__enter__()
        self.world = World.copied(self.original, Path(tempfile.mkdtemp(prefix="wt-state.")), engine, self.counts)

    def teardown(self) -> None:
        self.world.close()
        self.installed.__exit__(None, None, None)

    @invariant()
    def nothing_is_lost(self) -> None:
        self.steps += 1
        self.counts["steps"] += 1
        self.counts["sequences"] += self.steps == FEW
        self.world.check()

    def tree(self, which: int, *, there: bool = True) -> Worktree:
        found = [each for each in self.world.trees() if each.path.is_dir() or not there]
        return found[which % len(found)]

    def text(self) -> str:
        """What was never written before."""
        self.number += 1
        return f"text-{self.number}"

    def did(self, what: str) -> None:
        self.counts[what] += 1

    # wt

    @initialize(names=st.lists(NAMES, unique=True, min_size=1, max_size=2), start=st.booleans())
    def first(self, names: list[str], start: bool) -> None:
        for name in names:
            self.new(name, start)
        if start:
            self.commit_inside(0, None)

    @rule(name=NAMES, start=st.booleans())
    def new(self, name: str, start: bool) -> None:
        self.run("new" if start else "new --no-up", None, name)

    @precondition(has_one_there)
    @rule(verb=st.sampled_from(["up", "prepare"]), which=WHICH)
    def begin(self, verb: str, which: int) -> None:
        self.run(verb, self.tree(which))

    @precondition(has_any)
    @rule(which=WHICH)
    def sync(self, which: int) -> None:
        self.run("sync", self.tree(which, there=False))

    @precondition(has_any)
    @rule(which=WHICH)
    def down(self, which: int) -> None:
        self.run("down", self.tree(which, there=False))

    @precondition(has_any)
    @rule(which=WHICH, options=OPTIONS)
    def rm(self, which: int, options: dict[str, bool]) -> None:
        self.run("rm", self.tree(which, there=False), options=options)

    @rule(verb=st.sampled_from(["shared up", "shared down"]))
    def shared(self, verb: str) -> None:
        self.run(verb, None)

    @rule()
    def gc(self) -> None:
        self.run("gc", None)

    @rule(verb=st.sampled_from(sorted(verbs.WITHOUT_TREE)), name=NAMES, boundary=BOUNDARY, restart=st.booleans())
    def crash(self, verb: str, name: str, boundary: int, restart: bool) -> None:
        self.crashed(verb, None, name, {}, boundary, restart)

    @precondition(has_one_there)
    @rule(verb=st.sampled_from(["up", "down", "prepare"]), which=WHICH, boundary=BOUNDARY, restart=st.booleans())
    def crash_of_one(self, verb: str, which: int, boundary: int, restart: bool) -> None:
        self.crashed(verb, self.tree(which), "", {}, boundary, restart)

    @precondition(has_any)
    @rule(which=WHICH, options=OPTIONS, boundary=BOUNDARY, restart=st.booleans())
    def crash_of_rm(self, which: int, options: dict[str, bool], boundary: int, restart: bool) -> None:
        self.crashed("rm", self.tree(which, there=False), "", {"force": True} | options, boundary, restart)

    def crashed(
        self, verb: str, tree: Worktree | None, name: str, options: dict[str, bool], boundary: int, restart: bool
    ) -> None:
        """The same command again ends what was begun, or says what to do; the engine may restart before."""
        died = self.world.crash(verb, lambda: verbs.run(self.world, verb, tree, name=name, options=options), boundary)
        if restart:
            self.engine_restarts()
        self.world.check(whole=False)
        if died and (tree is None or tree.git_dir.exists()):
            self.run(verb, tree, name, options)

    def run(self, verb: str, tree: Worktree | None, name: str = "", options: dict[str, bool] | None = None) -> None:
        self.world.attempt(verb, lambda: verbs.run(self.world, verb, tree, name=name, options=options or {}))

    # an agent

    @precondition(has_any)
    @rule(which=WHICH, path=st.sampled_from(["one", "two", None]))
    def commit_inside(self, which: int, path: str | None) -> None:
        text = self.text()
        self.agent(which, f"echo {text} >>{path or text} && {SAVE.format(text)}", "commit inside")

    @precondition(has_any)
    @rule(which=WHICH)
    def amend_inside(self, which: int) -> None:
        tree, text = self.tree(which, there=False), self.text()
        old = self.world.inside(tree, "git rev-parse HEAD")
        if old and self.agent(
            which, f"echo {text} >{text} && git add --all && git commit -q --amend -m {text}", "amend"
        ):
            self.world.thrown.add(old)

    @precondition(has_any)
    @rule(
        which=WHICH,
        how=st.sampled_from(["branch", "switch --quiet -c", "checkout --quiet --detach HEAD; git branch", "rebase"]),
    )
    def branch_inside(self, which: int, how: str) -> None:
        if how == "rebase":
            self.rebase_inside(which)
            return
        self.agent(which, f"git {how} side-{self.text()}", "branch inside")

    @precondition(has_any)
    @rule(which=WHICH)
    def stash_inside(self, which: int) -> None:
        text = self.text()
        self.agent(which, f"echo {text} >{text} && git add --all && git stash --quiet", "stash inside")

    @precondition(has_any)
    @rule(which=WHICH)
    def pop_inside(self, which: int) -> None:
        tree = self.tree(which, there=False)
        dropped = self.world.inside(tree, "git rev-parse -q --verify stash@{0} && git rev-parse stash@{0}^2")
        if dropped and self.agent(which, "git stash pop --quiet", "stash popped inside"):
            self.world.thrown.update(dropped.split())

    def rebase_inside(self, which: int) -> None:
        """Begin one, or end it; nothing but git's note of where it began holds its only commit meanwhile."""
        began = "$(cat $GIT_DIR/rebase-merge/orig-head)"
        dropped = self.world.inside(self.tree(which, there=False), f"git rev-list HEAD ^{began}")
        if dropped is None:
            text, stop = self.text(), "GIT_SEQUENCE_EDITOR='sed -i 1ibreak' git rebase --quiet --interactive HEAD~1"
            script = f"git checkout --quiet --detach && echo {text} >{text} && {SAVE.format(text)} && {stop}"
            self.agent(which, script, "rebase inside")
        elif self.agent(which, "git rebase --abort", "rebase aborted inside"):
            self.world.thrown.update(dropped.split())

    def agent(self, which: int, script: str, what: str) -> bool:
        """What an agent does, once its sandbox runs; one whose directory is gone may run on."""
        tree = self.tree(which, there=False)
        if self.world.app(tree) is None and tree.path.is_dir():
            self.run("up", tree)
        self.world.may_end(tree)
        done = self.world.inside(tree, script) is not None
        self.counts[what] += done
        return done

    # a user

    @rule(which=WHICH, on_main=st.booleans(), path=st.sampled_from(["one", "three", None]))
    def commit_outside(self, which: int, on_main: bool, path: str | None) -> None:
        tree = self.world.main() if on_main or not has_one_there(self) else self.tree(which)
        text = self.text()
        with (tree.path / (path or text)).open("a") as file:
            file.write(f"{text}\n")
        self.user(tree, "commit outside", ["add", "--all"], ["commit", "--quiet", "--message", text])

    @rule(which=WHICH, on_main=st.booleans(), staged=st.booleans())
    def dirty(self, which: int, on_main: bool, staged: bool) -> None:
        tree = self.world.main() if on_main or not has_one_there(self) else self.tree(which)
        (tree.path / self.text()).write_text("not committed\n")
        self.user(tree, "dirty", *([["add", "--all"]] if staged else []))

    @precondition(has_one_there)
    @rule(which=WHICH)
    def stash_outside(self, which: int) -> None:
        tree, text = self.tree(which), self.text()
        (tree.path / text).write_text(text)
        self.user(tree, "stash outside", ["add", "--all"], ["stash", "--quiet"])

    @precondition(has_one_there)
    @rule(which=WHICH, switch=st.booleans())
    def branch_outside(self, which: int, switch: bool) -> None:
        words = ["switch", "--quiet", "-c"] if switch else ["branch"]
        self.user(self.tree(which), "branch outside", [*words, f"user-{self.text()}"])

    @precondition(has_any)
    @rule(which=WHICH)
    def merge_outside(self, which: int) -> None:
        branch = self.tree(which, there=False).branch
        if branch and self.user(self.world.main(), "merge outside", ["merge", "--quiet", "--no-edit", branch]):
            return
        self.world.git("merge", "--abort")

    @precondition(has_any)
    @rule(which=WHICH)
    def git_worktree_remove(self, which: int) -> None:
        tree = self.tree(which, there=False)
        self.world.may_end(tree)
        self.user(self.world.main(), "git worktree remove", ["worktree", "remove", "--force", str(tree.path)])

    @rule()
    def git_worktree_prune(self) -> None:
        self.user(self.world.main(), "git worktree prune", ["worktree", "prune", "--expire=now"])

    @precondition(has_one_there)
    @rule(which=WHICH)
    def git_worktree_move(self, which: int) -> None:
        tree = self.tree(which)
        to = tree.path.with_name(f"{tree.name}-{self.text()}")
        self.user(self.world.main(), "git worktree move", ["worktree", "move", str(tree.path), str(to)])

    @precondition(has_one_there)
    @rule(which=WHICH)
    def rename(self, which: int) -> None:
        tree = self.tree(which)
        to = tree.path.with_name(f"moved-{self.text()}")
        self.world.may_end(tree)
        tree.path.rename(to)
        self.moved.append((tree, to))
        self.did("renamed")

    @precondition(has_moved)
    @rule(which=WHICH, back=st.booleans())
    def repair(self, which: int, back: bool) -> None:
        tree, place = self.moved.pop(which % len(self.moved))
        if not tree.git_dir.exists() or tree.path.exists():
            return
        if back:
            place.rename(tree.path)
        else:
            self.world.git("worktree", "repair", place)
        self.did("repaired")

    @precondition(has_one_there)
    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        tree = self.tree(which)
        self.world.may_end(tree)
        shutil.rmtree(tree.path)
        self.did("directory deleted")

    def user(self, tree: Worktree, what: str, *calls: list[str]) -> bool:
        """What a user does with git; whether it worked."""
        self.world.may_end(tree)
        done = all(self.world.git(*words, cwd=tree.path).returncode == 0 for words in calls)
        self.counts[what] += done
        return done

    # docker

    @precondition(has_any)
    @rule(which=WHICH, verb=st.sampled_from(["rm", "kill", "pause"]))
    def docker(self, which: int, verb: str) -> None:
        tree = self.tree(which, there=False)
        container = self.world.app(tree)
        if container is not None and (container.running or verb == "rm"):
            self.world.may_end(tree)
            getattr(self.world.engine, verb)(container.id)
            self.did(f"docker {verb}")

    @precondition(has_any)
    @rule()
    def engine_restarts(self) -> None:
        """All containers end at once, those of shared services, too."""
        ours = naming.repository_id(self.world.repository)
        for container in docker.containers():
            if container.repository == ours and container.alive:
                self.world.engine.kill(container.id)
        self.did("engine restarts")

    @rule()
    def docker_network_rm(self) -> None:
        """It works while nothing runs on it."""
        self.counts["docker network rm"] += self.world.engine.rm_network(self.world.network)
