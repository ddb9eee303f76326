"""How old other programs may be at most."""

import re

from wt.errors import ToolError

_MINIMA = {
    "git": ((2, 34), "https://git-scm.com/downloads"),
    "Docker Engine": ((24, 0), "https://docs.docker.com/engine/install/"),
    "Docker Compose": ((2, 24), "https://docs.docker.com/compose/install/"),
}


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
