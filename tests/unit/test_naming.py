"""Names: the same for git, docker and people, and never shared by two things."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.nouns import MAIN, REPOSITORY, tree
from wt import naming
from wt.errors import UsageError
from wt.model import Repository, Worktree

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text.strip(".")
)


@given(st.text())
def test_a_slug_is_a_name_for_docker_and_dns(text: str) -> None:
    slug = naming.slug(text)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", slug) and len(slug) <= 40
    assert naming.slug(slug) == slug


@pytest.mark.parametrize(
    ("text", "slug"), [("Feature/Login_2", "feature-login-2"), ("Zürich", "zurich"), ("日本", "x"), ("--a--", "a")]
)
def test_slugs_are_readable(text: str, slug: str) -> None:
    assert naming.slug(text) == slug


@given(NAMES, NAMES, NAMES)
def test_two_worktrees_of_equal_name_never_share_a_project(name: str, one: str, other: str) -> None:
    places = [Path("/code", where) for where in {one, other}]
    repos = [Repository(top / ".git", top, naming.repository_key(top / ".git", top, 1)) for top in places]
    ids = {"main", naming.linked_id("main"), naming.linked_id("a")}
    trees = [Worktree(repo, each, Path("/t", name), repo.common_dir, None) for repo in repos for each in ids]
    projects = [*map(naming.project_name, trees), *map(naming.shared_project_name, repos)]
    assert len(set(projects)) == len(projects)
    assert all(re.fullmatch("[a-z0-9][a-z0-9_-]*", each) and len(each) <= 63 for each in projects)


@given(st.sets(st.one_of(NAMES, st.sampled_from(["main", "linked.main", "linked.linked.main", "linked."]))))
def test_ids_are_unique_and_never_the_main_checkout_s(names: set[str]) -> None:
    ids = {naming.linked_id(name) for name in names}
    assert len(ids) == len(names) and naming.MAIN_ID not in ids


@pytest.mark.parametrize(
    ("common", "main"),
    [("/shop/.git", "/shop"), ("/shop.git", None), ("/shop/.bare", None), ("/shop/.git", None), ("/shop/bare", None)],
)
def test_a_repository_has_the_name_that_people_use(common: str, main: str | None) -> None:
    repository = Repository(Path(common), Path(main) if main else None, "")
    assert naming.repository_name(repository) == "shop"
    key = naming.repository_key(repository.common_dir, repository.main_checkout, 1)
    assert re.fullmatch("shop-[0-9a-f]{8}", key)
    assert key != naming.repository_key(repository.common_dir, repository.main_checkout, 2)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("{parent}/{repository}-{name}", "/code/shop-feature-a"),
        ("/srv/{name}/{repository}", "/srv/feature-a/shop"),
        ("trees/{name}", "/code/shop/trees/feature-a"),
        ("../{name}", "/code/feature-a"),
        ("~/{name}", "~/feature-a"),
    ],
)
def test_the_directory_of_a_new_worktree(pattern: str, path: str) -> None:
    assert str(naming.worktree_path(REPOSITORY, pattern, "Feature/A")) == str(Path(path).expanduser())


def test_names_whose_slugs_are_equal_get_directories_of_their_own() -> None:
    first = naming.worktree_path(REPOSITORY, "{parent}/{name}", "feature/a")
    second = naming.worktree_path(REPOSITORY, "{parent}/{name}", "feature-a", taken=[first])
    assert re.fullmatch(r"/code/feature-a-[0-9a-f]{4}", str(second))


def test_a_project_has_the_name_of_its_worktree() -> None:
    assert re.fullmatch("shop-[0-9a-f]{6}", naming.project_name(MAIN))
    assert re.fullmatch("feature-[0-9a-f]{6}", naming.project_name(tree()))


@pytest.mark.parametrize(
    ("repository", "pattern", "folder"),
    [
        (REPOSITORY, "trees/{name}", "trees"),
        (REPOSITORY, "{name}", None),
        (REPOSITORY, "../{name}", None),
        (Repository(Path("/code/shop.git"), None, "shop-12345678"), "trees/{name}", None),
    ],
)
def test_the_folder_of_new_worktrees_in_the_main_checkout(
    repository: Repository, pattern: str, folder: str | None
) -> None:
    assert naming.worktree_folder(repository, pattern) == folder


def test_relative_directories_of_new_worktrees_count_from_a_bare_repository() -> None:
    bare = Repository(Path("/code/shop.git"), None, "shop-12345678")
    assert naming.worktree_path(bare, "{parent}/{name}", "a") == Path("/code/a")
    assert naming.worktree_path(bare, "{name}", "a") == Path("/code/shop.git/a")


def test_a_worktree_is_found_by_name_or_branch_then_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, c = tree("a", "refs/heads/a"), tree("b", "refs/heads/topic/x"), replace(tree("c"), path=tmp_path / "c")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c/inner").mkdir(parents=True)
    for wanted, expected in (
        ("shop", MAIN),
        ("a", a),
        ("b", b),
        ("topic/x", b),
        ("/code/a/", a),
        ("./c", c),
        (f"{tmp_path}/d/../c", c),
        ("./c/inner", c),
    ):
        assert naming.find_worktree((MAIN, a, b, c), wanted) == expected


def test_an_ambiguous_or_unknown_name_shows_what_there_is() -> None:
    trees = (tree("a"), replace(tree("a1"), path=Path("/else/a")))
    with pytest.raises(UsageError, match="a could be 2 worktrees") as caught:
        naming.find_worktree(trees, "a")
    assert caught.value.details == ("/code/a", "/else/a")
    with pytest.raises(UsageError, match="no worktree is called z") as caught:
        naming.find_worktree((MAIN, *trees), "z")
    assert caught.value.hint == "there are: shop, a, a"
    with pytest.raises(UsageError, match="no worktree is called ''") as caught:
        naming.find_worktree((), "")
    assert caught.value.hint == "there are: none"


TOO_LONG = ("a" * 256, f"./c/{'a' * 256}", f"/{'a/' * 4_096}")


@pytest.mark.parametrize("wanted", ["c/inner", "./c/nowhere", "./beside", ".", *TOO_LONG], ids=lambda text: text[:12])
def test_what_is_no_directory_of_a_worktree_names_none(
    wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor a word that may be a misspelt name."""
    monkeypatch.chdir(tmp_path)
    for each in ("c/inner", "beside"):
        (tmp_path / each).mkdir(parents=True)
    with pytest.raises(UsageError, match="no worktree is called"):
        naming.find_worktree((replace(tree("x"), path=tmp_path / "c"),), wanted)
