"""Objects of Git LFS come from a sandbox by the hash of their content, and by nothing else."""

import hashlib
import os
import signal
import sys
from pathlib import Path

import pytest

from unit.repos import Inside, linked, run
from wt import lfs
from wt.errors import Refused, ToolError

# Dies as by `kill -9` where the copy would get its name.
DIES = """
import os, signal, sys
from pathlib import Path
from wt import checkouts, lfs
os.rename = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
lfs.adopt(checkouts.locate(Path(sys.argv[1]))[1], max_bytes=10**9)
"""


def place(inside: Inside, content: bytes, oid: str = "") -> Path:
    oid = oid or hashlib.sha256(content).hexdigest()
    path = inside.path / "lfs/objects" / oid[:2] / oid[2:4] / oid
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def stored(shop: Path) -> dict[str, bytes]:
    root = shop / ".git/lfs/objects"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_its_name_says_comes_in_once(shop: Path) -> None:
    inside = Inside(shop)
    assert lfs.adopt(inside.tree, max_bytes=10**9) == 0
    content = os.urandom(3_000_000)
    path = place(inside, content)
    assert lfs.adopt(inside.tree, max_bytes=10**9) == 1
    assert stored(shop) == {str(path.relative_to(inside.path / "lfs/objects")): content}
    assert lfs.adopt(inside.tree, max_bytes=1) == 0


def test_what_it_does_not_say_stays_outside(shop: Path, tmp_path: Path) -> None:
    inside = Inside(shop)
    kept = place(inside, b"kept")
    lfs.adopt(inside.tree, max_bytes=100)
    before = stored(shop)
    kept.write_bytes(b"replaced")
    place(inside, b"lies", "ab" + "0" * 62)
    place(inside, b"no hash", "zz")
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    link = place(inside, b"", hashlib.sha256(b"s3cret").hexdigest())
    link.unlink()
    link.symlink_to(secret)
    assert lfs.adopt(inside.tree, max_bytes=100) == 0
    assert stored(shop) == before


def test_a_link_to_another_store_is_refused(shop: Path, tmp_path: Path) -> None:
    inside = Inside(shop)
    place(inside, b"content")
    (inside.path / "lfs/objects").rename(tmp_path / "elsewhere")
    (inside.path / "lfs/objects").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused):
        lfs.adopt(inside.tree, max_bytes=100)


def test_too_much_is_an_error_and_leaves_no_half_object(shop: Path) -> None:
    inside = Inside(shop)
    place(inside, b"12345678")
    with pytest.raises(ToolError, match="larger than an import may be"):
        lfs.adopt(inside.tree, max_bytes=7)
    assert stored(shop) == {}


def test_what_an_import_that_was_killed_left_goes_with_the_next_one(shop: Path) -> None:
    inside, other = Inside(shop), Inside(linked(shop))
    path = place(inside, b"content")
    run([sys.executable, "-c", DIES, shop], shop, code=-signal.SIGKILL)
    path.unlink()
    ((name, content),) = stored(shop).items()
    assert content == b"content"
    lfs.adopt(other.tree, max_bytes=100)
    assert stored(shop) == {name: content}, "which may be at it now"
    lfs.adopt(inside.tree, max_bytes=100)
    assert stored(shop) == {}


def test_nobody_is_at_it_after_a_day(shop: Path) -> None:
    inside, other = Inside(shop), Inside(linked(shop))
    place(inside, b"content")
    run([sys.executable, "-c", DIES, shop], shop, code=-signal.SIGKILL)
    (name,) = stored(shop)
    os.utime(shop / ".git/lfs/objects" / name, (1, 1))
    lfs.adopt(other.tree, max_bytes=100)
    assert stored(shop) == {}
