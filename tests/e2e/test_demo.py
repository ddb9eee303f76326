"""The demo runs from beginning to end: it checks each of its claims itself."""

import shutil
from pathlib import Path

import pytest

from support import PROJECT, Account


@pytest.mark.xdist_group("demo")  # one that made the network `dev` removes it
def test_the_demo_ends_well(account: Account, workshop: Path) -> None:
    copy = workshop / "demo"
    if not copy.exists():
        shutil.copytree(PROJECT / "examples", copy / "examples", ignore=shutil.ignore_patterns("node_modules"))
        shutil.copytree(PROJECT / "tools", copy / "tools")
    done = account.run(account.python, copy / "tools/demo.py")
    assert "All of it worked" in done.stdout
    assert "NO " not in done.stdout
