"""A worktree that is removed is out of the way whole, and then deleted."""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.repos import create, git, linked, worktree
from wt import naming, trash
from wt.errors import WtError
from wt.model import Repository, Worktree

SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    if not SHARED_MEMORY.is_dir() or SHARED_MEMORY.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has one file system")
    path = Path(tempfile.mkdtemp(dir=SHARED_MEMORY))
    yield path
    shutil.rmtree(path)


def entries(repository: Repository) -> list[Path]:
    return sorted((repository.common_dir / "wt-sandbox/trash").iterdir())


def emptied(repository: Repository) -> None:
    trash.empty(repository)
    for _ in range(100):
        if not entries(repository):
            return
        time.sleep(0.05)
    raise AssertionError(entries(repository))


def thrown(tree: Worktree) -> Path:
    """Where a worktree's directory is that was put into the trash."""
    (tree.path / "precious").write_text("x")
    trash.put(tree)
    assert not tree.path.exists() and trash.holds(tree)
    (entry,) = entries(tree.repository)
    assert (entry / "precious").read_text() == "x"
    return entry


def test_a_worktree_is_moved_whole_and_deleted(shop: Path) -> None:
    tree = worktree(linked(shop))
    assert not trash.holds(tree)
    thrown(tree)
    trash.put(tree)
    assert len(entries(tree.repository)) == 1
    emptied(tree.repository)
    trash.empty(tree.repository)


def test_a_deletion_is_not_waited_for(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = worktree(linked(shop))
    entry = thrown(tree)
    (tmp_path / "bin").mkdir()
    wait = f"for _ in $(seq 300); do [ -e {tmp_path}/go ] || sleep 0.1; done"
    slow = f'#!/bin/sh\n{wait}\nexec {shutil.which("rm")} "$@"\n'
    (tmp_path / "bin/rm").write_text(slow)
    (tmp_path / "bin/rm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    began = time.monotonic()
    trash.empty(tree.repository)
    assert time.monotonic() - began < 10 and (entry / "precious").exists()
    (tmp_path / "go").touch()
    emptied(tree.repository)


def test_from_another_file_system_it_stays_on_that(shop: Path, elsewhere: Path) -> None:
    git(shop, "worktree", "add", "--quiet", str(elsewhere / "far"))
    tree = worktree(elsewhere / "far")
    entry = thrown(tree)
    assert entry.is_symlink() and entry.readlink().parent == elsewhere
    emptied(tree.repository)
    assert list(elsewhere.iterdir()) == []


def test_what_the_agent_closed_to_itself_is_deleted_and_nothing_behind_a_symlink(shop: Path, tmp_path: Path) -> None:
    tree = worktree(linked(shop))
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    (tree.path / "closed/deep").mkdir(parents=True)
    (tree.path / "closed/link").symlink_to(outside)
    (tree.path / "closed/deep/file").write_text("x")
    (tmp_path / "precious").write_text("x")
    (tmp_path / "precious").chmod(0o444)
    (tree.path / "closed/hard").hardlink_to(tmp_path / "precious")
    for path in ("closed/deep", "closed", "."):
        (tree.path / path).chmod(0)
    trash.put(tree)
    emptied(tree.repository)
    assert outside.stat().st_mode & 0o777 == 0o500
    assert (tmp_path / "precious").stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("fault", [errno.EBUSY, errno.EACCES, errno.EXDEV])
def test_what_can_not_be_moved_is_as_it_was(shop: Path, monkeypatch: pytest.MonkeyPatch, fault: int) -> None:
    tree = worktree(linked(shop))

    def refuse(*_: object) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(WtError, match=str(tree.path)):
        trash.put(tree)
    assert tree.path.is_dir() and entries(tree.repository) == [] and not trash.holds(tree)


@pytest.mark.parametrize("moved", [True, False])
def test_only_what_went_here_counts_as_removed_though_wt_was_killed(
    shop: Path, monkeypatch: pytest.MonkeyPatch, *, moved: bool
) -> None:
    tree, rename = worktree(linked(shop)), Path.rename

    def dies(path: Path, target: Path) -> None:
        if moved:
            rename(path, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", dies)
    with pytest.raises(KeyboardInterrupt):
        trash.put(tree)
    monkeypatch.undo()
    if not moved:
        # Later it is away, as on a disk that is not mounted.
        tree.path.rename(shop.parent / "away")
    assert trash.holds(tree) == moved


def test_one_that_is_back_is_not_removed(shop: Path) -> None:
    tree = worktree(linked(shop))
    thrown(tree).rename(tree.path)
    trash.is_back(tree)
    tree.path.rename(shop.parent / "away")
    assert not trash.holds(tree)


def test_a_name_as_long_as_names_can_be(shop: Path) -> None:
    git(shop, "worktree", "add", "--quiet", "-b", "x", f"../{'n' * 255}")
    tree = worktree(shop.parent / ("n" * 255))
    thrown(tree)
    emptied(tree.repository)


def test_a_symlink_in_its_place_is_not_taken_for_it(shop: Path, tmp_path: Path) -> None:
    tree = worktree(linked(shop))
    tree.path.rename(tmp_path / "moved")
    tree.path.symlink_to(shop)
    with pytest.raises(WtError):
        trash.put(tree)
    assert tree.path.is_symlink() and entries(tree.repository) == []


def test_no_symlink_is_followed_that_is_not_its_own(shop: Path, tmp_path: Path) -> None:
    tree = worktree(linked(shop))
    thrown(tree)
    (tmp_path / "victim").mkdir()
    (shop / ".git/wt-sandbox/trash/x.01234567").symlink_to(tmp_path / "victim")
    emptied(tree.repository)
    assert (tmp_path / "victim").is_dir()


def test_no_symlink_to_what_lies_in_the_current_directory_is_followed(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = worktree(linked(shop))
    thrown(tree)
    (tmp_path / ".wt-trash.x.01234567").mkdir()
    (shop / ".git/wt-sandbox/trash/x.01234567").symlink_to(".wt-trash.x.01234567")
    monkeypatch.chdir(tmp_path)
    trash.delete(tree.repository)
    assert entries(tree.repository) == [] and (tmp_path / ".wt-trash.x.01234567").is_dir()


def test_the_private_repository_goes_whatever_is_in_it(shop: Path) -> None:
    """However deep: Python's own removal would end in a RecursionError."""
    tree = create(linked(shop))
    descriptor = os.open(naming.private_repo(tree), os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    trash.put_state(tree)
    trash.put_state(tree)
    assert not naming.worktree_state_dir(tree).exists()
    emptied(tree.repository)


def test_an_earlier_one_s_entry_is_not_its_own(shop: Path) -> None:
    """Ids are used again; what is still being deleted must not hide that a later worktree was moved away."""
    tree = worktree(linked(shop))
    thrown(tree)
    git(shop, "worktree", "prune")
    again = worktree(linked(shop, branch="other"))
    again.path.rename(shop.parent / "moved")
    assert again.id == tree.id and not trash.holds(again)


def test_what_is_still_there_after_a_long_time_is_said(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = worktree(linked(shop))
    entry = thrown(tree)
    assert trash.old(tree.repository) == ()
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert trash.old(tree.repository) == (entry,)


def test_what_lies_at_the_top_of_a_disk_that_is_not_mounted_is_not_forgotten(shop: Path, elsewhere: Path) -> None:
    """Its mount point is there, and empty."""
    git(shop, "worktree", "add", "--quiet", str(elsewhere / "far"))
    tree = worktree(elsewhere / "far")
    entry = thrown(tree)
    away = elsewhere.with_name(f"{elsewhere.name}-away")
    elsewhere.rename(away)
    elsewhere.mkdir()
    assert trash.content(tree.repository) == ((entry.readlink(), False),)
    trash.delete(tree.repository)
    assert entry.is_symlink()
    elsewhere.rmdir()
    away.rename(elsewhere)
    trash.delete(tree.repository)
    assert entries(tree.repository) == [] and list(elsewhere.iterdir()) == []
