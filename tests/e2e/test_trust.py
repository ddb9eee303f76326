"""What configures a sandbox, on a real engine: a changed one waits for `wt trust`, a weaker one for `[allow]`."""

import json
from pathlib import Path

from support import Repository, as_user, docker
from wt import compose, envfile, plan, weakness
from wt.config import Config
from wt.model import ComposeProject

pytestmark = as_user

COMPOSE = ".devcontainer/docker-compose.yml"


def edit(repository: Repository, old: str, new: str, *, cwd: Path | None = None) -> None:
    """Change the compose file in a worktree, and commit it."""
    path = (cwd or repository.path) / COMPOSE
    repository.account.run("tee", path, stdin=path.read_text().replace(old, new, 1))
    repository.git("commit", "--quiet", "--all", "--message=compose", cwd=cwd)


def test_a_branch_with_another_devcontainer_starts_nothing_until_it_is_approved(repository: Repository) -> None:
    repository.wt("prepare")
    repository.git("checkout", "--quiet", "-b", "agents")
    edit(repository, "services:\n", "services:\n  # from a branch\n")
    repository.git("checkout", "--quiet", "main")
    for verb in ("new", "up"):
        if verb == "up":
            repository.git("worktree", "add", "--quiet", "../shop-agents", "agents")
        done = repository.wt(verb, "agents", check=False)
        assert done.returncode == 3 and "+  # from a branch" in done.stderr, done.stderr
        assert "hint: read it, then: wt trust shop-agents" in done.stderr
        assert (repository.path.parent / "shop-agents").exists() == (verb == "up")
        assert docker("ps", "--all", "--quiet", "--filter", f"label=wt.path={repository.path}-agents") == ""
    repository.wt("trust", "--yes", "agents")
    repository.wt("up", "agents")
    edit(repository, "  # from a branch\n", "", cwd=repository.path.parent / "shop-agents")
    edit(repository, "services:\n", "services:\n  # another\n", cwd=repository.path.parent / "shop-agents")
    assert repository.wt("up", "agents", check=False).returncode == 3
    assert repository.inside("agents", "echo goes on").stdout == "goes on\n"


def test_what_weakens_the_sandbox_starts_when_it_is_allowed_by_name(repository: Repository) -> None:
    """The same file makes a privileged container where it is allowed: it is the refusal that stops it."""
    edit(repository, "  app:\n", "  app:\n    privileged: true\n    volumes: ['/srv:/srv']\n")
    done = repository.wt("new", "x", check=False)
    assert done.returncode == 3
    lines = [line.strip() for line in done.stderr.splitlines() if "  # " in line]
    assert [line.partition("  # ")[0] for line in lines] == ['privileged = ["app"]', 'binds = ["app:/srv"]']
    assert not repository.path.with_name("shop-x").exists()
    toml = repository.path / ".devcontainer/wt.toml"
    repository.account.run("tee", toml, stdin="\n".join(["[allow]", *lines, ""]))
    repository.git("commit", "--quiet", "--all", "--message=allowed")
    repository.wt("trust", "--yes")
    repository.wt("new", "x")
    (app,) = repository.containers(repository.env(repository.worktree("x"))["COMPOSE_PROJECT_NAME"])
    assert docker("inspect", "--format", "{{.HostConfig.Privileged}}", app) == "true"


def test_an_allowed_path_of_the_worktree_is_no_symlink_at_the_next_start(repository: Repository) -> None:
    edit(repository, "  app:\n", "  app:\n    volumes: ['../data:/data']\n")
    toml = repository.path / ".devcontainer/wt.toml"
    repository.account.run("tee", toml, stdin='[allow]\nbinds = ["app:data"]\n')
    repository.git("commit", "--quiet", "--all", "--message=allowed")
    repository.wt("new", "x", "--no-up")
    tree = repository.worktree("x")
    repository.account.run("mkdir", tree / "data")
    repository.wt("prepare", cwd=tree)
    repository.account.run("sh", "-c", "rmdir data && ln -s / data", cwd=tree)
    done = repository.wt("up", "x", check=False)
    assert done.returncode == 3 and "is, or lies behind, a symlink" in done.stderr


def test_plain_compose_and_wt_see_the_same_and_what_init_writes_weakens_nothing(repository: Repository) -> None:
    repository.wt("prepare")
    folder = repository.path / ".devcontainer"
    files = tuple(folder / name for name in plan.COMPOSE_FILES)
    project = ComposeProject(repository.env()["COMPOSE_PROJECT_NAME"], files, folder / ".env", folder)
    printed = repository.account.run("docker", "compose", "config", "--format", "json", cwd=folder).stdout
    resolved = compose.resolved(project)
    assert resolved == json.loads(printed.replace("$$", "$"))
    values = envfile.read((folder / ".env").read_text())
    assert weakness.found(resolved, weakness.ground(values, Config().protect, docker_api=True)) == ()
    others = {**values, "LOCAL_WORKSPACE_FOLDER": "/elsewhere", "GIT_COMMON_DIR": "/elsewhere"}
    assert len(weakness.found(resolved, weakness.ground(others, ()))) > 5, "what it mounts is seen"
