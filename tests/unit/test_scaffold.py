"""The tracked files: valid with and without `.env`, whatever the directories are called."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit.nouns import MAIN, SEEN
from unit.repos import run
from wt import node, plan, scaffold
from wt.config import Agent, Config
from wt.envfile import merge
from wt.errors import Refused, UsageError

ODD = ("we ird", "a$b", "a${b", 'a"b', "it's", "ümlaut", "#x", "a: b", "{x}", "a\\b", "-", "🙂", "@@{store}", "a:b")


def render(root: Path, *packages: str, name: str = "shop") -> Path:
    """The rendered files, in a directory of their own; the project is pnpm's when `root` has its lock file."""
    rendered = scaffold.Project(name, node.package_manager(root), packages or (".",), ("infra",), ("trees",))
    (root / "out").mkdir()
    for file, text in scaffold.render("node", rendered).items():
        (root / "out" / file).write_text(text)
    return root / "out"


def compose(root: Path, *files: str) -> Any:
    chosen = [word for file in files or ("docker-compose.yml", "compose.wt.yml") for word in ("-f", file)]
    return json.loads(run(["docker", "compose", "-p", "x", *chosen, "config", "--format", "json"], root).stdout)


def devcontainer(root: Path) -> Any:
    return json.loads(re.sub(r"^\s*//.*$", "", (root / "devcontainer.json").read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("lock", ["package-lock.json", "pnpm-lock.yaml"])
def test_every_file_is_rendered_and_parses(tmp_path: Path, lock: str) -> None:
    (tmp_path / lock).touch()
    out = render(tmp_path)
    assert [file.name for file in out.iterdir() if "@@" in file.read_text()] == []
    assert [file.name for file in out.glob("*.yml") if not yaml.safe_load(file.read_text())["services"]] == []
    assert devcontainer(out)["dockerComposeFile"] == ["docker-compose.yml", "compose.wt.yml"]
    assert ("pnpm@latest" in (out / "Dockerfile").read_text()) is lock.startswith("pnpm")


def test_compose_accepts_the_files_without_env_and_they_make_a_sandbox(tmp_path: Path) -> None:
    out = render(tmp_path)
    app = compose(out)["services"]["app"]
    assert (app["user"], app["cap_drop"], app["security_opt"]) == ("1000:1000", ["ALL"], ["no-new-privileges:true"])
    assert {"privileged", "ports", "network_mode", "pid", "devices", "cap_add"} & app.keys() == set()
    assert "/var/run/docker.sock" not in json.dumps(app)
    assert compose(out, "docker-compose.shared.yml")["networks"]["dev"]["name"] == "dev"


def test_without_docker_api_nothing_of_it_is_there(tmp_path: Path) -> None:
    project = scaffold.Project("shop", node.package_manager(tmp_path), (".",))
    with_it, without = (scaffold.compose_wt(replace(project, docker_api=wanted)) for wanted in (True, False))
    data = yaml.safe_load(without)
    assert set(data["services"]) == {"app", "guard"} and "docker-" not in without.replace("docker-compose.yml", "")
    more = yaml.safe_load(with_it)
    assert set(more["services"]) - set(data["services"]) == {"docker-proxy"} and "docker_api:" not in with_it
    assert scaffold.read_facts(without).docker_api is False


def test_compose_reads_what_prepare_writes(tmp_path: Path) -> None:
    out = render(tmp_path, ".", "packages/a")
    seen = replace(SEEN, worktree=MAIN, node_version=(".nvmrc", "24"), config=Config(agent=Agent(version="1.2.3")))
    (out / ".env").write_text(merge("", plan.environment(seen, "dev-1")))
    got = compose(out)
    app = got["services"]["app"]
    arguments = app["build"]["args"]
    assert (app["user"], arguments["NODE_VERSION"], arguments["WT_AGENT_VERSION"]) == ("501:20", "24", "1.2.3")
    assert got["networks"]["dev"]["name"] == "dev-1"
    binds = {mount["target"]: mount for mount in app["volumes"] if mount["type"] == "bind"}
    assert binds["/app/.git"]["source"] == "/code/shop/.git/wt-sandbox/main/repo.git"
    assert binds["/wt/objects"]["source"] == "/code/shop/.git/objects"
    protected = {"/wt/objects", "/wt/host.git", "/app/.devcontainer", "/app/.vscode", "/app/.idea", "/app/infra"}
    assert {target for target in protected if not binds[target].get("read_only")} == set()
    assert [mount for mount in binds.values() if not mount["source"].startswith("/code/shop")] == []
    assert [mount for mount in binds.values() if mount["bind"].get("create_host_path")] == []


@pytest.mark.parametrize("package", ODD)
def test_packages_of_any_name_are_mounted_where_they_are(tmp_path: Path, package: str) -> None:
    app = compose(render(tmp_path, package))["services"]["app"]
    shown = f"/app/{package}/node_modules".replace("$", "$$")  # as `config` prints a dollar sign
    assert shown in {mount["target"] for mount in app["volumes"]}
    assert shown in app["build"]["args"]["WT_MOUNT_POINTS"].splitlines()


@pytest.mark.parametrize("name", ["true", "null", "007", "1e3", "Ünï côde", 'a"b', "${HOME}", "a\\b"])
def test_repositories_of_any_name_get_valid_files(tmp_path: Path, name: str) -> None:
    out = render(tmp_path, name=name)
    assert devcontainer(out)["name"].startswith(name)
    database = compose(out, "docker-compose.shared.yml")["services"]["postgres"]["environment"]["POSTGRES_DB"]
    assert compose(out)["services"]["app"]["environment"]["DATABASE_URL"].endswith(f"/{database}")


def test_each_package_has_a_volume_of_its_own(tmp_path: Path) -> None:
    packages = (".", "packages/a", "packages-a", "packages/A", "日", "本")
    app = compose(render(tmp_path, *packages))["services"]["app"]
    volumes = [mount["source"] for mount in app["volumes"] if mount["target"].endswith("node_modules")]
    assert len(set(volumes)) == len(packages)


def test_what_lies_around_a_protected_path_can_not_be_renamed(tmp_path: Path) -> None:
    protect, hide = ("a/b/c", "d", "d/e", ".vscode/x/y"), ("f/g", "a/h")
    project = scaffold.Project("shop", node.package_manager(tmp_path), (".",), protect, hide)
    app = yaml.safe_load(scaffold.compose_wt(project))["services"]["app"]
    places = [mount["target"] for mount in app["volumes"] if mount["type"] == "bind" and not mount.get("read_only")]
    assert {place for place in places if place.startswith("/app/")} == {"/app/a", "/app/a/b", "/app/f"}


@pytest.mark.parametrize("package", [".", "packages/a", *ODD])
def test_facts_are_read_back(tmp_path: Path, package: str) -> None:
    text = scaffold.compose_wt(
        scaffold.Project("shop", node.package_manager(tmp_path), (package,), (package,), (package,))
    )
    modules = f"{package}/node_modules".removeprefix("./")
    assert scaffold.read_facts(text) == scaffold.Facts((modules,), (package,), (package,), docker_api=True)


@pytest.mark.parametrize("text", ["", "x-wt: {", "x-wt: []", "x-wt: {}"])
def test_damaged_facts_say_what_to_do(text: str) -> None:
    for head, hint in ((f"{scaffold.HEADER}\n", "wt init --upgrade"), ("", "move it away, then wt init writes it")):
        with pytest.raises(UsageError) as caught:
            scaffold.read_facts(head + text)
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("config", "stale"),
    [
        (Config(protect=("infra",), hide=("trees",)), ""),
        (Config(protect=("infra",)), ""),
        (Config(), "protect"),
        (Config(protect=("infra",), node_modules=("b",)), "node_modules"),
        (Config(protect=("infra",), hide=("other",)), "hide"),
        (Config(protect=("infra",), docker_api=False), "docker_api"),
    ],
)
def test_what_wt_toml_promises_is_in_compose_wt_yml(config: Config, stale: str) -> None:
    facts = scaffold.Facts(("node_modules",), ("infra",), ("trees", "more"), docker_api=True)
    if not stale:
        scaffold.refuse_stale(facts, config)
        return
    with pytest.raises(Refused, match=f"^{stale} in .* differ"):
        scaffold.refuse_stale(facts, config)


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        (("", ""), []),
        (('"service": "app"', '"service": "web"'), ["service"]),
        (('["docker-compose.yml", "compose.wt.yml"]', '["./a.yml", "./compose.wt.yml",]'), []),
        (('["docker-compose.yml", "compose.wt.yml"]', '"docker-compose.yml"'), ["dockerComposeFile"]),
        (("exec wt-sandbox prepare", "echo https://x /* \\\\ */ && wt prepare"), []),
        (("exec wt-sandbox prepare", "true // wt"), ["initializeCommand"]),
        (('"remoteUser": "vscode"', '/* "remoteUser": "vscode" */ "x": 1'), ["remoteUser"]),
        (('"remoteUser"', '"build": {}, "remoteUser"'), ["build"]),
        (("{", "[", 1), list(scaffold._SETTINGS)),
    ],
)
def test_what_a_devcontainer_lacks_is_read_with_its_comments(
    tmp_path: Path, change: tuple[Any, ...], lacking: list[str]
) -> None:
    ours = (render(tmp_path) / "devcontainer.json").read_text()
    found = scaffold.missing_settings(ours.replace(*change), ours)
    assert [line.split('"')[1] for line in found] == lacking


def test_one_line_of_the_dockerfile_begins_with_from(tmp_path: Path) -> None:
    """The devcontainer CLI looks for them in any case, in the programs that the file holds too."""
    lines = (render(tmp_path) / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if re.match(r"\s*from", line, re.IGNORECASE)] == [
        "FROM node:${NODE_VERSION}-trixie-slim"
    ]
