"""Where the engine has its socket, by docker's own files."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from wt import contexts


@pytest.fixture(autouse=True)
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def context(place: Path, name: str, host: str) -> None:
    meta = place / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))


def test_without_docker_files_it_is_where_engines_have_it(tmp_path: Path) -> None:
    assert contexts.socket(tmp_path) == "/var/run/docker.sock"


def test_docker_goes_by_address_then_name_then_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        context(tmp_path / ".docker", name, f"unix:///run/{name}.sock")
    (tmp_path / ".docker/config.json").write_text('{"currentContext": "one"}')
    assert contexts.host(tmp_path) == "unix:///run/one.sock"
    monkeypatch.setenv("DOCKER_CONTEXT", "two")
    assert contexts.socket(tmp_path) == "/run/two.sock"
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/three.sock")
    assert contexts.socket(tmp_path) == "/run/three.sock"


def test_another_directory_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context(tmp_path / "elsewhere", "one", "unix:///run/user/1000/docker.sock")
    (tmp_path / "elsewhere/config.json").write_text('{"currentContext": "one"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "elsewhere"))
    assert contexts.socket(tmp_path) == "/run/user/1000/docker.sock"


@pytest.mark.parametrize(
    "host", ["ssh://me@there", "tcp://127.0.0.1:1", "unix:///home/me/.docker/desktop/docker.sock", "npipe:////./pipe/x"]
)
def test_an_engine_elsewhere_has_it_in_the_usual_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert contexts.socket(tmp_path) == "/var/run/docker.sock"


def test_elsewhere_than_on_linux_the_engine_is_in_a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("DOCKER_HOST", "unix:///Users/me/.orbstack/run/docker.sock")
    assert contexts.socket(tmp_path) == "/var/run/docker.sock"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"currentContext": "gone"}', '{"currentContext": 7}', "\0"])
def test_files_that_are_none_are_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(text)
    assert contexts.socket(tmp_path) == "/var/run/docker.sock"
