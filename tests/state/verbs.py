"""wt's commands, called as the command line calls them, each with what it promises when it succeeds or refuses."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from state.world import World, reachable
from wt import docker, inventory, naming
from wt.commands import down, gc, new, prepare, rm, shared, sync, up
from wt.errors import Refused, WtError
from wt.model import Worktree

WITHOUT_TREE = {"new", "new --no-up", "shared up", "gc"}
GARBAGE = gc.Options()


def run(world: World, verb: str, tree: Worktree | None, *, name: str = "", options: Mapping[str, bool]) -> None:
    """Run a command on a worktree; `new` takes a name instead."""
    if verb == "gc":
        _gc(world, replace(GARBAGE, merged=options.get("merged", False), everywhere=options.get("everywhere", False)))
    elif tree is None:
        {"new": _new, "new --no-up": _new_down, "shared up": _shared_up, "shared down": _shared_down}[verb](world, name)
    elif verb == "rm":
        _rm(world, tree, options)
    else:
        {"up": _up, "down": _down, "sync": _sync, "prepare": _prepare}[verb](world, tree)


def _new(world: World, name: str, *, start: bool = True) -> None:
    """All or nothing."""
    before = _footprint(world)
    try:
        tree = new.run(world.context, name, start=None, branch=None, start_sandbox=start, wait=False)
    except WtError:
        assert _footprint(world) == before, "wt new left something behind"
        raise
    assert tree.path.is_dir()
    _assert_running(world, tree, running=start)


def _new_down(world: World, name: str) -> None:
    _new(world, name, start=False)


def _footprint(world: World) -> set[str]:
    common = world.repository.common_dir
    places = [*world.path.parent.iterdir(), *common.glob("wt-sandbox/*/*"), *common.glob("worktrees/*")]
    ours = [each for each in inventory.holdings() if each.repository == naming.repository_id(world.repository)]
    held = {f"{each.kind} {each.name}" for each in ours if each.role == "sandbox"}
    refs = world.git("for-each-ref", "--format=%(refname) %(objectname)").stdout.splitlines()
    return held | {str(each) for each in places if "/trash/" not in str(each)} | set(refs)


def assert_done(world: World, verb: str, tree: Worktree) -> None:
    """What holds after a command that succeeded, however often it was begun before."""
    if verb in {"new", "up"}:
        _assert_running(world, tree, running=True)
    elif verb == "rm":
        _assert_removed(world, tree)
    elif verb in {"sync", "down"}:
        _assert_imported(world, tree)
    if verb == "down":
        assert not any(each.alive for each in docker.containers(project=naming.project_name(tree)))


def assert_single(world: World) -> None:
    """There is one container of each service, and one network."""
    ours = naming.repository_id(world.repository)
    found = Counter((each.project, each.service) for each in docker.containers() if each.repository == ours)
    assert [each for each, count in found.items() if each[1] and count > 1] == []
    networks = Counter(each.name for each in inventory.holdings() if each.kind == "network")
    assert [name for name, count in networks.items() if count > 1] == []


def _up(world: World, tree: Worktree) -> None:
    up.run(world.context, [str(tree.path)], wait=False)
    _assert_running(world, tree, running=True)


def _assert_running(world: World, tree: Worktree, *, running: bool) -> None:
    container = world.app(tree)
    assert (container is not None and container.running) == running, container


def _down(world: World, tree: Worktree) -> None:
    reports = down.run(world.context, [str(tree.path)])
    assert not any(each.alive for each in docker.containers(project=naming.project_name(tree)))
    # What can't be imported keeps no sandbox running.
    if not any(report.kept for report in reports):
        _assert_imported(world, tree)


def _sync(world: World, tree: Worktree) -> None:
    sync.run(world.context, [str(tree.path)])
    _assert_imported(world, tree)


def _assert_imported(world: World, tree: Worktree) -> None:
    """The host alone has whatever is inside."""
    private = naming.private_repo(tree)
    only_inside = reachable(world.repository.common_dir, [private]) - reachable(world.repository.common_dir, [])
    assert not only_inside - world.thrown, f"not imported: {sorted(only_inside)}"


def _prepare(world: World, tree: Worktree) -> None:
    prepare.run(world.at(tree))
    told = len(world.told.lines)
    prepare.run(world.at(tree))
    assert world.told.lines[told:] == [], "prepare has something to do at once again"


def _rm(world: World, tree: Worktree, options: Mapping[str, bool]) -> None:
    told = len(world.told.lines)
    chosen = {each: options.get(each, False) for each in ("force", "delete_branch", "force_branch")}
    world.may_end(tree)
    try:
        rm.run(world.context, [str(tree.path)], **chosen)
    except Refused:
        world.must_stay(tree)
        raise
    finally:
        deleted = [each for each in world.told.lines[told:] if each.startswith("branch ") and " deleted, " in each]
        if chosen["force_branch"] and deleted:
            world.throw_away(deleted[0].rpartition(" ")[2])
    _assert_removed(world, tree)


def _assert_removed(world: World, tree: Worktree) -> None:
    project = naming.project_name(tree)
    assert not [each for each in inventory.holdings() if each.project == project]
    assert not naming.worktree_state_dir(tree).exists() and not tree.git_dir.exists()
    assert not os.path.lexists(tree.path)


def _shared_up(world: World, _name: str) -> None:
    assert all(each.state.startswith("Up") for each in shared.up(world.context))


def _shared_down(world: World, _name: str) -> None:
    shared.down(world.context, volumes=False)


def _gc(world: World, options: gc.Options) -> None:
    """What is left after it is what it said that it would leave."""
    for tree in world.trees() if options.merged else ():
        world.may_end(tree)
    done = gc.remove(world.context, options, gc.run(world.context, options))
    failed = [f"{row.kind} {row.name}: {row.reason}" for row in done if row.state == "failed"]
    assert not failed, failed
    again = [
        f"{row.kind} {row.name}: {row.reason}" for row in gc.run(world.context, options) if row.state == "removable"
    ]
    assert not again, f"gc finds something a second time: {again}"
    assert all(Path(each).is_dir() for each in (world.path, world.repository.common_dir))
