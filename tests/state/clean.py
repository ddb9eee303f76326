"""A machine without anybody's configuration, for commands that run in this very process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wt import process

GITCONFIG = "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"


@contextmanager
def machine(home: Path) -> Iterator[None]:
    """For the block, with this home directory."""
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
