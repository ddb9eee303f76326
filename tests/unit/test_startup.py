"""What is typed often, or runs before every start of an editor, imports no heavy library."""

import sys
from pathlib import Path

import pytest

from unit.repos import initialised, run

HEAVY = {"rich", "git", "python_on_whales", "pydantic"}
SCRIPT = """
import atexit, sys
atexit.register(lambda: print("imported:", *sorted(sys.modules), file=sys.stderr))
from wt.cli import main
main()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialised(tmp_path_factory.mktemp("startup") / "shop")


@pytest.mark.parametrize(
    ("command", "code", "proof", "heavy"),
    [
        ("--help", 0, "wt.cli", HEAVY | {"yaml", "dotenv"}),
        ("path", 0, "wt.commands.path", HEAVY | {"yaml", "dotenv"}),
        ("ls", 0, "wt.commands.ls", HEAVY | {"yaml"}),
        ("prepare", 4, "wt.commands.prepare", HEAVY),
        ("sync", 0, "wt.commands.sync", HEAVY | {"yaml"}),
        ("__complete wt up s", 0, "wt.commands.complete", HEAVY | {"yaml", "dotenv"}),
    ],
)
def test_hot_commands_import_no_heavy_library(
    project: Path, command: str, code: int, proof: str, heavy: set[str]
) -> None:
    done = run([sys.executable, "-c", SCRIPT, *command.split()], project, code=code)
    modules = set(done.stderr.rpartition("imported: ")[2].split())
    assert proof in modules, "the command did not run"
    assert modules & heavy == set()


@pytest.mark.parametrize(("before", "after"), [("default_int_handler", "SIG_DFL"), ("SIG_IGN", "SIG_IGN")])
def test_ctrl_c_ends_it_without_a_word_before_anything_else_is_imported(
    tmp_path: Path, before: str, after: str
) -> None:
    script = f"""
import _signal, sys
_signal.signal(_signal.SIGINT, _signal.{before})
there = set(sys.modules)
import wt.__main__
print(*sorted(set(sys.modules) - there), _signal.getsignal(_signal.SIGINT) == _signal.{after})
"""
    assert run([sys.executable, "-c", script], tmp_path).stdout.split() == ["wt", "wt.__main__", "True"]
