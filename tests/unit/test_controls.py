"""Controls that stand before others, each seen by itself: what an attack would have to get past besides."""

import json
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit.repos import commit, git, linked, worktree
from unit.test_scaffold import render
from wt import checkouts, docker, hostile, inventory, naming, process
from wt import git as host
from wt.errors import ToolError


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that the program beside it makes."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{tmp_path}/canary'\n")
    program.chmod(0o755)
    return tmp_path / "canary"


def test_hooks_do_not_run(shop: Path, canary: Path) -> None:
    repository, tip = worktree(shop).repository, git(shop, "rev-parse", "HEAD")
    (shop / ".git/hooks").mkdir(exist_ok=True)
    (shop / ".git/hooks/reference-transaction").symlink_to(canary.with_name("program"))
    host.update_refs(repository, {"refs/heads/new": (tip, None)})
    assert not canary.exists()
    git(shop, "update-ref", "refs/heads/newer", tip)
    assert canary.exists()


def test_signatures_are_not_looked_at(shop: Path, canary: Path) -> None:
    git(shop, "config", "log.showSignature", "true")
    git(shop, "config", "gpg.program", str(canary.with_name("program")))
    raw = git(shop, "cat-file", "commit", "HEAD").replace("\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n x\n\n", 1)
    (shop / "raw").write_text(f"{raw}\n")
    signed = git(shop, "hash-object", "-t", "commit", "-w", "raw")
    assert host.only_in(worktree(shop).repository, [signed], [])
    assert not canary.exists()
    git(shop, "log", "-1", signed)
    assert canary.exists()


def test_no_transport_is_open(shop: Path) -> None:
    repository = worktree(shop).repository
    with pytest.raises(ToolError, match="transport 'file' not allowed"):
        host.run(repository, "ls-remote", str(shop))
    assert git(shop, "ls-remote", str(shop))


def test_a_look_writes_nothing(shop: Path) -> None:
    tree, index = worktree(linked(shop)), shop / ".git/worktrees/feature/index"
    os.utime(tree.path / "file", (1, 1))
    before = index.read_bytes()
    checkouts.dirty(tree)
    assert index.read_bytes() == before
    git(tree.path, "status")
    assert index.read_bytes() != before


def test_every_directory_is_pinned(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def look(_args: object, *, env: Mapping[str, str], **_options: Any) -> process.Result:
        seen.update(env)
        return process.Result(0, b"", b"")

    tree = worktree(linked(shop))
    monkeypatch.setattr(process, "run", look)
    host.run_in(tree, "status")
    places = (shop / ".git/worktrees/feature", shop / ".git", tree.path)
    assert seen == dict(zip(("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE"), map(str, places), strict=True))


def test_a_submodule_is_not_entered(shop: Path, canary: Path) -> None:
    tree = worktree(linked(shop))
    git(tree.path, "init", "--quiet", "sub")
    commit(tree.path / "sub")
    git(tree.path, "-c", "advice.addEmbeddedRepo=false", "add", "sub")
    git(tree.path, "commit", "--quiet", "--message=sub")
    # Not fsmonitor, which our own git passes on to be off there, too.
    git(tree.path / "sub", "config", "filter.x.clean", str(canary.with_name("program")))
    (tree.path / "sub/.git/info").mkdir(exist_ok=True)
    (tree.path / "sub/.git/info/attributes").write_text("* filter=x\n")
    os.utime(tree.path / "sub/file", (1, 1))
    checkouts.dirty(tree)
    assert not canary.exists()
    git(tree.path, "status")
    assert canary.exists()


def test_a_fifo_that_git_reads_does_not_keep_us_for_ever(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = worktree(linked(shop))
    monkeypatch.setattr(checkouts, "_PATIENCE", 1)
    assert checkouts.dirty(tree) == ()
    os.mkfifo(tree.path / ".gitignore")
    with pytest.raises(ToolError, match="took longer than 1 s"):
        checkouts.dirty(tree)


def test_the_container_that_serves_an_import_has_nothing_else(tmp_path: Path) -> None:
    words = docker.upload_pack_stopped("image", tmp_path / "repo.git", tmp_path / "objects", (7, 8))
    options = {"--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=7:8"}
    assert {*options, "--memory=1g", "--pids-limit=64"} <= set(words)
    mounts = [word for word in words if word.startswith("--mount=")]
    assert len(mounts) == 2 and all(mount.endswith(",readonly") for mount in mounts)


def test_the_sandbox_is_mounted_and_limited_as_it_should(tmp_path: Path) -> None:
    data = yaml.safe_load((render(tmp_path) / "compose.wt.yml").read_text())
    app, tmp = data["services"]["app"], data["volumes"]["tmp"]
    kinds = {mount["target"]: (mount["type"], mount.get("read_only", False)) for mount in app["volumes"]}
    fixed = {"/wt/objects", "/wt/lfs", "/wt/host.git", "/wt/host.git/refs"}
    fixed |= {"/app/.devcontainer", "/app/.vscode", "/app/.idea", "/app/infra"}
    assert {target for target, kind in kinds.items() if kind == ("bind", True)} == fixed
    assert kinds["/app/.git"] == ("bind", "${WT_DOT_GIT_RO:-true}")
    assert kinds["/app/.claude-docker"] == kinds["/app/trees"] == ("tmpfs", True)
    writable = {target for target, kind in kinds.items() if kind == ("bind", False)}
    assert writable == {"/app", "/wt/repo.git", "/home/vscode/.claude-docker"}
    binds = [mount for mount in app["volumes"] if mount["type"] == "bind"]
    assert all(mount.get("bind") == {"create_host_path": False} for mount in binds)
    assert (app["init"], app["pids_limit"], app["mem_limit"]) == (True, "${WT_PIDS:-4096}", "${WT_MEMORY:-8g}")
    assert app["user"] == "${WT_UID:-1000}:${WT_GID:-1000}"
    assert app["memswap_limit"] == app["mem_limit"] and app["depends_on"] == ["guard"]
    assert limited(app)
    options = set(tmp["driver_opts"]["o"].split(","))
    assert options == {"mode=1777", "nosuid", "nodev", "nr_inodes=65536", "size=${WT_TMP:-1g}"}
    assert (tmp["driver_opts"]["type"], tmp["driver_opts"]["device"]) == ("tmpfs", "tmpfs")
    assert tmp["name"] == "${COMPOSE_PROJECT_NAME:-unprepared}_tmp-${WT_TMP:-1g}" and tmp["labels"]
    assert {"type": "volume", "source": "tmp", "target": "/tmp", "volume": {"nocopy": True}} in app["volumes"]
    assert app["environment"]["BASH_ENV"] == "/etc/wt/security-harden.sh"


def limited(service: Mapping[str, Any]) -> bool:
    """Whether its open files and its log are."""
    log = {"driver": "local", "options": {"max-size": "10m", "max-file": "3"}}
    return bool(service["ulimits"] == {"nofile": {"soft": 16384, "hard": 16384}} and service["logging"] == log)


def test_the_guard_is_mounted_and_limited_as_it_should(tmp_path: Path) -> None:
    guard = yaml.safe_load((render(tmp_path) / "compose.wt.yml").read_text())["services"]["guard"]
    mounts = {mount["target"]: (mount["type"], mount.get("read_only", False)) for mount in guard["volumes"]}
    assert mounts == {"/host": ("bind", True), "/view": ("bind", False), "/tmp": ("volume", False)}
    assert (guard["network_mode"], guard["read_only"], guard["init"]) == ("none", True, True)
    assert (guard["pids_limit"], guard["mem_limit"], guard["cap_drop"]) == (32, "64m", ["ALL"])
    assert guard["memswap_limit"] == "64m" and limited(guard)
    assert guard["shm_size"] == "64k"
    health, command = guard["healthcheck"], guard["entrypoint"]
    assert (health["interval"], health["timeout"], health["retries"]) == ("30s", "30s", 2)
    assert health["test"][:3] == ["CMD", "perl", "-e"] and "> 30)" in health["test"][3]
    assert command[:2] == ["perl", "-e"] and guard["restart"] == "on-failure"
    source = resources.files("wt").joinpath("templates", "guard.pl").read_text(encoding="utf-8")
    assert command[2].replace("$$", "$") == source.rstrip()
    assert "$" not in command[2].replace("$$", "")
    assert guard["security_opt"] == ["no-new-privileges:true"] and guard["user"] == "${WT_UID:-1000}:${WT_GID:-1000}"


def test_the_docker_proxy_is_mounted_and_limited_as_it_should(tmp_path: Path) -> None:
    services = yaml.safe_load((render(tmp_path) / "compose.wt.yml").read_text())["services"]
    proxy = services["docker-proxy"]
    mounts = {mount["target"]: (mount["type"], mount.get("read_only", False)) for mount in proxy["volumes"]}
    assert mounts == {"/var/run/docker.sock": ("bind", True), "/run/docker-api": ("volume", False)}
    assert not proxy["volumes"][0]["bind"]["create_host_path"]
    assert (proxy["network_mode"], proxy["read_only"], proxy["init"]) == ("none", True, True)
    assert (proxy["pids_limit"], proxy["mem_limit"], proxy["cap_drop"]) == (32, "128m", ["ALL"])
    assert proxy["memswap_limit"] == "128m" and limited(proxy)
    assert proxy["security_opt"] == ["no-new-privileges:true"] and proxy["tmpfs"] == ["/run:size=64k"]
    assert proxy["user"] == "root"
    inside = {mount["target"]: mount.get("read_only") for mount in services["app"]["volumes"]}
    assert inside["/run/docker-api"] is True


def test_rights_are_given_back_to_what_was_looked_at_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "looked-at").touch()
    (tmp_path / "other").touch(mode=0o400)
    seen = (tmp_path / "looked-at").lstat()
    monkeypatch.setattr(Path, "lstat", lambda _path: seen)
    hostile.give_back(tmp_path / "other")
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o400
    monkeypatch.undo()
    hostile.give_back(tmp_path / "other")
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o600


def test_a_fetch_brings_what_was_asked_for_and_starts_nothing(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def run(_repository: object, *words: str, **_options: object) -> process.Result:
        seen.extend(words)
        return process.Result(0, b"", b"")

    monkeypatch.setattr(host, "run", run)
    host.fetch(worktree(shop).repository, ["x"], ["1" * 40], shop / ".git/incoming", seconds=1, max_bytes=1)
    assert {"--no-tags", "--no-auto-gc", "--no-recurse-submodules"} <= set(seen)


def test_of_what_docker_holds_only_what_wt_labels_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's own run of a sandbox's image, and what was made of one, have its labels too."""
    asked: list[tuple[str, ...]] = []
    role = {naming.LABEL_ROLE: "sandbox"}
    composed = role | {docker.PROJECT: "x", "com.docker.compose.service": "app"}
    containers = {
        "composed": composed | {docker.NUMBER: "1"},
        "run": composed,
        "import": {naming.LABEL_ROLE: "import"},
    }
    images = {"built": (["x-app:latest"], composed), "tagged": (["mine:1"], composed), "old": ([], composed)}
    images["committed"] = ([], composed | {docker.NUMBER: "1"})
    found: dict[str, list[dict[str, Any]]] = {
        "container": [
            {"Id": name, "Name": name, "Image": "", "Mounts": [], "State": {"Status": "exited"}, "Created": ""}
            | {"Config": {"Labels": labels}}
            for name, labels in containers.items()
        ],
        "image": [
            {"Id": name, "RepoTags": tags, "Created": "", "Config": {"Labels": labels}}
            for name, (tags, labels) in images.items()
        ],
        "volume": [],
        "network": [],
    }

    def ask(kind: str, *words: str, **_options: bool) -> str:
        asked.append((kind, *words))
        names = " ".join(each["Id"] for each in found[kind])
        return names if words[0] == "ls" else json.dumps(found[kind])

    monkeypatch.setattr(docker, "ask", ask)
    monkeypatch.setattr(docker, "containers", tuple)
    assert {each.id for each in inventory.holdings()} == {"composed", "import", "x-app:latest", "old"}
    listed = [words for words in asked if "ls" in words]
    assert len(listed) == 4 and all(words[-2:] == ("--filter", "label=wt.role") for words in listed)
