"""What is said of containers, by tables; on a real engine: tests/e2e/test_drift.py."""

from dataclasses import replace
from typing import Any

import pytest

from unit.nouns import MAIN, REPOSITORY, container, tree
from wt import drift, naming, observe
from wt.drift import Ground, Sight
from wt.model import Container

PROJECT = naming.project_name(tree())
APP = container(PROJECT, worktree="feature", config="c", repository="12345678")
GUARD = container(PROJECT, "guard", repository="12345678")
ENDED: dict[str, Any] = {"state": "exited", "status": "Exited (0) 1 s ago"}
WELL = Sight(tree(), containers=(APP,), services=("app",))


@pytest.mark.parametrize(
    ("sight", "found"),
    [
        (WELL, []),
        (replace(WELL, containers=()), []),
        (replace(WELL, containers=None), []),
        (replace(WELL, containers=(replace(APP, state="exited"),)), []),
        (replace(WELL, outdated=True, astray=(APP,)), [("outdated", "wt up feature")]),
        (replace(WELL, astray=(APP,)), [("network gone", "wt up feature")]),
        (replace(WELL, containers=(replace(APP, state="paused"),)), [("paused", "wt up feature")]),
        (replace(WELL, containers=(replace(APP, status="Up 1 s (unhealthy)"),)), [("unhealthy", "wt logs feature")]),
        (replace(WELL, containers=(replace(APP, state="restarting"),)), [("restarting", "wt logs feature")]),
        (replace(WELL, containers=(replace(APP, state="created"),)), [("not started", "wt up feature")]),
        (replace(WELL, containers=(APP, replace(GUARD, state="exited"))), [("not running", "wt up feature")]),
        (replace(WELL, containers=(APP, replace(GUARD, **ENDED))), [("not running", "wt up feature")]),
        (replace(WELL, containers=(APP, replace(GUARD, service="job", **ENDED))), []),
        (replace(WELL, containers=(replace(APP, state="exited"), replace(GUARD, state="exited"))), []),
        (replace(WELL, services=("app", "web")), [("incomplete", "wt up feature")]),
        (replace(WELL, damage="it has no HEAD"), [("broken", "wt down feature && wt up feature")]),
        (replace(WELL, damage="x", containers=None), [("broken", "wt up feature")]),
        (replace(WELL, place="nothing"), [("gone", "wt rm --force feature")]),
        (replace(WELL, unprepared=(".devcontainer/.env",)), [("unprepared", "wt up feature")]),
        (replace(WELL, unprepared=("/r/host.git",)), [("unprepared", "wt down feature && wt up feature")]),
        (
            replace(WELL, unprepared=(".devcontainer/.env", ".claude-docker")),
            [("unprepared", "wt down feature && wt up feature")],
        ),
        (
            replace(WELL, unprepared=("/r/host.git",), containers=(replace(APP, state="paused"),)),
            [("unprepared", "wt down feature && wt up feature"), ("paused", "wt up feature")],
        ),
        (
            replace(WELL, unprepared=("/r/host.git",), containers=(replace(APP, state="exited"),)),
            [("unprepared", "wt up feature")],
        ),
        (
            replace(WELL, damage="x", unprepared=("x",), services=("app", "web")),
            [
                ("broken", "wt down feature && wt up feature"),
                ("unprepared", "wt down feature && wt up feature"),
                ("incomplete", "wt up feature"),
            ],
        ),
    ],
)
def test_what_is_said_of_a_sandbox(sight: Sight, found: list[tuple[str, str]]) -> None:
    said = drift.findings(Ground(REPOSITORY), [sight])
    assert [(each.state, each.command) for each in said] == found
    assert all(each.worktree == tree() for each in said)


@pytest.mark.parametrize(
    ("containers", "unguarded"),
    [
        (None, False),
        ((), False),
        ((replace(APP, state="exited"),), False),
        ((APP,), True),
        ((APP, GUARD), False),
        ((APP, replace(GUARD, status="Up 1 s (health: starting)")), False),
        ((APP, replace(GUARD, status="Up 2 minutes (unhealthy)")), True),
        ((APP, replace(GUARD, state="exited")), True),
        ((APP, replace(GUARD, state="paused")), True),
        ((APP, replace(GUARD, state="restarting")), True),
        ((APP, replace(GUARD, project="another")), True),
        ((APP, replace(GUARD, service="web")), True),
    ],
)
def test_who_runs_without_a_guard(containers: tuple[Container, ...] | None, unguarded: bool) -> None:
    assert observe.is_unguarded(tree(), containers) is unguarded


def test_a_running_sandbox_of_a_worktree_that_is_gone_is_spoken_of() -> None:
    (found,) = drift.findings(Ground(REPOSITORY), [replace(WELL, place="nothing")])
    assert found.message == "/code/feature is gone, and its sandbox runs"


def test_shared_services_on_a_network_that_is_gone() -> None:
    (found,) = drift.findings(Ground(REPOSITORY, shared_astray=(APP,)), [])
    assert (found.state, found.command, found.worktree) == ("network gone", "wt shared up", None)


@pytest.mark.parametrize(
    ("found", "strange"),
    [
        (APP, False),
        (replace(APP, project="feature-000000"), True),
        (replace(APP, project="feature-000000", repository="87654321"), False),
        (replace(APP, project="shop-shared", worktree=""), False),
    ],
)
def test_sandboxes_of_worktrees_that_git_does_not_know(found: Container, *, strange: bool) -> None:
    said = observe.strangers(REPOSITORY, (MAIN, tree()), (found, found))
    assert said == ((found.project,) if strange else ())
