"""Directories and branches with odd names: each works, or is refused before anything is changed."""

import json
import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from unit.repos import commit, git, initialised, linked, repository, wt
from wt import checkouts, envfile, history, naming
from wt.errors import UsageError

FINE = [
    " a  b #1 & c=d, e:f;<g>|(h)~ !! *?[x] `id` %s%20 ",
    'it\'s "so" \\ two\\\\ and last\\',
    "it's $5 of $HOME {HOME} $(id)",
    "tab\there $1 back\\slash bell\a escape\x1b[31m",
    "Zürich Zu\u0308rich 日本🙂\u2028\u00a0\u202e",
    "-x",
    ".hidden..",
    "UPPER.lock",
    "n" * 255,
    "ü" * 127,
]
REFUSED = {
    "line\nbreak": "line break",
    "line\rbreak": "line break",
    os.fsdecode(b"caf\xe9"): "not UTF-8",
    "it's $5\\": "no quotation carries",
    "${HOME}": "python-dotenv would expand",
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialised(tmp_path_factory.mktemp("template") / "shop")


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Callable[[str], Path]:
    def copy(name: str) -> Path:
        shutil.copytree(template, tmp_path / name / "shop")
        return tmp_path / name / "shop"

    return copy


def state(checkout: Path) -> tuple[str, list[str], list[str]]:
    kept = checkout / ".git/wt-sandbox"
    directories = [path.name for path in kept.iterdir() if path.is_dir()] if kept.is_dir() else []
    return git(checkout, "for-each-ref"), sorted(path.name for path in checkout.parent.iterdir()), directories


@pytest.mark.parametrize("name", FINE, ids=lambda name: ascii(name)[:40])
def test_a_directory_with_an_odd_name(place: Callable[[str], Path], name: str) -> None:
    shop = place(name)
    tree = linked(shop, name, "feature/x")
    assert "Docker is not running" in wt(tree, "prepare", code=4).stderr
    env = envfile.read((tree / ".devcontainer/.env").read_text())
    expected = {"WORKTREE_NAME": name, "LOCAL_WORKSPACE_FOLDER": str(tree), "GIT_COMMON_DIR": f"{shop}/.git"}
    assert expected.items() <= env.items()
    assert git(tree, "status", "--porcelain") == ""

    rows = json.loads(wt(tree, "ls", "--json").stdout)["result"]
    assert [row["worktree"]["path"] for row in rows] == [str(shop), str(tree)]
    assert wt(shop, "path", "--", name).stdout == wt(tree, "path").stdout == f"{tree}\n"
    before = state(shop)
    wt(tree, "new", "feature/y", code=4)
    assert state(shop) == before


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_directory_that_docker_or_env_can_not_carry(place: Callable[[str], Path], name: str) -> None:
    shop = place(name)
    before = state(shop)
    for typed in (["prepare"], ["new", "x"]):
        done = wt(shop, *typed, code=3)
        assert REFUSED[name] in done.stderr and "hint: rename the directory" in done.stderr
    assert state(shop) == before and not (shop / ".claude-docker").exists()


def test_history_is_read_where_a_variable_s_name_is_a_directory_s(tmp_path: Path) -> None:
    path = repository(tmp_path / "$HOME")
    old, new = git(path, "rev-parse", "HEAD"), commit(path)
    assert history.count(checkouts.locate(path)[0], old, new) == 1


def test_a_worktree_of_such_a_name_is_refused_beside_a_repository_of_a_plain_one(place: Callable[[str], Path]) -> None:
    tree = linked(place("plain"), "line\nbreak", "x")
    assert "line break" in wt(tree, "prepare", code=3).stderr
    assert git(tree, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "pattern", ["{name}" + "n" * 255, "/".join(["n" * 200] * 20) + "/{name}"], ids=["name", "path"]
)
def test_a_path_that_is_too_long_is_refused(place: Callable[[str], Path], pattern: str) -> None:
    shop = place("plain")
    (shop / ".devcontainer/wt.toml").write_text(f'worktree_dir = "../{pattern}"\n')
    before = state(shop)
    assert "bytes is too long" in wt(shop, "new", "x", code=3).stderr
    assert state(shop) == before


@pytest.mark.parametrize(
    "name", ["main", "HEAD", "@", "@{-1}", "-x", "", ".", "a..b", "a.lock", "a b", "a\nb", "n" * 251, "a/" + "ü" * 126]
)
def test_a_name_that_is_none_for_a_branch(place: Callable[[str], Path], name: str) -> None:
    shop = place("plain")
    git(shop, "checkout", "--quiet", "-b", "other")
    git(shop, "checkout", "--quiet", "main")
    before = state(shop)
    said = wt(shop, "new", "--", name, code=3 if name == "main" else 2).stderr
    assert ("is checked out in" if name == "main" else "is not a name for a branch") in said
    assert "hint: " in said and len(said.splitlines()) == 2
    assert state(shop) == before


def test_names_that_are_one_slug_are_worktrees_of_their_own(shop: Path) -> None:
    names = ["feature/a", "feature-a", "Feature-A", "🙂", "o'b&c$d#e,f=日本", "n" * 250]
    (shop / ".devcontainer").mkdir()
    (shop / ".devcontainer/wt.toml").write_text("")
    for name in names:
        said = wt(shop, "new", "--no-up", "--", name, code=2).stderr
        assert f"on branch {name} from" in said and "there is no .devcontainer" in said, name
        # as `wt new` would have, where an engine runs
        path = Path(said.splitlines()[0].removeprefix("done: worktree ").partition(" on branch ")[0])
        git(shop, "worktree", "add", "--quiet", "-b", name, str(path))
    trees = checkouts.worktrees(checkouts.locate(shop)[0])
    assert [naming.find_worktree(trees, name).branch for name in names] == [f"refs/heads/{name}" for name in names]
    assert len({tree.path for tree in trees}) == len({*map(naming.project_name, trees)}) == len(names) + 1


def test_a_worktree_is_found_by_every_path_that_leads_to_it(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = linked(shop, "feature", "topic/x")
    (tmp_path / "link").symlink_to(tree)
    (tmp_path / "code").symlink_to(tmp_path)
    (tree / "deep").mkdir()
    for cwd, typed in (
        (shop, "feature"),
        (shop, "topic/x"),
        (shop, f"{tree}/"),
        (shop, "../feature"),
        (shop, "../link/"),
        (tree, "."),
        (tree / "deep", ".."),
        (tmp_path / "link/deep", "../../feature"),
    ):
        monkeypatch.chdir(cwd)
        assert naming.find_worktree(checkouts.worktrees(checkouts.locate(cwd)[0]), typed).path == tree, typed
    for cwd in (tmp_path / "link/deep", tmp_path / "code/code/feature"):
        assert wt(cwd, "path").stdout == f"{tree}\n"
    monkeypatch.chdir(tree)
    for typed in ("", "deep", "~nobody/x", "n" * 5000, "a\nb"):
        with pytest.raises(UsageError, match="no worktree is called"):
            naming.find_worktree(checkouts.worktrees(checkouts.locate(tree)[0]), typed)


def test_a_name_that_is_another_s_branch_is_ambiguous(shop: Path) -> None:
    linked(shop, "b", "c")
    linked(shop, "a", "b")
    for typed in (["path", "b"], ["rm", "b"], ["exec", "b", "--", "true"]):
        done = wt(shop, *typed, code=2)
        assert f"b could be 2 worktrees\n  {shop.parent}/a\n  {shop.parent}/b\nhint: " in done.stderr
    assert wt(shop, "path", "../b").stdout == f"{shop.parent}/b\n"


def test_a_hint_calls_a_worktree_so_that_no_other_is_meant(place: Callable[[str], Path]) -> None:
    shop = place("code")
    code = shop.parent
    commit(shop)
    wt(shop, "prepare", code=4)
    for path, branch in (("../-x", "x"), ("../plain", "plain"), ("../one/twin", "one"), ("../two/twin", "two")):
        git(shop, "worktree", "add", "--quiet", "-b", branch, path)
    wanted = {code / "plain": "plain"}
    for tree in (code / "-x", code / "plain", code / "one/twin", code / "two/twin"):
        (tree / ".devcontainer/more").write_text("changed")
        hint = wt(tree, "prepare", code=3).stderr.splitlines()[-1].removeprefix("hint: read it, then: wt trust ")
        assert hint == wanted.get(tree, str(tree))
        assert wt(shop, "path", *shlex.split(hint)).stdout == f"{tree}\n"


def test_a_home_directory_that_is_a_symlink(place: Callable[[str], Path], tmp_path: Path) -> None:
    tree = linked(place("real"), "feature")
    (tmp_path / "home").symlink_to(tree.parent)
    home = {"HOME": str(tmp_path / "home")}
    wt(tmp_path / "home/feature", "prepare", code=4, env=home)
    env = envfile.read((tree / ".devcontainer/.env").read_text())
    assert (env["LOCAL_WORKSPACE_FOLDER"], env["HOST_HOME"]) == (str(tree), home["HOME"])
    assert wt(tmp_path, "path", "~/feature", env=home | {"PWD": str(tmp_path)}, code=2).stdout == ""
    assert wt(tree, "path", "~/feature", env=home).stdout == f"{tree}\n"
