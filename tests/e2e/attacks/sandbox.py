"""wt's side: a sandbox as `wt new` makes it."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attacks.attack import Side
from support import Repository, docker

# Done, failed, refused, or a tool could not do its part; neither a usage error nor a bug.
CODES = (0, 1, 3, 4)
PRECIOUS = """
set -e; cd /app
echo precious >precious && git add precious && git commit --quiet --message precious
git switch --quiet --create precious-too && git commit --quiet --allow-empty --message 'precious too'
git switch --quiet -
git rev-parse HEAD precious-too
"""


@dataclass
class Sandbox(Side):
    """A sandbox of wt, a new one for each round."""

    count: int = 0
    commits: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"x{self.count}"

    @property
    def worktree(self) -> Path:
        return self.place / f"shop-{self.name}"

    @property
    def repository(self) -> Repository:
        return Repository(self.account, self.main)

    @property
    def shown(self) -> str:
        return self.said

    def begin(self) -> None:
        self.count += 1
        self.account.run("wt", "new", self.name, cwd=self.main)
        self.commits = tuple(self.inside(PRECIOUS, check=True).stdout.split())

    def act(self, extra: Sequence[str]) -> None:
        for command in (
            ("ls",),
            ("ls", "--json"),
            ("review", self.name),
            ("review", "--json", self.name),
            ("sync", self.name),
            ("sync", "--json", self.name),
            ("logs", self.name),
        ):
            self.tool("wt", *command, codes=CODES)
        self.use_git(extra)
        self.tool("wt", "down", self.name, codes=CODES)
        self.tool("wt", "prepare", cwd=self.worktree, codes=CODES)
        self.tool("wt", "up", self.name, codes=CODES)
        self.tool("wt", "exec", self.name, "--", "true", codes=(*CODES, 125, 126, 127))
        self.tool("wt", "doctor", codes=CODES)

    def end(self) -> None:
        self.tool("wt", "rm", self.name, codes=CODES)
        self.tool("wt", "rm", "--force", self.name, codes=CODES)
        lost = [oid for oid in self.commits if not self._is_reachable(oid) and not self._is_kept(oid)]
        if lost:
            self.problems.append(f"lost: {' '.join(lost)}")
        for command in ("git status", "git log --all", "git fsck", "git commit", "git switch", "git pull"):
            if self.has_failed(command):
                self.problems.append(f"{command} failed: {self.git_said}")
        self._clear()

    def _is_reachable(self, oid: str) -> bool:
        return bool(self.git("for-each-ref", f"--contains={oid}"))

    def _is_kept(self, oid: str) -> bool:
        """Whether a private repository has it, as the loose object that it was made as."""
        return any((self.main / ".git/wt-sandbox").rglob(f"{oid[:2]}/{oid[2:]}"))

    def _clear(self) -> None:
        """What wt refused to remove."""
        found = docker("ps", "-aq", "--filter", f"label=wt.path={self.worktree}").split()
        if found:
            docker("rm", "--force", "--volumes", *found)
        self.account.run("rm", "-rf", self.worktree, self.main / f".git/wt-sandbox/shop-{self.name}", check=False)
        self.git("worktree", "prune")

    def inside(self, script: str, *, check: bool = False) -> "subprocess.CompletedProcess[str]":
        return self.account.run("wt", "exec", self.name, "--", "bash", "-c", script, cwd=self.main, check=check)

    def in_sibling(self, script: str) -> str:
        return self.account.run("wt", "exec", "sibling", "--", "bash", "-c", script, cwd=self.main).stdout
