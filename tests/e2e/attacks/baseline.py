"""The baseline: a dev container that was hardened by hand, with the mounts and options that people give it."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attacks.attack import Side
from support import docker

DOCKERFILE = """
FROM node:24-trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
ARG USER_UID=1000
ARG USER_GID=1000
RUN userdel --remove node; groupadd --non-unique --gid $USER_GID vscode \\
    && useradd --non-unique --uid $USER_UID --gid $USER_GID --create-home --shell /bin/bash vscode
USER vscode
WORKDIR /app
CMD ["sleep", "infinity"]
"""

# Stands in for the usual socket proxy with CONTAINERS=1 POST=0, which lets every GET below /containers through.
PROXY = r"""
defaults
  mode http
  timeout connect 5s
  timeout client 1m
  timeout server 1m
frontend api
  bind :2375
  http-request deny if !METH_GET
  http-request deny if !{ path_reg ^(/v[\d\.]+)?/(containers|images|info|networks|volumes|_ping|version) }
  default_backend engine
backend engine
  server engine unix@/var/run/docker.sock
"""

COMPOSE = """
services:
  docker-proxy:
    image: haproxy:3.0
    user: root
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock:ro
      - ./haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro
    networks: [dev]
  app:
    build:
      context: ..
      dockerfile: .devcontainer/Dockerfile
      args: {USER_UID: "${HOST_UID:-1000}", USER_GID: "${HOST_GID:-1000}"}
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    volumes:
      - ..:/app:cached
      - node-modules:/app/node_modules
      - ${GIT_MAIN_REPO_PATH}/.git:${GIT_MAIN_REPO_PATH}/.git:cached
      - ${HOST_HOME}/.claude:/home/vscode/.claude:cached
      - ${LOCAL_WORKSPACE_FOLDER}/.claude-docker/.claude.json:/home/vscode/.claude.json
      - ${LOCAL_WORKSPACE_FOLDER}/.claude-docker/.bash_history:/home/vscode/.bash_history
      - ${PNPM_STORE_PATH:-${HOST_HOME}/Library/pnpm/store}:/home/vscode/.local/share/pnpm/store:cached
    environment:
      DOCKER_HOST: tcp://docker-proxy:2375
    env_file: [.env, ../.env]
    networks: [dev]
    depends_on: [docker-proxy]
    command: sleep infinity
networks:
  dev: {external: true, name: NETWORK}
volumes:
  node-modules: {name: "PROJECT-${WORKTREE_NAME:-default}-node-modules"}
"""

# Runs on the host before each start.
INITIALIZE = (
    'mkdir -p .devcontainer && { echo "WORKTREE_NAME=$(basename "$PWD")"; '
    'echo "GIT_MAIN_REPO_PATH=$(realpath "$(git rev-parse --git-common-dir)/..")"; '
    'echo "LOCAL_WORKSPACE_FOLDER=$PWD"; echo "HOST_HOME=$HOME"; echo "HOST_UID=$(id -u)"; '
    'echo "HOST_GID=$(id -g)"; } > .devcontainer/.env; mkdir -p .claude-docker; touch .claude-docker/.bash_history; '
    "[ -f .claude-docker/.claude.json ] || echo '{}' > .claude-docker/.claude.json"
)
IGNORED = "node_modules/\n.claude-docker/\n.devcontainer/.env\n.env\n"


def write(root: Path, name: str) -> None:
    """The set-up's tracked files, in a checkout."""
    (root / ".devcontainer").mkdir()
    files = {
        "Dockerfile": DOCKERFILE,
        "haproxy.cfg": PROXY,
        "docker-compose.yml": COMPOSE.replace("NETWORK", name).replace("PROJECT", name),
        "devcontainer.json": json.dumps({"dockerComposeFile": "docker-compose.yml", "initializeCommand": INITIALIZE}),
    }
    for path, text in files.items():
        (root / ".devcontainer" / path).write_text(text)
    (root / ".gitignore").write_text(IGNORED)


@dataclass
class Baseline(Side):
    """That set-up, in a worktree called `feature`.

    Attributes:
        name: of its network, and the beginning of its compose projects'.
    """

    name: str = "baseline"
    # More than a start needs; what hangs, hangs.
    patience: int = 20

    @property
    def worktree(self) -> Path:
        return self.place / "feature"

    @property
    def _original(self) -> Path:
        return self.place / "original"

    @property
    def _container(self) -> str:
        return f"{self.name}-feature-app-1"

    @property
    def shown(self) -> str:
        return self.said + self.git_said

    def set_up(self) -> None:
        """A main checkout and a worktree, as they were before any attack; built once."""
        docker("network", "create", self.name)
        for name in ("feature", "sibling"):
            self._worktree(name)
        self._start(self.worktree)
        run = self.account.run
        run("mkdir", self._original)
        run("cp", "-a", self.main, self.worktree, self._original)

    def tear_down(self) -> None:
        for name in ("feature", "sibling"):
            self._stop(name, "docker-proxy")
            self._stop(name)
            docker("volume", "rm", "--force", f"{self.name}-{name}-node-modules")
            docker("image", "rm", "--force", f"{self.name}-{name}-app")
        docker("network", "rm", self.name)

    def begin(self) -> None:
        self._stop("feature")
        for path in (self.main, self.worktree):
            shutil.rmtree(path)
            self.account.run("cp", "-a", self._original / path.name, path)
        self._start(self.worktree)

    def act(self, extra: Sequence[str]) -> None:
        self.use_git(extra)
        self.tool("docker", "logs", self._container)
        if self.git_hangs:
            return  # so does all that would start it
        self._stop("feature")
        self._start(self.worktree)

    def end(self) -> None:
        """It is removed when the next one begins."""

    def inside(self, script: str, *, check: bool = False) -> "subprocess.CompletedProcess[str]":
        return self.account.run("docker", "exec", self._container, "bash", "-c", script, check=check)

    def in_sibling(self, script: str) -> str:
        self._start(self.place / "sibling")
        return self.account.run("docker", "exec", f"{self.name}-sibling-app-1", "bash", "-c", script).stdout

    def _worktree(self, name: str) -> None:
        self.git("worktree", "add", "--quiet", "-b", name, f"../{name}")
        # What a volume is mounted at, docker would make as root; without the other, compose does not start.
        self.account.run("mkdir", "-p", f"{name}/node_modules", cwd=self.place)
        self.account.run("tee", f"{name}/.env", cwd=self.place, stdin="DEVELOPMENT=1\n")

    def _start(self, path: Path) -> None:
        """What an editor does: the command for the host, then compose."""
        settings = json.loads((path / ".devcontainer/devcontainer.json").read_text())
        self.tool("sh", "-c", settings["initializeCommand"], cwd=path)
        self.tool("docker", "compose", *self._project(path.name), "up", "--detach", "--build", cwd=path)

    def _stop(self, name: str, service: str = "app") -> None:
        docker("rm", "--force", f"{self.name}-{name}-{service}-1", check=False)

    def _project(self, name: str) -> tuple[str, ...]:
        return ("-p", f"{self.name}-{name}", "--progress=quiet", "-f", ".devcontainer/docker-compose.yml")
