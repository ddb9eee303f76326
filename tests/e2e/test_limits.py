"""What runs away in one sandbox stays there, on a real engine: another one, the shared services and the host go on."""

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from support import Repository, as_user, docker

pytestmark = as_user

LIMITS = '\n[limits]\nmemory = "600m"\npids = 200\ntmp = "32m"\n'
# Each says which limit it has met, and where it can, stays there while the others are looked at.
RUNAWAYS = {
    "EAGAIN": """
        const { spawn } = require("node:child_process")
        let asked = 0
        function more() {
          for (let i = 0; i < 10; i++) {
            spawn("sleep", ["60"]).on("error", error => { console.log(error.code); setTimeout(() => {}, 20000) })
          }
          if (++asked < 40) setTimeout(more, 20)
        }
        more()
    """,
    "EMFILE": """
        const fs = require("node:fs")
        try { for (;;) fs.openSync("/dev/null") } catch (error) { console.log(error.code) }
        setTimeout(() => {}, 20000)
    """,
    "ENOSPC": """
        const fs = require("node:fs"), part = Buffer.alloc(1 << 20)
        try { for (;;) fs.appendFileSync("/tmp/full", part) } catch (error) { console.log(error.code) }
        setTimeout(() => {}, 20000)
    """,
    # Who writes to it is ended by the kernel.
    "137": """
        const { spawnSync } = require("node:child_process")
        const hog = "const all = []; for (;;) all.push(Buffer.alloc(16 << 20, 1))"
        for (let i = 0; i < 10; i++) {
          const done = spawnSync(process.execPath, ["-e", hog])
          console.log(done.signal === "SIGKILL" ? 137 : done.status)
        }
    """,
}


@pytest.fixture(scope="module")
def neighbours(make_repository: Callable[..., Repository]) -> Iterator[Repository]:
    """A repository with narrow limits, shared PostgreSQL, and sandboxes `wild` and `calm`."""
    repository = make_repository("town")
    with (repository.path / ".devcontainer/wt.toml").open("a") as file:
        file.write(LIMITS)
    repository.git("commit", "--quiet", "--all", "--message=limits")
    repository.wt("new", "wild", "--wait")
    repository.wt("new", "calm", "--wait")
    yield repository
    repository.remove()


def app(repository: Repository, name: str) -> str:
    return f"{repository.env(repository.worktree(name))['COMPOSE_PROJECT_NAME']}-app-1"


@pytest.mark.parametrize("limit", RUNAWAYS)
def test_what_runs_away_is_stopped_where_it_is(neighbours: Repository, limit: str) -> None:
    command = ["docker", "exec", app(neighbours, "wild"), "node", "-e", RUNAWAYS[limit]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as runaway:
        assert runaway.stdout is not None
        assert runaway.stdout.readline().strip() == limit
        neighbours.inside("calm", 'git status && node -e \'require("node:fs").writeFileSync("/tmp/x", "x")\'')
        neighbours.inside("calm", "npm run --silent test:db")
        assert docker("version", "--format", "{{.Server.Version}}")
        neighbours.git("log", "-1")
        runaway.kill()
    docker("restart", "-t", "0", app(neighbours, "wild"))
    neighbours.wt("up", "wild", "--wait")
    neighbours.inside("wild", "rm -f /tmp/full; git status")


def test_the_limits_are_those_of_the_kernel(neighbours: Repository) -> None:
    found = neighbours.inside("wild", "ulimit -Sn; ulimit -Hn").stdout.split()
    assert found == ["16384", "16384"]
    form = "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.PidsLimit}}"
    assert docker("inspect", "--format", form, app(neighbours, "wild")).split() == ["629145600", "629145600", "200"]


def test_a_full_log_is_one_of_thirty_megabytes(neighbours: Repository) -> None:
    """What a sandbox prints goes to the host's disk."""
    line = "a" * 1000
    neighbours.inside("wild", f"for i in $(seq 60000); do echo {line}; done > /proc/1/fd/1")
    time.sleep(1)
    kept = docker("logs", app(neighbours, "wild"))
    assert 5_000_000 < len(kept) < 40_000_000
