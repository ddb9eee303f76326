"""`wt doctor` and `wt ls` on what is not as it was left: on real git, without an engine."""

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

import wt as package
from unit.repos import Inside, git, initialised, linked, repository, run, worktree, wt
from unit.test_reference import SCHEMAS, literals, rows
from wt import checkouts, cli, naming, private_repo, selection, trash
from wt import git as host
from wt.commands import doctor, ls
from wt.errors import Refused, UsageError
from wt.model import Context, Finding
from wt.output import Narrator, answer

ROOT = Path(package.__file__).parent
PAGE = {literals(state)[0]: cells for state, *cells in rows("drift.md")}


def findings(directory: Path) -> list[Finding]:
    """What doctor finds but for the engine, which is not there."""
    context = Context(directory, selection.host_user(), Narrator())
    engine, *found = doctor.run(context)
    assert engine.state == "engine"
    return found


def listed(directory: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What ls says."""
    context = Context(directory, selection.host_user(), Narrator())
    answer("ls", ls.run(context, sizes=False), as_json=False)
    return capsys.readouterr().out


@dataclass
class Scene:
    """A main checkout with a worktree `feature` beside it, which has a file of its own and a private repository."""

    shop: Path
    feature: Path

    @property
    def entry(self) -> Path:
        return self.shop / ".git/worktrees/feature"

    @property
    def state(self) -> Path:
        return self.shop / ".git/wt-sandbox/feature"

    @property
    def private(self) -> Path:
        return self.state / "repo.git"


def moved(scene: Scene) -> None:
    scene.feature.rename(scene.feature.with_name("it's there"))


def gone(scene: Scene) -> None:
    shutil.rmtree(scene.feature)


def locked(scene: Scene) -> None:
    git(scene.shop, "worktree", "lock", "--reason", "on a stick", "../feature")
    gone(scene)


def half_removed(scene: Scene) -> None:
    (scene.entry / "wt-removed").touch()
    gone(scene)


def a_file(scene: Scene) -> None:
    gone(scene)
    scene.feature.write_text("mine")


def a_dangling_link(scene: Scene) -> None:
    gone(scene)
    scene.feature.symlink_to("nowhere")


def a_link_to_where_it_is(scene: Scene) -> None:
    far = scene.shop.parent / "far/away"
    far.parent.mkdir()
    scene.feature.rename(far)
    scene.feature.symlink_to(far)


def untrusted(scene: Scene) -> None:
    (scene.feature / ".devcontainer/more.yml").touch()


def no_pointer(scene: Scene) -> None:
    (scene.feature / ".git").unlink()


def pointer_is_a_directory(scene: Scene) -> None:
    no_pointer(scene)
    git(scene.feature, "init", "--quiet")


def pointer_is_a_link(scene: Scene) -> None:
    (scene.feature / ".git").rename(scene.feature / "git")
    (scene.feature / ".git").symlink_to("git")


def cut_off(scene: Scene) -> None:
    (scene.feature / ".git").write_text(f"gitdir: {scene.shop}/elsewhere/worktrees/feature\n")


def garbage(scene: Scene) -> None:
    (scene.feature / ".git").write_bytes(b"\0\xff" * 50)


def copied_repository(scene: Scene) -> None:
    shutil.copytree(scene.shop, scene.shop.with_name("copy"), symlinks=True)
    scene.shop = scene.shop.with_name("copy")


def copy(scene: Scene) -> None:
    shutil.copytree(scene.feature, scene.feature.with_name("twin"), symlinks=True)


def forgotten(scene: Scene) -> None:
    shutil.rmtree(scene.entry)


def forgotten_without_a_trace(scene: Scene) -> None:
    forgotten(scene)
    shutil.rmtree(scene.state)
    scene.feature.rename(scene.feature.with_name("-other name"))


def hollow(scene: Scene) -> None:
    (scene.entry / "gitdir").unlink()


def no_head(scene: Scene) -> None:
    (scene.entry / "HEAD").unlink()


def no_commondir(scene: Scene) -> None:
    (scene.entry / "commondir").unlink()


def empty_head(scene: Scene) -> None:
    (scene.entry / "HEAD").write_text("")


def empty_commondir(scene: Scene) -> None:
    (scene.entry / "commondir").write_text("")


def no_branch(scene: Scene) -> None:
    git(scene.shop, "update-ref", "-d", "refs/heads/feature")


def no_index(scene: Scene) -> None:
    (scene.entry / "index").unlink()


def half_made(scene: Scene) -> None:
    """As a `git worktree add` leaves it that was killed."""
    no_index(scene)
    (scene.entry / "locked").write_text("initializing\n")
    (scene.entry / "index.lock").touch()
    (scene.feature / ".devcontainer/Dockerfile").unlink()


def nearly_made(scene: Scene) -> None:
    """The same, a moment before its end."""
    (scene.entry / "locked").write_text("initializing\n")


def broken_index(scene: Scene) -> None:
    (scene.entry / "index").write_text("broken")


def replaced(scene: Scene) -> None:
    shutil.rmtree(scene.private)
    git(scene.state, "init", "--quiet", "--bare", "repo.git")


def emptied(scene: Scene) -> None:
    for each in scene.private.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


def elsewhere(name: str, kind: str) -> Callable[[Scene], None]:
    """Something else in place of a part of the private repository."""

    def change(scene: Scene) -> None:
        part = scene.private / name
        shutil.rmtree(part) if part.is_dir() else part.unlink()
        match kind:
            case "link":
                part.symlink_to("/etc")
            case "directory":
                part.mkdir()
            case "fifo":
                os.mkfifo(part)
            case "nothing":
                pass
            case text:
                part.write_text(text)

    return change


BROKEN = [
    emptied,
    *(elsewhere("HEAD", kind) for kind in ("link", "directory", "fifo", "nothing", "", "garbage", "ref: x")),
    *(elsewhere(name, kind) for name in ("objects", "refs") for kind in ("link", "fifo", "nothing", "text")),
    *(elsewhere("config", kind) for kind in ("link", "directory", "fifo", "[core", "[core]\n\tbare = x\n[")),
    elsewhere("config", "[core]\nrepositoryformatversion = 9\n"),
]
CASES: list[tuple[str, Callable[[Scene], None]]] = [
    ("moved", moved),
    ("symlink", a_link_to_where_it_is),
    ("gone", gone),
    ("gone, locked", locked),
    ("half removed", half_removed),
    *(("no directory", each) for each in (a_file, a_dangling_link)),
    *(("no .git", each) for each in (no_pointer, pointer_is_a_directory, pointer_is_a_link)),
    *(("cut off", each) for each in (cut_off,)),
    ("another's", copied_repository),
    ("copy", copy),
    *(("forgotten", each) for each in (forgotten, forgotten_without_a_trace)),
    ("hollow entry", hollow),
    *(("unreadable", each) for each in (no_head, no_commondir, empty_head, empty_commondir, broken_index)),
    *(("half made", each) for each in (no_index, half_made, nearly_made)),
    ("branch gone", no_branch),
    ("replaced", replaced),
    ("untrusted", untrusted),
    *(("broken", each) for each in BROKEN),
]

VERBS = [
    *("ls", "doctor", "path", "path feature", "prepare", "up feature", "down feature", "sync feature", "logs feature"),
    *("exec feature -- true", "shared status", "rm feature", "rm --force feature", "new other --no-up"),
]


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A place for a scene, and the scene as it is before anything happens."""
    place, kept = (tmp_path_factory.mktemp("theatre") / name for name in ("place", "kept"))
    shop = initialised(place / "shop", {"file": "text\n"})
    feature = linked(shop)
    wt(feature, "prepare", code=4)
    (feature / "file").write_text("changed\n")
    (feature / "new").write_text("new\n")
    shutil.copytree(place, kept, symlinks=True)
    return place, kept


@pytest.fixture
def scene(theatre: tuple[Path, Path]) -> Scene:
    place, kept = theatre
    shutil.rmtree(place)
    shutil.copytree(kept, place, symlinks=True)
    return Scene(place / "shop", place / "feature")


def test_nothing_is_wrong_where_nothing_happened(scene: Scene) -> None:
    assert findings(scene.shop) == findings(scene.feature) == []


def test_the_page_has_every_state_and_no_other() -> None:
    source = "".join(path.read_text() for path in (ROOT / "drift.py", ROOT / "commands/doctor.py"))
    assert set(PAGE) == set(re.findall(r'Finding\(\s*"([^"]+)"', source))
    assert {state for state, _ in CASES} <= set(PAGE)


def test_what_is_said_can_be_read_by_people_and_by_programs(scene: Scene) -> None:
    moved(scene)
    done = wt(scene.shop, "doctor", code=1)
    place = scene.feature.with_name("it's there")
    assert done.stdout.splitlines()[-2:] == [
        f"feature: {scene.feature} was moved to {place} without git",
        f"  git worktree repair {shlex.quote(str(place))}",
    ]
    said = json.loads(wt(scene.shop, "doctor", "--json", code=1).stdout)
    jsonschema.validate(said, SCHEMAS["doctor"])
    assert [each["state"] for each in said["result"]] == ["engine", "moved"]
    assert "nothing is wrong" not in done.stdout


@pytest.mark.parametrize(("state", "change"), CASES)
def test_each_state_is_named_and_its_command_mends_it(
    scene: Scene, state: str, change: Callable[[Scene], None], capsys: pytest.CaptureFixture[str]
) -> None:
    change(scene)
    (found,) = findings(scene.shop)
    _, shown, said, mends, _ = PAGE[state]
    assert (found.state, said in found.message) == (state, True), found
    assert found.command and any(word in found.command for word in literals(mends)), found
    table = listed(scene.shop, capsys)
    assert all(word in table for word in literals(shown)), table
    if "wt " not in found.command:
        before = files(scene.shop.parent)
        run(["bash", "-ec", found.command], scene.shop)
        assert findings(scene.shop) == []
        assert files(scene.shop.parent) >= before, "a file of the user is gone"


def test_an_entry_whose_directory_was_not_found_is_not_to_be_removed_unseen(scene: Scene) -> None:
    """It may be anywhere, and the entry has what is staged in it, and its commits on no branch."""
    hollow(scene)
    away = scene.shop.parent / "else/where"
    away.parent.mkdir()
    scene.feature.rename(away)
    (found,) = findings(scene.shop)
    assert (found.state, found.command) == ("hollow entry", None)
    assert found.hint and "`git worktree repair PATH`" in found.hint and f"`rm -r {scene.entry}`" in found.hint
    git(scene.shop, "worktree", "repair", str(away))
    assert findings(scene.shop) == []


def test_a_repository_that_is_out_of_git_s_reach_is_not_called_broken(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one below which another file system is mounted."""
    (scene.shop / "deep/er").mkdir(parents=True)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(scene.shop / "deep"))
    with pytest.raises(UsageError, match="is not in a git repository"):
        checkouts.locate(scene.shop / "deep/er")


def test_what_is_around_a_directory_with_a_git_file_of_its_own_is_not_what_is_broken(tmp_path: Path) -> None:
    around = repository(tmp_path / "around")
    (around / "lib").mkdir()
    (around / "lib/.git").write_text("gitdir: ../.git/modules/lib\n")
    (around / ".git/HEAD").write_text("")
    with pytest.raises(UsageError, match="is not in a git repository"):
        checkouts.locate(around / "lib")
    (around / "lib/.git").unlink()
    with pytest.raises(Refused, match="is no repository to git"):
        checkouts.locate(around / "lib")


@pytest.mark.parametrize(("state", "change"), [*dict(CASES).items(), *(("broken", each) for each in BROKEN[:4])])
def test_no_command_takes_it_for_a_bug_and_each_says_what_to_do(
    scene: Scene,
    state: str,
    change: Callable[[Scene], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(scene)
    for place in (scene.shop, scene.feature):
        if place.is_dir():
            monkeypatch.chdir(place)
            for verb in VERBS:
                monkeypatch.setattr(sys, "argv", ["wt", *verb.split()])
                code, said = cli._guarded(as_json=False), capsys.readouterr().err
                assert code != cli.BUG and ("hint: " in said or "wt: " not in said), (state, place.name, verb, said)


def files(root: Path) -> set[tuple[str, bytes]]:
    """All that is in worktrees, where git's own files don't count."""
    found = [path for path in root.rglob("*") if path.is_file() and ".git" not in path.relative_to(root).parts[1:2]]
    return {(path.name, path.read_bytes()) for path in found if path.name != ".git"}


def within(scene: Scene) -> Inside:
    """An agent at work; its repository stays the one that wt made."""
    inside = Inside.prepared(scene.feature)
    with (inside.path / "objects/info/alternates").open("a") as file:
        file.write(f"{naming.OBJECTS_INSIDE}\n")
    return inside


NO_NAME = "unable to resolve reference 'refs/heads/feature'", "names no commit: put one in, or remove the file"
BRANCH_BROKEN = [
    *((text, *NO_NAME) for text in ("", "garbage\n", "\0" * 41)),
    (f"{'12' * 20}\n", "missing object 12", "fetch its commit from a clone that has it"),
]


@pytest.mark.parametrize(("text", "said", "hint"), BRANCH_BROKEN, ids=ascii)
def test_a_branch_that_git_can_t_read_is_named_and_not_taken_for_one_without_commits(
    scene: Scene, text: str, said: str, hint: str
) -> None:
    ref = scene.shop / ".git/refs/heads/feature"
    before = ref.read_text()
    inside = within(scene)
    inside.commit()
    inside.bring_in()
    ref.write_text(text)
    (found,) = findings(scene.shop)
    assert (found.state, found.command) == ("branch broken", None)
    assert PAGE["branch broken"][2] in found.message and said in found.message and hint in (found.hint or "")
    done = wt(scene.shop, "up", "feature", code=4)
    assert done.stderr.splitlines() == [f"wt: {found.message}", f"hint: {found.hint}"]
    report = inside.bring_in()
    assert (report.moved, report.kept, report.hint) == (None, found.message, found.hint)
    ref.write_text(before)
    assert findings(scene.shop) == []


def test_a_commit_that_is_checked_out_and_missing_is_named(scene: Scene) -> None:
    (scene.entry / "HEAD").write_text(f"{'12' * 20}\n")
    (found,) = findings(scene.shop)
    assert found.state == "branch broken" and found.message.endswith(f"bad object {'12' * 20}")


def nothing_more(inside: Inside) -> str:
    return git(inside.tree.path, "rev-parse", "HEAD")


def synced(inside: Inside) -> str:
    tip = inside.commit("inside")
    assert inside.bring_in().moved
    return tip


def committed_on_the_host(inside: Inside) -> str:
    git(inside.tree.path, "add", "new")
    git(inside.tree.path, "commit", "--quiet", "--message", "on the host")
    return git(inside.tree.path, "rev-parse", "HEAD")


def staged_and_not_committed(inside: Inside) -> str:
    git(inside.tree.path, "add", "new")
    return nothing_more(inside)


@pytest.mark.parametrize("before", [nothing_more, synced, committed_on_the_host, staged_and_not_committed])
def test_a_branch_that_was_deleted_is_made_again_where_it_stood(scene: Scene, before: Callable[[Inside], str]) -> None:
    inside = within(scene)
    tip, seen = before(inside), git(scene.feature, "status", "--porcelain")
    no_branch(scene)
    (found,) = findings(scene.shop)
    inside.commit("later")
    (scene.feature / "later").unlink()
    report = inside.bring_in()
    assert (report.moved, report.kept, report.hint) == (None, found.message, found.command)
    run(["sh", "-c", str(found.command)], scene.shop)
    assert git(scene.feature, "rev-parse", "HEAD") == tip and git(scene.feature, "status", "--porcelain") == seen
    assert findings(scene.shop) == []
    assert git(scene.shop, "update-ref", "refs/heads/feature", "HEAD", "", code=128) == ""


def test_a_branch_that_only_the_inside_has_seen_is_not_made_from_its_word(scene: Scene) -> None:
    git(scene.feature, "switch", "--quiet", "-c", "other")
    inside = within(scene)
    tip = git(scene.feature, "rev-parse", "HEAD")
    inside.git("update-ref", "refs/remotes/host/other", tip)
    git(scene.shop, "update-ref", "-d", "refs/heads/other")
    (found,) = findings(scene.shop)
    assert found.command == f"git -C {scene.feature} update-ref refs/heads/other {tip} ''"
    git(scene.feature, "add", "new")
    (found,) = findings(scene.shop)
    assert found.command is None and "reflog" in str(found.hint)


def test_a_new_branch_without_commits_is_well(scene: Scene) -> None:
    git(scene.feature, "checkout", "--quiet", "--orphan", "fresh")
    assert findings(scene.shop) == []
    inside = within(scene)
    inside.git("symbolic-ref", "HEAD", "refs/heads/fresh")
    inside.commit()
    assert findings(scene.shop) == []
    assert "changes are staged on the host" in str(inside.bring_in().kept)


def test_an_index_is_removed_for_its_own_sake_alone_and_not_for_a_name(scene: Scene) -> None:
    place = linked(scene.shop, "my index file", "other")
    (entry,) = (each for each in scene.entry.parent.iterdir() if each != scene.entry)
    head = (entry / "HEAD").read_text()
    (entry / "HEAD").write_text("garbage")
    (found,) = findings(scene.shop)
    assert (found.state, found.command, found.hint) == ("unreadable", None, f"look at {entry}")
    assert "my index file" in found.message
    (entry / "HEAD").write_text(head)
    (entry / "index").write_text("broken")
    (found,) = findings(scene.shop)
    run(["sh", "-c", str(found.command)], place)
    assert findings(scene.shop) == []


@pytest.mark.parametrize("change", BROKEN)
def test_a_broken_private_repository_is_put_aside_and_nothing_of_it_is_lost(
    scene: Scene, change: Callable[[Scene], None]
) -> None:
    change(scene)
    tree, before = worktree(scene.feature), inventory(scene.private)
    assert not private_repo.is_complete(tree)
    private_repo.create(tree, host.settings(tree.repository, tree.branch))
    assert private_repo.is_complete(tree)
    (aside,) = (scene.state.parent / "aside").glob("feature.*/repo.git")
    assert inventory(aside) == before
    assert findings(scene.shop) == []


def inventory(root: Path) -> list[tuple[str, int]]:
    return sorted((str(path.relative_to(root)), path.lstat().st_mode) for path in root.rglob("*"))


def test_a_broken_one_stays_while_nobody_knows_whether_its_sandbox_runs(scene: Scene) -> None:
    emptied(scene)
    said = wt(scene.feature, "prepare", code=4).stderr
    assert "is broken: it has no HEAD; `wt down feature`, then `wt up feature` puts it aside" in said
    assert list(scene.private.iterdir()) == []
    for words in ("sync feature", "rm feature"):
        refused = wt(scene.shop, *words.split(), code=3).stderr
        assert "is broken: it has no HEAD\nhint: `wt up feature` puts it aside and makes a new one" in refused
    gone(scene)
    refused = wt(scene.shop, "rm", "feature", code=3).stderr
    assert "hint: `wt rm --force feature` puts it aside and removes the rest" in refused


@pytest.mark.parametrize("instead", ["link", "file"])
def test_something_else_in_place_of_a_private_repository_is_put_aside(scene: Scene, instead: str) -> None:
    shutil.rmtree(scene.private)
    scene.private.symlink_to("/etc") if instead == "link" else scene.private.write_text("x")
    (found,) = findings(scene.shop)
    assert found.message.endswith({"link": "it is a symlink", "file": "it is a file"}[instead])
    tree = worktree(scene.feature)
    private_repo.create(tree, host.settings(tree.repository, tree.branch))
    assert private_repo.is_complete(tree) and findings(scene.shop) == []


def test_rights_that_were_taken_away_are_given_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).stat().st_mode & 0o700 != 0)  # root may do all
    scene.private.chmod(0)
    assert [each.message.rpartition(": ")[2] for each in findings(scene.shop)] == ["its directory can't be opened"]
    tree = worktree(scene.feature)
    private_repo.create(tree, host.settings(tree.repository, tree.branch))
    assert findings(scene.shop) == [] and not (scene.state.parent / "aside").exists()


@pytest.mark.parametrize("name", [".devcontainer/.env", "dot-git", "host.git", "made", ".vscode"])
def test_what_is_missing_is_named_and_made_again(scene: Scene, name: str) -> None:
    path = (scene.feature if name.startswith(".") else scene.state) / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    (found,) = findings(scene.shop)
    assert found.state == "unprepared" and found.message.endswith(name)
    assert found.command == f"(cd {scene.feature} && wt prepare)"
    wt(scene.feature, "prepare", code=4)
    assert path.exists() and findings(scene.shop) == []


@pytest.mark.parametrize("name", ["dot-git", "host.git", "made"])
def test_another_kind_of_file_in_the_place_of_wt_s_own_is_one_line(scene: Scene, name: str) -> None:
    path = scene.state / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.mkdir() if name != "host.git" else path.write_text("x")
    assert "remove it and try again" in wt(scene.feature, "prepare", code=3).stderr
    assert [each.state for each in findings(scene.shop)] == ["unprepared"]


# In the place of what wt keeps in a repository; a verb that stops at it, if any does without an engine.
ODD = [
    *(("", kind, "prepare") for kind in ("file", "fifo", "dangling link")),
    *((".lock", kind, "prepare") for kind in ("directory", "fifo", "dangling link")),
    *(("repository", kind, "prepare") for kind in ("directory", "fifo", "dangling link")),
    *(("trust", kind, "prepare") for kind in ("file", "dangling link")),
    *(("feature", kind, "prepare") for kind in ("file", "dangling link")),
    *(("feature/import.lock", kind, "sync feature") for kind in ("directory", "dangling link")),
    *((name, "fifo", "") for name in ("trash", "aside", "trust/0", "feature/lock", "feature/vetted", "feature/disk")),
]


def make_odd(path: Path, kind: str) -> None:
    match kind:
        case "directory":
            path.mkdir()
        case "file":
            path.touch()
        case "fifo":
            os.mkfifo(path)
        case _:
            path.symlink_to("no/where")


@pytest.mark.parametrize(("name", "kind", "verb"), ODD)
def test_another_kind_of_file_in_the_place_of_what_wt_keeps_is_one_line(
    scene: Scene, name: str, kind: str, verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scene.state.parent / name
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    make_odd(path, kind)
    before = path.lstat()
    monkeypatch.chdir(scene.feature)
    for typed in VERBS:
        monkeypatch.setattr(sys, "argv", ["wt", *typed.split()])
        code, said = cli._guarded(as_json=False), capsys.readouterr().err
        failed = code != 0 and typed != "doctor"
        assert code != cli.BUG and said.count("wt: ") == said.count("hint: ") == failed, (typed, said)
        assert code == 3 and "remove it and try again" in said if typed == verb else True, said
    assert os.path.samestat(path.lstat(), before), "it is gone"


def test_a_file_in_the_place_of_a_new_worktree_s_state_undoes_new_and_stays(scene: Scene) -> None:
    (scene.state.parent / "shop-x").write_text("mine")
    said = wt(scene.shop, "new", "x", code=3).stderr
    assert "shop-x is, or lies behind, a symlink" in said and "could not undo" not in said
    assert (scene.state.parent / "shop-x").read_text() == "mine" and not scene.shop.with_name("shop-x").exists()


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_a_worktree_stays_where_something_else_has_the_place_of_the_trash(scene: Scene, kind: str) -> None:
    place = scene.state.parent / "trash"
    make_odd(place, kind)
    with pytest.raises(Refused, match="trash is, or lies behind"):
        trash.put(worktree(scene.feature))
    assert (scene.feature / "new").exists() and not trash.holds(worktree(scene.feature))


def test_approved_versions_that_are_no_files_count_for_nothing(scene: Scene) -> None:
    (version,) = (scene.state.parent / "trust").iterdir()
    version.unlink()
    version.mkdir()
    (version.parent / "other").symlink_to("no/where")
    assert "remove it and try again" in wt(scene.feature, "prepare", code=3).stderr


def test_what_covers_git_is_written_again_when_it_was_edited(scene: Scene) -> None:
    (scene.state / "dot-git").write_text("gitdir: /elsewhere\n")
    assert [each.message.rpartition("/")[2] for each in findings(scene.shop)] == ["dot-git"]
    wt(scene.feature, "prepare", code=4)
    assert findings(scene.shop) == []


def test_the_private_repository_of_an_earlier_worktree_is_named(scene: Scene) -> None:
    git(scene.shop, "worktree", "remove", "--force", "../feature")
    git(scene.shop, "worktree", "add", "--quiet", "-b", "other", "../feature")
    states = {each.state: each.message for each in findings(scene.shop)}
    assert "(an earlier worktree's)" in states["unprepared"]
    wt(scene.feature, "prepare", code=4)
    assert findings(scene.shop) == []


def test_a_symlink_to_another_directory_goes_before_the_rest(scene: Scene) -> None:
    gone(scene)
    scene.feature.symlink_to(scene.shop)
    (found,) = findings(scene.shop)
    assert (found.state, found.command) == ("symlink", f"rm {scene.feature}")
    scene.feature.unlink()
    assert [each.state for each in findings(scene.shop)] == ["gone"]


def test_a_disk_that_is_not_mounted_is_told_from_a_directory_that_was_deleted(scene: Scene) -> None:
    gone(scene)
    (scene.state / "disk").write_text(str(scene.shop / "no-disk"))
    (found,) = findings(scene.shop)
    assert (found.state, found.command) == ("not mounted", None)
    assert found.hint == "mount it; `wt rm --force feature` where it was deleted"


def test_what_can_t_be_looked_at_hides_nothing_else(scene: Scene) -> None:
    other = linked(scene.shop, "other")
    compose = scene.feature / ".devcontainer/docker-compose.yml"
    compose.unlink()
    compose.symlink_to("/dev/zero")
    shutil.rmtree(other)
    assert [(each.state, each.worktree and each.worktree.name) for each in findings(scene.shop)] == [
        ("refused", "feature"),
        ("gone", "other"),
    ]


def test_what_prepare_refuses_is_a_finding(scene: Scene) -> None:
    (scene.feature / ".devcontainer/wt.toml").write_text("nonsense = 1\n")
    (found,) = findings(scene.shop)
    assert (found.state, found.command) == ("refused", None) and "nonsense" in found.message


@pytest.mark.parametrize("text", [None, "", "garbage\n", "\0" * 41], ids=ascii)
def test_a_repository_whose_head_says_nothing_is_named_and_mended(scene: Scene, text: str | None) -> None:
    head, branch = scene.shop / ".git/HEAD", git(scene.shop, "branch", "--show-current")
    head.write_text(text) if text is not None else head.unlink()
    why = "it has no HEAD" if text is None else "its HEAD names neither branch nor commit"
    (scene.feature / "inner").mkdir()
    for place in (scene.shop, scene.shop / ".devcontainer", scene.feature, scene.feature / "inner"):
        wrong, hint = wt(place, "ls", code=3).stderr.splitlines()
        assert wrong == f"wt: {scene.shop}/.git is no repository to git: {why}"
        done = wt(place, "doctor", "--json", code=1)
        found = json.loads(done.stdout)["result"]
        assert [each["state"] for each in found] == ["engine", "no repository"] and done.stderr == ""
        _, _, said, mends, _ = PAGE["no repository"]
        assert said in found[1]["message"] and all(word in found[1]["hint"] for word in literals(mends))
    run(["sh", "-c", hint.partition("that was checked out: ")[2].replace("BRANCH", branch)], place)
    assert findings(scene.shop) == findings(scene.feature) == []


def test_a_bare_repository_whose_head_says_nothing_is_named_from_within_and_from_its_worktrees(scene: Scene) -> None:
    bare, tree = scene.shop.with_name("bare.git"), scene.shop.with_name("tree")
    git(scene.shop, "clone", "--quiet", "--bare", str(scene.shop), str(bare))
    git(bare, "worktree", "add", "--quiet", str(tree))
    (bare / "HEAD").write_text("")
    for place in (bare, tree):
        assert wt(place, "ls", code=3).stderr.startswith(f"wt: {bare} is no repository to git: its HEAD names")


def test_an_empty_directory_by_the_name_of_git_s_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert "`git init` first" in wt(tmp_path, "ls", code=2).stderr
    assert "only the host was looked at" in wt(tmp_path, "doctor", code=1).stderr


def test_in_a_worktree_that_git_forgot_wt_says_where_to_ask(scene: Scene) -> None:
    forgotten(scene)
    (scene.feature / "inner").mkdir()
    for place in (scene.feature, scene.feature / "inner"):
        said = wt(place, "ls", code=3).stderr
        assert said.startswith(f"wt: {place} was in a worktree of {scene.shop}/.git, which does not know it any more")
        assert f"hint: `wt doctor` in {scene.shop} names" in said
    shutil.rmtree(scene.shop)
    assert "git worktree repair" in wt(scene.feature, "ls", code=3).stderr


def test_worktrees_that_wt_never_saw_are_well(scene: Scene) -> None:
    linked(scene.shop, "plain")
    assert findings(scene.shop) == []
