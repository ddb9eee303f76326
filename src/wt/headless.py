"""A git directory that git takes for none, since its HEAD says nothing, as after a power cut."""

import re
import shlex
from pathlib import Path

from wt import git, process
from wt.errors import Refused

# What git asks of a HEAD before it takes a directory for a repository.
HEAD = re.compile(r"ref:\s*refs/\S.*|[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_HEAD = 4_096


class Headless(Refused):
    """Git does not take a git directory for a repository."""


def refuse(directory: Path) -> None:
    """Refuse to take a directory for one outside of any repository where the git directory around it is broken.

    Raises:
        Headless: it is.
    """
    here = directory.resolve()
    for git_dir in (each for place in (here, *here.parents) for each in (place / ".git", place)):
        if git_dir.is_file():  # a submodule's, for example: it leads elsewhere
            return
        if _looks_like_one(git_dir):
            # One that is well may be out of git's reach, such as on another file system.
            if not _is_well(_head(git_dir)):
                raise _broken(git_dir)
            return


def is_bare(common_dir: Path) -> bool:
    """Whether git takes a repository for one without a main checkout.

    Raises:
        Headless: git does not take it for any.
    """
    command = [*git.SAFE, f"--git-dir={common_dir}", "rev-parse", "--is-bare-repository"]
    answer = process.run(command, check=False)
    if "not a git repository" in answer.complaint and _looks_like_one(common_dir):
        raise _broken(common_dir)
    return (answer if answer.code == 0 else process.run(command)).text.strip() != "false"


def _looks_like_one(git_dir: Path) -> bool:
    return all((git_dir / name).is_dir() for name in ("objects", "refs")) and (git_dir / "config").is_file()


def _head(git_dir: Path) -> str | None:
    return git.file_text(git_dir / "HEAD", limit=_MAX_HEAD)


def _is_well(head: str | None) -> bool:
    return head is not None and HEAD.fullmatch(head.strip()) is not None


def _broken(git_dir: Path) -> Headless:
    head = _head(git_dir)
    if _is_well(head):
        what = f"look at its HEAD, objects, refs and config: `git --git-dir={shlex.quote(str(git_dir))} status`"
        return Headless(f"{git_dir} is no repository to git", hint=f"{what} says when all is well")
    why = "it has no HEAD" if head is None else "its HEAD names neither branch nor commit"
    line = f"echo 'ref: refs/heads/BRANCH' > {shlex.quote(str(git_dir / 'HEAD'))}"
    return Headless(f"{git_dir} is no repository to git: {why}", hint=f"name the branch that was checked out: {line}")
