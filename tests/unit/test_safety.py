"""The page on safety says what was measured, of every attack that there is."""

import re

from attacks import report, rows

NAMES = [attack.name for attack in rows.ATTACKS]


def cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip("|").split(" | "))


def test_the_table_has_exactly_the_attacks_that_there_are() -> None:
    shown = [cells(line) for line in report.written().splitlines() if line.startswith("| ")]
    heads = [report.HEADS, ("---",) * len(report.HEADS)]
    assert [row[0] for row in shown if row not in heads] == NAMES, "just attacks writes it"
    subjects = re.findall(r"^### (.*)$", report.written(), re.MULTILINE)
    assert subjects == list(rows.SUBJECTS)
    assert {row[1] for row in shown if row not in heads} <= set(report.BASELINE.values())
    assert {row[2] for row in shown if row not in heads} == {"stopped"}


def test_attacks_have_names_of_their_own_and_what_is_planted_at_once_is_of_one_subject() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for word in {attack.together for attack in rows.ATTACKS} - {""}:
        assert sum(any(each.together == word for each in attacks) for attacks in rows.SUBJECTS.values()) == 1, word
