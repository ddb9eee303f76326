"""The guard's program, run here and now, in directories of the test instead of a container's."""

import os
import platform
import re
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import wt

PROGRAM = (Path(wt.__file__).parent / "templates/guard.pl").read_text()
NAMES = ("vscode-ipc-1.sock", "vscode-git-2.sock", "vscode-ssh-auth-3.sock", "vscode-wayland-4.sock")
# A sweep alone comes each second: half of that, at the median.
AT_ONCE = 0.3
hears = pytest.mark.skipif(
    platform.system() != "Linux" or platform.machine() not in {"x86_64", "aarch64"}, reason="needs inotify"
)


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[bytes]]]:
    """What was started."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()


@pytest.fixture
def start(tmp_path: Path, running: list[subprocess.Popen[bytes]]) -> Callable[..., Path]:
    """Starts the program, with changes to its text; the directory that stands for the container's."""
    for name in ("host", "view", "tmp", "dev/shm"):
        (tmp_path / name).mkdir(parents=True)

    def started(*changes: tuple[str, str]) -> Path:
        text = re.sub(r"(?<=['\"])/(?=(host|view|tmp|dev/shm)\b)", lambda _: f"{tmp_path}/", PROGRAM)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        running.append(subprocess.Popen(["perl", "-e", text]))
        await_that((tmp_path / "dev/shm/beat").exists)
        return tmp_path

    return started


def await_that(holds: Callable[[], object], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def bind(path: Path) -> None:
    """A socket, by a name that is short enough for one."""
    with socket.socket(socket.AF_UNIX) as made:
        directory = os.open(path.parent, os.O_RDONLY)
        made.bind(f"/proc/self/fd/{directory}/{path.name}" if platform.system() == "Linux" else str(path))
        os.close(directory)


def life(path: Path) -> float:
    """Seconds until a socket is gone that is made now."""
    begun = time.monotonic()
    bind(path)
    await_that(lambda: not path.exists())
    return time.monotonic() - begun


@pytest.mark.parametrize("name", NAMES)
def test_a_socket_of_an_editor_goes_and_another_one_stays(start: Callable[..., Path], name: str) -> None:
    tmp = start() / "tmp"
    bind(tmp / "x.sock")
    life(tmp / name)
    assert (tmp / "x.sock").exists()


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_is_heard_a_sweep_finds_it(start: Callable[..., Path], name: str) -> None:
    tmp = start(("x86_64 => [294, 254], aarch64 => [26, 27]", "")) / "tmp"
    (tmp / "a/b").mkdir(parents=True)
    bind(tmp / "a/b" / name)
    await_that(lambda: not (tmp / "a/b" / name).exists())


@hears
def test_it_goes_at_once(start: Callable[..., Path]) -> None:
    tmp = start() / "tmp"
    lives = []
    for number in range(9):
        time.sleep(0.13)
        lives.append(life(tmp / f"vscode-ipc-{number}.sock"))
    assert statistics.median(lives) < AT_ONCE


@hears
def test_it_goes_at_once_from_a_directory_that_is_made_with_it(start: Callable[..., Path]) -> None:
    tmp = start() / "tmp"
    lives = []
    for number in range(9):
        time.sleep(0.13)
        (tmp / f"{number}/a/b").mkdir(parents=True)
        lives.append(life(tmp / f"{number}/a/b/vscode-ipc-1.sock"))
    assert statistics.median(lives) < AT_ONCE


@hears
def test_it_goes_at_once_where_it_is_moved_to(start: Callable[..., Path]) -> None:
    root = start()
    lives = []
    for number in range(9):
        time.sleep(0.13)
        made, place = root / "made", root / f"tmp/vscode-git-{number}.sock"
        made.touch()
        begun = time.monotonic()
        made.rename(place)
        await_that(lambda place=place: not place.exists())  # type: ignore[misc]
        lives.append(time.monotonic() - begun)
    assert statistics.median(lives) < AT_ONCE


@hears
def test_where_events_were_lost_all_is_swept_at_once(
    start: Callable[..., Path], running: list[subprocess.Popen[bytes]]
) -> None:
    tmp = start(("(1, time + 1)", "(60, time + 60)")) / "tmp"
    life(tmp / "vscode-ipc-1.sock")
    running[0].send_signal(signal.SIGSTOP)
    for number in range(int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) + 1):
        (tmp / f"{number}").touch()
    bind(tmp / "vscode-ipc-2.sock")
    running[0].send_signal(signal.SIGCONT)
    await_that(lambda: not (tmp / "vscode-ipc-2.sock").exists(), seconds=20)


def test_what_an_editor_needs_to_start_goes_later(start: Callable[..., Path]) -> None:
    tmp = start(("$GRACE = 10", "$GRACE = 2")) / "tmp"
    assert life(tmp / "vscode-remote-containers-ipc-1.sock") > 1.5


def test_packed_refs_are_copied_when_they_change(start: Callable[..., Path]) -> None:
    root = start()
    host, view = root / "host/packed-refs", root / "view/packed-refs"
    for text in ("one\n", "one\ntwo\n" * 50_000, "three\n"):
        host.write_text(text)
        await_that(lambda text=text: view.read_text() == text)  # type: ignore[misc]
    before = view.stat().st_ino
    host.touch()
    time.sleep(1.5)
    assert view.stat().st_ino == before
    host.unlink()
    await_that(lambda: view.read_text() == "")


def test_shallow_is_copied_and_goes_with_the_hosts(start: Callable[..., Path]) -> None:
    root = start()
    assert not (root / "view/shallow").exists()
    (root / "host/shallow").write_text("commit\n")
    await_that((root / "view/shallow").exists)
    (root / "host/shallow").unlink()
    await_that(lambda: not (root / "view/shallow").exists())


def test_it_shows_again_and_again_that_it_is_alive(start: Callable[..., Path]) -> None:
    beat = start() / "dev/shm/beat"
    first = beat.stat().st_mtime_ns
    await_that(lambda: beat.stat().st_mtime_ns > first)


def test_a_directory_that_was_shut_is_opened(start: Callable[..., Path]) -> None:
    shut = start() / "tmp/shut"
    (shut / "below").mkdir(parents=True)
    bind(shut / "below/vscode-ipc-1.sock")
    shut.chmod(0)
    await_that(lambda: shut.stat().st_mode & 0o777 == 0o700)
    await_that(lambda: not (shut / "below/vscode-ipc-1.sock").exists())


def test_a_symlink_leads_nowhere(start: Callable[..., Path]) -> None:
    root = start()
    outside = root / "outside"
    outside.mkdir()
    bind(outside / "vscode-ipc-1.sock")
    outside.chmod(0o500)
    (root / "tmp/link").symlink_to(outside)
    # Two rounds.
    for name in ("vscode-git-1.sock", "vscode-git-2.sock"):
        time.sleep(1.1)
        life(root / "tmp" / name)
    assert (outside / "vscode-ipc-1.sock").exists() and outside.stat().st_mode & 0o777 == 0o500


def watches(program: subprocess.Popen[bytes]) -> int:
    """Directories of which the kernel tells it."""
    found = 0
    for each in Path(f"/proc/{program.pid}/fdinfo").iterdir():
        with suppress(FileNotFoundError):  # what it looks into, it opens and closes meanwhile
            found += each.read_text().count("inotify wd:")
    return found


@hears
def test_paths_take_so_much_memory_and_no_more(
    start: Callable[..., Path], running: list[subprocess.Popen[bytes]]
) -> None:
    tmp = start(("20 << 20", "20_000")) / "tmp"
    for number in range(100):
        (tmp / f"{number:0200}").mkdir()
    bind(tmp / f"{99:0200}" / "vscode-ipc-1.sock")
    await_that(lambda: watches(running[0]) > 40)
    time.sleep(1.2)
    assert watches(running[0]) * 200 < 20_000
    assert not (tmp / f"{99:0200}" / "vscode-ipc-1.sock").exists()
    # What is gone makes room.
    for each in tmp.iterdir():
        each.rmdir()
    await_that(lambda: watches(running[0]) == 1)
    (tmp / ("x" * 200)).mkdir()
    await_that(lambda: watches(running[0]) == 2)


@hears
def test_more_directories_at_once_than_it_has_patience_for_begin_a_round(start: Callable[..., Path]) -> None:
    """Else what moves them to and fro keeps it from all others, and from the host's refs."""
    root = start(("(1, time + 1)", "(60, time + 60)"), ("20_000", "20"))
    life(root / "tmp/vscode-ipc-1.sock")
    for number in range(30):
        (root / f"made/{number}").mkdir(parents=True)
    (root / "host/packed-refs").write_text("new\n")
    (root / "made").rename(root / "tmp/made")
    await_that(lambda: (root / "view/packed-refs").read_text() == "new\n")
