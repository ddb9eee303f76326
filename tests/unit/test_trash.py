"""A worktree that is removed is out of the way whole, and then deleted."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.repos import git, linked, worktree
from wt import trash
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
    for path in ("closed/deep", "closed"):
        (tree.path / path).chmod(0)
    thrown(tree)
    emptied(tree.repository)
    assert outside.stat().st_mode & 0o777 == 0o500


def test_what_can_not_be_moved_is_as_it_was(shop: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(shop, "worktree", "add", "--quiet", str(elsewhere / "far"))
    tree = worktree(elsewhere / "far")

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError):
        trash.put(tree)
    assert tree.path.is_dir() and entries(tree.repository) == []


def test_another_s_entry_is_not_its_own(shop: Path) -> None:
    thrown(worktree(linked(shop, "a.b")))
    assert not trash.holds(worktree(linked(shop, "a")))


def test_what_is_still_there_after_a_long_time_is_stuck(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = worktree(linked(shop))
    entry = thrown(tree)
    assert trash.stuck(tree.repository) == ()
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert trash.stuck(tree.repository) == (entry,)
