"""No test here sees the machine's git configuration, its variables or its Docker engine."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from unit.repos import repository

GITCONFIG = "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"

settings.register_profile("wt", deadline=None, derandomize=True, database=None, max_examples=80)
settings.load_profile("wt")


@pytest.fixture(scope="package", autouse=True)
def clean_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(GITCONFIG)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GIT_", "COMPOSE_", "WT_", "XDG_")):
                patch.delenv(name)
        patch.setenv("DOCKER_CONFIG", os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker"))
        patch.setenv("DOCKER_HOST", f"unix://{home}/no-engine.sock")
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The main checkout of a repository with one commit."""
    return repository(tmp_path / "shop")
