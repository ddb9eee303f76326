"""What docker, git and other programs complain of, in the user's words."""

import os
import re
import shlex
from pathlib import Path

from wt.errors import EngineError, ToolError, WtError, of_machine, of_machine_in

_INSTALL = {
    "git": "install git 2.34 or newer",
    "docker": "install Docker Engine 24 or newer with the compose plug-in: https://docs.docker.com/get-docker/",
}
# Characters of a complaint that are shown.
_MAX_COMPLAINT = 500
# Bytes without which git can't write even its smallest files.
_ALMOST_NOTHING = 64 * 1024
_UNREACHABLE = (
    "cannot connect to the docker daemon",
    "permission denied while trying to connect",
    "error during connect",
    "failed to connect to the docker api",
)
# Engine 26, and what it said before.
_NO_ADDRESSES = ("non-overlapping ipv4 address pool", "address pools have been fully subnetted")
# What git says of a lock (git: lockfile.c, config.c).
_LOCKED = re.compile(r"Unable to create '(?P<lock>.+)': File exists|could not lock config file (?P<config>.+): File ex")
# What git says of a branch whose commit is not there, and of one whose file names none.
_NOWHERE = re.compile(r"missing object \w+ for refs/heads/(\S+)|invalid reference: (\S+)$")
_NO_NAME = re.compile(r"unable to resolve reference '(refs/\S+)': reference broken")
# What says nothing of the matter: quoted names, and paths.
_NAMES = re.compile(r"'.*'|\S*/\S*")
# What git says of a branch that a worktree is not on, but that it rebases or bisects (2.40 has other words for it).
_IN_USE = re.compile(r"is already (?:checked out|used by worktree) at '(.+)'$")


def last(said: str) -> str:
    """The last line of what a program said on standard error that says something, and the next where it ends in `:`."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    after = [*lines[1:], ""]
    told = [f"{line} {after[at]}" if line.endswith(":") else line for at, line in enumerate(lines)]
    told = [line for line in told if line != "fatal: index-pack failed"] or told  # which has said why
    fatal = [line for line in told if line.startswith(("fatal:", "error:", "Error"))]
    chosen = (fatal or told or ["no message"])[-1].strip()[:_MAX_COMPLAINT]
    return chosen.removeprefix("fatal: ").removeprefix("error: ")


def failure(complaint: str, cwd: Path | None) -> WtError:
    """The error for a program that failed in a directory: the machine's, where that is the reason."""
    machine = of_machine_in(complaint, full=cwd is not None and _is_full(cwd))
    return machine or ToolError(complaint, hint=of_configuration(complaint))


def _is_full(directory: Path) -> bool:
    try:
        found = os.statvfs(directory)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < _ALMOST_NOTHING or (found.f_files > 0 and found.f_favail == 0)


def unusable(program: str, error: OSError) -> WtError:
    """The error for a program that can't be started."""
    hint = f"look at what the directories of PATH have by the name {program}, and at its mode"
    if isinstance(error, PermissionError):
        return ToolError(f"{program} may not be started by this user", hint=hint)
    return of_machine(error, program) or ToolError(f"{program} can't be started: {error.strerror}", hint=hint)


def missing(program: str) -> ToolError:
    """The error for a program that is not there."""
    return ToolError(f"{program} is not installed, or not on PATH", hint=_INSTALL.get(program))


def of_configuration(complaint: str) -> str | None:
    """A hint for a configuration that git can't read (git: config.c); None where it complains of something else."""
    if broken := re.search(r"bad config line (\d+) in file (.+)$", complaint):
        check = shlex.join(["git", "config", "--file", broken[2], "--list"])
        return f"mend line {broken[1]} of {broken[2]}: `{check}` reads it then"
    if value := re.search(r"bad \w+ config value '.*' for '([^']+)'", complaint):
        return f"mend {value[1]} in the repository's .git/config, or in ~/.gitconfig"
    return None


def of_git(complaint: str) -> str:
    """What to do about what git complains of."""
    if configuration := of_configuration(complaint):
        return configuration
    if locked := _LOCKED.search(complaint):
        remove = shlex.join(["rm", locked["lock"] or f"{locked['config']}.lock"])
        return f"wait for the git that is at work there; if there is none, one was killed: {remove}"
    if nowhere := _NOWHERE.search(complaint):
        remove = shlex.join(["git", "update-ref", "-d", f"refs/heads/{nowhere[1] or nowhere[2]}"])
        return f"fetch its commit from a clone that has it, or let the branch go: {remove}"
    if used := _IN_USE.search(complaint):
        told = shlex.join(["git", "-C", used[1], "status"])
        return f"a rebase or bisection of it is under way there: finish or abort it; `{told}` names what is"
    if nameless := _NO_NAME.search(complaint):
        return f"the file of {nameless[1]} in the git directory names no commit: put one in, or remove the file"
    if re.search(r"\bindex\b(?!-)", _NAMES.sub("", complaint)):
        return "`wt doctor` names the command that mends it"
    return "`git fsck` says what is damaged"


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
