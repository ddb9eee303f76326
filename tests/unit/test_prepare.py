"""`wt prepare` writes `.devcontainer/.env` whole, whatever became of the one before it."""

import signal
import sys
from pathlib import Path

import pytest

from unit.repos import initialised, linked, run, worktree, wt
from wt import checkouts, naming

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


def test_half_of_a_private_repository_goes_with_the_next_start(tree: Path) -> None:
    other = linked(tree.parent / "shop", "other")
    killed = DIES.replace("os.rename", "pathlib.Path.rename").replace("import os,", "import os, pathlib,")
    run([sys.executable, "-c", killed, "prepare"], other, code=-signal.SIGKILL)
    state = naming.worktree_state_dir(worktree(other))
    assert len(list(state.glob(".repo.git.*"))) == 1 and not (state / "repo.git").exists()
    wt(other, "prepare", code=4)
    assert list(state.glob(".repo.git.*")) == [] and (state / "repo.git").exists()


def test_a_worktree_that_is_prepared_is_not_removed(tree: Path) -> None:
    mark = worktree(tree).git_dir / "wt-removed"
    mark.touch()
    wt(tree, "prepare", code=4)
    assert not mark.exists()


def test_a_user_s_lines_survive_whatever_bytes_they_are(tree: Path) -> None:
    own = b"# caf\xe9 \xff\xfe\nNAME=caf\xe9\r\n\n  export OTHER='\xc3\xa9 x'\t# \xf0\x9f\x99\x82\n"
    env = tree / ".devcontainer/.env"
    before = env.read_bytes()
    env.write_bytes(own)
    wt(tree, "prepare", code=4)
    assert env.read_bytes() == own + before
    env.write_bytes(before.replace(b"\nWT_GIT_DIR=", b"\n" + own + b"WT_GIT_DIR=old\nWT_GIT_DIR="))
    wt(tree, "prepare", code=4)
    assert env.read_bytes() == before.replace(b"\nWT_GIT_DIR=", b"\n" + own + b"WT_GIT_DIR=")
