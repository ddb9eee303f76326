"""Both sides work on one tree: every state of the inside against every state of the host."""

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from unit.repos import Inside, commit, git, linked, run, worktree
from wt import importer, node, private_repo, scaffold
from wt.config import Import
from wt.model import ImportReport


def amend(inside: Inside) -> None:
    """Write the commit again that both sides have."""
    inside.git("commit", "--quiet", "--amend", "--message", "amended inside")


def on_another_branch(inside: Inside) -> None:
    inside.git("switch", "--quiet", "--create", "topic")
    inside.commit("topic")


def detached(inside: Inside) -> None:
    inside.git("switch", "--quiet", "--detach")
    inside.commit("detached")


def stashed(inside: Inside) -> None:
    (inside.tree.path / "file").write_text("to be stashed\n")
    inside.git("stash", "--quiet")


def in_a_worktree_of_its_own(inside: Inside) -> None:
    """A worktree that only the inside knows, on no branch."""
    place = inside.tree.path.parent / "agents-own"
    inside.git("worktree", "add", "--quiet", "--detach", str(place))
    commit(place, "own", "made in a worktree of the agent's\n")


def renamed(inside: Inside) -> None:
    inside.commit()
    inside.git("branch", "--move", "renamed")


INSIDE: dict[str, Callable[[Inside], object]] = {
    "nothing": lambda _inside: None,
    "a commit": lambda inside: inside.commit(),
    "an amended commit": amend,
    "a commit on another branch": on_another_branch,
    "a commit on no branch": detached,
    "a commit in a worktree of its own": in_a_worktree_of_its_own,
    "a tag on a commit": lambda inside: (inside.commit(), inside.git("tag", "--annotate", "--message", "one", "v1")),
    "a stash": stashed,
    "a renamed branch": renamed,
}


def host_commit(path: Path) -> None:
    (path / "host").write_text("made outside\n")
    git(path, "add", "host")
    git(path, "commit", "--quiet", "--message", "made outside")


def default_branch_moves(path: Path) -> None:
    commit(path.parent / "shop", "other", "on the default branch\n")


def staged(path: Path) -> None:
    (path / "staged").write_text("staged\n")
    git(path, "add", "staged")


HOST: dict[str, Callable[[Path], object]] = {
    "nothing": lambda _path: None,
    "a commit": host_commit,
    "an amended commit": lambda path: git(path, "commit", "--quiet", "--amend", "--message", "amended outside"),
    "a commit on the default branch": default_branch_moves,
    "staged changes": staged,
    "changes that are not staged": lambda path: (path / "file").write_text("changed\n"),
    "another branch checked out": lambda path: git(path, "switch", "--quiet", "--create", "elsewhere"),
    "no branch checked out": lambda path: git(path, "switch", "--quiet", "--detach"),
}

SWITCHED_INSIDE = {"a commit on another branch", "a commit on no branch", "a renamed branch"}
SWITCHED_OUTSIDE = {"another branch checked out", "no branch checked out"}

# What the first import says, as the reference shows it.
SAID = {
    "equal": "^$",
    "**moves**": "^moves$",
    "staged": "^changes are staged on the host",
    "older": "^feature is older inside than on the host$",
    "both moved": "^both sides moved feature: .* on the host, .* inside$",
    "rewritten inside": "^feature was rewritten inside: ",
    "rewritten on the host": "^feature was rewritten on the host: ",
    "other branch": "^inside, .* is checked out, on the host (feature|elsewhere)$",
    "no branch": "^on the host no branch is checked out but commit .*, inside ",
}


def expected(inside: str, outside: str) -> str:
    """The key of SAID for one combination."""
    if outside in SWITCHED_OUTSIDE:
        return "no branch" if outside == "no branch checked out" else "other branch"
    if inside in SWITCHED_INSIDE:
        return "other branch"
    ahead, amended = inside in {"a commit", "a tag on a commit"}, inside == "an amended commit"
    if outside in {"a commit", "an amended commit"}:
        alone = "older" if outside == "a commit" else "rewritten on the host"
        return "both moved" if ahead or amended else alone
    if outside == "staged changes" and (ahead or amended):
        return "staged"
    return "rewritten inside" if amended else "**moves**" if ahead else "equal"


@pytest.fixture(scope="module")
def catch_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of the image."""
    project = scaffold.Project("shop", node.package_manager(tmp_path_factory.mktemp("empty")), (".",), ())
    text = scaffold.render("node", project)["Dockerfile"]
    script = re.search(r"<<'CATCHUP' (\S+)\n(.*?)^CATCHUP\n", text, re.DOTALL | re.MULTILINE)
    assert script and Path(script[1]).name == "git-catch-up"
    place = tmp_path_factory.mktemp("bin") / "git-catch-up"
    place.write_text(script[2])
    place.chmod(0o755)
    return place


@pytest.fixture
def app(shop: Path, catch_up: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """A linked worktree and its private repository; `git catch-up` is on PATH."""
    tree = linked(shop)
    commit(tree, "second")
    inside = Inside(tree)
    inside.git("config", "remote.host.url", str(shop / ".git"))
    monkeypatch.setenv("PATH", f"{catch_up.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tree.parent))
    return inside


def in_sandbox(inside: Inside, *words: str, code: int = 0) -> str:
    """Run a command where `.git` points at the private repository."""
    pointer = inside.tree.path / ".git"
    before = pointer.read_text()
    pointer.write_text(f"gitdir: {inside.path}\n")
    done = run(words, inside.tree.path, code=code)
    pointer.write_text(before)
    return done.stdout + done.stderr


def bring_in(inside: Inside) -> ImportReport:
    """An import that touches no file, and after which the host has all that the inside ever committed."""
    inside.tree = worktree(inside.tree.path)
    before = files(inside.tree.path)
    refs = private_repo.read_refs(inside.tree)
    report = importer.bring_in(inside.tree, refs, lambda: inside.server, Import())
    assert files(inside.tree.path) == before
    has = set(git(inside.tree.path, "rev-list", "--all", "--reflog").split())
    assert set(inside.git("rev-list", "--all", "--reflog").split()) <= has
    return report


def files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()}


def resolve(inside: Inside, hint: str, *, outside_switched: bool) -> None:
    """Do what the hint says; of two, the one for the side that switched last."""
    ways = [way.partition(" if ")[0] for way in hint.split("; ")]
    words = shlex.split(ways[-1] if outside_switched else ways[0])
    if hint.startswith("commit or unstage"):
        words = ["git", "-C", str(inside.tree.path), "reset", "--quiet"]
    words = ["feature" if word == "BRANCH" else word for word in words]
    if words[:2] == ["wt", "exec"]:
        in_sandbox(inside, *words[words.index("--") + 1 :])
    else:
        run(words, inside.tree.path)


@pytest.mark.parametrize("outside", HOST)
@pytest.mark.parametrize("within", INSIDE)
def test_every_combination(app: Inside, within: str, outside: str) -> None:
    tree = app.tree.path
    INSIDE[within](app)
    HOST[outside](tree)
    report = bring_in(app)
    said = "moves" if report.moved else report.kept or ""
    assert re.search(SAID[expected(within, outside)], said), said
    for _ in range(3):
        if report.kept:
            resolve(app, report.hint or "", outside_switched=outside in SWITCHED_OUTSIDE)
            report = bring_in(app)
    assert report.kept is None, "the hints lead to an end"
    assert app.git("rev-parse", "HEAD") == git(tree, "rev-parse", "HEAD")


@pytest.mark.parametrize("outside", HOST)
def test_what_is_under_way_inside_has_to_end_first(app: Inside, outside: str) -> None:
    """Git switches no branch before that, and would go on with whatever HEAD it finds then."""
    app.git("rebase", "--quiet", "--exec", "false", "HEAD~", code=1)
    HOST[outside](app.tree.path)
    if outside == "no branch checked out":
        git(app.tree.path, "reset", "--quiet", "HEAD~")
    report = bring_in(app)
    assert (report.moved, report.kept) == (None, "a rebase is under way inside")
    assert report.hint == "let it be ended there, then sync again"


def test_catch_up_leaves_a_conflict_to_be_resolved_and_then_goes_on(app: Inside) -> None:
    app.commit("file", "inside\n")
    git(app.tree.path, "reset", "--quiet")
    commit(app.tree.path, "file", "outside\n")
    said = in_sandbox(app, "git", "catch-up", code=1)
    place = app.tree.path.parent / "git-catch-up"
    assert f"resolve it in {place}" in said
    assert in_sandbox(app, "git", "catch-up", code=1).startswith("git catch-up: a rebase waits in")
    (place / "file").write_text("both\n")
    git(place, "add", "file")
    git(place, "-c", "core.editor=true", "rebase", "--continue")
    in_sandbox(app, "git", "catch-up")
    assert not place.exists()
    assert (app.tree.path / "file").read_text() == "outside\n"
    assert app.git("show", "HEAD:file") == "both"
    assert app.git("rev-parse", "HEAD~1") == git(app.tree.path, "rev-parse", "HEAD")


@pytest.mark.parametrize("way", ["--continue", "--abort"])
def test_what_is_committed_while_a_rebase_waits_is_kept(app: Inside, way: str) -> None:
    app.commit("file", "inside\n")
    git(app.tree.path, "reset", "--quiet")
    commit(app.tree.path, "file", "outside\n")
    in_sandbox(app, "git", "catch-up", code=1)
    meanwhile = app.commit("meanwhile")
    place = app.tree.path.parent / "git-catch-up"
    (place / "file").write_text("both\n")
    git(place, "add", "file")
    git(place, "-c", "core.editor=true", "rebase", way)
    assert app.git("rev-parse", "feature") == meanwhile
    in_sandbox(app, "git", "catch-up", code=0 if way == "--continue" else 1)
    if way == "--continue":
        assert app.git("log", "--format=%s", "-3") == "made inside\nmade inside\na commit"
        assert (app.git("show", "HEAD:meanwhile"), app.git("show", "HEAD:file")) == ("made inside", "both")
        assert not place.exists()


@pytest.mark.parametrize(
    ("prepare", "words", "said"),
    [
        (["git", "add", "new"], ["catch-up"], "changes are staged"),
        (["true"], ["catch-up", "nowhere"], "couldn't find remote ref"),
        (["git", "checkout", "--quiet", "--detach"], ["catch-up"], "not a symbolic ref"),
    ],
)
def test_catch_up_says_why_it_can_not(app: Inside, prepare: list[str], words: list[str], said: str) -> None:
    (app.tree.path / "new").write_text("new\n")
    in_sandbox(app, *prepare)
    before = app.git("for-each-ref"), app.git("status", "--porcelain")
    outcome = {True: 1, False: 128}["staged" in said]
    assert said in in_sandbox(app, "git", *words, code=outcome)
    assert (app.git("for-each-ref"), app.git("status", "--porcelain")) == before


def test_the_reference_shows_this_table() -> None:
    rows = [["inside \\ on the host", *HOST], ["---"] * (len(HOST) + 1)]
    rows += [[within, *(expected(within, outside) for outside in HOST)] for within in INSIDE]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    assert table in (Path(__file__).parents[2] / "docs/reference/git.md").read_text(), table
