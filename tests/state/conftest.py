"""What the tests of sequences share: a machine without anybody's configuration, and a repository to copy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from state import clean
from state.memory import IMAGE
from state.world import template


@pytest.fixture(scope="package", autouse=True)
def clean_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with clean.machine(tmp_path_factory.mktemp("home")):
        yield


@pytest.fixture(scope="package")
def original(clean_machine: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that every world is a copy of."""
    return template(tmp_path_factory.mktemp("original") / "shop", IMAGE)
