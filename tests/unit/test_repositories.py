"""Every kind of repository works, or is refused with the reason and left as it was; the reference shows this table."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from unit.repos import Inside, commit, git, linked, repository, wt

REFERENCE = Path(__file__).parents[2] / "docs/reference/git.md"


@dataclass(frozen=True)
class Kind:
    """A kind of repository.

    Attributes:
        name: as the reference has it.
        make: of a main checkout, and returns the checkout that is used.
        refused: what is said where it does not work.
        opens: whether `wt init` works all the same.
        grows: whether `wt new` does, as far as it gets without an engine.
    """

    name: str
    make: Callable[[Path], Path]
    refused: str = ""
    opens: bool = True
    grows: bool = False


def clone(shop: Path, *options: str) -> Path:
    git(shop, "config", "uploadpack.allowFilter", "true")
    git(shop, "clone", "--quiet", *options, shop.as_uri(), "../clone")
    return shop.parent / "clone"


def far(shop: Path) -> Path:
    place = shop.parent / "another disk/deep/down"
    git(shop, "worktree", "add", "--quiet", "-b", "far", str(place))
    return place


def bare(shop: Path, name: str = "store.git") -> Path:
    git(shop, "clone", "--quiet", "--bare", ".", f"../{name}")
    return shop.parent / name


def bare_beside(shop: Path) -> Path:
    """The layout in which `.git` is a file that points at a bare repository beside it."""
    top = shop.parent / "project"
    top.mkdir()
    git(shop, "clone", "--quiet", "--bare", ".", f"{top}/.bare")
    (top / ".git").write_text("gitdir: ./.bare\n")
    git(top, "worktree", "add", "--quiet", "-b", "topic", "topic")
    return top / "topic"


def moved_worktree(shop: Path) -> Path:
    git(shop, "worktree", "move", str(linked(shop)), "../moved")
    return shop.parent / "moved"


def moved_repository(shop: Path) -> Path:
    tree = linked(shop)
    shop.rename(shop.parent / "elsewhere")
    git(shop.parent / "elsewhere", "worktree", "repair")
    return tree


def with_submodule(shop: Path) -> Path:
    part = repository(shop.parent / "part")
    git(shop, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(part), "part")
    commit(shop)
    return shop


def inner(shop: Path) -> Path:
    git(shop, "worktree", "add", "--quiet", "-b", "inner", "trees/inner")
    return shop / "trees/inner"


def inner_made_later(shop: Path) -> Path:
    wt(shop, "init")
    inner(shop)
    return shop


def in_a_submodule(shop: Path) -> Path:
    return with_submodule(shop) / "part"


def sha256(shop: Path) -> Path:
    return repository(shop.parent / "long", "--object-format=sha256")


def reftable(shop: Path, version: str = "1") -> Path:
    """As far as a git that does not know it can tell; one that does refuses version 0, and any other opens that."""
    git(shop, "config", "core.repositoryFormatVersion", version)
    git(shop, "config", "extensions.refStorage", "reftable")
    return shop


def with_lfs(shop: Path) -> Path:
    """A pointer in a commit and its object in the store; what git-lfs does with them, tests/e2e/test_lfs.py shows."""
    oid = hashlib.sha256(b"large").hexdigest()
    (shop / ".git/lfs/objects" / oid[:2] / oid[2:4]).mkdir(parents=True)
    (shop / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid).write_bytes(b"large")
    (shop / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    commit(shop, "a.bin", f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 5\n")
    return linked(shop)


def many_branches(shop: Path) -> Path:
    tip = git(shop, "rev-parse", "HEAD")
    packed = "".join(f"{tip} refs/heads/team/branch-{number:04}\n" for number in range(1500))
    (shop / ".git/packed-refs").write_text(f"# pack-refs with: peeled fully-peeled sorted \n{packed}")
    assert len(git(shop, "branch", "--list").split("\n")) == 1501
    return linked(shop)


def symlinked(shop: Path) -> Path:
    (shop / ".git").rename(shop.parent / "store")
    (shop / ".git").symlink_to(shop.parent / "store")
    return shop


def through_a_link(shop: Path) -> Path:
    (shop.parent / "link").symlink_to(shop)
    return shop.parent / "link"


def detached(shop: Path) -> Path:
    git(shop, "checkout", "--quiet", "--detach")
    return shop


def unborn(shop: Path) -> Path:
    empty = shop.parent / "empty"
    git(shop.parent, "init", "--quiet", str(empty))
    return empty


def many_files(shop: Path) -> Path:
    for number in range(50_000):
        if number % 500 == 0:
            (shop / f"d{number // 500}").mkdir()
        (shop / f"d{number // 500}/f{number}").write_text(str(number))
    commit(shop)
    return linked(shop)


def large_blob(shop: Path) -> Path:
    (shop / "blob").write_bytes(os.urandom(200_000_000))
    git(shop, "-c", "core.compression=0", "add", "blob")
    commit(shop)
    (shop / "blob").unlink()
    commit(shop)
    return linked(shop)


def sparse(shop: Path) -> Path:
    (shop / "left-out").mkdir()
    commit(shop, "left-out/file")
    git(shop, "sparse-checkout", "set", "kept", ".devcontainer")
    assert not (shop / "left-out").exists()
    return shop


def crlf(shop: Path) -> Path:
    git(shop, "config", "core.autocrlf", "true")
    (shop / "file").unlink()
    git(shop, "checkout", "--", "file")
    assert (shop / "file").read_bytes() == b"text\r\n"
    return shop


KINDS = [
    Kind("a clone", lambda shop: clone(shop)),
    Kind("a linked worktree beside the main checkout", linked),
    Kind("a linked worktree far from it", far),
    Kind("a linked worktree inside the main checkout", inner),
    Kind(
        "a main checkout with a worktree inside, made before `wt init` or in `worktree_dir`",
        lambda shop: inner(shop).parents[1],
    ),
    Kind(
        "a main checkout with another worktree inside, until `wt init --upgrade` hides it",
        inner_made_later,
        "lies inside it",
        grows=True,
    ),
    Kind("a bare repository with worktrees", lambda shop: linked(bare(shop))),
    Kind("a bare repository in `.bare`, with a `.git` file beside it", bare_beside),
    Kind("a worktree moved by `git worktree move`", moved_worktree),
    Kind("a repository that was moved, after `git worktree repair`", moved_repository),
    Kind("a checkout that is reached through a symlink", through_a_link),
    Kind("Git LFS", with_lfs),
    Kind("a shallow clone", lambda shop: clone(shop, "--depth=1")),
    Kind("SHA-256", sha256),
    Kind("1,500 packed branches", many_branches),
    Kind("a detached HEAD", detached),
    Kind("no commit yet", unborn),
    Kind("a sparse checkout", sparse),
    Kind("`core.autocrlf`", crlf),
    Kind("50,000 files", many_files),
    Kind("a blob of 200 MB in the history", large_blob),
    Kind("submodules", with_submodule, "it has submodules"),
    Kind("submodules that are not initialised", lambda shop: linked(with_submodule(shop)), "it has submodules"),
    Kind("inside a submodule", in_a_submodule, "lies apart from it", opens=False),
    Kind("a partial clone", lambda shop: clone(shop, "--filter=blob:none"), "it is a partial clone"),
    Kind(
        "borrowed objects (`clone --reference`)", lambda shop: clone(shop, f"--reference={shop}"), "it borrows objects"
    ),
    Kind("reftable", reftable, "its refs are not stored as files", opens=False),
    Kind(
        "reftable, with a git that takes it for files",
        lambda shop: reftable(shop, "0"),
        "its refs are not stored as files",
    ),
    Kind("`.git` is a symlink", symlinked, "lies apart from it", opens=False),
    Kind(
        "a git directory elsewhere (`--separate-git-dir`)",
        lambda shop: repository(shop.parent / "apart", f"--separate-git-dir={shop.parent}/store"),
        "lies apart from it",
        opens=False,
    ),
]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.refused], ids=lambda kind: kind.name)
def test_it_works(shop: Path, kind: Kind) -> None:
    checkout = kind.make(shop)
    unborn = not git(checkout, "rev-list", "--all", "--max-count=1")
    wt(checkout, "init")
    if not unborn:
        commit(checkout, "started")
    before = git(checkout, "status", "--porcelain")
    assert "Docker is not running" in wt(checkout, "prepare", code=4).stderr
    assert wt(checkout, "prepare", code=4).stderr.count("\n") == 2, "nothing was left to do"
    assert git(checkout, "status", "--porcelain") == before
    inside = Inside.prepared(checkout)
    for path in git(checkout, "ls-files").split("\n"):
        if (checkout / path).is_file():
            os.utime(checkout / path)  # so that git looks into it
    assert inside.git("status", "--porcelain") == before
    tip = inside.commit()
    rows = json.loads(wt(checkout, "ls", "--json").stdout)["result"]
    assert [row["unsynced"] for row in rows if row["worktree"]["id"] == inside.tree.id] == [1]
    report = inside.bring_in()
    if inside.tree.branch is not None:
        assert report.moved and git(checkout, "rev-parse", "HEAD") == tip
        assert git(checkout, "status", "--porcelain") == before
    assert tip in git(checkout, "rev-list", "--all").split()
    git(checkout, "fsck", "--strict", "--no-dangling")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.refused], ids=lambda kind: kind.name)
def test_it_is_refused_and_left_as_it_was(shop: Path, kind: Kind) -> None:
    checkout = kind.make(shop)
    wt(checkout, "init", code=0 if kind.opens else 3)
    if kind.opens and not kind.grows:
        commit(checkout, "started")
    before = snapshot(shop.parent)
    for verb in ("prepare", "up", *(() if kind.grows else ("new x", "new y --no-up"))):
        done = wt(checkout, *verb.split(), code=3)
        assert kind.refused in done.stderr and "hint: " in done.stderr and "repair" not in done.stderr, verb
        assert snapshot(shop.parent) == before, verb


def snapshot(root: Path) -> dict[str, bytes]:
    found = {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file() and not path.is_symlink()}
    return {path: content for path, content in found.items() if not path.endswith("wt-sandbox/.lock")}


def test_the_reference_shows_this_table() -> None:
    rows = [f"| {kind.name} | {'refused: ' + kind.refused if kind.refused else 'works'} |\n" for kind in KINDS]
    assert "| repository | |\n|---|---|\n" + "".join(rows) in REFERENCE.read_text(), "".join(rows)
