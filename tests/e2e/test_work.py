"""The verbs that work in a sandbox and take it away."""

import json
import signal
import subprocess

import pytest

from support import Repository, docker


def test_exec_passes_streams_and_exit_code(lived_in: Repository) -> None:
    done = lived_in.wt("exec", "lived-in", "--", "sh", "-c", "cat; echo err >&2; exit 7", stdin="typed", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "typed", "err\n")
    tree = lived_in.worktree("lived-in")
    assert lived_in.wt("exec", "--", "pwd", cwd=tree / "packages").stdout == "/app/packages\n"
    assert lived_in.wt("exec", "lived-in", "echo", "--flag").stdout == "--flag\n"


@pytest.mark.parametrize(("program", "code"), [("nope", 127), ("/nope", 127), ("/etc/passwd", 126), ("", 126)])
def test_a_program_that_can_t_run_is_said_in_one_line(lived_in: Repository, program: str, code: int) -> None:
    done = lived_in.wt("exec", "lived-in", "--", program, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1) and f"{program}: " in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_what_runs_inside(lived_in: Repository, number: signal.Signals) -> None:
    traps = "trap 'echo got INT; exit 3' INT; trap 'echo got TERM; exit 4' TERM"
    script = f"{traps}; echo ready; while :; do sleep 0.1; done"
    account = lived_in.account
    command = ["env", "--default-signal", str(account.tools / "wt"), "exec", "lived-in", "--", "bash", "-c", script]
    with subprocess.Popen(
        command,
        cwd=lived_in.path,
        env=account.environment(),
        stdout=subprocess.PIPE,
        text=True,
        **account.identity,  # type: ignore[call-overload]
    ) as child:
        assert child.stdout.readline() == "ready\n"
        child.send_signal(number)
        assert child.stdout.read() == f"got {number.name.removeprefix('SIG')}\n"
        assert child.wait(timeout=10) == {signal.SIGINT: 3, signal.SIGTERM: 4}[number]


def test_what_nobody_reads_ends(lived_in: Repository) -> None:
    done = lived_in.account.run("bash", "-c", "wt exec lived-in -- yes | head -1", cwd=lived_in.path)
    assert (done.stdout, done.stderr) == ("y\n", "")
    assert lived_in.inside("lived-in", "sleep 0.5; pgrep -x yes", check=False).stdout == ""


def test_logs_of_a_service_that_is_none_are_refused(lived_in: Repository) -> None:
    done = lived_in.wt("shared", "logs", "postgers", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "wt: no shared service is called postgers\nhint: there are: postgres\n"


def test_exec_starts_a_sandbox_that_is_down(repository: Repository) -> None:
    repository.wt("new", "feature-x", "--no-up")
    assert repository.wt("ls", "--json").stdout.count('"state": "none"') == 2
    assert repository.wt("exec", "feature-x", "--", "echo", "up").stdout == "up\n"


def test_the_example_passes_its_tests_inside(lived_in: Repository) -> None:
    done = lived_in.wt("exec", "lived-in", "--", "npm", "test")
    assert "fail 0" in done.stdout


def test_ls_says_what_is_to_sync(lived_in: Repository) -> None:
    lived_in.wt("sync", "lived-in")
    lived_in.inside("lived-in", "git commit -q --allow-empty -m 'to sync'")
    rows = {row["worktree"]["name"]: row for row in json.loads(lived_in.wt("ls", "--json", "--size").stdout)["result"]}
    row = rows["lodge-lived-in"]
    assert row["state"] == "running"
    assert row["unsynced"] == 1
    assert row["size"] > 0
    lived_in.wt("sync", "lived-in")
    assert "1 to sync" not in lived_in.wt("ls").stdout


def test_logs_show_the_install(lived_in: Repository) -> None:
    assert "added" in lived_in.wt("logs", "lived-in").stdout
    assert "ready to accept connections" in lived_in.wt("shared", "logs", "postgres").stdout
    assert "healthy" in lived_in.wt("shared", "status").stdout
    for number in ("x", "-1", ""):
        done = lived_in.wt("logs", "lived-in", "--tail", number, check=False)
        assert done.returncode == 2 and "is not a number of lines" in done.stderr


def test_exported_variables_do_not_win_over_the_worktrees_own(repository: Repository) -> None:
    exported = {
        "WT_MEMORY": "300m",
        "COMPOSE_PROJECT_NAME": "elsewhere",
        "COMPOSE_FILE": "/nonexistent",
        "GIT_DIR": "/nonexistent",
    }
    repository.wt("new", "feature-x", env=exported)
    container = repository.containers(repository.env(repository.worktree("feature-x"))["COMPOSE_PROJECT_NAME"])[0]
    assert docker("inspect", "--format", "{{.HostConfig.Memory}}", container) == str(8 * 1024**3)


def test_a_shared_service_may_be_a_job_that_ends(repository: Repository) -> None:
    shared = repository.path / ".devcontainer/docker-compose.shared.yml"
    job = "image: node:24-trixie-slim, command: ['true'], networks: [dev], labels: *labels"
    job = f"\n  migrate: {{{job}}}\n\nnetworks:"
    repository.account.run("tee", shared, stdin=shared.read_text().replace("\nnetworks:", job, 1))
    repository.wt("prepare")
    assert "Exited (0)" in repository.wt("shared", "status").stdout
    repository.account.run(
        "tee", shared, stdin=shared.read_text().replace("['true']", "['sh', '-c', 'echo broken migration; exit 3']")
    )
    repository.wt("trust", "--yes")
    failed = repository.wt("shared", "up", check=False)
    assert failed.returncode == 1 and "broken migration" in failed.stderr


def test_rm_refuses_to_lose_work_and_then_leaves_nothing(repository: Repository) -> None:
    repository.wt("new", "feature-x")
    path = repository.worktree("feature-x")
    project = repository.env(path)["COMPOSE_PROJECT_NAME"]

    repository.inside("feature-x", "echo precious > precious.txt")
    dirty = repository.wt("rm", "feature-x", check=False)
    assert dirty.returncode == 3 and "precious.txt" in dirty.stderr

    hide = "git checkout -q -b hidden && git add -A && git commit -qm hidden && git checkout -q feature-x"
    repository.inside("feature-x", hide)
    hidden = repository.wt("rm", "feature-x", check=False)
    assert hidden.returncode == 3 and "hidden" in hidden.stderr

    repository.git("branch", "kept", "refs/wt/shop-feature-x/heads/hidden")
    repository.inside("feature-x", "echo s >> README.md && git stash -q")
    stashed = repository.wt("rm", "feature-x", check=False)
    assert stashed.returncode == 3 and "WIP on feature-x" in stashed.stderr
    # A refusal leaves the sandbox running.
    assert repository.wt("exec", "feature-x", "--", "git", "stash", "list").stdout.startswith("stash@{0}")

    repository.git("tag", "kept-stash", "refs/wt/shop-feature-x/stash/0")
    repository.wt("rm", "feature-x", "--delete-branch")
    assert not path.exists()
    refs = repository.git("for-each-ref", "--format=%(refname)").split()
    assert refs == ["refs/heads/kept", "refs/heads/main", "refs/tags/kept-stash"]
    for kind in (("ps", "--all"), ("volume", "ls"), ("network", "ls"), ("image", "ls")):
        assert docker(*kind, "--quiet", "--filter", f"label=com.docker.compose.project={project}") == "", kind
    assert not (repository.path / ".git/wt-sandbox/shop-feature-x").exists()
    assert repository.git("worktree", "list").count("\n") == 0
