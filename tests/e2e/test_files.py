"""The files that wt writes into a worktree: made once, never lost."""

import json
from pathlib import Path

from support import Repository, tree

DEAD_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


def test_agent_configuration_survives_a_new_container(repository: Repository) -> None:
    repository.wt("new", "feature-x")
    path = repository.worktree("feature-x")
    repository.inside("feature-x", 'cd ~/.claude-docker && echo \'{"from": "inside"}\' > new && mv new .claude.json')
    project = repository.env(path)["COMPOSE_PROJECT_NAME"]
    old = repository.containers(project)
    repository.account.run("docker", "rm", "--force", *old)
    repository.wt("up", "feature-x")
    assert repository.containers(project) != old
    assert json.loads(repository.inside("feature-x", "cat ~/.claude-docker/.claude.json").stdout) == {"from": "inside"}
    assert repository.inside("feature-x", 'echo "$CLAUDE_CONFIG_DIR $HISTFILE"').stdout.split() == [
        "/home/vscode/.claude-docker",
        "/home/vscode/.claude-docker/.bash_history",
    ]


def test_agent_configuration_survives_a_prepare_that_fails(repository: Repository) -> None:
    directory = repository.path / ".claude-docker"
    repository.account.run("mkdir", directory)
    repository.account.run("sh", "-c", f"echo precious > {directory}/.claude.json")
    repository.account.run("sh", "-c", f"echo nonsense > {repository.path}/.nvmrc")
    assert repository.wt("prepare", check=False).returncode == 2
    assert repository.wt("prepare", check=False, env=DEAD_ENGINE).returncode == 2
    repository.git("checkout", "--", ".nvmrc")
    assert repository.wt("prepare", check=False, env=DEAD_ENGINE).returncode == 4
    repository.wt("prepare")
    assert (directory / ".claude.json").read_text() == "precious\n"


def test_prepare_twice_changes_no_file_and_says_nothing(repository: Repository) -> None:
    repository.wt("prepare")
    before = tree(repository.path)
    directories = {path: path.stat().st_mtime_ns for path in repository.path.rglob("*") if path.is_dir()}
    again = repository.wt("prepare")
    assert (again.stdout, again.stderr) == ("", "")
    assert tree(repository.path) == before
    assert {path: path.stat().st_mtime_ns for path in directories} == directories


def test_prepare_without_an_engine_writes_what_it_can(repository: Repository) -> None:
    done = repository.wt("prepare", check=False, env=DEAD_ENGINE)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-2:] == [
        "wt: Docker is not running",
        "hint: start it, or change DOCKER_HOST, which says where it is",
    ]
    assert repository.env()["COMPOSE_PROJECT_NAME"].startswith("shop-")
    assert (repository.path / ".claude-docker/.claude.json").read_text() == "{}\n"
    assert (repository.path / ".git/wt-sandbox/main/repo.git/HEAD").exists()
    assert (repository.path / ".devcontainer/.env").stat().st_mode & 0o777 == 0o600


def test_lines_of_the_user_stay_in_env(repository: Repository) -> None:
    env = repository.path / ".devcontainer/.env"
    repository.account.run("sh", "-c", f"printf '# mine\\nexport MINE = \"a b\"\\nHOST_UID=stale' > {env}")
    repository.wt("prepare")
    text = env.read_text()
    assert text.startswith(f"# mine\nexport MINE = \"a b\"\nHOST_UID='{repository.account.uid}'\n")


def test_new_is_undone_whole_when_the_image_does_not_build(repository: Repository) -> None:
    dockerfile = repository.path / ".devcontainer/Dockerfile"
    content = dockerfile.read_text() + "RUN echo about to fail && false\n"
    repository.account.run("tee", dockerfile, stdin=content)
    repository.git("commit", "--quiet", "--all", "--message=broken")
    before = repository.git("for-each-ref")
    done = repository.wt("new", "broken", check=False)
    assert done.returncode == 1
    assert "does not build" in done.stderr and "about to fail" in done.stderr
    assert len(done.stderr.splitlines()) < 30
    assert repository.git("for-each-ref") == before
    assert repository.git("worktree", "list").count("\n") == 0
    assert sorted(path.name for path in repository.path.parent.iterdir()) == ["shop"]
    assert [path.name for path in (repository.path / ".git/wt-sandbox").iterdir() if path.is_dir()] == ["trust"]


def test_the_handed_over_worktree_works_on_both_sides(repository: Repository) -> None:
    """What the sandbox's user and the host's write, each can write again (host user root hands the worktree over)."""
    repository.wt("new", "feature-x")
    path: Path = repository.worktree("feature-x")
    write = "echo inside >> README.md && mkdir made && echo x > made/x"
    repository.inside("feature-x", f"{write} && git add -A && git commit -qm inside")
    repository.wt("sync", "feature-x")
    repository.account.run("sh", "-c", "echo outside > outside.txt", cwd=path)
    repository.git("add", "outside.txt", cwd=path)
    repository.git("commit", "--quiet", "--message=outside", cwd=path)
    assert repository.git("status", "--porcelain", cwd=path) == ""
    follow = "git fetch -q host && git reset -q host/feature-x"
    inside = repository.inside("feature-x", f"{follow} && git status --porcelain && git log -1 --format=%s")
    assert inside.stdout == "outside\n"
