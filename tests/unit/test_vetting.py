"""What `[allow]` names is looked at before each start: it must still be the thing that was meant."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unit.nouns import SEEN
from wt import compose, observe, plan, vetting
from wt.config import Allow, Config
from wt.errors import Refused

ALLOWED = Config(allow=Allow(binds=("app:data/x", "app:/etc")))


@pytest.mark.parametrize("source", ["{tree}/data/x", "{tree}/.devcontainer/../data/x", "/usr/..{tree}/data/x"])
def test_an_allowed_path_of_the_worktree_is_no_symlink_however_it_is_written(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = replace(SEEN.worktree, path=tmp_path.resolve() / "tree")
    mount = {"type": "bind", "source": source.format(tree=tree.path), "target": "/x"}
    service = {"cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "user": "501:20", "volumes": [mount]}
    data: dict[str, Any] = {"services": {"app": service}}
    monkeypatch.setattr(compose, "resolved", lambda _project: data)
    monkeypatch.setattr(observe, "env_values", lambda _tree: plan.environment(replace(SEEN, worktree=tree), "dev"))
    (tree.path / ".devcontainer").mkdir(parents=True)
    for path in ("data/x", "sub/sub/sub"):
        (tree.path / path).mkdir(parents=True)
    assert vetting.refuse_weak(tree, ALLOWED) is False
    (tree.path / "data/x").rmdir()
    (tree.path / "data").rmdir()
    (tree.path / "data").symlink_to("sub/sub/sub")
    with pytest.raises(Refused, match="is, or lies behind, a symlink"):
        vetting.refuse_weak(tree, ALLOWED)
    # What lies behind a directory that the sandbox writes is not where it seems to be.
    mount["source"] = f"{tree.path}/data/{'../' * len(tree.path.parts)}etc"
    with pytest.raises(Refused, match="is, or lies behind, a symlink"):
        vetting.refuse_weak(tree, ALLOWED)
