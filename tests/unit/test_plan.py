"""What is decided, by tables: no engine, no files."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from unit.nouns import MAIN, REPOSITORY, SEEN, container, tree
from wt import addition, naming, plan, steps
from wt.config import Agent, Config, Shared
from wt.errors import Refused, UsageError, WtError
from wt.model import Container, HostUser

SHARED = naming.shared_project_name(REPOSITORY)
OWN = naming.own_network(REPOSITORY)
FOREIGN = container("other-shared", "postgres")
ROOT = HostUser(0, 0, Path("/root"))


def names(chosen: tuple[steps.Step, ...]) -> list[str]:
    return [type(step).__name__ for step in chosen]


@pytest.mark.parametrize(
    ("containers", "network"),
    [
        ((), "dev"),
        ((FOREIGN,), OWN),
        ((container("other-shared", "redis"),), "dev"),
        ((container("other-shared", "postgres", networks=("bridge",)),), "dev"),
        ((container("other-abc", "postgres", worktree="x"),), "dev"),
        ((container(SHARED, "postgres"),), "dev"),
        ((container(SHARED, "postgres", networks=(OWN,)),), OWN),
        ((FOREIGN, container(SHARED, "postgres")), "dev"),
        ((FOREIGN, container(SHARED, "postgres", networks=(OWN,))), OWN),
        (None, "dev"),
    ],
)
def test_the_network(containers: tuple[Container, ...] | None, network: str) -> None:
    assert plan.network(replace(SEEN, containers=containers)) == network


def test_the_network_is_the_configured_one_and_without_an_engine_what_it_was() -> None:
    assert plan.network(replace(SEEN, config=Config(network="team"))) == "team"
    assert plan.network(replace(SEEN, containers=None, env_text="WT_NETWORK='dev-1'\n")) == "dev-1"


def test_a_node_version_is_a_tag() -> None:
    texts = ("24\n", "v24.1.0", "22.3", "lts/*", "lts/jod", "node", "  20  ")
    tags = ["24", "24.1.0", "22.3", "lts", "jod", "current", "20"]
    assert [plan.node_tag((".nvmrc", text)) for text in texts] == tags and plan.node_tag(None) == "lts"


@pytest.mark.parametrize(
    "text",
    ["", "24 AS x", "24\nRUN x", "../24", "24@sha256:0", "evil/node", "lts/../x", "latest-x", "-24", "\uff12", "24:x"],
)
def test_a_hostile_node_version_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^\.nvmrc says "):
        plan.node_tag((".nvmrc", text))


def test_of_a_node_version_that_is_none_a_short_printable_piece_is_shown() -> None:
    with pytest.raises(UsageError) as raised:
        plan.node_tag((".node-version", "\x1b]0;\u202estable\n" + "x" * 500))
    assert raised.value.message == rf".node-version says '\x1b]0;\u202estable\n{'x' * 18}..., which is no version"


def test_prepare_makes_everything_once() -> None:
    made = plan.prepare_files(SEEN, "dev")
    assert names(made)[:2] == ["CreatePrivateRepository", "WriteHostView"]
    directories = [step.path for step in made if isinstance(step, steps.MakeDirectory)]
    assert directories == [".claude-docker", ".vscode", ".idea", "node_modules", "packages/a/node_modules"]
    written = {step.path: step for step in made if isinstance(step, steps.WriteFile)}
    assert set(written) == {".claude-docker/.claude.json", ".claude-docker/.bash_history", ".devcontainer/.env"}
    assert {(step.mode, step.owner) for step in written.values()} == {(0o600, None)}
    env, present = written[".devcontainer/.env"].content.decode(), frozenset([*directories, *written])
    done = replace(SEEN, present=present, env_text=env, has_private_repository=True, host_view_current=True)
    assert plan.prepare_files(done, "dev") == ()
    assert names(plan.prepare_files(done, "dev-2")) == ["WriteFile"]
    assert names(plan.prepare_files(replace(done, files_digest="new"), "dev")) == ["WriteFile"]
    alive = container(project=naming.project_name(done.worktree))
    again = replace(done, has_private_repository=False, left_over=True)
    assert names(plan.prepare_files(again, "dev")) == ["CreatePrivateRepository"]
    assert names(plan.prepare_files(replace(again, containers=(alive,)), "dev"))[0] == "StopSandbox"
    with pytest.raises(Refused, match="has submodules"):
        plan.prepare_files(replace(done, submodules=("part",)), "dev")


def test_root_is_never_the_sandbox_s_user_and_gives_the_agent_s_files_away() -> None:
    made = plan.prepare_files(replace(SEEN, user=ROOT), "dev")
    given = {each.path for each in made if isinstance(each, steps.WriteFile | steps.MakeDirectory) and each.owner}
    assert given == {".claude-docker", ".claude-docker/.claude.json", ".claude-docker/.bash_history"}
    for user, expected in (
        (ROOT, "0 1000 1000"),
        (SEEN.user, "501 501 20"),
        (HostUser(501, 0, Path("/")), "501 501 1000"),
    ):
        values = plan.environment(replace(SEEN, user=user), "dev")
        assert " ".join(values[key] for key in ("HOST_UID", "WT_UID", "WT_GID")) == expected


def test_the_main_checkout_s_git_is_covered_by_the_private_repository_itself() -> None:
    main, linked = (plan.environment(replace(SEEN, worktree=each), "dev") for each in (MAIN, tree()))
    assert (main["WT_DOT_GIT"], main["WT_DOT_GIT_RO"]) == (main["WT_GIT_DIR"], "false")
    assert (linked["WT_DOT_GIT"], linked["WT_DOT_GIT_RO"]) == ("/code/shop/.git/wt-sandbox/feature/dot-git", "true")


def test_another_version_of_the_agent_is_another_sandbox_another_command_is_not() -> None:
    default, other, none, words = (
        plan.environment(replace(SEEN, config=Config(agent=agent)), "dev")
        for agent in (Agent(), Agent(version="1.2.3"), Agent(version=""), Agent(command="other"))
    )
    versions = [each["WT_AGENT_VERSION"] for each in (default, other, none)]
    assert versions == [Agent().version, "1.2.3", ""]
    assert len({each["WT_CONFIG"] for each in (default, other, none)}) == 3
    assert words == default


@pytest.mark.parametrize(
    "text",
    [
        "COMPOSE_PROJECT_NAME=x",
        "A=1\nexport COMPOSE_FILE=x",
        "'WT_X'=1",
        "COMPOSE_PROFILES",
        # python-dotenv reads these otherwise than compose and the devcontainer CLI (/^COMPOSE_PROJECT_NAME=(.+)$/m) do
        "A='\nCOMPOSE_PROJECT_NAME=x\n'",
        "A=1\u2028COMPOSE_PROJECT_NAME=x",
        "\ufeffCOMPOSE_PROJECT_NAME=x",
        "COMPOSE_PROJECT_NAME: x",
        "A='unterminated\nCOMPOSE_PROJECT_NAME=x' # y'",
    ],
)
def test_a_root_env_that_would_aim_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"\.env sets"):
        plan.prepare_files(replace(SEEN, root_env=text), "dev")


def test_any_other_root_env_is_the_project_s_business() -> None:
    assert plan.prepare_files(replace(SEEN, root_env="DATABASE_URL=x\n# COMPOSE_FILE=y\nMY_COMPOSE_X=1\n"), "dev")


def test_the_engine_is_asked_only_for_what_is_missing() -> None:
    well, sick = container(SHARED, "postgres"), container(SHARED, "postgres", status="Up 1 s (unhealthy)")
    assert plan.prepare_engine(replace(SEEN, containers=(well,)), "dev", driver="bridge") == ()
    seen = replace(SEEN, containers=(sick,), config=Config(shared=Shared(wait=7)))
    network, start = plan.prepare_engine(seen, "dev", driver=None)
    compose = plan.shared_project(seen.worktree, seen.config)
    assert (network, start) == (
        steps.CreateNetwork("dev"),
        steps.StartShared(compose, ("postgres",), 7, recreate=False),
    )


NOW, OLD_GUARD = container(config="now"), container(service="guard", config="old")
REBUILT, STARTED = ["BuildImage", "StartSandbox", True], ["StartSandbox", False]


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ((), REBUILT),
        ((NOW,), []),
        ((replace(NOW, state="exited"),), STARTED),
        ((replace(NOW, config="old"),), REBUILT),
        ((NOW, container(service="guard", state="exited")), STARTED),
        ((NOW, OLD_GUARD), REBUILT),
        ((container(service="guard", config="now"),), REBUILT),
    ],
)
def test_up(containers: tuple[Container, ...], expected: list[str | bool]) -> None:
    chosen = plan.up(tree(), "now", containers, "app")
    assert [*names(chosen), *(step.recreate for step in chosen if isinstance(step, steps.StartSandbox))] == expected


def new(
    branch: str, path: str = "/nowhere/x", start: str | None = None, default: str | None = "default"
) -> steps.AddWorktree:
    branches = dict.fromkeys(("refs/heads/main", "refs/heads/feature", "refs/heads/free"), "tip")
    known = (MAIN, tree())
    options = {"branches": branches, "worktrees": known, "start": start, "default_start": default}
    exposed = [MAIN.path] if Path(path).is_relative_to(MAIN.path) else []
    return addition.decide(REPOSITORY, Path(path), branch, **options, occupied=path == "/", exposed=exposed)  # type: ignore[arg-type]


def test_a_new_branch_starts_where_told_and_an_existing_one_is_taken_as_it_is() -> None:
    assert [new("fresh").start, new("fresh", start="told").start, new("free").start] == ["default", "told", None]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("feature",), Refused, "checked out in /code/feature"),
        (("free", "/nowhere/x", "told"), UsageError, "--from is for a new one"),
        (("fresh", "/"), Refused, "/ exists"),
        (("fresh", "/nowhere/x", None, None), UsageError, "no commit to start from"),
        (("fresh", "/code/shop/inner"), Refused, "lies inside /code/shop"),
    ],
)
def test_new_refuses(arguments: tuple[str, ...], error: type[WtError], words: str) -> None:
    with pytest.raises(error, match=words):
        new(*arguments)


@pytest.mark.parametrize(("state", "expected"), [("running", 1), ("paused", 1), ("exited", 0), ("created", 0)])
def test_what_is_alive_is_stopped(state: str, expected: int) -> None:
    assert plan.stop((container(state="exited"), container(state=state))) == (steps.StopSandbox("x"),) * expected
    assert plan.stop(()) == ()


AROUND = container(naming.project_name(MAIN), config="now")


@pytest.mark.parametrize(
    ("around", "refused"),
    [
        (AROUND, True),
        (replace(AROUND, state="paused"), True),
        (replace(AROUND, state="exited"), False),
        (replace(AROUND, hidden=("trees",)), False),
        (replace(AROUND, config=""), False),
        (replace(AROUND, project="another"), False),
    ],
)
def test_no_sandbox_in_the_reach_of_another_one(around: Container, refused: bool) -> None:
    inner = replace(tree(), path=MAIN.path / "trees/feature")
    seen = replace(SEEN, worktree=inner, outer=(MAIN,), containers=(around,))
    with pytest.raises(Refused, match="could write to it") if refused else nullcontext():
        plan.prepare_files(seen, "dev")


@pytest.mark.parametrize(("driver", "words"), [("macvlan", "its driver is macvlan"), ("", "its driver is none")])
def test_a_network_that_is_no_bridge_is_refused(driver: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        plan.prepare_engine(SEEN, "dev", driver=driver)
