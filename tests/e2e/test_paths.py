"""The main job in places with odd names: one for each way of quoting, and a long one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support import Repository, as_user
from test_devcontainer_cli import devcontainer_up

pytestmark = as_user

# ', $ and a backslash are in no path together, and ${ in none: no form of .env carries them.
QUOTES = '-it\'s "so", #1 & a=b;`id`/.s%20%s!*?[x] a:b\\\\ <c>|(d)~\\/Shop'
DOLLARS = "$HOME {HOME} $(id)/a\tb \\n 100% a.lock/Zu\u0308rich Zürich 日本 🙂."
LONG = "/".join([*["n" * 255] * 13, "n" * 200])


@pytest.mark.parametrize("name", [QUOTES, DOLLARS, LONG], ids=["quotes", "dollars", "long"])
def test_the_main_job(make_repository: Callable[..., Repository], name: str) -> None:
    repository = make_repository(name)
    made = repository.wt("new", "feature/x", "--wait").stdout.removesuffix("\n")
    assert made == f"{repository.path}-feature-x" and Path(made, ".nvmrc").is_file()
    assert repository.wt("path", Path(made).name).stdout.removesuffix("\n") == made

    repository.inside("feature/x", "git commit -q --allow-empty -m up")
    repository.wt("sync", "feature/x")
    assert repository.git("log", "-1", "--format=%s", "feature/x") == "up"

    # Down, it is served by a throw-away container.
    repository.inside("feature/x", "git commit -q --allow-empty -m down && touch ~/.claude-docker/mine")
    project = values_of_compose(repository, Path(made))
    repository.account.run("docker", "stop", "--time=1", *repository.containers(project))
    repository.wt("down", "feature/x")
    assert repository.git("log", "-1", "--format=%s", "feature/x") == "down"
    assert Path(made, ".claude-docker/mine").exists()

    if name is QUOTES:
        assert devcontainer_up(repository, Path(made)) == repository.containers(project)[0]
    repository.git("merge", "--quiet", "feature/x")
    repository.wt("rm", "feature/x", "--delete-branch")
    assert repository.containers(project) == [] and not Path(made).exists()
    assert repository.git("branch", "--format=%(refname:short)") == "main"


def values_of_compose(repository: Repository, tree: Path) -> str:
    """The project's name, once compose has read from `.env` what wt wrote into it."""
    config = ("docker", "compose", "config", "--format", "json")
    read = json.loads(repository.account.run(*config, cwd=tree / ".devcontainer").stdout.replace("$$", "$"))
    app, common = read["services"]["app"], repository.path / ".git"
    sources = {mount["target"]: mount.get("source") for mount in app["volumes"]}
    assert sources["/app"] == app["labels"]["wt.path"] == str(tree)
    assert (sources["/wt/objects"], sources["/wt/host.git/refs"]) == (f"{common}/objects", f"{common}/refs")
    assert sources["/home/vscode/.claude-docker"] == f"{tree}/.claude-docker"
    assert app["networks"]["dev"]["aliases"] == [tree.name]
    return str(read["name"])


def test_branches_with_one_slug_are_up_side_by_side(lived_in: Repository) -> None:
    names = ("feature/a", "feature-a")
    for name in names:
        lived_in.wt("new", name)
    for name in names:
        assert lived_in.inside(name, "git branch --show-current").stdout == f"{name}\n"
    assert len({lived_in.inside(name, "hostname").stdout for name in names}) == 2
    lived_in.wt("rm", *names, "--delete-branch")
