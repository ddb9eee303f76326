"""A repository with sandboxes on an engine, what is done to it, and what must hold whatever that was."""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from unit.repos import commit, repository

from state import crash
from state.real import Engine
from wt import checkouts, config, docker, inventory, naming, observe
from wt.commands import init
from wt.errors import WtError
from wt.model import Container, Context, HostUser, Worktree

DOCKERFILE = """\
FROM {image}
ARG WT_UID=1000
ARG WT_GID=1000
ARG WT_MOUNT_POINTS=
WORKDIR /
RUN echo "$WT_MOUNT_POINTS" | while read -r place; do mkdir -p ".$place"; done \\
    && chown -R "$WT_UID:$WT_GID" /home/vscode && mkdir -p /app && chown -R "$WT_UID:$WT_GID" /app
"""
COMPOSE = "services:\n  app:\n    build: {context: .}\n    command: [sleep, infinity]\n"
SHARED = """\
name: ${{WT_SHARED_PROJECT:-shared}}
x-labels: &labels
  wt.repo: ${{WT_REPO_ID:-unprepared}}
  wt.common-dir: ${{GIT_COMMON_DIR:-unprepared}}
  wt.role: shared
services:
  db:
    image: {image}
    command: [sleep, infinity]
    init: true
    volumes: ["data:/data"]
    networks: [dev]
    labels: *labels
networks:
  dev: {{external: true, name: "${{WT_NETWORK:-dev}}"}}
volumes:
  data: {{labels: *labels}}
"""


class Told:
    """A progress that remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        self.lines.append(text)
        yield

    def detail(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        self.lines.append(text)


def template(path: Path, image: str) -> Path:
    """A repository in which `wt init` has run, for sandboxes that start quickly."""
    repository(path, "--template=")
    init.run(Context(path, _user(), Told()), template="node", dry_run=False, upgrade=False)
    files = {
        "Dockerfile": DOCKERFILE.format(image=image),
        "docker-compose.yml": COMPOSE,
        "docker-compose.shared.yml": SHARED.format(image=image),
        "wt.toml": f'network = "{image}"\n',
    }
    for name, text in files.items():
        (path / ".devcontainer" / name).write_text(text)
    commit(path, message="a sandbox")
    return path


def _user() -> HostUser:
    return HostUser(os.getuid(), os.getgid(), Path.home())


# A worktree: its id, and when git made it.
Key = tuple[str, int]


@dataclass
class World:
    """The repository, and what was in it after the last step.

    Attributes:
        engine: where its sandboxes run.
        path: its main checkout.
        told: what wt said.
        made: every commit that there ever was.
        thrown: those of them that a user, or an agent, threw away on purpose.
        before: what each worktree had that was there after the last step.
        ended: the worktrees that this step may take something from.
        counts: how often what happened.
    """

    engine: Engine
    path: Path
    counts: Counter[str]
    told: Told = field(default_factory=Told)
    made: set[str] = field(default_factory=set)
    thrown: set[str] = field(default_factory=set)
    before: dict[Key, set[str]] = field(default_factory=dict)
    ended: set[Key] = field(default_factory=set)

    @classmethod
    def copied(cls, original: Path, home: Path, engine: Engine, counts: Counter[str]) -> "World":
        """A world of its own, made of a template."""
        path = home / "shop"
        shutil.copytree(original, path, symlinks=True)
        world = cls(engine, path.resolve(), counts)
        world.check()
        return world

    def __post_init__(self) -> None:
        self.repository = checkouts.repository_at(self.path / ".git")
        self.context = Context(self.path, _user(), self.told)
        self.network = config.load(self.path).network

    def close(self) -> None:
        self.engine.forget(naming.repository_id(self.repository))
        shutil.rmtree(self.path.parent, ignore_errors=True)

    # what is there

    def trees(self) -> list[Worktree]:
        """Every linked worktree that git knows."""
        return [each for each in checkouts.worktrees(self.repository) if not each.is_main]

    def main(self) -> Worktree:
        return checkouts.worktrees(self.repository)[0]

    def app(self, tree: Worktree) -> Container | None:
        project = naming.project_name(tree)
        return observe.app(docker.containers(project=project), project)

    def at(self, tree: Worktree) -> Context:
        """The context of a command that is called in a worktree."""
        return Context(tree.path, self.context.user, self.told)

    # what is done

    def git(self, *words: str | Path, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """git, as a user calls it on the host; that it may fail is part of the test."""
        return subprocess.run(
            ["git", *map(str, words)],
            cwd=cwd or self.path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def inside(self, tree: Worktree, script: str) -> str | None:
        """What a script prints in a sandbox that runs; None where it fails, or nothing runs."""
        container = self.app(tree)
        if container is None or not container.running:
            return None
        done = self.engine.inside(container.id, script)
        return done.stdout.strip() if done.returncode == 0 else None

    def attempt(self, verb: str, call: Callable[[], object]) -> WtError | None:
        """Run a command; a refusal is an answer, anything else that goes wrong is a bug."""
        self.counts[f"wt {verb}"] += 1
        try:
            call()
        except WtError as error:
            self.counts[f"wt {verb}: refused"] += 1
            return error
        return None

    def crash(self, verb: str, call: Callable[[], object], boundary: int) -> bool:
        """Run a command that dies at a boundary between two steps; False where it has fewer."""
        self.counts[f"wt {verb}"] += 1
        with suppress(WtError), crash.at(boundary) as death:
            call()
        self.counts[f"crash of {verb}"] += death.died
        return death.died

    def may_end(self, tree: Worktree) -> None:
        """This step may take something from a worktree."""
        self.ended.add(key(tree))

    def must_stay(self, tree: Worktree) -> None:
        """It may not, after all."""
        self.ended.discard(key(tree))

    def throw_away(self, *revisions: str, cwd: Path | None = None) -> None:
        """What these reach, and nothing else does afterwards, need not be kept."""
        found = self.git("rev-list", *revisions, cwd=cwd)
        self.thrown.update(found.stdout.split())

    # what must hold

    def check(self, *, whole: bool = True) -> None:
        """Nothing is lost; what is there now is what the next step is compared with.

        Args:
            whole: the step is over.
        """
        self._check_commits()
        self._check_living(whole=whole)

    def _check_commits(self) -> None:
        common_dir = self.repository.common_dir
        there = reachable(common_dir, private_repositories(common_dir))
        lost = self.made - there - self.thrown
        subjects = [self.git("log", "-1", "--format=%h %s", each).stdout or each for each in sorted(lost)]
        assert not lost, f"commits that nothing holds any more: {subjects}"
        self.made |= there

    def _check_living(self, *, whole: bool) -> None:
        holdings = [each for each in inventory.holdings() if each.role not in naming.PASSING]
        now: dict[Key, set[str]] = {}
        for tree in (self.main(), *self.trees()):
            if tree.path.is_dir():
                project = naming.project_name(tree)
                held = {
                    f"{each.kind} {each.name}" for each in holdings if each.project == project and not each.outdated
                }
                state = naming.private_repo(tree)
                now[key(tree)] = held | _files(tree.path) | ({"private repository"} if state.is_dir() else set())
        for each, had in self.before.items():
            gone = had - now.get(each, set())
            assert each in self.ended or not gone, f"{each[0]} lost {sorted(gone)[:9]}"
        if whole:
            self.before, self.ended = now, set()


def key(tree: Worktree) -> Key:
    return tree.id, checkouts.made(tree)


def _files(top: Path) -> set[str]:
    return {
        f"file {Path(directory, name).relative_to(top)}"
        for directory, _, names in os.walk(top)
        for name in names
        if ".git/" not in f"{directory}/"
    }


def private_repositories(common_dir: Path) -> list[Path]:
    """Those that are there, and not in the trash."""
    state = common_dir / naming.STATE
    found = [*state.glob("*/repo.git"), *state.glob("aside/*/repo.git")]
    return sorted(each for each in found if each.is_dir())


def reachable(common_dir: Path, private: Sequence[Path]) -> set[str]:
    """Every commit that a ref of the host or of a private repository reaches, stashes and HEADs included."""
    tips = _tips(common_dir).union(*map(_tips, private))
    environment = {**os.environ, "GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join(f"{each}/objects" for each in private)}
    done = subprocess.run(
        ["git", f"--git-dir={common_dir}", "rev-list", "--stdin"],
        input="".join(f"{each}\n" for each in sorted(tips)),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def _tips(git_dir: Path) -> set[str]:
    """Read as text, by other code than wt's own."""
    heads = [git_dir / "HEAD", *git_dir.glob("worktrees/*/HEAD"), git_dir / "rebase-merge/orig-head"]
    loose = [Path(directory, name) for directory, _, names in os.walk(git_dir / "refs") for name in names]
    words = [each.read_text().split() for each in (*heads, *loose) if each.is_file()]
    packed = git_dir / "packed-refs"
    words += [line.split() for line in packed.read_text().splitlines()] if packed.is_file() else []
    stash = git_dir / "logs/refs/stash"
    if stash.is_file() and (git_dir / "refs/stash").exists():
        words += [line.split()[1:2] for line in stash.read_text().splitlines()]
    return {each[0] for each in words if each and len(each[0]) == 40 and each[0].isalnum()}
