"""How old other programs may be at most, and which of their versions are known to let somebody out of a sandbox."""

import re
from dataclasses import dataclass

from wt.errors import ToolError

_MINIMA = {
    "git": ((2, 34), "https://git-scm.com/downloads"),
    "Docker Engine": ((24, 0), "https://docs.docker.com/engine/install/"),
    "Docker Compose": ((2, 24), "https://docs.docker.com/compose/install/"),
}


@dataclass(frozen=True)
class Flaw:
    """A known way out of a container that needs neither a privilege nor a mount which a sandbox lacks.

    Attributes:
        program: what has it.
        names: its public identifiers.
        since: the first version that has it; empty where all have it that came before.
        mended: the first version without it, in each line of releases that got one.
        means: what it lets a sandbox do.
        source: who says so.
    """

    program: str
    names: str
    since: str
    mended: tuple[str, ...]
    means: str
    source: str


FLAWS = (
    Flaw(
        "Docker Desktop",
        "CVE-2025-9074",
        "4.25.0",
        ("4.44.3",),
        "a sandbox reaches the engine over the network, without a socket, and through it the host's files",
        "https://docs.docker.com/security/security-announcements/",
    ),
    Flaw(
        "runc",
        "CVE-2024-21626",
        "1.0.0-rc93",
        ("1.1.12",),
        "an image, or a start in a directory that a sandbox has prepared, reaches the host's files",
        "https://github.com/opencontainers/runc/security/advisories/GHSA-xr7r-f8xq-vfvv",
    ),
    Flaw(
        "runc",
        "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881",
        "",
        ("1.2.8", "1.3.3", "1.4.0-rc.3"),
        "an image, or what shares a mount while a container starts, writes to the host's /proc, which is a way out",
        "https://github.com/opencontainers/runc/security/advisories/GHSA-9493-h29p-rfm2",
    ),
)


def require(program: str, said: str) -> None:
    """Let a program pass by what it says of its version; one that can't be read passes, too.

    Raises:
        ToolError: it is older than the minimum.
    """
    minimum, source = _MINIMA[program]
    found = re.search(r"(\d+)\.(\d+)[.\d]*", said)
    if found and (int(found[1]), int(found[2])) < minimum:
        oldest = ".".join(map(str, minimum))
        raise ToolError(f"{program} {found[0]} is too old: wt needs {oldest} or newer", hint=f"get it from {source}")


def flaws(program: str, said: str) -> tuple[Flaw, ...]:
    """Those of a version that its authors released; of any other one, as a distribution's, nothing is known."""
    version = _key(said)
    return tuple(each for each in FLAWS if each.program == program and version is not None and _has(each, version))


def _has(flaw: Flaw, version: tuple[int, ...]) -> bool:
    """A line of releases that got no mended version has the flaw where it is older than one that got it."""
    mended = [key for text in flaw.mended if (key := _key(text))]
    line = next((key for key in mended if key[:2] == version[:2]), max(mended))
    return (_key(flaw.since) or ()) <= version < line


def _key(text: str) -> tuple[int, ...] | None:
    """A version in an order: a release comes after its candidates."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(?:-rc\.?(\d+))?", text.strip())
    return (*(int(found[at]) for at in (1, 2, 3)), int(found[4] or 1_000_000)) if found else None
