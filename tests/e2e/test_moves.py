"""A sandbox stays with its worktree, and worktrees inside others stay apart."""

from support import Repository, docker

VOLUMES = ("volume", "ls", "--quiet", "--filter")


def test_a_moved_worktree_and_a_moved_repository_keep_what_they_have(repository: Repository) -> None:
    repository.wt("new", "mover", "--wait")
    place = repository.worktree("mover")
    repository.inside("mover", "touch node_modules/mine; psql --version >/dev/null 2>&1 || true")
    project = repository.env(place)["COMPOSE_PROJECT_NAME"]
    volumes = docker(*VOLUMES, f"label=com.docker.compose.project={project}")
    shared = repository.env(place)["WT_SHARED_PROJECT"]

    repository.git("worktree", "move", place, place.parent / "renamed")
    repository.wt("up", "renamed")
    repository.inside(
        "renamed", "test -e node_modules/mine && git commit -q --allow-empty -m moved && git fetch -q host"
    )
    assert "1 commit further" in repository.wt("sync", "renamed").stdout
    assert docker(*VOLUMES, f"label=com.docker.compose.project={project}") == volumes

    repository.path = repository.path.rename(repository.path.parent / "moved shop")
    repository.git("worktree", "repair")
    repository.wt("up", "renamed")
    repository.inside(
        "renamed", "test -e node_modules/mine && git commit -q --allow-empty -m again && git fetch -q host"
    )
    assert "1 commit further" in repository.wt("sync", "renamed").stdout
    assert docker(*VOLUMES, f"label=com.docker.compose.project={project}") == volumes
    assert repository.env(place.parent / "renamed")["WT_SHARED_PROJECT"] == shared
    assert len(repository.containers(shared)) == 1


def test_a_sandbox_does_not_see_worktrees_inside_its_own(repository: Repository) -> None:
    toml = repository.path / ".devcontainer/wt.toml"
    toml.write_text('worktree_dir = ".trees/deep/{name}"\n')
    repository.wt("init", "--upgrade")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "worktrees inside")
    repository.wt("up")
    repository.wt("new", "inner")
    inner = repository.worktree("inner")
    assert inner == repository.path / ".trees/deep/inner"
    repository.inside("inner", "git commit -q --allow-empty -m inner && test -e package.json")
    script = "cd /app; ls -A .trees/deep; touch .trees/deep/x; mv .trees/deep y; mv .trees z"
    seen = repository.inside(".", script, check=False)
    assert (seen.stdout, seen.stderr.count("\n")) == ("", 3), seen.stderr
    # Root's main checkout can't be written to at all.
    assert repository.account.uid == 0 or "mv: cannot move '.trees' to 'z': Device or resource busy" in seen.stderr
    assert repository.git("status", "--porcelain") == ""


def test_a_worktree_that_a_running_sandbox_sees_gets_none(repository: Repository) -> None:
    repository.wt("up")
    repository.git("worktree", "add", "--quiet", "-b", "seen", "seen")
    refused = repository.wt("prepare", cwd=repository.path / "seen", check=False)
    assert refused.returncode == 3 and "which could write to it" in refused.stderr
    assert "lies inside it" in repository.wt("prepare", check=False).stderr
    repository.wt("init", "--upgrade")
    repository.wt("up")
    repository.inside(".", 'test -z "$(ls -A /app/seen)"')
    repository.wt("up", "seen", cwd=repository.path)
