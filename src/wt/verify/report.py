"""What is said of the rows: one line for each, and how many there are."""

from collections.abc import Iterator, Sequence

from wt.model import Check
from wt.verify.answers import FAILS, HOLDS, UNKNOWN

_SIGNS = {HOLDS: "holds", FAILS: "FAILS", UNKNOWN: "UNKNOWN"}
_COUNTED = {HOLDS: "hold", FAILS: "fail", UNKNOWN: "could not be shown"}
_LONGEST = 160


def lines(rows: Sequence[Check]) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is alarming."""
    for row in rows:
        answer = row.answer if len(row.answer) <= _LONGEST else f"{row.answer[:_LONGEST]}..."
        yield f"{_SIGNS[row.state]:7}  {row.control}: {answer} ({row.tried})", row.state != HOLDS
        if row.hint and row.state != HOLDS:
            yield f"  hint: {row.hint}", False
    counts = (f"{sum(row.state == state for row in rows)} {word}" for state, word in _COUNTED.items())
    yield f"{len(rows)} controls: {', '.join(counts)}", False
