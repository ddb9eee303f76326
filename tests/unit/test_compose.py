"""What wt makes of what compose says."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unit.nouns import container
from wt import compose, docker, process
from wt.errors import WtError
from wt.model import ComposeProject

PROJECT = ComposeProject("shop-shared", (Path("x.yml"),), Path(".env"), Path())
DB = replace(container("shop-shared"), service="db")


@pytest.mark.parametrize("status", ["Up 3 seconds (health: starting)", "Up 3 seconds (unhealthy)", "Exited (1)"])
def test_services_are_looked_at_though_compose_says_that_all_is_well(
    monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    state = "exited" if status.startswith("Exited") else "running"
    for name in ("require_versions", "resume", "last_lines"):
        monkeypatch.setattr(docker, name, lambda *_: [])
    monkeypatch.setattr(compose, "_let_recover", lambda *_: None)
    monkeypatch.setattr(compose, "_run", lambda *_: None)
    for seen, well in (
        (replace(DB, status="Up 3 seconds (healthy)"), True),
        (replace(DB, state=state, status=status), False),
    ):
        monkeypatch.setattr(docker, "containers", lambda *, project, found=(seen,): found)
        if well:
            compose.up_and_wait(PROJECT, ["db"], print, seconds=3, recreate=False)
            continue
        with pytest.raises(WtError, match="the shared services of shop-shared are not healthy"):
            compose.up_and_wait(PROJECT, ["db"], print, seconds=3, recreate=False)


def test_compose_is_told_project_directory_and_values_and_inherits_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the files would choose the project, `.env` of the current directory the values, or the user's shell."""
    seen: list[tuple[list[str], set[str]]] = []

    def follow(words: Sequence[str], *, without: Collection[str] = ()) -> Iterator[bytes]:
        seen.append((list(words), set(without)))
        yield from ()

    def run(words: Sequence[str], *, env: Mapping[str, str | None] | None = None, **_options: Any) -> process.Result:
        seen.append((list(words), {name for name, value in (env or {}).items() if value is None}))
        return process.Result(0, b"{}", b"")

    monkeypatch.setattr(docker, "require_versions", lambda: None)
    monkeypatch.setattr(process, "follow", follow)
    monkeypatch.setattr(process, "run", run)
    (tmp_path / ".env").write_text("PATH=/evil\nHOME=/evil\nWT_GIT_DIR=/x\nAPP=1\n")
    project = ComposeProject("feature-1", (tmp_path / "a.yml", tmp_path / "b.yml"), tmp_path / ".env", tmp_path / "d")
    compose.build(project, print)
    compose.resolved(project)
    options = f"--project-name feature-1 --project-directory {tmp_path}/d --env-file {tmp_path}/.env"
    expected = ["docker", "compose", *options.split(), "--file", f"{tmp_path}/a.yml", "--file", f"{tmp_path}/b.yml"]
    assert [(words[: len(expected)], dropped) for words, dropped in seen] == [(expected, {"WT_GIT_DIR", "APP"})] * 2


def test_logs_are_asked_for_where_no_agent_s_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\npwd\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    assert list(compose.logs("feature-1", (), follow=False, tail="all")) == [b"/\n"]
