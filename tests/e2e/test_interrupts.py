"""What is interrupted is undone whole, by Ctrl-C (the whole process group) and by SIGTERM (wt alone)."""

import os
import signal
import subprocess
import time

import pytest

from support import Repository, docker

INTERRUPTED = 130
ENDED_BEFORE_IT_BEGAN = {-signal.SIGINT, -signal.SIGTERM}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_new_is_undone_whole_at_any_moment(repository: Repository, number: signal.Signals) -> None:
    repository.wt("new", "warm")  # image, network and shared services are there: the moments fall into all steps
    before = repository.git("for-each-ref")
    codes = [interrupted(repository, number, after=seconds) for seconds in (0.1, 0.4, 0.7, 1.0, 1.3)]
    assert set(codes) <= {0, INTERRUPTED} | ENDED_BEFORE_IT_BEGAN
    assert INTERRUPTED in codes
    assert repository.git("for-each-ref") == before
    assert repository.git("worktree", "list").count("\n") == 1
    assert sorted(path.name for path in repository.path.parent.iterdir()) == ["shop", "shop-warm"]
    state = repository.path / ".git/wt-sandbox"
    assert [path.name for path in state.iterdir() if path.is_dir()] == ["shop-warm"]
    mine = f"label=wt.repo={repository.env(repository.worktree('warm'))['WT_REPO_ID']}"
    for kind, name in (("ps", "{{.Names}}"), ("volume", "{{.Name}}")):
        listing = ("ps", "--all") if kind == "ps" else ("volume", "ls")
        assert "feature-x" not in docker(*listing, "--filter", mine, "--format", name), kind
    assert "feature-x" not in docker("image", "ls", "--filter", mine, "--format", "{{.Repository}}")


def interrupted(repository: Repository, number: signal.Signals, *, after: float) -> int:
    """Exit code of a `wt new` that gets a signal; one that was quicker is removed again."""
    account = repository.account
    with subprocess.Popen(
        [str(account.tools / "wt"), "new", "feature-x"],
        cwd=repository.path,
        env=account.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **account.identity,  # type: ignore[call-overload]
    ) as child:
        time.sleep(after)
        if number == signal.SIGINT:
            os.killpg(child.pid, number)
        else:
            child.send_signal(number)
        said = child.communicate(timeout=60)[1]
    assert "Traceback" not in said and "bug" not in said, said
    if child.returncode == 0:
        repository.wt("rm", "feature-x", "--delete-branch")
    return int(child.returncode)
