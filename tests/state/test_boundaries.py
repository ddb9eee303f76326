"""A death at every boundary between two steps of every plan: the same command again ends what was begun."""

import itertools
import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from state import crash, verbs
from state.machine import SAVE
from state.memory import IMAGE, Memory
from state.world import World
from wt import docker, inventory, naming, trust
from wt.commands import up
from wt.errors import WtError
from wt.model import Worktree


@dataclass(frozen=True)
class Case:
    """A command, and what there is before it.

    Attributes:
        before: makes that.
        takes: whether the command is about the worktree `x`.
    """

    verb: str
    before: Callable[[World], object]
    takes: bool = True
    options: Mapping[str, bool] = field(default_factory=dict)


def x(world: World) -> Worktree:
    return next(each for each in world.trees() if each.id == "shop-x")


def nothing(_world: World) -> None:
    pass


def another(world: World) -> None:
    verbs.run(world, "new", None, name="y", options={})


def made(world: World) -> None:
    verbs.run(world, "new --no-up", None, name="x", options={})


def started(world: World) -> None:
    verbs.run(world, "new", None, name="x", options={})


def worked(world: World) -> None:
    """There is work inside that the host does not have."""
    started(world)
    for number, script in enumerate((SAVE.format("one"), "git branch side", "echo >s; git add s; git stash -q")):
        assert world.inside(x(world), f"echo {number} >file-{number}; {script}") is not None


def stopped(world: World) -> None:
    worked(world)
    verbs.run(world, "down", x(world), options={})


def configured(world: World) -> None:
    """It runs with a configuration of yesterday."""
    started(world)
    with (x(world).path / ".devcontainer/Dockerfile").open("a") as file:
        file.write("LABEL another=one\n")
    trust.record(world.repository, trust.look(x(world).path))


def merged(world: World) -> None:
    """All work is in main."""
    started(world)
    assert world.inside(x(world), f"echo 1 >one; {SAVE.format('one')}") is not None
    verbs.run(world, "sync", x(world), options={})
    assert world.git("merge", "--quiet", "x").returncode == 0


def committed(world: World) -> None:
    started(world)
    assert world.inside(x(world), f"echo 1 >one; {SAVE.format('one')}") is not None


def by_git(world: World) -> None:
    assert world.git("worktree", "add", "--quiet", "-b", "x", "../shop-x").returncode == 0


def deleted(world: World) -> None:
    """Its directory is gone while its sandbox runs."""
    committed(world)
    verbs.run(world, "sync", x(world), options={})
    world.may_end(x(world))
    shutil.rmtree(x(world).path)


def removed_by_git(world: World) -> None:
    worked(world)
    world.may_end(x(world))
    assert world.git("worktree", "remove", "--force", "../shop-x").returncode == 0


def replaced(world: World) -> None:
    """Another worktree has its id, and its containers are there."""
    removed_by_git(world)
    assert world.git("worktree", "add", "--quiet", "-b", "other", "../shop-x").returncode == 0


def put_aside(world: World) -> None:
    replaced(world)
    verbs.run(world, "up", x(world), options={})


def broken(world: World) -> None:
    """Its private repository is none any more, and is not in use; the host has what was in it."""
    committed(world)
    verbs.run(world, "down", x(world), options={})
    (naming.private_repo(x(world)) / "HEAD").unlink()


def with_old_image(world: World) -> None:
    """It was built again, and its first image has no name any more."""
    configured(world)
    verbs.run(world, "up", x(world), options={})


def with_empty_network(world: World) -> None:
    """A network of its own that nobody is on."""
    docker.create_network(naming.own_network(world.repository), naming.network_labels(world.repository))


def with_import(world: World) -> None:
    """A wt that was killed left the container that served an import."""
    stopped(world)
    assert isinstance(world.engine, Memory)
    world.engine.leave_import(naming.project_name(x(world)))


def with_verify(world: World) -> None:
    """A wt verify that was killed left the container that stood beside the sandbox."""
    stopped(world)
    assert isinstance(world.engine, Memory)
    world.engine.leave_import(naming.project_name(x(world)), role="verify")


def with_all_sorts(world: World) -> None:
    """What git removed, what was put aside, and a network of nobody's."""
    put_aside(world)
    world.may_end(x(world))
    assert world.git("worktree", "remove", "--force", "../shop-x").returncode == 0
    docker.create_network("nobody-s", naming.network_labels(None))


def without_network(world: World) -> None:
    """The network of what was stopped is gone."""
    stopped(world)
    verbs.run(world, "shared down", None, options={})
    assert world.engine.rm_network(world.network)


def with_refs(world: World) -> None:
    """What was imported from a worktree that is gone is on a branch by now."""
    removed_by_git(world)
    verbs.run(world, "gc", None, options={})
    for name in ("x", "side"):
        world.git("branch", "--force", name, f"refs/wt/shop-x/heads/{name}")
    world.git("tag", "stashed", "refs/wt/shop-x/stash/0")


def without_shared(world: World) -> None:
    started(world)
    verbs.run(world, "shared down", None, options={})


CASES = {
    "new": Case("new", nothing, takes=False),
    "new beside another": Case("new", another, takes=False),
    "new without a sandbox": Case("new --no-up", nothing, takes=False),
    "up for the first time": Case("up", by_git),
    "up of one that is made": Case("up", made),
    "up of one that was stopped": Case("up", stopped),
    "up with another configuration": Case("up", configured),
    "up of one whose network is gone": Case("up", without_network),
    "up of one that has the place of another": Case("up", replaced),
    "down": Case("down", worked),
    "prepare": Case("prepare", by_git),
    "prepare with shared services down": Case("prepare", without_shared),
    "rm of merged work": Case("rm", merged, options={"delete_branch": True}),
    "rm of work that stays on its branch": Case("rm", committed),
    "rm with work that is thrown away": Case("rm", committed, options={"force": True, "force_branch": True}),
    "rm of one that never ran": Case("rm", made, options={"delete_branch": True}),
    "rm of one that is gone": Case("rm", deleted, options={"force": True}),
    "shared up": Case("shared up", nothing, takes=False),
    "gc of what git removed": Case("gc", removed_by_git, takes=False),
    "gc of one that is gone": Case("gc", deleted, takes=False),
    "gc of what was put aside": Case("gc", put_aside, takes=False),
    "gc of an old image": Case("gc", with_old_image, takes=False),
    "gc of a network": Case("gc", with_empty_network, takes=False),
    "gc of a container of an import": Case("gc", with_import, takes=False),
    "gc of a container of a verification": Case("gc", with_verify, takes=False),
    "gc of all repositories": Case("gc", with_all_sorts, takes=False, options={"everywhere": True}),
    "gc of refs": Case("gc", with_refs, takes=False),
    "gc of a merged worktree": Case("gc", merged, takes=False, options={"merged": True}),
    "rm of one that is broken": Case("rm", broken, options={"force": True}),
    "up of one that is broken": Case("up", broken),
}


@pytest.fixture
def worlds(original: Path, tmp_path: Path) -> Iterator[Callable[[], World]]:
    """Makes one world after another, each with an engine of its own."""
    with ExitStack() as stack:
        numbers = itertools.count()

        def make() -> World:
            engine = Memory([IMAGE])
            stack.enter_context(engine.installed())
            world = World.copied(original, tmp_path / str(next(numbers)), engine, Counter())
            stack.callback(world.close)
            return world

        yield make


@pytest.mark.parametrize("name", CASES)
def test_the_same_again_ends_what_was_begun(worlds: Callable[[], World], name: str) -> None:
    case, world = CASES[name], worlds()
    steps, _ = carried_out(world, case, None)
    assert steps, "there is nothing to die in"
    whole = {"": facts(world)}
    for boundary in range(steps + 1):
        _, hint = carried_out(other := worlds(), case, boundary)
        if hint not in whole:
            with world.engine.installed():
                follow(world, hint)
                whole[hint] = facts(world)
        assert facts(other) == whole[hint], f"dead after {boundary} of {steps} steps"


def carried_out(world: World, case: Case, boundary: int | None) -> tuple[int, str]:
    """How many steps it took, and what the same command said is to be done instead of itself."""
    case.before(world)
    world.check()
    tree = x(world) if case.takes else None

    def call() -> None:
        verbs.run(world, case.verb, tree, name="x", options=case.options)

    with crash.at(boundary) as course:
        call()
    world.check(whole=False)
    hint = again(world, call) if course.died and (tree is None or tree.git_dir.exists()) else ""
    world.check(whole=False)
    return course.done, hint


def again(world: World, call: Callable[[], None]) -> str:
    """The same command; where it refuses, what it says is to be done."""
    try:
        call()
    except WtError as error:
        hint = error.hint or ""
    else:
        return ""
    follow(world, hint)
    return hint


def follow(world: World, hint: str) -> None:
    assert hint.startswith("wt up "), hint
    up.run(world.context, shlex.split(hint)[2:], wait=False)


def facts(world: World) -> dict[str, object]:
    """All that matters, in words that are the same for every copy of a repository."""
    common = world.repository.common_dir
    holdings = [each for each in inventory.holdings() if each.repository == naming.repository_id(world.repository)]
    state = common / naming.STATE
    refs = world.git("for-each-ref", "--format=%(refname)").stdout.splitlines()
    return {
        "holdings": sorted((each.kind, each.role, each.worktree, each.running, each.outdated) for each in holdings),
        "refs": sorted(line.partition(".")[0] if "/aside/" in line else line for line in refs),
        "worktrees": [_facts(world, each) for each in world.trees()],
        "places": sorted(each.name for each in world.path.parent.iterdir()),
        "state": sorted(each.name for each in state.iterdir() if each.is_dir() and each.name != naming.TRASH),
        "aside": len(list((state / naming.ASIDE).glob("*/repo.git"))),
    }


def _facts(world: World, tree: Worktree) -> object:
    container, place = world.app(tree), tree.path / "file"
    environment = tree.path / ".devcontainer/.env"
    ready = container is None or not environment.exists() or f"'{container.config}'" in environment.read_text()
    owner = place.stat().st_uid if place.exists() else None
    private = naming.private_repo(tree).is_dir()
    return tree.id, tree.branch, container and container.state, ready, owner, private, environment.exists()
