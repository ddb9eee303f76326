"""Random sequences of what happens to worktrees and sandboxes, on the engine in memory; `./just soak` runs more."""

import os
from pathlib import Path

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from state.conftest import IMAGE
from state.machine import Sequences
from state.memory import Memory


class InMemory(Sequences):
    new_engine = staticmethod(lambda: Memory([IMAGE]))


def test_nothing_is_lost_in_any_sequence(original: Path) -> None:
    InMemory.original = original
    chosen = settings(
        settings.get_profile("wt-state"),
        max_examples=int(os.environ.get("N", "50")),
        stateful_step_count=30,
        derandomize="RANDOM" not in os.environ,
    )
    run_state_machine_as_test(InMemory, settings=chosen)
    for rule in ("commit inside", "wt rm", "wt gc", "crash of new", "directory deleted", "docker rm"):
        assert InMemory.counts[rule], f"nothing of this was tried: {rule}"
