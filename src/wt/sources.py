"""YAML that compose reads, and the files that it names: what compose prints afterwards does not say them any more."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wt import hostile
from wt.errors import UsageError

# Of a mapping: each of a chain of merges can make ten times as much of the one before.
_MAX_PAIRS = 10_000
_STANDARD = "tag:yaml.org,2002:"
# An absolute path, and what only compose can tell: a variable, an address, somebody's home directory. Of these two it
# takes a repository even where there is such a file.
_ELSEWHERE = re.compile(r"[/~]|github\.com/|.*(?:@|\$|://)")


def read(text: str) -> Any:
    """What a YAML file holds; of tags such as compose's `!reset`, the value.

    Raises:
        ValueError: it is none, with the line.
    """
    documents = _documents(text)
    if len(documents) > 1:
        raise ValueError("it holds several documents")
    return documents[0] if documents else None


def _documents(text: str, *, reset: bool = False) -> list[Any]:
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def construct_document(self, node: Any) -> Any:
            nodes = _nodes(node)
            _agree(self, nodes)
            for each in nodes if reset else ():
                _reset(each)
            return super().construct_document(node)

        def flatten_mapping(self, node: Any) -> None:
            super().flatten_mapping(node)
            if len(node.value) > _MAX_PAIRS:
                raise yaml.constructor.ConstructorError(None, None, "merges make too much of it", node.start_mark)

    def value(loader: Any, _tag: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        deep = {"deep": True} if isinstance(node, yaml.SequenceNode) else {}
        return (loader.construct_sequence if deep else loader.construct_scalar)(node, **deep)

    Loader.add_multi_constructor("!", value)
    try:
        return list(yaml.load_all(text, Loader))
    except yaml.MarkedYAMLError as error:
        raise ValueError(f"line {error.problem_mark.line + 1 if error.problem_mark else 1}, {error.problem}") from error
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        raise ValueError("it is not UTF-8, holds control characters, or is nested too deep") from error


def _nodes(top: Any) -> list[Any]:
    """A node of YAML and all in it; each once, though aliases lead to it again."""
    found: dict[int, Any] = {}
    pending = [top]
    while pending:
        each = pending.pop()
        if isinstance(each, tuple):
            pending += each
        elif id(each) not in found:
            found[id(each)] = each
            pending += each.value if isinstance(each.value, list) else ()
    return [*found.values()]


def _agree(loader: Any, nodes: Sequence[Any]) -> None:
    """Have nodes mean what they mean to compose: a key such as `on` is text.

    Raises:
        ValueError: a tag makes something of a node that it is not to every parser.
    """
    for each in nodes:
        plain = loader.resolve(type(each), each.value, (True, False))
        is_text = each.id == "scalar" and each.tag == loader.DEFAULT_SCALAR_TAG
        if not (is_text or each.tag == plain or each.tag.startswith("!")):
            tag = each.tag.replace(_STANDARD, "!!")
            raise ValueError(f"line {each.start_mark.line + 1}, the tag {tag} means another thing to other parsers")
    for key in (key for each in nodes if each.id == "mapping" for key, _ in each.value):
        if key.id == "scalar" and key.tag != f"{_STANDARD}merge":
            key.tag = loader.DEFAULT_SCALAR_TAG


def _reset(node: Any) -> None:
    """Compose takes out what is reset before it merges: what is merged shows in its place."""
    if isinstance(node.value, list):
        node.value = [each for each in node.value if (each[1] if isinstance(each, tuple) else each).tag != "!reset"]


def named(root: Path, folder: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What compose reads from outside of a folder: the service, and the path, or what is written where that varies.

    Args:
        root: the worktree.
        folder: in it, where the compose files are; files there that they name are followed.
        names: of the compose files.

    Raises:
        UsageError: one of the files is not what compose takes.
    """
    pending = [f"{folder}/{name}" for name in names]
    seen: set[str] = set()
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        directory = path.rpartition("/")[0]
        for service, written, is_compose in _references(root, path):
            inside = _inside(directory, written, folder)
            if inside is None:
                yield service, _place(root, directory, written)
            elif is_compose and hostile.kind(root, inside) is None:
                yield service, written
            elif is_compose:
                pending.append(inside)


def _references(root: Path, path: str) -> list[tuple[str, str, bool]]:
    """What one compose file names: the service, what is written, and whether that is a compose file."""
    try:
        text = os.fsdecode(hostile.read(root, path) or b"")
        documents = [*_documents(text), *_documents(text, reset=True)]
        found = [*dict.fromkeys(each for data in documents if data for each in _of(data))]
        if not all(isinstance(written, str) for _, written, _ in found):
            raise TypeError("a path is text")
        return found
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise no_services(path, error) from error


def no_services(path: str, error: Exception) -> UsageError:
    """The error for what is not built as compose files are."""
    where = f": {error}" if type(error) is ValueError else ""
    return UsageError(f"{path} is not a compose file with services{where}", hint="mend it, or remove it")


def _of(data: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    for each in _list(data.get("include")):
        if isinstance(each, str):
            yield "include", each, True
            continue
        paths = _list(each["path"])
        yield from (("include", path, True) for path in paths)
        yield from (("include", path, False) for path in _list(each.get("env_file")))
        directories = {not _ELSEWHERE.match(path) and _joined("", path).rpartition("/")[0] for path in paths}
        if "project_directory" in each or len(directories) > 1:
            # From there, or from that of the first file, what is written in these files means other places.
            yield "include", "${project_directory}", False
    for name, service in (data.get("services") or {}).items():
        base = (service or {}).get("extends")
        if isinstance(base, dict) and base.get("file"):
            yield name, base["file"], True
        for each in (*_list((service or {}).get("env_file")), *_list((service or {}).get("label_file"))):
            yield name, each["path"] if isinstance(each, dict) else each, False


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _inside(directory: str, written: str, folder: str) -> str | None:
    """The place of a file, relative to the worktree, where it lies in the folder; None where it does not, or varies."""
    path = _joined(directory, written)
    return path if not _ELSEWHERE.match(written) and path.startswith(f"{folder}/") else None


def _place(root: Path, directory: str, written: str) -> str:
    return written if _ELSEWHERE.match(written) else _joined(root / directory, written)


def _joined(directory: str | Path, written: str) -> str:
    return os.path.normpath(os.path.join(directory, written))  # noqa: PTH118 - pathlib keeps `..`
