"""The gate in an import and `wt review`, by real git: what is refused, accepted, listed; and what happens without."""

import hashlib
import itertools
import json
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from unit.repos import Inside, commit, git, linked, repository, run, worktree, wt
from unit.test_reference import SCHEMAS
from wt import difference, gate, importer, private_repo, process
from wt.config import Import
from wt.errors import ToolError
from wt.gate import Concern
from wt.model import ImportReport


@pytest.fixture
def inside(shop: Path) -> Inside:
    return Inside(linked(shop))


def add(inside: Inside, path: str, content: str | bytes = "x\n", mode: str = "100644") -> str:
    """Commit an entry without a file, of any name; for a gitlink the content is the commit."""
    oid = str(content) if mode == "160000" else blob(inside, content)
    entry = f"{mode} {oid}\t{path}\0".encode(errors="surrogateescape")
    command = ["git", f"--git-dir={inside.path}", "-c", "core.protectNTFS=false", "update-index", "-z", "--index-info"]
    subprocess.run(command, input=entry, check=True, cwd=inside.tree.path)
    inside.git("commit", "--quiet", "--message", "an entry")
    return inside.git("rev-parse", "HEAD")


def blob(inside: Inside, content: str | bytes, kind: str = "blob") -> str:
    data = content if isinstance(content, bytes) else content.encode()
    command = ["git", f"--git-dir={inside.path}", "hash-object", "-t", kind, "-w", "--stdin"]
    return (
        subprocess.run(command, input=data, check=True, cwd=inside.tree.path, capture_output=True)
        .stdout.decode()
        .strip()
    )


def bring_in(inside: Inside, accepted: str | None = None) -> ImportReport:
    tree = worktree(inside.tree.path)
    return importer.bring_in(tree, private_repo.read_refs(tree), lambda: inside.server, Import(), accepted)


def ours(inside: Inside) -> str:
    return git(inside.tree.path, "rev-parse", "HEAD")


def review(inside: Inside, code: int = 0, *options: str) -> str:
    """What `wt review` prints of what was imported already: here is no container that could serve more."""
    bring_in(inside)
    return wt(inside.tree.path, "review", *options, code=code).stdout


TRAPS: dict[str, tuple[tuple[str, str, str], str]] = {
    "gitlink": (("lib", "1" * 40, "160000"), gate.SUBMODULE),
    "gitmodules": ((".gitmodules", "x", "100644"), gate.MODULES),
    "symlink": (("deep/link", "../../elsewhere", "120000"), gate.OUTSIDE),
    "absolute symlink": (("link", "/etc", "120000"), gate.OUTSIDE),
    "symlink into .git": (("link", ".git/hooks", "120000"), gate.INTO_GIT),
    "short name": (("git~2/config", "x", "100644"), gate.DOT_GIT),
    "name that is not UTF-8": (("\udcff/git~2/x\ny", "x", "100644"), gate.DOT_GIT),
    "bare layout": (("r/HEAD", "ref: refs/heads/x\n", "100644"), gate.BARE),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_what_leads_astray_moves_nothing_until_exactly_that_is_accepted(inside: Inside, trap: str) -> None:
    (path, content, mode), reason = TRAPS[trap]
    before, first = ours(inside), add(inside, "r/commondir", "../x")
    report = bring_in(inside)
    assert report.moved == (before, first), "what is harmless moves"
    tip = add(inside, path, content, mode)
    report = bring_in(inside)
    assert (report.moved, ours(inside)) == (None, first)
    assert report.imported == ("refs/wt/feature/heads/feature",) and report.hint == "wt review feature"
    place = path.rpartition("/")[0] if reason == gate.BARE else path
    assert f"feature is not moved to {tip[:10]}: {place} ({reason}" in (report.kept or "")
    newer = inside.commit("more")
    assert bring_in(inside, tip).kept == bring_in(inside).kept != report.kept, (
        "what is newer than that is refused again"
    )
    assert ours(inside) == first
    assert bring_in(inside, newer).moved == (first, newer)
    assert git(inside.tree.path, "diff", "--cached", "--name-only") == ""
    assert bring_in(inside).kept is None


def test_what_git_itself_takes_for_its_directory_does_not_even_come_in(inside: Inside) -> None:
    before = ours(inside)
    add(inside, "git~1/config")
    with pytest.raises(ToolError, match="could not be imported"):
        bring_in(inside)
    assert ours(inside) == before


@pytest.mark.parametrize("length", [7, 12, 40])
def test_a_tip_is_accepted_by_its_hash_whole_or_in_part(inside: Inside, shop: Path, length: int) -> None:
    tip = add(inside, "link", "/etc", "120000")
    other = Inside(linked(shop, "other"))
    (other.tree.path / "new").write_text("x")
    bring_in(inside)
    other.commit()
    bring_in(other)
    for _ in range(2):
        done = wt(shop, "sync", "feature", "other", "--accept", tip[:length])
        assert ours(inside) == tip and "not moved" not in done.stdout


@pytest.mark.parametrize(
    ("accept", "code", "said"),
    [
        ("feature", 2, "feature is no hash of a commit"),
        ("refs/wt/feature/heads/feature", 2, "is no hash"),
        ("abcdef", 2, "is no hash"),
        ("", 2, "is no hash"),
        ("1234567", 3, "no commit here is called 1234567"),
        ("1" * 40, 3, "no commit here is called"),
    ],
)
def test_nothing_else_is_accepted(inside: Inside, accept: str, code: int, said: str) -> None:
    add(inside, "link", "/etc", "120000")
    git(inside.tree.path, "branch", "1234567", inside.git("rev-parse", "HEAD~"))
    bring_in(inside)
    before = ours(inside)
    assert said in wt(inside.tree.path, "sync", "--accept", accept, code=code).stderr
    assert ours(inside) == before


def test_two_commits_that_begin_alike_are_not_told_apart_by_that(inside: Inside) -> None:
    """What an agent makes in no time for seven digits: a second commit with the same first ones."""
    tree = inside.git("rev-parse", "HEAD^{tree}")
    seen: dict[str, bytes] = {}
    for number in itertools.count():
        text = f"tree {tree}\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\n{number}\n".encode()
        oid = hashlib.sha1(b"commit %d\0%s" % (len(text), text), usedforsecurity=False).hexdigest()
        if oid[:7] in seen:
            break
        seen[oid[:7]] = text
    for name, content in (("one", seen[oid[:7]]), ("two", text)):
        inside.git("update-ref", f"refs/heads/{name}", blob(inside, content, "commit"))
        bring_in(inside)
        done = wt(inside.tree.path, "sync", "--accept", oid[:7], code=0 if name == "one" else 3)
    assert "no commit here is called" in done.stderr


def canary(inside: Inside, place: Path) -> Path:
    """A repository of the agent's whose configuration runs a program."""
    marker = inside.tree.path.parent / "ran"
    program = place / "program"
    program.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
    program.chmod(0o755)
    git(inside.tree.path, "config", "--file", str(next(place.glob("**/config"))), "core.fsmonitor", str(program))
    return marker


def test_a_gitlink_that_is_let_through_runs_the_agent_s_program(inside: Inside) -> None:
    sub = inside.tree.path / "sub"
    sub.mkdir()
    git(sub, "init", "--quiet")
    oid = commit(sub)
    marker = canary(inside, sub)
    tip = add(inside, "sub", oid, "160000")
    assert gate.SUBMODULE in (bring_in(inside).kept or "")
    git(inside.tree.path, "status")
    assert not marker.exists()
    assert bring_in(inside, tip).moved
    git(inside.tree.path, "status")
    assert marker.exists()


def test_a_bare_layout_that_is_let_through_runs_the_agent_s_program(inside: Inside, shop: Path) -> None:
    place = inside.tree.path / "r"
    git(inside.tree.path, "init", "--quiet", "--bare", "r")
    for name in ("objects", "refs"):
        (place / name / ".keep").touch()
    marker = inside.tree.path.parent / "ran"
    git(place, "config", "alias.x", f"!touch '{marker}'")
    inside.git("add", "--force", "r")
    inside.git("commit", "--quiet", "--message", "a repository")
    tip = inside.git("rev-parse", "HEAD")
    assert f"r ({gate.BARE}" in (bring_in(inside).kept or "")
    git(shop, "merge", "--quiet", "--ff-only", "feature")
    assert not (shop / "r").exists()
    assert bring_in(inside, tip).moved
    git(shop, "merge", "--quiet", "--ff-only", "feature")
    git(shop / "r", "x")
    assert marker.exists()


def test_no_two_branches_bring_the_halves_of_a_repository(shop: Path) -> None:
    """Each is harmless by itself; what both have brought runs a program once they are merged."""
    marker, one, two = shop.parent / "ran", Inside(linked(shop, "one")), Inside(linked(shop, "two"))
    core = ("repositoryformatversion = 0", "bare = false", "worktree = ..", f"fsmonitor = \"touch '{marker}'; false\"")
    add(one, "docs/config", "\n".join(("[core]", *core)))
    add(two, "docs/objects/a")
    add(two, "docs/refs/a")
    first, (done, _) = add(one, "docs/HEAD", "ref: refs/heads/x\n"), map(bring_in, (one, two))
    assert done.moved is None and f"docs ({gate.BARE}" in (done.kept or "")
    assert bring_in(one, first).moved
    for name in ("one", "two"):
        git(shop, "merge", "--quiet", "--no-edit", name)
    run(["git", "-C", str(shop / "docs"), "status"], shop)
    assert marker.exists()


def test_the_bare_layouts_that_were_there_are_no_obstacle_until_one_is_changed(shop: Path) -> None:
    (shop / "r").mkdir()
    for name in ("HEAD", "objects", "refs"):
        (shop / "r" / name).write_text("x")
    commit(shop)
    inside = Inside(linked(shop))
    add(inside, "r/readme")
    assert bring_in(inside).moved
    add(inside, "r/config")
    assert gate.BARE in (bring_in(inside).kept or "")


def test_what_goes_away_or_stays_is_no_obstacle(shop: Path) -> None:
    (shop / "link").symlink_to("/etc")
    (shop / "other").symlink_to("/etc")
    commit(shop)
    inside = Inside(linked(shop))
    inside.git("rm", "--quiet", "link")
    inside.git("commit", "--quiet", "--message", "gone")
    assert bring_in(inside).moved
    add(inside, "other", "/usr", "120000")
    assert f"other ({gate.OUTSIDE}: /usr" in (bring_in(inside).kept or "")


@pytest.mark.parametrize("how", ["merge", "rebase"])
def test_what_came_from_the_default_branch_is_the_host_s_own_but_for_submodules(shop: Path, how: str) -> None:
    inside = Inside(linked(shop))
    inside.commit()
    bring_in(inside)
    (shop / "link").symlink_to("/etc")
    (shop / "Makefile").write_text("x:\n")
    main = commit(shop)
    inside.git("config", "user.useConfigOnly", "false")
    inside.git("-c", "core.fsmonitor=false", "stash", "--quiet", "--include-untracked", code=0)
    inside.git(how, "--quiet", main)
    moved = bring_in(inside)
    if how == "merge":
        assert moved.kept is None and moved.moved
    else:
        # The host's own command, which went through the same look.
        assert "rewritten inside" in (moved.kept or "")
        run(shlex.split(moved.hint or ""), shop)
    said = review(inside)
    assert "link" not in said and "Makefile" not in said and "1 file since" in said
    add(inside, "link", "/usr", "120000")
    assert f"link ({gate.OUTSIDE}: /usr" in (bring_in(inside).kept or "")


def test_a_submodule_of_the_default_branch_is_refused_where_the_agent_can_write_to_it(shop: Path) -> None:
    inside = Inside(linked(shop))
    git(shop, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    git(shop, "commit", "--quiet", "--message", "ours")
    inside.git("merge", "--quiet", git(shop, "rev-parse", "HEAD"))
    assert f"lib ({gate.SUBMODULE}" in (bring_in(inside).kept or "")


@pytest.mark.parametrize("accepted", [False, True])
def test_a_rewritten_branch_is_followed_after_the_same_look(inside: Inside, accepted: bool) -> None:
    inside.git("commit", "--quiet", "--amend", "--message", "amended")
    tip = add(inside, "link", "/etc", "120000")
    report = bring_in(inside, tip if accepted else None)
    if not accepted:
        assert gate.OUTSIDE in (report.kept or "") and report.hint == "wt review feature"
        return
    run(shlex.split(report.hint or ""), inside.tree.path)
    assert ours(inside) == tip and bring_in(inside).kept is None


def test_a_detached_head_is_followed_after_the_same_look(shop: Path) -> None:
    tree = linked(shop)
    git(tree, "switch", "--quiet", "--detach")
    inside = Inside(tree)
    tip = add(inside, "link", "/etc", "120000")
    report = bring_in(inside)
    assert "HEAD is not moved" in (report.kept or "") and report.hint == "wt review feature"
    assert "  link  a symlink out of the tree: /etc" in review(inside, 3)
    words = shlex.split(bring_in(inside, tip).hint or "")
    run(words, tree)
    assert ours(inside) == tip == words[-1]


def shallow(path: Path) -> Path:
    for text in "ab":
        commit(path / "source" if (path / "source").exists() else repository(path / "source"), text=text)
    git(path, "clone", "--quiet", "--depth=1", f"file://{path}/source", "clone")
    return path / "clone"


def unborn(path: Path) -> Path:
    (path / "new").mkdir()
    git(path / "new", "init", "--quiet")
    return path / "new"


KINDS: dict[str, Callable[[Path], Path]] = {
    "SHA-256": lambda path: repository(path / "long", "--object-format=sha256"),
    "shallow": shallow,
    "unborn": unborn,
}


@pytest.mark.parametrize("kind", KINDS)
def test_repositories_of_other_kinds(tmp_path: Path, kind: str) -> None:
    inside = Inside(KINDS[kind](tmp_path))
    tip = add(inside, "link", "/etc", "120000")
    assert gate.OUTSIDE in (bring_in(inside).kept or "")
    assert "  link  a symlink out of the tree: /etc" in review(inside, 3)
    assert bring_in(inside, tip).moved


@pytest.mark.parametrize("empty", [False, True])
def test_a_commit_of_billions_of_files_or_directories_is_refused_in_no_time(inside: Inside, *, empty: bool) -> None:
    mode, oid = ("040000 tree", blob(inside, b"", "tree")) if empty else ("100644 blob", blob(inside, "x"))
    for _ in range(9):
        lines = "".join(f"{mode} {oid}\tx{number}\n" for number in range(12))
        command = ["git", f"--git-dir={inside.path}", "mktree"]
        done = subprocess.run(command, input=lines.encode(), check=True, capture_output=True, cwd=inside.tree.path)
        mode, oid = "040000 tree", done.stdout.decode().strip()
    tip = inside.git("commit-tree", "-p", "HEAD", "-m", "a bomb", oid)
    inside.git("update-ref", "refs/heads/feature", tip)
    started = time.monotonic()
    assert f". ({gate.ENDLESS})" in (bring_in(inside).kept or "")
    assert gate.ENDLESS in review(inside, 3)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("path", ["d/" * 300 + "x", "/".join("d" * 200 for _ in range(25))], ids=len)
def test_a_path_that_no_system_takes_is_refused(inside: Inside, path: str) -> None:
    add(inside, path)
    assert f". ({gate.ENDLESS})" in (bring_in(inside).kept or "")


def test_names_are_told_up_to_a_limit(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository, tip = worktree(shop).repository, commit(shop, "a-long-name")
    assert difference.names(repository, tip, limit=2) == ("a-long-name", "file")
    assert difference.names(repository, tip, limit=1) is None
    monkeypatch.setattr(difference, "_MAX_NAMES", 12)
    assert difference.names(repository, tip) is None


def test_fifty_thousand_changed_files_take_few_processes(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"M 120000 inline many/d{number % 100}/f{number}\ndata 1\nx\n" for number in range(50_000)]
    head = f"commit refs/heads/feature\ncommitter A <a> 1 +0000\ndata 0\nfrom {ours(inside)}\n"
    command = ["git", f"--git-dir={inside.path}", "fast-import", "--quiet"]
    subprocess.run(command, input=(head + "".join(lines)).encode(), check=True, cwd=inside.tree.path)
    tip = inside.git("rev-parse", "feature")
    importer.keep(inside.tree, private_repo.read_refs(inside.tree), lambda: inside.server, Import(), {})
    started, real, calls = time.monotonic(), process.run, []

    def counted(words: Sequence[str], **options: Any) -> process.Result:
        calls.append(words)
        return real(words, **options)

    monkeypatch.setattr(process, "run", counted)
    before = ours(inside)
    assert importer.concerns(inside.tree.repository, before, tip, difference.names(inside.tree.repository, tip)) == ()
    assert len(calls) <= 5 and time.monotonic() - started < 60


def test_contents_that_are_too_large_are_left_out(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    oids = {text: blob(inside, text) for text in ("a\n", "\n", "", "b" * 50)}
    for ref, oid in oids.items():
        (inside.path / "refs/tags" / f"t{len(ref)}{ref[:1].strip()}").write_text(f"{oid}\n")
    bring_in(inside)
    monkeypatch.setattr(difference, "_MAX_BLOB", 40)
    found = difference.contents(inside.tree.repository, oids.values())
    assert found == {oid: text for text, oid in oids.items() if len(text) < 40}
    monkeypatch.setattr(difference, "_MAX_BLOBS", 2)
    assert set(difference.contents(inside.tree.repository, oids.values()).values()) == {"", "\n"}


def test_a_symlink_with_a_huge_target_is_refused(inside: Inside) -> None:
    add(inside, "link", "x" * 10_000_000, "120000")
    assert f"link ({gate.UNCLEAR}" in (bring_in(inside).kept or "")


# wt review


def test_a_review_fits_on_a_screen_and_names_what_matters_first(inside: Inside) -> None:
    (inside.tree.path / "package.json").write_text('{"scripts": {"test": "vitest"}}')
    inside.git("add", "package.json")
    for number in range(30):
        add(inside, f".github/workflows/{number}.yml")
    tip = add(inside, "link", "/etc", "120000")
    said = review(inside, 3).splitlines()
    assert said[:3] == [
        "refused, until a look at it:",
        "  link  a symlink out of the tree: /etc",
        f"  wt sync feature --accept {tip[:12]}",
    ]
    assert said[3] == "runs on a host, or leads what runs:"
    assert said[4] == "  .github/workflows/0.yml, and 29 more  new; CI runs it"
    assert said[-2:] == [
        "  package.json                          scripts.test: vitest",
        f"feature: 31 commits, 32 files since {ours(inside)[:10]}, at {tip[:10]}",
    ]
    assert len(said) < 12
    assert ours(inside) == git(inside.tree.path, "rev-parse", "main"), "it moves nothing"


def test_the_command_that_it_prints_lets_the_tip_through(inside: Inside) -> None:
    tip = add(inside, "link", "/etc", "120000")
    command = next(line for line in review(inside, 3).splitlines() if "--accept" in line)
    wt(inside.tree.path, *shlex.split(command)[1:])
    assert ours(inside) == tip
    said = review(inside)
    assert "refused" not in said and "  link  a symlink out of the tree: /etc" in said, (
        "who merges it hears of it again"
    )


def test_what_an_agent_wrote_drives_no_terminal_and_is_data_in_json(inside: Inside) -> None:
    name = "\x1b[2J\n\udcff" + "long" * 500
    add(inside, f"{name}/\u202egit~2", "x")
    add(inside, "link", "/\x1b]0;x\x07\n" + "y" * 3000, "120000")
    assert len(bring_in(inside).kept or "") < 300
    said = review(inside, 3)
    assert "\x1b" not in said and "\u202e" not in said and max(map(len, said.splitlines())) < 200
    answer = json.loads(review(inside, 3, "--json"))
    jsonschema.validate(answer, SCHEMAS["review"])
    paths = [each["path"] for each in answer["result"]["refused"]]
    assert f"{name}/\u202egit~2" in paths and answer["result"]["tip"] == inside.git("rev-parse", "HEAD")


@pytest.mark.parametrize("state", ["no sandbox", "nothing new", "older inside", "only on the host", "no commit"])
def test_a_review_of_other_states(shop: Path, state: str) -> None:
    tree = shop if state == "no commit" else linked(shop)
    if state == "no commit":
        git(shop, "switch", "--quiet", "--orphan", "empty")
        git(shop, "branch", "--quiet", "-D", "main")
        assert wt(shop, "review").stdout == "shop: there is no commit yet\n"
        return
    if state != "no sandbox":
        Inside(tree)
    if state in {"older inside", "only on the host", "no sandbox"}:
        commit(tree, "Makefile")
    said = wt(shop, "review", "feature").stdout
    if state == "nothing new":
        assert said.startswith("feature: 0 commits, 0 files since ")
    else:
        assert "  Makefile  new; make runs it" in said and "feature: 1 commit, 1 file since " in said
    jsonschema.validate(json.loads(wt(shop, "review", "feature", "--json").stdout), SCHEMAS["review"])


def test_the_default_branch_is_compared_with_the_remote_s(tmp_path: Path) -> None:
    repository(tmp_path / "source")
    git(tmp_path, "clone", "--quiet", "source", "clone")
    commit(tmp_path / "clone", "justfile")
    assert "  justfile  new; just runs it" in wt(tmp_path / "clone", "review").stdout


def test_repositories_in_the_files_are_named_and_refuse_nothing(inside: Inside) -> None:
    git(inside.tree.path, "init", "--quiet", "deps/one")
    git(inside.tree.path, "init", "--quiet", "--bare", "two")
    said = wt(inside.tree.path, "review").stdout
    assert "repositories in its files, not imported: run no git there:" in said
    assert [line.split()[0] for line in said.splitlines()[1:3]] == ["deps/one", "two"]


def test_long_lists_are_cut_with_a_count(inside: Inside) -> None:
    scripts = {f"s{number}": "x" for number in range(100)}
    add(inside, "package.json", json.dumps({"scripts": scripts}))
    for number in range(10):
        add(inside, f"l{number}", f"/{number}", "120000")
    said = review(inside, 3).splitlines()
    assert "  and 2 more: --json has them" in said and "  and 92 more: --json has them" in said
    found = json.loads(review(inside, 3, "--json"))["result"]
    assert (len(found["refused"]), len(found["runs"])) == (10, 100)


def test_worktrees_of_the_repository_inside_the_main_checkout_are_known(shop: Path) -> None:
    git(shop, "worktree", "add", "--quiet", "-b", "inner", "trees/inner")
    git(shop, "init", "--quiet", "trees/other")
    assert "trees/other" in (said := wt(shop, "review").stdout) and "trees/inner" not in said


def test_it_needs_a_worktree(tmp_path: Path) -> None:
    assert "not in a git repository" in wt(tmp_path, "review", code=2).stderr
    assert [*tmp_path.iterdir()] == []


def test_the_gate_names_the_first_and_counts_the_rest(inside: Inside) -> None:
    add(inside, "a", "/etc", "120000")
    add(inside, "b", "/etc", "120000")
    assert (bring_in(inside).kept or "").endswith(": a (a symlink out of the tree: /etc), and 1 more")
    tip = inside.git("rev-parse", "HEAD")
    expected = tuple(Concern(each, f"{gate.OUTSIDE}: /etc") for each in "ab")
    assert (
        importer.concerns(inside.tree.repository, ours(inside), tip, difference.names(inside.tree.repository, tip))
        == expected
    )
