"""Kinds of repositories that git inside has to cope with, too; all are in tests/unit/test_repositories.py."""

import pytest

from support import Repository, as_user

# What makes it, in a main checkout with two commits; where it is then.
KINDS = {
    "bare": ("git clone -q --bare . ../store.git && git -C ../store.git worktree add -q -b topic ../tree", "tree"),
    "shallow": ('git clone -q --depth=1 "file://$PWD" ../clone', "clone"),
    "SHA-256": (
        "git init -q --object-format=sha256 ../long && {copied} && git add --all && git commit -qm first",
        "long",
    ),
    "detached": ("git checkout -q --detach", "shop"),
    "unborn": ("git init -q ../empty && {copied}", "empty"),
    "1,500 packed branches": (
        'tip=$(git rev-parse HEAD); for each in $(seq 1000 2499); do echo "create refs/heads/b/$each $tip"; done'
        " | git update-ref --stdin && git pack-refs --all",
        "shop",
    ),
}
COPIED = "git checkout-index --all --prefix=$(cd ../{place} && pwd)/ && cd ../{place}"
INSIDE = "date >made && git add --all && git commit -qm inside && git fsck --strict && git rev-parse HEAD"


@as_user
@pytest.mark.parametrize("kind", KINDS)
def test_up_commit_fetch_and_sync(repository: Repository, kind: str) -> None:
    script, name = KINDS[kind]
    repository.git("commit", "--quiet", "--allow-empty", "--message=second")
    script = script.replace("{copied}", COPIED.replace("{place}", name))
    repository.account.run("sh", "-ec", script, cwd=repository.path)
    place = repository.path.with_name(name)
    repository.wt("up", cwd=place)
    tip = repository.wt("exec", "--", "sh", "-ec", INSIDE, cwd=place).stdout.split()[-1]
    repository.wt("sync", cwd=place)
    assert tip in repository.git("rev-list", "--all", cwd=place).split()
    if kind != "detached":
        assert repository.git("rev-parse", "HEAD", cwd=place) == tip
        assert repository.git("status", "--porcelain", cwd=place) == ""
    asked = "git fetch -q host && git ls-remote host 'refs/heads/*'"
    seen = repository.wt("exec", "--", "sh", "-ec", asked, cwd=place).stdout.splitlines()
    there = repository.git("for-each-ref", "--format=%(objectname)\t%(refname)", "refs/heads", cwd=place).splitlines()
    assert seen == there and len(there) > (1_500 if "packed" in kind else 0)
    repository.wt("down", cwd=place)
    assert repository.git("fsck", "--strict", cwd=place) == ""
