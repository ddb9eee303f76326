"""Every error says what to do about it, unless a reason is written down here why there is nothing to say."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.repos import git, initialised, run, wt
from unit.test_layers import SOURCES
from wt import complaints, errors

KINDS = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.WtError)}

# By its room and the beginning of its message: why it needs none.
WITHOUT = {
    ("wt.cli.verbs", "nothing was approved"): "it is what the user has just answered",
    ("wt.compose", "the shared services of"): "it is raised again, with what is found out about them",
    ("wt.hostile", "{} leaves the directory"): "no caller passes such a path: a guard against our own mistakes",
    ("wt.hostile", "{}: {}"): "of what the machine says, these are rare, and say it themselves",
    ("wt.merges", "a line of a patch"): "it is an answer: such a branch counts as not merged",
    ("wt.process", "{} failed: {}"): "a program's last line; who follows one knows what it is about, and adds to it",
}


def beginning(node: ast.expr) -> str:
    """The text of a message, with {} for what varies."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "{}"


def unhinted(source: str) -> Iterator[tuple[int, str]]:
    """Line and message of each error that is made without a hint."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            hints = [each.value for each in node.keywords if each.arg == "hint"]
            if name in KINDS and (not hints or (isinstance(hints[0], ast.Constant) and not hints[0].value)):
                yield node.lineno, beginning(node.args[0]) if node.args else ""


FOUND = [(room, line, message) for room, source in SOURCES.items() for line, message in unhinted(source)]


def test_every_error_has_a_hint_or_a_reason_to_have_none() -> None:
    allowed = [(room, message) for room, message in WITHOUT]
    bare = [each for each in FOUND if not any(each[0] == room and each[2].startswith(text) for room, text in allowed)]
    assert bare == []


@pytest.mark.parametrize("listed", WITHOUT, ids=" ".join)
def test_no_reason_is_listed_for_what_is_not_there(listed: tuple[str, str]) -> None:
    assert [each for each in FOUND if each[0] == listed[0] and each[2].startswith(listed[1])]


def test_an_error_without_a_hint_is_found() -> None:
    source = 'raise UsageError("x")\nraise errors.Refused(f"{x} y", hint=None)\nraise WtError("z", hint=hint)\n'
    assert list(unhinted(source)) == [(1, "x"), (2, "{} y")]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return initialised(tmp_path / "shop", {"package.json": "{}"})


@pytest.mark.parametrize("verb", ["ls", "prepare", "new x --no-up", "sync"])
def test_a_broken_configuration_of_git_is_named_with_its_line(shop: Path, tmp_path: Path, verb: str) -> None:
    mine, own = tmp_path / "gitconfig", shop / ".git/config"
    mine.write_text("[core\n")
    said = wt(shop, *verb.split(), code=4, env={"GIT_CONFIG_GLOBAL": str(mine)}).stderr
    assert said.splitlines()[-1] == f"hint: mend line 1 of {mine}: `git config --file {mine} --list` reads it then"
    lines = own.read_text()
    own.write_text(f"{lines}[core\n")
    said = wt(shop, *verb.split(), code=3).stderr
    file, number = ".git/config", lines.count("\n") + 1
    assert (
        said.splitlines()[-1] == f"hint: mend line {number} of {file}: `git config --file {file} --list` reads it then"
    )
    own.write_text(lines)
    run(["sh", "-c", said.split("`")[1]], shop)


@pytest.mark.parametrize("setting", ["core.compression", "core.bare"])
def test_a_value_that_git_can_t_read_is_named_with_its_key(shop: Path, setting: str) -> None:
    git(shop, "config", setting, "maybe")
    said = wt(shop, "ls", code=3).stderr
    assert said.splitlines()[-1] == f"hint: mend {setting} in the repository's .git/config, or in ~/.gitconfig"


def test_what_is_no_table_is_told_with_what_to_write(shop: Path) -> None:
    (shop / ".devcontainer/wt.toml").write_text("shared = 1\n")
    said = wt(shop, "prepare", code=2).stderr
    assert said.splitlines()[-1] == "hint: write [shared] on a line of its own, and its keys below it"


@pytest.mark.parametrize(
    ("complaint", "helps"),
    [
        ("fatal: .git/index: index file smaller than expected", "wt doctor"),
        ("fatal: /my index/it's/.git/index: index file open failed: Not a directory", "wt doctor"),
        ("bad index version 9", "wt doctor"),
        ("git diff-index failed: malformed name field in the index, near path 'a b'", "wt doctor"),
        ("fatal: not a git repository: '/code/my index file/.git'", "git fsck"),
        ("cannot open '/it's index/.git/packed-refs': Permission denied", "git fsck"),
        ("fatal: not a git repository: /code/index/.git", "git fsck"),
        ("git index-pack failed: pack is corrupted", "git fsck"),
    ],
)
def test_an_index_is_what_git_complains_of_and_no_path(complaint: str, helps: str) -> None:
    assert complaints.of_git(complaint).startswith(f"`{helps}`")


def test_what_git_says_of_something_else_has_no_word_on_configuration() -> None:
    assert complaints.of_configuration("fatal: not a git repository") is None
