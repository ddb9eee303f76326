"""Random sequences of what happens to worktrees and sandboxes, on the engine in memory; `./just soak` runs more."""

from pathlib import Path

from state import machine
from state.memory import IMAGE, Memory

WT = ("wt new", "wt prepare", "wt up", "wt down", "wt sync", "wt rm", "wt gc")
CRASHES = ("crash of new", "crash of rm", "crash of gc", "engine restarts")
WORK = ("commit", "stash", "branch")
BY_HAND = (
    "dirty",
    "git worktree remove",
    "git worktree move",
    "docker rm",
    "directory deleted",
    "renamed",
    "rebase inside",
)


def test_nothing_is_lost_in_any_sequence(original: Path) -> None:
    counts = machine.run(original, lambda: Memory([IMAGE]), sequences=50, steps=30, derandomize=True)
    work = [f"{each} {place}" for each in WORK for place in ("inside", "outside")]
    assert [each for each in (*WT, *CRASHES, *work, *BY_HAND) if not counts[each]] == [], counts
    assert counts["sequences"] >= 50
