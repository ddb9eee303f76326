"""States of the host: each works, or is one clear line with what to do, and leaves everything as it was."""

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.repos import WT, Inside, copied, git, initialised, linked, repository, run, wt
from wt import config, docker, errors, inventory, mounts, output, process, selection
from wt.commands import ls, prepare
from wt.errors import EngineError, ToolError, UsageError, WtError
from wt.model import Context

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks programs of Linux")
NO_ENGINE = "wt: Docker is not running"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialised(tmp_path_factory.mktemp("template") / "shop", {"package.json": "{}"})


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    """The main checkout of a repository in which `wt init` has run."""
    return copied(template, tmp_path)


def shell(cwd: Path, script: str, *args: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    return run(["sh", "-c", script, WT, *args], cwd, code=code)


def snapshot(path: Path) -> dict[str, bytes]:
    """Every file, but for git's index, whose notes on times any git may renew, and lock files, which stay."""
    found = {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}
    return {name: text for name, text in found.items() if not name.endswith(("index", "lock"))}


# Standard streams


@pytest.mark.parametrize(
    ("streams", "typed", "code"),
    [
        (">&-", "ls", 0),
        (">&-", "path", 0),
        (">&-", "--help", 0),
        ("<&-", "ls", 0),
        ("2>&-", "ls", 0),
        ("2>&-", "path nobody", 2),
        ("<&- >&- 2>&-", "path", 0),
        ("<&- >&- 2>&-", "prepare", 4),
        ("2>/dev/full", "ls", 0),
        ("2>/dev/full", "path nobody", 2),
        ("2>/dev/full", "prepare", 4),
        (">/dev/full", "ls", 1),
        (">/dev/full", "path", 1),
        (">/dev/full", "ls --json", 1),
        (">/dev/full", "--version", 1),
        (">/dev/full", "path nobody --json", 2),
        (">/dev/full 2>&1", "path", 1),
        ("2>&1 | true", "path nobody --json", 0),
    ],
)
def test_streams_that_are_closed_or_full(project: Path, streams: str, typed: str, code: int) -> None:
    if "/dev/full" in streams and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = shell(project, f'"$0" "$@" {streams}', *typed.split(), code=code)
    said = done.stdout + done.stderr
    assert "bug" not in said and "Traceback" not in said and "Exception" not in said
    if streams == ">/dev/full" and code == 1:
        assert "no space left on device" in done.stderr


def test_a_closed_stream_is_not_taken_over_by_a_file(project: Path) -> None:
    """Else what is printed would land in the next file that is opened, such as a lock or `.env`."""
    wt(project, "prepare", code=4)
    before = snapshot(project)
    shell(project, '"$0" prepare >&- 2>&- <&-', code=4)
    assert snapshot(project) == before
    locks = list((project / ".git/wt-sandbox").rglob("*lock"))
    assert locks and all(path.stat().st_size == 0 for path in locks)


# The user's surroundings


def test_the_current_directory_is_gone(shop: Path) -> None:
    done = shell(shop, 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$@"', "ls", code=2)
    assert done.stderr.splitlines()[0] == "wt: the current directory is gone"


@pytest.mark.parametrize("home", [[], ["HOME=/nonexistent"], ["HOME="]], ids=["unset", "missing", "empty"])
def test_home_may_be_unset_or_missing(project: Path, home: list[str]) -> None:
    assert NO_ENGINE in run(["env", "-u", "HOME", *home, WT, "prepare"], project, code=4).stderr
    assert (project / ".devcontainer/.env").is_file()


def test_a_user_without_a_home_is_told_to_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(UsageError, match="no home directory") as caught:
        selection.host_user()
    assert caught.value.hint == "set HOME"


@pytest.mark.parametrize("path", ["", "/nonexistent"])
def test_without_git_every_verb_is_one_line(shop: Path, path: str) -> None:
    for verb in ("ls", "prepare", "new x"):
        done = wt(shop, *verb.split(), code=4, env={"PATH": path})
        assert done.stderr.splitlines() == [
            "wt: git is not installed, or not on PATH",
            "hint: install git 2.34 or newer",
        ]


# Without its UTF-8 mode Python has names in C as it has them in a locale with another encoding.
@pytest.mark.parametrize("mode", ["1", "0"])
@pytest.mark.parametrize("language", ["C", "POSIX", "C.UTF-8", "xx_YY.UTF-8"])
def test_paths_beyond_ascii_in_any_locale(template: Path, tmp_path: Path, language: str, mode: str) -> None:
    place = copied(template, tmp_path / "café ☕")
    here = {"LC_ALL": language, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": mode}
    assert wt(place, "path", env=here).stdout == f"{place}\n"
    (place / ".devcontainer/.env").write_bytes("MINE=café\n".encode())
    for _ in range(2):
        wt(place, "prepare", code=4, env=here)
    text = (place / ".devcontainer/.env").read_bytes().decode()
    assert text.startswith("MINE=café\n") and f"LOCAL_WORKSPACE_FOLDER='{place}'\n" in text


def test_messages_are_asked_for_in_english_and_names_in_the_users_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    for name in ("LC_MESSAGES", "LC_CTYPE", "LANG"):
        monkeypatch.setenv(name, "fr_FR.ISO-8859-1")
    process.clean_environment()
    assert {name: os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LC_CTYPE")} == {
        "LC_ALL": None,
        "LC_MESSAGES": "C",
        "LC_CTYPE": "de_DE.UTF-8",
    }


@pytest.mark.parametrize("verb", ["ls", "prepare", "new x", "sync"])
def test_exported_variables_of_git_aim_nothing_elsewhere(project: Path, tmp_path: Path, verb: str) -> None:
    other = repository(tmp_path / "other")
    clean = wt(project, *verb.split(), code=4 if verb in {"prepare", "new x"} else 0)
    git(project, "clean", "-qfdx")
    shutil.rmtree(project / ".git/wt-sandbox", ignore_errors=True)
    exported = {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_COMMON_DIR": str(other / ".git"),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_OBJECT_DIRECTORY": str(other / ".git/objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(other / ".git/objects"),
        "GIT_NAMESPACE": "elsewhere",
        "GIT_CEILING_DIRECTORIES": str(project.parent),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_CONFIG_PARAMETERS": "'core.worktree=/nonexistent'",
        "GIT_DISCOVERY_ACROSS_FILESYSTEM": "0",
        "GIT_TRACE": str(tmp_path / "trace"),
    }
    before = snapshot(other)
    done = wt(project, *verb.split(), code=clean.returncode, env=exported)
    ages = [line.rstrip("0123456789 s") for line in (done.stdout + done.stderr).splitlines()]
    assert ages == [line.rstrip("0123456789 s") for line in (clean.stdout + clean.stderr).splitlines()]
    assert snapshot(other) == before
    assert not (tmp_path / "index").exists() and not (tmp_path / "trace").exists()


@on_linux
@pytest.mark.parametrize(("ignored", "ends"), [("", True), ("HUP", False), ("HUP INT TERM", False)])
def test_what_the_caller_ignores_stays_ignored(tmp_path: Path, ignored: str, ends: bool) -> None:
    """As under nohup, or in the background of a script."""
    script = "from wt.__main__ import main; import os, signal; from wt import process; process.interrupt_on_signals()"
    send = "; ".join(f"os.kill(os.getpid(), signal.SIG{name})" for name in ignored.split() or ["HUP"])
    trap = f"trap '' {ignored}; " if ignored else ""
    command = ["env", "--default-signal", "sh", "-c", f'{trap}exec "$0" -c "$1"', sys.executable, f"{script}; {send}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ("Interrupted" in done.stderr, done.returncode != 0) == (ends, ends)


def test_a_line_of_env_that_is_no_assignment_is_named_and_stays(project: Path) -> None:
    """Compose would take none of the file."""
    wt(project, "prepare", code=4)
    with (project / ".devcontainer/.env").open("a") as file:
        file.write("one two\n= three\n")
    before = (project / ".devcontainer/.env").read_text()
    said = wt(project, "prepare", code=1).stderr.splitlines()
    assert [line.partition(" ")[0] for line in said] == ["wt:", "hint:"], said
    assert ".devcontainer/.env" in said[0] and f"line {len(before.splitlines()) - 1} " in said[0]
    assert (project / ".devcontainer/.env").read_text() == before


# Clocks


@pytest.mark.parametrize(
    ("seconds", "age"),
    [
        (0, " d"),
        (4_102_444_800, "0 s"),
        (253_402_300_799, "0 s"),
        (253_402_300_800, "-"),
        (9_223_372_036_854_775_807, "-"),
        (18_446_744_073_709_551_615, "-"),
        (-1, "-"),
        (-99_999_999_999, "-"),
    ],
)
def test_ls_shows_commits_of_any_date(shop: Path, seconds: int, age: str) -> None:
    who = f"A <a@b> {seconds} +0000"
    text = f"tree {git(shop, 'rev-parse', 'HEAD^{tree}')}\nauthor {who}\ncommitter {who}\n\nm\n"
    (shop / ".git/crafted").write_text(text)
    oid = git(shop, "hash-object", "-t", "commit", "-w", "--literally", ".git/crafted")
    git(shop, "update-ref", "refs/heads/main", oid)
    assert wt(shop, "ls").stdout.splitlines()[1].endswith(age)
    wt(shop, "ls", "--json")


def test_files_from_the_future_are_no_reason_to_write_them_again(project: Path) -> None:
    wt(project, "prepare", code=4)
    for path in project.rglob("*"):
        os.utime(path, (4_102_444_800, 4_102_444_800), follow_symlinks=False)
    before = snapshot(project)
    assert wt(project, "prepare", code=4).stderr.splitlines()[0] == NO_ENGINE
    assert snapshot(project) == before
    assert {path.stat().st_mtime for path in (project / ".devcontainer").iterdir()} == {4_102_444_800}


# Disks


@pytest.fixture
def disk(template: Path, tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, with a repository and a worktree `w` of it."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root can mount, and elsewhere in another way")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,nr_inodes=600", "tmpfs", place], check=True)
    try:
        linked(copied(template, place), "w")
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def filled(disk: Path, kind: str) -> None:
    """Leave no byte, or no inode, or no right to write."""
    if kind == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        return
    number = 0
    try:
        if kind == "full":
            with (disk / "fill").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        (disk / "fill").mkdir()
        while True:
            (disk / f"fill/{number}").touch()
            number += 1
    except OSError:
        pass


def emptied(disk: Path, kind: str) -> None:
    if kind == "read-only":
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    elif kind == "full":
        (disk / "fill").unlink()
    else:
        shutil.rmtree(disk / "fill")


SAID = {"full": "no space left on device", "no inodes": "no space left on device", "read-only": "read-only file system"}


@pytest.mark.parametrize("kind", SAID)
def test_a_disk_that_takes_nothing_more(disk: Path, kind: str) -> None:
    shop, tree = disk / "shop", disk / "w"
    (shop / ".devcontainer/Dockerfile").unlink()
    filled(disk, kind)
    before, refs = snapshot(shop), git(shop, "for-each-ref")
    for place, verb in ((shop, "new x --no-up"), (shop, "prepare"), (tree, "prepare"), (shop, "init --upgrade")):
        done = wt(place, *verb.split(), code=1)
        wrong = [line for line in done.stderr.splitlines() if line.startswith("wt: ")]
        assert len(wrong) == 1 and SAID[kind] in wrong[0], (verb, done.stderr)
    for verb in ("ls", "path"):
        wt(shop, verb)
    assert snapshot(shop) == before and git(shop, "for-each-ref") == refs
    assert git(shop, "worktree", "list").count("\n") == 1 and not (disk / "shop-x").exists()
    emptied(disk, kind)
    wt(shop, "init", "--upgrade")
    assert (shop / ".devcontainer/Dockerfile").stat().st_size > 0
    for place in (shop, tree):
        assert NO_ENGINE in wt(place, "prepare", code=4).stderr
    assert git(disk / "shop", "fsck") == ""
    if kind != "read-only":  # there, the lock can't be opened
        filled(disk, kind)
        assert NO_ENGINE in wt(tree, "prepare", code=4).stderr
        emptied(disk, kind)


@pytest.mark.parametrize("kind", SAID)
def test_an_import_that_the_disk_does_not_take_changes_nothing_and_works_again(disk: Path, kind: str) -> None:
    inside = Inside(disk / "w")
    tip = inside.commit("inside", os.urandom(200_000).hex())
    filled(disk, kind)
    refs = git(disk / "shop", "for-each-ref")
    with pytest.raises((WtError, OSError)) as caught:
        inside.bring_in()
    error = errors.of_machine(caught.value) if isinstance(caught.value, OSError) else caught.value
    assert isinstance(error, WtError) and SAID[kind] in error.message and error.hint
    assert git(disk / "shop", "for-each-ref") == refs
    assert not (disk / "shop/.git/wt-sandbox/w/incoming").exists()
    emptied(disk, kind)
    assert inside.bring_in().moved == (refs.split()[0], tip)
    assert git(disk / "shop", "fsck") == ""


# Docker


def test_sizes_that_the_engine_does_not_tell_hide_nothing_else(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> dict[str, int]:
        raise ToolError("docker took too long", hint="wait")

    told: list[str] = []
    monkeypatch.setattr(docker, "containers", lambda **_: ())
    monkeypatch.setattr(inventory, "volume_projects", lambda _: ())
    context = Context(project, selection.host_user(), output.Narrator())
    monkeypatch.setattr(output.Narrator, "note", lambda _, text: told.append(text))
    monkeypatch.setattr(inventory, "volume_bytes", dict)
    assert [row.size for row in ls.run(context, sizes=True)] == [0]
    monkeypatch.setattr(inventory, "volume_bytes", silent)
    (row,) = ls.run(context, sizes=True)
    assert (row.state, row.size) == ("none", None)
    assert told == ["docker took too long: the sizes of volumes are unknown"]


@pytest.mark.parametrize(
    ("typed", "code"), [("ls", 0), ("ls --size", 0), ("prepare", 4), ("new x", 4), ("up", 4), ("doctor", 1)]
)
def test_docker_is_not_installed(project: Path, tmp_path: Path, typed: str, code: int) -> None:
    (tmp_path / "bin").mkdir()
    for program in ("git", "sh"):
        (tmp_path / "bin" / program).symlink_to(shutil.which(program) or "")
    before = git(project, "for-each-ref")
    done = wt(project, *typed.split(), code=code, env={"PATH": str(tmp_path / "bin")})
    said = done.stdout + done.stderr
    assert "docker is not installed, or not on PATH" in said and ("hint: install Docker Engine" in said) is (code > 0)
    assert ("unknown" in done.stdout) is typed.startswith("ls") and "SIZE" not in done.stdout
    assert (project / ".devcontainer/.env").is_file() is (typed in {"prepare", "up"})
    assert not (tmp_path / "shop-x").exists() and git(project, "for-each-ref", "refs/heads") in before


@pytest.mark.parametrize("typed", ["prepare", "up"])
def test_a_root_env_of_compose_is_refused(project: Path, typed: str) -> None:
    (project / ".env").write_text("COMPOSE_PROJECT_NAME=other\n")
    said = wt(project, typed, code=3).stderr
    assert "wt: .env sets COMPOSE_PROJECT_NAME, which would" in said and "hint: " in said
    assert not (project / ".devcontainer/.env").exists()
    (project / ".env").write_text("MY_NAME=other\n")
    assert NO_ENGINE in wt(project, typed, code=4).stderr


# What compose makes of a sandbox that nothing weakens, as far as that counts.
HARMLESS = {"cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "user": "1000:1000"}
RESOLVED = json.dumps({"services": {"app": HARMLESS}})


def stand_in(tmp_path: Path, program: str, script: str, *, resolves: bool = True) -> dict[str, str]:
    """A PATH on which a program of another version stands: a state of the host that can't be had here."""
    if program == "docker" and resolves:
        script = f"case \"$*\" in *' config --format json') echo '{RESOLVED}'; exit ;; esac\n{script}"
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / program).write_text(f"#!/bin/sh\n{script}\n")
    (directory / program).chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ("24.0.0 v2.24.0", None),
        ("26.1.5+dfsg1 2.26.1-4", None),
        ("dev 2.x", None),
        ("23.0.6 2.26.1", "Docker Engine 23.0.6 is too old: wt needs 24.0 or newer"),
        ("20.10.24+dfsg1 2.26.1", "Docker Engine 20.10.24 is too old: wt needs 24.0 or newer"),
        ("26.1.5 v2.23.3-desktop.2", "Docker Compose 2.23.3 is too old: wt needs 2.24 or newer"),
        ("26.1.5", "docker has no compose plug-in"),
    ],
)
def test_docker_and_compose_have_an_oldest_version(project: Path, tmp_path: Path, info: str, said: str | None) -> None:
    other = 'case "$*" in *" config "*) ;; *) echo reached; exit 1 ;; esac'
    script = f'case "$1" in network) echo bridge ;; info) echo "{info}" ;; compose) {other} ;; esac'
    done = wt(project, "prepare", code=4 if said else 1, env=stand_in(tmp_path, "docker", script))
    if said is None:
        assert "  reached" in done.stderr.splitlines()
    else:
        assert f"wt: {said}" in done.stderr.splitlines()
        assert "hint: " in done.stderr and "https://docs.docker.com/" in done.stderr
        assert "reached" not in done.stderr


def test_a_start_does_not_take_a_missing_plug_in_for_a_broken_image(project: Path, tmp_path: Path) -> None:
    words = "docker: 'compose' is not a docker command."
    script = f'case "$1" in network) echo bridge ;; info) echo 26 2.26 ;; compose) echo "{words}" >&2; exit 1 ;; esac'
    done = wt(project, "prepare", code=4, env=stand_in(tmp_path, "docker", script))
    assert "wt: docker has no compose plug-in" in done.stderr.splitlines()


@pytest.mark.parametrize("verb", ["new x", "init", "up", "path"])
def test_git_has_an_oldest_version(project: Path, tmp_path: Path, verb: str) -> None:
    """Before 2.31 it takes no --path-format, and prints it."""
    script = (
        'case " $* " in *" --version "*) echo git version 2.30.2 ;; *) echo --path-format=absolute; echo .git ;; esac'
    )
    before = snapshot(project)
    done = wt(project, *verb.split(), code=4, env=stand_in(tmp_path, "git", script))
    assert done.stderr.splitlines() == [
        "wt: git 2.30.2 is too old: wt needs 2.34 or newer",
        "hint: get it from https://git-scm.com/downloads",
    ]
    assert snapshot(project) == before


@pytest.mark.parametrize("verb", ["new x", "init", "init --upgrade", "up", "up shop"])
def test_a_git_that_would_do_for_the_rest_is_too_old_all_the_same(project: Path, tmp_path: Path, verb: str) -> None:
    script = f'case "$*" in --version) echo git version 2.33.8 ;; *) exec {shutil.which("git")} "$@" ;; esac'
    env, before = stand_in(tmp_path, "git", script), snapshot(project)
    said = wt(project, *verb.split(), code=4, env=env).stderr.splitlines()
    assert said[0] == "wt: git 2.33.8 is too old: wt needs 2.34 or newer" and said[1].startswith("hint: get it from")
    assert snapshot(project) == before and not (tmp_path / "shop-x").exists()
    wt(project, "path", env=env)


@pytest.mark.parametrize("driver", ["host", "null", "macvlan", "ipvlan", "overlay", ""])
def test_a_network_that_is_no_bridge_is_refused_before_anything_starts(
    project: Path, tmp_path: Path, driver: str
) -> None:
    script = f'case "$1" in ps) ;; network) echo "{driver}" ;; *) touch "{tmp_path}/reached" ;; esac'
    done = wt(project, "prepare", code=3, env=stand_in(tmp_path, "docker", script))
    assert "wt: the docker network dev is no bridge" in done.stderr
    assert "hint: set network in .devcontainer/wt.toml" in done.stderr
    assert not (tmp_path / "reached").exists()


@pytest.mark.parametrize("name", ["host", "none", "bridge", "default", "a b", "container:x", "-x", ""])
def test_a_network_is_not_one_of_dockers_own(name: str) -> None:
    with pytest.raises(UsageError, match="network"):
        config.parse({"network": name})
    assert config.parse({"network": f"x{name.replace(' ', '').replace(':', '')}"}).network


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        # As engines 26 and 20 said it.
        (
            "Error response from daemon: could not find an available, non-overlapping IPv4 address pool among the "
            "defaults to assign to the network",
            "Docker has no addresses left for another network",
        ),
        (
            "Error response from daemon: all predefined address pools have been fully subnetted",
            "Docker has no addresses left for another network",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            "Docker refuses this user",
        ),
    ],
)
def test_what_the_engine_complains_of_is_one_line(project: Path, tmp_path: Path, complaint: str, said: str) -> None:
    missing = "Error response from daemon: network dev not found"
    script = (
        f'case "$1 $2" in *inspect) echo "{missing}" >&2; exit 1 ;; *create) echo "{complaint}" >&2; exit 1 ;; esac'
    )
    done = wt(project, "prepare", code=4, env=stand_in(tmp_path, "docker", script))
    assert [line for line in done.stderr.splitlines() if line.startswith("wt: ")] == [f"wt: {said}"]
    assert "hint: " in done.stderr


def test_a_docker_context_that_does_not_exist(project: Path) -> None:
    named = run(["env", "-u", "DOCKER_HOST", "DOCKER_CONTEXT=nowhere", WT, "prepare"], project, code=4)
    assert "wt: there is no docker context nowhere, which DOCKER_CONTEXT names" in named.stderr.splitlines()
    rows = run(["env", "-u", "DOCKER_HOST", "DOCKER_CONTEXT=nowhere", WT, "ls"], project).stdout
    assert "unknown" in rows


def test_a_docker_context_that_was_chosen_and_is_no_more(project: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"currentContext": "nowhere"}')
    said = run(["env", "-u", "DOCKER_HOST", f"DOCKER_CONFIG={tmp_path}", WT, "prepare"], project, code=4).stderr
    assert said.splitlines()[-2:] == [
        "wt: there is no docker context nowhere, which `docker context use` names",
        "hint: `docker context ls` shows what there is",
    ]


@pytest.mark.parametrize("where", ["tcp://127.0.0.1:1", "tcp://nowhere.invalid:2375", "ssh://nobody@127.0.0.1:1"])
def test_an_engine_that_can_not_be_reached(project: Path, where: str) -> None:
    done = wt(project, "prepare", code=4, env={"DOCKER_HOST": where})
    assert done.stderr.splitlines()[-2:] == [NO_ENGINE, "hint: start it, or change DOCKER_HOST, which says where it is"]


def test_an_engine_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{mute.getsockname()[1]}")
        monkeypatch.setattr(docker, "_PATIENCE", 0.5)
        with pytest.raises(EngineError, match="does not answer"):
            docker.containers()


# Network file systems

MOUNTS = r"""
22 1 0:21 / / rw,relatime - overlay overlay rw
40 22 0:30 / /home rw,relatime shared:1 - nfs4 server:/home rw,vers=4.2
41 40 0:31 / /home/ada/my\040src rw,relatime - ext4 /dev/sda1 rw
42 40 0:32 / /home/eve rw,relatime - ext4 /dev/sdb1 rw
43 40 0:33 / /home/eve rw,relatime - fuse.sshfs eve@server: rw
44 40 0:34 / /homes rw,relatime master:2 - cifs //server/homes rw
""".strip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/shop", "overlay"),
        ("/home/ada/shop", "nfs4"),
        ("/home/ada/my src/shop", "ext4"),
        ("/home/eve/shop", "fuse.sshfs"),
        ("/homes/ada", "cifs"),
        ("/home2", "overlay"),
    ],
)
def test_the_kind_of_a_file_system_is_that_of_the_innermost_newest_mount(path: str, kind: str) -> None:
    assert mounts.kind_of(Path(path), MOUNTS) == kind


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "fuse.sshfs", "ext4", "overlay", "tmpfs", "9p", None])
def test_a_network_file_system_is_said_once(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str | None,
) -> None:
    if kind is not None:
        (tmp_path / "mountinfo").write_text(f"22 1 0:21 / / rw,relatime - {kind} x rw\n")
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "mountinfo")
    monkeypatch.chdir(project)
    for _ in range(2):
        with pytest.raises(EngineError):
            prepare.run(Context(project, selection.host_user(), output.Narrator()))
    notes = capsys.readouterr().err.count("network file system")
    assert notes == (1 if kind in {"nfs", "nfs4", "cifs", "fuse.sshfs"} else 0)


@on_linux
def test_this_machines_own_mounts_are_understood(tmp_path: Path) -> None:
    told = run(["stat", "--file-system", "--format=%T", "/proc"], tmp_path).stdout.strip()
    assert mounts.kind_of(Path("/proc/self"), Path("/proc/self/mountinfo").read_text()) == told == "proc"
