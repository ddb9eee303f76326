"""Completion: what may stand in a place of a command line, and what makes a shell ask. Quick: git alone, no engine."""

import shlex
from importlib import resources

from wt import checkouts, config, git, naming, observe, scaffold, selection
from wt.errors import UsageError
from wt.model import Context

SHELLS = ("bash", "zsh", "fish")


def script(shell: str, program: str) -> str:
    """What a shell has to run once; called as `wt-sandbox`, it leaves the name `wt` to another program.

    Raises:
        UsageError: there is none for that shell.
    """
    if shell not in SHELLS:
        raise UsageError(f"there is no completion for {shell}", hint=f"there is one for: {', '.join(SHELLS)}")
    names = "wt-sandbox" if program == "wt-sandbox" else "wt wt-sandbox"
    text = resources.files("wt").joinpath("templates", "completion", f"wt.{shell}").read_text(encoding="utf-8")
    return text.replace("@@{names}", names)


def split(line: str) -> tuple[list[str], str]:
    """The words of a line before the cursor, and the one that is being typed; a quote may still be open."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        words.extend(lexer)
        complete = line[-1:].isspace() and not line[:-1].endswith("\\")
    except ValueError:
        words.append(lexer.token)
        complete = False
    return (words, "") if complete or not words else (words[:-1], words[-1])


def shells(_context: Context) -> dict[str, str]:
    """Shells that there is a completion for."""
    return dict.fromkeys(SHELLS, "")


def templates(_context: Context) -> dict[str, str]:
    """Kinds of projects."""
    return dict.fromkeys(scaffold.TEMPLATES, "")


def worktrees(context: Context) -> dict[str, str]:
    """Names of worktrees, and their branches, each with the other."""
    trees = checkouts.worktrees(checkouts.locate(context.directory)[0])
    pairs = [(tree.name, naming.short_branch(tree.branch or "")) for tree in trees]
    return dict(pairs) | {branch: name for name, branch in pairs if branch and branch not in dict(pairs)}


def free_branches(context: Context) -> dict[str, str]:
    """Branches that no worktree is on."""
    repository, _ = checkouts.locate(context.directory)
    taken = {tree.branch for tree in checkouts.worktrees(repository)}
    return {naming.short_branch(ref): "" for ref in git.refs(repository, "refs/heads/") if ref not in taken}


def revisions(context: Context) -> dict[str, str]:
    """What a new branch can start from."""
    found = git.refs(checkouts.locate(context.directory)[0], "refs/heads/", "refs/tags/", "refs/remotes/")
    return {ref.split("/", 2)[2]: "" for ref in found}


def tips(context: Context) -> dict[str, str]:
    """Commits that came in from a sandbox and are on none of the host's branches, each with its worktree."""
    repository, _ = checkouts.locate(context.directory)
    found = git.refs(repository, "refs/heads/", "refs/wt/")
    there = {oid for name, oid in found.items() if name.startswith("refs/heads/")}
    trees = checkouts.worktrees(repository)
    kept = {naming.ref_prefix(tree) + (tree.branch or "refs/HEAD").removeprefix("refs/"): tree.name for tree in trees}
    return {found[ref][:12]: name for ref, name in kept.items() if ref in found and found[ref] not in there}


def shared_services(context: Context) -> dict[str, str]:
    """Names of the shared services."""
    tree = selection.worktree(context, None)
    return dict.fromkeys(observe.shared_services(tree, config.load(tree.path)), "")
