"""Each attack, on the baseline and on wt: what it does there is seen, and only that wt stops all is asserted."""

from collections.abc import Callable, Sequence

import pytest

from attacks import rows
from attacks.attack import Attack, Played, Side
from attacks.baseline import Baseline
from attacks.sandbox import Sandbox

Play = Callable[[Side, Sequence[Attack]], Played]


# As many as there are sides at once; each process makes its own.
PROCESSES = 3


def _every() -> list[object]:
    """What is planted at once stays in one process."""
    rounds = list(dict.fromkeys(map(rows.together, rows.ATTACKS)))
    return [
        pytest.param(attack, id=attack.name, marks=pytest.mark.xdist_group(f"attacks-{number % PROCESSES}"))
        for number, attacks in enumerate(rounds)
        for attack in attacks
    ]


@pytest.mark.parametrize("attack", _every())
def test_an_attack(
    attack: Attack,
    hand_made: Baseline,
    sandboxed: Sandbox,
    played: Play,
    record_property: Callable[[str, object], None],
) -> None:
    theirs, ours = (played(side, rows.together(attack)) for side in (hand_made, sandboxed))
    seen = {"attack": attack.name, "baseline": theirs.fired[attack.name], "wt": ours.fired[attack.name]}
    for name, value in seen.items():
        record_property(name, value)
    assert not ours.fired[attack.name], ours.notes[attack.name]
    assert ours.problems == []
    # Else it would be no attack, and nothing were shown.
    assert theirs.fired[attack.name] or ours.controls.get(attack.name), theirs.notes[attack.name]
