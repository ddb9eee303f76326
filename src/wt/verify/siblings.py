"""What belongs to the host, and to other worktrees of the repository, is not there."""

import re
from collections.abc import Iterator
from pathlib import Path

from wt import naming
from wt.model import Check, Worktree
from wt.verify.answers import FAILS, HOLDS, UNKNOWN, Answer, Heard, blocked, judged, of, quoted, unknown
from wt.verify.target import Target

# More would take long, and say no more.
_MOST = 20
_ABSENT = "no such file or directory"
_PORTS = (2375, 2376)
_HERE = "control"
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def script(target: Target) -> str:
    """Look at each path of the host's, look into what lies in the workspace, and ask for a Docker API by name."""
    lines = [f"try {quoted([f'path:{path}', 'ls', '-d', path])}" for path in (*_host(target), *_theirs(target))]
    lines.append(f"try path:{_HERE} ls -d /app")
    lines += [
        f"try {quoted([f'inner:{path}', 'find', path, '-mindepth', '1', '-print', '-quit'])}"
        for tree in target.siblings[:_MOST]
        if (path := target.inner(tree.path))
    ]
    # In turn they would take as long as a name server needs for all of them.
    # A proxy that the container is told of would answer for all of them.
    ask = "curl -sS --noproxy '*' -m 3"
    lines += [f"try api:{host}:{port} {ask} http://{host}:{port}/_ping &" for host, port in _apis(target)]
    return "\n".join([*lines, f"try api:{_HERE} getent hosts {quoted([target.worktree.name])}", "wait"])


def checks(target: Target, inside: Heard, _weak: Heard) -> Iterator[Check]:
    """Paths, volumes, and Docker APIs on the network."""
    here = of(inside, f"path:{_HERE}")
    yield _absent("host's git directory", _host(target), inside, here)
    if target.siblings:
        yield _absent("siblings: directories", _theirs(target), inside, here)
        yield from _inner(target, inside)
        yield _volumes(target)
    yield _network(target, inside)


def _host(target: Target) -> tuple[Path, ...]:
    """The host's own paths of the repository; one that is a path inside as well can't be told from it."""
    repository = target.worktree.repository
    return tuple(path for path in (repository.common_dir, naming.state_dir(repository)) if not _ambiguous(path))


def _theirs(target: Target) -> tuple[Path, ...]:
    trees = target.siblings[:_MOST]
    return tuple(path for tree in trees for path in _of(tree) if not _ambiguous(path))


def _of(tree: Worktree) -> tuple[Path, Path]:
    return tree.path, naming.private_repo(tree)


def _ambiguous(path: Path) -> bool:
    return any(path.is_relative_to(place) for place in ("/app", "/wt"))


def _apis(target: Target) -> tuple[tuple[str, int], ...]:
    names = (*(tree.name for tree in target.siblings[:5]), "docker-proxy")
    return tuple((name, port) for name in names for port in _PORTS if _HOST_NAME.fullmatch(name))


def _absent(control: str, paths: tuple[Path, ...], inside: Heard, here: Answer) -> Check:
    tried = f"look for {len(paths)} of the host's paths"
    rows = [blocked(control, f"look for {path}", of(inside, f"path:{path}"), _ABSENT, here) for path in paths]
    wrong = [row for row in rows if row.state != HOLDS]
    if wrong:
        return wrong[0]
    return Check(control, tried, "no such file or directory" if rows else "each is a path inside, too", HOLDS)


def _inner(target: Target, inside: Heard) -> Iterator[Check]:
    for tree in target.siblings[:_MOST]:
        if place := target.inner(tree.path):
            control, tried, found = f"hidden: {place}", "look into it", of(inside, f"inner:{place}")
            if found.says(_ABSENT) or (found.worked and not found.text):
                yield judged(control, tried, (), "nothing is in it")
            elif found.worked:
                yield Check(control, tried, f"there is {found.text}", FAILS, "wt init --upgrade hides it")
            else:
                yield unknown(control, tried, found.shown)


def _volumes(target: Target) -> Check:
    mounts = target.app.get("Mounts") or ()
    own = {str(each.get("Name")) for each in mounts if each.get("Type") == "volume"}
    wrong = [f"{name} is a sibling's, too" for name in sorted(own & target.volumes)]
    return judged("siblings: volumes", "docker inspect", wrong, f"none of its {len(own)} volumes is another's")


def _network(target: Target, inside: Heard) -> Check:
    """A Docker API that listens on the network that sandboxes are on."""
    control, tried = "siblings: docker api", f"http://NAME:{_PORTS[0]}/_ping for each sibling and docker-proxy"
    asked = {f"{host}:{port}": of(inside, f"api:{host}:{port}") for host, port in _apis(target)}
    if open_ := [name for name, answer in asked.items() if answer.worked]:
        return Check(control, tried, f"{open_[0]} answers: {asked[open_[0]].text}", FAILS)
    # curl(1): 6 is a name that nobody has, 7 a connection that nobody takes.
    odd = [f"{name}: {answer.shown}" for name, answer in asked.items() if answer.code not in (6, 7)]
    if odd:
        return Check(control, tried, f"could not be shown: {odd[0]}", UNKNOWN)
    if not of(inside, f"api:{_HERE}").worked:
        return unknown(control, tried, f"the network does not know {target.worktree.name} either")
    return judged(control, tried, (), "nobody has such a name, or listens there")
