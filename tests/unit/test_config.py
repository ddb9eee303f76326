"""wt.toml: everything optional, nothing misspelt."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

from wt import config
from wt.config import Config, Import, Limits, Shared
from wt.errors import UsageError

EVERY_KEY = """
network = "net"
worktree_dir = "/trees/{name}"
ca_bundle = "ca.pem"
node_modules = [".", "packages/a"]
protect = ["infra"]
hide = [".trees"]
shared = {file = "services.yml", wait = 5}
limits = {memory = "4G", pids = 100, tmp = "512m"}
import = {max_size = "3k", seconds = 9}
"""


def load(root: Path, text: str) -> Config:
    (root / ".devcontainer").mkdir(exist_ok=True)
    (root / ".devcontainer/wt.toml").write_text(text)
    return config.load(root)


def test_without_a_file_everything_is_default(tmp_path: Path) -> None:
    assert config.load(tmp_path) == load(tmp_path, "") == Config()


def test_every_key_is_read(tmp_path: Path) -> None:
    shared, limits, limit = Shared("services.yml", 5), Limits("4G", 100, "512m"), Import("3k", 9)
    expected = Config(
        "net", "/trees/{name}", "ca.pem", (".", "packages/a"), ("infra",), (".trees",), shared, limits, limit
    )
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
        ("[import]\nmax = 1", "import.max", "there are: max_size"),
        ("[import_]\nseconds = 1", "import_", "there are: "),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path: Path, text: str, named: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"{named} is not known") as caught:
        load(tmp_path, text)
    assert hint in (caught.value.hint or "")


WRONG = """network = 1 | network = "" | limits = 1 | limits.pids = 0 | limits.pids = true | limits.pids = "10" |
limits.memory = "8" | limits.memory = "0g" | limits.tmp = "1g,exec" | import.max_size = "lots" | node_modules = "." |
protect = [1] | protect = ["../other"] | protect = ["/etc"] | protect = [""] | node_modules = ["a\\nb"] |
shared.wait = -1 | shared.file = "/etc/services.yml" | not toml | network = "a"""


@pytest.mark.parametrize("text", [each.strip() for each in WRONG.split("|")])
def test_a_value_that_is_not_allowed_is_a_usage_error_with_the_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"\.devcontainer/wt\.toml"):
        load(tmp_path, text)


def test_the_ca_bundle_of_the_environment_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ca.pem", "other.pem"):
        (tmp_path / name).write_text("")
    assert config.ca_bundle(Config(), tmp_path) is None
    assert config.ca_bundle(Config(ca_bundle="ca.pem"), tmp_path) == tmp_path / "ca.pem"
    monkeypatch.setenv("WT_CA_BUNDLE", str(tmp_path / "other.pem"))
    assert config.ca_bundle(Config(ca_bundle="ca.pem"), tmp_path) == tmp_path / "other.pem"
    monkeypatch.setenv("WT_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(UsageError, match=r"WT_CA_BUNDLE names .*none\.pem"):
        config.ca_bundle(Config(ca_bundle="ca.pem"), tmp_path)
