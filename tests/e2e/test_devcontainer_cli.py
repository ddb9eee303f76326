"""The reference devcontainer CLI, plain compose and wt agree on one sandbox."""

import json
import re
from pathlib import Path

from support import BESIDE, Repository, inspect


def devcontainer_up(repository: Repository, folder: Path) -> str:
    """Id of the container that `devcontainer up` brings up or adopts."""
    done = repository.account.run("devcontainer", "up", "--workspace-folder", folder)
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    assert answer["outcome"] == "success"
    assert answer["remoteUser"] == "vscode"
    return str(answer["containerId"])


def test_fresh_clone_main_checkout_and_linked_worktree(repository: Repository) -> None:
    clone = repository.path.parent / "clone"
    repository.git("clone", "--quiet", repository.path, clone)
    assert not (clone / ".devcontainer/.env").exists()
    container = devcontainer_up(repository, clone)
    copied = Repository(repository.account, clone)
    project = copied.env()["COMPOSE_PROJECT_NAME"]
    assert copied.containers(project) == [container]
    assert copied.inside("clone", "git status --porcelain && git log -1 --format=%s").stdout == "first\n"

    linked = repository.path.parent / "clone-linked"
    copied.git("worktree", "add", "--quiet", "-b", "linked", linked)
    assert devcontainer_up(copied, linked) != container
    commit = "git commit -q --allow-empty -m linked && git branch --show-current"
    assert copied.inside("clone-linked", commit).stdout == "linked\n"
    copied.wt("sync", "clone-linked")
    assert copied.git("log", "-1", "--format=%s", "linked") == "linked"
    assert copied.env(linked)["COMPOSE_PROJECT_NAME"] != project


def test_each_client_adopts_the_container_of_the_other(repository: Repository) -> None:
    repository.wt("new", "wt-first")
    tree = repository.worktree("wt-first")
    project = repository.env(tree)["COMPOSE_PROJECT_NAME"]
    made_by_wt = repository.containers(project)
    assert [devcontainer_up(repository, tree)] == made_by_wt
    assert repository.wt("up", "wt-first").stderr == ""
    assert repository.containers(project) == made_by_wt

    repository.wt("new", "cli-first", "--no-up")
    tree = repository.worktree("cli-first")
    made_by_cli = devcontainer_up(repository, tree)
    repository.wt("up", "cli-first")
    assert repository.containers(repository.env(tree)["COMPOSE_PROJECT_NAME"]) == [made_by_cli]
    repository.wt("down", "cli-first")
    repository.wt("up", "cli-first")
    assert repository.containers(repository.env(tree)["COMPOSE_PROJECT_NAME"]) == [made_by_cli]


def test_plain_compose_sees_the_same_project(repository: Repository) -> None:
    repository.wt("new", "feature-x")
    tree = repository.worktree("feature-x")
    compose = ("docker", "compose")
    project = repository.env(tree)["COMPOSE_PROJECT_NAME"]

    def containers() -> set[str]:
        return {*repository.containers(project), *repository.containers(project, *BESIDE)}

    listed = repository.account.run(*compose, "ps", "--quiet", "--no-trunc", cwd=tree / ".devcontainer").stdout.split()
    assert set(listed) == containers()
    # Nothing is created anew either: compose finds the configuration that it would make itself.
    repository.account.run(*compose, "up", "--detach", cwd=tree / ".devcontainer")
    assert containers() == set(listed)


def test_a_root_env_aims_no_start_at_another_sandbox(repository: Repository) -> None:
    for name in ("victim", "hostile"):
        repository.wt("new", name)
    tree, victim = repository.worktree("hostile"), repository.env(repository.worktree("victim"))["COMPOSE_PROJECT_NAME"]
    theirs = repository.containers(victim)
    repository.inside("hostile", f"echo COMPOSE_PROJECT_NAME={victim} >.env")
    refused = repository.wt("up", "hostile", check=False)
    assert refused.returncode == 3 and ".env sets COMPOSE_PROJECT_NAME" in refused.stderr
    up = ("devcontainer", "up", "--workspace-folder", tree)
    done = repository.account.run(*up, check=False)
    assert done.returncode != 0 and ".env sets COMPOSE_PROJECT_NAME" in done.stdout + done.stderr
    assert repository.containers(victim) == theirs
    # Without `wt prepare` the CLI takes the other sandbox's container for this one.
    path = tree / ".devcontainer/devcontainer.json"
    path.write_text(re.sub(r'"initializeCommand": .*', '"initializeCommand": "true",', path.read_text()))
    assert devcontainer_up(repository, tree) in theirs or repository.containers(victim) != theirs


def test_a_changed_configuration_makes_a_new_container(repository: Repository) -> None:
    repository.wt("new", "feature-x")
    tree = repository.worktree("feature-x")
    project = repository.env(tree)["COMPOSE_PROJECT_NAME"]
    before = repository.containers(project)
    (tree / ".devcontainer/wt.toml").write_text('[limits]\nmemory = "3g"\n')
    repository.wt("trust", "--yes", "feature-x")
    repository.wt("up", "feature-x")
    after = repository.containers(project)
    assert after != before and len(after) == 1
    limits = inspect(after[0])["HostConfig"]
    assert isinstance(limits, dict) and limits["Memory"] == 3 * 1024**3
