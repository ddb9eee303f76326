"""What is mounted into a sandbox, or written for it, replaced by something else: nothing outside is reached."""

import os
import shutil
from pathlib import Path

import pytest

from unit.repos import WORKSPACES, git, initialised, linked
from unit.test_trust import context, refused
from wt.commands import prepare, up
from wt.errors import EngineError, Refused, WtError

DIRECTORIES = [
    ".claude-docker",
    ".devcontainer",
    ".vscode",
    ".idea",
    "node_modules",
    "packages/a/node_modules",
    "infra",
]
FILES = [".claude-docker/.claude.json", ".claude-docker/.bash_history", ".devcontainer/.env", ".devcontainer/wt.toml"]
FILES += [".devcontainer/docker-compose.yml", ".devcontainer/compose.wt.yml", ".env"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("kept")
    shop = initialised(top / "shop", WORKSPACES | {".devcontainer/wt.toml": 'protect = ["infra"]\n'})
    feature = linked(shop)
    assert refused(feature) is None
    (top / "outside").mkdir()
    (top / "outside/canary").write_text("alive\n")
    return top


@pytest.fixture
def feature(kept: Path) -> Path:
    """A worktree that was prepared; beside it lies what nothing may reach."""
    # At the same place each time: a worktree and its repository know each other by their paths.
    before = kept.with_name(f"{kept.name}-before")
    if not before.exists():
        shutil.copytree(kept, before, symlinks=True)
    shutil.rmtree(kept)
    shutil.copytree(before, kept, symlinks=True)
    return kept / "feature"


def replaced(path: Path, how: str, outside: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    match how:
        case "link":
            path.symlink_to(outside)
        case "link to a file":
            path.symlink_to(outside / "canary")
        case "dangling":
            path.symlink_to(outside / "made")
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()


@pytest.mark.parametrize("how", ["link", "link to a file", "dangling", "fifo"])
@pytest.mark.parametrize("path", DIRECTORIES + FILES)
def test_what_has_the_place_of_something_else_is_refused(feature: Path, path: str, how: str) -> None:
    outside = feature.parent / "outside"
    replaced(feature / path, how, outside)
    stops(feature)
    assert {each.name: each.read_text() for each in outside.iterdir()} == {"canary": "alive\n"}


def stops(place: Path) -> None:
    with pytest.raises(WtError) as caught:
        prepare.run(context(place))
    assert caught.value.exit_code in {2, 3}, caught.value


@pytest.mark.parametrize("path", FILES)
def test_a_directory_in_the_place_of_a_file_is_refused(feature: Path, path: str) -> None:
    replaced(feature / path, "directory", feature)
    stops(feature)


def test_the_worktree_s_own_directory_is_no_symlink(feature: Path) -> None:
    moved = feature.rename(feature.with_name("moved"))
    feature.symlink_to(moved)
    stops(feature)


def test_a_plain_write_would_have_changed_what_lies_outside(feature: Path) -> None:
    outside = feature.parent / "outside"
    replaced(feature / ".claude-docker/.claude.json", "link to a file", outside)
    (feature / ".claude-docker/.claude.json").write_text("{}\n")
    assert (outside / "canary").read_text() == "{}\n"


@pytest.mark.parametrize("text", [None, "A=1\n"])
def test_a_root_env_can_be_protected_and_is_made_as_a_file_where_it_is_absent(tmp_path: Path, text: str | None) -> None:
    """A directory in its place would be refused by the next start."""
    shop = initialised(tmp_path / "shop", {".devcontainer/wt.toml": 'protect = [".env"]\n'})
    if text is not None:
        (shop / ".env").write_text(text)
    for _ in range(2):
        assert refused(shop) is None
        assert (shop / ".env").read_text() == (text or "")
    assert 'target: "/app/.env", read_only: true' in (shop / ".devcontainer/compose.wt.yml").read_text()


@pytest.mark.parametrize("swap", [False, True], ids=["as it was", "swapped"])
def test_a_worktree_inside_another_is_not_reached_through_a_symlink_of_that_one_s(feature: Path, *, swap: bool) -> None:
    """The sandbox around it could put another directory in the way, whose content it chose."""
    shop = feature.parent / "shop"
    git(shop, "worktree", "add", "--quiet", "-b", "inner", "trees/inner")
    if swap:
        shutil.copytree(shop / "trees", shop / "planted", symlinks=True)
        (shop / "trees").rename(shop / "aside")
        (shop / "trees").symlink_to("planted")
    with pytest.raises(Refused if swap else EngineError) as caught:
        up.run(context(shop), ["inner"], wait=False)
    assert ("symlink" in caught.value.message) == swap
