"""A `git worktree add` that was killed: no sandbox is made of it before it is ended, and what wt names ends it."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from unit.repos import WT, commit, git, initialised, run, worktree, wt
from wt import checkouts, naming, unfinished
from wt.errors import Refused


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository whose last file takes git long to check out."""
    path = initialised(tmp_path / "shop", {"package.json": "{}", ".gitattributes": "zz filter=slow\n", "zz": "z\n"})
    git(path, "config", "filter.slow.smudge", "sleep 30; cat")
    return path


def killed(shop: Path) -> Path:
    """The worktree `x` of a git that died while it wrote the files, with all that it had started."""
    command = ["git", "worktree", "add", "--quiet", "--no-track", "-b", "x", "../shop-x", "HEAD"]
    adding = subprocess.Popen(command, cwd=shop, start_new_session=True)
    path = shop.parent / "shop-x"
    while not (path / "package.json").exists():
        assert adding.poll() is None
        time.sleep(0.01)
    os.killpg(adding.pid, signal.SIGKILL)
    adding.wait()
    git(shop, "config", "--unset", "filter.slow.smudge")
    return path


def test_no_sandbox_is_made_of_it_before_it_is_ended(shop: Path) -> None:
    path = killed(shop)
    tree = worktree(path)
    assert tree.locked == "initializing\n" and not (tree.git_dir / "index").exists() and not (path / "zz").exists()
    (path / "mine").write_text("work\n")
    (path / "package.json").write_text('{"name": "mine"}')
    for place, verb in ((shop, "new x"), (shop, "up shop-x"), (path, "prepare")):
        said = wt(place, *verb.split(), code=3).stderr
        assert f"git has not ended making {path}" in said and unfinished.mend(tree) in said, said
    assert not naming.private_repo(tree).exists()
    run(["bash", "-ec", unfinished.mend(tree)], shop)
    assert git(path, "status", "--porcelain").splitlines() == ["M package.json", "?? mine"]
    wt(path, "prepare", code=4)
    inside = (f"--git-dir={naming.private_repo(tree)}", f"--work-tree={path}")
    (naming.private_repo(tree) / "objects/info/alternates").write_text(f"{shop}/.git/objects\n")
    assert git(path, *inside, "status", "--porcelain").splitlines() == ["M package.json", "?? mine"]


@pytest.mark.skipif(os.geteuid() != 0, reason="who is no ordinary user has to hand a worktree over")
def test_what_git_makes_for_a_wt_that_died_is_still_the_sandbox_s_to_come(shop: Path) -> None:
    git(shop, "config", "filter.slow.smudge", "sleep 2; cat")
    path, (state, entry) = shop.parent / "shop-x", (shop / ".git" / each for each in ("wt-sandbox", "worktrees/shop-x"))
    new = subprocess.Popen([WT, "new", "x", "--no-up"], cwd=shop, start_new_session=True)
    while not (path / "package.json").exists():
        assert new.poll() is None
        time.sleep(0.01)
    new.kill()
    new.wait()
    while not (entry / "index").exists():
        time.sleep(0.01)
    assert (path / "zz").read_text() == "z\n"
    tree = worktree(path)
    assert checkouts.is_promised(tree) and list(state.glob("promised.*"))
    checkouts.keep_promise(tree)
    assert not checkouts.is_promised(tree) and not list(state.glob("promised.*"))


def test_one_without_a_head_is_removed_and_made_anew(shop: Path) -> None:
    path = killed(shop)
    tree = worktree(path)
    # As git writes it before it knows better.
    (tree.git_dir / "HEAD").write_text(f"{'0' * 40}\n")
    (tree,) = (each for each in checkouts.worktrees(tree.repository) if each.path == path)
    assert wt(shop, "up", "shop-x", code=3).stderr.count("git has not ended making") == 1
    line = unfinished.mend(tree)
    assert line.endswith(f"git worktree unlock {path} && wt rm --force shop-x")


def test_a_worktree_without_a_commit_needs_no_index(shop: Path) -> None:
    path = killed(shop)
    run(["bash", "-ec", unfinished.mend(worktree(path))], shop)
    unfinished.refuse(worktree(path))
    git(path, "checkout", "--quiet", "--orphan", "unborn")
    (worktree(path).git_dir / "index").unlink()
    unfinished.refuse(worktree(path))
    commit(path, message="first")
    (worktree(path).git_dir / "index").unlink()
    with pytest.raises(Refused, match="git has no index of"):
        unfinished.refuse(worktree(path))
