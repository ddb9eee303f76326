"""What is staged inside alone, read from the index that git wrote there."""

import os
import shutil
import struct
from pathlib import Path

import pytest

from unit.repos import Inside, commit, git, linked, repository, worktree
from wt import estates, hostile, removal, staging
from wt import git as host
from wt.commands import gc, rm

FIRST = "index, which can't be read"


@pytest.fixture
def inside(shop: Path) -> Inside:
    return Inside(linked(shop))


def staged(inside: Inside, path: str = "precious", text: str = "staged alone\n") -> None:
    """Staged inside, and nowhere else."""
    (inside.tree.path / path).parent.mkdir(parents=True, exist_ok=True)
    (inside.tree.path / path).write_bytes(os.fsencode(text))
    inside.git("add", "--", path)
    (inside.tree.path / path).unlink()


@pytest.mark.parametrize("version", ["2", "3", "4"])
@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_paths_are_found_in_an_index_of_any_version(tmp_path: Path, version: str, kind: str) -> None:
    shop = repository(tmp_path / "long", f"--object-format={kind}")
    for number in range(1, 41):
        (shop / f"{'d' * number}").mkdir(exist_ok=True)
        (shop / f"{'d' * number}/known-{number}").write_text(str(number))
    commit(shop)
    inside = Inside(linked(shop))
    inside.git("update-index", "--index-version", version)
    assert staging.alone(inside.tree) == ()
    names = [f"{'d' * number}/new{'n' * number}" for number in range(1, 20)] + ["n" * 200, "e\n\udcff"]
    for name in names:
        staged(inside, name, name)
    if version == "3":
        inside.git("update-index", "--skip-worktree", "file", *names)
    (inside.tree.path / "empty").touch()
    (inside.tree.path / "planned").write_text("not staged\n")
    inside.git("add", "empty")
    inside.git("add", "--intent-to-add", "planned")
    assert staging.alone(inside.tree) == tuple(sorted(names))
    inside.git("commit", "--quiet", "--message", "staged")
    inside.bring_in()
    assert staging.alone(inside.tree) == ()


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_what_the_host_ignores_and_the_inside_tracks_is_not_overlooked(tmp_path: Path, kind: str) -> None:
    shop = repository(tmp_path / "shop", f"--object-format={kind}")
    commit(shop, ".gitignore", "*.gen\n")
    path = linked(shop)
    inside = Inside(path)
    (path / "other.gen").write_text("the host's own\n")
    (path / "link.gen").symlink_to("a")
    (path / "plain").touch()
    names = ["a.gen", "d d/b\n.gen", "gone.gen", "link.gen"]
    (path / "d d").mkdir()
    for name in names[:3]:
        (path / name).write_text("committed\n")
    inside.git("switch", "--quiet", "--create", "generated")
    inside.git("add", "--force", "plain", *names)
    inside.git("commit", "--quiet", "--message", "generated")
    inside.bring_in()
    git(shop, "branch", "generated", "refs/wt/feature/heads/generated")
    (path / "plain").unlink()
    (path / "gone.gen").unlink()
    assert (staging.alone(inside.tree), staging.overlooked(inside.tree)) == ((), ())
    assert git(path, "status", "--porcelain") == ""
    removal.decide(rm.observe_removal(inside.tree))
    (path / "d d/b\n.gen").write_text("a day of work\n")
    (path / "link.gen").unlink()
    (path / "link.gen").symlink_to("b")
    assert git(path, "status", "--porcelain") == ""
    assert staging.overlooked(inside.tree) == ("d d/b\n.gen", "link.gen")
    assert rm.observe_removal(inside.tree).dirty == ("d d/b\n.gen (changed inside)", "link.gen (changed inside)")


@pytest.mark.parametrize("path", ["../secret.gen", "/etc/hostname", ".git", "d/../file"])
def test_what_is_listed_inside_that_is_no_path_in_the_worktree_is_not_looked_at(inside: Inside, path: str) -> None:
    commit(inside.tree.path, ".gitignore", "*.gen\n")
    for place in (inside.tree.path.parent / "secret.gen", inside.tree.path / "z.gen"):
        place.write_text("another text\n")
    oid = inside.git("hash-object", "-w", "file")
    entries = _entry(oid, path) + _entry(oid, "z.gen")
    (inside.path / "index").write_bytes(b"DIRC" + struct.pack(">2I", 2, 2) + entries + bytes(20))
    assert staging.overlooked(inside.tree) == ("z.gen",)


def test_what_git_does_not_tell_of_files_that_are_tracked_inside_counts_as_changed(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(inside.tree.path, ".gitignore", "*.gen\n")
    (inside.tree.path / "a.gen").touch()
    inside.git("add", "--force", "--intent-to-add", "a.gen")
    assert staging.overlooked(inside.tree) == ()
    (inside.tree.path / "a.gen").write_text("a day of work\n")
    assert staging.overlooked(inside.tree) == ("a.gen",)
    with monkeypatch.context() as patch:
        patch.setattr(staging, "_SECONDS", 0)
        assert staging.overlooked(inside.tree) == (FIRST,)
    # git ends where a path lies in what its index has as a submodule.
    (inside.tree.path / "d").mkdir()
    (inside.tree.path / "d/b.gen").write_text("text\n")
    inside.git("add", "--force", "d/b.gen")
    git(inside.tree.path, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},d")
    assert staging.overlooked(inside.tree) == (FIRST,)


@pytest.mark.parametrize("split", [False, True])
def test_what_is_tracked_inside_and_as_it_was_staged_is_no_change(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, *, split: bool
) -> None:
    monkeypatch.setattr(hostile, "_MAX_BYTES", 10_000)
    commit(inside.tree.path, ".gitignore", "*.gen\n")
    (inside.tree.path / "a.gen").write_text("first\n")
    inside.git("add", "--force", "a.gen")
    if split:
        inside.git("update-index", "--split-index")
    (inside.tree.path / "a.gen").write_text("second\n" * 10_000)
    assert staging.overlooked(inside.tree) == ("a.gen",)
    inside.git("add", "--force", "a.gen")
    assert staging.overlooked(inside.tree) == ()
    (inside.tree.path / "a.gen").rename(inside.tree.path / "b")
    (inside.tree.path / "a.gen").symlink_to("b")
    assert staging.overlooked(inside.tree) == ("a.gen",)


def _entry(oid: str, path: str) -> bytes:
    """Of an index of version 2."""
    entry = bytes(24) + struct.pack(">I", 0o100644) + bytes(12) + bytes.fromhex(oid) + struct.pack(">H", len(path))
    entry += path.encode()
    return entry + bytes(8 - len(entry) % 8)


@pytest.mark.parametrize("version", ["2", "4"])
@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_an_index_that_shares_its_entries_is_read_with_these(tmp_path: Path, version: str, kind: str) -> None:
    inside = Inside(linked(repository(tmp_path / "shop", f"--object-format={kind}")))
    inside.git("update-index", "--index-version", version)
    staged(inside, "shared")
    inside.git("update-index", "--split-index")
    assert list(inside.path.glob("sharedindex.*"))
    assert staging.alone(inside.tree) == ("shared",)
    staged(inside, "added", "added\n")
    assert staging.alone(inside.tree) == ("added", "shared")
    # Of a file that the shared index has too, this one has no path.
    staged(inside, "shared", "changed\n")
    assert staging.alone(inside.tree) == ("a file", "added", "shared")
    for base in inside.path.glob("sharedindex.*"):
        base.unlink()
    assert staging.alone(inside.tree) == (FIRST,)


def test_what_is_staged_in_a_worktree_that_was_made_inside_counts(inside: Inside, tmp_path: Path) -> None:
    inside.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    assert staging.alone(inside.tree) == ()
    (tmp_path / "side/precious").write_text("staged alone\n")
    git(tmp_path / "side", "add", "precious")
    assert staging.alone(inside.tree) == ("precious of the worktree side",)


def test_a_submodule_is_no_content(inside: Inside) -> None:
    inside.git("update-index", "--add", "--cacheinfo", f"160000,{'12' * 20},module")
    assert staging.alone(inside.tree) == ()


@pytest.mark.parametrize("kind", ["garbage", "cut", "long", "steep", "wide", "endless", "link", "directory"])
def test_what_is_no_index_is_not_taken_for_an_empty_one(inside: Inside, kind: str) -> None:
    index = inside.path / "index"
    entry = b"DIRC\0\0\0\4\0\0\0\1" + bytes(62)
    contents = {
        "garbage": b"garbage",
        "cut": index.read_bytes()[:50],
        "long": b"DIRC\0\0\0\2\0\0\0\1" + bytes(62) + b"x" * 5_000 + bytes(8),
        # Each path is the one before it and a byte, in version 4.
        "wide": b"DIRC\0\0\0\4"
        + (60_000).to_bytes(4, "big")
        + bytes(62)
        + b"\0"
        + b"x" * 3_000
        + b"\0"
        + (bytes(63) + b"\0") * 60_000,
        "steep": entry + b"\1x\0",
        "endless": entry + b"\xff" * 1_000_000,
    }
    index.unlink()
    if kind == "link":
        index.symlink_to("HEAD")
    elif kind == "directory":
        index.mkdir()
    else:
        index.write_bytes(contents[kind])
    assert staging.alone(inside.tree) == (FIRST,)


def test_rm_says_what_is_staged_inside_alone_until_it_is_committed(inside: Inside) -> None:
    (inside.tree.path / "both").write_text("x")
    inside.git("add", "both")
    staged(inside)
    assert rm.observe_removal(worktree(inside.tree.path)).dirty == ("both", "precious (staged inside)")
    assert rm.observe_removal(worktree(inside.tree.path), force=True).dirty == ()
    inside.git("commit", "--quiet", "--message", "staged")
    inside.bring_in()
    os.utime(inside.tree.path / "both", (1, 1))
    assert [path for path in rm.observe_removal(inside.tree).dirty if "staged" in path] == []


def test_what_is_staged_inside_alone_keeps_what_gc_would_remove(inside: Inside, shop: Path) -> None:
    staged(inside)
    shutil.rmtree(inside.tree.path)
    kept = gc._gone(inside.tree, host.refs(inside.tree.repository)).obstacle
    assert kept == ("its index has what was never committed: precious", "wt rm --force feature")
    git(shop, "worktree", "prune")
    (orphan,) = estates.of_repository(inside.tree.repository, ()).orphans
    assert orphan.stays == "its index has what was never committed: precious"


def made_up(inside: Inside, count: int) -> None:
    """An index of so many objects that are nowhere; of each, a byte more than the path before."""
    entries = (bytes(24) + b"\0\0\x81\xa4" + bytes(12) + at.to_bytes(20) + b"\0\0\0x\0" for at in range(1, count + 1))
    (inside.path / "index").write_bytes(b"DIRC\0\0\0\4" + count.to_bytes(4) + b"".join(entries) + bytes(20))


def test_where_very_much_is_missing_no_more_is_looked_for(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(inside, 1_000)
    assert len(staging.alone(inside.tree)) == 1_000
    monkeypatch.setattr(staging, "_AT_ONCE", 30)
    monkeypatch.setattr(staging, "_MANY", 50)
    asked, really = [], host.run

    def counted(*words: object, stdin: bytes = b"", **options: object) -> object:
        asked.extend(stdin.split())
        return really(*words, stdin=stdin, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(host, "run", counted)
    assert len(staging.alone(inside.tree)) == len(asked) == 60


def test_a_large_index_is_looked_at_to_its_end(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(100):
        (inside.tree.path / f"known-{number}").write_text(str(number))
    commit(inside.tree.path)
    inside.git("add", "--all")
    monkeypatch.setattr(staging, "_AT_ONCE", 7)
    monkeypatch.setattr(staging, "_MANY", 1)
    assert staging.alone(inside.tree) == ()
    staged(inside, "known-99")
    assert staging.alone(inside.tree) == ("known-99",)


def test_what_git_does_not_tell_in_time_keeps_it(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    assert staging.alone(inside.tree) == ()
    monkeypatch.setattr(staging, "_SECONDS", 0)
    assert staging.alone(inside.tree) == (FIRST,)
