"""Everything that is said."""

import json
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.nouns import tree
from wt import output
from wt.errors import Refused
from wt.gate import Concern
from wt.model import Check, ImportReport, InitReport, Leftover, ServiceStatus, WorktreeStatus
from wt.review import Review

Captured = pytest.CaptureFixture[str]
ROW = WorktreeStatus(tree(), "running", unsynced=0, dirty=False, ahead=1, behind=0, last_commit=None)
IMPORT = ImportReport(tree(), ("refs/wt/feature/heads/feature",), ("a", "b" * 40), 1)
REVIEW = Review(tree(), "a" * 40, "b" * 40, 2, 1, (Concern("x\x1b[0m", "y"),), (), ("z",), whole=False)
LEFT = (
    Leftover("image", "a", "old\x1b[0m", "removable", 1500),
    Leftover("refs", "b", "nobody has them", "removable"),
    Leftover("volume", "c", "made\nby hand", "kept", 3, "docker volume rm c"),
)
TREE_JSON = {"name": "feature", "id": "feature", "branch": "feature", "path": "/code/feature"}


@given(st.text())
def test_clean_text_drives_no_terminal(text: str) -> None:
    cleaned = output.clean(text)
    assert not any((each < " " and each not in "\n\t") or "\x7f" <= each <= "\x9f" for each in cleaned)
    assert output.clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07", "\ufffd]0;title\ufffd"),
        ("a\rb\x08", "a\ufffdb\ufffd"),
        ("\u202etxt.exe", "\ufffdtxt.exe"),
        ("\x9b31m\udcff", "\ufffd31m\ufffd"),
        ("ü\n\t日本", "ü\n\t日本"),
    ],
)
def test_escapes_are_taken_out(text: str, cleaned: str) -> None:
    assert output.clean(text) == cleaned


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (tree(branch=None), TREE_JSON | {"branch": None}),
        (Path("/code/x"), "/code/x"),
        (
            WorktreeStatus(tree(), "gone", 2, True, None, None, datetime(2025, 1, 2, tzinfo=UTC), 3),
            {"worktree": TREE_JSON, "state": "gone", "unsynced": 2, "dirty": True}
            | {"ahead": None, "behind": None, "last_commit": "2025-01-02T00:00:00+00:00", "size": 3}
            | {"outdated": False, "unguarded": False},
        ),
        (
            IMPORT,
            {"worktree": TREE_JSON, "imported": ["refs/wt/feature/heads/feature"], "moved": ["a", "b" * 40]}
            | {"commits": 1, "kept": None, "hint": None},
        ),
        (
            REVIEW,
            {"worktree": TREE_JSON, "tip": "a" * 40, "since": "b" * 40, "commits": 2, "files": 1}
            | {"refused": [{"path": "x\x1b[0m", "reason": "y"}], "runs": [], "nested": ["z"], "whole": False},
        ),
        (ServiceStatus("postgres", "Up", None), {"service": "postgres", "state": "Up", "container": None}),
        (
            LEFT[0],
            {"kind": "image", "name": "a", "reason": "old\x1b[0m", "state": "removable", "size": 1500, "hint": None},
        ),
        (
            InitReport(("a",), ("b",), True, ("+c",), ("d",), ("e",), "f"),
            {"written": ["a"], "kept": ["b"], "dry_run": True, "diff": ["+c"], "needed": ["d"]}
            | {"notes": ["e"], "next": "f"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_result_has_a_stable_json_form(result: object, expected: object, capsys: Captured) -> None:
    for each, shown in ((result, expected), ((), []), ((result, result), [expected, expected])):
        output.answer("verb", each, as_json=True)
        said = capsys.readouterr().out
        assert said.count("\n") == 1
        assert json.loads(said) == {"version": 1, "command": "verb", "result": shown}


def test_an_error_is_one_line_its_details_and_a_hint_or_one_object(capsys: Captured) -> None:
    error = Refused("no \x1b[1mway", hint="go home", details=("first", "second\x07"))
    output.failure(error, as_json=False)
    assert capsys.readouterr() == ("", "wt: no way\n  first\n  second\ufffd\nhint: go home\n")
    output.failure(Refused("no \x1b[1mway", details=("first\u202e",)), as_json=True)
    expected = {"code": "refused", "message": "no \x1b[1mway", "hint": None, "details": ["first\u202e"]}
    assert json.loads(capsys.readouterr().out) == {"version": 1, "error": expected}


def test_what_is_refused_is_red_on_a_terminal(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    output.answer("review", REVIEW, as_json=False)
    plain = capsys.readouterr().out
    assert plain.splitlines() == [
        "refused, until a look at it:",
        "  x  y",
        "  wt sync feature --accept aaaaaaaaaaaa",
        "repositories in its files, not imported: run no git there:",
        "  z  git runs what its configuration says",
        "not all of its files could be searched for repositories",
        "feature: 2 commits, 1 file since bbbbbbbbbb, at aaaaaaaaaa",
    ]
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output.answer("review", REVIEW, as_json=False)
    red = re.findall("\x1b\\[31m(.*?)\x1b\\[0m", capsys.readouterr().out)
    assert red == [*plain.splitlines()[:2], *plain.splitlines()[3:5]]


@pytest.mark.parametrize(
    "rows",
    [
        (replace(ROW, worktree=tree(branch="refs/heads/a\x1b]0;title\x07")),),
        (Check("control", "tried", "a\x1b]0;title\x07", "fails"),),
    ],
    ids=["table", "red"],
)
def test_what_an_agent_wrote_does_not_drive_a_terminal(
    rows: tuple[object, ...], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output.answer("verb", rows, as_json=False)
    said = capsys.readouterr().out
    assert "a\ufffd]0;title\ufffd" in said and "\x1b]" not in said and "\x1b[" in said


def test_the_step_under_way_does_not_drive_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    status = SimpleNamespace(update=lambda text: seen.append(text.plain), stop=lambda: None)
    narrator = output.Narrator()
    with narrator.step("a\x1b]0;title\x07"):
        monkeypatch.setattr(narrator, "_status", status)
        narrator.detail("b\x1b]0;title\x07")
    assert seen == ["a\ufffd]0;title\ufffd  b\ufffd]0;title\ufffd"]


SIZES = {0: "0 B", 999: "999 B", 1500: "1.5 kB", 999_400: "999.4 kB", 1_500_000: "1.5 MB", 5 * 10**12: "5000.0 GB"}
AGES = {5: "5 s", 61: "1 min", 7200: "2 h", 86_400 * 400: "400 d", -50: "0 s"}


@pytest.mark.parametrize(("number", "shown"), [*SIZES.items(), *AGES.items()])
def test_sizes_and_ages_are_readable(number: int, shown: str, capsys: Captured) -> None:
    is_size = shown.endswith("B")
    when = None if is_size else datetime.now(UTC) - timedelta(seconds=number)
    status = WorktreeStatus(tree(), "none", 0, False, None, None, when, number if is_size else None)
    output.answer("ls", (status,), as_json=False)
    assert capsys.readouterr().out.splitlines()[1].endswith(f"  {shown}")


def test_a_table_is_plain_text_where_there_is_no_terminal(capsys: Captured) -> None:
    gone = WorktreeStatus(tree("b", None), "gone", 2, True, None, None, None)
    output.answer("ls", (ROW, gone), as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "NAME     BRANCH      STATE    INSIDE     TREE   AHEAD  BEHIND  AGE",
        "feature  feature     running  -          clean  1      0       -",
        "b        (detached)  gone     2 to sync  gone   -      -       -",
    ]


def test_what_is_left_over_is_a_table_with_a_sum_and_below_it_what_stays(capsys: Captured) -> None:
    kept = ["kept: volume c: made\ufffdby hand", "  hint: docker volume rm c"]
    output.answer("gc", LEFT, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "WHAT   NAME  SIZE    WHY",
        "image  a     1.5 kB  old",
        "refs   b     -       nobody has them",
        "2 to remove, 1.5 kB",
        *kept,
    ]
    output.answer("gc", (replace(LEFT[0], state="removed"),), as_json=False)
    assert capsys.readouterr().out.splitlines()[-1] == "1 removed, 1.5 kB"
    output.answer("gc", LEFT[2:], as_json=False)
    assert capsys.readouterr().out.splitlines() == [*kept, "nothing to remove"]


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (ImportReport(tree()), "feature: nothing new\n"),
        (IMPORT, f"feature: feature is 1 commit further, at {'b' * 10}\n"),
        (ImportReport(tree(), ("refs/wt/x/tags/v\x9b",)), "feature: kept refs/wt/x/tags/v\ufffd\n"),
        (ImportReport(tree(), kept="both \x1b[1mmoved", hint="\x1b[1mgo"), "feature: both moved\n  hint: go\n"),
    ],
    ids=["nothing", "moved", "others", "kept"],
)
def test_an_import_is_told_in_a_line(report: ImportReport, said: str, capsys: Captured) -> None:
    output.answer("sync", (report,), as_json=False)
    assert capsys.readouterr().out == said


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys: Captured) -> None:
    narrator = output.Narrator()
    with narrator.step("first \x1b[1mthing"):
        narrator.detail("not shown")
    with pytest.raises(Refused), narrator.step("second"):
        raise Refused("no")
    narrator.note("by the \x1b[1mway")
    assert capsys.readouterr() == ("", "done: first thing\nfailed: second\nby the way\n")


def test_logs_of_an_agent_are_cleaned(capsys: Captured) -> None:
    output.lines([b"\x1b[2Jhello\r\n", b"\xff\n"])
    assert capsys.readouterr().out == "hello\n\ufffd\n"
