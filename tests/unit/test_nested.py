"""Repositories that an agent left in a worktree's files."""

import os
import resource
import time
from pathlib import Path

import pytest

from unit.repos import commit, git, initialised, linked, repository, run, wt
from wt import checkouts, hostile, nested
from wt.errors import Refused


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return linked(repository(tmp_path / "shop"))


def layout(place: Path, *names: str) -> None:
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("x")


def test_every_kind_is_found_wherever_it_lies(root: Path) -> None:
    git(root, "init", "--quiet", "deep/clone")
    git(root, "init", "--quiet", "--bare", "node_modules/bare")
    git(root, "init", "--quiet", "deep/clone/within")
    layout(root / "pointer", ".git")
    layout(root / "short", "git~1")
    layout(root / "common", "Head", "commondir")
    layout(root / "none", "HEAD", "objects")
    (root / "dangling").mkdir()
    (root / "dangling/.GIT").symlink_to("/nowhere")
    kinds = ("common", "dangling", "deep/clone", "deep/clone/within", "node_modules/bare", "pointer", "short")
    assert nested.repositories(root) == (kinds, True)
    assert nested.repositories(root, {"deep"}) == (tuple(each for each in kinds if "deep" not in each), True)


def test_git_in_what_is_found_runs_what_its_configuration_says(root: Path) -> None:
    marker = root.parent / "ran"
    program = root / "program"
    program.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
    program.chmod(0o755)
    (root / "harmless").mkdir()
    git(root, "init", "--quiet", "clone")
    commit(root / "clone")
    git(root / "clone", "config", "core.fsmonitor", str(program))
    (place,), _ = nested.repositories(root)
    for each, ran in (("harmless", False), (place, True)):
        run(["git", "-C", str(root / each), "status"], root)
        assert marker.exists() is ran


def test_no_symlink_is_followed(root: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "elsewhere/x")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    assert list((root / "link").glob("*/.git")), "a plain walk would find it"
    assert nested.repositories(root) == ((), True)


def test_the_search_has_an_end_and_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        layout(root / f"d{number:02}", ".git")
    assert len(nested.repositories(root)[0]) == 20
    found, whole = nested.repositories(root, limit=30)
    assert not whole and 0 < len(found) < 20
    assert nested.repositories(root, seconds=-1) == ((), False)
    monkeypatch.setattr(nested, "_MAX_FOUND", 5)
    found, whole = nested.repositories(root)
    assert not whole and len(found) == 5


def test_of_one_directory_no_more_is_read_than_the_limit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    real = hostile.entries

    def counted(place: Path, path: str, *, limit: int) -> list[tuple[str, int]]:
        found = real(place, path, limit=limit)
        counts.append(len(found))
        return found

    layout(root / "large", *(f"f{number}" for number in range(50)))
    monkeypatch.setattr(hostile, "entries", counted)
    for limit, most in ((100, 50), (30, 28)):
        counts.clear()
        nested.repositories(root, limit=limit)
        assert max(counts) == most


def test_a_directory_deeper_than_a_path_can_be_is_searched(root: Path) -> None:
    here = os.open(root, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=here)
        here, before = os.open("d" * 200, os.O_RDONLY, dir_fd=here), here
        os.close(before)
    os.mkdir(".git", dir_fd=here)
    os.close(here)
    ((place,), whole) = nested.repositories(root)
    assert whole and len(place) > 6_000


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_what_can_t_be_read_is_said(root: Path) -> None:
    (root / "closed").mkdir(mode=0)
    assert nested.repositories(root) == ((), False)


def test_what_is_no_directory_any_more_is_passed_over(tmp_path: Path) -> None:
    assert nested.repositories(tmp_path / "gone") == ((), True)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A main checkout in which wt has been at work."""
    shop = initialised(tmp_path / "shop")
    commit(shop)
    wt(shop, "prepare", code=4)
    return shop


def test_a_directory_that_is_cut_off_is_not_called_searched(root: Path) -> None:
    layout(root / "many", *map(str, range(200)))
    git(root, "init", "--quiet", "many/zz/repository")
    assert nested.repositories(root / "many", limit=50) == ((), False)
    assert nested.repositories(root / "many") == (("zz/repository",), True)


def runs_a_program(place: Path) -> Path:
    """Make a directory a repository whose configuration names a program; the mark that it leaves."""
    place.mkdir(parents=True, exist_ok=True)
    marker = place.parent / "ran"
    git(place, "init", "--quiet")
    (place / ".gitattributes").write_text("* filter=evil\n")
    commit(place)
    git(place, "config", "filter.evil.clean", f"touch '{marker}'; cat")
    os.utime(place / "file", (0, 0))
    return marker


@pytest.mark.parametrize("where", ["linked", "main", "inner"])
def test_wt_does_not_take_what_an_agent_made_for_the_repository(prepared: Path, where: str) -> None:
    inner = prepared / "inner/tree"
    git(prepared, "worktree", "add", "--quiet", str(inner))
    root = {"linked": linked(prepared), "main": prepared, "inner": inner}[where]
    marker = runs_a_program(root / "src")
    (root / "src/deep").mkdir()
    for verb in ("ls", "prepare", "doctor", "sync", "review", "init", "path"):
        done = wt(root / "src/deep", verb, code=3)
        assert f"{root / 'src'} is a repository of its own" in done.stderr, done.stderr
    wt(root / "src", "__complete", "wt up ")
    assert not marker.exists()
    git(root / "src", "status")
    assert marker.exists(), "git itself would have run it"


@pytest.mark.parametrize("kind", ["bare", "common", "fifo", "pointer", "dangling"])
def test_nor_anything_else_that_git_takes_for_one(prepared: Path, kind: str) -> None:
    place = linked(prepared) / "src"
    place.mkdir()
    if kind == "bare":
        git(place, "init", "--quiet", "--bare")
    elif kind == "common":
        layout(place, "HEAD", "commondir")
    elif kind == "fifo":
        git(place, "init", "--quiet")
        (place / ".git/config").unlink()
        os.mkfifo(place / ".git/config")
    elif kind == "pointer":
        (place / ".git").write_text(f"gitdir: {prepared}/.git/worktrees/feature\n")
    else:
        (place / ".git").symlink_to("/nowhere")
    done = wt(place, "ls", code=3)
    assert "is a repository of its own" in done.stderr


@pytest.mark.parametrize("where", ["linked", "main"])
def test_nor_what_it_makes_while_wt_looks(prepared: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    src = (linked(prepared) if where == "linked" else prepared) / "src"
    marker, look = runs_a_program(src), nested.refuse_within
    (src / ".git").rename(src / "aside")

    def and_back(directory: Path) -> None:
        look(directory)
        (src / "aside").rename(src / ".git")

    monkeypatch.setattr(checkouts, "refuse_within", and_back)
    with pytest.raises(Refused, match=f"{src}/.git is a repository of its own, inside {src.parent}: "):
        checkouts.locate(src)
    assert not marker.exists()


POINTERS = {
    "none": "gitdir: a\0b\n",
    "far too long": f"gitdir: {'a/' * 500_000}\n",
    "of a name too long": f"gitdir: {'a' * 5_000}\n",
    "a loop": "gitdir: loop/x\n",
    "a long chain": "gitdir: chain0/x\n",
    "sparse": "gitdir: ",
}


@pytest.mark.parametrize("what", POINTERS)
def test_a_pointer_that_leads_nowhere_costs_nothing(shop: Path, what: str) -> None:
    (shop / ".git/wt-sandbox").mkdir()
    src = shop / "src"
    src.mkdir()
    (src / ".git").write_text(POINTERS[what])
    if what == "sparse":
        os.truncate(src / ".git", 3 << 30)
    (src / "loop").symlink_to("loop")
    for number in range(2_000):
        (src / f"chain{number}").symlink_to(f"chain{number + 1}")
    begun = time.process_time()
    with pytest.raises(Refused, match=f"{src} is a repository of its own"):
        nested.refuse_within(src)
    assert time.process_time() - begun < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1 << 20


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_a_checkout_around_that_can_t_be_read_is_not_passed_over(shop: Path) -> None:
    (shop / "src").mkdir()
    git(shop / "src", "init", "--quiet")
    (shop / ".git").rename(shop / "git")
    (shop / ".git").write_text("gitdir: git\n")
    (shop / ".git").chmod(0)
    with pytest.raises(PermissionError):
        nested.refuse_within(shop / "src")


def test_a_private_repository_is_not_opened_from_within(prepared: Path) -> None:
    assert "is a repository of its own" in wt(prepared / ".git/wt-sandbox/main/repo.git", "ls", code=3).stderr


def test_worktrees_in_one_another_and_repositories_of_others_are_no_obstacle(prepared: Path, tmp_path: Path) -> None:
    git(prepared, "worktree", "add", "--quiet", "inner/tree")
    assert wt(prepared / "inner/tree", "path").stdout == f"{prepared}/inner/tree\n"
    assert wt(prepared / ".git", "path", "tree").stdout == f"{prepared}/inner/tree\n"
    # A home directory in git, say, in which wt was never at work.
    git(tmp_path, "init", "--quiet")
    assert wt(prepared, "path").stdout == f"{prepared}\n"
