"""`wt prepare` writes `.devcontainer/.env` whole, whatever became of the one before it."""

import signal
import sys
from pathlib import Path

import pytest

from unit.repos import initialised, linked, run, worktree, wt
from wt import checkouts

# Dies as by `kill -9` where the temporary file would become the real one.
DIES = """
import os, signal, sys
os.rename = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
from wt.__main__ import main
main()
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = linked(initialised(tmp_path / "shop", {"package.json": "{}"}))
    wt(path, "prepare", code=4)
    return path


def test_what_a_write_that_was_killed_left_is_swept(tree: Path) -> None:
    place = tree / ".devcontainer"
    before = (place / ".env").read_bytes()
    (place / ".env").write_text("MINE=1\n")
    run([sys.executable, "-c", DIES, "prepare"], tree, code=-signal.SIGKILL)
    assert [each.suffix for each in place.iterdir()].count(".tmp") == 1
    # As it was, so that nothing has to be written.
    (place / ".env").write_bytes(before)
    wt(tree, "prepare", code=4)
    assert [each.name for each in place.iterdir() if each.suffix == ".tmp"] == []
    assert checkouts.dirty(worktree(tree)) == ()
