"""What the shells are told: real runs of the question that their scripts ask."""

import shutil
from pathlib import Path

import pytest

from unit.repos import WT, git, initialised, linked, repository, run, wt
from wt.commands import complete


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised repository with a worktree `feature` on the branch `topic`, and a branch that nobody is on."""
    path = initialised(tmp_path_factory.mktemp("complete") / "shop")
    git(path, "branch", "old")
    git(path, "tag", "v1")
    linked(path, "feature", "topic")
    return path


def offered(directory: Path, line: str) -> list[str]:
    done = wt(directory, "__complete", "--", line)
    assert done.stderr == ""
    return [each.partition("\t")[0] for each in done.stdout.splitlines()]


TREES = ["shop", "feature", "main", "topic"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        *((f"wt {verb} ", TREES) for verb in ("up", "down", "rm", "sync", "review", "trust", "verify")),
        *((f"wt {verb} ", TREES) for verb in ("exec", "shell", "agent", "path", "logs")),
        ("wt-sandbox path f", ["feature"]),
        ("wt path t", ["topic"]),
        ("wt path 'fea", ["feature"]),
        ("wt rm shop feature ", ["main", "topic"]),
        ("wt up --wait f", ["feature"]),
        ("wt agent fea", ["feature"]),
        ("wt agent feature -- ", []),
        ("wt agent -- ", []),
        ("wt exec feature ", []),
        ("wt exec feature -- ", []),
        ("wt exec -- ", []),
        ("wt shared lo", ["logs"]),
        ("wt shared logs ", ["postgres"]),
        ("wt init --template ", ["node"]),
        ("wt init --u", ["--upgrade"]),
        ("wt new ", ["old"]),
        ("wt new x --branch o", ["old"]),
        ("wt new x --from v", ["v1"]),
        ("wt new x --from=v", ["--from=v1"]),
        ("wt completion ", ["bash", "zsh", "fish"]),
        ("wt __c", []),
        ("wt ls x ", []),
        ("", []),
        ("wt", []),
    ],
)
def test_every_place_offers_what_fits_there(shop: Path, line: str, expected: list[str]) -> None:
    assert offered(shop, line) == expected


def test_accept_offers_what_came_in_and_is_on_no_branch(shop: Path) -> None:
    assert offered(shop, "wt sync --accept ") == []
    oid = git(shop, "commit-tree", "-m", "came in", "HEAD^{tree}")
    git(shop, "update-ref", "refs/wt/feature/heads/topic", oid)
    git(shop, "update-ref", "refs/wt/feature/heads/other", git(shop, "rev-parse", "old"))
    assert offered(shop, "wt sync --accept ") == offered(shop, f"wt sync feature --accept {oid[:3]}") == [oid[:12]]
    git(shop, "update-ref", "-d", "refs/wt/feature/heads/topic")


def test_a_name_or_branch_comes_with_the_other(shop: Path) -> None:
    assert "feature\ttopic\n" in wt(shop, "__complete", "--", "wt up ").stdout
    assert "topic\tfeature\n" in wt(shop, "__complete", "--", "wt up ").stdout


@pytest.mark.parametrize("line", ["wt up ", "wt new ", "wt new x --from ", "wt shared logs ", "wt exec "])
@pytest.mark.parametrize("state", ["no repository", "damaged", "gone", "no git", "bad file"])
def test_where_nothing_can_be_found_out_nothing_is_said(shop: Path, tmp_path: Path, line: str, state: str) -> None:
    place, env = tmp_path / "place", {}
    if state == "no repository":
        place.mkdir()
    else:
        git(tmp_path, "clone", "--quiet", str(shop), "place")
    if state == "damaged":
        shutil.rmtree(place / ".git/refs")
        (place / ".git/HEAD").write_text("\0")
    if state == "bad file":
        (place / ".devcontainer/docker-compose.shared.yml").write_text("- {")
    if state == "no git":
        env["PATH"] = "/nonexistent"
    command = [WT, "__complete", "--", line]
    if state == "gone":
        command = ["sh", "-c", 'rm -r "$PWD" && exec "$@"', "sh", *command]
    done = run(command, place, env=env)
    assert done.stderr == ""
    assert done.stdout == "" or state == "bad file"


def test_a_name_that_could_drive_the_terminal_is_not_offered(tmp_path: Path) -> None:
    path = repository(tmp_path / "shop")
    for name in ("a\x1b[2Jb", "a\nb", "a\tb", "a\u202eb"):
        git(path, "worktree", "add", "--quiet", "--detach", f"../{name}")
    assert offered(path, "wt up a") == []


@pytest.mark.parametrize(
    ("line", "words", "typed"),
    [
        ("wt up fe", ["wt", "up"], "fe"),
        ("wt  up ", ["wt", "up"], ""),
        ("wt up 'we i", ["wt", "up"], "we i"),
        ('wt up "we i', ["wt", "up"], "we i"),
        ("wt up we\\ i", ["wt", "up"], "we i"),
        ("wt up we\\ ", ["wt", "up"], "we "),
        ("wt up a#b", ["wt", "up"], "a#b"),
        ("wt up a\\", ["wt", "up"], "a"),
        ("", [], ""),
    ],
)
def test_a_line_is_split_as_a_shell_would(line: str, words: list[str], typed: str) -> None:
    assert complete.split(line) == (words, typed)


@pytest.mark.parametrize(("program", "names"), [("wt", "wt wt-sandbox"), ("wt-sandbox", "wt-sandbox")])
@pytest.mark.parametrize("shell", complete.SHELLS)
def test_wt_sandbox_leaves_the_name_wt_to_another_program(shell: str, program: str, names: str) -> None:
    last = [line for line in complete.script(shell, program).splitlines() if names in line and "#" not in line]
    assert last
    assert ("wt wt-sandbox" in complete.script(shell, program)) is (program == "wt")


def test_a_shell_without_completion_is_a_usage_error(tmp_path: Path) -> None:
    assert "there is one for: bash, zsh, fish" in wt(tmp_path, "completion", "tcsh", code=2).stderr
