"""The real engine, with what a user or an agent does beside wt."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

BASE = """
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/* \\
    && git config --system safe.directory '*' && mkdir -m 777 /home/vscode
"""


class Engine(Protocol):
    """What the tests do to an engine by themselves; everything else goes through wt."""

    def installed(self) -> AbstractContextManager[None]:
        """Let wt speak to it, for the block."""
        ...

    def inside(self, container: str, script: str) -> "subprocess.CompletedProcess[str]":
        """Run a shell script in a running container, at the workspace."""
        ...

    def work_in(self, container: str) -> None:
        """`docker exec sleep 1000`, as somebody who is at work in a running container."""
        ...

    def volume(self, name: str) -> AbstractContextManager[None]:
        """A volume that nobody has labelled, for the block."""
        ...

    def kill(self, container: str) -> None:
        """`docker kill`."""
        ...

    def pause(self, container: str) -> None:
        """`docker pause`."""
        ...

    def rm(self, container: str) -> None:
        """`docker rm --force --volumes`."""
        ...

    def rm_network(self, name: str) -> bool:
        """`docker network rm`; whether it worked."""
        ...

    def forget(self, repository: str) -> None:
        """Remove all that carries the label of a repository."""
        ...


class Real:
    """Docker itself."""

    def installed(self) -> AbstractContextManager[None]:
        return nullcontext()

    def inside(self, container: str, script: str) -> "subprocess.CompletedProcess[str]":
        return docker("exec", "--workdir=/app", container, "sh", "-c", script, check=False)

    def work_in(self, container: str) -> None:
        docker("exec", "--detach", container, "sleep", "1000")

    @contextmanager
    def volume(self, name: str) -> Iterator[None]:
        docker("volume", "create", name)
        try:
            yield
        finally:
            docker("volume", "rm", name)

    def kill(self, container: str) -> None:
        docker("kill", container)
        # What the engine lists is a copy that follows in its own time.
        for _ in range(200):
            if not docker("ps", "--quiet", "--filter", f"id={container}").stdout:
                return
            time.sleep(0.05)
        raise AssertionError(f"{container} is listed as running ten seconds after it was killed")

    def pause(self, container: str) -> None:
        docker("pause", container)

    def rm(self, container: str) -> None:
        docker("rm", "--force", "--volumes", container)

    def rm_network(self, name: str) -> bool:
        return docker("network", "rm", name, check=False).returncode == 0

    def forget(self, repository: str) -> None:
        for kind, removal in (("container", ("rm", "-fv")), ("volume", ("rm",)), ("image", ("rm", "-f"))):
            if found := _labelled(kind, f"wt.repo={repository}"):
                docker(kind, *removal, *found)


def _labelled(kind: str, label: str) -> Sequence[str]:
    every = ("--all",) if kind == "container" else ()
    return sorted(set(docker(kind, "ls", *every, "--quiet", "--filter", f"label={label}").stdout.split()))


@contextmanager
def base_image(name: str) -> Iterator[None]:
    """An image with git, and a network of the same name, for the block."""
    # From a directory: of a Dockerfile on its standard input, docker leaves two directories in /tmp.
    with TemporaryDirectory() as place:
        Path(place, "Dockerfile").write_text(BASE)
        docker("build", "--quiet", "--tag", name, place)
    docker("network", "create", name)
    try:
        yield
    finally:
        docker("network", "rm", name, check=False)
        docker("image", "rm", name, check=False)


def docker(*words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        ["docker", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300
    )
    assert not check or done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done
