"""`wt rm` refuses what git has under way and keeps what is stashed; what it could not delete is known afterwards."""

import shutil
import subprocess
from threading import Event, Thread

import pytest

from state import crash, verbs
from state.memory import IMAGE, Memory
from state.world import World
from wt import apply, docker, health, inventory, naming, trash, trust, unwatched
from wt.commands import doctor, down, gc, ls, rm, sync, up
from wt.errors import Refused, ToolError, WtError
from wt.model import Progress, Worktree
from wt.steps import MoveToTrash, RemoveState, StartSandbox, Step

CONFLICT = (
    "git checkout -q -b other; echo theirs >clash; git add clash; git commit -q -m theirs; git checkout -q -",
    "echo ours >clash; git add clash; git commit -q -m ours",
)


def removed(world: World, tree: Worktree, *, force: bool = False) -> None:
    rm.run(world.context, [str(tree.path)], force=force, delete_branch=False, force_branch=False)


def told(world: World, place: str, script: str) -> None:
    """Run a script in the sandbox, or on the host in its worktree."""
    (tree,) = world.trees()
    if place == "inside":
        assert world.inside(tree, f"{script}; true") is not None
    else:
        world.git("-c", f"alias.script=!cd '{tree.path}'; {script}", "script", cwd=tree.path)


@pytest.mark.parametrize("place", ["inside", "outside"])
@pytest.mark.parametrize("work", ["merge", "rebase"])
def test_a_conflict_that_is_not_resolved_is_refused_with_force_too(world: World, place: str, work: str) -> None:
    (tree,) = world.trees()
    told(world, place, "; ".join([*CONFLICT, f"git {work} other"]))
    for force in (False, True):
        with pytest.raises(Refused, match=f"a {work} is under way in {tree.name}"):
            removed(world, tree, force=force)
        assert (tree.path / "clash").exists()
    told(world, place, f"git {work} --abort")
    world.git("branch", "other", f"refs/wt/{tree.id}/heads/other")
    removed(world, tree, force=True)
    assert not tree.path.exists()


def test_a_branch_that_is_gone_inside_is_kept_though_a_merge_of_it_had_come_in(world: World) -> None:
    """What is gone with the merge is the name that held what was under way, not the commit."""
    (tree,) = world.trees()
    told(world, "inside", "; ".join([*CONFLICT, "git merge other"]))
    sync.run(world.context, [str(tree.path)])
    told(world, "inside", "git merge --abort; git branch -D other")
    with pytest.raises(Refused, match="has commits that are nowhere else"):
        removed(world, tree)


def test_worktrees_that_were_made_in_a_repository_that_was_put_aside_are_still_seen(world: World) -> None:
    (tree,) = world.trees()
    told(world, "outside", "echo /helpers/ >>.gitignore; git commit -q -a -m ignored")
    told(world, "inside", "git worktree add -q -b helper helpers/h; echo x >helpers/h/precious")
    # As it is in a container, where the worktree is at /app.
    private = naming.private_repo(tree)
    (private / "worktrees/h/gitdir").write_text("/app/helpers/h/.git\n")
    with pytest.raises(Refused, match="has worktrees that were made inside"):
        removed(world, tree)
    down.run(world.context, [str(tree.path)])
    (private / "HEAD").write_text("")
    up.run(world.context, [str(tree.path)], wait=False)
    with pytest.raises(Refused, match="has worktrees that were made inside"):
        removed(world, tree)
    shutil.rmtree(tree.path / "helpers")
    removed(world, tree)
    assert not tree.path.exists()


def test_what_is_in_a_repository_that_was_put_aside_stops_nobody_for_ever(world: World) -> None:
    """It is the agent's, and kept: what it made there of links and lists says nothing of worktrees that are there."""
    (tree,) = world.trees()
    aside = naming.state_dir(tree.repository) / naming.ASIDE
    (aside / f"{tree.id}.aaaa/repo.git").mkdir(parents=True)
    (aside / f"{tree.id}.aaaa/repo.git/worktrees").symlink_to("/etc")
    for number in range(201):
        (aside / f"{tree.id}.bbbb/repo.git/worktrees/{number}").mkdir(parents=True)
    own = aside / f"{tree.id}.bbbb/repo.git/worktrees/0/gitdir"
    for text in ("/app/.git\n", "/tmp/x/.git\n", "/app/gone/.git\n"):
        own.write_text(text)
        assert unwatched.made_inside(tree) == ()
    shutil.rmtree(aside)


def test_a_ref_that_is_broken_is_named_and_no_other_one(world: World) -> None:
    (tree,) = world.trees()
    heads = tree.repository.common_dir / "refs/heads"
    told(world, "inside", "git commit -q --allow-empty -m more")
    # git speaks of it where it is asked for the worktree's own.
    (heads / "x-old").touch()
    with pytest.raises(ToolError, match="unable to resolve reference 'refs/heads/x-old': reference broken"):
        sync.run(world.context, [str(tree.path)])
    (heads / "x-old").unlink()
    (report,) = sync.run(world.context, [str(tree.path)])
    assert report.moved and report.kept is None
    tip = (heads / "x").read_text()
    (heads / "x").write_text("")
    (report,) = sync.run(world.context, [str(tree.path)])
    assert report.kept and "'refs/heads/x': reference broken" in report.kept and "put one in" in (report.hint or "")
    (heads / "x").write_text(tip)
    (heads / "x-old").touch()
    assert sync.run(world.context, [str(tree.path)])[0].kept is None
    (heads / "x").write_text("")
    world.git("branch", "kept", tip.strip())
    removed(world, tree, force=True)
    assert not tree.path.exists()


def test_a_sync_beside_a_removal_makes_nothing_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree,) = world.trees()
    state = naming.worktree_state_dir(tree)
    away = state.with_name("away")

    def removed_now(_tree: Worktree) -> None:
        """As by a wt rm that came before the lock."""
        state.rename(away)

    monkeypatch.setattr(health, "damage", removed_now)
    with pytest.raises(Refused, match="was removed meanwhile"):
        sync.run(world.context, [str(tree.path)])
    assert not state.exists()
    away.rename(state)


def rebasing(world: World) -> str:
    """On no branch inside, a rebase that stopped: the commit that it began with; the directory is gone."""
    told(world, "inside", "git branch target; git checkout -q target; echo theirs >clash; git add clash")
    told(world, "inside", "git commit -q -m theirs; git checkout -q --detach x; echo ours >clash; git add clash")
    told(world, "inside", "git commit -q -m ours; git commit -q --allow-empty -m precious")
    (tree,) = world.trees()
    precious = world.inside(tree, "git rev-parse HEAD")
    told(world, "inside", "git rebase -q target")
    assert precious and world.inside(tree, f"git merge-base --is-ancestor {precious} HEAD") is None
    world.may_end(tree)
    shutil.rmtree(tree.path)
    return precious


@pytest.mark.parametrize("command", ["rm", "gc", "gc of what git removed"])
def test_what_a_rebase_inside_began_with_is_kept_where_the_directory_is_gone(world: World, command: str) -> None:
    precious = rebasing(world)
    (tree,) = world.trees()
    if command == "gc of what git removed":
        world.git("worktree", "prune", "--expire=now")
    if command == "rm":
        with pytest.raises(Refused, match="has commits that are nowhere else") as caught:
            removed(world, tree, force=True)
        assert "precious" in str(caught.value.details)
    else:
        gc.remove(world.context, verbs.GARBAGE, gc.run(world.context, verbs.GARBAGE))
    assert world.git("cat-file", "-t", precious).stdout == "commit\n"
    # What was said to keep it lets the rest go.
    for name in ("theirs", "kept"):
        world.git("branch", name, precious if name == "kept" else f"refs/wt/{tree.id}/heads/target")
    if command == "rm":
        removed(world, tree, force=True)
    else:
        gc.remove(world.context, verbs.GARBAGE, gc.run(world.context, verbs.GARBAGE))
    assert not tree.git_dir.exists() and not naming.private_repo(tree).exists()
    assert world.git("for-each-ref", "refs/wt").stdout == ""
    world.check()


@pytest.mark.parametrize("by", ["rm", "gc"])
def test_refs_that_no_sandbox_can_make_files_of_any_more_are_put_aside(world: World, by: str) -> None:
    (tree,) = world.trees()
    (naming.private_repo(tree) / "reftable").mkdir()
    with pytest.raises(Refused, match="not stored as files") as caught:
        removed(world, tree, force=True)
    assert "wt exec shop-x -- git refs migrate" in (caught.value.hint or "")
    world.may_end(tree)
    shutil.rmtree(tree.path)
    with pytest.raises(Refused, match="is broken: its refs are not stored as files") as caught:
        sync.run(world.context, [str(tree.path)])
    assert (caught.value.hint or "").startswith("`wt rm --force shop-x` puts it aside")
    if by == "rm":
        removed(world, tree, force=True)
    else:
        gc.remove(world.context, verbs.GARBAGE, gc.run(world.context, verbs.GARBAGE))
    assert not tree.git_dir.exists()
    (place,) = (naming.state_dir(world.repository) / naming.ASIDE).iterdir()
    assert (place / "repo.git/reftable").is_dir()
    (row,) = [each for each in gc.run(world.context, verbs.GARBAGE) if each.kind == "private repository"]
    assert row.state == "kept" and str(place) in (row.hint or "")


@pytest.mark.parametrize("why", ["refs", "configuration"])
def test_a_sandbox_is_stopped_though_what_is_inside_is_refused(world: World, why: str) -> None:
    """No agent keeps its sandbox running by what it writes there."""
    (tree,) = world.trees()
    if why == "refs":
        (naming.private_repo(tree) / "reftable").mkdir()
    else:
        (tree.path / ".devcontainer/wt.toml").write_text("[import]\nseconds = 'x'\n")
    with pytest.raises(WtError):
        sync.run(world.context, [str(tree.path)])
    reports = down.run(world.context, [str(tree.path)])
    assert reports[0].kept and reports[0].hint
    app = world.app(tree)
    assert app is not None and app.state == "exited"


@pytest.mark.parametrize("by", ["rm", "gc", "gc of what git removed"])
def test_what_is_staged_inside_alone_goes_by_force_only(world: World, by: str) -> None:
    """Also what was there beside commits that had to be imported first."""
    (tree,) = world.trees()
    told(world, "inside", "git commit -q --allow-empty -m x; echo precious >p; git add p; rm p")
    if by == "rm":
        with pytest.raises(Refused, match="has changes that are not committed") as caught:
            removed(world, tree)
        assert caught.value.details == ("p (staged inside)",)
    else:
        shutil.rmtree(tree.path)
        world.may_end(tree)
        if by == "gc of what git removed":
            world.git("worktree", "prune", "--expire=now")
        for _ in range(2):
            rows = gc.remove(world.context, verbs.GARBAGE, gc.run(world.context, verbs.GARBAGE))
            (row,) = [each for each in (*rows, *gc.run(world.context, verbs.GARBAGE)) if each.kind != "sandbox"][-1:]
            assert (row.state, "its index has what was never committed: p" in row.reason) == ("kept", True)
    assert (naming.private_repo(tree) / "index").exists()
    world.check()
    if by != "gc of what git removed":
        world.may_end(tree)
        world.git("branch", "kept", f"refs/wt/{tree.id}/heads/x")
        removed(world, tree, force=True)
        assert not tree.git_dir.exists()


def test_what_an_agent_made_in_place_of_its_repository_is_imported_before_gc_removes_it(world: World) -> None:
    """By the line that doctor has for it."""
    (tree,) = world.trees()
    told(world, "inside", "git commit -q --allow-empty -m precious; git repack -q -a -d")
    precious = world.inside(tree, "git rev-parse HEAD") or ""
    (naming.private_repo(tree) / "objects/info/alternates").unlink()
    for each in docker.containers(project=naming.project_name(tree)):
        world.engine.kill(each.id)
    (found,) = [each for each in doctor.run(world.context) if each.state == "replaced"]
    line = (found.command or "").replace(f" && wt up {tree.name}", "")
    subprocess.run(["sh", "-ec", line], check=True)
    verbs.run(world, "up", tree, options={})
    assert world.git("cat-file", "-e", precious).returncode != 0
    rows = gc.remove(world.context, verbs.GARBAGE, gc.run(world.context, verbs.GARBAGE))
    assert [each.state for each in rows if each.kind == "private repository"] == ["removed"]
    assert precious in world.git("for-each-ref", "--format=%(objectname)", "refs/wt/aside").stdout.split()


def test_a_stash_entry_inside_is_refused_and_one_outside_stays(world: World) -> None:
    (tree,) = world.trees()
    told(world, "outside", "echo outside >kept; git add kept; git stash -q")
    outside = world.git("rev-parse", "--verify", "refs/stash").stdout
    told(world, "inside", "echo inside >precious; git add precious; git stash -q")
    for force in (False, True):
        with pytest.raises(Refused, match="has commits that are nowhere else") as caught:
            removed(world, tree, force=force)
        assert "WIP on x" in caught.value.details[0]
    told(world, "inside", "git stash drop -q")
    removed(world, tree)
    assert world.git("rev-parse", "--verify", "refs/stash").stdout == outside != ""
    assert world.git("show", "stash@{0}:kept").stdout == "outside\n"


def test_what_runs_by_docker_compose_run_is_not_killed(world: World) -> None:
    """No stop of the services reaches it, and what it commits after the import would be lost."""
    (tree,) = world.trees()
    app = world.app(tree)
    assert isinstance(world.engine, Memory) and app is not None
    one = world.engine.run_once(app.id)
    for stop in (False, True):
        if stop:
            down.run(world.context, [str(tree.path)])
        with pytest.raises(Refused, match="somebody is at work in the sandbox of") as caught:
            removed(world, tree, force=True)
        assert caught.value.details == (f"{one.name}, by docker compose run: `docker stop {one.name}` ends it",)
    assert world.engine.inside(one.id, "git commit -q --allow-empty -m precious").returncode == 0
    world.check()
    world.engine.kill(one.id)
    world.engine.leave_import(app.project)
    world.engine.boxes[-1].state = "running"
    world.may_end(tree)
    removed(world, tree)
    world.check()


@pytest.mark.parametrize("verb", ["rm", "sync"])
def test_another_sandbox_s_image_serves_what_is_gone_with_its_own(world: World, verb: str) -> None:
    (tree,) = world.trees()
    told(world, "inside", "git commit -q --allow-empty -m precious")
    precious = world.inside(tree, "git rev-parse HEAD")
    project = naming.project_name(tree)
    docker.remove_project(project)
    world.may_end(tree)
    shutil.rmtree(tree.path)

    def again() -> None:
        if verb == "rm":
            removed(world, tree, force=True)
        else:
            sync.run(world.context, [str(tree.path)])

    with pytest.raises(ToolError, match="no image to serve them from") as caught:
        again()
    assert "`wt new NAME`" in (caught.value.hint or "")
    verbs.run(world, "new", None, name="y", options={})
    if verb == "rm":
        with pytest.raises(Refused, match="has commits that are nowhere else"):
            again()
        world.git("branch", "kept", precious or "")
    again()
    assert verb == "sync" or not tree.git_dir.exists()
    assert world.git("cat-file", "-t", precious or "").stdout == "commit\n"


@pytest.mark.parametrize("by", ["rm", "gc"])
def test_a_sandbox_is_not_started_while_it_is_removed(world: World, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """As by `wt exec`, whose `prepare` had ended before: what is committed in it would be lost."""
    (tree,) = world.trees()
    told(world, "inside", "git commit -q --allow-empty -m x")
    verbs.run(world, "down", tree, options={})
    if by == "gc":
        world.may_end(tree)
        shutil.rmtree(tree.path)
        world.git("worktree", "prune", "--expire=now")
    perform, waits, answers = apply._perform, Event(), list[WtError | None]()

    def note(line: str) -> None:
        if line.startswith("waiting for another wt"):
            waits.set()

    def start() -> None:
        monkeypatch.setattr(world.told, "note", note)
        answers.append(world.attempt("exec", lambda: up.start(tree, world.context)))

    def performed(step: Step, progress: Progress) -> None:
        if isinstance(step, MoveToTrash | RemoveState) and not thread.ident:
            thread.start()
            assert waits.wait(20), answers
        perform(step, progress)

    thread = Thread(target=start)
    monkeypatch.setattr(apply, "_perform", performed)
    if by == "rm":
        verbs.run(world, "rm", tree, options={})
    else:
        gc.remove(world.context, verbs.GARBAGE, gc.run(world.context, verbs.GARBAGE))
    thread.join()
    (answer,) = answers
    assert isinstance(answer, Refused) and answer.message == f"{tree.path} was removed meanwhile"
    assert not docker.containers(project=naming.project_name(tree))
    assert not naming.worktree_state_dir(tree).exists()
    assert isinstance(world.attempt("exec", lambda: up.start(tree, world.context)), Refused)
    assert not naming.worktree_state_dir(tree).exists()
    world.check()


def test_a_sandbox_is_not_removed_while_it_is_started(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree,) = world.trees()
    verbs.run(world, "down", tree, options={})
    perform, begun = apply._perform, Event()

    def remove() -> None:
        begun.set()
        removed(world, tree)

    def performed(step: Step, progress: Progress) -> None:
        if isinstance(step, StartSandbox):
            thread.start()
            assert begun.wait(20)
            thread.join(1)
            assert thread.is_alive() and tree.path.is_dir()
        perform(step, progress)

    thread = Thread(target=remove)
    monkeypatch.setattr(apply, "_perform", performed)
    world.may_end(tree)
    assert up.start(tree, world.context).running
    thread.join()
    assert not tree.path.exists() and not docker.containers(project=naming.project_name(tree))
    world.check()


@pytest.mark.parametrize("made", ["directory", "repository", "worktree of another"])
def test_what_comes_to_its_place_stays_and_is_not_in_the_way(
    world: World, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    """An editor or a server may make the directory again when it has been moved away."""
    (tree,) = world.trees()
    perform = apply._perform

    def performed(step: Step, progress: Progress) -> None:
        perform(step, progress)
        if isinstance(step, MoveToTrash):
            again()
            (tree.path / "cache").write_text("made again\n")

    def again() -> None:
        if made == "directory":
            tree.path.mkdir()
        elif made == "repository":
            world.git("init", "--quiet", tree.path)
        else:
            world.git("clone", "--quiet", world.path, other := world.path.with_name("other"))
            world.git("worktree", "add", "--quiet", tree.path, cwd=other)

    monkeypatch.setattr(apply, "_perform", performed)
    world.may_end(tree)
    removed(world, tree)
    assert (tree.path / "cache").read_text() == "made again\n" and not tree.git_dir.exists()
    assert world.told.lines[-1] == f"{tree.path} is there again, made by something else, and stays"
    world.check()


def test_what_rm_did_not_come_to_delete_is_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree,) = world.trees()

    def dies(_repository: object) -> None:
        raise crash.Death

    monkeypatch.setattr(trash, "empty", dies)
    with pytest.raises(crash.Death):
        removed(world, tree)
    places = [place for place, _ in trash.content(world.repository)]
    ls.run(world.context, sizes=False)
    assert places and not any(str(place) in line for place in places for line in world.told.lines)
    monkeypatch.setattr(trash, "_LONG", -1)
    ls.run(world.context, sizes=False)
    for place in places:
        assert f"what was removed is not deleted yet: {place}" in world.told.lines
    plan = gc.run(world.context, verbs.GARBAGE)
    assert {row.name for row in plan if (row.kind, row.state) == ("trash", "removable")} == set(map(str, places))
    done = gc.remove(world.context, verbs.GARBAGE, plan)
    assert {(row.kind, row.state) for row in done} == {("trash", "removed")}
    assert not any(place.exists() for place in places) and gc.run(world.context, verbs.GARBAGE) == ()


def test_volumes_without_a_worktree_are_named(world: World) -> None:
    (tree,) = world.trees()
    project = naming.project_name(tree)
    volumes = {each.name for each in inventory.holdings() if (each.kind, each.project) == ("volume", project)}
    note = f"{project} has volumes of a worktree that git does not know any more: see wt doctor"
    ls.run(world.context, sizes=False)
    assert volumes and note not in world.told.lines
    world.git("worktree", "remove", "--force", tree.path)
    for container in docker.containers(project=project):
        world.engine.rm(container.id)
    ls.run(world.context, sizes=False)
    assert world.told.lines.count(note) == 1
    found = [each for each in doctor.run(world.context) if project in each.message]
    assert {(each.state, each.command) for each in found} == {("leftover", "wt gc")}
    gc.remove(world.context, verbs.GARBAGE, gc.run(world.context, verbs.GARBAGE))
    assert not volumes & {each.name for each in inventory.holdings()} and doctor.run(world.context) == ()
    ls.run(world.context, sizes=False)
    assert world.told.lines.count(note) == 1


@pytest.mark.parametrize("head", [True, False])
def test_what_is_named_for_a_worktree_that_git_did_not_end_making_works(world: World, *, head: bool) -> None:
    assert world.git("worktree", "add", "--quiet", "--no-checkout", "-b", "y", "../shop-y").returncode == 0
    admin = world.repository.common_dir / "worktrees/shop-y"
    (admin / "locked").write_text("initializing\n")
    if not head:
        # As git writes it before it knows better.
        (admin / "HEAD").write_text(f"{'0' * 40}\n")
    with pytest.raises(Refused, match="git has not ended making") as refusal:
        up.run(world.context, ["shop-y"], wait=False)
    line = (refusal.value.hint or "").partition("if there is none: ")[2]
    first, _, ours = line.partition(" && wt ")
    subprocess.run(["bash", "-ec", first], cwd=world.path, check=True)
    if not head:
        assert ours == "rm --force shop-y"
        rm.run(world.context, ["shop-y"], force=True, delete_branch=False, force_branch=False)
        verbs.run(world, "new", None, name="y", options={})
    tree = next(each for each in world.trees() if each.id == "shop-y")
    verbs.run(world, "up", tree, options={})
    assert world.inside(tree, "git status --porcelain") == ""


CACHE = "  cache:\n    image: {}\n    command: [sleep, infinity]\n    volumes: [cache:/data]\nvolumes:\n  cache:\n"


def test_a_service_of_the_user_s_goes_with_the_sandbox_and_no_other_one_s_does(world: World) -> None:
    verbs.run(world, "new", None, name="y", options={})
    for tree in world.trees():
        file = tree.path / ".devcontainer/docker-compose.yml"
        file.write_text(file.read_text() + CACHE.format(IMAGE))
        trust.record(world.repository, trust.look(tree.path))
        verbs.run(world, "up", tree, options={})
    gone, stays = world.trees()
    # Of a project that is nobody's, with a name like one of wt's.
    assert isinstance(world.engine, Memory)
    world.engine.volumes["other_data"] = {docker.PROJECT: "other-123456"}
    names = {
        tree: {each.name for each in docker.containers(project=naming.project_name(tree))} for tree in (gone, stays)
    }
    assert all(f"{naming.project_name(tree)}-cache-1" in names[tree] for tree in names)
    world.check()
    world.may_end(gone)
    assert world.git("worktree", "remove", "--force", gone.path).returncode == 0
    verbs.run(world, "gc", None, options={})
    project = naming.project_name(gone)
    assert docker.containers(project=project) == ()
    assert not [name for name in (*world.engine.volumes, *world.engine.networks) if name.startswith(project)]
    assert {each.name for each in docker.containers(project=naming.project_name(stays))} == names[stays]
    assert "other_data" in world.engine.volumes
    world.check()
    docker.stop(naming.project_name(stays))
    for each in docker.containers(project=naming.project_name(stays)):
        docker.remove("container", each.id)
    assert gc.run(world.context, gc.Options()) == ()


@pytest.mark.parametrize("by", ["rm", "gc"])
def test_a_volume_with_a_name_of_its_own_goes_with_no_worktree(world: World, by: str) -> None:
    """Compose says that it is the first one's; whoever uses it besides would lose it."""
    verbs.run(world, "new", None, name="y", options={})
    named = CACHE.format(IMAGE).removesuffix("  cache:\n") + "  cache: {name: shop-cache}\n"
    for tree in world.trees():
        file, settings = (tree.path / ".devcontainer" / name for name in ("docker-compose.yml", "wt.toml"))
        file.write_text(file.read_text() + named)
        settings.write_text(settings.read_text() + '[allow]\nvolumes = ["cache"]\n')
        trust.record(world.repository, trust.look(tree.path))
        verbs.run(world, "up", tree, options={})
    first, second = world.trees()
    assert inventory.volumes_of(naming.project_name(first))[-1] == "shop-cache"
    for tree in (first, second):
        world.may_end(tree)
        if by == "gc":
            assert world.git("worktree", "remove", "--force", tree.path).returncode == 0
            verbs.run(world, "gc", None, options={})
        else:
            verbs.run(world, "rm", tree, options={"force": True})
        assert inventory.volumes_of(naming.project_name(first)) == ("shop-cache",)
        assert tree == second or len(docker.containers(project=naming.project_name(second))) > 1
    assert [row for row in gc.run(world.context, gc.Options()) if row.kind != "trash"] == []
