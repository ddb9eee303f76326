"""`wt doctor` on the host itself: what was observed, what follows from it, and the page."""

import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import wt as package
from unit.repos import WT, copied, initialised, linked, run, worktree, wt
from unit.test_reference import literals, rows
from wt import engine, host, survey, versions
from wt.host import GIB, Disk, Engine, Host

ROWS = {literals(state)[0]: cells for state, *cells in rows("doctor.md", "## The host")}
WELL = Host(
    git="git version 2.39.5 (Apple Git-154)",
    compose="2.24.0",
    engine=Engine("24.0.0", "Docker Engine - Community", "1.2.8", directory=Path("/var/lib/docker")),
    endpoint="unix:///var/run/docker.sock",
    exported={"GIT_EDITOR": "vi", "COMPOSE_BAKE": "true", "PATH": "/bin", "WT_CA_BUNDLE": "/a", "NAME": "x"},
    settings=({"NAME": "x", "PATH": "/", "WT_CA_BUNDLE": "/b", "WT_NETWORK": "dev"},),
    disks=(Disk(Path("/repo"), GIB, None), Disk(Path("/docker"), GIB, 10_000)),
)
HTTP = "[DEPRECATION NOTICE]: API is accessible on http://{} without encryption.\n  Access to the remote API is"


def with_engine(**values: object) -> dict[str, object]:
    return {"engine": Engine(**{"version": "28.0.0", **values})}  # type: ignore[arg-type]


# What differs from a host that is well; the state, words of the message, and the command.
WRONG: list[tuple[dict[str, object], str, str, str | None]] = [
    ({"git": None}, "no git", "git is not installed", None),
    ({"compose": ""}, "no compose", "no compose plug-in", None),
    ({"git": "git version 2.33.8"}, "too old", "git 2.33.8 is too old: wt needs 2.34", None),
    (with_engine(version="20.10.24+dfsg1"), "too old", "Docker Engine 20.10.24", None),
    ({"compose": "2.23.3-desktop.2"}, "too old", "Docker Compose 2.23.3", None),
    (
        with_engine(vendor="Docker Desktop 4.44.2 (202017)"),
        "known flaw",
        "Docker Desktop 4.44.2 has CVE-2025-9074",
        None,
    ),
    (
        with_engine(vendor="Docker Engine - Community", runc="1.2.7"),
        "known flaw",
        "runc 1.2.7 has CVE-2025-31133",
        None,
    ),
    (
        {"endpoint": "ssh://me@far"},
        "remote engine",
        "is on another machine, ssh://me@far",
        "docker context use default",
    ),
    (
        {"endpoint": "tcp://far:2376", "exported": {"DOCKER_HOST": "tcp://far:2376", "DOCKER_CONTEXT": "x"}},
        *("remote engine", "on another machine", "unset DOCKER_HOST"),
    ),
    (
        {"endpoint": "tcp://10.0.0.7:2375", "exported": {"DOCKER_CONTEXT": "x"}},
        *("remote engine", "on another machine", "unset DOCKER_CONTEXT"),
    ),
    (with_engine(warnings=(HTTP.format("127.0.0.1:2375"),)), "open engine", "every program of this machine", None),
    (
        with_engine(warnings=("x", HTTP.format("0.0.0.0:2375"))),
        "open engine",
        "and every sandbox that reaches it",
        None,
    ),
    (with_engine(filtered=False), "no filter", "filters no system calls", None),
    (with_engine(unlimited=("memory", "processes")), "no limits", "can't limit memory and processes", None),
    (
        {"writable": {Path("/var/run/docker.sock"): False}},
        *("open socket", "may drive the engine", "sudo chmod o-w /var/run/docker.sock"),
    ),
    ({"writable": {Path("/my repo"): True}}, "writable", "may change /my repo", "chmod o-w '/my repo'"),
    (
        {"exported": {"GIT_DIR": "x", "COMPOSE_FILE": "y", "NAME": "x"}},
        *("variables", "exported: COMPOSE_FILE, GIT_DIR;", "unset COMPOSE_FILE GIT_DIR"),
    ),
    ({"exported": {"WT_NETWORK": "other"}}, "variables", "exported: WT_NETWORK;", "unset WT_NETWORK"),
    ({"disks": (Disk(Path("/repo"), GIB // 2, None),)}, "disk", "0.5 GiB are free on the disk of /repo", None),
    ({"disks": (Disk(Path("/repo"), GIB, 9_999),)}, "disk", "9999 inodes are free on the disk of /repo", None),
]


def test_nothing_is_wrong_with_a_host_that_is_well_or_can_not_be_asked() -> None:
    assert host.findings(WELL) == host.findings(Host()) == ()


@pytest.mark.parametrize(("change", "state", "said", "command"), WRONG)
def test_each_thing_that_is_wrong_is_named_alone(
    change: dict[str, object], state: str, said: str, command: str | None
) -> None:
    (found,) = host.findings(Host(**{**vars(WELL), **change}))
    assert (found.state, found.command, found.worktree) == (state, command, None)
    assert said in found.message and (found.command or found.hint)
    _, shown, mends = ROWS[state]
    assert shown in found.message or state == "known flaw"
    assert not found.command or any(word in found.command for word in literals(mends))


def test_the_page_has_every_state_and_no_other() -> None:
    source = (Path(package.__file__).parent / "host.py").read_text()
    assert set(ROWS) == set(re.findall(r'Finding\(\s*"([^"]+)"', source)) == {state for _, state, *_ in WRONG}


def test_the_page_has_every_known_flaw_and_no_other() -> None:
    shown = [tuple(cells) for cells in rows("doctor.md", "## Known flaws")]
    assert shown == [
        (each.program, each.names, each.since, ", ".join(each.mended), each.means) for each in versions.FLAWS
    ]


@pytest.mark.parametrize(
    ("program", "version", "names"),
    [
        ("Docker Desktop", "4.24.2", []),
        ("Docker Desktop", "4.25.0", ["CVE-2025-9074"]),
        ("Docker Desktop", "4.44.2", ["CVE-2025-9074"]),
        *(("Docker Desktop", version, []) for version in ("4.44.3", "4.45.0", "5.0.0", "", "unknown")),
        ("runc", "1.1.11", ["CVE-2024-21626", "CVE-2025-31133"]),
        ("runc", "v1.1.12", ["CVE-2025-31133"]),
        *(("runc", version, ["CVE-2025-31133"]) for version in ("1.1.15", "1.2.7", "1.3.0-rc.1", "1.3.2")),
        *(("runc", version, ["CVE-2025-31133"]) for version in ("1.4.0-rc.1", "1.4.0-rc.2")),
        *(("runc", version, []) for version in ("1.2.8", "1.3.3", "1.4.0-rc.3", "1.4.0", "1.5.0-rc.1", "2.0.0")),
        *(("runc", version, []) for version in ("1.1.5+ds1", "1.1.12-0ubuntu3.1", "1.2.5-4.fc41", "")),
        ("containerd", "1.0.0", []),
    ],
)
def test_a_version_has_the_flaws_that_were_mended_later_in_its_line(
    program: str, version: str, names: list[str]
) -> None:
    assert [each.names.partition(",")[0] for each in versions.flaws(program, version)] == names


@pytest.mark.parametrize("vendor", ["", "Fedora", "Balena"])
def test_nothing_is_said_of_the_flaws_of_a_distribution_s_build(vendor: str) -> None:
    assert host.findings(Host(engine=Engine("26.1.5+dfsg1", vendor, runc="1.1.5"))) == ()


LOCAL = [
    "unix:///run/user/1/docker.sock",
    "tcp://127.0.0.1:2375",
    "tcp://localhost:1",
    "tcp://[::1]:1",
    "tcp://0.0.0.0:1",
]


@pytest.mark.parametrize("place", [*LOCAL, "", "npipe:////./pipe/docker", "tcp://[broken", "far"])
def test_an_engine_on_this_machine_is_none_elsewhere(place: str) -> None:
    assert host.findings(Host(endpoint=place)) == ()


# What is observed


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialised(tmp_path_factory.mktemp("template") / "shop", {"package.json": "{}"})


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path)


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that every user may enter."""
    place = Path(tempfile.mkdtemp()).resolve()
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def states(cwd: Path, env: dict[str, str] | None = None) -> dict[str, dict[str, str]]:
    """What doctor finds, but for the engine, which is not there."""
    done = wt(cwd, "doctor", "--json", code=1, env=env)
    found = {each["state"]: each for each in json.loads(done.stdout)["result"]}
    assert found.pop("engine")
    return found


def docker_that_says(
    place: Path, version: object, info: object, *, endpoint: str = "", compose: str = "2.26.1"
) -> dict[str, str]:
    """A PATH with a docker of that kind: a state of the host that can't be had here."""
    programs = place / "bin"
    programs.mkdir()
    for name, said in {"version": version, "info": info}.items():
        (place / f"{name}.json").write_text(json.dumps(said))
    answers = f"version|info) cat '{place}'/$1.json ;; context) echo '{endpoint}' ;; compose) {compose} ;;"
    (programs / "docker").write_text(f'#!/bin/sh\ncase "$1" in {answers} esac\n')
    (programs / "docker").chmod(0o755)
    return {"PATH": f"{programs}:{os.environ['PATH']}"}


def test_an_old_open_and_leaky_engine_is_named(tmp_path: Path, project: Path) -> None:
    parts = [{"Name": "Engine", "Version": "23.0.1"}, {"Name": "runc", "Version": "1.1.11", "Details": {}}]
    version = {"Server": {"Platform": {"Name": "Docker Desktop 4.30.0 (149282)"}, "Components": parts}}
    info = {
        "ServerVersion": "23.0.1",
        "SecurityOptions": ["name=seccomp,profile=unconfined", "name=cgroupns"],
        "Warnings": [HTTP.format("0.0.0.0:2375")],
        "MemoryLimit": True,
        "PidsLimit": False,
        "DockerRootDir": "/no/where",
    }
    env = docker_that_says(tmp_path, version, info, endpoint="ssh://far", compose="echo 2.1.0")
    done = wt(project, "doctor", "--json", code=1, env=env)
    found = [each["state"] for each in json.loads(done.stdout)["result"]]
    flaws = ["known flaw"] * 3
    assert found == ["too old", "too old", "remote engine", "open engine", "no filter", "no limits", *flaws]


@pytest.mark.parametrize("said", [None, [], {"Server": None}, {"Server": {}, "ServerVersion": None}, "x"])
def test_a_docker_that_says_nothing_of_its_engine_is_no_bug(tmp_path: Path, project: Path, said: object) -> None:
    words = "docker: 'compose' is not a docker command."
    env = docker_that_says(tmp_path, said, said, compose=f'echo "{words}" >&2; exit 1')
    done = wt(project, "doctor", "--json", code=1, env=env)
    assert [each["state"] for each in json.loads(done.stdout)["result"]] == ["no compose"]


def test_a_host_without_git_and_docker_is_looked_at_all_the_same(project: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").symlink_to(shutil.which("sh") or "")
    done = wt(project, "doctor", "--json", code=1, env={"PATH": str(tmp_path / "bin")})
    assert [each["state"] for each in json.loads(done.stdout)["result"]] == ["engine", "no git"]
    assert "git is not installed, or not on PATH: only the host was looked at" in done.stderr


def test_outside_of_a_repository_the_host_alone_is_looked_at(tmp_path: Path) -> None:
    assert states(tmp_path, {"COMPOSE_FILE": "x"}).keys() == {"variables"}
    said = wt(tmp_path, "doctor", code=1).stderr
    assert f"{tmp_path} is not in a git repository: only the host was looked at" in said


def test_variables_are_seen_though_wt_drops_them(project: Path) -> None:
    wt(project, "prepare", code=4)
    env = {"GIT_DIR": "/x", "COMPOSE_PROJECT_NAME": "x", "HOST_UID": "99999", "GIT_PAGER": "cat", "WT_CA_BUNDLE": "/x"}
    found = states(project, env)["variables"]
    assert found["command"] == "unset COMPOSE_PROJECT_NAME GIT_DIR HOST_UID"
    assert states(project) == {}


def test_what_every_user_may_change_is_named_and_mended(template: Path, public: Path) -> None:
    shop = copied(template, public)
    tree = linked(shop)
    assert states(shop) == {}
    names = [shop / ".git", shop / ".git/config", shop / ".git/hooks", tree, tree / ".devcontainer"]
    (shop / ".git/hooks").mkdir(exist_ok=True)
    for path in names:
        path.chmod(path.stat().st_mode | 0o002)
        found = states(shop)
        assert found["writable"]["message"] == f"every user of this machine may change {path}"
        run(["sh", "-c", found["writable"]["command"]], shop)
        assert states(shop) == {}, path


def test_what_nobody_else_reaches_is_nobody_else_s_to_change(template: Path, public: Path) -> None:
    inner = public / "mine"
    inner.mkdir(mode=0o700)
    shop = copied(template, inner)
    (shop / ".git/config").chmod(0o666)
    assert states(shop) == {}
    inner.chmod(0o711)
    assert "writable" in states(shop)


@pytest.mark.parametrize("kind", ["settings of git", "docker's directory"])
def test_a_device_in_the_place_of_a_file_is_open_to_all_as_it_should_be(
    project: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / ".gitconfig").symlink_to("/dev/null")
    found = {"HOME": str(tmp_path)} if kind == "settings of git" else {"DOCKER_CONFIG": "/dev/null"}
    assert states(project, found) == {}


def test_an_engine_s_socket_that_is_open_to_all_is_named_and_closed(project: Path, public: Path) -> None:
    path = public / "docker.sock"
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(path))
        env = {"DOCKER_HOST": f"unix://{path}"}
        path.chmod(0o666)
        found = states(project, env)["open socket"]
        assert found["command"] == f"chmod o-w {path}"
        run(["sh", "-c", found["command"]], project)
        assert states(project, env) == {}


def test_a_disk_without_room_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_SCARCE_BYTES", 1 << 62)
    tree = worktree(project)
    (found,) = host.findings(survey.machine(tree.repository, (tree,), answers=False))
    assert found.state == "disk" and found.message.endswith(f"on the disk of {project}/.git")


def test_a_context_is_asked_where_its_engine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://somebody@far")
    assert engine.endpoint() == "ssh://somebody@far"
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    assert engine.endpoint() == ""


# Tracked files


def test_tracked_files_that_init_would_write_otherwise_are_named_and_mended(project: Path) -> None:
    wt(project, "prepare", code=4)
    assert states(project) == {}
    (project / ".devcontainer/wt.toml").write_text('protect = ["Makefile"]\n')
    (project / "Makefile").touch()
    (project / ".gitignore").write_text("node_modules\n")
    found = states(project)
    assert {"stale", "not ignored"} <= found.keys()
    assert found["stale"]["command"] == found["not ignored"]["command"] == f"(cd {project} && wt init --upgrade)"
    assert (project / ".gitignore").read_text() == "node_modules\n", "doctor changes nothing"
    run(["sh", "-c", found["stale"]["command"]], project, env={"PATH": f"{Path(WT).parent}:{os.environ['PATH']}"})
    assert states(project).keys().isdisjoint({"stale", "not ignored"})


def test_a_setting_that_the_user_s_devcontainer_lacks_is_named(project: Path) -> None:
    wt(project, "prepare", code=4)
    path = project / ".devcontainer/devcontainer.json"
    path.write_text(re.sub(r'"initializeCommand": .*\n', "", path.read_text()))
    found = states(project)["settings"]
    assert "devcontainer.json of shop lacks " in found["message"] and "initializeCommand" in found["message"]
