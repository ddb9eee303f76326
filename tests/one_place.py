"""What all tests share, in one process or several: a directory that every account can read, gone at the end."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

SHARED = pytest.StashKey[Path]()
_KEY = "shared"


def pytest_configure(config: pytest.Config) -> None:
    """Make the directory, or take the one of the process that started this one."""
    given = getattr(config, "workerinput", {}).get(_KEY)
    config.stash[SHARED] = Path(given or tempfile.mkdtemp(prefix="wt-e2e."))
    if given is None:
        config.stash[SHARED].chmod(0o755)
        config.add_cleanup(lambda: shutil.rmtree(config.stash[SHARED], ignore_errors=True))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process that is about to run some of the tests where the directory is."""
    node.workerinput[_KEY] = str(node.config.stash[SHARED])


@pytest.fixture(scope="session")
def shared(pytestconfig: pytest.Config) -> Path:
    """A directory that every account can read and all processes of this run share."""
    return pytestconfig.stash[SHARED]
