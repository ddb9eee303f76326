"""pnpm and yarn, recognised by their lock files, install into the volumes of every workspace; npm is the example's."""

import shutil
import uuid
from pathlib import Path

import pytest

from support import Account, Repository, as_user

pytestmark = as_user

PROJECTS = Path(__file__).parent / "projects"


@pytest.mark.parametrize("manager", ["pnpm", "yarn"])
def test_workspaces_are_installed_into_volumes(account: Account, workshop: Path, manager: str) -> None:
    source = workshop / "projects"
    if not source.exists():
        shutil.copytree(PROJECTS, source)
    path = account.home / uuid.uuid4().hex[:6] / manager
    account.run("mkdir", "-p", path.parent)
    account.run("cp", "-r", source / manager, path)
    repository = Repository(account, path)
    repository.git("init", "--quiet")
    assert manager in repository.wt("init").stderr
    repository.account.run("rm", path / ".devcontainer/docker-compose.shared.yml")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message=first")
    try:
        repository.wt("new", "feature-x", "--wait")
        use = "(cd packages/a && node -p 'require(\"is-odd\")(3)')"
        script = f"{use} && git status --porcelain && stat -c %u node_modules/is-number/."
        assert repository.inside("feature-x", script).stdout.split() == ["true", str(account.sandbox_uid)]
        tree = repository.worktree("feature-x")
        assert list((tree / "node_modules").iterdir()) == []
        assert list((tree / "packages/a/node_modules").iterdir()) == []
    finally:
        repository.remove()
