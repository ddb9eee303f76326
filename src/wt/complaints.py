"""What docker and git complain of, in the user's words."""

import os
import re
import shlex

from wt.errors import EngineError, ToolError

_UNREACHABLE = (
    "cannot connect to the docker daemon",
    "permission denied while trying to connect",
    "error during connect",
    "failed to connect to the docker api",
)
# Engine 26, and what it said before.
_NO_ADDRESSES = ("non-overlapping ipv4 address pool", "address pools have been fully subnetted")


def of_configuration(complaint: str) -> str | None:
    """A hint for a configuration that git can't read (git: config.c); None where it complains of something else."""
    if broken := re.search(r"bad config line (\d+) in file (.+)$", complaint):
        check = shlex.join(["git", "config", "--file", broken[2], "--list"])
        return f"mend line {broken[1]} of {broken[2]}: `{check}` reads it then"
    if value := re.search(r"bad \w+ config value '.*' for '([^']+)'", complaint):
        return f"mend {value[1]} in the repository's .git/config, or in ~/.gitconfig"
    return None


def known(complaint: str) -> ToolError | None:
    """The error that a complaint stands for, where it is one of the host's state and not of what was asked."""
    text = complaint.lower()
    chosen = next((name for name in ("DOCKER_HOST", "DOCKER_CONTEXT") if os.environ.get(name)), None)
    if match := re.search(r'context "(.+?)": context not found', complaint):
        source = chosen or "`docker context use`"
        return EngineError(
            f"there is no docker context {match[1]}, which {source} names",
            hint="`docker context ls` shows what there is",
        )
    if any(sign in text for sign in _UNREACHABLE):
        if "permission denied" in text:
            return EngineError("Docker refuses this user", hint="add the user to the group `docker` and log in again")
        other = (
            f"change {chosen}, which says where it is" if chosen else "choose another engine with `docker context use`"
        )
        return EngineError("Docker is not running", hint=f"start it, or {other}")
    if "'compose' is not a docker command" in text or 'unknown docker command: "compose' in text:
        return no_compose()
    if any(sign in text for sign in _NO_ADDRESSES):
        return ToolError(
            "Docker has no addresses left for another network",
            hint="`docker network prune` removes the networks that nothing uses",
        )
    return None


def no_compose() -> ToolError:
    """The compose plug-in is missing."""
    return ToolError("docker has no compose plug-in", hint="install it: https://docs.docker.com/compose/install/")


def unseen(complaint: str) -> str | None:
    """A hint for an engine that does not see the files of this machine."""
    if "bind source path does not exist" not in complaint:
        return None
    return "the engine does not see this machine's files: `docker context ls` shows where it is"
