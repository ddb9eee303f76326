"""How two texts differ, line by line, in time that their length bounds; pure."""

import difflib
from collections.abc import Iterator, Sequence

# Lines of the one times lines of the other, up to which what is alike within a change is looked for.
_PATIENCE = 250_000


class Comparison:
    """One after another, any number of texts: the more they cost, the coarser those are that follow."""

    def __init__(self, *, context: int) -> None:
        """Without a cost so far.

        Args:
            context: lines that are shown around a change.
        """
        self._context = context
        self._left = 4 * _PATIENCE

    def unified(self, path: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
        """A unified diff; of long texts it has one hunk, from the first line that differs to the last.

        Args:
            path: what the texts are called.
            old: lines, without what ends them.
            new: the same of the other text.
        """
        cost = len(old) * len(new)
        if cost <= min(_PATIENCE, self._left):
            self._left -= cost
            yield from difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", "", "", self._context, "")
        elif old != new:
            yield from (f"--- a/{path}", f"+++ b/{path}")
            yield from _hunk(old, new, self._context)


def _hunk(old: Sequence[str], new: Sequence[str], context: int) -> Iterator[str]:
    most = min(len(old), len(new))
    first = next((at for at in range(most) if old[at] != new[at]), most)
    same = next((at for at in range(most - first) if old[-1 - at] != new[-1 - at]), most - first)
    start, after = max(first - context, 0), min(context, same)
    ends = [len(text) - same for text in (old, new)]
    counts = [f"{start + 1 if end + after > start else start},{end + after - start}" for end in ends]
    yield f"@@ -{counts[0]} +{counts[1]} @@"
    yield from (f" {line}" for line in old[start:first])
    yield from (f"-{line}" for line in old[first : ends[0]])
    yield from (f"+{line}" for line in new[first : ends[1]])
    yield from (f" {line}" for line in old[ends[0] : ends[0] + after])
