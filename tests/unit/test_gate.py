"""What a commit may not bring before a look at it: pure tables, and what git does where nobody looks."""

import re
from pathlib import Path

import pytest

from unit.repos import commit, git, repository, run
from wt import gate
from wt.gate import Change, Concern

FILE, LINK, GITLINK = "100644", "120000", "160000"
HFS = "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u206a\u206b\u206c\u206d\u206e\u206f\ufeff"  # utf8.c


def added(path: str, mode: str = FILE) -> Change:
    return Change(path, None, mode, None, "new")


def reasons(change: Change, target: str | None = None, names: tuple[str, ...] = ()) -> list[str]:
    contents = {} if target is None else {"new": target}
    return [each.reason.partition(": ")[0] for each in gate.refused([change], contents, (change.path, *names))]


def short(reason: str) -> str:
    return reason.partition(": ")[0]


@pytest.mark.parametrize(
    "name",
    [
        *(".git", ".GIT", ".Git", "git~1", "git~2", "git~12", ".git.", ".git ", ".git . .", "git~1 ", "GiT~1.."),
        *(".git::$INDEX_ALLOCATION", ".git:x", ".git :x", "git~1:x", r".git\x", r"x\.git", r"x\GIT~1 \y"),
        *(f".g{each}it" for each in HFS),
        f"{HFS}.git{HFS}",
        ".g\u200cIT .",
    ],
    ids=ascii,
)  # fmt: skip
@pytest.mark.parametrize("place", ["{}", "{}/config", "deep/{}/x", "deep/{}"])
def test_names_that_a_file_system_takes_for_git_s_directory(name: str, place: str) -> None:
    assert gate.DOT_GIT in reasons(added(place.format(name)))


@pytest.mark.parametrize(
    "name",
    [".gitignore", "git", ".git2", "git~", "git~x", ".github", "x.git", "repo.git", ".gi\u00eft", "git.", "-git~1"],
)
def test_names_that_are_none(name: str) -> None:
    assert not gate.is_dot_git(name)
    assert reasons(added(f"a/{name}/b")) == []


@pytest.mark.parametrize("name", ["../x", "a/../b", "./x", "a//b", "", r"a\..\b", ".."])
def test_paths_that_leave_the_tree(name: str) -> None:
    assert gate.NO_NAME in reasons(added(name))


@pytest.mark.parametrize(
    "name",
    [".gitmodules", "deep/.gitmodules", ".GitModules", ".gitm\u200codules", "GITMOD~1", "gi7eba~1", ".gitmodules .",
     ".gitmodules:x"],
)  # fmt: skip
def test_files_that_name_submodules(name: str) -> None:
    assert reasons(added(name)) == [gate.MODULES]


@pytest.mark.parametrize(
    ("path", "target", "expected"),
    [
        ("x", "y", []),
        ("x", ".", []),
        ("x", "./a//b/", []),
        ("a/x", "../y", []),
        ("a/x", "..", []),
        ("a/b/x", "../../c/d", []),
        ("x", "a..b/...", []),
        ("x", ".github/x", []),
        ("x", "/etc/passwd", [gate.OUTSIDE]),
        ("x", "/", [gate.OUTSIDE]),
        ("x", "..", [gate.OUTSIDE]),
        ("x", "../shop/y", [gate.OUTSIDE]),
        ("a/x", "../..", [gate.OUTSIDE]),
        ("a/x", "./.././../y", [gate.OUTSIDE]),
        ("x", r"C:\x", [gate.OUTSIDE]),
        ("x", "c:x", [gate.OUTSIDE]),
        ("x", r"\\server\share", [gate.OUTSIDE]),
        ("x", r"..\y", [gate.OUTSIDE]),
        ("x", "a/../b", [gate.UNCLEAR]),
        ("a/x", "../b/../../c", [gate.UNCLEAR]),
        ("x", "a" * 4097, [gate.UNCLEAR]),
        ("x", None, [gate.UNCLEAR]),
        ("x", ".git", [gate.INTO_GIT]),
        ("x", ".git/hooks", [gate.INTO_GIT]),
        ("a/x", "../.GIT/hooks", [gate.INTO_GIT]),
        ("x", "a/git~1/config", [gate.INTO_GIT]),
        ("x", "../y/.git", [gate.OUTSIDE, gate.INTO_GIT]),
    ],
)  # fmt: skip
def test_where_symlinks_lead(path: str, target: str | None, expected: list[str]) -> None:
    assert reasons(added(path, LINK), target) == list(map(short, expected))
    assert reasons(Change(path, LINK, LINK, "old", "new"), target) == list(map(short, expected))
    assert reasons(added(path), target) == [], "a file with the same content"


LAYOUT = ("r/HEAD", "r/objects/x", "r/refs/x")


@pytest.mark.parametrize(
    ("path", "names", "expected"),
    [
        ("r/refs/x", LAYOUT, ["r"]),
        ("r/HEAD", LAYOUT, ["r"]),
        ("r/config", LAYOUT, ["r"]),
        ("r/hooks/post-checkout", LAYOUT, ["r"]),
        ("r/config.worktree", LAYOUT, ["r"]),
        ("R/config", LAYOUT, ["R"]),
        ("r/config", ("r/head", "R/Objects", "r/REFS"), ["r"]),
        ("r/c\u200donfig", ("r/he\u200cad", *LAYOUT[1:]), ["r"]),
        ("r/commondir", ("r/HEAD",), ["r"]),
        ("HEAD", ("objects/x", "refs/x"), ["."]),
        ("a/b/HEAD", ("a/b/objects", "a/b/refs"), ["a/b"]),
        ("r/readme", LAYOUT, []),
        ("r/refs/x", LAYOUT[1:], []),
        ("r/HEAD", ("r/objects/x",), ["r"]),
        ("R/h\u200cead", (), ["R"]),
        ("r/refs/x", ("r/HEAD",), ["r"]),
        ("r/HEAD/x", ("r/HEAD/objects",), []),
        ("r/HEADS", (), []),
        ("r/HEAD/x", LAYOUT[1:], []),
        ("other/config", LAYOUT, []),
        ("r/objects/x/refs", LAYOUT[1:], []),
    ],
)
def test_bare_layouts_that_a_change_begins_completes_or_configures(
    path: str, names: tuple[str, ...], expected: list[str]
) -> None:
    assert gate.refused([added(path)], {}, (path, *names)) == tuple(Concern(each, gate.BARE) for each in expected)


def test_a_submodule_that_is_new_or_moves() -> None:
    for change in (added("lib", GITLINK), Change("lib", GITLINK, GITLINK, "old", "new")):
        assert gate.refused([change], {}, ["lib"]) == (Concern("lib", gate.SUBMODULE),)


GONE = [
    Change(path, mode, None, "old", None) for path, mode in {".gitmodules": FILE, "l": GITLINK, "x/.git": LINK}.items()
]


def test_what_goes_away_is_no_concern() -> None:
    assert gate.refused([*GONE, Change("r/HEAD", FILE, None, "old", None)], {}, LAYOUT) == ()


def test_only_symlinks_are_looked_into() -> None:
    changes = [added("a", LINK), added("b"), added("c", GITLINK), Change("d", LINK, None, "x", None)]
    assert gate.wanted(changes) == {"new"}
    assert gate.wanted(changes[1:]) == set()


def test_what_another_commit_has_in_the_same_way_is_known_but_for_submodules() -> None:
    here = [added("same", LINK), added("other", LINK), added("lib", GITLINK), added(".gitmodules")]
    there = [added("other", LINK)]
    assert [each.path for each in gate.unknown(here, there)] == ["other", "lib", ".gitmodules"]


# Positive controls: git itself, where nobody looks first.


def test_git_in_a_bare_layout_runs_what_its_configuration_says(tmp_path: Path) -> None:
    """For each layout that is refused, one that differs from it by what makes it harmless."""
    shop, marker = repository(tmp_path / "shop"), tmp_path / "ran"
    alias = f"[core]\n\trepositoryformatversion = 0\n\tbare = true\n[alias]\n\tx = !touch '{marker}'\n"
    for parts in (("HEAD", "objects/.keep", "refs/.keep"), ("HEAD", "commondir"), ("objects/.keep", "refs/.keep")):
        place = shop / f"r{len(parts)}{parts[0]}"
        for name, text in {"HEAD": "ref: refs/heads/x\n", "commondir": "../common\n"}.items():
            if name in parts:
                place.mkdir(exist_ok=True)
                (place / name).write_text(text)
        common = shop / "common" if "commondir" in parts else place
        for name in ("objects", "refs"):
            (common / name).mkdir(parents=True, exist_ok=True)
            (common / name / ".keep").touch()
        (common / "config").write_text(alias)
        (place / "config").write_text(alias)
        commit(shop)
        names = git(shop, "ls-tree", "-r", "--name-only", "HEAD").split()
        expected = gate.is_repository(each.partition("/")[0] for each in parts)
        assert (Concern(place.name, gate.BARE) in gate.refused(list(map(added, names)), {}, names)) is expected
        marker.unlink(missing_ok=True)
        run(["git", "-C", str(place), "x"], shop, code=0 if expected else 1)
        assert marker.exists() is expected


@pytest.mark.parametrize("name", ["git~1", ".git ", ".g\u200cit", ".GIT", ".git::$INDEX_ALLOCATION"], ids=ascii)
def test_git_has_the_same_opinion_of_names(tmp_path: Path, name: str) -> None:
    """git's own guard, switched on for both file systems, knows the names; switched off it does not."""
    shop = repository(tmp_path / "shop")
    oid = git(shop, "hash-object", "-w", "file")
    guard = ["-c", "core.protectNTFS={0}", "-c", "core.protectHFS={0}"]
    for on in ("true", "false"):
        options = [each.format(on) for each in guard]
        always = name.lower() == ".git"
        code = 128 if on == "true" or always else 0
        git(shop, *options, "update-index", "--add", "--cacheinfo", f"100644,{oid},{name}/config", code=code)


def test_every_reason_has_a_row_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/review.md").read_text()
    section = page.partition("\n## What is refused\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| ([^|]+?) \|", section, re.MULTILINE)[1:] == list(gate.REASONS)
