"""What the tests of sequences share: a machine without anybody's configuration, and a repository to copy."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from state import clean, verbs
from state.memory import IMAGE, Memory
from state.world import World, template


@pytest.fixture(scope="package", autouse=True)
def clean_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with clean.machine(tmp_path_factory.mktemp("home")):
        yield


@pytest.fixture(scope="package")
def original(clean_machine: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that every world is a copy of."""
    return template(tmp_path_factory.mktemp("original") / "shop", IMAGE)


@pytest.fixture
def empty_world(original: Path, tmp_path: Path) -> Iterator[World]:
    """Without a worktree, on an engine in memory."""
    engine = Memory([IMAGE])
    with engine.installed():
        world = World.copied(original, tmp_path / "world", engine, Counter())
        yield world
        world.close()


@pytest.fixture
def world(empty_world: World) -> World:
    """With a worktree `x` whose sandbox runs."""
    verbs.run(empty_world, "new", None, name="x", options={})
    return empty_world
