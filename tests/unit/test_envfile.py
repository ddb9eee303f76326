"""`.devcontainer/.env`: what is written is what python-dotenv and compose read."""

import json
import random
from collections import Counter
from io import StringIO
from pathlib import Path

import dotenv
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unit.repos import run
from wt import compose, envfile
from wt.errors import UsageError, WtError
from wt.model import ComposeProject

ODD = (
    r"""/it's|C:\dir\|a\\b|a'\b|'|\'|''|$HOME|${X:-y}|$$|a #b| lead|trail |`id`|\n|"|\"|a'"\|ü\u2028x|#|=|🙂|%s|a\'b"""
)
FOREIGN = ["", "  ", "# a comment", "A=1", "export B='x y'", 'C="multi\nline"', "D", "E = 2 # c", "\tH=1", "J=a\r"]
OURS = ["WT_GIT_DIR=old", " WORKTREE_NAME=old", "WT_GIT_DIR='again'", "export WT_GIT_DIR=x"]
BROKEN = [
    "F='unterminated",
    'G="unterminated',
    "not a line ~",
    "AM=1\rWT_GIT_DIR=z",
    "# a comment\rWT_GIT_DIR=z",
    "N=\0",
    "WT_GIT_DIR: z",
    "WT_GIT_DIR:=z",
    "A B=1",
    "=1",
    "P='a' b",
    'Q=\u3000"\nWT_GIT_DIR=z\n#"',
    "R\u3000=1",
    "\u2003S=1",
    "T='x'\u3000",
]
# With spaces that are no ASCII where they are a value's, or a comment's.
SPACED = ['A="\u3000x"', 'B="x\u2003"', "C='\u202f?'", 'D=b # it is\u2003"x"', "E=it's\u3000x", "# \u3000'x"]
# What compose alone takes for a mistake.
INVALID = ["'Q'=1", "I=${unterminated", "I=${MISSING:?why}"]


BEGINNINGS, ENDS = ["", "", "export ", " ", "\ufeff"], ["\n", "\n\n", "\r\n"]
SIGNS = ["=", "=", "=", " = ", ": ", ":", ":=", "", "\u00a0=", "=\u3000"]
TEXTS = [*"xq'\"\\#$:`=", " #", "${A}", "$$", "\\n", "\u2028", "\u3000"]


def accepted(value: str) -> bool:
    try:
        return bool(envfile.quote(value))
    except WtError:
        return False


@given(st.one_of(st.text(), st.text("'\"\\$ #=`{}abc", max_size=12)))
def test_a_value_is_read_back_or_refused(value: str) -> None:
    if accepted(value):
        merged = envfile.merge("", {"KEY": value})
        assert envfile.read(merged) == dotenv.dotenv_values(stream=StringIO(merged)) == {"KEY": value}


def test_what_a_path_can_hold_is_accepted_and_what_no_form_carries_is_refused() -> None:
    assert [value for value in ("/it's $5", "C:\\dir\\", "a'\\b", "", " ", "ü") if not accepted(value)] == []
    assert [value for value in ("a\nb", "a\rb", "a\0b", "'$\\", "/${HOME}") if accepted(value)] == []


@given(
    st.lists(st.sampled_from(FOREIGN + OURS + BROKEN)).map("\n".join),
    st.fixed_dictionaries({key: st.sampled_from(["a", "it's", "c\\"]) for key in ("WORKTREE_NAME", "WT_GIT_DIR")}),
)
@example("F='unterminated\n", {"WT_GIT_DIR": "x"})
def test_merged_values_are_read_back_from_any_file_or_it_is_refused(text: str, values: dict[str, str]) -> None:
    try:
        merged = envfile.merge(text, values)
    except WtError:
        return
    assert {key: envfile.read(merged).get(key) for key in values} == values
    assert envfile.merge(merged, values) == merged


@given(
    *[st.lists(st.sampled_from([*FOREIGN, "\ufeffK=1"])).map(lambda lines: "".join(f"{each}\n" for each in lines))] * 2
)
def test_foreign_lines_survive_byte_for_byte_and_ours_stay_in_place(above: str, below: str) -> None:
    merged = envfile.merge(f"{above}WT_GIT_DIR=old\n{below}", {"WT_GIT_DIR": "new"})
    assert merged == f"{above}WT_GIT_DIR='new'\n{below}"


@pytest.mark.parametrize(("text", "merged"), [("A=1\nB=2\nA=3", "A='x'\nB=2\n"), ("B=2", "B=2\nA='x'\n")])
def test_a_key_is_there_once_and_every_line_has_an_end(text: str, merged: str) -> None:
    assert envfile.merge(text, {"A": "x"}) == merged


def test_compose_reads_the_same_values(tmp_path: Path) -> None:
    dice = random.Random(7)
    made = ["".join(dice.choices("'\"\\$ #=`{}:-ab/", k=dice.randint(1, 9))) for _ in range(400)]
    values = {
        f"V{number}": value
        for number, value in enumerate([*ODD.split("|"), "\t", "ü\u2028\u00a0x", *made])
        if accepted(value)
    }
    assert len(values) > 300
    (tmp_path / "env").write_text(envfile.merge("", values))
    service = {"image": "x", "environment": {key: f"${{{key}}}" for key in values}}
    (tmp_path / "compose.yml").write_text(json.dumps({"services": {"x": service}}))
    command = ["docker", "compose", "-p", "x", "-f", "compose.yml", "--env-file", "env", "config", "--format", "json"]
    got = json.loads(run(command, tmp_path).stdout)["services"]["x"]["environment"]
    # `config` prints a dollar sign doubled, as a compose file needs it.
    assert {value: got[key] for key, value in values.items() if got[key].replace("$$", "$") != value} == {}


@pytest.mark.parametrize("line", BROKEN)
def test_a_line_that_is_understood_differently_is_named(line: str) -> None:
    with pytest.raises(WtError, match=r"^\.devcontainer/\.env can't be completed: line 3 ") as caught:
        envfile.merge(f"A=1\n\n{line}\nB=2\n", {"WT_GIT_DIR": "x"})
    assert caught.value.hint


@pytest.mark.parametrize("line", SPACED)
def test_any_space_may_be_in_a_value(line: str) -> None:
    assert envfile.merge(f"{line}\n", {"WT_GIT_DIR": "x"}) == f"{line}\nWT_GIT_DIR='x'\n"


def test_compose_reads_the_same_beside_any_lines_or_it_is_said_that_env_is_wrong(tmp_path: Path) -> None:
    dice, values = random.Random(7), {"WORKTREE_NAME": "it's", "WT_GIT_DIR": "c\\"}

    def line() -> str:
        name = dice.choice(["A", "B", *values])
        text = "".join(dice.choices(TEXTS, k=dice.randint(0, 3)))
        return "".join([dice.choice(BEGINNINGS), name, dice.choice(SIGNS), text, dice.choice(ENDS)])

    made = ["".join(line() for _ in range(dice.randint(1, 2))) for _ in range(150)]
    own = ["\n".join([*FOREIGN, *OURS, ""]), *(f"{each}\n" for each in (*FOREIGN, *OURS, *BROKEN, *INVALID, *SPACED))]
    service = {"image": "x", "environment": {key: f"${{{key}}}" for key in values}}
    (tmp_path / "compose.yml").write_text(json.dumps({"services": {"x": service}}))
    project = ComposeProject("x", (tmp_path / "compose.yml",), tmp_path / ".env", tmp_path)
    came = Counter[str]()
    for text in (*own, *made):
        try:
            (tmp_path / ".env").write_text(envfile.merge(text, values))
        except WtError:
            came["wt refuses"] += 1
            continue
        try:
            read = compose.resolved(project)
        except UsageError as error:
            came[error.message] += 1
        else:
            came["read"] += 1
            assert read["services"]["x"]["environment"] == values, text
    assert came["read"] > 40 and came["wt refuses"] >= len(BROKEN), came
    assert set(came) == {"read", "wt refuses", "docker compose can't read .devcontainer/.env"}
