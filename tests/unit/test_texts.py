"""How two texts differ: as difflib has it, and coarser where that would take long."""

import difflib
import itertools
import subprocess
from pathlib import Path

import pytest

from wt import texts

LINES = {length: [list(each) for each in itertools.product("ab", repeat=length)] for length in range(4)}
PAIRS = list(itertools.permutations((text for each in LINES.values() for text in each), 2))


def unified(old: list[str], new: list[str], context: int = 1) -> list[str]:
    return list(texts.Comparison(context=context).unified("x", old, new))


def test_short_texts_are_compared_as_ever() -> None:
    for old, new in PAIRS:
        assert unified(old, new) == list(difflib.unified_diff(old, new, "a/x", "b/x", "", "", 1, ""))
    assert unified(["a"], ["a"]) == []


def test_what_is_shown_of_long_ones_makes_the_one_of_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_PATIENCE", -1)
    assert unified(["a"], ["a"]) == []
    for context, (old, new) in itertools.product((0, 2), PAIRS):
        lines = unified([*"12345", *old, *"67890"], [*"12345", *new, *"67890"], context)
        assert len(lines) <= 3 + len(old) + len(new) + 2 * context
    for number, (old, new) in enumerate(PAIRS[::5]):
        (tmp_path / "x").write_text("".join(f"{line}\n" for line in old))
        patch = "".join(f"{line}\n" for line in unified(old, new, number % 3))
        subprocess.run(["git", "apply", "--unidiff-zero", "-"], input=patch, text=True, check=True, cwd=tmp_path)
        assert (tmp_path / "x").read_text().splitlines() == new


def test_many_texts_that_are_not_long_become_coarser() -> None:
    old, new = [str(at) for at in range(400)], [str(at + at % 2) for at in range(400)]
    comparison = texts.Comparison(context=1)
    fine, *_, coarse = [list(comparison.unified("x", old, new)) for _ in range(20)]
    assert coarse[2] == "@@ -1,400 +1,400 @@" and len(coarse) > len(fine)
