"""A sandbox that lies to an import: it costs bounded time, memory and disk, and is one clear line."""

import subprocess
import sys
from pathlib import Path

import pytest

from unit import peer
from unit.repos import Inside, commit, linked
from wt import git as host
from wt import importer, output, private_repo, process
from wt.config import Import
from wt.errors import ToolError


@pytest.fixture
def inside(shop: Path) -> Inside:
    made = Inside(linked(shop))
    made.commit()
    return made


def told(inside: Inside, lie: str, *, pack: Path | None = None, max_size: str = "20m", seconds: int = 20) -> str:
    """What an import from a peer that lies says, which leaves the host's repository as it was."""
    refs, before = private_repo.read_refs(inside.tree), host.refs(inside.tree.repository)
    oid = refs.refs["refs/heads/feature"]
    server = [sys.executable, peer.__file__, lie, oid, str(pack)]
    objects = inside.tree.repository.common_dir / "objects"
    there = sorted(objects.rglob("*"))
    with pytest.raises(ToolError, match="feature could not be imported") as caught:
        importer.bring_in(inside.tree, refs, lambda: server, Import(max_size=max_size, seconds=seconds))
    assert host.refs(inside.tree.repository) == before and sorted(objects.rglob("*")) == there
    assert [path.name for path in inside.path.parent.iterdir() if path.name.startswith("incoming")] == []
    return output.line(caught.value.message)


def test_an_endless_pack_ends_at_the_limit(inside: Inside) -> None:
    said = told(inside, "endless")
    assert "took longer" not in said and "index-pack" in said
    # The other way round: it would go on.
    assert "took longer than 2 s" in told(inside, "endless", max_size="2g", seconds=2)


def test_a_pack_that_is_small_and_becomes_large_does_not_fill_the_memory(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_MAX_MEMORY", peer.BOMB // 2)
    assert "out of memory" in told(inside, "bomb").lower()
    # The other way round: with room for it, git reads it whole, and then refuses what is no tag.
    monkeypatch.setattr(host, "_MAX_MEMORY", peer.BOMB * 4)
    assert "invalid tag" in told(inside, "bomb")


def test_other_objects_than_were_asked_for_do_not_come_in(inside: Inside, shop: Path, tmp_path: Path) -> None:
    oid = commit(shop, text="another\n")
    made = subprocess.run(
        ["git", "pack-objects", "--stdout", "--revs"],
        cwd=shop,
        input=f"{oid}\n".encode(),
        capture_output=True,
        check=True,
    )
    (tmp_path / "pack").write_bytes(made.stdout)
    assert "did not send all necessary objects" in told(inside, "wrong", pack=tmp_path / "pack")


def test_a_peer_that_never_stops_complaining_is_ended_and_not_remembered(inside: Inside) -> None:
    said = told(inside, "talks", seconds=3)
    assert "took longer than 3 s" in said
    talks = "import sys\nfor _ in range(50): sys.stderr.write('x' * 1_000_000)\nsys.stderr.write('\\nthe end\\n')"
    heard = process.run([sys.executable, "-c", talks])
    assert len(heard.stderr) <= 64 * 1024 and heard.complaint == "the end"


def test_what_a_peer_says_is_one_short_line_without_escapes(inside: Inside) -> None:
    said = told(inside, "owns")
    assert "\x1b" not in said and "\x07" not in said and len(said) < 1_000
