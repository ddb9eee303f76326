"""Runs the main job for real on the example project, says what it does and how long each step took, and checks it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "examples/node-app"
NAME = "feature-x"
CHANGE = "sed -i 's/notes/entries/' README.md && git commit -q -a -m 'Call them entries' && git log --oneline -1"
times: list[tuple[str, float]] = []


def main() -> None:
    use_the_machines_certificates()
    home = Path(tempfile.mkdtemp(prefix="wt-demo."))
    repository = home / "node-app"
    had_network = "dev" in docker("network", "ls", "--format", "{{.Name}}").split()
    print(f"A repository with a Node.js project, in {repository}")
    try:
        step("a repository", lambda: make_repository(repository))
        show(repository)
    finally:
        tidy(repository, had_network=had_network)
        shutil.rmtree(home)
    print("\nAll of it worked. What it took:\n")
    for text, seconds in times:
        print(f"  {seconds:7.1f} s  {text}")
    print(f"  {sum(seconds for _, seconds in times):7.1f} s  together")


def show(repository: Path) -> None:
    """The main job, a command at a time; each claim is checked."""
    wt(repository, "the dev container's files", "init")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=Dev container")
    wt(repository, "worktree, image, services, sandbox, dependencies", "new", NAME, "--wait")
    worktree = Path(ask(repository, "wt", "path", NAME))
    project = env(worktree, "COMPOSE_PROJECT_NAME")
    wt(repository, "the example's tests inside, PostgreSQL included", "exec", NAME, "--", "npm", "test")
    wt(repository, "a commit inside", "exec", NAME, "--", "sh", "-c", CHANGE)
    wt(repository, "every worktree", "ls")
    wt(repository, "the commit comes to the host's branch", "sync", NAME)
    check("the commit is on the host's branch", "Call them entries" in ask(repository, "git", "log", "--oneline", NAME))
    check("git status is clean on the host", not ask(worktree, "git", "status", "--porcelain"))
    check("git status is clean inside", not ask(repository, "wt", "exec", NAME, "--", "git", "status", "--porcelain"))
    git(repository, "merge", "--quiet", "--ff-only", NAME)
    wt(repository, "everything removed", "rm", NAME, "--delete-branch")
    for kind, listing in (("container", ("ps", "--all")), ("volume", ("volume", "ls")), ("image", ("image", "ls"))):
        left = docker(*listing, "--quiet", "--filter", f"label=com.docker.compose.project={project}")
        check(f"no {kind} of the sandbox is left", not left)
    check("no ref but main is left", ask(repository, "git", "for-each-ref", "--format=%(refname)") == "refs/heads/main")
    check("no worktree is left", not worktree.exists())


def make_repository(path: Path) -> None:
    shutil.copytree(EXAMPLE, path, ignore=shutil.ignore_patterns("node_modules"))
    git(path, "init", "--quiet", "--initial-branch=main")
    for key, value in (("user.name", "wt demo"), ("user.email", "demo@example.org")):
        git(path, "config", key, value)
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message=Example")


def tidy(repository: Path, *, had_network: bool) -> None:
    """Remove what the demo made, however it ended; the shared services' data too, which wt never removes."""
    if (repository / ".devcontainer/wt.toml").exists():
        subprocess.run(["wt", "rm", NAME, "--force"], cwd=repository, capture_output=True, check=False)
        print("\n# the shared services, and the demo's database\n$ wt shared down --volumes", flush=True)
        subprocess.run(["wt", "shared", "down", "--volumes"], cwd=repository, check=False)
    if not had_network:
        docker("network", "rm", "dev")


def env(worktree: Path, key: str) -> str:
    """A value of `.devcontainer/.env`."""
    lines = (worktree / ".devcontainer/.env").read_text().splitlines()
    return next(line.partition("=")[2].strip("'") for line in lines if line.startswith(f"{key}="))


def use_the_machines_certificates() -> None:
    """Behind a proxy with an authority of its own, the machine says so in these variables; the sandbox needs it too."""
    bundle = os.environ.get("NODE_EXTRA_CA_CERTS") or os.environ.get("SSL_CERT_FILE")
    if bundle and "WT_CA_BUNDLE" not in os.environ:
        print(f"This machine names certificate authorities of its own: WT_CA_BUNDLE={bundle}")
        os.environ["WT_CA_BUNDLE"] = bundle


def wt(directory: Path, text: str, *args: str) -> None:
    """Run a command of wt before the reader's eyes."""
    print(f"\n# {text}\n$ wt {' '.join(args)}", flush=True)
    step(f"wt {args[0]}: {text}", lambda: run(directory, "wt", *args))


def step(text: str, action: Callable[[], None]) -> None:
    started = time.monotonic()
    action()
    times.append((text, time.monotonic() - started))


def run(directory: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=directory, check=False)
    if done.returncode != 0:
        sys.exit(f"demo: {' '.join(command)} ended with exit code {done.returncode}")


def git(directory: Path, *args: str) -> None:
    run(directory, "git", *args)


def ask(directory: Path, *command: str) -> str:
    return subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def docker(*args: str) -> str:
    return subprocess.run(["docker", *args], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()


def check(claim: str, holds: bool) -> None:
    print(f"  {'yes' if holds else 'NO '} {claim}", flush=True)
    if not holds:
        sys.exit(f"demo: not so: {claim}")


if __name__ == "__main__":
    main()
