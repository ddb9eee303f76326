"""wt.toml: everything optional, nothing misspelt."""

import dataclasses
import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from wt import config
from wt.config import Agent, Allow, Config, Import, Limits, Shared
from wt.errors import Refused, UsageError, WtError

EVERY_KEY = """
network = "net"
worktree_dir = "/trees/{name}"
ca_bundle = "ca.pem"
node_modules = [".", "packages/a"]
protect = ["infra"]
hide = [".trees"]
docker_api = false
shared = {file = "services.yml", wait = 5}
limits = {memory = "4G", pids = 100, tmp = "512m"}
import = {max_size = "3k", seconds = 9}
agent = {command = "claude --model opus", version = ""}
"""


def load(root: Path, content: str | bytes) -> Config:
    (root / ".devcontainer").mkdir(exist_ok=True)
    (root / ".devcontainer/wt.toml").write_bytes(content.encode() if isinstance(content, str) else content)
    return config.load(root)


def test_without_a_file_everything_is_default(tmp_path: Path) -> None:
    assert config.load(tmp_path) == load(tmp_path, "") == Config()


def test_every_key_is_read(tmp_path: Path) -> None:
    shared, limits, limit = Shared("services.yml", 5), Limits("4G", 100, "512m"), Import("3k", 9)
    paths = ((".", "packages/a"), ("infra",), (".trees",))
    agent = Agent("claude --model opus", "")
    expected = Config("net", "/trees/{name}", "ca.pem", *paths, False, shared, limits, limit, agent)
    assert load(tmp_path, EVERY_KEY) == expected
    assert limit.max_bytes == 3 * 1024


def test_the_template_shows_every_key_with_its_default() -> None:
    text = (Path(config.__file__).parent / "templates/node/wt.toml").read_text()
    shown = tomllib.loads("\n".join(line.removeprefix("# ") for line in text.splitlines()[2:]))
    assert config.parse(shown) == Config(node_modules=(".", "packages/a"))
    assert len(shown) == len(dataclasses.fields(Config))


@pytest.mark.parametrize(
    ("text", "named", "hint"),
    [
        ('netwrok = "x"', "netwrok", "did you mean network?"),
        ("[limits]\nmemroy = '1g'", "limits.memroy", "did you mean limits.memory?"),
        ("[import]\nx = 1", "import.x", "there are: import.max_size, import.seconds"),
        ("[import_]\nseconds = 1", "import_", "did you mean [import]?"),
        ("[limit]\nmemory = '1g'", "limit", "did you mean [limits]?"),
        ("memory = '1g'", "memory", "did you mean limits.memory?"),
        ("x = 1", "x", "there are: "),
        ("[agent]\nverison = '1.2.3'", "agent.verison", "did you mean agent.version?"),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path: Path, text: str, named: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"{named} is not known") as caught:
        load(tmp_path, text)
    assert hint in (caught.value.hint or "")


KEYS: dict[str, tuple[str, list[Any]]] = {
    "network": ("docker network", ["host", "none", "bridge", "", "a b", "-x", "a/b", "container:x", "é", "n" * 129]),
    "worktree_dir": (
        "{name}",
        [
            "",
            "x",
            "{parent}",
            "{nmae}/{name}",
            "{name",
            "{}{name}",
            "{name!r}",
            "{name.x}{name}",
            "{name}/{repository}",
            "{name}/{name}",
        ],
    ),
    "ca_bundle": ("PEM file", ["a\nb", "a\0b"]),
    "node_modules": ("list of paths", [["/x"], [".."], ["a/../b"], [""], ["a\nb"], [".git/x"], ["a/node_modules"]]),
    "protect": (
        "list of paths",
        [["/"], ["."], ["./"], [".."], [""], [".git"], [".GIT/x"], [".devcontainer"], ["a", 1]],
    ),
    "hide": ("list of paths", [["/"], ["."], [".."], [""], [".git/x"], [".devcontainer"]]),
    "docker_api": ("true or false", [0, "true", ""]),
    "shared.file": ("name of a file", ["", "..", "/etc/x.yml", "a/b.yml", "a\nb"]),
    "shared.wait": ("1 to 86400", [0, -1, 86_401, 10**30]),
    "limits.memory": ("k, m or g", ["8", "0g", "-1g", "8gb", "8 g", "1g,exec", "5m", "9" * 30 + "g", "٣g"]),
    "limits.pids": ("1 to 4194304", [0, -1, 4_194_305]),
    "limits.tmp": ("k, m or g", ["", "1k", "1.5g", "1048577g"]),
    "import.max_size": ("k, m or g", ["", "0k", "lots"]),
    "import.seconds": ("1 to 86400", [0, -1, 10**30]),
    "agent.command": ("plain arguments", ["", "-x", "claude; x", "claude '$HOME'", "claude\n", "claude  "]),
    "agent.version": ("a version", ["latest", "2.1", "2.1.3 && x", "2.1.\uff13", " "]),
    **{f"allow.{each.name}": ("a list of names", ["", [""], ["\x1b"], {}]) for each in dataclasses.fields(Allow)},
}
KINDS = ['"10"', '""', "1", "true", "1.5", "inf", "2026-01-01", "[]", "[1]", '["a"]', "[[]]", "{}", "{a = 1}"]
RIGHT: dict[type, set[str]] = {str: set(), int: {"1"}, bool: {"true"}, list: {"[]", '["a"]'}}
FITTING = {
    "network": {'"10"'},
    "shared.file": {'"10"'},
    "ca_bundle": {'"10"', '""'},
    "agent.version": {'""'},
    "agent.command": {'"10"'},
    **{f"allow.{each.name}": {"[]", '["a"]'} for each in dataclasses.fields(Allow)},
}


def keys() -> list[str]:
    of = [(f"{name}.", kind) for name, kind in config._SECTIONS.items()]
    return [f"{prefix}{field.name}" for prefix, kind in of for field in dataclasses.fields(kind)] + [
        field.name for field in dataclasses.fields(Config) if field.name.removesuffix("_") not in config._SECTIONS
    ]


def refusal(root: Path, key: str, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        load(root, f"{key} = {text}\n")
    return caught.value.message


@pytest.mark.parametrize("key", keys())
def test_a_value_of_another_kind_names_file_key_and_what_is_allowed(tmp_path: Path, key: str) -> None:
    section, _, name = key.rpartition(".")
    default = getattr(config._SECTIONS[section]() if section else Config(), name)
    kind = type(default) if isinstance(default, str | int) else list
    for text in KINDS:
        if text not in RIGHT[kind] | FITTING.get(key, set()):
            said = refusal(tmp_path, key, text)
            assert said.startswith(f".devcontainer/wt.toml: {key} must be ") and KEYS[key][0] in said, text


@pytest.mark.parametrize("key", KEYS)
def test_a_value_that_is_not_allowed_names_file_key_and_what_is(tmp_path: Path, key: str) -> None:
    for value in KEYS[key][1]:
        said = refusal(tmp_path, key, json.dumps(value))
        assert said.startswith(f".devcontainer/wt.toml: {key} must be ") and KEYS[key][0] in said, value


@pytest.mark.parametrize("name", config._SECTIONS)
@pytest.mark.parametrize("text", ["1", "[]", '"x"', "[{}]"])
def test_a_section_is_a_table(tmp_path: Path, name: str, text: str) -> None:
    assert f"{name} must be a table, [{name}], not " in refusal(tmp_path, name, text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not toml", "line 1, column 5"),
        (b'network = "a\n', "line 1"),
        (b"\n\nnetwork = \n", "line 3"),
        (b"a = 1\na = 2\n", "line 2"),
        (b"network = 'x'\rprotect = []", "line 1"),
        (b"\n# caf\xe9\n", "is not UTF-8, on line 2"),
        (b"\xff\xfen\0e\0", "is not UTF-8, on line 1"),
        (b"a = " + b"[" * 5_000, "not valid TOML"),
        (b"a = " + b"9" * 5_000, "not valid TOML"),
    ],
)
def test_what_is_no_toml_is_said_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=r"^\.devcontainer/wt\.toml is not ") as caught:
        load(tmp_path, content)
    assert said in caught.value.message


@pytest.mark.parametrize("content", [b"", b"\n", b"# only\n", b'\xef\xbb\xbfnetwork = "dev"', b'network = "dev"\r\n'])
def test_an_empty_file_a_byte_order_mark_and_other_line_ends_are_fine(tmp_path: Path, content: bytes) -> None:
    assert load(tmp_path, content) == Config()


def test_a_file_of_ten_megabytes_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"wt\.toml is larger than 1 MiB"):
        load(tmp_path, b"#\n" * 5_000_000)


def test_a_path_that_is_there_twice_is_one(tmp_path: Path) -> None:
    assert load(tmp_path, 'protect = ["a", "./a/", "b"]').protect == ("a", "b")
    assert load(tmp_path, 'node_modules = [".", "./", "a"]').node_modules == (".", "a")


CERTIFICATE = "-----BEGIN CERTIFICATE-----\n"


def test_the_ca_bundle_of_the_environment_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".devcontainer").mkdir()
    for name in ("ca.pem", "other.pem"):
        (tmp_path / ".devcontainer" / name).write_text(CERTIFICATE)
    wanted = Config(ca_bundle=".devcontainer/ca.pem")
    assert config.ca_bundle(Config(), tmp_path) is None
    assert config.ca_bundle(wanted, tmp_path) == tmp_path / ".devcontainer/ca.pem"
    monkeypatch.setenv("WT_CA_BUNDLE", str(tmp_path / ".devcontainer/other.pem"))
    assert config.ca_bundle(wanted, tmp_path) == tmp_path / ".devcontainer/other.pem"
    monkeypatch.setenv("WT_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(UsageError, match=r"WT_CA_BUNDLE names .*none\.pem"):
        config.ca_bundle(Config(ca_bundle="ca.pem"), tmp_path)


def test_a_ca_bundle_is_none_that_the_sandbox_could_replace_by_a_link(tmp_path: Path) -> None:
    root, alias = tmp_path / "shop", tmp_path / "alias"
    (root / "certs").mkdir(parents=True)
    (root / "certs/ca.pem").write_text(CERTIFICATE)
    alias.symlink_to(root)
    for wanted in ("certs/ca.pem", f"{alias}/certs/ca.pem", "../alias/certs/ca.pem"):
        with pytest.raises(Refused, match="the sandbox could replace"):
            config.ca_bundle(Config(ca_bundle=wanted), root)
        protected = Config(ca_bundle=wanted, protect=("certs",))
        assert config.ca_bundle(protected, root) == root / "certs/ca.pem"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("none.pem", "not a file"),
        (".", "not a file"),
        ("~nobody/ca.pem", "not a file"),
        ("n" * 300, "can't be read: File name too long"),
        ("/dev/null", "not a file"),
        ("empty.pem", "no certificate"),
        ("../key.pem", "no certificate"),
        ("link.pem", "symlink"),
        ("linked/key.pem", "symlink"),
    ],
)
def test_a_ca_bundle_that_is_none(tmp_path: Path, wanted: str, said: str) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "empty.pem").touch()
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    (root / "link.pem").symlink_to("../key.pem")
    (root / "linked").symlink_to("..")
    with pytest.raises(WtError, match=said) as caught:
        config.ca_bundle(Config(ca_bundle=wanted), root)
    assert caught.value.exit_code == (3 if said == "symlink" else 2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything; test_configuration.py has an ordinary user")
def test_a_ca_bundle_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch(mode=0o000)
    with pytest.raises(UsageError, match="can't be read: Permission denied"):
        config.ca_bundle(Config(ca_bundle=f"{tmp_path}/ca.pem"), tmp_path / "shop")
