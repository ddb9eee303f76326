"""A plug-in of pytest: puts what the attacks did into the table of docs/explanation/safety.md, and prints it."""

from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs/explanation/safety.md"
BEGIN, END = "<!-- measured by `just attacks`: -->", "<!-- until here. -->"
HEADS = ("attack", "baseline", "wt")
# By what was seen there: that it had its effect, or not.
BASELINE, OURS = {True: "works", False: "no effect"}, {True: "**works**", False: "stopped"}

_measured: dict[str, tuple[bool, bool]] = {}


def table(measured: dict[str, tuple[bool, bool]]) -> str:
    """The rows, by subject."""
    from attacks import rows

    found = []
    for subject, attacks in rows.SUBJECTS.items():
        lines: list[tuple[str, ...]] = [HEADS, ("---",) * len(HEADS)]
        for attack in attacks:
            theirs, ours = measured[attack.name]
            lines.append((attack.name, BASELINE[theirs], OURS[ours]))
        found.append(f"### {subject}\n\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines))
    return "\n".join(found)


def written() -> str:
    """What stands in the page now."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0].strip("\n")


def measured_before() -> dict[str, tuple[bool, bool]]:
    """What the page says of attacks that were not carried out this time."""
    found = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in written().splitlines()]
    return {row[0]: (row[1] == BASELINE[True], row[2] == OURS[True]) for row in found if row[-1] in OURS.values()}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    found = dict(report.user_properties)
    if report.when == "call" and "attack" in found:
        _measured[str(found["attack"])] = (bool(found["baseline"]), bool(found["wt"]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from attacks import rows

    measured = measured_before() | _measured
    missing = [attack.name for attack in rows.ATTACKS if attack.name not in measured]
    if missing:
        terminalreporter.write_line(f"no table: not measured: {', '.join(missing)}")
        return
    text = table(measured)
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}")
    terminalreporter.write_line(text)
