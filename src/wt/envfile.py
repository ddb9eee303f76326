"""Reads, merges and writes `.devcontainer/.env`, so that compose and python-dotenv read the same values."""

import re
from collections.abc import Mapping
from io import StringIO

from wt.errors import Refused, WtError

_BOM = "\ufeff"
# Where python-dotenv ends a line and compose does not, or the other way round; what compose takes for a name.
_TROUBLE = re.compile(r"\r(?!\n)|\0")
_NAME = re.compile(r"\ufeff?[\w.-]+")
# Spaces that python-dotenv passes over and compose does not, where that decides what a name or a value is.
_SPACE = r"[^\S \t\n\r\v\f\x85\xa0]"
_UNSEEN = re.compile(rf"\A\s*{_SPACE}|{_SPACE}\s*[='\"]|[='\"]\s*{_SPACE}")
_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
_COMMENT = re.compile(r"\s#.*")
_BLANK_LINES = re.compile(r"(?:[^\S\n]*\n)*")


def read(text: str) -> dict[str, str]:
    """The values of an env file, nothing interpolated."""
    from dotenv.parser import parse_stream

    # Not dotenv_values, which complains on standard error of each line that is no assignment.
    found = parse_stream(StringIO(text.removeprefix(_BOM)))
    return {each.key: each.value or "" for each in found if each.key is not None}


def merge(text: str, values: Mapping[str, str]) -> str:
    """The file's text with `values` in it: foreign lines stay as they are, ours are replaced in place or appended.

    Raises:
        WtError: a value can't be written so that compose and python-dotenv read it back.
    """
    from dotenv.parser import parse_stream

    if trouble := _TROUBLE.search(text):
        raise _unclear(text[: trouble.start()], "holds a carriage return or NUL, which readers understand differently")
    pending = dict(values)
    lines: list[str] = []
    mark = _BOM if text.startswith(_BOM) else ""
    for binding in parse_stream(StringIO(text.removeprefix(_BOM))):
        original = binding.original.string
        # Blank lines above belong to what the parser took for the line.
        blank: str = _BLANK_LINES.match(original)[0]  # type: ignore[index]
        unseen = binding.key is not None and _UNSEEN.search(_COMMENT.sub("", _QUOTED.sub("''", original)))
        if binding.error or unseen or not _NAME.fullmatch(binding.key or "x"):
            raise _unclear("".join(lines) + blank, "can't be read as KEY=value")
        lines.append(blank if binding.key in values else original)
        if binding.key in pending:
            lines.append(_line(binding.key, pending.pop(binding.key)))
    if lines and not "".join(lines).endswith("\n") and "".join(lines):
        lines.append("\n")
    merged = mark + "".join(lines) + "".join(_line(key, value) for key, value in pending.items())
    if values.items() - read(merged).items():
        raise WtError(
            ".devcontainer/.env can't be completed: one of your lines takes in those behind it",
            hint="look for a quotation mark that is never closed",
        )
    return merged


def quote(value: str) -> str:
    r"""`value` as both readers understand it.

    Checked on Compose 2.26 and python-dotenv 1.x: single quotes carry everything but `'` and backslashes at the end or
    in pairs; `\'` is understood inside them where no other backslash is; double quotes carry `'` and backslashes,
    escaped, where there is no `$`.

    Raises:
        Refused: no form carries it.
    """
    if any(character in value for character in "\n\r\0"):
        raise _unfit(value, "it holds a line break")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise _unfit(value, "it is not UTF-8, which docker would read as another path")
    if "${" in value:
        raise _unfit(value, "it holds ${, which python-dotenv would expand")
    if "'" not in value and not value.endswith("\\") and "\\\\" not in value:
        return f"'{value}'"
    if "\\" not in value:
        return "'" + value.replace("'", "\\'") + "'"
    if "$" not in value:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    raise _unfit(value, "it holds ', $ and a backslash together, which no quotation carries")


def _unclear(above: str, what: str) -> WtError:
    """What compose would read in another way, or refuse with the whole file."""
    line = above.count("\n") + 1
    hint = "mend it, or remove it; is each quotation mark closed?"
    return WtError(f".devcontainer/.env can't be completed: line {line} {what}", hint=hint)


def _unfit(value: str, reason: str) -> Refused:
    return Refused(f"{value!r} can't be written to .devcontainer/.env: {reason}", hint="rename the directory")


def _line(key: str, value: str) -> str:
    return f"{key}={quote(value)}\n"
