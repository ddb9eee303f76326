"""What the page of files says of a tracked file that is deleted happens: refused at first, then as the table has it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from unit.repos import commit, git, initialised, worktree, wt
from unit.test_reference import literals, rows
from unit.test_trust import context
from wt import config, observe, sources
from wt.commands import agent, up
from wt.commands import exec as entrance

HEADING = "## In the worktree, tracked by git"
PAGE = {literals(row[0])[0]: row[2] for row in rows("files.md", HEADING)}
NO_ENGINE = 4


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shop = initialised(tmp_path_factory.mktemp("kept") / "shop")
    with (shop / ".devcontainer/wt.toml").open("a") as file:
        file.write('\n[limits]\nmemory = "3g"\n')
    commit(shop)
    return shop


@pytest.fixture
def shop(kept: Path, tmp_path: Path) -> Path:
    """A repository with limits of its own, whose `.devcontainer` was approved."""
    path = Path(shutil.copytree(kept, tmp_path.resolve() / "shop", symlinks=True))
    wt(path, "prepare", code=NO_ENGINE)
    return path


def no_editor(shop: Path) -> None:
    assert ".devcontainer" not in wt(shop, "prepare", code=NO_ENGINE).stderr
    assert "would write .devcontainer/devcontainer.json" in wt(shop, "init").stdout


def no_sandbox(shop: Path) -> None:
    done = wt(shop, "prepare", code=2)
    assert "there is no .devcontainer/docker-compose.yml" in done.stderr and "wt init --upgrade" in done.stderr


def no_image(shop: Path) -> None:
    wt(shop, "prepare", code=NO_ENGINE)
    service = sources.read((shop / ".devcontainer/docker-compose.yml").read_text())["services"]["app"]
    assert service["build"] == {"context": "."}, "docker builds the Dockerfile that is there"


def no_shared_services(shop: Path) -> None:
    wt(shop, "prepare", code=NO_ENGINE)
    assert observe.shared_services(worktree(shop), config.load(shop)) == ()
    assert "postgres" not in (shop / ".devcontainer/.env").read_text()


def no_prompt(shop: Path) -> None:
    def running(*_: object) -> str:
        return "container"

    def lines(_context: object, _tree: object, _container: object, words: list[str]) -> None:
        raise AssertionError(words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(up, "running", running)
        patch.setattr(entrance, "lines", lines)
        with pytest.raises(AssertionError, match=agent.INSTALLED) as raised:
            agent.run(context(shop), None, [])
    assert agent.PROMPT not in str(raised.value)


def defaults(shop: Path) -> None:
    assert "WT_MEMORY='3g'" in (shop / ".devcontainer/.env").read_text()
    wt(shop, "prepare", code=NO_ENGINE)
    assert f"WT_MEMORY='{config.Limits().memory}'" in (shop / ".devcontainer/.env").read_text()


def init_needed(shop: Path) -> None:
    done = wt(shop, "prepare", code=2)
    assert "there is no .devcontainer/compose.wt.yml" in done.stderr and "hint: wt init writes it" in done.stderr


def shown_by_git(shop: Path) -> None:
    assert "?? .claude-docker/" in git(shop, "status", "--porcelain").splitlines()


THEN: dict[str, Callable[[Path], None]] = {
    ".devcontainer/devcontainer.json": no_editor,
    ".devcontainer/docker-compose.yml": no_sandbox,
    ".devcontainer/Dockerfile": no_image,
    ".devcontainer/docker-compose.shared.yml": no_shared_services,
    ".devcontainer/container-prompt.md": no_prompt,
    ".devcontainer/wt.toml": defaults,
    ".devcontainer/compose.wt.yml": init_needed,
    ".gitignore": shown_by_git,
}


def test_every_tracked_file_of_the_page_is_deleted_here() -> None:
    assert PAGE.keys() == THEN.keys()
    text = (Path(__file__).parents[2] / "docs/reference/files.md").read_text()
    above = " ".join(text.partition(f"{HEADING}\n")[2].partition("\n| path")[0].split())
    assert "refused first, with exit code 3" in above and "so after `wt trust`" in above


@pytest.mark.parametrize("path", THEN)
def test_a_tracked_file_that_is_deleted(shop: Path, path: str) -> None:
    (shop / path).unlink()
    if path.startswith(".devcontainer/"):
        done = wt(shop, "prepare", code=3)
        assert f"gone: {path.removeprefix('.devcontainer/')}" in done.stderr and "wt trust shop" in done.stderr
        wt(shop, "trust", "--yes")
    THEN[path](shop)


@pytest.mark.parametrize("setting", ['protect = ["infra"]', "docker_api = false"])
def test_without_wt_toml_what_was_written_for_it_is_not_forgotten(shop: Path, setting: str) -> None:
    place = shop / ".devcontainer/wt.toml"
    place.write_text(f"{setting}\n")
    wt(shop, "init", "--upgrade")
    place.unlink()
    wt(shop, "trust", "--yes")
    assert "hint: wt init --upgrade writes it again" in wt(shop, "prepare", code=3).stderr


@pytest.mark.parametrize("path", THEN)
def test_a_tracked_file_that_is_deleted_is_written_again_by_an_upgrade(shop: Path, path: str) -> None:
    (shop / path).unlink()
    assert f"wrote {path}" in wt(shop, "init", "--upgrade").stdout.splitlines()
    assert (shop / path).is_file()
