"""Several worktrees and repositories beside each other share nothing that they should not."""

import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support import Repository, as_user, docker

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


def at_once(repository: Repository, commands: Sequence[Sequence[str]]) -> list[tuple[int, str]]:
    """Exit code and standard error of commands of wt that all start at the same moment."""
    return ended([started(repository, command) for command in commands])


def started(repository: Repository, command: Sequence[str], *, cwd: Path | None = None) -> "subprocess.Popen[str]":
    account = repository.account
    child: subprocess.Popen[str] = subprocess.Popen(
        [str(account.tools / "wt"), *command],
        cwd=cwd or repository.path,
        env=account.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **account.identity,  # type: ignore[call-overload]
    )
    return child


def ended(children: Sequence["subprocess.Popen[str]"]) -> list[tuple[int, str]]:
    said = [child.communicate(timeout=300)[1] for child in children]
    assert [text for text in said if "Traceback" in text or "bug" in text] == []
    return [(child.returncode, text) for child, text in zip(children, said, strict=True)]


@as_user
def test_repositories_that_are_prepared_for_the_first_time_at_once_have_networks_of_their_own(
    make_repository: Callable[..., Repository],
) -> None:
    """One may keep the common network: on it, `postgres` would else be now one's database, now another's."""
    repositories = [make_repository(name) for name in ("east", "west", "north")]
    network = f"wt-e2e-{repositories[0].path.parent.name}"
    for repository in repositories:
        repository.account.run("tee", repository.path / ".devcontainer/wt.toml", stdin=f'network = "{network}"\n')
    try:
        done = ended([started(repository, ["prepare"]) for repository in repositories])
        assert [text for code, text in done if code != 0] == []
        assert len({repository.env()["WT_NETWORK"] for repository in repositories}) == len(repositories)
        for repository in repositories:
            environment = repository.env()
            (shared,) = repository.containers(environment["WT_SHARED_PROJECT"])
            joined = docker(
                "inspect", "--format", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}", shared
            )
            assert joined == environment["WT_NETWORK"]
            assert repository.wt("prepare").stderr == ""
    finally:
        for repository in repositories:
            repository.remove()
        docker("network", "rm", network, check=False)


@as_user
def test_sixteen_at_once_make_and_remove_worktrees(repository: Repository) -> None:
    names = [f"crowd-{number}" for number in range(16)]
    done = at_once(repository, [["new", name, "--no-up"] for name in names])
    assert [text for code, text in done if code != 0] == []
    trees = json.loads(repository.wt("ls", "--json").stdout)["result"]
    assert sorted(row["worktree"]["branch"] for row in trees) == sorted(["main", *names])
    environments = [repository.env(Path(row["worktree"]["path"])) for row in trees[1:]]
    assert len({each["COMPOSE_PROJECT_NAME"] for each in environments}) == len(names)
    (network,) = {each["WT_NETWORK"] for each in environments}
    (shared,) = {each["WT_SHARED_PROJECT"] for each in environments}
    assert docker("network", "ls", "--quiet", "--filter", f"name=^{network}$").count("\n") == 0
    assert len(repository.containers(shared)) == 1
    assert any("waiting for another wt in this repository" in text for _, text in done)

    done = at_once(repository, [["rm", name, "--delete-branch"] for name in names])
    assert [text for code, text in done if code != 0] == []
    assert repository.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert repository.git("worktree", "list").count("\n") == 0
    assert sorted(path.name for path in repository.path.parent.iterdir()) == ["shop"]


@as_user
def test_of_sixteen_that_want_one_name_one_gets_it(repository: Repository) -> None:
    done = at_once(repository, [["new", "x"]] * 16)
    codes = sorted(code for code, _ in done)
    assert codes == [0, *[3] * 15], done
    lost = {tuple(text.splitlines()[-2:]) for code, text in done if code == 3}
    path = repository.worktree("x")
    assert lost == {(f"wt: x is checked out in {path}", f"hint: wt up {path.name}")}
    assert repository.inside("x", "git status --porcelain").stdout == ""


@as_user
def test_thirty_two_at_once_prepare_one_worktree(repository: Repository) -> None:
    repository.account.run("sh", "-c", "echo 'MINE=1' > .devcontainer/.env", cwd=repository.path)
    done = at_once(repository, [["prepare"]] * 32)
    assert [text for code, text in done if code != 0] == []
    environment = repository.env()
    assert environment["MINE"] == "1"
    text = (repository.path / ".devcontainer/.env").read_text()
    assert len([line for line in text.splitlines() if line.startswith("COMPOSE_PROJECT_NAME=")]) == 1
    assert len(repository.containers(environment["WT_SHARED_PROJECT"])) == 1
    assert [path.name for path in (repository.path / ".devcontainer").iterdir() if path.name.endswith(".tmp")] == []
    before = (repository.path / ".devcontainer/.env").stat().st_mtime_ns
    assert repository.wt("prepare").stderr == ""
    assert (repository.path / ".devcontainer/.env").stat().st_mtime_ns == before


@as_user
def test_gc_takes_nothing_from_sixteen_that_are_being_made(repository: Repository) -> None:
    """It runs again and again beside them, and finds nothing of theirs at any moment."""
    names = [f"crowd-{number}" for number in range(16)]
    taken: list[dict[str, str]] = []
    over = threading.Event()

    def collect() -> None:
        while not over.is_set():
            done = repository.wt("gc", "--yes", "--json", check=False)
            assert done.returncode == 0, done.stderr
            taken.extend(json.loads(done.stdout.splitlines()[-1])["result"])

    with ThreadPoolExecutor() as pool:
        collector = pool.submit(collect)
        try:
            done = at_once(repository, [["new", name] for name in names])
        finally:
            over.set()
        collector.result()
    assert [text for code, text in done if code != 0] == []
    assert [row for row in taken if row["state"] == "failed" or "crowd" in row["name"]] == []
    for name in names:
        assert repository.inside(name, "git status --porcelain").stdout == ""
    assert json.loads(repository.wt("gc", "--dry-run", "--json").stdout)["result"] == []
    done = at_once(repository, [["rm", name, "--delete-branch"] for name in names])
    assert [text for code, text in done if code != 0] == []


@as_user
def test_all_commands_at_once_in_two_repositories(make_repository: Callable[..., Repository]) -> None:
    """Whoever loses waits, or says why; no commit is lost, nothing is there twice, and all goes on working."""
    repositories = [make_repository(name) for name in ("upper", "lower")]
    commit = "git commit -q --allow-empty -m inside && git rev-parse HEAD"
    children, made = [], {}
    for repository in repositories:
        for name in ("a", "b", "gone"):
            repository.wt("new", name)
        made[repository.path] = {repository.inside(name, commit).stdout.strip() for name in ("a", "b", "gone")}
    for repository in repositories:
        commands = [[verb, name] for name in ("a", "b") for verb in ("up", "sync", "down", "up")]
        commands += [["rm", "gone"], ["new", "c"], ["new", "c"], ["gc", "--yes"], ["gc", "--yes"], ["ls"], ["doctor"]]
        children += [started(repository, command) for command in commands]
        trees = [repository.worktree(name) for name in ("a", "b")]
        children += [started(repository, ["prepare"], cwd=tree) for tree in trees for _ in range(4)]
    # What wt doctor finds in such a moment is no error, and its answer.
    refused = [text for code, text in ended(children) if code != 0 and text]
    assert [text for text in refused if "hint: " not in text] == []
    for repository in repositories:
        repository.wt("up", "a", "b", "c")
        repository.wt("sync", "a", "b")
        assert made[repository.path] <= set(repository.git("rev-list", "--all").split())
        environments = [repository.env(repository.worktree(name)) for name in ("a", "b", "c")]
        for name, environment in zip(("a", "b", "c"), environments, strict=True):
            assert repository.inside(name, "git status --porcelain").stdout == ""
            assert len(repository.containers(environment["COMPOSE_PROJECT_NAME"])) == 1
        (shared,) = {environment["WT_SHARED_PROJECT"] for environment in environments}
        (network,) = {environment["WT_NETWORK"] for environment in environments}
        assert len(repository.containers(shared)) == 1
        assert len(docker("network", "ls", "--quiet", "--filter", f"name=^{network}$").split()) == 1
