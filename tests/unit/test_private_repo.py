"""The git directory that a sandbox writes to, and how its refs are read."""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from unit.repos import Inside, commit, create, git, linked, repository, worktree, wt
from wt import apply, health, importer, naming, private_repo
from wt import git as host
from wt.commands import rm
from wt.errors import Refused, ToolError
from wt.model import InsideRefs, Worktree
from wt.selection import host_user
from wt.steps import CreatePrivateRepository

OID, OTHER = "a" * 40, "b" * 40


def test_git_works_inside_and_nothing_reaches_the_host(shop: Path) -> None:
    feature = linked(shop)
    (shop / ".git/info/exclude").write_text("/ignored\n")
    (feature / "ignored").touch()
    inside, before = Inside(feature), git(shop, "rev-parse", "feature")
    assert inside.git("status", "--porcelain") == ""
    new = inside.commit()
    inside.git("gc", "--quiet")
    inside.git("fsck", "--strict")
    assert inside.git("log", "--format=%H %an") == f"{new} Ada\n{before} Ada"
    assert git(shop, "rev-parse", "feature") == before
    git(shop, "cat-file", "-e", new, code=1)


def test_it_borrows_the_host_s_objects_and_keeps_them_alive(shop: Path) -> None:
    tree = create(linked(shop))
    assert (naming.private_repo(tree) / "objects/info/alternates").read_text() == "/wt/objects\n"
    assert (naming.worktree_state_dir(tree) / "dot-git").read_text() == "gitdir: /wt/repo.git\n"
    kept = {f"refs/wt/feature/base/heads/{name}": git(shop, "rev-parse", "HEAD") for name in ("feature", "main")}
    assert host.refs(tree.repository, "refs/wt/") == kept


def test_it_knows_two_branches_and_no_secret(shop: Path) -> None:
    secrets = ("http.extraHeader", "credential.helper", "alias.x", "core.hooksPath", "user.signingKey")
    for key, value in (("remote.origin.url", "https://a:s3cret@x.org/y"), *((key, "s3cret") for key in secrets)):
        git(shop, "config", key, value)
    git(shop, "branch", "unrelated")
    git(shop, "tag", "v1")
    inside = Inside(linked(shop))
    assert set(private_repo.read_refs(inside.tree).refs) == {"refs/heads/feature", "refs/heads/main"}
    assert inside.git("remote", "get-url", "origin") == "https://x.org/y"
    texts = [path.read_text(errors="replace") for path in inside.path.rglob("*") if path.is_file()]
    assert "s3cret" not in "".join(texts)
    assert list(inside.path.glob("hooks/*")) == []


@pytest.mark.parametrize("name", ['a"b', "a\\b", "ümlaut", "a'b$c"])
def test_odd_identities_survive(shop: Path, name: str) -> None:
    git(shop, "config", "user.name", name)
    assert Inside(shop).git("config", "user.name") == name


def test_the_host_is_a_remote_whatever_the_user_s_remotes_are_called(shop: Path) -> None:
    git(shop, "remote", "add", "host", "https://example.com/shop.git")
    assert Inside(shop).git("remote", "get-url", "--all", "host") == "/wt/host.git"


def test_sha256_repository(tmp_path: Path) -> None:
    inside = Inside(repository(tmp_path / "long", "--object-format=sha256"))
    assert private_repo.read_refs(inside.tree).refs["refs/heads/main"] == inside.git("rev-parse", "HEAD")
    assert len(inside.commit()) == 64


def test_shallow_repository(shop: Path) -> None:
    commit(shop, text="second\n")
    commit(shop, text="third\n")
    git(shop, "clone", "--quiet", "--depth=2", shop.as_uri(), "../shallow")
    inside = Inside(shop.parent / "shallow")
    assert len(inside.git("log", "--format=%H").splitlines()) == 2
    inside.git("fsck")


def test_split_index(shop: Path) -> None:
    git(shop, "update-index", "--split-index")
    assert Inside(shop).git("status", "--porcelain") == ""


def test_1500_packed_refs_are_quick(shop: Path) -> None:
    tip = git(shop, "rev-parse", "HEAD")
    lines = "".join(f"{tip} refs/heads/b{number}\n" for number in range(1500))
    (shop / ".git/packed-refs").write_text(f"# pack-refs with: peeled fully-peeled sorted \n{lines}")
    started = time.process_time()
    tree = create(shop)
    private_repo.write_host_view(tree, view_files(tree))
    assert time.process_time() - started < 0.5
    assert set(private_repo.read_refs(tree).refs) == {"refs/heads/main"}


@pytest.mark.parametrize("head", ["-b feature", "--detach main~1"])
def test_a_fresh_one_has_nothing_to_import(shop: Path, head: str) -> None:
    commit(shop, text="second\n")
    git(shop, "worktree", "add", "--quiet", "../tree", *head.split())
    tree = create(shop.parent / "tree")
    assert importer.missing(tree, private_repo.read_refs(tree), host.refs(tree.repository)) == {}


def test_half_of_one_is_not_seen_and_it_can_be_made_again_and_removed_twice(shop: Path) -> None:
    tree = worktree(shop)
    state, settings = naming.worktree_state_dir(tree), host.settings(tree.repository, tree.branch)
    with pytest.raises(ToolError):
        private_repo.create(tree, replace(settings, object_format="md5"))
    assert not private_repo.exists(tree)
    assert list(state.glob(".repo*")) == []
    (state / ".repo.git.killed").mkdir()
    private_repo.create(tree, settings)
    assert private_repo.exists(tree)
    private_repo.remove(tree)
    private_repo.remove(tree)
    assert not state.exists()


def view_files(tree: Worktree) -> dict[str, bytes]:
    return dict(private_repo.host_view_files(tree, host.settings(tree.repository, tree.branch)))


def test_the_host_view_shows_packed_and_loose_refs_to_git(shop: Path) -> None:
    git(shop, "branch", "packed")
    git(shop, "pack-refs", "--all")
    tree = create(shop)
    assert not private_repo.host_view_is_current(tree, view_files(tree))
    private_repo.write_host_view(tree, view_files(tree))
    assert private_repo.host_view_is_current(tree, view_files(tree))
    view = naming.worktree_state_dir(tree) / "host.git"
    (view / "objects/info/alternates").write_text(f"{shop}/.git/objects\n")
    (view / "refs").rmdir()
    (view / "refs").symlink_to(shop / ".git/refs")  # as the mount does
    git(shop, "branch", "later")
    assert git(shop, "ls-remote", str(view)) == git(shop, "ls-remote", ".")
    assert not private_repo.host_view_is_current(tree, view_files(tree))


def test_refs_inside_are_read_as_git_wrote_them(shop: Path) -> None:
    inside = Inside(linked(shop))
    start = inside.git("rev-parse", "HEAD")
    first = inside.commit()
    inside.git("branch", "topic/one")
    inside.git("tag", "--annotate", "--message", "one", "v1")
    inside.git("pack-refs", "--all")
    second = inside.commit(text="second\n")
    stash: list[str] = []
    for text in ("stash one\n", "stash two\n"):
        (inside.tree.path / "inside").write_text(text)
        inside.git("stash")
        stash.insert(0, inside.git("rev-parse", "stash"))
    inside.git("checkout", "--quiet", "--detach", "HEAD~1")
    refs = {
        "refs/heads/feature": second,
        "refs/heads/main": git(shop, "rev-parse", "main"),
        "refs/heads/topic/one": first,
        "refs/tags/v1": inside.git("rev-parse", "v1"),
    }
    assert private_repo.read_refs(inside.tree) == InsideRefs(
        None, first, refs, tuple(stash), frozenset({start, first, second}), None
    )


@pytest.mark.parametrize("command", ["merge", "rebase", "cherry-pick"])
def test_an_operation_under_way_is_seen(shop: Path, command: str) -> None:
    inside = Inside(linked(shop))
    inside.git("branch", "other")
    inside.commit(text="one\n")
    inside.git("checkout", "--quiet", "other")
    inside.commit(text="two\n")
    inside.git(command, "feature", code=1)
    assert private_repo.read_refs(inside.tree).operation == command


@pytest.mark.parametrize("command", ["cherry-pick", "revert"])
def test_an_operation_between_two_commits_is_seen(shop: Path, command: str) -> None:
    inside = Inside(linked(shop))
    inside.git("branch", "other")
    first, second = inside.commit(text="one\n"), inside.commit(text="two\n")
    if command == "revert":
        first, second = second, first
        inside.commit(text="three\n")
    else:
        inside.git("checkout", "--quiet", "other")
        inside.commit(text="three\n")
    inside.git(command, first, second, code=1)
    inside.commit(text="resolved\n")
    assert not [each for each in inside.path.iterdir() if each.name.endswith("_HEAD") and each.name != "ORIG_HEAD"]
    assert private_repo.read_refs(inside.tree).operation == command
    inside.git(command, "--abort")
    assert private_repo.read_refs(inside.tree).operation is None


@pytest.mark.parametrize("kind", ["FIFO", "symlink", "directory"])
def test_what_an_agent_put_in_the_place_of_a_list_of_commits_keeps_nobody_waiting(shop: Path, kind: str) -> None:
    tree = create(linked(shop))
    todo = naming.private_repo(tree) / "sequencer/todo"
    todo.parent.mkdir()
    {"FIFO": os.mkfifo, "symlink": lambda each: each.symlink_to("/dev/zero"), "directory": Path.mkdir}[kind](todo)
    assert private_repo.read_refs(tree).operation == "cherry-pick"


@pytest.fixture
def root(shop: Path) -> Path:
    """A private repository that an agent has made of single files."""
    root = naming.private_repo(worktree(shop))
    (root / "refs/heads").mkdir(parents=True)
    (root / "HEAD").write_text("ref: refs/heads/main\n")
    (root / "refs/heads/main").write_text(f"{OID}\n")
    return root


def test_symlinked_refs_are_not_followed(root: Path, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x").write_text(f"{OTHER}\n")
    for place, target in (("heads/link", "elsewhere/x"), ("heads/dir", "elsewhere"), ("tags", "elsewhere")):
        (root / "refs" / place).symlink_to(tmp_path / target)
    os.mkfifo(root / "refs/heads/fifo")
    assert (root / "refs/tags/x").read_text() == f"{OTHER}\n"  # positive control
    assert private_repo.read_refs(worktree(shop)).refs == {"refs/heads/main": OID}


@pytest.mark.parametrize("name", ["HEAD", "packed-refs", "logs/refs/stash"])
@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory"])
def test_anything_else_in_place_of_git_s_files_is_refused(root: Path, shop: Path, name: str, kind: str) -> None:
    (root / "refs/stash").write_text(f"{OTHER}\n")
    (root / name).unlink(missing_ok=True)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    make = {"symlink": lambda path: path.symlink_to("/etc/passwd"), "fifo": os.mkfifo, "directory": os.mkdir}
    make[kind](root / name)
    with pytest.raises(Refused):
        private_repo.read_refs(worktree(shop))


def test_hostile_names_and_contents_are_ignored(root: Path, shop: Path) -> None:
    bad = ["a b", "a..b", "x.lock", ".h", "a~1", "a^", "a:b", "a?b", "a*", "a[b", "a\\b", "a\x01b", "a@{1}", "z."]
    for name in bad:
        (root / "refs/heads" / name).write_text(f"{OTHER}\n")
    others = ["HEAD", "../../x", "refs/heads//a", "refs/heads/a/", "refs/heads/x.lock/y", "refs/remotes/o/a"]
    others += [f"refs/heads/{name}" for name in bad] + ["refs/.h", "refs/.h/x"]
    packed = "".join(f"{OTHER} {name}\n" for name in [*others, "refs/heads/good"])
    (root / "packed-refs").write_text(f"zz refs/heads/b\n{packed}")
    (root / "refs/heads/text").write_text("ref: refs/heads/../../../etc/passwd\n")
    (root / "refs/heads/short").write_text("abc\n")
    assert private_repo.read_refs(worktree(shop)).refs == {"refs/heads/main": OID, "refs/heads/good": OTHER}


def test_a_flood_of_packed_refs_is_refused_as_one_of_loose_refs_is(root: Path, shop: Path) -> None:
    (root / "packed-refs").write_text("".join(f"{OTHER} refs/heads/b{number}\n" for number in range(20_001)))
    with pytest.raises(Refused):
        private_repo.read_refs(worktree(shop))


@pytest.mark.parametrize("place", ["refs/heads", "worktrees/w"])
def test_a_flood_of_files_is_refused(root: Path, shop: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / place).mkdir(parents=True, exist_ok=True)
    for number in range(9):
        (root / place / f"b{number}").write_text(f"{OTHER}\n")
    private_repo.read_refs(worktree(shop))
    monkeypatch.setattr(private_repo, "_MAX_REFS", 5)
    with pytest.raises(Refused, match="more than 5 files"):
        private_repo.read_refs(worktree(shop))


def test_a_flood_of_stash_entries_is_refused(root: Path, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "logs/refs").mkdir(parents=True)
    (root / "refs/stash").write_text(f"{OTHER}\n")
    (root / "logs/refs/stash").write_text("".join(f"{OID} {number:040x} a line\n" for number in range(9)))
    assert len(private_repo.read_refs(worktree(shop)).stash) == 10
    monkeypatch.setattr(private_repo, "_MAX_STASH", 5)
    with pytest.raises(Refused, match="more than 5 stash entries"):
        private_repo.read_refs(worktree(shop))


def test_a_flood_of_what_a_merge_holds_is_refused(root: Path, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abcdefgh":
        (root / "worktrees" / name).mkdir(parents=True)
        (root / "worktrees" / name / "MERGE_HEAD").write_text(f"{OTHER}\n" * 4)
    read, really = [], private_repo._read_text

    def reading(root: Path, path: str, **limit: int) -> str | None:
        read.append(path)
        return really(root, path, **limit)

    monkeypatch.setattr(private_repo, "_MAX_STASH", 5)
    monkeypatch.setattr(private_repo, "_read_text", reading)
    with pytest.raises(Refused, match="more than 5 stash entries"):
        private_repo.read_refs(worktree(shop))
    assert len([name for name in read if name.endswith("/MERGE_HEAD")]) == 2


def test_of_a_long_log_the_newest_lines_are_read(root: Path, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "logs/refs/heads").mkdir(parents=True, exist_ok=True)
    lines = [f"{number:040x} {number + 1:040x} a line\n" for number in range(9)]
    (root / "logs/refs/heads/main").write_text("".join(lines))
    assert private_repo.read_refs(worktree(shop)).past == {f"{number:040x}" for number in range(10)}
    monkeypatch.setattr(private_repo, "_MAX_LOG", 4)
    assert private_repo.read_refs(worktree(shop)).past >= {f"{number:040x}" for number in (7, 8, 9)}
    assert not private_repo.read_refs(worktree(shop)).past & {f"{number:040x}" for number in range(2, 6)}


@pytest.mark.parametrize("name", ["HEAD", "refs/heads/long", "worktrees/w/HEAD", "MERGE_AUTOSTASH"])
def test_what_is_a_line_in_git_is_no_large_file(root: Path, shop: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(OTHER + " " * 99)
    found = private_repo.read_refs(worktree(shop))
    assert OTHER in {found.detached, *found.refs.values(), *found.stash}
    (root / name).write_text(OTHER + " " * 5_000)
    with pytest.raises(Refused, match="larger than"):
        private_repo.read_refs(worktree(shop))


def test_without_head_it_is_refused_and_its_place_named(root: Path, shop: Path) -> None:
    (root / "HEAD").unlink()
    with pytest.raises(Refused, match="no HEAD") as caught:
        private_repo.read_refs(worktree(shop))
    assert str(root) in (caught.value.hint or "")


@pytest.mark.parametrize("kind", ["link", "file"])
def test_hidden_refs_are_refused_rather_than_taken_for_none(shop: Path, kind: str) -> None:
    inside = Inside(linked(shop))
    inside.commit()
    (inside.path / "refs").rename(inside.path / "hidden")
    if kind == "link":
        (inside.path / "refs").symlink_to("hidden")
    else:
        (inside.path / "refs").write_text("")
    with pytest.raises(Refused):
        private_repo.read_refs(inside.tree)


def test_without_what_covers_dot_git_the_commits_inside_are_still_known(shop: Path) -> None:
    """They are in the private repository alone, so that `wt rm` must not take it for none."""
    inside = Inside(linked(shop))
    tip = inside.commit()
    base = git(shop, "for-each-ref", "refs/wt")
    (inside.path.parent / "dot-git").unlink()
    assert "1 to sync" in wt(shop, "ls").stdout
    wt(shop, "init")
    shutil.copytree(shop / ".devcontainer", inside.tree.path / ".devcontainer")
    wt(inside.tree.path, "prepare", code=4)
    assert (inside.path.parent / "dot-git").is_file()
    assert inside.git("rev-parse", "HEAD") == tip
    assert git(shop, "for-each-ref", "refs/wt") == base


def test_what_was_imported_from_one_that_is_gone_is_not_moved_by_the_next_of_its_id(shop: Path) -> None:
    feature = linked(shop)
    inside = Inside(feature)
    lost = inside.commit()
    inside.bring_in()
    git(shop, "update-ref", "refs/heads/feature", f"{lost}~1")
    git(shop, "worktree", "remove", "--force", str(feature))
    private_repo.remove(inside.tree)
    git(shop, "worktree", "add", "--quiet", str(feature), "feature")
    Inside(feature).bring_in()
    (ref,) = git(shop, "for-each-ref", "--points-at", lost, "--format=%(refname)").split()
    assert ref.startswith("refs/wt/aside/feature.") and ref.endswith("/heads/feature")
    assert set(git(shop, "for-each-ref", "refs/wt/feature", "--format=%(refname)").split()) == {
        "refs/wt/feature/base/heads/feature",
        "refs/wt/feature/base/heads/main",
    }


def test_one_that_is_put_aside_takes_its_refs_along(shop: Path) -> None:
    feature = linked(shop)
    inside = Inside(feature)
    inside.git("switch", "--quiet", "-c", "side")
    lost = inside.commit()
    inside.bring_in()
    git(shop, "worktree", "remove", "--force", str(feature))
    git(shop, "worktree", "add", "--quiet", str(feature), "feature")
    create(feature)
    (kept,) = (shop / ".git/wt-sandbox/aside").iterdir()
    assert git(shop, "rev-parse", f"refs/wt/aside/{kept.name}/heads/side") == lost
    git(shop, "rev-parse", f"refs/wt/aside/{kept.name}/base/heads/feature")
    assert git(shop, "for-each-ref", "--points-at", lost, "refs/wt/feature") == ""


def test_one_without_rights_to_it_can_be_put_aside(shop: Path) -> None:
    """To move a directory to another place takes the right to write to it."""
    tree = create(linked(shop))
    naming.private_repo(tree).chmod(0)
    assert private_repo.put_aside(tree).stat().st_mode & 0o700 == 0o700
    assert not private_repo.exists(tree)


def test_undoing_leaves_a_private_repository_that_holds_commits(shop: Path) -> None:
    inside = Inside(linked(shop))
    step = CreatePrivateRepository(inside.tree, host.settings(inside.tree.repository, None), host_user())
    inside.commit()
    apply._undo(step)
    assert inside.path.is_dir()
    inside.git("branch", "side")
    lost = inside.commit("another")
    inside.git("switch", "--quiet", "side")
    inside.bring_in()
    apply._undo(step)
    assert not inside.path.exists()
    kept = git(inside.tree.path, "for-each-ref", "refs/wt", "--format=%(refname)").split()
    assert kept == ["refs/wt/feature/heads/feature", "refs/wt/feature/heads/side"]
    git(inside.tree.path, "merge-base", "--is-ancestor", lost, "feature")


def test_what_git_stashed_by_itself_is_imported(shop: Path) -> None:
    """It is in no ref, and nowhere else until the rebase ends."""
    inside = Inside(linked(shop))
    inside.commit("file", "one\n")
    inside.git("branch", "other", "HEAD~1")
    inside.git("switch", "--quiet", "other")
    inside.commit("file", "two\n")
    (inside.tree.path / "inside").write_text("never committed\n")
    inside.git("add", "inside")
    inside.git("rebase", "--quiet", "--autostash", "feature", code=1)
    inside.bring_in()
    assert git(shop, "show", "refs/wt/feature/stash/0:inside") == "never committed"


@pytest.mark.parametrize("place", ["itself", "a worktree"])
def test_what_a_rebase_on_no_branch_began_with_is_imported(shop: Path, place: str) -> None:
    """Until it ends, it is in a file of git's alone."""
    inside = Inside(linked(shop))
    inside.git("branch", "other")
    inside.commit("clash", "theirs\n")
    work = inside.tree.path
    options = [f"--git-dir={inside.path}", f"--work-tree={work}"]
    if place == "a worktree":
        work, options = shop.parent / "inner", []
        inside.git("worktree", "add", "--quiet", "--detach", str(work), "other")
    else:
        inside.git("checkout", "--quiet", "--detach", "other")
    for name in ("clash", "precious"):
        (work / name).write_text("ours\n")
        git(work, *options, "add", name)
        git(work, *options, "commit", "--quiet", "--message", name)
    began = git(work, *options, "rev-parse", "HEAD")
    git(work, *options, "rebase", "--quiet", "feature", code=1)
    inside.bring_in()
    assert git(shop, "rev-parse", "refs/wt/feature/stash/0") == began
    git(work, *options, "rebase", "--abort")
    assert private_repo.read_refs(inside.tree).stash == ()


def test_what_else_git_has_under_way_is_imported(shop: Path) -> None:
    """Commits that no ref holds: those of a merge of several, one that is picked, one on which a bisection began."""
    inside = Inside(linked(shop))
    loose = [inside.git("commit-tree", "-p", "HEAD", "-m", str(number), "HEAD^{tree}") for number in range(4)]
    (inside.path / "MERGE_HEAD").write_text(f"{loose[0]}\n{loose[1]}\n")
    (inside.path / "CHERRY_PICK_HEAD").write_text(f"{loose[2]}\n")
    (inside.path / "BISECT_START").write_text(f"{loose[3]}\n")
    assert private_repo.read_refs(inside.tree).stash == tuple(loose)
    inside.bring_in()
    assert git(shop, "cat-file", "-t", loose[3]) == "commit"
    (inside.path / "BISECT_START").write_text("feature\n")
    (inside.path / "worktrees").mkdir()
    (inside.path / "worktrees/MERGE_HEAD").write_text(f"{loose[3]}\n")
    assert private_repo.read_refs(inside.tree).stash == tuple(loose[:3])


def test_a_stash_whose_reflog_says_less_loses_nothing(shop: Path) -> None:
    inside = Inside(linked(shop))
    (inside.tree.path / "file").write_text("first\n")
    inside.git("stash", "--quiet")
    (inside.tree.path / "file").write_text("second\n")
    newest = inside.git("stash", "create")
    (inside.path / "refs/stash").write_text(f"{newest}\n")
    assert private_repo.read_refs(inside.tree).stash[0] == newest
    assert len(private_repo.read_refs(inside.tree).stash) == 2


def test_refs_that_are_not_files_are_refused_rather_than_taken_for_none(shop: Path) -> None:
    inside = Inside(linked(shop))
    (inside.path / "reftable").mkdir()
    with pytest.raises(Refused, match="not stored as files"):
        private_repo.read_refs(inside.tree)


def test_refs_that_are_not_files_are_damage_where_nothing_can_be_started_to_mend_them(shop: Path) -> None:
    inside = Inside(linked(shop))
    (inside.path / "reftable").mkdir()
    assert health.damage(inside.tree) is None
    shutil.rmtree(inside.tree.path)
    assert health.damage(inside.tree) == "its refs are not stored as files"


@pytest.mark.parametrize("name", ["refs/worktree/keep", "refs/bisect/start", "HEAD"])
def test_what_a_worktree_that_was_made_inside_has_for_itself_is_imported(shop: Path, name: str) -> None:
    inside = Inside(linked(shop))
    inner = shop.parent / "inner"
    inside.git("worktree", "add", "--quiet", "--detach", str(inner))
    oid = git(inner, "commit-tree", "-p", "HEAD", "-m", "precious", "HEAD^{tree}")
    git(inner, "update-ref", "--no-deref", name, oid)
    (inside.path / "worktrees/inner/refs/worktree").mkdir(parents=True, exist_ok=True)
    (inside.path / "worktrees/inner/refs/worktree/keep.lock").write_text(f"{oid}\n")
    assert inside.bring_in().imported == (f"refs/wt/feature/worktrees/inner/{name}",)
    assert "precious" in rm.observe_removal(inside.tree, force=True).only_here[0]


def test_what_its_configuration_includes_is_not_read(shop: Path, tmp_path: Path) -> None:
    """Any file of the host's, be it one that never ends."""
    inside = Inside(linked(shop))
    (tmp_path / "included").write_text("[core]\n\trepositoryformatversion = 9\n")
    with (inside.path / "config").open("a") as file:
        file.write(f"[include]\n\tpath = {tmp_path}/included\n")
    assert health.damage(inside.tree) is None
    key = "core.repositoryformatversion"
    assert git(inside.path, "config", "--includes", "--file", "config", "--get", key) == "9"
