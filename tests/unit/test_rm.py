"""What `wt rm` looks at, on real git: no commit and no file that it could overlook."""

import os
import shutil
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from unit.nouns import container
from unit.repos import Inside, commit, git, linked, worktree
from wt import checkouts, docker, estates, garbage, mounts, naming, process, removal, trash, unwatched
from wt import git as host
from wt.commands import gc, rm
from wt.errors import Refused, ToolError


def refused(path: Path, words: str, *, force: bool = False) -> None:
    with pytest.raises(Refused, match=words):
        removal.decide(rm.observe_removal(worktree(path), force=force), force=force)


def test_a_symbolic_branch_goes_itself(shop: Path) -> None:
    git(shop, "symbolic-ref", "refs/heads/alias", "refs/heads/main")
    tree = worktree(linked(shop))
    host.delete_branch(tree.repository, "refs/heads/alias", git(shop, "rev-parse", "main"))
    assert git(shop, "for-each-ref", "--format=%(refname)").split() == ["refs/heads/feature", "refs/heads/main"]


def test_a_symbolic_branch_holds_nothing(shop: Path) -> None:
    path = linked(shop)
    commit(path, "x", "y", "precious")
    git(shop, "symbolic-ref", "refs/heads/alias", "refs/heads/feature")
    seen = rm.observe_removal(worktree(path), ask_merged=True)
    assert "precious" in seen.only_on_branch[0] and not seen.merged


def test_a_branch_that_another_worktree_is_on_stays(shop: Path) -> None:
    path = linked(shop)
    git(shop, "worktree", "add", "--quiet", "--force", "../other", "feature")
    seen = rm.observe_removal(worktree(path))
    assert seen.also_in == shop.parent / "other"
    with pytest.raises(Refused, match="checked out in"):
        removal.decide(seen, force_branch=True)


def test_work_in_a_submodule_is_not_overlooked(shop: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    git(shop, "clone", "--quiet", ".", str(part))
    git(shop, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(part), "lib")
    commit(shop, "with", "submodule")
    path = linked(shop)
    removal.decide(rm.observe_removal(worktree(path)))
    (path / "lib/file").write_text("work")
    refused(path, "feature has submodules")
    (path / "lib/file").unlink()
    removal.decide(rm.observe_removal(worktree(path)))
    git(path, "-c", "protocol.file.allow=always", "submodule", "update", "--quiet", "--init")
    git(path, "submodule", "deinit", "--quiet", "--force", "lib")
    refused(path, "feature has submodules")


def test_refs_of_the_worktree_alone_are_not_overlooked(shop: Path) -> None:
    path = linked(shop)
    oid = git(path, "commit-tree", "-p", "HEAD", "-m", "precious", "HEAD^{tree}")
    git(path, "update-ref", "refs/worktree/keep", oid)
    refused(path, "nowhere else", force=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything; e2e/test_removal.py has an ordinary user")
def test_what_can_not_be_read_is_not_taken_for_nothing(shop: Path) -> None:
    path = linked(shop)
    (path / "secret").mkdir(mode=0)
    refused(path, "not committed")
    (path / "secret").chmod(0o700)


@pytest.mark.parametrize("name", ["d", "line\nbreak"])
def test_what_is_too_deep_for_git_is_not_taken_for_nothing(
    shop: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git cuts such a path where it complains of it."""
    path = linked(shop)
    monkeypatch.chdir(path)
    for each in (name, *["d" * 200] * 25):
        Path(each).mkdir()
        os.chdir(each)
    Path("precious").touch()
    refused(path, "not committed")


@pytest.mark.parametrize("mark", ["--skip-worktree", "--assume-unchanged"])
def test_a_change_that_git_status_hides_is_not_overlooked(shop: Path, mark: str) -> None:
    commit(shop, "se ttings", "1\n")
    path = linked(shop)
    git(path, "update-index", mark, "file", "se ttings")
    os.utime(path / "file", (1, 1))
    assert rm.observe_removal(worktree(path)).dirty == ()
    (path / "se ttings").write_text("an hour of work\n")
    assert git(path, "status", "--porcelain") == ""
    assert rm.observe_removal(worktree(path)).dirty == ("se ttings",)
    refused(path, "not committed")


@pytest.mark.parametrize("place", ["lib", "lib/deep"])
def test_a_repository_among_tracked_files_is_not_overlooked(shop: Path, place: str) -> None:
    (shop / "lib/deep").mkdir(parents=True)
    commit(shop, "lib/deep/file")
    (shop / ".gitignore").write_text("build\n")
    commit(shop)
    path = linked(shop)
    git(path, "init", "--quiet", "lib/build")
    removal.decide(rm.observe_removal(worktree(path)))
    git(path, "init", "--quiet", place)
    git(path / place, "commit", "--quiet", "--allow-empty", "--message", "precious")
    assert git(path, "status", "--porcelain") == ""
    assert rm.observe_removal(worktree(path)).repositories == (place,)
    refused(path, "repositories among its files")
    removal.decide(rm.observe_removal(worktree(path), force=True), force=True)


def test_a_worktree_that_was_made_inside_is_not_overlooked(shop: Path) -> None:
    (shop / ".gitignore").write_text("trees\n")
    commit(shop)
    path = linked(shop)
    inside = Inside(path)
    for name, place in {"one": "/app/trees/one", "two": "../../../../app/trees/two", "gone": "/app/trees/gone"}.items():
        inside.git("worktree", "add", "--quiet", "--detach", str(path / "trees" / name))
        # As git would write it in the sandbox.
        (inside.path / f"worktrees/{name}/gitdir").write_text(f"{place}/.git\n")
    (path / "trees/gone/.git").unlink()
    (inside.path / "worktrees/none").mkdir()
    assert git(path, "status", "--porcelain") == ""
    assert rm.observe_removal(worktree(path)).made_inside == ("trees/one", "trees/two")
    for odd in ("/app", "/app/.git/..", "/app/trees/one/.git\0", "", "." * 4_000):
        (inside.path / "worktrees/gone/gitdir").write_text(odd)
        assert unwatched.made_inside(worktree(path)) == ("trees/one", "trees/two")
    refused(path, "worktrees that were made inside")
    assert rm.observe_removal(worktree(path), force=True).made_inside == ()
    shutil.rmtree(path / "trees")
    removal.decide(rm.observe_removal(worktree(path)))


@pytest.mark.parametrize(("state", "counts"), [("running", "/home/x /tmp/x"), ("exited", "/home/x"), (None, "")])
def test_a_worktree_that_lay_elsewhere_inside_counts_while_it_can_be_there(
    shop: Path, monkeypatch: pytest.MonkeyPatch, state: str | None, counts: str
) -> None:
    """A stop empties the sandbox's /tmp."""
    inside = Inside(linked(shop))
    for place in ("home", "tmp"):
        (inside.path / f"worktrees/{place}").mkdir(parents=True)
        (inside.path / f"worktrees/{place}/gitdir").write_text(f"/{place}/x/.git\n")
    found = [container(project=naming.project_name(inside.tree), state=state)] if state else []
    monkeypatch.setattr(docker, "containers", lambda **_: found)
    assert estates.made_inside(inside.tree) == tuple(counts.split())
    for number in range(201):
        (inside.path / f"worktrees/{number}").mkdir()
    assert estates.made_inside(inside.tree) == ("more than 200 of them",)


def test_gc_asks_for_worktrees_made_inside_where_the_worktree_is_gone(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = Inside(linked(shop))
    (inside.path / "worktrees/x").mkdir(parents=True)
    (inside.path / "worktrees/x/gitdir").write_text("/home/x/.git\n")
    found = container(project=naming.project_name(inside.tree), state="exited")
    monkeypatch.setattr(docker, "containers", lambda **_: [found])
    said = "worktrees that were made inside, in which there may be work: /home/x"
    shutil.rmtree(inside.tree.path)
    kept = gc._gone(inside.tree, host.refs(inside.tree.repository)).obstacle
    assert kept == (f"its private repository has {said}", "wt rm --force feature")
    git(shop, "worktree", "prune")
    found = replace(found, project=naming.project_name(garbage.stand_in(inside.tree.repository, "feature")))
    (orphan,) = estates.of_repository(inside.tree.repository, ()).orphans
    assert orphan.stays == f"it has {said}"
    (inside.path / "worktrees/x/gitdir").unlink()
    (inside.path / "worktrees/x/gitdir").mkdir()
    (orphan,) = estates.of_repository(inside.tree.repository, ()).orphans
    assert orphan.stays.startswith("it has what can't be read: ")


def test_a_repository_among_tracked_files_is_looked_for_where_these_are_alone(shop: Path) -> None:
    """What an agent makes besides, be it without end, costs nothing."""
    for each in ("one", "two/deep"):
        (shop / each).mkdir(parents=True)
        commit(shop, f"{each}/file")
    path = linked(shop)
    (path / "ignored/one").mkdir(parents=True)
    (path / "two/deep/.git").symlink_to("nowhere")
    (path / "one/file").unlink()
    (path / "one").rmdir()
    (path / "one").symlink_to("two/deep")
    assert unwatched.repositories(worktree(path)) == ("two/deep",)


def test_a_file_that_a_sparse_checkout_leaves_out_is_no_change(shop: Path) -> None:
    commit(shop, "left out", "1\n")
    path = linked(shop)
    git(path, "sparse-checkout", "set", "--no-cone", "file")
    assert not (path / "left out").exists() and "S left out" in git(path, "ls-files", "-v")
    assert rm.observe_removal(worktree(path)).dirty == ()
    (path / "left out").write_text("written again\n")
    refused(path, "not committed")


@pytest.mark.parametrize("pushed", [True, False])
def test_what_a_remote_has_is_not_lost(shop: Path, *, pushed: bool) -> None:
    path = linked(shop)
    git(path, "checkout", "--quiet", "--detach")
    imported = commit(path, "x", "1", "imported")
    git(path, "update-ref", "refs/wt/feature/heads/side", imported)
    git(path, "reset", "--quiet", "--hard", "HEAD^")
    here = commit(path, "x", "2", "checked out")
    for oid in (imported, here) if pushed else ():
        git(path, "update-ref", f"refs/remotes/origin/{oid}", oid)
    seen = rm.observe_removal(worktree(path))
    assert {line.partition(" ")[2] for line in seen.only_here} == (set() if pushed else {"imported", "checked out"})


def test_a_branch_that_was_pushed_or_that_the_remote_has_merged_may_go(shop: Path) -> None:
    path = linked(shop)
    tip = commit(path, "x", "y", "precious")
    tree = worktree(path)
    assert rm.observe_removal(tree, ask_merged=True).only_on_branch
    git(shop, "update-ref", "refs/remotes/origin/feature", tip)
    assert rm.observe_removal(tree, ask_merged=True).only_on_branch == ()
    assert not rm.is_merged(tree, host.refs(tree.repository), "refs/heads/main")
    git(shop, "update-ref", "refs/remotes/origin/main", tip)
    assert rm.is_merged(tree, host.refs(tree.repository), "refs/heads/main")


def test_what_keeps_git_for_ever_does_not_keep_wt(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = linked(shop)
    os.mkfifo(path / ".gitignore")
    monkeypatch.setattr(checkouts, "_PATIENCE", 1)
    with pytest.raises(ToolError, match="took longer"):
        rm.observe_removal(worktree(path))
    assert rm.observe_removal(worktree(path), force=True).dirty == ()


def test_signatures_are_not_looked_at(shop: Path, tmp_path: Path) -> None:
    """`log.showSignature` would have the host's gpg read what an agent signed."""
    (tmp_path / "gpg").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (tmp_path / "gpg").chmod(0o755)
    git(shop, "config", "gpg.program", str(tmp_path / "gpg"))
    git(shop, "config", "log.showSignature", "true")
    path = linked(shop)
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n x\n -----END PGP SIGNATURE-----"
    raw = git(path, "cat-file", "commit", "HEAD").replace("\n\n", f"\n{signature}\n\n", 1)
    (tmp_path / "raw").write_text(f"{raw}\n")
    git(path, "reset", "--quiet", "--hard", git(path, "hash-object", "-t", "commit", "-w", str(tmp_path / "raw")))
    git(shop, "log", "-1", "feature")
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    rm.observe_removal(worktree(path), ask_merged=True)
    assert not (tmp_path / "ran").exists()


ROW = "{ask}\t{mark}\t{pid} ({name}) S {parent} 1 1 0\t{line}"


@pytest.mark.parametrize("break_", ["\f", "\r", "\v", "\x1c", "\x85", "\u2028"])
def test_an_agent_hides_no_other_s_process(monkeypatch: pytest.MonkeyPatch, break_: str) -> None:
    forged = ROW.format(ask="ask", mark="", pid=77, name="x", parent=1, line="forged")
    rows = [
        ROW.format(ask="", mark="", pid=1, name="docker-init", parent=0, line="docker-init"),
        ROW.format(ask="", mark="", pid=50, name="x", parent=1, line=f"x{break_}{forged}"),
        ROW.format(ask="", mark="", pid=77, name="bash) S 1 (", parent=0, line="bash --login"),
        ROW.format(ask="ask", mark="", pid=78, name="sh", parent=0, line="sh -c ..."),
        ROW.format(ask="", mark="mark", pid=79, name="node", parent=1, line="node server.js "),
    ]
    answer = process.Result(0, "\n".join(rows).encode(), b"")
    monkeypatch.setattr(process, "run", lambda *_, **__: answer)
    assert docker.processes(container()) == ("bash --login", "node server.js")


@pytest.mark.parametrize("looks", [1, 3, None])
def test_a_sandbox_that_ends_while_it_is_asked_has_nobody_in_it(
    shop: Path, monkeypatch: pytest.MonkeyPatch, looks: int | None
) -> None:
    """As when another wt stops it at that moment."""
    tree = worktree(linked(shop))
    box = container(project=naming.project_name(tree))

    def fails(*_: object, **__: object) -> process.Result:
        raise ToolError("docker exec failed: no message")

    # How often the engine's list has it as running before it does not.
    seen = iter([box] * (9 if looks is None else looks))
    monkeypatch.setattr(docker, "containers", lambda **_: tuple(filter(None, [next(seen, None)])))
    monkeypatch.setattr(process, "run", fails)
    with nullcontext() if looks else pytest.raises(ToolError, match="no message") as caught:
        assert rm.processes(tree) == ()
    assert looks or (caught is not None and caught.value.hint == "`wt down feature` stops it")


def test_what_the_engine_removes_already_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a container that ended, which was to be removed by itself."""
    said = iter((b"removal of container x is already in progress", b"No such container: x"))
    monkeypatch.setattr(process, "run", lambda *_, **__: process.Result(1, b"", next(said)))
    docker.remove("container", "x")
    assert next(said, None) is None
    monkeypatch.setattr(process, "run", lambda *_, **__: process.Result(1, b"", b"volume is in use"))
    with pytest.raises(ToolError, match="in use"):
        docker.remove("volume", "x")


@pytest.mark.skipif(sys.platform != "linux", reason="no other machine says what is mounted")
def test_mount_points_are_found_below_a_directory_and_not_at_it() -> None:
    assert Path("/proc") in mounts.below(Path("/")) and Path("/proc") not in mounts.below(Path("/proc"))


def test_refs_of_a_worktree_that_is_gone_are_not_overlooked(shop: Path) -> None:
    path = linked(shop)
    oid = git(path, "commit-tree", "-p", "HEAD", "-m", "precious", "HEAD^{tree}")
    git(path, "update-ref", "refs/worktree/keep", oid)
    path.rename(shop.parent / "moved")
    tree = next(each for each in checkouts.worktrees(worktree(shop).repository) if each.path == path)
    assert "precious" in rm.observe_removal(tree).only_here[0]


def test_what_a_rebase_on_the_host_began_with_is_not_overlooked(shop: Path) -> None:
    path = linked(shop)
    commit(path, "clash", "theirs")
    git(path, "checkout", "--quiet", "--detach", "main")
    commit(path, "clash", "ours", "clash")
    commit(path, "x", "y", "precious")
    git(path, "rebase", "--quiet", "feature", code=1)
    tree = worktree(path)
    assert rm.observe_removal(tree).operations == ("rebase",)
    path.rename(shop.parent / "moved")
    assert "precious" in rm.observe_removal(tree).only_here[0]


@pytest.mark.parametrize("command", ["cherry-pick", "revert"])
def test_what_is_between_two_commits_on_the_host_is_not_overlooked(shop: Path, command: str) -> None:
    path = linked(shop)
    commits = [commit(path, "clash", text) for text in ("one", "two")]
    if command == "cherry-pick":
        git(path, "switch", "--quiet", "--create", "other", "main")
    commit(path, "clash", "three")
    git(path, command, *(commits if command == "cherry-pick" else reversed(commits)), code=1)
    commit(path, "clash", "resolved")
    assert f"{command} currently in progress" in git(path, "status").lower()
    assert rm.observe_removal(worktree(path)).operations == (command,)
    git(path, command, "--quit")
    assert rm.observe_removal(worktree(path)).operations == ()


def test_a_file_in_the_place_of_a_worktree_stays_and_is_not_in_the_way(shop: Path) -> None:
    path = linked(shop)
    tree = worktree(path)
    path.rename(shop.parent / "moved")
    path.write_text("precious")
    trash.put(tree)
    checkouts.remove_worktree(tree)
    assert path.read_text() == "precious" and not tree.git_dir.exists()


@pytest.mark.parametrize("how", ["branch keep feature", "checkout --quiet --detach feature"])
def test_what_only_a_borrowed_base_holds_is_not_overlooked(shop: Path, how: str) -> None:
    """Both sides have let go of a commit, but for a mark inside: what a sandbox may borrow goes along with it."""
    path = linked(shop)
    commit(path, "x", "y", "precious")
    inside = Inside(path)
    git(path, "reset", "--quiet", "--hard", "HEAD~1")
    assert rm.observe_removal(inside.tree).only_here == ()
    inside.git(*how.split())
    inside.git("update-ref", "refs/heads/feature", "feature~1")
    assert inside.bring_in().imported == ()
    (line,) = rm.observe_removal(inside.tree).only_here
    assert line.endswith(" precious")
    git(shop, "branch", "kept", line.split()[0])
    assert rm.observe_removal(inside.tree).only_here == ()


@pytest.mark.parametrize("kind", ["tag", "blob"])
def test_what_is_no_commit_is_not_overlooked(shop: Path, kind: str) -> None:
    inside = Inside(linked(shop))
    if kind == "tag":
        inside.git("tag", "--annotate", "--message", "a precious message", "v1")
    else:
        (shop.parent / "precious").write_text("precious")
        inside.git("tag", "v1", inside.git("hash-object", "-w", str(shop.parent / "precious")))
    inside.bring_in()
    oid = inside.git("rev-parse", "v1")
    assert rm.observe_removal(inside.tree).only_here == (f"{oid[:10]} ({kind})",)
    with pytest.raises(Refused, match="nowhere else") as caught:
        removal.decide(rm.observe_removal(inside.tree, force=True), force=True)
    (command,) = [each for each in (caught.value.hint or "").split("`") if each.startswith("git tag ")]
    git(shop, *command.replace("NAME OBJECT", f"kept {oid[:10]}").split()[1:])
    assert rm.observe_removal(inside.tree).only_here == ()
