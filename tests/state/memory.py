"""An engine in memory: what `wt.docker`, `wt.compose` and `wt.inventory` ask, for tests of many steps in a row.

The only fake of docker. `test_contract.py` holds it to what the real engine does. A container sees the directories
that it was started with, wherever they are moved to since, as a bind mount does.
"""

import os
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from unit.repos import SERVE

from state import compose_files
from wt import compose, docker, inventory, naming
from wt.compose import _is_well as is_well
from wt.errors import ToolError, WtError
from wt.model import ComposeProject, Container, Holding

WORKSPACE, PRIVATE, OBJECTS = naming.WORKSPACE_INSIDE, naming.REPOSITORY_INSIDE, naming.OBJECTS_INSIDE
# A base image that it has from the start.
IMAGE = "wt-state"
_SERVICE = "com.docker.compose.service"
_STATUS = {"running": "Up 1 second", "paused": "Up 1 second (Paused)", "exited": "Exited (143) 1 second ago"}


@dataclass
class Box:
    """A container."""

    id: str
    name: str
    image: str
    labels: Mapping[str, str]
    service: compose_files.Service
    digest: str
    joined: Mapping[str, str]
    state: str = "created"
    opened: dict[str, int] = field(default_factory=dict)
    work: tuple[str, ...] = ()

    @property
    def project(self) -> str:
        return self.labels[docker.PROJECT]

    @property
    def alive(self) -> bool:
        return self.state in {"running", "paused"}

    def place(self, target: str) -> Path:
        """Where a directory of the host that was mounted at `target` is by now; it may be deleted."""
        return Path(f"/proc/self/fd/{self.opened[target]}").readlink()


@dataclass(frozen=True)
class Image:
    """An image; one whose name another has taken has none."""

    id: str
    name: str | None
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Network:
    """A network; one that is made again under the same name is another one."""

    id: str
    labels: Mapping[str, str]


# Of the services in compose.wt.yml that nothing is built for.
_OFFICIAL = "haproxy:3.0"


class Memory:
    """The engine: what it holds, and the functions that stand for wt's own."""

    def __init__(self, images: Iterable[str] = ()) -> None:
        self.boxes: list[Box] = []
        self.volumes: dict[str, Mapping[str, str]] = {}
        self.networks: dict[str, Network] = {}
        self.images = [Image(f"sha256:{naming.digest(name, length=64)}", name, {}) for name in {*images, _OFFICIAL}]
        self._count = 0

    @contextmanager
    def installed(self) -> Iterator[None]:
        """In the place of the real one, for the block."""
        with pytest.MonkeyPatch.context() as patch:
            for module, functions in self._doors().items():
                for function in functions:
                    patch.setattr(module, function.__name__, function)
            yield

    def _doors(self) -> Mapping[object, Collection[Callable[..., Any]]]:
        asked = (self.containers, self.astray, self.network_driver, self.image_exists, self.processes, self.last_lines)
        done = (self.create_network, self.remove_network_if_unused, self.stop, self.resume, self.remove_project)
        rest = (self.require_versions, self.linger, self.remove)
        sizes = (self.sized, self.volume_bytes)
        served = (self.upload_pack_running, self.upload_pack_stopped)
        return {
            docker: (*asked, *done, *rest, *served),
            compose: (self.build, self.up, self.up_and_wait, self.resolved),
            inventory: (self.holdings, self.volume_projects, self.volumes_of, self.by_hand, *sizes),
        }

    # docker

    def containers(self, *, project: str | None = None) -> tuple[Container, ...]:
        return tuple(self._seen(each) for each in reversed(self.boxes) if project in (None, each.project))

    def _seen(self, box: Box) -> Container:
        labels, names = box.labels, {each.id: each.name for each in self.images}
        return Container(
            id=box.id,
            name=box.name,
            state=box.state,
            status=_STATUS.get(box.state, "Created"),
            networks=tuple(sorted(box.service.networks)),
            image=names.get(box.image) or box.image,
            project=box.project,
            service=labels[_SERVICE],
            repository=labels.get(naming.LABEL_REPOSITORY, ""),
            worktree=labels.get(naming.LABEL_WORKTREE, ""),
            config=labels.get(naming.LABEL_CONFIG, ""),
            hidden=docker._paths(labels.get(naming.LABEL_HIDDEN, "")),
        )

    def network_driver(self, name: str) -> str | None:
        return "bridge" if name in self.networks else None

    def astray(self, found: Iterable[Container]) -> tuple[Container, ...]:
        known = {each.id for each in self.networks.values()}
        return tuple(each for each in found if not each.alive and set(self._box(each.id).joined.values()) - known)

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        self.networks.setdefault(name, Network(self._fresh(), labels))

    def remove_network_if_unused(self, name: str) -> None:
        if not any(name in each.service.networks for each in self.boxes):
            self.networks.pop(name, None)

    def require_versions(self) -> None:
        pass

    def stop(self, project: str) -> None:
        for box in self._of(project):
            if box.alive and box.labels[_SERVICE]:
                self._end(box)

    def resume(self, project: str) -> None:
        for box in self._of(project):
            if box.state == "paused":
                box.state = "running"

    def remove_project(self, project: str, *, volumes: bool = True, images: bool = True) -> None:
        for box in self._of(project):
            self._drop(box)
        networks = [name for name, each in self.networks.items() if each.labels.get(docker.PROJECT) == project]
        for name in networks:
            if naming.is_own(project, name):
                del self.networks[name]
        for name in self.volumes_of(project) if volumes else ():
            if naming.is_own(project, name):
                del self.volumes[name]
        if images:
            self.images = [each for each in self.images if each.labels.get(docker.PROJECT) != project]

    def remove(self, kind: str, name: str, *, running: bool = False) -> None:
        if kind == "container":
            for box in [each for each in self.boxes if each.id == name]:
                self._drop(box)
        elif kind == "image":
            _refuse_used(kind, name, [each for each in self.boxes if each.image in self._ids(name)])
            self.images = [each for each in self.images if each.id not in self._ids(name)]
        elif kind == "volume":
            _refuse_used(kind, name, [box for box in self.boxes if name in dict(box.service.volumes)])
            self.volumes.pop(name, None)
        else:
            _refuse_used(kind, name, [box for box in self.boxes if box.alive and name in box.joined.values()])
            self.networks = {key: each for key, each in self.networks.items() if each.id != name}

    def volume_bytes(self) -> dict[str, int]:
        return {labels[docker.PROJECT]: 0 for labels in self.volumes.values() if docker.PROJECT in labels}

    def processes(self, container: Container) -> tuple[str, ...]:
        return self._box(container.id).work

    def image_exists(self, image: str) -> bool:
        return bool(self._ids(image))

    def linger(self, container: Container) -> None:
        pass

    def last_lines(self, container: Container) -> list[str]:
        return []

    def upload_pack_running(self, container: Container) -> list[str]:
        box = self._box(container.id)
        return self._served(box.place(PRIVATE), box.place(OBJECTS))

    def upload_pack_stopped(self, image: str, repository: Path, objects: Path, user: tuple[int, int]) -> list[str]:
        assert self.image_exists(image), image
        return self._served(repository, objects)

    def _served(self, repository: Path, objects: Path) -> list[str]:
        """git on the host, which finds the borrowed objects where they are here."""
        at = SERVE.index("git")
        return [*SERVE[:at], f"GIT_ALTERNATE_OBJECT_DIRECTORIES={objects}", *SERVE[at:], str(repository)]

    # compose

    def resolved(self, project: ComposeProject) -> Mapping[str, Any]:
        return compose_files.resolved(project)

    def build(self, project: ComposeProject, detail: Callable[[str], None]) -> None:
        files = compose_files.read(project)
        context = "".join(each.read_text() for each in sorted(project.directory.glob("Dockerfile")))
        for service in files.services:
            if service.build_labels is not None:
                labels = {**service.build_labels, docker.PROJECT: project.name, _SERVICE: service.name}
                oid = f"sha256:{naming.digest(context, repr(sorted(labels.items())), length=64)}"
                others = [each for each in self.images if each.id != oid]
                self.images = [
                    *(replace(each, name=None) if each.name == service.image else each for each in others),
                    Image(oid, service.image, labels),
                ]

    def up(
        self, project: ComposeProject, detail: Callable[[str], None], *, recreate: bool, force: bool = False
    ) -> None:
        files = compose_files.read(project)
        self.resume(project.name)
        for name, external in files.networks.items():
            if external and name not in self.networks:
                raise ToolError(f"network {name} declared as external, but could not be found")
            self.create_network(name, {docker.PROJECT: project.name})
        for name, labels in files.volumes.items():
            self.volumes.setdefault(name, {**labels, docker.PROJECT: project.name})
        for service in files.services:
            self._start(self._made(project.name, service, recreate=recreate, force=force))

    def up_and_wait(
        self,
        project: ComposeProject,
        services: Collection[str],
        detail: Callable[[str], None],
        *,
        seconds: int,
        recreate: bool,
        force: bool = False,
    ) -> None:
        self.up(project, detail, recreate=recreate, force=force)
        assert set(services) <= {each.service for each in self.containers(project=project.name) if is_well(each)}

    def _made(self, project: str, service: compose_files.Service, *, recreate: bool, force: bool) -> Box:
        found = next((each for each in self._of(project) if each.labels[_SERVICE] == service.name), None)
        image = next((each for each in self.images if each.name == service.image), None)
        digest = naming.digest(service.text, image.id if image else "", length=12)
        if found is not None:
            if not force and (found.digest == digest or not recreate):
                return found
            self._drop(found)
        if image is None:
            raise ToolError(f"pull access denied for {service.image}")
        own = {docker.PROJECT: project, _SERVICE: service.name, docker.NUMBER: "1"}
        box = Box(
            self._fresh(),
            f"{project}-{service.name}-1",
            image.id,
            {**image.labels, **service.labels, **own},
            service,
            digest,
            {name: self.networks[name].id for name in service.networks},
        )
        self.boxes.append(box)
        return box

    def _start(self, box: Box) -> None:
        if box.alive:
            return
        if self.astray([self._seen(box)]):
            raise WtError(f"{box.project} does not start: network not found")
        for source, target in box.service.binds:
            if not source.exists():
                self._close(box)
                raise WtError(f"{box.project} does not start: bind source path does not exist: {source}")
            box.opened[target] = os.open(source, os.O_PATH | os.O_CLOEXEC)
        box.state = "running"

    # inventory

    def holdings(self) -> tuple[Holding, ...]:
        mounted = {name for each in self.boxes for name, _ in each.service.volumes}
        joined = {name for each in self.boxes for name in each.service.networks}
        used = {each.image for each in self.boxes}
        found = [
            *(_held("container", each.id, each.name, each.labels, used=each.alive) for each in self.boxes),
            *(_held("volume", name, name, labels, used=name in mounted) for name, labels in self.volumes.items()),
            *(
                _held("network", each.id, name, each.labels, used=name in joined)
                for name, each in self.networks.items()
            ),
            *(
                _held("image", each.name or each.id, each.name or each.id[7:], each.labels, used=each.id in used)
                for each in self.images
            ),
        ]
        named = {each.name for each in self.images}
        ours = inventory.adopted(found)
        return tuple(replace(each, outdated=each.kind == "image" and each.name not in named) for each in ours)

    def volume_projects(self, repository: str) -> tuple[str, ...]:
        ours = [each for each in self.holdings() if (each.kind, each.role) == ("volume", "sandbox")]
        return tuple(dict.fromkeys(each.project for each in ours if each.repository == repository))

    def volumes_of(self, project: str) -> tuple[str, ...]:
        return tuple(name for name, labels in self.volumes.items() if labels.get(docker.PROJECT) == project)

    def by_hand(self) -> tuple[str, ...]:
        return tuple(filter(inventory._BY_HAND.fullmatch, self.volumes))

    def sized(self, found: Iterable[Holding]) -> tuple[Holding, ...]:
        return tuple(replace(each, size=0) for each in found)

    # what a user does, or an agent

    def inside(self, container: str, script: str) -> subprocess.CompletedProcess[str]:
        """Run a shell script in a running container, at the workspace."""
        box = self._box(container)
        environment = {
            **os.environ,
            "GIT_DIR": str(box.place(PRIVATE)),
            "GIT_WORK_TREE": str(box.place(WORKSPACE)),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(box.place(OBJECTS)),
        }
        if not box.place(WORKSPACE).is_dir():
            return subprocess.CompletedProcess([], 1, "", "the workspace is gone")
        return subprocess.run(
            ["sh", "-c", script],
            cwd=box.place(WORKSPACE),
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def work_in(self, container: str) -> None:
        """`docker exec sleep 1000`, as somebody who is at work in a running container."""
        self._box(container).work += ("sleep 1000",)

    def run_once(self, container: str) -> Container:
        """`docker compose run` of the service of a running container."""
        box = self._box(container)
        labels = {**box.labels, _SERVICE: ""}
        opened = {target: os.dup(descriptor) for target, descriptor in box.opened.items()}
        name = f"{box.project}-app-run-{self._count}"
        self.boxes.append(replace(box, id=self._fresh(), name=name, labels=labels, opened=opened, work=()))
        return self._seen(self.boxes[-1])

    def leave_import(self, project: str, *, role: str = "import") -> None:
        """What a killed wt leaves: the container that served an import of a sandbox that was stopped, some time ago.

        Or another one that it makes for itself for a while, by its role.
        """
        box = self._of(project)[0]
        labels = {**box.labels, naming.LABEL_ROLE: role, _SERVICE: ""}
        service = replace(box.service, volumes=(), networks=())
        self.boxes.append(replace(box, id=self._fresh(), name=f"{project}-{role}", labels=labels, service=service))

    @contextmanager
    def volume(self, name: str) -> Iterator[None]:
        """A volume that nobody has labelled, for the block."""
        self.volumes[name] = {}
        yield
        del self.volumes[name]

    def kill(self, container: str) -> None:
        """`docker kill`."""
        self._end(self._box(container))

    def pause(self, container: str) -> None:
        """`docker pause`."""
        self._box(container).state = "paused"

    def rm(self, container: str) -> None:
        """`docker rm --force --volumes`."""
        self._drop(self._box(container))

    def rm_network(self, name: str) -> bool:
        """`docker network rm`; whether it worked."""
        found = self.networks.get(name)
        if found is None or any(each.alive and found.id in each.joined.values() for each in self.boxes):
            return False
        del self.networks[name]
        return True

    def forget(self, repository: str) -> None:
        """Remove all of a repository."""
        for project in {each.project for each in self.holdings() if each.repository == repository}:
            self.remove_project(project)

    def _fresh(self) -> str:
        """An id that nothing had before."""
        self._count += 1
        return naming.digest(str(self._count), length=64)

    def _of(self, project: str) -> list[Box]:
        return [each for each in self.boxes if each.project == project]

    def _box(self, container: str) -> Box:
        return next(each for each in self.boxes if each.id == container)

    def _ids(self, image: str) -> set[str]:
        return {each.id for each in self.images if image in (each.name, each.id, each.id[7:], each.id[7:19])}

    def _drop(self, box: Box) -> None:
        self._close(box)
        self.boxes.remove(box)

    def _end(self, box: Box) -> None:
        self._close(box)
        box.state, box.work = "exited", ()

    def _close(self, box: Box) -> None:
        for descriptor in box.opened.values():
            os.close(descriptor)
        box.opened.clear()


def _refuse_used(kind: str, name: str, users: Collection[Box]) -> None:
    if users:
        raise ToolError(f"docker {kind} rm failed: {name} is in use")


def _held(kind: str, identity: str, name: str, labels: Mapping[str, str], *, used: bool) -> Holding:
    known = inventory._known(dict(labels), None)
    known["created"] = None if known["role"] in naming.PASSING else datetime.now(UTC)
    return Holding(kind, identity, name, **known, running=kind == "container" and used, used=used)
