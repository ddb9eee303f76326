"""What a sandbox built on stays though the host deletes the branch; where it went all the same, nothing is stuck."""

import shlex
import shutil

import pytest

from state import verbs
from state.world import World
from wt import naming
from wt.commands import gc, ls, rm, sync
from wt.errors import Incomplete
from wt.model import Worktree


@pytest.fixture
def world(world: World) -> World:
    """Inside the worktree `x`, a commit was made that merges one which came from `y`."""
    verbs.run(world, "new", None, name="y", options={})
    assert world.inside(tree(world, "y"), "echo y >y; git add y; git commit -q -m theirs") is not None
    sync.run(world.context, ["y"])
    theirs = world.git("rev-parse", "y").stdout.strip()
    assert world.inside(tree(world, "x"), f"git merge -q --no-ff -m precious {theirs}") is not None
    return world


def tree(world: World, name: str) -> Worktree:
    return next(each for each in world.trees() if each.branch == f"refs/heads/{name}")


def squashed(world: World) -> None:
    """As by a host that takes the work of `y` over as one commit, and lets the rest go."""
    assert world.git("merge", "--squash", "y").returncode == world.git("commit", "-q", "-m", "one").returncode == 0
    world.may_end(tree(world, "y"))
    rm.run(world.context, ["y"], force=False, delete_branch=True, force_branch=False)
    prune(world)


def prune(world: World) -> None:
    assert world.git("gc", "--quiet", "--prune=now").returncode == 0


def kept(world: World) -> list[str]:
    found = world.git("for-each-ref", "--format=%(refname)", "refs/wt/*/base/kept/*", "refs/wt/*/*/base/kept/*")
    return found.stdout.split()


@pytest.mark.parametrize("aside", [False, True])
def test_what_a_sandbox_built_on_outlives_the_branch(world: World, *, aside: bool) -> None:
    theirs = world.git("rev-parse", "y").stdout.strip()
    x = tree(world, "x")
    if aside:
        # Another worktree gets its place.
        world.may_end(x)
        assert world.git("worktree", "remove", "--force", x.path).returncode == 0
        assert world.git("worktree", "add", "-q", "-b", "z", x.path).returncode == 0
        verbs.run(world, "up", tree(world, "z"), options={})
    squashed(world)
    assert (len(kept(world)), kept(world)[-1].endswith(f"/base/kept/{theirs}")) == (1 + aside, True)
    if aside:
        (row,) = [each for each in gc.run(world.context, gc.Options()) if each.kind == "private repository"]
        assert {each.state for each in gc.remove(world.context, gc.Options(), [row])} == {"removed"}
    else:
        assert sync.run(world.context, ["x"])[0].moved
    assert "precious" in world.git("log", "--all", "--format=%s").stdout
    ls.run(world.context, sizes=False)
    if not aside:
        world.may_end(x)
        rm.run(world.context, ["x"], force=False, delete_branch=False, force_branch=False)
        assert kept(world) == []
    world.check()


def test_what_is_merged_needs_no_keeping(world: World) -> None:
    assert world.git("merge", "-q", "y").returncode == 0
    world.may_end(tree(world, "y"))
    rm.run(world.context, ["y"], force=False, delete_branch=True, force_branch=False)
    assert kept(world) == []


def test_a_dropped_stash_entry_outlives_its_worktree_where_another_may_have_built_on_it(world: World) -> None:
    y = tree(world, "y")
    assert world.inside(y, "echo s >s; git add s; git stash -q") is not None
    sync.run(world.context, ["y"])
    entry = world.git("rev-parse", f"refs/wt/{y.id}/stash/0").stdout.strip()
    assert world.inside(tree(world, "x"), f"git cherry-pick -m1 {entry}") is not None
    assert world.inside(y, "git stash drop -q") is not None
    world.may_end(y)
    rm.run(world.context, ["y"], force=False, delete_branch=False, force_branch=False)
    prune(world)
    assert sync.run(world.context, ["x"])[0].moved
    world.check()


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("by", ["rm", "gc"])
def test_what_can_t_be_served_any_more_is_put_aside_by_force(world: World, by: str, *, gone: bool) -> None:
    """The host let go, by plain git, what was borrowed."""
    x, y = tree(world, "x"), tree(world, "y")
    world.may_end(y)
    rm.run(world.context, ["y"], force=False, delete_branch=False, force_branch=False)
    assert world.git("branch", "-q", "-D", "y").returncode == 0
    prune(world)
    if gone:
        shutil.rmtree(x.path)
    with pytest.raises(Incomplete, match="could not be imported") as caught:
        sync.run(world.context, [str(x.path)])
    hint = caught.value.hint or ""
    assert ("git fsck" in hint) != gone and f"`wt rm --force {x.called}`" in hint
    if not gone:
        script = shlex.join(shlex.split(hint.split("`")[1])[4:])
        assert world.inside(x, f"{script} 2>&1 | grep -q missing") == ""
        with pytest.raises(Incomplete):
            rm.run(world.context, ["x"], force=False, delete_branch=False, force_branch=False)
    world.may_end(x)
    if by == "rm" or not gone:
        rm.run(world.context, [str(x.path)], force=True, delete_branch=False, force_branch=False)
    else:
        gc.remove(world.context, gc.Options(), gc.run(world.context, gc.Options()))
    assert not x.git_dir.exists() and not naming.private_repo(x).exists()
    (place,) = (naming.state_dir(world.repository) / naming.ASIDE).iterdir()
    assert any(line.endswith(f"; it is kept in {place}/repo.git") for line in world.told.lines)
    verbs.run(world, "new", None, name="z", options={})
    (row,) = [each for each in gc.run(world.context, gc.Options()) if each.kind == "private repository"]
    (done,) = gc.remove(world.context, gc.Options(), [row])
    assert done.state == "failed" and done.hint == f"look at {place}; removing that directory ends it"
    assert (place / "repo.git/HEAD").is_file()
