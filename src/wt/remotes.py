"""Where a remote's address leads to, as git and ssh of the host take it: what is configured there is not inside."""

import re

from wt import git, process
from wt.errors import ToolError
from wt.model import Repository

_SSH = re.compile(r"(?:ssh|git\+ssh|ssh\+git)://(?P<to>[^/:]+)(?::(?P<port>[0-9]+))?(?:/|$)")
# As git has it: without a scheme, and no slash before the first colon.
_SHORT = re.compile(r"(?P<to>[^/:]+):(?!//)")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:%@+-]*")
# Without `ProxyCommand` and keys: what is of the host alone stays there.
_KEYS = {"hostname": "HostName", "user": "User", "port": "Port"}
_PATIENCE = 5


def address(repository: Repository, url: str) -> str:
    """A remote's address after `url.*.insteadOf`, without credentials."""
    answer = git.run(repository, "ls-remote", "--get-url", "--", url, check=False)
    return git.without_credentials(answer.text.strip()) or url


def ssh_options(url: str) -> tuple[str, ...]:
    """What ssh has to be told to go where the user's own configuration leads to; nothing for other addresses."""
    found = _SSH.match(url) or _SHORT.match(url)
    if found is None or not _WORD.fullmatch(found["to"]):
        return ()
    port = ("-p", found["port"]) if found.groupdict().get("port") else ()
    try:
        answer = process.run(["ssh", "-G", *port, found["to"]], check=False, seconds=_PATIENCE)
    except ToolError:
        return ()
    said = dict(line.partition(" ")[::2] for line in answer.text.splitlines()) if answer.code == 0 else {}
    return tuple(f"-o{name}={said[key]}" for key, name in _KEYS.items() if _WORD.fullmatch(said.get(key, "")))
