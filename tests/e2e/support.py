"""What the end-to-end tests share: accounts that run programs, and repositories that clean up after themselves."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Tests run as root and as an ordinary user; these marks are for those to which it makes no difference, or all of it.
as_user = pytest.mark.parametrize("account", ["user"], indirect=True, scope="session")
by_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users, and can mount")
as_root = pytest.mark.parametrize("account", [pytest.param("root", marks=by_root)], indirect=True, scope="session")

PROJECT = Path(__file__).parents[2]
# What wt sets beside a sandbox.
BESIDE = ("guard", "docker-proxy")
EXAMPLE = PROJECT / "examples/node-app"


@dataclass(frozen=True)
class Account:
    """A user of the host, with wt installed from the wheel.

    Attributes:
        home: its home directory, with everything that its tests make.
        tools: directory on its PATH that holds wt and the devcontainer CLI.
    """

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: Path
    tools: Path

    @property
    def python(self) -> Path:
        """The interpreter that wt is installed for."""
        return self.tools.parent / "venv/bin/python"

    @property
    def sandbox_uid(self) -> int:
        return self.uid or 1000

    @property
    def identity(self) -> dict[str, object]:
        """What makes a child process this user, where we are another."""
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": self.groups}

    def run(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        check: bool = True,
        env: dict[str, str] | None = None,
        stdin: str | None = None,
        seconds: float = 600,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program as this user, in an environment of its own."""
        command = [str(arg) for arg in args]
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command,
            cwd=cwd or self.home,
            env=self.environment() | (env or {}),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            **self.identity,  # type: ignore[call-overload]
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command} as {self.name}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def environment(self) -> dict[str, str]:
        """PATH, home and what the machine says of certificate authorities; nothing else."""
        kept = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "DOCKER_HOST", "DOCKER_CONTEXT", "LANG")
        named = (os.environ.get(name) for name in ("WT_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"))
        bundle = next((path for path in named if path), None)
        return {
            "PATH": f"{self.tools}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            **{name: os.environ[name] for name in kept if name in os.environ},
            **({"WT_CA_BUNDLE": bundle} if bundle else {}),
        }


@dataclass
class Repository:
    """A repository of an account, made of the example project."""

    account: Account
    path: Path

    def git(self, *args: str | Path, cwd: Path | None = None, check: bool = True) -> str:
        return self.account.run("git", *args, cwd=cwd or self.path, check=check).stdout.strip()

    def wt(
        self, *args: str, cwd: Path | None = None, check: bool = True, **options: object
    ) -> "subprocess.CompletedProcess[str]":
        return self.account.run("wt", *args, cwd=cwd or self.path, check=check, **options)  # type: ignore[arg-type]

    def inside(self, name: str, script: str, *, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a script in a worktree's sandbox."""
        return self.wt("exec", name, "--", "bash", "-c", script, check=check)

    def worktree(self, name: str) -> Path:
        return Path(self.wt("path", name).stdout.strip())

    def env(self, worktree: Path | None = None) -> dict[str, str]:
        """The values of a worktree's `.devcontainer/.env`."""
        lines = ((worktree or self.path) / ".devcontainer/.env").read_text().splitlines()
        return {key: value.strip("'") for key, _, value in (line.partition("=") for line in lines)}

    def containers(self, project: str, *services: str) -> list[str]:
        """Ids of a project's containers: of these services, or of all that wt does not set beside the sandbox."""
        chosen = f"label=com.docker.compose.project={project}"
        form = '{{.ID}} {{.Label "com.docker.compose.service"}}'
        rows = docker("ps", "--all", "--no-trunc", "--filter", chosen, "--format", form).splitlines()
        found = [row.partition(" ")[::2] for row in rows]
        return [each for each, service in found if (service in services if services else service not in BESIDE)]

    def remove(self) -> None:
        """Remove everything that docker holds for the repositories in the parent directory, then the directories."""
        for record in self.path.parent.glob("**/wt-sandbox/repository"):
            repository = record.read_text().partition("\n")[0].rpartition("-")[2]
            for kind, listing, removal in (
                ("container", ("ls", "--all", "--quiet"), ("rm", "--force", "--volumes")),
                ("volume", ("ls", "--quiet"), ("rm",)),
                ("image", ("ls", "--quiet"), ("rm", "--force")),
            ):
                found = docker(kind, *listing, "--filter", f"label=wt.repo={repository}").split()
                if found:
                    docker(kind, *removal, *sorted(set(found)))
            docker("network", "rm", f"dev-{repository}", check=False)
        shutil.rmtree(self.path.parent)


def docker(*args: str, check: bool = True) -> str:
    """What a docker command prints."""
    done = subprocess.run(["docker", *args], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"docker {' '.join(args)}: {done.stderr}"
    return done.stdout.strip()


def inspect(container: str) -> dict[str, Any]:
    """What the engine knows of a container."""
    found: list[dict[str, Any]] = json.loads(docker("inspect", container))
    return found[0]


def tree(root: Path, *, without: Sequence[str] = ()) -> dict[str, tuple[int, int, bytes]]:
    """Every file below a directory: mode, modification time (ns) and content."""
    found = {}
    for directory, names, files in os.walk(root):
        names[:] = [name for name in names if str(Path(directory, name).relative_to(root)) not in without]
        for name in files:
            path = Path(directory, name)
            status = path.lstat()
            found[str(path.relative_to(root))] = (status.st_mode, status.st_mtime_ns, path.read_bytes())
    return found
