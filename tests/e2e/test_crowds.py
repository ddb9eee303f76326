"""Several worktrees and repositories beside each other share nothing that they should not."""

from collections.abc import Callable
from pathlib import Path

from support import Repository, docker

ASK = (
    "node --input-type=module -e \"import pg from 'pg'; const c = new pg.Client(); "
    'await c.connect(); {script}; await c.end()"'
)


def volumes(repository: Repository, worktree: Path) -> set[str]:
    project = repository.env(worktree)["COMPOSE_PROJECT_NAME"]
    return set(docker("volume", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={project}").split())


def test_two_worktrees_have_modules_of_their_own(repository: Repository) -> None:
    repository.wt("new", "one", "--wait")
    repository.wt("new", "two", "--wait")
    repository.inside("one", "npm install --no-save --no-audit --no-fund is-number@7.0.0")
    assert repository.inside("one", "test -d node_modules/is-number").returncode == 0
    assert repository.inside("two", "test -d node_modules/is-number", check=False).returncode == 1
    assert repository.inside("two", "test -d node_modules/pg").returncode == 0
    for name in ("one", "two"):
        tree = repository.worktree(name)
        assert list((tree / "node_modules").iterdir()) == []
        assert list((tree / "packages/format/node_modules").iterdir()) == []
        # The sandbox's user owns each volume from the first start on, the workspace's included.
        places = "node_modules packages/format/node_modules ~/.npm ~/.cache/ms-playwright"
        script = f"stat -c %u {places} && touch packages/format/node_modules/x"
        assert set(repository.inside(name, script).stdout.split()) == {str(repository.account.sandbox_uid)}
    assert not volumes(repository, repository.worktree("one")) & volumes(repository, repository.worktree("two"))


def test_two_repositories_with_equal_names_share_nothing(make_repository: Callable[..., Repository]) -> None:
    first, second = make_repository("twin"), make_repository("twin")
    for repository in (first, second):
        repository.wt("new", "feature-x", "--wait")
    trees = [repository.worktree("feature-x") for repository in (first, second)]
    assert trees[0].name == trees[1].name
    values = [first.env(trees[0]), second.env(trees[1])]
    for key in ("COMPOSE_PROJECT_NAME", "WT_SHARED_PROJECT", "WT_REPO_ID", "WT_NETWORK"):
        assert values[0][key] != values[1][key], key
    assert not volumes(first, trees[0]) & volumes(second, trees[1])

    connect = "PGHOST=postgres PGUSER=postgres PGPASSWORD=password PGDATABASE=twin "
    make = ASK.format(script="await c.query('create table only_in_first (x int)')")
    look = "(await c.query('select to_regclass(\\$1)', ['only_in_first'])).rows[0].to_regclass"
    ask = ASK.format(script=f"console.log({look})")
    first.inside("feature-x", connect + make)
    assert first.inside("feature-x", connect + ask).stdout.strip() == "only_in_first"
    assert second.inside("feature-x", connect + ask).stdout.strip() == "null"

    # A network of a repository's own goes with its services: engines have room for about thirty.
    for repository in (first, second):
        repository.wt("rm", "feature-x", "--delete-branch")
        repository.wt("shared", "down", "--volumes")
    own = {value["WT_NETWORK"] for value in values} - {"dev"}
    assert own
    assert not own & set(docker("network", "ls", "--format", "{{.Name}}").split())


def test_a_worktree_answers_by_its_name(lived_in: Repository) -> None:
    name = lived_in.worktree("lived-in").name
    own = lived_in.inside("lived-in", "hostname -i").stdout.split()
    assert lived_in.inside("lived-in", f"getent hosts {name}").stdout.split()[0] in own


def test_a_branch_name_with_a_slash_and_its_twin(repository: Repository) -> None:
    repository.wt("new", "feature/a", "--no-up")
    repository.wt("new", "feature-a", "--no-up")
    paths = {repository.worktree("feature/a"), repository.worktree("feature-a")}
    assert len(paths) == 2
    assert len({repository.env(path)["COMPOSE_PROJECT_NAME"] for path in paths}) == 2
