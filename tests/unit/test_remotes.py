"""Where a remote's address leads to on the host."""

from pathlib import Path

import pytest

from unit.repos import git, worktree
from wt import process, remotes
from wt.errors import ToolError

SAID = b"host work\nuser git\nhostname git.example.com\nport 2222\nidentityfile ~/.ssh/id\nproxycommand nc x\n"
OPTIONS = ("-oHostName=git.example.com", "-oUser=git", "-oPort=2222")


def test_another_address_is_taken_instead(shop: Path) -> None:
    git(shop, "config", "url.https://token@example.com/.insteadOf", "work:")
    repository = worktree(shop).repository
    assert remotes.address(repository, "work:x.git") == "https://example.com/x.git"
    assert remotes.address(repository, "git@work:x.git") == "git@work:x.git"


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("work:x.git", ["work"]),
        ("git@work:x.git", ["git@work"]),
        ("ssh://git@work/x.git", ["git@work"]),
        ("ssh://work:23/x.git", ["-p", "23", "work"]),
        ("https://example.com/x.git", None),
        ("/srv/x:y.git", None),
        ("./x:y", None),
        ("-oProxyCommand=x:y", None),
    ],
)
def test_ssh_is_asked_for_its_own_addresses_alone(
    url: str, asked: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_options: object) -> process.Result:
        commands.append(command)
        return process.Result(0, SAID, b"")

    monkeypatch.setattr(process, "run", run)
    assert remotes.ssh_options(url) == (() if asked is None else OPTIONS)
    assert commands == ([] if asked is None else [["ssh", "-G", *asked]])


def test_without_ssh_the_address_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_command: object, **_options: object) -> process.Result:
        raise ToolError("there is no ssh")

    monkeypatch.setattr(process, "run", run)
    assert remotes.ssh_options("git@work:x.git") == ()
