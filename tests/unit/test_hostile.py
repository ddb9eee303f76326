"""Files in a directory that an agent prepared."""

import os
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from wt import hostile
from wt.errors import Refused, WtError

OUTSIDE = ["link", "linked/key", "../secret/key", "dir/../../secret/key"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("s3cret")
    root = tmp_path / "root"
    (root / "dir").mkdir(parents=True)
    (root / "dir/file").write_text("plain")
    (root / "link").symlink_to("../secret/key")
    (root / "linked").symlink_to("../secret")
    os.mkfifo(root / "fifo")
    return root


def names(path: Path) -> list[str]:
    return [each.name for each in path.iterdir()]


def test_plain_files_are_read_and_absent_ones_are_none(root: Path) -> None:
    assert hostile.read(root, "dir/file") == b"plain"
    assert hostile.read(root, "dir/nothing") is hostile.read(root, "nothing/file") is None


@pytest.mark.parametrize("path", [*OUTSIDE, "fifo", "dir", "dir/file/x", "/etc/passwd"])
def test_nothing_else_is_read(root: Path, path: str) -> None:
    with pytest.raises(Refused):
        hostile.read(root, path)


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_plain_open_would_read_the_secret(root: Path, path: str) -> None:
    assert (root / path).read_text() == "s3cret"


def test_what_is_too_large_is_refused(root: Path) -> None:
    os.truncate(root / "dir/file", 64 * 1024 * 1024 + 1)
    with pytest.raises(Refused, match="64 MiB"):
        hostile.read(root, "dir/file")


@pytest.mark.parametrize("path", [*OUTSIDE, "fifo", "dir", "dir/file/x", "nothing/file"])
def test_nothing_but_files_is_written_over(root: Path, path: str) -> None:
    with pytest.raises(Refused):
        hostile.write(root, path, b"new", mode=0o600)
    assert (root / "../secret/key").read_text() == "s3cret"
    assert list(root.glob("**/.*.tmp")) == []


def test_a_file_is_replaced_whole_with_its_mode(root: Path) -> None:
    before = (root / "dir/file").stat()
    hostile.write(root, "dir/file", b"new", mode=0o640)
    after = (root / "dir/file").stat()
    assert ((root / "dir/file").read_bytes(), stat.S_IMODE(after.st_mode)) == (b"new", 0o640)
    assert after.st_ino != before.st_ino and names(root / "dir") == ["file"]


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WtError, match="no space left"):
        hostile.write(root, "dir/file", b"new", mode=0o600)
    assert names(root / "dir") == ["file"] and (root / "dir/file").read_text() == "plain"


def test_directories_are_made_with_their_parents_and_kept(root: Path) -> None:
    for _ in range(2):
        hostile.make_directory(root, "dir/a/b")
    assert (root / "dir/a/b").is_dir() and (root / "dir/file").read_text() == "plain"


@pytest.mark.parametrize("path", ["linked", "linked/new", "link", "fifo/new", "../new", "dir/file"])
def test_no_directory_is_made_through_anything_else(root: Path, path: str) -> None:
    before = len(names(Path("/dev/fd")))
    with pytest.raises(Refused):
        hostile.make_directory(root, path)
    assert names(root / "../secret") == ["key"]
    assert len(names(Path("/dev/fd"))) == before, "a descriptor stayed open"


def test_kinds_are_told_without_following(root: Path) -> None:
    kinds = {
        "dir": stat.S_IFDIR,
        "dir/file": stat.S_IFREG,
        "link": stat.S_IFLNK,
        "fifo": stat.S_IFIFO,
        "linked/key": None,
    }
    assert {path: hostile.kind(root, path) for path in kinds} == kinds
    assert [path for path in ("dir", "linked", "link", "nothing") if hostile.is_directory(root, path)] == ["dir"]


def test_walking_leaves_symlinks_out_and_has_a_limit(root: Path) -> None:
    (root / "dir/out").symlink_to("../../secret")
    assert list(hostile.files(root, "dir", limit=2)) == ["dir/file"]
    with pytest.raises(Refused, match="symlink"):
        list(hostile.files(root, "linked", limit=2))
    with pytest.raises(Refused, match="more than 1 files"):
        list(hostile.files(root, "dir", limit=1))


def test_a_tree_that_is_deeper_than_any_stack_is_counted_and_one_that_git_can_not_reach_is_refused(root: Path) -> None:
    here = os.open(root, os.O_RDONLY)
    try:
        for _ in range(2_500):
            os.mkdir("d", dir_fd=here)
            inner = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        assert hostile.size(root) >= 4096 * 1_000
        with pytest.raises(Refused, match="deeper"):
            list(hostile.files(root, "d", limit=20_000))
    finally:
        os.close(here)
        subprocess.run(["rm", "-rf", str(root)], check=True)


def test_counting_ends_though_there_is_more(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, "_MAX_COUNTED", 2)
    (root / "dir/large").write_bytes(b"x" * 100_000)
    for number in range(9):
        (root / str(number)).mkdir()
    assert hostile.size(root) <= 2 * 4096


def test_rights_are_given_back_and_to_nothing_that_is_swapped_in(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, plain = root.parent / "secret/key", root / "dir/file"
    for path in (secret, plain):
        path.chmod(0o400)
    hostile.give_back(root / "link")
    hostile.give_back(root / "fifo")
    hostile.give_back(plain)
    assert stat.S_IMODE(plain.stat().st_mode) == 0o600
    seen = plain.lstat()
    plain.unlink()
    plain.symlink_to(secret)
    # As if the agent had swapped it after the look.
    monkeypatch.setattr(Path, "lstat", lambda _path: seen)
    with suppress(OSError):
        hostile.give_back(plain)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o400


def test_what_can_not_be_looked_at_is_not_absent(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hostile.is_absent(root, "dir/nothing") and hostile.is_absent(root, "dir/file/x")
    assert not hostile.is_absent(root, "dir/file")

    def closed(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(hostile, "_kind", closed)
    assert not hostile.is_absent(root, "dir/nothing")


def test_nothing_but_what_a_write_left_is_swept(root: Path) -> None:
    (root / f"dir/.file.{os.getpid()}.tmp").touch()
    hostile.write(root, "dir/file", (root / "dir/file").read_bytes(), mode=0o644)
    (root / "dir/.file.12.tmp").write_text("half")
    kept = {"file", ".file.x.tmp", ".fileX12.tmp", ".other.12.tmp", ".file.12.tmp.bak"}
    for name in kept - {"file"}:
        (root / "dir" / name).write_text("a user's")
    (root / "dir/.file.13.tmp").symlink_to("file")
    hostile.sweep(root, "dir/file")
    assert set(names(root / "dir")) == kept | {".file.13.tmp"}
    hostile.sweep(root, "nothing/file")
    hostile.sweep(root, "linked/key")
