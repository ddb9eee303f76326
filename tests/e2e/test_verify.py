"""`wt verify` on the real engine: green where all is as it should be, red by name where one control is gone."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from attacks import baseline
from support import Repository, as_user, docker

NAME = "proved"


@pytest.fixture(scope="module")
def proved(make_repository: Callable[..., Repository]) -> Repository:
    """A repository with a remote, a sandbox `proved`, and another worktree."""
    repository = make_repository("proof")
    repository.git("remote", "add", "origin", repository.path.parent / "origin.git")
    repository.wt("new", NAME, "--wait")
    repository.wt("new", "other", "--no-up")
    return repository


def rows(repository: Repository, name: str = NAME, *, code: int | None = None) -> dict[str, tuple[str, str]]:
    """State and answer of each control."""
    done = repository.wt("verify", "--json", name, check=False)
    assert done.returncode in (0, 1) and (code is None or done.returncode == code), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return {row["control"]: (row["state"], row["answer"]) for row in json.loads(done.stdout)["result"]}


def wrong(repository: Repository) -> dict[str, str]:
    """State of each control that does not hold."""
    return {control: state for control, (state, _) in rows(repository, code=1).items() if state != "holds"}


def project(repository: Repository) -> str:
    return repository.env(repository.worktree(NAME))["COMPOSE_PROJECT_NAME"]


def trace(repository: Repository) -> tuple[object, ...]:
    """What a run could leave behind, inside and on the host."""
    look = (
        "cd /; find /tmp /app /wt -name node_modules -prune -o -print | sort; "
        "for each in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$each; echo; done 2>/dev/null | grep -v proc"
    )
    container = f"{project(repository)}-app-1"
    found = docker("exec", container, "sh", "-c", look).splitlines()
    passing = [line for line in found if line.strip() and not line.startswith(("sleep", "sh "))]
    refs = repository.git("for-each-ref")
    return (passing, refs, repository.git("status", "--short", cwd=repository.worktree(NAME)))


def test_a_sandbox_as_wt_makes_it_is_green_and_keeps_nothing(proved: Repository) -> None:
    before = trace(proved)
    done = proved.wt("verify", NAME, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d{2} controls: \d{2} hold, 0 fail, 0 could not be shown$", done.stdout, re.MULTILINE)
    assert trace(proved) == before
    # By repository: another account's has worktrees of the same names.
    ours = f"label=wt.repo={proved.env(proved.worktree(NAME))['WT_REPO_ID']}"
    left = docker("ps", "--all", "--quiet", "--filter", "label=wt.role=verify", "--filter", ours)
    assert left == ""


def test_it_takes_seconds(proved: Repository) -> None:
    """Where a command in the sandbox takes half a second; the machine may be busy, so that the two are compared."""
    found = []
    for _ in range(3):
        command = (took(proved, "exec", NAME, "--", "true"), took(proved, "exec", NAME, "--", "true"))
        found.append(took(proved, "verify", NAME) / max(command))
    assert min(found) < 20, found


def took(repository: Repository, *words: str) -> float:
    begun = time.monotonic()
    repository.wt(*words)
    return time.monotonic() - begun


def test_the_main_checkout_is_green_too(proved: Repository) -> None:
    proved.wt("up")
    assert {control: row for control, row in rows(proved, "proof").items() if row[0] != "holds"} == {}
    proved.wt("down")


@as_user
def test_what_does_not_run_is_one_line_and_a_hint(proved: Repository) -> None:
    done = proved.wt("verify", "other", check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"wt: the sandbox of {proved.worktree('other').name} does not run",
        f"hint: wt up {proved.worktree('other').name}",
    ]


BESIDE = {
    "guard": {"service: guard": "fails", "sockets": "fails"},
    "docker-proxy": {
        "service: docker-proxy": "fails",
        **dict.fromkeys(("docker api", "docker api: refusals", "docker api: list"), "unknown"),
    },
}


@as_user
@pytest.mark.parametrize("service", BESIDE)
def test_a_service_that_is_down_is_named(proved: Repository, service: str) -> None:
    """Where there is no proxy, no request is refused: that must not look as if all were."""
    container = f"{project(proved)}-{service}-1"
    docker("stop", "--time=0", container)
    found = wrong(proved)
    docker("start", container)
    assert found == BESIDE[service]


# What is taken out of compose.wt.yml at once, and which controls are named for each.
MUTANTS = {
    "capabilities, processes, editors, variables": [
        (r"(?m)^  cap_drop: .*\n", "", ("capabilities", "container: privileges", "service: guard")),
        (r"(?m)^    pids_limit: \$.*\n", "", ("limit: processes",)),
        (r"(?m)^    memswap_limit: \$.*\n", "", ("limit: swap",)),
        (r"(?m)^  ulimits: .*\n", "", ("limit: open files", "service: docker-proxy")),
        # A volume that is there is not changed.
        (r"_tmp-\$\{WT_TMP:-1g\}(\"\n.*),nr_inodes=65536,size=\$\{WT_TMP:-1g\}", r"_tmp-open\1", ("limit: /tmp",)),
        (r"(?m)(target: \"?/app/\.vscode\"?), read_only: true", r"\1", ("read-only: /app/.vscode", "mounts")),
        (r"(?m)^      BASH_ENV: .*\n", "", ("variables: bash -c",)),
        (r"(?m)^  user: .*\n", "", ("container: user",)),
    ],
    "new privileges, memory, the host's git": [
        (r"(?m)^  security_opt: .*\n", "", ("no-new-privileges", "setuid", "container: filters")),
        (r"(?m)^    mem(swap)?_limit: \$.*\n", "", ("limit: memory",)),
        (r"(target: /wt/objects), read_only: true", r"\1", ("read-only: /wt/objects", "mounts")),
        (r"(target: /wt/host\.git/refs), read_only: true", r"\1", ("read-only: /wt/host.git/refs",)),
        (r"(target: /wt/host\.git), read_only: true", r"\1", ("read-only: /wt/host.git", "push: host")),
        (r"(target: /app/\.claude-docker), read_only: true", r"\1", ("mounts, by the engine",)),
    ],
    "filter, namespace, pointer": [
        (
            r"\"no-new-privileges:true\"\]",
            '"no-new-privileges:true", "seccomp=unconfined"]',
            ("seccomp", "user namespaces"),
        ),
        (r"(?m)^    hostname: .*\n", "    pid: host\n", ("container: namespaces",)),
        (r"(target: /host), read_only: true", r"\1", ("service: guard",)),
        (r"(?m)^  logging: .*\n", "", ("container: log", "service: docker-proxy")),
        (r"if lists !all", "if FALSE", ("docker api: list",)),
        (r"(target: /app/\.git), read_only: \"[^\"]*\"", r"\1", ("read-only: /app/.git",)),
        (r"(target: \"?/app/\.devcontainer\"?), read_only: true", r"\1", ("read-only: /app/.devcontainer",)),
        (r"(target: \"?/app/\.idea\"?), read_only: true", r"\1", ("read-only: /app/.idea",)),
        (r"(target: /wt/lfs), read_only: true", r"\1", ("read-only: /wt/lfs",)),
        (
            r"(?m)^      - \{type: volume, source: package-store",
            r"      - {type: bind, source: /run, target: /mnt, read_only: true}\n\g<0>",
            ("docker sockets",),
        ),
    ],
}


@pytest.fixture
def weakened(proved: Repository) -> Iterator[Callable[[list[tuple[str, str, tuple[str, ...]]]], None]]:
    """Starts the sandbox with another compose.wt.yml, which wt.toml allows; afterwards it is as it was."""
    home = proved.worktree(NAME) / ".devcontainer"
    files = {path: path.read_text() for path in (home / "compose.wt.yml", home / "wt.toml")}

    def start() -> "subprocess.CompletedProcess[str]":
        proved.wt("trust", NAME, "--yes")
        return proved.wt("up", NAME, check=False)

    def weaken(mutants: list[tuple[str, str, tuple[str, ...]]]) -> None:
        text = files[home / "compose.wt.yml"]
        for pattern, replacement, _ in mutants:
            changed = re.sub(pattern, replacement, text)
            assert changed != text, pattern
            text = changed
        (home / "compose.wt.yml").write_text(text)
        refused = start()
        allowed = re.findall(r"^ +(\w+ = \[.*\])  # ", refused.stderr, re.MULTILINE)
        assert refused.returncode == 3 and allowed, refused.stderr
        without = re.sub(r"(?s)\n#? *\[allow\].*", "\n", files[home / "wt.toml"])
        (home / "wt.toml").write_text("\n".join([without, "[allow]", *allowed, ""]))
        started = start()
        assert started.returncode == 0, started.stderr

    yield weaken
    for path, text in files.items():
        path.write_text(text)
    start()


@as_user
@pytest.mark.parametrize("mutants", MUTANTS)
def test_a_control_that_is_taken_out_is_named(
    proved: Repository, weakened: Callable[[list[tuple[str, str, tuple[str, ...]]]], None], mutants: str
) -> None:
    weakened(MUTANTS[mutants])
    found = wrong(proved)
    named = {control for *_, controls in MUTANTS[mutants] for control in controls}
    assert named - found.keys() == set(), found
    assert proved.git("for-each-ref", "refs/heads/wt-verify*") == ""


@pytest.fixture
def usual(proved: Repository) -> Iterator[None]:
    """The baseline of the attacks in the sandbox's place, on a worktree of the same repository."""
    place, account, name = proved.path.parent / "usual", proved.account, project(proved)
    image = docker("inspect", "--format", "{{.Image}}", f"{name}-app-1")
    proved.wt("down", NAME)
    docker("rm", "--force", *proved.containers(name))
    proved.git("worktree", "add", "--quiet", "--no-checkout", "--detach", place)
    baseline.write(place, "dev")
    docker_compose = ("docker", "compose", "-p", name, "--progress=quiet", "-f", ".devcontainer/docker-compose.yml")
    account.run("mkdir", "-p", f"{account.home}/.claude", f"{account.home}/Library/pnpm/store")
    subprocess.run(["chown", "-R", f"{account.uid}:{account.gid}", place], check=True)
    account.run("sh", "-c", f"{baseline.INITIALIZE}; mkdir node_modules; touch .env", cwd=place)
    account.run(*docker_compose, "up", "--detach", "--build", cwd=place)
    yield
    account.run(*docker_compose, "down", "--volumes", cwd=place)
    docker("tag", image, f"{name}-app:latest")
    proved.git("worktree", "remove", "--force", place)
    proved.wt("up", NAME)


@as_user
@pytest.mark.usefixtures("usual")
def test_the_usual_set_up_is_red(proved: Repository) -> None:
    """No capability, no new privileges, an ordinary user: all else is wrong, and named."""
    found = wrong(proved)
    assert not {"capabilities", "no-new-privileges", "setuid", "container: privileges"} & found.keys(), found
    read_only = {f"read-only: /app/{name}" for name in (".devcontainer", ".vscode", ".git")}
    named = {*read_only, "mounts", "mounts, by the engine", "host's git directory", "limit: memory", "limit: processes"}
    named |= {"sockets", "variables: bash -c", "service: guard", "service: docker-proxy", "push: host"}
    assert named - found.keys() == set(), found
