"""What wt makes of what compose says."""

from dataclasses import replace
from pathlib import Path

import pytest

from unit.nouns import container
from wt import compose, docker
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
