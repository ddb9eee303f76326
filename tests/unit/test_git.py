"""What wt asks of the host's repository, and does to it."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from unit.repos import Inside, commit, git, initialised, linked, repository, run, worktree, wt
from wt import checkouts
from wt import git as host
from wt.errors import Refused, ToolError, UsageError
from wt.model import Remote, Repository


def test_a_repository_is_found_from_everywhere_in_it(shop: Path) -> None:
    feature = linked(shop)
    for top, name in ((shop, "main"), (feature, "feature")):
        (top / "deep/er").mkdir(parents=True)
        for place in (top, top / "deep/er"):
            tree = worktree(place)
            assert (tree.repository, tree.id, tree.path) == (Repository(shop / ".git", shop, ""), name, top)


def test_a_bare_repository_has_no_main_checkout(shop: Path) -> None:
    bare = shop.parent / "bare.git"
    git(shop, "clone", "--quiet", "--bare", ".", str(bare))
    assert checkouts.locate(bare) == (Repository(bare, None, ""), None)
    tree = worktree(linked(bare, "x"))
    assert (tree.repository, tree.id, tree.branch) == (Repository(bare, None, ""), "x", "refs/heads/x")


def test_a_checkout_whose_git_directory_is_elsewhere_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = repository(tmp_path / "apart", f"--separate-git-dir={tmp_path}/store")
    with pytest.raises(Refused, match="lies apart from it"):
        checkouts.locate(path)


def test_outside_of_a_repository_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not in a git repository"):
        checkouts.locate(tmp_path)


def test_a_pointer_at_another_s_admin_directory_is_refused(shop: Path, tmp_path: Path) -> None:
    linked(shop)
    (tmp_path / "planted").mkdir()
    for target in (shop / ".git/worktrees/feature", shop / ".git"):
        (tmp_path / "planted/.git").write_text(f"gitdir: {target}\n")
        assert git(tmp_path / "planted", "rev-parse", "--git-common-dir") == str(shop / ".git"), "git believes it"
        with pytest.raises(Refused, match="does not know it"):
            checkouts.locate(tmp_path / "planted")


def test_an_admin_directory_of_the_agent_s_is_not_the_worktree_around_it(shop: Path) -> None:
    """It says that it belongs to the host's repository, and lies where the agent writes."""
    planted = shop / "planted"
    (planted / "admin").mkdir(parents=True)
    (planted / ".git").write_text(f"gitdir: {planted}/admin\n")
    (planted / "admin/HEAD").write_text("ref: refs/heads/main\n")
    (planted / "admin/commondir").write_text(f"{shop}/.git\n")
    assert git(planted, "rev-parse", "--git-common-dir") == str(shop / ".git"), "git believes it"
    with pytest.raises(Refused, match="does not know it"):
        checkouts.locate(planted)


def test_worktrees_of_every_kind_are_listed(shop: Path) -> None:
    linked(shop, "a", "feature/a")
    git(shop, "worktree", "add", "--quiet", "--detach", "../loose")
    git(shop, "worktree", "lock", "--reason", "on a stick", "../loose")
    linked(shop, "relative")
    # as git 2.48 writes it with worktree.useRelativePaths
    (shop / ".git/worktrees/relative/gitdir").write_text("../../../../relative/.git\n")
    linked(shop, "main", "other")
    found = {
        tree.path.name: (tree.id, tree.branch, tree.locked) for tree in checkouts.worktrees(worktree(shop).repository)
    }
    assert found == {
        "shop": ("main", "refs/heads/main", None),
        "a": ("a", "refs/heads/feature/a", None),
        "loose": ("loose", None, "on a stick\n"),
        "relative": ("relative", "refs/heads/relative", None),
        "main": ("linked.main", "refs/heads/other", None),
    }
    assert worktree(shop.parent / "relative").path == shop.parent / "relative"


def test_settings_hold_identity_remotes_and_ignores_and_nothing_secret(shop: Path) -> None:
    (shop / "personal").write_text("*.swp")
    (shop / ".git/info/exclude").write_text("/local\n")
    for key, value in (
        ("remote.origin.url", "https://ada:s3cret@example.com/shop.git"),
        ("remote.Mirror.Two.url", "git@example.com:shop.git"),
        ("http.extraHeader", "s3cret"),
        ("core.excludesFile", f"{shop}/personal"),
    ):
        git(shop, "config", key, value)
    got = host.settings(worktree(shop).repository, "refs/heads/main")
    assert (got.user_name, got.user_email, got.object_format) == ("Ada", "ada@example.com", "sha1")
    remotes = (Remote("origin", "https://example.com/shop.git"), Remote("Mirror.Two", "git@example.com:shop.git"))
    assert (got.remotes, got.excludes) == (remotes, "*.swp\n/local\n")
    assert "s3cret" not in repr(got)


def test_the_default_branch_is_the_remote_s(shop: Path) -> None:
    git(shop, "checkout", "--quiet", "-b", "trunk")
    git(shop, "clone", "--quiet", ".", "../clone")
    clone = worktree(shop.parent / "clone")
    git(clone.path, "checkout", "--quiet", "-b", "feature")
    assert host.default_branch(clone.repository) == "refs/heads/trunk"
    git(clone.path, "remote", "remove", "origin")
    assert host.default_branch(clone.repository) == "refs/heads/feature"


@pytest.mark.parametrize("kind", ["shared", "partial", "reftable"])
def test_what_can_not_be_shared_is_refused_with_the_reason(shop: Path, kind: str) -> None:
    git(shop, "config", "uploadpack.allowFilter", "true")
    options = {"shared": ["--shared", "."], "partial": ["--filter=blob:none", shop.as_uri()], "reftable": ["."]}
    reason = {"shared": "borrows", "partial": "partial clone", "reftable": "not stored as files"}
    git(shop, "clone", "--quiet", *options[kind], "../clone")
    if kind == "reftable":  # as far as this git can tell
        git(shop.parent / "clone", "config", "core.repositoryFormatVersion", "1")
        git(shop.parent / "clone", "config", "extensions.refStorage", "reftable")
    with pytest.raises(Refused, match=reason[kind]):
        host.settings(checkouts.locate(shop.parent / "clone")[0], None)


def test_programs_that_a_repository_names_are_not_run(shop: Path, tmp_path: Path) -> None:
    """Neither the host's own fsmonitor nor that of the repository which an agent's `.git` points at."""
    tree = worktree(linked(shop))
    alarm, program = tmp_path / "alarm", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{alarm}'\n")
    program.chmod(0o755)
    git(shop, "clone", "--quiet", "--bare", ".", f"{tree.path}/evil")
    for common in (shop / ".git", tree.path / "evil"):
        git(common, "config", "core.bare", "false")
        git(common, "config", "core.fsmonitor", str(program))
    (tree.path / ".git").write_text(f"gitdir: {tree.path}/evil\n")

    assert checkouts.dirty(tree) == ("evil/",)
    assert checkouts.dirty(worktree(shop)) == ()
    assert checkouts.index_matches(tree, git(shop, "rev-parse", "HEAD"))
    with pytest.raises(Refused):
        checkouts.locate(tree.path)
    assert not alarm.exists()
    for place in (shop, tree.path):  # positive control: a plain git runs it
        git(place, "status")
        assert alarm.exists()
        alarm.unlink()


def test_dirty_names_changed_staged_and_untracked_paths(shop: Path) -> None:
    commit(shop, "renamed", "a long enough text\n" * 9)
    assert checkouts.dirty(worktree(shop)) == ()
    for key, value in (("status.showUntrackedFiles", "no"), ("status.renames", "true")):
        git(shop, "config", key, value)
    (shop / "file").write_text("changed\n")
    (shop / "ne w").write_text("")
    git(shop, "mv", "renamed", "na\tme")
    assert set(checkouts.dirty(worktree(shop))) == {"file", "ne w", "renamed", "na\tme"}


def test_moving_a_branch_moves_the_index_too_unless_another_git_holds_it(shop: Path) -> None:
    feature = linked(shop)
    index, lock = (shop / ".git/worktrees/feature" / name for name in ("index", "index.lock"))
    old, new = git(feature, "rev-parse", "HEAD"), commit(feature, "more", "new\n")
    git(feature, "reset", "--quiet", "--mixed", old)  # the files are ahead, as after a commit inside
    before = index.read_bytes()
    lock.touch()
    with pytest.raises(Refused, match="another git process"):
        checkouts.move_branch(worktree(feature), old, new)
    assert (git(shop, "rev-parse", "feature"), index.read_bytes(), lock.exists()) == (old, before, True)
    lock.unlink()
    checkouts.move_branch(worktree(feature), old, new)
    assert (git(shop, "rev-parse", "feature"), git(feature, "status", "--porcelain")) == (new, "")
    assert not lock.exists()


def test_refs_move_all_or_none(shop: Path) -> None:
    repo, first = worktree(shop).repository, git(shop, "rev-parse", "HEAD")
    host.update_refs(repo, {"refs/heads/a": (first, None)})
    with pytest.raises(ToolError, match="update-ref"):
        host.update_refs(repo, {"refs/heads/b": (first, None), "refs/heads/a": (None, "1" * 40)})
    assert set(host.refs(repo)) == {"refs/heads/main", "refs/heads/a"}


@pytest.mark.parametrize("locked", ["refs/heads/a", "packed-refs", "config"])
def test_a_lock_that_a_killed_git_has_left_is_named_with_what_removes_it(shop: Path, locked: str) -> None:
    git(shop, "branch", "a")
    git(shop, "pack-refs", "--all")
    lock = shop / f".git/{locked}.lock"
    lock.touch()
    change = {"config": ("config", "a.b", "c")}.get(locked, ("update-ref", "-d", "refs/heads/a"))
    with pytest.raises(ToolError, match="File exists") as refused:
        host.run(worktree(shop).repository, *change)
    assert str(refused.value.hint).endswith(f": rm {lock}")
    lock.unlink()
    host.run(worktree(shop).repository, *change)


@pytest.mark.parametrize("work", ["rebase", "bisect"])
def test_a_branch_that_something_is_under_way_on_is_named_with_its_place(shop: Path, work: str) -> None:
    path = linked(shop, "a b", "a")
    if work == "bisect":
        commit(path)
        git(path, "bisect", "start", "HEAD", "HEAD^")
        git(path, "checkout", "--quiet", "--detach")
    else:
        git(path, "-c", "core.editor=sed -i 1ibreak", "rebase", "--quiet", "--interactive", "HEAD")
    with pytest.raises(ToolError) as refused:
        checkouts.add_worktree(worktree(shop).repository, shop.parent / "x", "a", None)
    hint = str(refused.value.hint)
    assert hint.startswith("a rebase or bisection of it is under way there: finish or abort it; ")
    assert work in run(["sh", "-c", hint.split("`")[1]], shop).stdout


@pytest.mark.parametrize("name", ["ümlaut", "a\u2028b", "a\x85b", "\udcff"], ids=ascii)
def test_refs_of_any_name_are_read_back(shop: Path, name: str) -> None:
    repo, first = worktree(shop).repository, git(shop, "rev-parse", "HEAD")
    host.update_refs(repo, {f"refs/heads/{name}": (first, None)})
    assert host.refs(repo) == {"refs/heads/main": first, f"refs/heads/{name}": first}


def test_commits_that_are_nowhere_else_are_named(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo, first = worktree(shop).repository, git(shop, "rev-parse", "HEAD")
    second = commit(shop, message="a second one")
    assert [line.partition(" ")[2] for line in host.only_in(repo, [second], [first])] == ["a second one"]
    assert host.only_in(repo, [first], [second]) == host.only_in(repo, [], [second]) == ()
    monkeypatch.setattr(host, "_MOST_SUBJECTS", 1)
    assert host.only_in(repo, [second], []) == (f"{second[:7]} a second one", first[:7])


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://ada:pw@example.com:8443/a.git", "https://example.com:8443/a.git"),
        ("https://token@example.com/a", "https://example.com/a"),
        ("https://a@b:pw@example.com/a?b#c", "https://example.com/a?b#c"),
        ("https://ada:pw@[::1]:80/a", "https://[::1]:80/a"),
        ("ssh://git:pw@example.com:22/a", "ssh://git@example.com:22/a"),
        ("git@example.com:a/b.git", "git@example.com:a/b.git"),
        ("/srv/git/a@b.git", "/srv/git/a@b.git"),
        ("file:///srv/a.git", "file:///srv/a.git"),
        ("http::https://ada:pw@example.com/a", "http::https://example.com/a"),
        ("https://ada:pw@[bad/a", "https://[bad/a"),
    ],
)
def test_a_remote_s_address_loses_its_credentials(url: str, clean: str) -> None:
    assert host.without_credentials(url) == clean


def test_worktrees_are_added_without_upstream_and_removed(shop: Path) -> None:
    git(shop, "config", "branch.autoSetupMerge", "always")
    checkouts.add_worktree(worktree(shop).repository, shop.parent / "x", "new", "main")
    assert worktree(shop.parent / "x").branch == "refs/heads/new"
    assert run(["git", "config", "--get", "branch.new.merge"], shop, code=1).stdout == ""
    checkouts.remove_worktree(worktree(shop.parent / "x"))
    assert not (shop.parent / "x").exists()


def test_a_repository_keeps_its_key_when_it_is_moved_and_a_copy_gets_its_own(shop: Path) -> None:
    def key(path: Path) -> tuple[str, bool]:
        found, _ = checkouts.locate(path)
        return found.key, found.recorded

    first, recorded = key(shop)
    assert first.startswith("shop-") and not recorded
    (shop / ".git/wt-sandbox").mkdir()
    checkouts.record(checkouts.locate(shop)[0])
    assert key(shop) == (first, True)
    moved = shop.rename(shop.parent / "moved")
    assert key(moved) == (first, False)
    other = repository(shop)
    assert key(other)[0] != first, "another repository at the old place"
    assert key(moved) == (first, False)
    checkouts.record(checkouts.locate(moved)[0])
    copy = shutil.copytree(moved, shop.parent / "copy")
    assert key(copy)[0] not in {first, key(other)[0]}
    assert key(moved) == (first, True)
    shutil.rmtree(moved)
    assert key(copy) == (first, False), "the one that is left is the moved one"


@pytest.mark.parametrize("kind", ["nothing", "directory", "fifo", "device", "dangling"])
def test_what_is_no_file_is_read_as_none_at_once(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place"
    (tmp_path / "plain").write_text("text")
    match kind:
        case "directory":
            place.mkdir()
        case "fifo":
            os.mkfifo(place)
        case "device" | "dangling":
            place.symlink_to("/dev/null" if kind == "device" else "nowhere")
    assert host.file_text(tmp_path / "plain") == "text"

    def end(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 5)
    try:
        assert host.file_text(place) is None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_damaged_record_is_none(shop: Path) -> None:
    (shop / ".git/wt-sandbox").mkdir()
    fresh = checkouts.locate(shop)[0].key
    for text in ("", "x\n", "../../evil-12345678\n/\n", "a b-12345678\n"):
        (shop / ".git/wt-sandbox/repository").write_text(text)
        assert checkouts.locate(shop)[0].key == fresh


def test_a_git_that_keeps_out_of_bare_repositories_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page on safety says of `safe.bareRepository`, and that wt gets along with it."""
    shop = initialised(tmp_path / "shop")
    inside = Inside(shop)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    (tmp_path / "config").write_text("[safe]\n\tbareRepository = explicit\n[user]\n\tname = x\n\temail = x@y\n")
    git(shop, "init", "--quiet", "--bare", "planted")
    git(shop / "planted", "status", code=128)
    git(shop, "init", "--quiet", "other")
    assert git(shop / "other", "rev-parse", "--git-dir") == ".git"
    assert inside.bring_in().moved is None
    tip = inside.commit()
    moved = inside.bring_in().moved
    assert moved and moved[1] == tip
    wt(shop, "prepare", code=4)
    wt(shop, "ls")
