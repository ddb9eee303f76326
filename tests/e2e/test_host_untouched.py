"""What an agent's work and an import change in the host's repository, by comparing its files."""

from support import Repository, tree

WORK = """
set -eu
echo a > a.txt && git add a.txt && git commit -q -m a
git checkout -q -b elsewhere && git commit -q --allow-empty -m b && git checkout -q -
git tag here && echo s > a.txt && git stash -q
git config core.pager cat && git gc -q && git worktree prune && git fetch -q host
hook=$(git rev-parse --git-path hooks/post-commit)
mkdir -p "${hook%/*}" && printf '#!/bin/sh\\ntouch /app/hook-ran\\n' > "$hook" && chmod +x "$hook"
git commit -q --allow-empty -m c && rm /app/hook-ran
"""


def test_work_inside_changes_nothing_and_an_import_only_what_it_should(repository: Repository) -> None:
    repository.wt("new", "feature-x")
    common = repository.path / ".git"
    before = tree(common, without=["wt-sandbox"])
    repository.inside("feature-x", WORK)
    assert tree(common, without=["wt-sandbox"]) == before

    said = repository.wt("sync", "feature-x").stdout
    assert "feature-x is 2 commits further" in said
    after = tree(common, without=["wt-sandbox"])
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    allowed = ("objects/", "refs/wt/shop-feature-x/", "logs/refs/wt/shop-feature-x/")
    exact = {"refs/heads/feature-x", "logs/refs/heads/feature-x", "worktrees/shop-feature-x/index"}
    # The worktree's HEAD points at the branch: git records the branch's move in HEAD's own log too.
    exact.add("worktrees/shop-feature-x/logs/HEAD")
    assert {name for name in changed if not name.startswith(allowed)} <= exact
    assert all(name in after and after[name] == before[name] for name in before if name.startswith("objects/"))
    assert not (common / "hooks/post-commit").exists()

    refs = repository.git("for-each-ref", "--format=%(refname)", "refs/wt/").splitlines()
    assert refs == [
        "refs/wt/shop-feature-x/base/heads/feature-x",
        "refs/wt/shop-feature-x/base/heads/main",
        "refs/wt/shop-feature-x/heads/elsewhere",
        "refs/wt/shop-feature-x/heads/feature-x",
        "refs/wt/shop-feature-x/stash/0",
        "refs/wt/shop-feature-x/tags/here",
    ]
    status = repository.git("status", "--porcelain", cwd=repository.worktree("feature-x"))
    assert status == ""
    assert "nothing new" in repository.wt("sync", "feature-x").stdout


def test_commits_are_imported_while_the_sandbox_is_down(repository: Repository) -> None:
    repository.wt("new", "feature-x")
    repository.inside("feature-x", "git commit -q --allow-empty -m 'made before the stop'")
    project = repository.env(repository.worktree("feature-x"))["COMPOSE_PROJECT_NAME"]
    repository.account.run("docker", "stop", *repository.containers(project))
    assert "1 commit further" in repository.wt("sync", "feature-x").stdout
    assert repository.git("log", "-1", "--format=%s", "feature-x") == "made before the stop"


def test_a_branch_that_both_sides_moved_stays_until_its_hint_is_followed(repository: Repository) -> None:
    repository.wt("new", "feature-x")
    repository.inside("feature-x", "echo inside > inside && git add inside && git commit -qm inside")
    path = repository.worktree("feature-x")
    repository.account.run("tee", path / "outside", stdin="outside\n")
    repository.git("add", "outside", cwd=path)
    repository.git("commit", "--quiet", "--message=outside", "outside", cwd=path)
    tip = repository.git("rev-parse", "feature-x")
    said = repository.wt("sync", "feature-x").stdout
    assert "both sides moved feature-x" in said
    assert repository.git("rev-parse", "feature-x") == tip
    assert repository.git("log", "-1", "--format=%s", "refs/wt/shop-feature-x/heads/feature-x") == "inside"
    assert "  hint: wt exec shop-feature-x -- git catch-up\n" in said
    repository.wt("exec", "shop-feature-x", "--", "git", "catch-up")
    repository.wt("sync", "feature-x")
    assert repository.git("log", "-2", "--format=%s", "feature-x").split() == ["inside", "outside"]
    for status in (
        repository.git("status", "--short", cwd=path),
        repository.inside("feature-x", "git status -s").stdout,
    ):
        assert status == ""
