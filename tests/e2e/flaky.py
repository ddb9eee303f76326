"""An engine that dies in the middle: what it is asked goes through a socket that is closed at a chosen moment."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ENGINE = Path("/var/run/docker.sock")


class Engine:
    """Hands connections on to the real engine until so many were made, and then none: those under way are cut."""

    def __init__(self, path: Path, *, connections: int) -> None:
        self._left = connections
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o666)
        self._listener.listen(64)
        self._open: list[socket.socket] = []
        self.died = False
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._left -= 1
            if self._left < 0:
                client.close()
                self.die()
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(ENGINE))
            self._open += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=(source, target), daemon=True).start()

    def die(self) -> None:
        self.died = True
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def engine(directory: Path, *, connections: int) -> Iterator[tuple[Engine, dict[str, str]]]:
    """Such an engine, and the variables by which a program finds it."""
    path = directory / "engine.sock"
    path.unlink(missing_ok=True)
    found = Engine(path, connections=connections)
    try:
        yield found, {"DOCKER_HOST": f"unix://{path}"}
    finally:
        found.die()
        path.unlink(missing_ok=True)
