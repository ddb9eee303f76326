"""What a sandbox commits is looked at before the host takes it over, through the real engine."""

import json

from support import Repository, as_user


@as_user
def test_a_trap_waits_for_a_look_in_sync_and_in_down(repository: Repository) -> None:
    repository.wt("new", "feature-x")
    tree, marker = repository.worktree("feature-x"), repository.account.home / f"ran-{repository.path.name}"
    made = "git init -q sub && git -C sub -c user.name=x -c user.email=x commit -q --allow-empty -m x"
    armed = f"git -C sub config core.fsmonitor 'touch {marker}'"
    repository.inside("feature-x", f"{made} && {armed} && echo 'x:' > Makefile && git add . && git commit -q -m trap")
    before = repository.git("rev-parse", "HEAD", cwd=tree)

    shown = repository.wt("review", "feature-x", check=False)
    assert shown.returncode == 3
    lines = shown.stdout.splitlines()
    assert lines[1].startswith("  sub  a submodule") and "  Makefile  new; make runs it" in lines
    assert "repositories in its files, not imported: run no git there:" in lines

    for verb in ("sync", "down"):
        assert "feature-x is not moved to " in repository.wt(verb, "feature-x").stdout
        repository.git("status", cwd=tree)
        assert repository.git("rev-parse", "HEAD", cwd=tree) == before and not marker.exists()

    # Served by a throw-away container by now; the positive control is what the look was for.
    answer = json.loads(repository.wt("review", "feature-x", "--json", check=False).stdout)["result"]
    assert [each["path"] for each in answer["refused"]] == ["sub"]
    repository.wt("sync", "feature-x", "--accept", answer["tip"][:12])
    assert repository.git("rev-parse", "HEAD", cwd=tree) == answer["tip"]
    assert repository.wt("review", "feature-x").returncode == 0
    repository.git("status", cwd=tree)
    assert marker.exists()
    marker.unlink()
