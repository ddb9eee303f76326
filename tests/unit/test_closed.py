"""A directory that its mode closes is called closed: not damaged, not forgotten, and no program is blamed for it."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from unit.repos import WT, initialised, linked, run, wt
from wt import process
from wt.errors import WtError

# Root reads everything; without these two rights it is as an ordinary user is to files of their own.
_RIGHTS = "-dac_override,-dac_read_search"
ORDINARY = ("setpriv", f"--bounding-set={_RIGHTS}", f"--inh-caps={_RIGHTS}") if os.geteuid() == 0 else ()

pytestmark = pytest.mark.skipif(bool(ORDINARY) and not shutil.which("setpriv"), reason="root reads everything")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A prepared worktree `w` of a repository `shop`."""
    path = linked(initialised(tmp_path / "shop", {"package.json": "{}"}), "w")
    wt(path, "prepare", code=4)
    return path


@contextmanager
def closed(path: Path) -> Iterator[None]:
    path.chmod(0)
    try:
        yield
    finally:
        path.chmod(0o755)


def test_doctor_says_that_a_worktree_can_t_be_entered(tree: Path) -> None:
    with closed(tree):
        said = run([*ORDINARY, WT, "doctor"], tree.parent / "shop", code=1).stdout
        shown = run([*ORDINARY, WT, "ls"], tree.parent / "shop").stdout
    assert f"w: no sandbox can start: permission denied: {tree}\n" in said and "fsck" not in said
    assert "unreadable" in shown


@pytest.mark.parametrize("verb", ["prepare", "ls", "up", "sync"])
def test_a_worktree_whose_admin_directory_is_closed_is_not_forgotten(tree: Path, verb: str) -> None:
    entry = tree.parent / "shop/.git/worktrees/w"
    with closed(entry):
        said = run([*ORDINARY, WT, verb], tree, code=1).stderr
    assert said.splitlines()[0] == f"wt: permission denied: {entry}" and "hint: " in said
    shutil.rmtree(entry)
    assert "does not know it any more" in wt(tree, verb, code=3).stderr


SCRIPT = """
import sys
from pathlib import Path
from wt import process
from wt.errors import WtError
try:
    process.run([sys.argv[1]], cwd=Path(sys.argv[2]))
except WtError as error:
    print(error.exit_code, error.message, error.hint is not None)
"""


def test_it_is_told_what_is_closed_the_place_or_the_program(tmp_path: Path) -> None:
    place, program = tmp_path / "place", tmp_path / "program"
    place.mkdir()
    program.touch(mode=0o644)
    call = [*ORDINARY, sys.executable, "-c", SCRIPT]
    with closed(place):
        assert run([*call, "true", place], tmp_path).stdout == f"1 permission denied: {place} True\n"
    assert run([*call, program, place], tmp_path).stdout == f"4 {program} may not be started by this user True\n"


def test_a_place_that_is_gone_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WtError, match="is gone") as caught:
        process.run(["true"], cwd=tmp_path / "gone")
    assert caught.value.hint
