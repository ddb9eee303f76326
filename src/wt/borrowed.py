"""What private repositories borrow of the host's objects, and the refs by which the host keeps it for them.

A sandbox can build on any object that the host has; which ones it built on is in objects that the host never opens.
"""

from collections.abc import Collection, Mapping

from wt import git, hostile, naming
from wt.model import Repository, Worktree

Changes = dict[str, tuple[str | None, str | None]]


def base_ref(worktree: Worktree, name: str) -> str:
    """The host's ref that keeps alive what the private repository's copy of `name` borrows."""
    return naming.ref_prefix(worktree) + "base/" + name.removeprefix("refs/")


def ids(repository: Repository) -> list[str]:
    """Ids for which wt keeps something; those that were put aside have ids of their own."""
    state = naming.state_dir(repository)
    names = [each.name for each in state.iterdir() if each.is_dir()] if state.is_dir() else []
    aside = state / naming.ASIDE
    put_aside = [f"{naming.ASIDE}/{each.name}" for each in aside.iterdir()] if aside.is_dir() else []
    return sorted({*names, *put_aside} - {naming.ASIDE, naming.TRASH, naming.TRUST})


def heirs(repository: Repository, going: Mapping[str, str], *, but: str = "") -> Changes:
    """The refs, as `git.update_refs` takes them, that keep for each private repository what nothing else will hold.

    Args:
        repository: the host's.
        going: full ref name to object name of what is to be deleted.
        but: an id that needs none of it.
    """
    lasting = git.lasting(repository, git.refs(repository))
    alone = _unreached(repository, {*going.values()}, {oid for name, oid in lasting.items() if name not in going})
    state = naming.state_dir(repository)
    found = [each for each in ids(repository) if each != but and hostile.is_directory(state, f"{each}/repo.git")]
    return {f"refs/wt/{each}/base/kept/{oid}": (oid, None) for each in found for oid in sorted(alone)}


def _unreached(repository: Repository, tips: Collection[str], others: Collection[str]) -> set[str]:
    """Those of the commits `tips` that none of `others` reaches; what is missing is left out."""
    stdin = "".join(f"{line}\n" for line in (*tips, *(f"^{oid}" for oid in others))).encode()
    answer = git.run(repository, "rev-list", "--ignore-missing", "--stdin", stdin=stdin) if tips else None
    return set(tips).intersection(answer.text.split()) if answer else set()
