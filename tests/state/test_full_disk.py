"""A disk that fills up under any command: nothing is lost, and once there is room the same command ends the job."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.test_hosts import SAID, emptied, filled

from state import verbs
from state.memory import IMAGE, Memory
from state.test_boundaries import CASES, Case, worked, x
from state.world import World
from wt import docker, errors
from wt.commands import down, gc
from wt.errors import WtError
from wt.model import Worktree
from wt.naming import project_name

OPTIONS = "size=16m,nr_inodes=3000"
TRIED = {
    "sync": Case("sync", worked),
    **{
        name: CASES[name]
        for name in (
            "up for the first time",
            "up of one that was stopped",
            "up with another configuration",
            "down",
            "prepare",
            "rm of work that stays on its branch",
            "rm of merged work",
            "gc of what git removed",
            "gc of one that is gone",
        )
    },
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux" or subprocess.run(["mount", "-t", "tmpfs", "-o", OPTIONS, "tmpfs", place]).returncode:
        pytest.skip("only root can mount, and elsewhere in another way")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize("kind", ["full", "no inodes"])
@pytest.mark.parametrize("name", TRIED)
def test_once_there_is_room_the_same_ends_the_job(original: Path, disk: Path, name: str, kind: str) -> None:
    case, engine = TRIED[name], Memory([IMAGE])
    with engine.installed():
        world = World.copied(original, disk / "world", engine, Counter())
        case.before(world)
        world.check()
        tree = x(world) if case.takes else None
        filled(disk, kind)
        said = tried(world, case, tree)
        assert said == "" or SAID[kind] in said, said
        world.check(whole=False)
        if case.verb == "down":
            assert said and tree and not any(each.alive for each in docker.containers(project=project_name(tree)))
        emptied(disk, kind)
        if tree is None or tree.git_dir.exists():
            verbs.run(world, case.verb, tree, name="x", options=case.options)
        world.check()
        verbs.run(world, "gc", None, options={})
        world.check()
        world.close()


def tried(world: World, case: Case, tree: Worktree | None) -> str:
    """What goes wrong in a command on a disk that is full, in what it says to its user; nothing where it works."""
    try:
        if case.verb == "gc":
            done = gc.remove(world.context, verbs.GARBAGE, gc.run(world.context, verbs.GARBAGE))
            return ", ".join(row.reason for row in done if row.state == "failed")
        if case.verb == "down" and tree:
            return ", ".join(each.kept or "" for each in down.run(world.context, [str(tree.path)]))
        verbs.run(world, case.verb, tree, name="x", options=case.options)
    except (WtError, OSError) as error:
        known = error if isinstance(error, WtError) else errors.of_machine(error)
        return known.message if known and known.hint else f"no way out: {error}"
    return ""
