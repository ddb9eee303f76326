"""A push over SSH fails inside for want of a key, where the same push from the host works (a real sshd)."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import Account, Repository, docker

DOCKERFILE = """
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends openssh-server git && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --shell /bin/bash git && mkdir -p /run/sshd && su git -c 'git init -q --bare ~/shop.git'
CMD ["/usr/sbin/sshd", "-D", "-e"]
"""
SSH = "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"


@pytest.fixture
def server(account: Account, lived_in: Repository, tmp_path: Path) -> Iterator[str]:
    """The address of a git repository behind sshd that takes the account's key."""
    name = f"wt-e2e-sshd-{uuid.uuid4().hex[:6]}"
    # An image of its own: one with two names can go while it gets the second.
    (tmp_path / "Dockerfile").write_text(f"{DOCKERFILE}LABEL name={name}\n")
    docker("build", "--quiet", "--tag", name, str(tmp_path))
    key = account.home / ".ssh/id_ed25519"
    if not key.exists():
        account.run("mkdir", "-p", "-m", "700", key.parent)
        account.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    public = account.run("cat", f"{key}.pub").stdout
    network = lived_in.env(lived_in.worktree("lived-in"))["WT_NETWORK"]
    docker("run", "--detach", "--rm", "--name", name, "--network", network, name)
    script = f"umask 077 && mkdir -p ~/.ssh && echo '{public.strip()}' > ~/.ssh/authorized_keys"
    docker("exec", "--user", "git", name, "sh", "-c", script)
    address = docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
    yield f"ssh://git@{address}/home/git/shop.git"
    docker("rm", "--force", name)
    docker("image", "rm", name)


def test_push_works_on_the_host_and_not_inside(lived_in: Repository, server: str) -> None:
    tree = lived_in.worktree("lived-in")
    # Named, since ssh takes the home directory from the accounts' database.
    with_key = {"GIT_SSH_COMMAND": f"{SSH} -i {lived_in.account.home}/.ssh/id_ed25519"}
    lived_in.account.run("git", "push", server, "HEAD:refs/heads/from-host", cwd=tree, env=with_key)
    push = f"GIT_SSH_COMMAND='{SSH}' git push {server} HEAD:refs/heads/from-inside"
    inside = lived_in.inside("lived-in", push, check=False)
    assert inside.returncode != 0
    assert "Permission denied (publickey" in inside.stderr
    heads = lived_in.account.run("git", "ls-remote", server, env=with_key).stdout
    assert "refs/heads/from-host" in heads
    assert "refs/heads/from-inside" not in heads


def test_wt_verify_tells_a_refusal_by_its_reason(lived_in: Repository, server: str) -> None:
    lived_in.git("remote", "add", "away", server)
    lived_in.git("remote", "add", "nowhere", "ssh://git@nowhere.invalid/shop.git")
    lived_in.git("remote", "add", "silent", "ssh://git@127.0.0.1:9/shop.git")
    try:
        done = lived_in.wt("verify", "--json", "lived-in", check=False)
    finally:
        for name in ("away", "nowhere", "silent"):
            lived_in.git("remote", "remove", name)
    rows = {row["control"]: row for row in json.loads(done.stdout)["result"]}
    assert rows["push: away"]["state"] == "holds" and "publickey" in rows["push: away"]["answer"]
    # Where another one was reached, a name that nobody knows is no way out.
    assert rows["push: nowhere"]["state"] == "holds"
    assert rows["push: silent"]["state"] == "unknown" and done.returncode == 1
