"""What `wt gc` looks at, on real git: what is left of worktrees, and which of them may go."""

import errno
import json
import os
import pty
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from unit.nouns import container
from unit.repos import WT, Inside, commit, create, git, linked, worktree
from wt import checkouts, disks, docker, estates, mounts, naming, private_repo, strays
from wt import git as host
from wt.commands import gc, rm, sync
from wt.garbage import Candidate, Piece, stand_in
from wt.model import Context, Holding, HostUser, Leftover, Repository
from wt.output import Narrator

DAY = timedelta(days=1)
ME = HostUser(os.getuid(), os.getgid(), Path.home())
ENDING = "x-app-run-1, by docker compose run: `docker stop x-app-run-1` ends it"


@pytest.fixture(autouse=True)
def nobody_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rm, "processes", lambda _tree: ())


def repository(shop: Path) -> Repository:
    return worktree(shop).repository


def candidates(shop: Path, *, days: int = 0, **options: object) -> Sequence[Candidate]:
    asked = gc.Options(**options)  # type: ignore[arg-type]
    return tuple(gc._candidates(repository(shop), asked, datetime.now(UTC) + days * DAY))


def obstacles(shop: Path, **options: object) -> dict[str, str | None]:
    found = candidates(shop, **options)  # type: ignore[arg-type]
    return {each.tree.name: each.obstacle[0] if each.obstacle else None for each in found}


def test_what_git_no_longer_knows_is_found_by_its_private_repository(shop: Path) -> None:
    inside = Inside(linked(shop))
    inside.commit()
    before = estates.of_repository(repository(shop), ())
    assert before.orphans == () and before.refs == {} and "feature" in before.living
    git(shop, "worktree", "remove", "--force", "../feature")
    (orphan,) = estates.of_repository(repository(shop), ()).orphans
    assert (orphan.tree.id, orphan.unsynced, orphan.served) == ("feature", 1, False)
    assert orphan.size > 4096
    image = Holding("image", "i", "i")
    assert estates.of_repository(repository(shop), (image,)).orphans[0].served


def test_what_git_forgot_is_somebody_s_as_long_as_its_directory_is_there(shop: Path) -> None:
    path = linked(shop)
    Inside(path).commit()
    shutil.rmtree(shop / ".git/worktrees/feature")
    context = Context(shop, ME, Narrator())

    def orphans() -> list[str]:
        (estate,) = gc._estates(context, gc.Options(), (), [repository(shop)], datetime.now(UTC))
        return [each.tree.id for each in estate.orphans]

    assert orphans() == []
    shutil.rmtree(path)
    assert orphans() == ["feature"]


def test_one_that_was_put_aside_is_found_too(shop: Path) -> None:
    inside = Inside(linked(shop))
    inside.commit()
    private_repo.put_aside(inside.tree)
    estate = estates.of_repository(repository(shop), ())
    (orphan,) = estate.orphans
    assert orphan.tree.id.startswith("aside/feature.") and orphan.unsynced == 1
    assert naming.private_repo(orphan.tree).is_dir()


def test_one_that_can_not_be_read_says_so(shop: Path) -> None:
    inside = Inside(linked(shop))
    git(shop, "worktree", "remove", "--force", "../feature")
    (inside.path / "HEAD").unlink()
    (orphan,) = estates.of_repository(repository(shop), ()).orphans
    assert orphan.unsynced is None


@pytest.mark.parametrize("kind", ["reftable", "modules", "no refs"])
def test_what_no_import_would_bring_keeps_one(shop: Path, kind: str) -> None:
    """Refs in another format, repositories of submodules, commits whose refs are lost."""
    inside = Inside(linked(shop))
    inside.bring_in()
    if kind == "no refs":
        inside.commit()
        shutil.rmtree(inside.path / "refs")
    else:
        (inside.path / kind).mkdir()
    shutil.rmtree(inside.tree.path)
    # What is broken is put aside where its worktree goes.
    assert (obstacles(shop)["feature"] is None) == (kind != "modules")
    git(shop, "worktree", "prune")
    (orphan,) = estates.of_repository(repository(shop), ()).orphans
    assert orphan.stays


def test_one_of_a_worktree_that_git_forgot_while_its_disk_was_away_stays(shop: Path) -> None:
    """git worktree prune, which git gc calls by itself, takes it for deleted."""
    inside = Inside(linked(shop))
    (inside.path.parent / "disk").write_text(str(shop / "no-disk"))
    git(shop, "worktree", "remove", "--force", "../feature")
    (orphan,) = estates.of_repository(repository(shop), ()).orphans
    assert "not mounted" in orphan.stays


def test_refs_of_no_worktree_are_found_with_what_they_alone_hold(shop: Path) -> None:
    oid = commit(shop, "x", "y", "precious")
    git(shop, "reset", "--quiet", "--hard", "HEAD~1")
    git(shop, "update-ref", "refs/wt/gone/heads/gone", oid)
    git(shop, "update-ref", "refs/wt/gone/base/heads/main", oid)
    git(shop, "update-ref", "refs/wt/aside/x.1/heads/main", "HEAD")
    refs = estates.of_repository(repository(shop), ()).refs
    assert {name: [line.partition(" ")[2] for line in lines] for name, lines in refs.items()} == {
        "gone": ["precious"],
        "aside/x.1": [],
    }
    git(shop, "tag", "kept", oid)
    assert estates.of_repository(repository(shop), ()).refs["gone"] == ()


def test_an_admin_directory_that_is_broken_is_still_a_worktree(shop: Path) -> None:
    inside = Inside(linked(shop))
    (inside.tree.git_dir / "gitdir").unlink()
    estate = estates.of_repository(repository(shop), ())
    assert estate.orphans == () and "feature" in estate.living


def test_nothing_is_a_candidate_unasked(shop: Path) -> None:
    linked(shop)
    assert candidates(shop) == candidates(shop, days=99) == ()


def test_one_that_is_gone_may_go_but_for_work_that_is_nowhere_else(shop: Path) -> None:
    path = linked(shop)
    shutil.rmtree(path)
    assert obstacles(shop) == {"feature": None}
    git(shop, "worktree", "lock", "feature")
    assert obstacles(shop) == {}
    git(shop, "worktree", "unlock", "feature")
    oid = commit(shop, "x", "y", "precious")
    git(shop, "reset", "--quiet", "--hard", "HEAD~1")
    git(shop, "update-ref", "refs/wt/feature/heads/other", oid)
    assert obstacles(shop) == {"feature": "feature has commits that are nowhere else"}


def test_one_that_is_gone_stays_for_what_its_index_alone_has(shop: Path) -> None:
    path = linked(shop)
    (path / "file").write_text("staged, and never committed\n")
    git(path, "add", "file")
    shutil.rmtree(path)
    assert obstacles(shop) == {"feature": "its index has what was never committed: file"}
    entry = shop / ".git/worktrees/feature"
    (entry / "index").write_bytes(b"DIRC")
    assert obstacles(shop) == {"feature": "its index has what was never committed: what can't be read"}
    (entry / "index").unlink()
    git(shop, f"--git-dir={entry}", "read-tree", "HEAD")
    assert obstacles(shop) == {"feature": None}
    (entry / "rebase-merge").mkdir()
    assert obstacles(shop) == {"feature": "a rebase is under way in it"}


def test_one_that_was_moved_by_hand_stays(shop: Path) -> None:
    path = linked(shop)
    path.rename(path.with_name("moved"))
    (found,) = candidates(shop)
    assert found.obstacle == (
        f"it was moved to {path.with_name('moved')}",
        f"git worktree repair {path.with_name('moved')}",
    )
    git(shop, "worktree", "repair", str(path.with_name("moved")))
    assert candidates(shop) == ()


@pytest.mark.parametrize("kind", ["moved", "another's", "in the trash", "link", "linked .git", "text", "large"])
def test_a_directory_is_a_worktree_s_by_what_its_git_file_says(shop: Path, kind: str) -> None:
    path, trees = linked(shop), checkouts.worktrees(repository(shop))
    place = path.rename(path.with_name(".wt-trash.x" if kind == "in the trash" else "moved"))
    match kind:
        case "another's":
            (place / ".git").write_text(f"gitdir: {shop.parent}/other/.git/worktrees/feature\n")
        case "link":
            (shop.parent / "far").mkdir()
            place.rename(shop.parent / "far/moved")
            place.symlink_to("far/moved")
        case "linked .git":
            (place / ".git").rename(shop.parent / "pointer")
            (place / ".git").symlink_to(shop.parent / "pointer")
        case "text":
            (place / ".git").write_text((place / ".git").read_text().removeprefix("gitdir: "))
        case "large":
            (place / ".git").write_text((place / ".git").read_text() + "\n" * 9_000)
    found = strays.find(repository(shop), trees, [shop.parent])
    assert [(each.path, each.entry) for each in found] == (
        [(place, shop / ".git/worktrees/feature")] if kind == "moved" else []
    )


def test_a_worktree_that_is_where_git_has_it_is_no_stray(shop: Path) -> None:
    linked(shop)
    assert strays.find(repository(shop), checkouts.worktrees(repository(shop)), [shop.parent]) == ()
    assert len(strays.find(repository(shop), (), [shop.parent])) == 1


def test_one_whose_place_can_not_be_looked_at_is_not_gone(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with an NFS server that is away; since Python 3.14 pathlib says that there is no directory."""
    path, stat, is_dir = linked(shop), Path.stat, Path.is_dir

    def closed(place: Path, **options: bool) -> os.stat_result:
        if place == path:
            raise OSError(errno.ESTALE, "stale")
        return stat(place, **options)

    monkeypatch.setattr(Path, "stat", closed)
    monkeypatch.setattr(Path, "is_dir", lambda place: place != path and is_dir(place))
    assert obstacles(shop) == {"feature": "that can't be told: stale"}


def test_one_that_comes_back_while_it_is_removed_stays(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its disk is mounted again during the import, with work that was never committed."""
    path = linked(shop)
    path.rename(shop / "away")
    tree = next(each for each in checkouts.worktrees(repository(shop)) if not each.is_main)
    monkeypatch.setattr(docker, "containers", lambda **_options: ())
    monkeypatch.setattr(sync, "bring_in", lambda *_args: (shop / "away").exists() and (shop / "away").rename(path))
    piece = Piece(Leftover("worktree", str(path), "gone", "removable"), candidate=tree, gone=True)
    (shop / "away/work").write_text("never committed")
    row = gc._carry_out(piece, Context(shop, ME, Narrator()))
    assert (row.state, row.reason) == ("kept", f"{path} is there again")
    assert (path / "work").read_text() == "never committed"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this machine has one file system")
def test_one_on_a_disk_whose_place_another_one_has_stays(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/shm").is_dir() or Path("/dev/shm").stat().st_dev == shop.stat().st_dev:
        pytest.skip("this machine has one file system")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        git(shop, "worktree", "add", "--quiet", "-b", "far", f"{place}/far")
        tree = create(Path(place, "far"))
        record = naming.worktree_state_dir(tree) / "disk"
        assert record.read_text().startswith("/dev/shm\0") and private_repo.is_complete(tree)
    assert disks.unmounted(tree) is None
    monkeypatch.setattr(mounts, "identity", lambda _path: "another")
    assert disks.unmounted(tree) == Path("/dev/shm")
    # As an earlier wt wrote it.
    record.write_text("/dev/shm")
    assert disks.unmounted(tree) is None


def test_one_on_a_disk_that_is_not_mounted_stays(shop: Path) -> None:
    place = Path("/dev/shm") / f"wt-{os.getpid()}"
    git(shop, "worktree", "add", "--quiet", "-b", "x", str(place))
    try:
        tree = worktree(place)
        private_repo.create(tree, host.settings(tree.repository, tree.branch))
        assert disks.of(tree) == Path("/dev/shm") and private_repo.is_complete(tree)
    finally:
        shutil.rmtree(place)
    assert obstacles(shop) == {place.name: None}
    # As if /dev/shm were a disk that is not there.
    (naming.worktree_state_dir(tree) / "disk").write_text(str(shop / "no-disk"))
    assert obstacles(shop) == {place.name: f"it may lie on a disk that is not mounted: {shop / 'no-disk'}"}


def test_one_that_wt_never_saw_stays_when_nothing_is_around_it(shop: Path, tmp_path: Path) -> None:
    """As with an empty mount point."""
    git(shop, "worktree", "add", "--quiet", "-b", "x", str(tmp_path / "disk/x"))
    shutil.rmtree(tmp_path / "disk/x")
    assert obstacles(shop) == {"x": f"it may lie on a disk that is not mounted: {tmp_path / 'disk/x'}"}
    (tmp_path / "disk/other").mkdir()
    assert obstacles(shop) == {"x": None}
    shutil.rmtree(tmp_path / "disk")
    assert obstacles(shop) == {"x": None}


def test_a_merged_one_may_go_and_a_new_one_is_not_merged(shop: Path) -> None:
    path = linked(shop)
    assert candidates(shop, merged=True) == ()
    commit(path, "x", "y")
    assert candidates(shop, merged=True) == ()
    git(shop, "merge", "--quiet", "--ff-only", "feature")
    assert obstacles(shop, merged=True) == {"feature": None}
    (path / "work").write_text("not committed")
    assert obstacles(shop, merged=True) == {"feature": "feature has changes that are not committed"}


def test_one_that_git_can_t_compare_is_not_merged_and_keeps_no_other(shop: Path) -> None:
    broken = linked(shop, "broken")
    first = commit(broken, "x", "y")
    commit(broken, "x", "z")
    tree = git(broken, "rev-parse", f"{first}^{{tree}}")
    commit(linked(shop), "a", "b")
    git(shop, "merge", "--quiet", "--ff-only", "feature")
    (shop / ".git/objects" / tree[:2] / tree[2:]).unlink()
    assert obstacles(shop, merged=True) == {"feature": None}


def test_what_is_not_imported_keeps_one(shop: Path) -> None:
    inside = Inside(linked(shop))
    assert obstacles(shop, older_than=DAY, days=2) == {"feature": None}
    inside.git("commit", "--quiet", "--allow-empty", "--message", "x")
    assert obstacles(shop, older_than=DAY, days=2) == {"feature": "it has 1 to sync"}


def test_an_old_one_is_one_that_nobody_touched_on_either_side(shop: Path) -> None:
    inside = Inside(linked(shop))
    for directory in (inside.tree.git_dir, inside.path):
        for file in directory.rglob("*"):
            os.utime(file, (0, 0))
    assert [each.tree.name for each in candidates(shop, older_than=DAY)] == ["feature"]
    inside.git("commit", "--quiet", "--allow-empty", "--message", "x")
    assert candidates(shop, older_than=DAY) == ()


def test_a_time_that_no_calendar_has_is_now(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an agent can set it where the file system stores it (tmpfs, btrfs)."""
    inside = Inside(linked(shop))
    real = Path.lstat

    def far(path: Path) -> os.stat_result:
        found = real(path)
        return os.stat_result([*found[:8], 10**13, *found[9:]]) if path == inside.path / "HEAD" else found

    monkeypatch.setattr(Path, "lstat", far)
    assert candidates(shop, older_than=DAY) == ()


def holding(shop: Path, **changes: object) -> Holding:
    return Holding("volume", "v", "v", **{"common_dir": repository(shop).common_dir} | changes)  # type: ignore[arg-type]


def test_a_repository_is_found_by_what_it_left(shop: Path, tmp_path: Path) -> None:
    name = naming.repository_id(repository(shop))
    assert estates.find(name, [holding(shop)], ME) == repository(shop)
    assert estates.find("ffffffff", [holding(shop)], ME) is None, "another repository is at its place"
    (tmp_path / "beside").mkdir()
    shop.rename(tmp_path / "moved")
    gone = Holding("volume", "v", "v", common_dir=shop / ".git")
    assert estates.find(name, [gone], ME) is None
    for each in ("beside", "moved"):
        (tmp_path / each).rename(tmp_path.with_name(f"{tmp_path.name}-{each}"))
    with pytest.raises(LookupError, match="not mounted"):
        estates.find(name, [gone], ME)
    with pytest.raises(LookupError, match="not named"):
        estates.find(name, [Holding("volume", "v", "v")], ME)


def test_the_repository_of_another_user_is_left_to_them(shop: Path) -> None:
    name = naming.repository_id(repository(shop))
    with pytest.raises(LookupError, match="belongs to another user"):
        estates.find(name, [holding(shop)], HostUser(os.getuid() + 1, 1, Path.home()))


def test_what_runs_by_docker_compose_run_is_somebody_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    run = replace(container("x", service=""), id="1", name="x-app-run-1")
    monkeypatch.setattr(docker, "containers", lambda: (run, replace(run, id="2", project="y")))
    one = Holding("container", "1", "x-app-run-1", "x", role="sandbox", running=True)
    other = Holding("container", "2", "an import", "y", role="import", running=True)
    assert estates.of_nobody((one, other)).busy == {"x": (ENDING,)}


def test_nothing_of_another_user_s_repository_is_read(shop: Path) -> None:
    """A FIFO there would keep root for ever."""
    (shop / ".git/wt-sandbox").mkdir()
    os.mkfifo(shop / ".git/wt-sandbox/repository")
    with pytest.raises(LookupError, match="belongs to another user"):
        estates.find(
            "12345678",
            [Holding("volume", "v", "v", common_dir=shop / ".git")],
            HostUser(os.getuid() + 1, 1, Path.home()),
        )


def test_trash_that_can_not_be_deleted_is_not_called_removed(shop: Path) -> None:
    row = Leftover("trash", str(shop), "removed by wt rm, and not deleted yet", "removed")
    assert gc._checked(row).state == "failed"
    assert gc._checked(replace(row, name=str(shop / "gone"))).state == "removed"


def test_a_place_that_can_not_be_looked_at_is_not_gone(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_path: Path) -> Repository:
        raise PermissionError(13, "closed")

    monkeypatch.setattr(checkouts, "repository_at", closed)
    with pytest.raises(LookupError, match="can't be looked at"):
        estates.find("12345678", [Holding("volume", "v", "v", common_dir=shop / ".git")], ME)


def test_the_stand_in_of_an_id_has_its_places(shop: Path) -> None:
    tree = worktree(linked(shop))
    assert naming.private_repo(stand_in(tree.repository, tree.id)) == naming.private_repo(tree)
    assert naming.project_name(stand_in(tree.repository, tree.id)) == naming.project_name(tree)


@pytest.mark.parametrize("path", ["/Volumes/disk/shop", "/mnt/disk/shop", "/media/ada/disk/shop", "/no-such/shop"])
def test_where_disks_come_and_go_what_is_not_there_may_come_back(path: str) -> None:
    assert mounts.may_be_unmounted(Path(path))


@pytest.mark.parametrize(("typed", "stays"), [("n", True), ("", True), ("y", False)])
def test_nothing_goes_before_somebody_has_said_yes(shop: Path, tmp_path: Path, typed: str, stays: bool) -> None:
    entry = naming.state_dir(repository(shop)) / naming.TRASH / "x.01234567"
    entry.mkdir(parents=True)
    # An engine that has nothing.
    (tmp_path / "bin").mkdir()
    none = json.dumps({"Volumes": [], "Images": [], "Containers": []})
    (tmp_path / "bin/docker").write_text(f"#!/bin/sh\n[ $1 != system ] || echo '{none}'\n")
    (tmp_path / "bin/docker").chmod(0o755)
    terminal, ours = pty.openpty()
    os.write(terminal, f"{typed}\n".encode())
    path = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    done = subprocess.run([WT, "gc"], cwd=shop, stdin=ours, capture_output=True, text=True, env={**os.environ, **path})
    os.close(terminal)
    os.close(ours)
    assert (done.returncode, str(entry) in done.stdout, "Remove these?" in done.stderr) == (0, True, True), done
    assert entry.exists() == stays
