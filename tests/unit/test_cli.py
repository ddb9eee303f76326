"""The program as it is typed: real processes, no engine."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

import wt as package
from unit.repos import WORKSPACES, WT, Inside, git, initialised, linked, repository, wt

VERBS = ["init", "prepare", "new", "up", "down", "ls", "rm", "sync", "exec", "shell", "agent", "path", "logs", "shared"]
VERBS += ["completion", "verify"]
NO_ENGINE = [
    "wt: Docker is not running",
    "hint: start it, or change DOCKER_HOST, which says where it is",
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialised(tmp_path_factory.mktemp("template") / "shop", WORKSPACES)


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    """The main checkout of a repository in which `wt init` has run."""
    git(tmp_path, "clone", "--quiet", str(template), "shop")
    git(tmp_path / "shop", "remote", "remove", "origin")
    return tmp_path / "shop"


def times(*roots: Path) -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for root in roots for path in [root, *root.rglob("*")]}


def test_help_lists_every_verb_and_there_is_a_version(tmp_path: Path) -> None:
    shown = wt(tmp_path, "--help").stdout
    assert [verb for verb in VERBS if f"\n  {verb} " not in shown] == []
    assert "Usage: wt" in wt(tmp_path, code=2).stderr
    assert wt(tmp_path, "--version").stdout == f"wt {package.__version__}\n"


@pytest.mark.parametrize("typed", ["frobnicate", "ls --frobnicate", "path a b", "init --template cobol"])
def test_what_is_misspelt_is_one_line_and_a_hint(shop: Path, typed: str) -> None:
    done = wt(shop, *typed.split(), code=2)
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] in (["wt"], ["wt", "hint"])
    assert done.stdout == ""


@pytest.mark.parametrize("typed", ["path", "ls", "prepare", "new x", "init", "exec -- ls", "shared up"])
def test_in_a_directory_that_is_gone_every_verb_is_a_usage_error(tmp_path: Path, typed: str) -> None:
    script = f'mkdir "{tmp_path}/gone" && cd "{tmp_path}/gone" && rmdir "{tmp_path}/gone" && exec "{WT}" {typed}'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr == "wt: the current directory is gone\nhint: change to one that exists\n"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["new", "x", "--branch", ""], "'' is not a name for a branch"),
        (["new", "x", "--from", ""], "--from '' is not a commit"),
        (["new", "x", "--wait", "--no-up"], "--wait has nothing to wait for"),
        (["path", ""], "no worktree is called ''"),
        (["rm", ""], "no worktree is called ''"),
    ],
)
def test_what_is_empty_or_contradicts_itself_is_not_taken_for_left_out(shop: Path, typed: list[str], said: str) -> None:
    assert said in wt(shop, *typed, code=2).stderr


@pytest.mark.parametrize("typed", ["path", "ls", "prepare", "new x"])
def test_outside_a_repository_every_verb_is_a_usage_error(tmp_path: Path, typed: str) -> None:
    assert "not in a git repository" in wt(tmp_path, *typed.split(), code=2).stderr.splitlines()[0]


def test_answers_and_errors_as_json_are_one_object_on_stdout(shop: Path) -> None:
    rows = json.loads(wt(shop, "ls", "--json").stdout)
    assert (rows["version"], rows["command"], rows["result"][0]["worktree"]["name"]) == (1, "ls", "shop")
    done = wt(shop, "path", "nobody", "--json", code=2)
    error = {"code": "usage", "message": "no worktree is called nobody", "hint": "there are: shop", "details": []}
    assert (json.loads(done.stdout), done.stderr) == ({"version": 1, "error": error}, "")


def test_an_option_of_what_is_run_inside_does_not_make_an_error_an_answer(shop: Path) -> None:
    for typed in ("exec nobody npm ls --json", "exec nobody -- npm ls --json"):
        done = wt(shop, *typed.split(), code=2)
        assert (done.stdout, done.stderr.splitlines()[0]) == ("", "wt: no worktree is called nobody")


def test_path_prints_a_name_that_is_not_utf8_as_it_is(tmp_path: Path) -> None:
    place = repository(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")))
    as_in_en_us_utf8 = {"PYTHONIOENCODING": "utf-8:strict"}
    assert wt(place, "path", env=as_in_en_us_utf8).stdout == f"{tmp_path}/caf\ufffd\n"  # decoded by this test


def test_a_worktree_that_is_gone_is_a_usage_error_with_the_way_out(shop: Path) -> None:
    linked(shop, "gone").rename(shop.parent / "moved")
    assert "git worktree repair" in wt(shop, "path", "gone", code=2).stderr
    assert "gone" in wt(shop, "ls").stdout


def test_prepare_without_an_engine_writes_the_files_and_leaves_git_status_clean(project: Path) -> None:
    tree = linked(project)
    done = wt(tree, "prepare", code=4)
    assert (done.stdout, done.stderr.splitlines()[-2:]) == ("", NO_ENGINE)
    assert stat.S_IMODE((tree / ".devcontainer/.env").stat().st_mode) == 0o600
    assert (tree / ".claude-docker/.claude.json").read_text() == "{}\n"
    assert (tree / ".claude-docker/.bash_history").read_text() == ""
    for made in (".vscode", ".idea", "node_modules", "packages/a/node_modules"):
        assert (tree / made).is_dir(), made
    assert (project / ".git/wt-sandbox/feature/repo.git/HEAD").is_file()
    assert git(tree, "status", "--porcelain") == ""


def test_a_second_prepare_touches_nothing_and_says_only_what_is_wrong(project: Path) -> None:
    (project / ".claude-docker").mkdir()
    (project / ".claude-docker/.claude.json").write_text('{"mine": 1}')
    wt(project, "prepare", code=4)
    before = times(project)
    assert wt(project, "prepare", code=4).stderr.splitlines() == NO_ENGINE
    assert times(project) == before
    assert (project / ".claude-docker/.claude.json").read_text() == '{"mine": 1}'


@pytest.mark.parametrize("place", [".vscode", ".idea", ".claude-docker", "node_modules", ".devcontainer/.env", ".env"])
def test_prepare_refuses_a_symlink_where_it_mounts_or_writes(project: Path, tmp_path: Path, place: str) -> None:
    """A branch can carry it, and the engine would follow it on the host."""
    (tmp_path / "secrets").mkdir()
    (project / place).symlink_to(tmp_path / "secrets")
    assert place in wt(project, "prepare", code=3).stderr
    assert list((tmp_path / "secrets").iterdir()) == []


@pytest.mark.parametrize("place", [".devcontainer/wt.toml", ".devcontainer/compose.wt.yml"])
def test_configuration_is_not_read_through_a_symlink(project: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "elsewhere").write_bytes((project / place).read_bytes())
    (project / place).unlink()
    (project / place).symlink_to(tmp_path / "elsewhere")
    assert place in wt(project, "prepare", code=3).stderr


@pytest.mark.parametrize("name", [".nvmrc", ".node-version"])
def test_a_node_version_that_is_none_is_said_with_its_file(project: Path, name: str) -> None:
    (project / ".nvmrc").unlink(missing_ok=True)
    (project / name).write_text("stable\n")
    assert wt(project, "prepare", code=2).stderr.splitlines() == [
        f"wt: {name} says 'stable', which is no version",
        "hint: write one such as 24 or 24.1.0 in it, or lts/*",
    ]


@pytest.mark.parametrize(
    ("verb", "place"), [("prepare", ".devcontainer/wt.toml"), ("prepare", ".nvmrc"), ("init", "package.json")]
)
def test_a_fifo_in_the_worktree_does_not_hang(project: Path, verb: str, place: str) -> None:
    (project / place).unlink(missing_ok=True)
    os.mkfifo(project / place)
    done = subprocess.run([WT, verb], cwd=project, timeout=60, capture_output=True, check=False)
    assert done.returncode in {2, 3}


def test_prepare_refuses_a_worktree_with_an_initialised_submodule(project: Path, tmp_path: Path) -> None:
    other = repository(tmp_path / "other")
    git(project, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    assert "submodule" in wt(project, "prepare", code=3).stderr


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("docker-compose.shared.yml", b"services: {x: {image: caf\xe9}}", "not UTF-8"),
        ("docker-compose.shared.yml", b"a: b\nservices: [", "line 3"),
        ("docker-compose.shared.yml", b"services: [a]", "not a compose file with services"),
        ("docker-compose.yml", b"", "has no service app"),
        ("docker-compose.yml", b"services: {web: {image: x}}", "has no service app"),
        ("docker-compose.yml", None, "there is no .devcontainer/docker-compose.yml"),
        ("compose.wt.yml", None, "there is no .devcontainer/compose.wt.yml"),
    ],
)
def test_a_compose_file_that_is_none_is_said_before_anything_is_made(
    project: Path, name: str, content: bytes | None, said: str
) -> None:
    path = project / ".devcontainer" / name
    path.write_bytes(content) if content is not None else path.unlink()
    done = wt(project, "prepare", code=2)
    assert said in done.stderr and "hint: " in done.stderr
    assert not (project / ".claude-docker").exists() and not (project / ".git/wt-sandbox/main").exists()


@pytest.mark.parametrize(
    "missing", [["docker-compose.yml"], ["compose.wt.yml"], ["docker-compose.yml", "compose.wt.yml"]]
)
def test_a_compose_file_that_is_missing_is_written_by_what_the_hint_names(project: Path, missing: list[str]) -> None:
    for name in missing:
        (project / ".devcontainer" / name).unlink()
    command, _, rest = wt(project, "prepare", code=2).stderr.partition("hint: ")[2].partition(" writes it")
    assert command.startswith("wt init") and rest == "; commit it\n"
    wt(project, *command.split()[1:])
    assert [name for name in missing if not (project / ".devcontainer" / name).is_file()] == []
    assert "Docker is not running" in wt(project, "prepare", code=4).stderr


@pytest.mark.parametrize("text", ["services: {app: [", "include: [other.yml]", "services: !reset {app: {}}"])
def test_what_compose_knows_better_is_left_to_it(project: Path, text: str) -> None:
    (project / ".devcontainer/docker-compose.yml").write_text(text)
    assert "Docker is not running" in wt(project, "prepare", code=4).stderr


def test_prepare_without_init_says_what_to_do(shop: Path) -> None:
    assert "hint: wt init" in wt(shop, "prepare", code=2).stderr


def test_init_says_first_writes_then_and_not_twice(shop: Path) -> None:
    assert "would write .devcontainer/Dockerfile\n" in wt(shop, "init", "--dry-run").stdout
    assert git(shop, "status", "--porcelain") == ""
    written = wt(shop, "init").stdout.splitlines()
    assert {"wrote .devcontainer/compose.wt.yml", "wrote .gitignore"} <= set(written)
    before = times(shop / ".devcontainer", shop / ".gitignore")
    assert wt(shop, "init").stdout == "nothing to write\n"
    assert times(shop / ".devcontainer", shop / ".gitignore") == before


@pytest.mark.parametrize("option", [[], ["--upgrade"]], ids=["plain", "upgrade"])
def test_init_keeps_foreign_files(shop: Path, option: list[str]) -> None:
    (shop / ".devcontainer").mkdir()
    foreign = {f".devcontainer/{name}": f"# mine: {name}\n" for name in ("Dockerfile", "compose.wt.yml")}
    for name, text in foreign.items():
        (shop / name).write_text(text)
    (shop / ".gitignore").write_text("/dist\n.env")
    assert wt(shop, "init", *option).stdout.count(", which is yours\n") == 2
    assert {name: (shop / name).read_text() for name in foreign} == foreign
    assert (shop / ".gitignore").read_text().startswith("/dist\n.env\n.devcontainer/.env\n")


def test_init_where_wt_was_before_changes_nothing_unasked(project: Path) -> None:
    fresh = {name: (project / name).read_text() for name in (".devcontainer/compose.wt.yml", ".gitignore")}
    (project / ".devcontainer/compose.wt.yml").write_text(fresh[".devcontainer/compose.wt.yml"] + "# older\n")
    (project / ".devcontainer/wt.toml").unlink()
    (project / ".devcontainer/Dockerfile").write_text("# mine\n")
    (project / ".gitignore").write_text("dist\nnode_modules\n")
    before = times(project)
    shown = wt(project, "init")
    assert wt(project, "init", "--dry-run", "--upgrade").stdout == shown.stdout
    assert json.loads(wt(project, "init", "--json").stdout)["result"]["next"] == "wt init --upgrade writes this"
    assert (times(project), shown.stderr.splitlines()[-1]) == (before, "next: wt init --upgrade writes this")
    written = [".devcontainer/wt.toml", ".devcontainer/compose.wt.yml", ".gitignore"]
    assert [line for line in shown.stdout.splitlines() if not line.startswith(("@", " "))] == [
        *(f"would write {name}" for name in written),
        *("--- a/.devcontainer/compose.wt.yml", "+++ b/.devcontainer/compose.wt.yml", "-# older"),
        *("--- a/.gitignore", "+++ b/.gitignore", "+.devcontainer/.env", "+.claude-docker/"),
        "kept .devcontainer/Dockerfile, which is yours",
    ]
    done = wt(project, "init", "--upgrade").stdout
    assert done == shown.stdout.replace("would write", "wrote")
    assert (project / ".devcontainer/compose.wt.yml").read_text() == fresh[".devcontainer/compose.wt.yml"]
    assert (project / ".gitignore").read_text() == "dist\nnode_modules\n.devcontainer/.env\n.claude-docker/\n"
    assert (project / ".devcontainer/Dockerfile").read_text() == "# mine\n"
    assert wt(project, "init").stdout == "kept .devcontainer/Dockerfile, which is yours\nnothing to write\n"


def test_init_names_what_a_devcontainer_of_ones_own_lacks(shop: Path) -> None:
    own = '{"name": "mine", // a comment\n "image": "node", "remoteUser": "vscode",\n}\n'
    (shop / ".devcontainer").mkdir()
    (shop / ".devcontainer/devcontainer.json").write_text(own)
    shown = wt(shop, "init").stdout
    assert "kept .devcontainer/devcontainer.json, which is yours\n" in shown
    needed = shown.partition("wt needs in .devcontainer/devcontainer.json:\n")[2].splitlines()
    assert [line.split('"')[1] for line in needed] == [
        *("dockerComposeFile", "service", "workspaceFolder", "updateRemoteUserUID", "initializeCommand", "image"),
    ]
    assert (shop / ".devcontainer/devcontainer.json").read_text() == own


@pytest.mark.parametrize("pattern", ["{parent}/{repository}-{name}", "../trees/deep/{name}", "../empty/{name}"])
def test_new_without_an_engine_is_undone_whole(project: Path, pattern: str) -> None:
    (project / ".devcontainer/wt.toml").write_text(f'worktree_dir = "{pattern}"\n')
    git(project, "commit", "--quiet", "--all", "--message", "pattern")
    (project.parent / "empty").mkdir()
    wt(project, "new", "login", code=4)
    assert sorted(path.name for path in project.parent.iterdir()) == ["empty", "shop"]
    assert git(project, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert len(git(project, "worktree", "list").splitlines()) == 1
    assert not (project / ".git/wt-sandbox/login").exists()
    assert not list(project.parent.glob("**/*login"))


def test_in_a_bare_repository_a_worktree_does_not_take_a_place_of_git_s_own(project: Path) -> None:
    (project / ".devcontainer/wt.toml").write_text('worktree_dir = "../shop.git/{name}"\n')
    git(project, "commit", "--quiet", "--all", "--message", "pattern")
    bare = project.parent / "shop.git"
    git(project, "clone", "--quiet", "--bare", "--template=", ".", str(bare))
    tree = linked(bare, "first")
    assert "a place of git's own" in wt(tree, "new", "hooks", code=3).stderr
    assert f"done: worktree {bare}/second" in wt(tree, "new", "second", code=4).stderr
    assert not {"hooks", "second"} & {path.name for path in bare.iterdir()}


@pytest.mark.parametrize("branch", ["old", "v1"])
def test_new_takes_a_branch_that_exists_and_keeps_it_when_it_is_undone(project: Path, branch: str) -> None:
    git(project, "branch", branch)
    git(project, "tag", "v1")
    said = wt(project, "new", branch, code=4).stderr
    assert f"done: worktree {project}-{branch} on branch {branch}\n" in said and "Docker is not running" in said
    assert git(project, "for-each-ref", "--format=%(refname)", "refs/heads/").split() == sorted(
        ["refs/heads/main", f"refs/heads/{branch}"]
    )


def test_exec_and_agent_take_name_and_command_in_every_form(shop: Path) -> None:
    (shop / ".devcontainer").mkdir()
    for code, typed in (
        (4, "exec shop ls"),
        (4, "exec shop -- npm test -- --watch"),
        (4, "exec -- ls --json"),
        (4, "exec -- npm test -- --watch"),
        (2, "exec shop --"),
        (2, "exec --"),
        (2, "exec nobody -- ls"),
        (4, "agent"),
        (4, "agent shop"),
        (4, "agent shop -- --version"),
        (4, "agent -- --version"),
        (4, "agent --"),
        (2, "agent nobody -- --version"),
        (2, "agent --version"),
    ):
        said = wt(shop, *typed.split(), code=code).stderr
        assert ("Docker is not running" in said) is (code == 4), typed


def test_without_an_engine_ls_shows_what_waits_inside_and_sync_that_nothing_does(shop: Path) -> None:
    inside = Inside(linked(shop))
    assert wt(shop, "sync", "feature").stdout == "feature: nothing new\n"
    inside.commit()
    done = wt(shop, "ls")
    assert [line.split()[:5] for line in done.stdout.splitlines()[1:]] == [
        ["shop", "main", "unknown", "-", "clean"],
        ["feature", "feature", "unknown", "1", "to"],
    ]
    assert done.stderr.count("\n") == 1
