"""Commits come in from a private repository through git's own protocol, served by a real upload-pack."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from unit.repos import SERVE, Inside, commit, git, linked, repository, run, worktree
from wt import git as host
from wt import importer, private_repo
from wt.config import Import
from wt.errors import ToolError
from wt.model import ImportReport, Repository, Worktree
from wt.process import Result


@pytest.fixture
def inside(shop: Path) -> Inside:
    return Inside(linked(shop))


def bring_in(inside: Inside, server: Sequence[str] = (), **limits: int | str) -> ImportReport:
    asked, refs = list(server) or inside.server, private_repo.read_refs(inside.tree)
    return importer.bring_in(inside.tree, refs, lambda: asked, Import(**limits))  # type: ignore[arg-type]


def unasked(inside: Inside) -> ImportReport:
    """An import that must not need a server."""
    return importer.bring_in(
        inside.tree, private_repo.read_refs(inside.tree), lambda: pytest.fail("the server was asked"), Import()
    )


def refs(inside: Inside) -> dict[str, str]:
    return host.refs(inside.tree.repository)


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["linked", "main"])
def test_a_fast_forward_moves_the_branch_and_the_index(shop: Path, kind: str) -> None:
    inside = Inside(linked(shop) if kind == "linked" else shop)
    old, new = inside.git("rev-parse", "HEAD"), [inside.commit(text=text) for text in "abc"][-1]
    (inside.tree.path / "file").write_text("in work\n")
    report = bring_in(inside)
    assert (report.moved, report.commits, report.kept) == ((old, new), 3, None)
    assert git(inside.tree.path, "rev-parse", "HEAD") == new
    assert git(inside.tree.path, "status", "--porcelain") == "M file"


def test_sha256(tmp_path: Path) -> None:
    inside = Inside(repository(tmp_path / "long", "--object-format=sha256"))
    new = inside.commit()
    assert (bring_in(inside).moved or ("", ""))[1] == new


def test_everything_that_could_be_lost_lands_under_the_worktree_s_id(inside: Inside) -> None:
    before = refs(inside)
    inside.git("checkout", "--quiet", "-b", "topic/one")
    topic = inside.commit()
    inside.git("tag", "--annotate", "--message", "one", "v1")
    (inside.tree.path / "inside").write_text("stashed\n")
    inside.git("stash")
    inside.git("checkout", "--quiet", "--detach")
    loose = inside.commit(text="loose\n")
    assert bring_in(inside).moved is None
    tag, stash = inside.git("rev-parse", "v1"), inside.git("rev-parse", "stash")
    new = {"heads/topic/one": topic, "tags/v1": tag, "stash/0": stash, "HEAD": loose}
    assert refs(inside) == before | {f"refs/wt/feature/{name}": oid for name, oid in new.items()}


def test_nothing_else_changes_and_a_second_import_changes_nothing(inside: Inside, shop: Path) -> None:
    before = files(shop / ".git")
    inside.commit()
    inside.git("tag", "v1")
    bring_in(inside)
    after = files(shop / ".git")
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    ours = {
        name
        for name in changed
        if name.startswith(("wt-sandbox/", "objects/", "refs/wt/feature/", "logs/refs/wt/feature/"))
    }
    moved = {"refs/heads/feature", "logs/refs/heads/feature", "worktrees/feature/index"}
    assert moved <= changed - ours <= moved | {"worktrees/feature/logs/HEAD"}
    assert not [name for name in after if name.endswith(".lock") or "tmp_" in name]
    report = unasked(inside)
    assert (report.imported, report.moved, report.kept) == ((), None, None)
    assert files(shop / ".git") == after


def test_where_both_sides_moved_nothing_moves_and_both_are_named(inside: Inside) -> None:
    theirs = inside.commit()
    (inside.tree.path / "inside").unlink()
    ours = commit(inside.tree.path, "host", "made outside\n")
    report = bring_in(inside)
    assert report.moved is None
    assert ours[:10] in (report.kept or "") and theirs[:10] in (report.kept or "")
    assert refs(inside)["refs/heads/feature"] == ours
    assert refs(inside)["refs/wt/feature/heads/feature"] == theirs


def test_where_only_the_host_moved_the_way_to_follow_is_shown(inside: Inside) -> None:
    commit(inside.tree.path, "host", "made outside\n")
    report = unasked(inside)
    assert "older inside" in (report.kept or "") and "git catch-up" in (report.hint or "")


def test_staged_changes_on_the_host_keep_the_branch_where_it_is(inside: Inside, shop: Path) -> None:
    inside.commit()
    (inside.tree.path / "file").write_text("staged\n")
    git(inside.tree.path, "add", "file")
    before = (shop / ".git/worktrees/feature/index").read_bytes()
    report = bring_in(inside)
    assert report.moved is None and "staged" in (report.kept or "")
    assert refs(inside)["refs/heads/feature"] == refs(inside)["refs/heads/main"]
    assert (shop / ".git/worktrees/feature/index").read_bytes() == before


def test_a_rebase_on_the_host_is_to_be_ended_first(inside: Inside) -> None:
    """Until then git switches to no branch, and what a reset does is the rebase's."""
    path = inside.tree.path
    commit(path, text="theirs\n")
    git(path, "switch", "--quiet", "--create", "other", "HEAD^")
    commit(path, text="ours\n")
    git(path, "rebase", "--quiet", "feature", code=1)
    inside.tree = worktree(path)
    for detached in (False, True):
        if detached:
            inside.git("checkout", "--quiet", "--detach")
            inside.commit()
        report = bring_in(inside)
        assert report.moved is None and report.kept == f"a rebase is under way on the host in {path}"
        assert report.hint == "finish or abort it, then sync again"
    git(path, "rebase", "--abort")
    inside.tree = worktree(path)
    assert "on the host other" in (bring_in(inside).kept or "")


@pytest.mark.parametrize("name", [".gitmodules", "deep/.gitmodules", ".GitModules", "link"])
def test_submodules_move_nothing(inside: Inside, name: str) -> None:
    head, blob = inside.git("rev-parse", "HEAD"), inside.git("hash-object", "-w", "file")
    entry = f"160000,{head},link" if name == "link" else f"100644,{blob},{name}"
    inside.git("update-index", "--add", "--cacheinfo", entry)
    inside.git("commit", "--quiet", "--message", "a trap")
    report = bring_in(inside)
    assert report.moved is None and name in (report.kept or "")
    assert refs(inside)["refs/heads/feature"] == head


def test_a_submodule_that_was_there_before_is_no_obstacle(shop: Path) -> None:
    git(shop, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},link")
    git(shop, "commit", "--quiet", "--message", "ours")
    inside = Inside(linked(shop))
    inside.commit()
    assert bring_in(inside).moved


@pytest.mark.parametrize("script", ["exit 1", "echo garbage", "exec cat /dev/zero", "echo $$ >pid; exec sleep 20"])
def test_a_server_that_fails_or_hangs_is_ended_and_changes_no_ref(inside: Inside, tmp_path: Path, script: str) -> None:
    inside.commit()
    before = refs(inside)
    server = tmp_path / "ser ver%"
    server.write_text(f"#!/bin/sh\ncd '{tmp_path}'\n{script}\n")
    server.chmod(0o755)
    with pytest.raises(ToolError, match="feature could not be imported") as caught:
        bring_in(inside, [str(server)], seconds=1)
    assert (caught.value.exit_code, refs(inside)) == (4, before)
    if (tmp_path / "pid").exists():
        pid = (tmp_path / "pid").read_text().strip()
        state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False).stdout
        # Gone, or dead and not yet waited for by whoever inherited it.
        assert state.strip()[:1] in {"", "Z"}


def test_what_is_too_large_does_not_come_in_and_leaves_nothing_behind(inside: Inside, shop: Path) -> None:
    (inside.tree.path / "large").write_bytes(os.urandom(3_000_000))
    inside.git("add", "large")
    inside.git("commit", "--quiet", "--message", "large")
    before = refs(inside)
    with pytest.raises(ToolError, match="could not be imported"):
        bring_in(inside, max_size="1m")
    assert refs(inside) == before
    assert [name for name in files(shop / ".git/objects") if "tmp_" in name] == []
    assert bring_in(inside, max_size="8m").moved


def test_a_history_that_is_cut_short_inside_does_not_come_in(inside: Inside, shop: Path) -> None:
    before = refs(inside)
    inside.commit()
    cut = inside.path / "shallow"
    cut.write_text(f"{inside.commit(text='more')}\n")
    with pytest.raises(ToolError, match="feature could not be imported: its history is cut short") as caught:
        bring_in(inside)
    assert refs(inside) == before
    git(shop, "fsck")
    assert f"rm {cut} if it is there" in (caught.value.hint or "")
    cut.unlink()
    assert bring_in(inside).moved


def test_one_that_was_fetched_cut_short_comes_in_when_the_rest_is_fetched(tmp_path: Path) -> None:
    origin = repository(tmp_path / "origin")
    git(tmp_path, "clone", "--quiet", origin.as_uri(), "shop")
    inside = Inside(linked(tmp_path / "shop"))
    for text in "abc":
        commit(origin, text=text)
    inside.git("fetch", "--quiet", "--depth=1", "origin", "main")
    inside.git("checkout", "--quiet", "-b", "newest", "FETCH_HEAD")
    new = inside.commit()
    with pytest.raises(ToolError, match="cut short") as caught:
        bring_in(inside)
    assert "wt exec feature -- git fetch --unshallow if" in (caught.value.hint or "")
    inside.git("fetch", "--quiet", "--unshallow")
    bring_in(inside)
    assert refs(inside)["refs/wt/feature/heads/newest"] == new
    git(tmp_path / "shop", "fsck")


def test_what_is_cut_short_inside_but_whole_on_the_host_comes_in(inside: Inside) -> None:
    (inside.path / "shallow").write_text(inside.git("rev-parse", "HEAD") + "\n")
    new = inside.commit()
    assert (bring_in(inside).moved or ("", ""))[1] == new


def test_no_server_at_all_is_an_error_with_a_hint(inside: Inside) -> None:
    inside.commit()
    with pytest.raises(ToolError) as caught:
        importer.bring_in(inside.tree, private_repo.read_refs(inside.tree), lambda: None, Import())
    assert caught.value.hint == "start it once: wt up feature"


@pytest.mark.parametrize("switched_off", [False, True])
def test_an_object_that_fsck_rejects_does_not_come_in(
    inside: Inside, shop: Path, tmp_path: Path, switched_off: bool
) -> None:
    if switched_off:
        git(shop, "config", "fetch.fsckObjects", "false")
    tree = inside.git("rev-parse", "HEAD^{tree}")
    (tmp_path / "bad").write_text(f"tree {tree}\nauthor A <a> 1 +0000\ncommitter A <a> x\n\nbad\n")
    oid = inside.git("hash-object", "-t", "commit", "-w", "--literally", f"{tmp_path}/bad")
    (inside.path / "refs/heads/bad").write_text(f"{oid}\n")
    with pytest.raises(ToolError):
        bring_in(inside)


@pytest.mark.parametrize("name", ["a\u2028b", "\udcff", "-x", 'a"b', "a%b"], ids=ascii)
def test_branches_of_any_name_come_in(inside: Inside, name: str) -> None:
    inside.git("checkout", "--quiet", "-b", "odd")
    new = inside.commit()
    (inside.path / "refs/heads/odd").rename(inside.path / "refs/heads" / name)
    (inside.path / "HEAD").write_text("ref: refs/heads/feature\n")
    bring_in(inside)
    assert refs(inside)[f"refs/wt/feature/heads/{name}"] == new
    assert unasked(inside).imported == ()


@pytest.mark.parametrize(("before", "after"), [("topic", "topic/one"), ("topic/one", "topic")])
def test_a_branch_that_becomes_a_directory_or_was_one_comes_in(inside: Inside, before: str, after: str) -> None:
    inside.git("checkout", "--quiet", "-b", before)
    inside.commit()
    bring_in(inside)
    inside.git("branch", "-m", "aside")
    inside.git("branch", "-m", after)
    new = inside.commit(text="second\n")
    bring_in(inside)
    assert new in refs(inside).values()


def test_a_branch_that_names_no_commit_moves_nothing(inside: Inside) -> None:
    (inside.path / "refs/heads/feature").write_text(f"{inside.git('hash-object', '-w', 'file')}\n")
    before = refs(inside)["refs/heads/feature"]
    with pytest.raises(ToolError):
        bring_in(inside)
    assert refs(inside)["refs/heads/feature"] == before


def test_the_host_does_not_open_the_private_repository(inside: Inside, tmp_path: Path) -> None:
    """Another repository's commit, named by a crafted ref and borrowed by a crafted alternates line."""
    secret = commit(repository(tmp_path / "secret"), text="s3cret\n")
    honest = shutil.copytree(inside.path, tmp_path / "as-the-sandbox-sees-it")
    (inside.path / "refs/heads/steal").write_text(f"{secret}\n")
    with (inside.path / "objects/info/alternates").open("a") as file:
        file.write(f"{tmp_path}/secret/.git/objects\n")
    inside.git("cat-file", "-e", secret)  # positive control: git in the private repository reads it
    with pytest.raises(ToolError):
        bring_in(inside, [*SERVE, str(honest)])
    git(inside.tree.path, "cat-file", "-e", secret, code=1)


class Killed(BaseException):
    """What nobody catches."""


def killed_in_move(inside: Inside, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """An import whose wt dies while it moves the branch: nothing that it would tidy up is tidied up."""
    run_in, update_refs = host.run_in, host.update_refs

    def look(tree: Worktree, *words: str, **options: Any) -> Result:
        if words[0] == "read-tree" and moment == "before the new index":
            raise Killed
        return run_in(tree, *words, **options)

    def update(repository: Repository, changes: Mapping[str, tuple[str | None, str | None]]) -> None:
        if "refs/heads/feature" in changes and moment == "before the branch":
            raise Killed
        update_refs(repository, changes)

    def replace(_path: Path, _target: Path) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda _path, **_options: None)
        patch.setattr(Path, "replace", replace)
        patch.setattr(host, "run_in", look)
        patch.setattr(host, "update_refs", update)
        with pytest.raises(Killed):
            inside.bring_in()


@pytest.mark.parametrize("moment", ["before the new index", "before the branch", "before the index"])
def test_a_move_that_was_killed_is_ended_by_the_next_import(
    shop: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    inside = Inside(linked(shop))
    new = inside.commit()
    killed_in_move(inside, monkeypatch, moment)
    admin = shop / ".git/worktrees/feature"
    assert (admin / "index.lock").exists()
    report = inside.bring_in()
    assert report.kept is None and git(shop, "rev-parse", "feature") == new
    assert git(inside.tree.path, "status", "--porcelain") == ""
    assert [path.name for path in admin.iterdir() if path.name.startswith("index.")] == []


# Dies as by `kill -9` where what has arrived would come into the repository.
DIES = """
import os, signal, sys
from pathlib import Path
from unit.repos import Inside
from wt import git
git._adopt = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Inside.prepared(Path(sys.argv[1])).bring_in()
"""


def test_what_had_arrived_when_an_import_was_killed_goes_with_the_next_one(shop: Path) -> None:
    inside = Inside(linked(shop))
    inside.commit()
    run([sys.executable, "-c", DIES, inside.tree.path], Path(__file__).parents[1], code=-signal.SIGKILL)
    assert any(each.is_file() for each in (inside.path.parent / "incoming/pack").iterdir())
    inside.git("update-ref", "refs/heads/feature", "HEAD^")  # now there is nothing to fetch
    inside.bring_in()
    assert not (inside.path.parent / "incoming").exists()


def test_a_lock_of_git_s_own_stays(shop: Path) -> None:
    inside = Inside(linked(shop))
    inside.commit()
    lock = shop / ".git/worktrees/feature/index.lock"
    lock.touch()
    assert "another git process is at work" in (inside.bring_in().kept or "") and lock.exists()
