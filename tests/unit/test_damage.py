"""Damage in a repository: what does not need what is broken works, the rest is one line with what to do about it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from unit.repos import WT, copied, git, initialised, linked, run, wt

NOWHERE = "12" * 20
NO_SERVICES = "wt: this repository has no shared services: .devcontainer/docker-compose.shared.yml "


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialised(tmp_path_factory.mktemp("template") / "shop", {"package.json": "{}"})


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Path:
    """The main checkout of a repository in which `wt init` has run."""
    return copied(template, tmp_path)


def missing_commit(shop: Path) -> None:
    (shop / ".git/refs/heads/ghost").write_text(f"{NOWHERE}\n")


def no_commit(shop: Path) -> None:
    (shop / ".git/refs/heads/ghost").write_text("garbage\n")


def broken_index(shop: Path) -> None:
    (shop / ".git/index").write_text("garbage")


def no_file(shop: Path) -> None:
    (shop / ".devcontainer/docker-compose.shared.yml").unlink()


def no_services(shop: Path) -> None:
    (shop / ".devcontainer/docker-compose.shared.yml").write_text("services: {}\n")


def broken_configuration(shop: Path) -> None:
    (shop / ".git/config").write_text("[core\n")


def broken_packed_refs(shop: Path) -> None:
    (shop / ".git/packed-refs").write_text("garbage\n")


def no_objects(shop: Path) -> None:
    shutil.rmtree(shop / ".git/objects")
    (shop / ".git/objects").mkdir()


ROWS: list[tuple[Callable[[Path], None], str, int, str, str]] = [
    (missing_commit, "new ghost --no-up", 4, "invalid reference: ghost", "git update-ref -d refs/heads/ghost"),
    (missing_commit, "new x --from ghost", 2, "--from 'ghost' is not a commit", "name a branch"),
    (no_commit, "new ghost --no-up", 4, "reference broken", "refs/heads/ghost"),
    *((broken_index, verb, 4, ".git/index: ", "`wt doctor` names the command") for verb in ("prepare", "up")),
    *((no_file, verb, 2, f"{NO_SERVICES}is missing", "`wt init --upgrade`") for verb in ("shared up", "shared status")),
    *((no_services, verb, 2, f"{NO_SERVICES}has none", "add one") for verb in ("shared up", "shared status")),
    *(
        (broken_configuration, verb, 3, "bad config line 1", "mend line 1 of .git/config")
        for verb in ("ls", "new x", "prepare")
    ),
    *((broken_packed_refs, verb, 4, "packed-refs", "fsck") for verb in ("ls", "new x", "prepare")),
    (no_objects, "prepare", 4, "missing object", "fetch its commit"),
]


@pytest.mark.parametrize(("change", "typed", "code", "said", "hint"), ROWS)
def test_what_needs_it_says_what_is_broken_and_what_to_do(
    shop: Path, change: Callable[[Path], None], typed: str, code: int, said: str, hint: str
) -> None:
    change(shop)
    lines = wt(shop, *typed.split(), code=code).stderr.splitlines()
    wrong, todo = ([line for line in lines if line.startswith(mark)] for mark in ("wt: ", "hint: "))
    assert len(wrong) == len(todo) == 1, lines
    assert said in wrong[0] and hint in todo[0], lines


def test_a_branch_whose_commit_is_gone_hides_no_worktree_and_goes_by_the_command(shop: Path) -> None:
    linked(shop, "other")
    tree = linked(shop, "feature")
    (shop / ".git/refs/heads/feature").write_text(f"{NOWHERE}\n")
    missing_commit(shop)
    found = {line.split()[0]: line for line in wt(shop, "ls").stdout.splitlines()[1:]}
    assert found.keys() == {"shop", "other", "feature"}
    assert found["other"].endswith(" s") and found["feature"].endswith("-") and "unreadable" in found["feature"]
    hint = wt(shop, "new", "ghost", "--no-up", code=4).stderr.rpartition(": ")[2].strip()
    run(["sh", "-c", hint], shop)
    assert "Docker is not running" in wt(shop, "new", "ghost", code=4).stderr
    assert tree.is_dir()


def test_the_command_for_a_broken_index_is_the_doctor_s(shop: Path) -> None:
    broken_index(shop)
    found = json.loads(wt(shop, "doctor", "--json", code=1).stdout)["result"]
    (command,) = [each["command"] for each in found if each["state"] == "unreadable"]
    run(["sh", "-c", command], shop)
    assert "Docker is not running" in wt(shop, "prepare", code=4).stderr


def config_is_a_file(shop: Path) -> Path:
    (shop / ".devcontainer").rename(shop.parent / "kept")
    (shop / ".devcontainer").touch()
    return shop / ".devcontainer"


def config_is_a_link(shop: Path) -> Path:
    config_is_a_file(shop).unlink()
    (shop / ".devcontainer").symlink_to("../kept")
    return shop / ".devcontainer"


def settings_are_a_directory(shop: Path) -> Path:
    (shop / ".devcontainer/wt.toml").unlink()
    (shop / ".devcontainer/wt.toml").mkdir()
    return shop / ".devcontainer/wt.toml"


@pytest.mark.parametrize("change", [config_is_a_file, config_is_a_link, settings_are_a_directory])
def test_what_configures_is_of_another_kind_and_the_hint_leads_out(shop: Path, change: Callable[[Path], Path]) -> None:
    place = change(shop)
    before = git(shop, "for-each-ref")
    for verb in ("init", "init --upgrade", "prepare", "up", "new x", "shared up"):
        done = run([WT, *verb.split()], shop, code=2 if verb in {"prepare", "up"} and place.parent == shop else 3)
        wrong, todo = done.stderr.splitlines()
        named = f"wt: {place} is " if done.returncode == 3 else "wt: .devcontainer is not a directory"
        assert wrong.startswith((named, named.replace(" is ", " is, or "))) and "remove it" in todo, (verb, done.stderr)
    assert git(shop, "for-each-ref") == before and not shop.with_name("shop-x").exists()
    place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()
    wt(shop, "init", "--upgrade")
    assert "Docker is not running" in wt(shop, "prepare", code=4).stderr
