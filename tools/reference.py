"""Writes the reference pages that come from the program: commands.md, json.md and the schemas."""

import dataclasses
import importlib
import inspect
import json
import re
import sys
import textwrap
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import typer

from wt import errors, gate, model, review
from wt.cli.verbs import app

HOME = Path(__file__).parents[1] / "docs/reference"
GENERATED = "<!-- Written by `./just reference`: change the program, or tools/reference.py. -->\n"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
# What is said of a worktree, whatever else is known of it.
WORKTREE = {
    "name": (str, "base name of its directory"),
    "id": (str, "name of its admin directory, stable under `git worktree move`; `main` for the main checkout"),
    "branch": (str | None, "short name of its branch, null when HEAD is detached"),
    "path": (Path, "its directory"),
}
KINDS = (
    model.InitReport,
    model.Worktree,
    model.WorktreeStatus,
    model.ImportReport,
    review.Review,
    gate.Concern,
    model.Check,
    model.Leftover,
    model.Finding,
    model.TrustReport,
    model.ServiceStatus,
)
COMMANDS_PAGE = """# Commands

`NAME` is a worktree's name or its branch, else its path or one inside it. Every command has `--help`, or `-h`;
`wt --version` says which wt this is. What `--json` prints is in [JSON](json.md), what the exit codes mean in
[exit codes](exit-codes.md).

| command | does |
|---|---|"""
JSON_PAGE = """# JSON

Standard output carries the answer, standard error everything else. With `--json` the answer is one line:

```json
{"version": 1, "command": "path", "result": "/home/me/src/node-app-fix-y"}
```

A failure is one line on standard output too, and the [exit code](exit-codes.md) says the same:

```json
{"version": 1, "error": {"code": "usage", "message": "no such option: --x", "hint": "wt ls --help", "details": []}}
```

`hint` can be null. A bug (70) and an interruption (130) are text on standard error, with `--json` as well. `version`
becomes 2 when a field goes away or changes its meaning.

Each answer has a schema, and so has [the failure](schemas/error.json). They allow no field that they do not name.

| command | `result` | schema |
|---|---|---|"""


def main() -> None:
    """Write the pages into the directory that was named, or where they belong."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME
    (target / "schemas").mkdir(parents=True, exist_ok=True)
    for old in (target / "schemas").glob("*.json"):
        old.unlink()
    commands = dict(walk(typer.main.get_command(app), ()))
    (target / "commands.md").write_text("\n".join(commands_page(commands)) + "\n")
    (target / "json.md").write_text("\n".join(json_page(commands)) + "\n")
    answers = {path: answer_schema(path) for path in commands if path in answering(commands)}
    for name, schema in {**{"-".join(path): each for path, each in answers.items()}, "error": error_schema()}.items():
        (target / "schemas" / f"{name}.json").write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")


def walk(command: typing.Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], typing.Any]]:
    """Every command that is shown, by its words behind `wt`."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in command.commands.items():
        if not inner.hidden:
            yield from walk(inner, (*path, name))


def answering(commands: dict[tuple[str, ...], typing.Any]) -> list[tuple[str, ...]]:
    """Commands that have `--json`."""
    return [path for path, command in commands.items() if any("--json" in each.opts for each in command.params)]


def commands_page(commands: dict[tuple[str, ...], typing.Any]) -> Iterator[str]:
    """commands.md, a line at a time."""
    yield from (GENERATED, COMMANDS_PAGE)
    for path, command in commands.items():
        name = " ".join(path)
        yield f"| [`wt {name}`](#wt-{'-'.join(path)}) | {sentence(command.help.splitlines()[0])} |"
    for path, command in commands.items():
        yield from command_section(" ".join(path), command)


def command_section(name: str, command: typing.Any) -> Iterator[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    words = [each.metavar or each.name.upper() for each in arguments]
    yield from ("", f"## wt {name}", "", f"    wt {' '.join([name, *(['[OPTIONS]'] if options else []), *words])}", "")
    yield textwrap.fill(" ".join(command.help.split()), 120)
    if command.params:
        yield from ("", "| | |", "|---|---|")
    for each, word in zip(arguments, words, strict=True):
        yield row(f"`{word}`", each.help)
    for each in options:
        spelt = ", ".join(f"`{opt}{'' if each.is_flag else f' {each.metavar}'}`" for opt in each.opts)
        yield row(spelt, each.help + ("" if each.is_flag or each.default is None else f" Default: `{each.default}`."))


def json_page(commands: dict[tuple[str, ...], typing.Any]) -> Iterator[str]:
    """json.md, a line at a time."""
    yield from (GENERATED, JSON_PAGE)
    chosen = answering(commands)
    for path in chosen:
        name = "-".join(path)
        yield row(f"`wt {' '.join(path)}`", type_name(result_of(path)), f"[{name}.json](schemas/{name}.json)")
    silent = ", ".join(f"`{' '.join(path)}`" for path in commands if path not in chosen)
    yield from ("", textwrap.fill(f"Without `--json`, for want of an answer of their own: {silent}.", 120))
    for kind in KINDS:
        yield from ("", f"## {kind.__name__}", "", "| field | type | meaning |", "|---|---|---|")
        for field, (hint, text) in fields(kind).items():
            yield row(f"`{field}`", type_name(hint), text)


def result_of(path: tuple[str, ...]) -> typing.Any:
    """The type of a command's result, as its module says."""
    module = importlib.import_module(f"wt.commands.{path[0]}")
    return typing.get_type_hints(getattr(module, path[1] if len(path) > 1 else "run"))["return"]


def fields(kind: type) -> dict[str, tuple[typing.Any, str]]:
    """Type and meaning of each field, as the dataclass and its docstring say."""
    if kind is model.Worktree:
        return WORKTREE
    hints = typing.get_type_hints(kind)
    _, _, attributes = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    said = dict(re.findall(r"^    (\w+): ((?:.|\n     )+)", attributes, re.MULTILINE))
    return {each.name: (hints[each.name], meaning(said[each.name])) for each in dataclasses.fields(kind)}


def answer_schema(path: tuple[str, ...]) -> dict[str, typing.Any]:
    """The schema of a command's answer."""
    name = " ".join(path)
    properties = {"version": {"const": 1}, "command": {"const": name}, "result": schema(result_of(path))}
    return {"$schema": DRAFT, "title": f"wt {name} --json", **closed(properties)}


def error_schema() -> dict[str, typing.Any]:
    """The schema of a failure."""
    kinds: list[type[errors.WtError]] = [errors.WtError, *descendants(errors.WtError)]
    body = {
        "code": {"enum": list(dict.fromkeys(kind.code for kind in kinds))},
        "message": {"type": "string", "description": "what happened, one line"},
        "hint": {"type": ["string", "null"], "description": "what to do about it"},
        "details": {**schema(tuple[str, ...]), "description": "further lines, such as the files concerned"},
    }
    properties = {"version": {"const": 1}, "error": closed(body)}
    return {"$schema": DRAFT, "title": "a failure of any command with --json", **closed(properties)}


def descendants(kind: type[errors.WtError]) -> Iterator[type[errors.WtError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def schema(hint: typing.Any) -> dict[str, typing.Any]:
    """The schema of a value of that type, as `output` prints it."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        named = {name: {**schema(kind), "description": text} for name, (kind, text) in fields(hint).items()}
        return closed(named)
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        if arguments[-1] is Ellipsis:
            return {"type": "array", "items": schema(arguments[0])}
        return {"type": "array", "prefixItems": [*map(schema, arguments)], "minItems": len(arguments), "items": False}
    if isinstance(hint, types.UnionType):
        (inner,) = (each for each in arguments if each is not type(None))
        found = schema(inner)
        return {**found, "type": [found["type"], "null"]}
    if hint is datetime:
        return {"type": "string", "format": "date-time"}
    return {"type": {str: "string", Path: "string", bool: "boolean", int: "integer"}[hint]}


def closed(properties: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """An object that has all of these properties and no other."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def type_name(hint: typing.Any) -> str:
    """A type in words."""
    if hint in KINDS:
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return f"list of {type_name(arguments[0])}" if arguments[-1] is Ellipsis else f"{len(arguments)} texts"
    if isinstance(hint, types.UnionType):
        return " or ".join(type_name(each) for each in arguments)
    names = {str: "text", Path: "path", bool: "true or false", int: "number", datetime: "ISO 8601", type(None): "null"}
    return names[hint]


def meaning(text: str) -> str:
    return " ".join(text.split()).rstrip(".").replace("None", "null")


def sentence(text: str) -> str:
    return text[0].lower() + text.rstrip(".")[1:]


def row(*cells: str) -> str:
    return f"| {' | '.join(each.replace('|', chr(92) + '|') for each in cells)} |"


if __name__ == "__main__":
    main()
