"""What is there is not taken for gone, nor for another's, wherever it was moved or whatever it was copied from."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from state import verbs
from state.world import World
from wt import checkouts, docker, naming
from wt.commands import doctor, down, gc, ls, prepare, rm, sync, up
from wt.errors import Incomplete, Refused, UsageError
from wt.model import Context, ImportReport, Leftover, Worktree

ALL = gc.Options(older_than=timedelta(0), merged=True)


def collected(world: World, path: Path, options: gc.Options = ALL) -> tuple[Leftover, ...]:
    """What gc keeps of what it looked at, in a repository; what it can remove is removed."""
    context = replace(world.context, directory=path)
    rows = gc.run(context, options)
    gc.remove(context, options, rows)
    return tuple(row for row in rows if row.state != "removable")


@pytest.mark.parametrize("pattern", ["../{repository}-{name}", "../trees/{name}"])
def test_gc_keeps_a_worktree_that_was_moved_along_with_its_repository(
    empty_world: World, tmp_path: Path, pattern: str
) -> None:
    world = empty_world
    settings = world.path / ".devcontainer/wt.toml"
    settings.write_text(f'worktree_dir = "{pattern}"\n{settings.read_text()}')
    assert world.git("commit", "-qam", "where worktrees are").returncode == 0
    verbs.run(world, "new", None, name="x", options={})
    (tree,) = world.trees()
    (tree.path / "wip").touch()
    relative = tree.path.relative_to(world.path.parent)
    moved = world.path.parent.rename(tmp_path / "moved")
    try:
        (kept,) = collected(world, moved / "shop")
        assert kept.reason is not None and kept.reason.endswith(f"but it was moved to {moved / relative}")
        assert kept.hint == f"git worktree repair {moved / relative}"
        (moving,) = (each for each in doctor.run(replace(world.context, directory=moved / "shop")))
        assert moving.state == "moved"
        assert world.git("worktree", "repair", moved / relative, cwd=moved / "shop").returncode == 0
        assert world.git("status", "--porcelain", cwd=moved / relative).stdout.strip().endswith("wip")
    finally:
        moved.rename(world.path.parent)


def test_gc_leaves_a_directory_that_came_back_while_it_asked(world: World) -> None:
    """What was agreed to was that an empty place goes; that it is old, or merged, nobody was told."""
    (tree,) = world.trees()
    down.run(world.context, [str(tree.path)])
    away = tree.path.parent / "elsewhere"
    away.mkdir()
    tree.path.rename(away / tree.path.name)
    rows = gc.run(world.context, ALL)
    assert [row.state for row in rows if row.kind == "worktree"] == ["removable"]
    (away / tree.path.name).rename(tree.path)
    assert [row for row in gc.remove(world.context, ALL, rows) if row.kind == "worktree"] == []
    assert tree.path.is_dir()


@pytest.mark.parametrize("outer", ["linked", "main"])
def test_what_lies_inside_is_seen_through_a_symlink_above(world: World, outer: str) -> None:
    """git writes down where a worktree really is; one that was made before the symlink has its former path."""
    (tree,) = world.trees()
    around = world.main() if outer == "main" else tree
    above = world.path.parent
    moved = above.with_name("moved")
    above.rename(moved)
    above.symlink_to(moved)
    try:
        assert world.git("worktree", "add", "-q", "-b", "inner", "helpers/inner", cwd=around.path).returncode == 0
        (found, outside) = checkouts.nested(around)
        assert found == ("helpers/inner",) and outside == ()
        (inner,) = (each for each in world.trees() if each.branch == "refs/heads/inner")
        assert [each.path for each in checkouts.nested(inner)[1]] == [around.path]
        with pytest.raises(Refused, match="lies inside"):
            prepare.run(replace(world.context, directory=around.path))
    finally:
        above.unlink()
        moved.rename(above)


def test_an_entry_that_says_nothing_is_no_worktree(world: World) -> None:
    """What is left of a power cut: an empty file, which would lead to the directory of all entries."""
    verbs.run(world, "new", None, name="y", options={})
    x, y = world.trees()
    for text in ("", "\n", "garbage\n", ".git/x\n"):
        (x.git_dir / "gitdir").write_text(text)
        assert [each.path for each in checkouts.worktrees(x.repository) if not each.is_main] == [y.path]
        (finding,) = (each for each in doctor.run(world.context) if each.state == "hollow entry")
        assert finding.command == f"git worktree repair {x.path}"
    assert world.git("worktree", "repair", x.path).returncode == 0
    assert [each.path for each in world.trees()] == [x.path, y.path]


def test_gc_in_a_copy_of_a_repository_takes_nothing_of_the_original_s(world: World) -> None:
    (tree,) = world.trees()
    copy = world.path.parent / "copy"
    shutil.copytree(world.path, copy, symlinks=True)
    collected(world, copy)
    assert tree.path.is_dir()
    running = world.app(tree)
    assert running is not None and running.running
    with pytest.raises(Refused, match="belongs to another repository"):
        rm.run(replace(world.context, directory=copy), ["x"], force=True, delete_branch=False, force_branch=False)


def test_two_entries_for_one_directory_are_the_one_s_to_which_it_points_back(world: World) -> None:
    """As git leaves them where a worktree took another one's place."""
    verbs.run(world, "new", None, name="y", options={})
    for tree in world.trees():
        verbs.run(world, "down", tree, options={})
    x, y = world.trees()
    shutil.rmtree(y.path)
    x.path.rename(y.path)
    assert world.git("worktree", "repair", y.path).returncode == 0
    ours = [each for each in world.trees() if checkouts.points_back(each)]
    assert [each.path for each in world.trees()] == [y.path, y.path] and len(ours) == 1
    # Of the other one all would say that it may go: but its directory is not its own.
    (other,) = (each for each in world.trees() if each not in ours)
    world.git("commit", "-q", "--allow-empty", "-m", "more", cwd=y.path)
    world.git("update-ref", other.branch or "", ours[0].branch or "")
    world.git("merge", "-q", "--ff-only", other.branch or "")
    world.git("switch", "-q", "--detach", cwd=y.path)
    collected(world, world.path, gc.Options(merged=True))
    assert y.path.is_dir()
    rm.run(world.context, [y.path.name], force=False, delete_branch=False, force_branch=False)
    assert not y.path.exists()
    collected(world, world.path)
    assert world.trees() == []


def test_gc_keeps_what_is_staged_on_a_branch_without_a_commit(world: World) -> None:
    (tree,) = world.trees()
    assert world.git("checkout", "-q", "--orphan", "fresh", cwd=tree.path).returncode == 0
    shutil.rmtree(tree.path)
    (kept,) = collected(world, world.path)
    assert kept.reason is not None and "its index has what was never committed: " in kept.reason
    assert (tree.git_dir / "index").is_file()


def while_it_stops(monkeypatch: pytest.MonkeyPatch, happens: object) -> None:
    stop = docker.stop

    def stopped(project: str) -> None:
        stop(project)
        if callable(happens):
            happens()

    monkeypatch.setattr(docker, "stop", stopped)


def committed(world: World, tree: Worktree) -> None:
    world.git("checkout", "-q", "--detach", cwd=tree.path)
    world.git("commit", "-q", "--allow-empty", "-m", "precious", cwd=tree.path)


def locked(world: World, tree: Worktree) -> None:
    world.git("worktree", "lock", tree.path)


def moved(world: World, tree: Worktree) -> None:
    world.git("worktree", "move", tree.path, tree.path.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (committed, "has commits that are nowhere else"),
        (locked, "is locked"),
        (moved, "was moved to"),
    ],
)
def test_what_happens_to_a_worktree_while_its_sandbox_stops_counts(
    world: World, monkeypatch: pytest.MonkeyPatch, happens: object, words: str
) -> None:
    (tree,) = world.trees()
    while_it_stops(monkeypatch, lambda: happens(world, tree) if callable(happens) else None)
    with pytest.raises(Refused, match=words):
        rm.run(world.context, ["x"], force=False, delete_branch=False, force_branch=False)
    assert world.trees()[0].path.is_dir() and naming.private_repo(tree).is_dir()


def test_an_import_that_broke_off_once_lets_nothing_be_put_aside(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a `wt down` ends what serves it."""
    (tree,) = world.trees()
    bring_in, tries = sync.bring_in, list[Worktree]()

    def broken_off(tree: Worktree, context: Context) -> ImportReport:
        tries.append(tree)
        if len(tries) in {1, 3}:
            raise Incomplete("did not send all necessary objects", hint="sync again")
        return bring_in(tree, context)

    monkeypatch.setattr(sync, "bring_in", broken_off)
    rm.run(world.context, ["x"], force=True, delete_branch=False, force_branch=False)
    assert len(tries) == 4 and not any("is broken" in line for line in world.told.lines)
    assert not (naming.state_dir(world.repository) / naming.ASIDE).exists() and not tree.path.exists()


def test_prepare_names_a_worktree_that_was_removed_while_it_waited(world: World) -> None:
    (tree,) = world.trees()
    rm.run(world.context, ["x"], force=False, delete_branch=False, force_branch=False)
    with pytest.raises(Refused, match="was removed meanwhile"):
        prepare.prepare(tree, world.context)


def test_the_main_checkout_s_sandbox_is_left_over_once_the_repository_is_bare(world: World) -> None:
    rm.run(world.context, ["x"], force=False, delete_branch=False, force_branch=False)
    main = world.main()
    up.run(world.context, ["main"], wait=False)
    down.run(world.context, ["main"])
    bare = world.path.with_name("shop.git")
    (world.path / ".git").rename(bare)
    world.git("config", "core.bare", "true", cwd=bare)
    shutil.rmtree(world.path)
    context = replace(world.context, directory=bare)
    ls.run(context, sizes=False)
    assert {each.state for each in doctor.run(context)} == {"leftover"}
    collected(world, bare)
    assert not docker.containers(project=naming.project_name(main))
    assert not naming.private_repo(replace(main, repository=checkouts.repository_at(bare))).exists()
    with pytest.raises(UsageError):
        up.run(context, ["main"], wait=False)
    bare.rename(world.path.with_name("shop"))
