"""Everything that is said: answers on standard output, narration and errors on standard error."""

import dataclasses
import json
import os
import re
import shlex
import sys
import threading
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wt import measures, naming, streams
from wt.errors import WtError
from wt.gate import Concern
from wt.model import (
    Check,
    Finding,
    ImportReport,
    InitReport,
    Leftover,
    ServiceStatus,
    TrustReport,
    Worktree,
    WorktreeStatus,
)
from wt.review import Review
from wt.verify import report

if TYPE_CHECKING:
    from rich.status import Status

PATIENCE = 0.4
JSON_VERSION = 1
# Lines of each list of a review.
_LISTED = 8
# Colours and cursor movements, ECMA-48 section 5.4: dropped whole, while a lone escape character is shown.
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class Unwritable(WtError):
    """The command was carried out, and its answer is lost."""


def clean(text: str) -> str:
    """`text` without control and formatting characters, which could drive a terminal; line breaks and tabs stay."""
    text = _ESCAPE.sub("", text)
    return "".join(
        each if each in "\n\t" or unicodedata.category(each) not in {"Cc", "Cf", "Cs"} else "\ufffd" for each in text
    )


def line(text: str) -> str:
    """`text` on one line, without what could drive a terminal."""
    return clean(text).replace("\n", "\ufffd")


class Narrator:
    """Progress on standard error, for what takes longer than 400 ms: a spinner on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._status: Status | None = None
        self._text = ""
        self._lock = threading.Lock()

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Say that a step is under way when it takes long, and that it is done."""
        self._text = clean(text)
        if self._terminal:
            # Not in the timer's thread: an import that is interrupted there can leave its lock behind.
            import rich.console  # noqa: F401
        started = time.monotonic()
        timer = threading.Timer(PATIENCE, self._show)
        timer.daemon = True
        timer.start()
        try:
            yield
        except BaseException:
            self._finish(timer)
            self._line("✗" if self._terminal else "failed:", self._text, None)
            raise
        self._finish(timer)
        self._line("✓" if self._terminal else "done:", self._text, time.monotonic() - started)

    def detail(self, text: str) -> None:
        """Show the newest line of the step under way, on a terminal."""
        with self._lock:
            if self._status is not None:
                from rich.text import Text

                self._status.update(Text.assemble(self._text, (f"  {clean(text)[:80]}", "dim")))

    def note(self, text: str) -> None:
        """One line that the user should read."""
        say(line(text))

    def _show(self) -> None:
        if not self._terminal:
            self.note(f"{self._text} ...")
            return
        from rich.console import Console
        from rich.text import Text

        with self._lock:
            self._status = Console(stderr=True).status(Text(self._text))
            self._status.start()

    def _finish(self, timer: threading.Timer) -> None:
        timer.cancel()
        timer.join()
        with self._lock:
            if self._status is not None:
                self._status.stop()
                self._status = None

    def _line(self, sign: str, text: str, seconds: float | None) -> None:
        took = f" ({seconds:.1f} s)" if seconds is not None and seconds >= PATIENCE else ""
        self.note(f"{sign} {text}{took}")


def answer(command: str, result: object, *, as_json: bool, empty: str | None = None) -> None:
    """Print a command's answer: for people, or as one line of JSON; `empty` is what people read where there is none."""
    if as_json:
        _write(json.dumps({"version": JSON_VERSION, "command": command, "result": _plain(result)}))
        return
    match result:
        case Worktree(path=path) | (Path() as path):
            _write_path(path)
        case InitReport():
            _init(result)
        case Review():
            _review(result)
        case TrustReport(worktree=tree, trusted=trusted, difference=difference):
            for each in (*difference, *([f"{tree.name}: .devcontainer is trusted"] if trusted else [])):
                _write(each)
        case ():
            if empty is not None:
                _write(empty)
        case tuple():
            _rows(result)


def failure(error: WtError, *, as_json: bool) -> None:
    """Print an error: one line, its details, what to do."""
    if as_json:
        body = {"code": error.code, "message": error.message, "hint": error.hint, "details": list(error.details)}
        with suppress(Unwritable, BrokenPipeError):
            _write(json.dumps({"version": JSON_VERSION, "error": body}))
            flush()
            return
    hint = [f"hint: {error.hint}"] if error.hint else []
    for text in (f"wt: {error.message}", *(f"  {detail}" for detail in error.details), *hint):
        say(line(text))


def say(text: str) -> None:
    """One line of narration; where standard error can't be written, the work goes on without it."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        streams.silence(sys.stderr)


def flush() -> None:
    """Write what is left of the answer."""
    with _standard_output():
        sys.stdout.flush()


def lines(stream: Iterable[bytes]) -> None:
    """Print lines as they come, such as logs, which an agent may have written."""
    for each in stream:
        _write(each.decode(errors="replace").rstrip("\r\n"))
        flush()


def _init(report: InitReport) -> None:
    verb = "would write" if report.dry_run else "wrote"
    for note in report.notes:
        say(clean(note))
    for path in report.written:
        _write(f"{verb} {path}")
    for changed in report.diff:
        _write(changed)
    for kept in report.kept:
        _write(f"kept {kept}, which is yours")
    if report.needed:
        _write("wt needs in .devcontainer/devcontainer.json:")
    for setting in report.needed:
        _write(f"  {setting}")
    if not report.written:
        _write("nothing to write")
    if report.next:
        say(f"next: {report.next}")


def _rows(rows: Sequence[object]) -> None:
    if rows and all(isinstance(row, WorktreeStatus) for row in rows):
        sized = any(getattr(row, "size", None) is not None for row in rows)
        heads = ["NAME", "BRANCH", "STATE", "INSIDE", "TREE", "AHEAD", "BEHIND", "AGE", *(["SIZE"] if sized else [])]
        _table(heads, [_status_cells(row, sized=sized) for row in rows if isinstance(row, WorktreeStatus)])
    elif rows and all(isinstance(row, ServiceStatus) for row in rows):
        _table(
            ["SERVICE", "STATE", "CONTAINER"],
            [[row.service, row.state, row.container or "-"] for row in rows if isinstance(row, ServiceStatus)],
        )
    elif rows and all(isinstance(row, Leftover) for row in rows):
        _leftovers([row for row in rows if isinstance(row, Leftover)])
    elif rows and all(isinstance(row, Check) for row in rows):
        for text, red in report.lines([row for row in rows if isinstance(row, Check)]):
            _write_red(text) if red and sys.stdout.isatty() else _write(text)
    else:
        for row in rows:
            if isinstance(row, ImportReport):
                _import(row)
            if isinstance(row, Finding):
                _finding(row)


def _leftovers(rows: Sequence[Leftover]) -> None:
    """What goes or is gone as a table with a sum; below it what stays, and what to do about that."""
    gone = [row for row in rows if row.state in {"removable", "removed"}]
    if gone:
        _table(
            ["WHAT", "NAME", "SIZE", "WHY"],
            [[row.kind, row.name, "-" if row.size is None else measures.size(row.size), row.reason] for row in gone],
        )
        verb = "removed" if gone[0].state == "removed" else "to remove"
        _write(f"{len(gone)} {verb}, {measures.size(sum(row.size or 0 for row in gone))}")
    for row in (row for row in rows if row not in gone):
        _write(f"{row.state}: {row.kind} {row.name}: {row.reason}")
        if row.hint:
            _write(f"  hint: {row.hint}")
    if not gone:
        _write("nothing to remove")


def _import(report: ImportReport) -> None:
    """One line for what moved, one for what did not; nothing new is said too."""
    tree = report.worktree
    branch = naming.short_branch(tree.branch) if tree.branch else "HEAD"
    if report.moved:
        plural = "" if report.commits == 1 else "s"
        _write(f"{tree.name}: {branch} is {report.commits} commit{plural} further, at {report.moved[1][:10]}")
    others = [ref for ref in report.imported if not (report.moved and ref.endswith(f"/heads/{branch}"))]
    if others:
        _write(f"{tree.name}: kept {', '.join(others[:5])}{' and more' if len(others) > 5 else ''}")
    if report.kept:
        _write(f"{tree.name}: {report.kept}")
        if report.hint:
            _write(f"  hint: {report.hint}")
    if not (report.moved or others or report.kept):
        _write(f"{tree.name}: nothing new")


def _review(found: Review) -> None:
    """What keeps the branch from moving first, then what else can run, then how much there is; a screen at most."""
    tree = found.worktree
    if found.tip is None:
        _write(f"{tree.name}: there is no commit yet")
    _concerns("refused, until a look at it", found.refused, red=True)
    if found.refused and found.tip:
        _write(f"  wt sync {shlex.quote(tree.called)} --accept {found.tip[:12]}")
    inner = tuple(Concern(path, "git runs what its configuration says") for path in found.nested)
    _concerns("repositories in its files, not imported: run no git there", inner, red=True)
    if not found.whole:
        _write("not all of its files could be searched for repositories")
    alike: dict[str, list[str]] = {}
    for each in found.runs:
        alike.setdefault(each.reason, []).append(each.path)
    runs = [Concern(_and_more(paths), reason) for reason, paths in alike.items()]
    _concerns("runs on a host, or leads what runs", runs)
    if found.tip:
        counts = zip((found.commits, found.files), ("commit", "file"), strict=True)
        much = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts)
        since = f" since {found.since[:10]}" if found.since else ""
        _write(f"{tree.name}: {much}{since}, at {found.tip[:10]}")


def _concerns(head: str, concerns: Sequence[Concern], *, red: bool = False) -> None:
    """Some of them, each on one line, and how many more there are."""
    rows = [(_cut(each.path, 60), _cut(each.reason, 100)) for each in concerns[:_LISTED]]
    width = max((len(path) for path, _ in rows), default=0)
    told = [f"  {path.ljust(width)}  {reason}" for path, reason in rows]
    rest = len(concerns) - len(rows)
    more = [f"  and {rest} more: --json has them"] if rest else []
    for text in [f"{head}:", *told, *more] if told else []:
        _write_red(text) if red and sys.stdout.isatty() else _write(text)


def _and_more(paths: list[str]) -> str:
    return _cut(paths[0], 48) + (f", and {len(paths) - 1} more" if len(paths) > 1 else "")


def _cut(text: str, length: int) -> str:
    """A text on one line, its middle left out where it is longer than that."""
    half = (length - 3) // 2
    text = line(text)
    return text if len(text) <= length else f"{text[:half]}...{text[-half:]}"


def _write_red(text: str) -> None:
    from rich.console import Console
    from rich.text import Text

    with _standard_output():
        Console().print(Text(line(text), "red"), soft_wrap=True)


def _finding(row: Finding) -> None:
    """The command is a line of its own, unbroken, so that it can be pasted."""
    _write(f"{row.worktree.name}: {row.message}" if row.worktree else row.message)
    if row.command:
        _write(f"  {row.command}")
    if row.hint:
        _write(f"  hint: {row.hint}")


def _status_cells(row: WorktreeStatus, *, sized: bool) -> list[str]:
    branch = naming.short_branch(row.worktree.branch) if row.worktree.branch else "(detached)"
    inside = "unreadable" if row.unsynced is None else f"{row.unsynced} to sync" if row.unsynced else "-"
    ahead, behind = ("-" if number is None else str(number) for number in (row.ahead, row.behind))
    tree = "gone" if row.state == "gone" else {True: "dirty", False: "clean", None: "unreadable"}[row.dirty]
    size = [measures.size(row.size or 0)] if sized else []
    state = row.state + ", outdated" * row.outdated + ", unguarded" * row.unguarded
    return [row.worktree.name, branch, state, inside, tree, ahead, behind, measures.age(row.last_commit), *size]


def _table(heads: list[str], rows: list[list[str]]) -> None:
    """Columns; bold heads on a terminal, plain text elsewhere."""
    rows = [[line(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
        for row in [heads, *rows]:
            _write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _plain(value: object) -> object:
    """Dataclasses as objects; a worktree as what people know of it."""
    if isinstance(value, Worktree):
        branch = naming.short_branch(value.branch) if value.branch else None
        return {"name": value.name, "id": value.id, "branch": branch, "path": str(value.path)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _write(text: str) -> None:
    with _standard_output():
        sys.stdout.write(f"{line(text)}\n")


def _write_path(path: Path) -> None:
    """A path as it is, in whatever encoding: another program may be about to open it."""
    flush()
    with _standard_output():
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")
        sys.stdout.buffer.flush()


@contextmanager
def _standard_output() -> Iterator[None]:
    """Tell a full disk behind the answer from one under the work: what was asked for is done."""
    try:
        yield
    except BrokenPipeError:
        streams.silence(sys.stdout)  # the reader went away: nothing more is to be said
        raise
    except OSError as error:
        streams.silence(sys.stdout)
        raise Unwritable(f"standard output can't be written: {(error.strerror or '').lower()}") from error
