"""What the tests of sequences share: a machine without anybody's configuration, and a repository to copy."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from state.world import template
from wt import process

GITCONFIG = "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
IMAGE = "wt-state"

settings.register_profile("wt-state", deadline=None, derandomize=True, database=None, print_blob=True)


@pytest.fixture(scope="package", autouse=True)
def clean_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(GITCONFIG)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GIT_", "COMPOSE_", "WT_", "XDG_")):
                patch.delenv(name)
        patch.setenv("DOCKER_CONFIG", os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker"))
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        # It is over when a command is; here another one comes after it.
        patch.setattr(process, "ignore_signals", lambda: None)
        yield


@pytest.fixture(scope="package")
def original(clean_machine: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that every world is a copy of."""
    return template(tmp_path_factory.mktemp("original") / "shop", IMAGE)
