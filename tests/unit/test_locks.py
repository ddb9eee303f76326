"""One holder at a time, and none left behind."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from wt import locks

HOLD = """
import sys
from pathlib import Path
from wt import locks
print("asks", flush=True)
with locks.held(Path(sys.argv[1]), on_wait=lambda: print("waits", flush=True)):
    print("holds", flush=True)
    sys.stdin.readline()
"""


class Holder:
    """A process that asks for the lock and keeps it."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-c", HOLD, str(path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def release(self) -> None:
        assert self.process.communicate("\n")[0] == ""


def fail() -> None:
    pytest.fail("it was spoken of")


def test_the_second_waits_says_so_once_and_gets_it(tmp_path: Path) -> None:
    first = Holder(tmp_path / "deep/lock")
    assert [first.says(), first.says()] == ["asks", "holds"]
    second = Holder(tmp_path / "deep/lock")
    assert second.says() == "asks"
    began = time.monotonic()
    assert second.says() == "waits"
    assert 0.3 < time.monotonic() - began < 5
    first.release()
    assert second.says() == "holds"
    second.release()
    assert (tmp_path / "deep/lock").exists()


def test_who_waited_for_a_file_that_another_has_the_place_of_holds_that_one(tmp_path: Path) -> None:
    first, second = Holder(tmp_path / "x/lock"), None
    assert [first.says(), first.says()] == ["asks", "holds"]
    second = Holder(tmp_path / "x/lock")
    assert [second.says(), second.says()] == ["asks", "waits"]
    (tmp_path / "x").rename(tmp_path / "trash")
    third = Holder(tmp_path / "x/lock")
    assert [third.says(), third.says()] == ["asks", "holds"]
    first.release()
    assert second.says() == "waits"
    third.release()
    assert second.says() == "holds"
    second.release()


def test_where_its_directory_has_to_be_there_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locks.held(tmp_path / "x/lock", on_wait=fail, there=True):
        pytest.fail("it is held")
    assert not (tmp_path / "x").exists()
    (tmp_path / "x").mkdir()

    def removed() -> None:
        (tmp_path / "x").rename(tmp_path / "trash")
        first.release()

    with Holder(tmp_path / "x/lock").process as process:
        first = Holder.__new__(Holder)
        first.process = process
        assert [first.says(), first.says()] == ["asks", "holds"]
        with pytest.raises(FileNotFoundError), locks.held(tmp_path / "x/lock", on_wait=removed, there=True):
            pytest.fail("it is held")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("end", ["kill -9", "release"])
def test_a_lock_dies_with_its_holder_and_a_short_wait_is_not_spoken_of(tmp_path: Path, end: str) -> None:
    with Holder(tmp_path / "lock").process as first:
        assert first.stdin is not None and first.stdout is not None
        assert [first.stdout.readline() for _ in range(2)] == ["asks\n", "holds\n"]
        threading.Timer(0.1, first.kill if end == "kill -9" else first.stdin.close).start()
        with locks.held(tmp_path / "lock", on_wait=fail):
            first.wait()


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locks.held(tmp_path / "lock", on_wait=fail):
        raise ZeroDivisionError
    with locks.held(tmp_path / "lock", on_wait=fail):
        assert (tmp_path / "lock").exists()
