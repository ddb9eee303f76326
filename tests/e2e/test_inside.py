"""What an agent finds inside, and what it can't do there."""

import re

import pytest

from support import Repository, docker, inspect

GIT_SESSION = """
set -eu
echo one > session.txt && git add session.txt && git commit -q -m one
echo two > session.txt && git commit -q -a --amend -m "one, amended"
git status
git log -3
git diff HEAD~1
git branch side
git checkout -q -b feature/inside
echo three > other.txt && git add other.txt && git commit -q -m three
git checkout -q lived-in
echo four > fourth.txt && git add fourth.txt && git commit -q -m four
git rebase -q feature/inside
echo stashed >> session.txt && git stash -q && git stash list && git stash pop -q && git checkout -q session.txt
git tag v-inside && git tag -a -m annotated v-annotated
git gc -q
git worktree prune
git config core.abbrev 12 && git config --get user.name
git fetch -q host
git rebase -q host/main
git fsck --no-progress --no-dangling
git reflog expire --expire=now --all && git repack -a -d -q
git log --all --oneline
git branch -D side feature/inside && git tag -d v-inside v-annotated
"""


def test_git_works_and_prints_no_error(lived_in: Repository) -> None:
    done = lived_in.inside("lived-in", GIT_SESSION)
    assert not re.search(r"error|fatal|warning|denied|read-only", done.stderr, re.IGNORECASE), done.stderr
    assert "nothing to commit, working tree clean" in done.stdout
    assert "Ada" in done.stdout


def test_a_commit_that_the_host_has_just_made_can_be_fetched(lived_in: Repository) -> None:
    lived_in.git("commit", "--quiet", "--allow-empty", "--message=made on the host")
    made = lived_in.git("rev-parse", "main")
    done = lived_in.inside("lived-in", "git fetch -q host && git rev-parse host/main")
    assert done.stdout.strip() == made


def test_what_the_host_packs_arrives_in_a_shell_that_is_open(lived_in: Repository) -> None:
    """As in an editor's terminal: nothing of wt runs on the host in between."""
    (container,) = lived_in.containers(lived_in.env(lived_in.worktree("lived-in"))["COMPOSE_PROJECT_NAME"])

    def inside(script: str) -> str:
        return docker("exec", "--workdir=/app", container, "sh", "-c", script)

    lived_in.git("branch", "packed-later", "main")
    lived_in.git("gc", "--quiet")
    inside("until git fetch --quiet host packed-later 2>/dev/null; do sleep 0.1; done")
    tip = lived_in.git("commit-tree", "-p", "packed-later", "-m", "later", "packed-later^{tree}")
    lived_in.git("update-ref", "refs/heads/packed-later", tip)
    lived_in.git("gc", "--quiet")
    assert not (lived_in.path / ".git/refs/heads/packed-later").exists()
    wait = f'until [ "$(git ls-remote host refs/heads/packed-later | cut -f1)" = {tip} ]; do sleep 0.1; done'
    inside(f"timeout 5 sh -c '{wait}'")
    lived_in.git("branch", "--quiet", "-D", "packed-later")
    inside("timeout 5 sh -c 'while git ls-remote --exit-code host refs/heads/packed-later; do sleep 0.1; done'")


def test_the_guard_sees_git_alone_and_grants_nothing(lived_in: Repository) -> None:
    project = lived_in.env(lived_in.worktree("lived-in"))["COMPOSE_PROJECT_NAME"]
    (guard,) = lived_in.containers(project, "guard")
    found = inspect(guard)
    writable = {each["Destination"]: each["RW"] for each in found["Mounts"]}
    assert writable == {"/host": False, "/view": True, "/tmp": True}
    limits = found["HostConfig"]
    assert (limits["NetworkMode"], limits["ReadonlyRootfs"], limits["CapDrop"]) == ("none", True, ["ALL"])
    assert limits["SecurityOpt"] == ["no-new-privileges:true"] and not limits["Privileged"]
    assert lived_in.inside("lived-in", "ls /view /host", check=False).returncode != 0


def test_the_kernel_grants_nothing(lived_in: Repository) -> None:
    status = lived_in.inside("lived-in", "cat /proc/self/status").stdout
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert re.search(rf"{kind}:\s*0000000000000000$", status, re.MULTILINE), kind
    assert re.search(r"NoNewPrivs:\s*1$", status, re.MULTILINE)
    assert re.search(r"Seccomp:\s*2$", status, re.MULTILINE)
    uid = lived_in.account.sandbox_uid
    assert re.search(rf"Uid:\s*{uid}\s+{uid}\s+{uid}\s+{uid}$", status, re.MULTILINE)


def test_the_same_image_without_the_hardening_has_capabilities(lived_in: Repository) -> None:
    """The positive control of the test above: the zeros come from compose.wt.yml."""
    image = f"{lived_in.env(lived_in.worktree('lived-in'))['COMPOSE_PROJECT_NAME']}-app"
    status = docker("run", "--rm", "--user", "root", image, "cat", "/proc/self/status")
    assert re.search(r"NoNewPrivs:\s*0$", status, re.MULTILINE)
    assert not re.search(r"CapBnd:\s*0000000000000000$", status, re.MULTILINE)


def test_nobody_becomes_root(lived_in: Repository) -> None:
    assert lived_in.inside("lived-in", "command -v sudo", check=False).returncode != 0
    su = lived_in.inside("lived-in", "su -c id root </dev/null", check=False)
    assert su.returncode != 0 and "uid=0" not in su.stdout
    assert lived_in.inside("lived-in", "unshare --user --map-root-user id", check=False).returncode != 0


@pytest.mark.parametrize(
    "path", [".devcontainer/planted", ".vscode/tasks.json", ".idea/planted", ".git", ".claude-docker/x"]
)
def test_what_runs_on_the_host_can_only_be_read(lived_in: Repository, path: str) -> None:
    done = lived_in.inside("lived-in", f"echo x > /app/{path}", check=False)
    assert done.returncode != 0
    assert "Read-only file system" in done.stderr
    assert lived_in.inside("lived-in", "echo x > /app/control && rm /app/control").returncode == 0


def test_the_git_pointer_stays_where_it_is(lived_in: Repository) -> None:
    for attempt in ("rm -f /app/.git", "mv /app/.git /app/elsewhere", "ln -sfn /tmp /app/.git"):
        done = lived_in.inside("lived-in", attempt, check=False)
        assert done.returncode != 0, attempt
        assert "busy" in done.stderr.lower() or "read-only" in done.stderr.lower(), done.stderr


@pytest.mark.parametrize("path", ["/wt/objects/planted", "/wt/host.git/refs/heads/planted", "/wt/host.git/planted"])
def test_the_hosts_objects_and_refs_can_only_be_read(lived_in: Repository, path: str) -> None:
    done = lived_in.inside("lived-in", f"echo x > {path}", check=False)
    assert "Read-only file system" in done.stderr


def test_nothing_else_of_the_host_is_mounted(lived_in: Repository) -> None:
    mounts = lived_in.inside("lived-in", "cut -d' ' -f5 /proc/self/mountinfo").stdout.splitlines()
    engine = ("/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/usr/sbin/docker-init")
    ours = {path for path in mounts if not path.startswith(("/proc", "/sys", "/dev")) and path not in engine}
    assert ours == {
        "/",
        "/app",
        "/app/.claude-docker",
        "/app/.devcontainer",
        "/app/.git",
        "/app/.idea",
        "/app/.vscode",
        "/app/node_modules",
        "/app/packages/format/node_modules",
        "/home/vscode/.cache/ms-playwright",
        "/home/vscode/.claude-docker",
        "/home/vscode/.npm",
        "/run/docker-api",
        "/tmp",
        "/wt/host.git",
        "/wt/host.git/refs",
        "/wt/lfs",
        "/wt/objects",
        "/wt/repo.git",
    }


def test_an_editors_sockets_are_deleted_within_seconds(lived_in: Repository) -> None:
    plant = """
    mkdir -p /tmp/user/1000
    for name in vscode-ipc-1 user/1000/vscode-git-1 vscode-ssh-auth-1 control; do
      node -e "require('net').createServer().listen('/tmp/$name.sock', () => process.abort())" 2>/dev/null >&2
    done
    ls /tmp/control.sock && sleep 2 && find /tmp -name '*.sock'; rm -rf /tmp/control.sock /tmp/user
    """
    assert lived_in.inside("lived-in", plant).stdout.split() == ["/tmp/control.sock", "/tmp/control.sock"]


INJECTED = {
    "SSH_AUTH_SOCK": "/tmp/vscode-ssh-auth-1.sock",
    "GPG_AGENT_INFO": "/tmp/gpg",
    "BROWSER": "/tmp/browser.sh",
    "VSCODE_IPC_HOOK_CLI": "/tmp/vscode-ipc-1.sock",
    "VSCODE_GIT_IPC_HANDLE": "/tmp/vscode-git-1.sock",
    "GIT_ASKPASS": "/tmp/askpass.sh",
    "VSCODE_GIT_ASKPASS_MAIN": "x",
    "VSCODE_GIT_ASKPASS_NODE": "x",
    "VSCODE_GIT_ASKPASS_EXTRA_ARGS": "x",
    "REMOTE_CONTAINERS_IPC": "x",
    "REMOTE_CONTAINERS_SOCKETS": "x",
    "REMOTE_CONTAINERS_DISPLAY_SOCK": "x",
    "WAYLAND_DISPLAY": "x",
    "DISPLAY": ":0",
    "XAUTHORITY": "x",
}


@pytest.fixture
def injected(lived_in: Repository) -> list[str]:
    """The command line that starts a program inside as an editor does, with its variables."""
    container = lived_in.containers(lived_in.env(lived_in.worktree("lived-in"))["COMPOSE_PROJECT_NAME"])[0]
    return ["exec", *(f"--env={name}={value}" for name, value in INJECTED.items()), container]


@pytest.mark.parametrize("shell", [("bash", "-c"), ("bash", "-lc"), ("bash", "-ic"), ("bash", "-lic")])
def test_an_editors_variables_are_gone_in_every_shell(injected: list[str], shell: tuple[str, str]) -> None:
    lines = docker(*injected, *shell, "env").splitlines()
    found = {name: value for name, _, value in (line.partition("=") for line in lines) if name in INJECTED}
    assert found == {"SSH_AUTH_SOCK": "", "GPG_AGENT_INFO": "", "BROWSER": ""}


def test_an_editors_variables_arrive_without_a_shell(injected: list[str]) -> None:
    """The positive control of the test above, and its limit: a program that is started directly has them."""
    assert "VSCODE_IPC_HOOK_CLI=/tmp/vscode-ipc-1.sock" in docker(*injected, "env")
