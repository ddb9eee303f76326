"""Random sequences of what happens to worktrees and sandboxes, on the engine in memory; `./just soak` runs more."""

from pathlib import Path

from state import machine
from state.memory import IMAGE, Memory


def test_nothing_is_lost_in_any_sequence(original: Path) -> None:
    counts = machine.run(original, lambda: Memory([IMAGE]), sequences=50, steps=30, derandomize=True)
    tried = ("commit inside", "wt rm", "wt gc", "crash of new", "crash of gc", "directory deleted", "docker rm")
    assert [each for each in tried if not counts[each]] == [], counts
