"""Each rule of the Docker API's proxy: what it refuses, the engine answers. The proxy alone, without a sandbox."""

import http.client
import json
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import docker, inspect
from wt import contexts, node, scaffold

pytestmark = pytest.mark.xdist_group("docker-proxy")
ENGINE = contexts.socket(Path.home())
IMAGE = "haproxy:3.0"
OF_ONE = ("json", "logs?stdout=1", "stats?stream=false&one-shot=1")


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    headers: Mapping[str, str]

    @property
    def reason(self) -> str:
        return str(json.loads(self.body)["message"])


class _Connection(http.client.HTTPConnection):
    """To a Unix socket, with a path that is sent as it is."""

    def __init__(self, place: str) -> None:
        super().__init__("docker", timeout=20)
        self._place = place

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._place)


def ask(place: str, method: str, path: str, **headers: str) -> Answer:
    connection = _Connection(place)
    body = "{}" if method == "POST" else None
    sent = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Type": "application/json"}
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    data = answer.read(1_000_000) if answer.status != 101 else b""
    connection.close()
    return Answer(answer.status, data.decode(errors="replace"), dict(answer.getheaders()))


@dataclass(frozen=True)
class Bench:
    """A proxy for the containers of a project that does not exist, one of these, and strangers of similar names."""

    project: str
    place: str

    @property
    def own(self) -> str:
        return f"{self.project}-app-1"

    @property
    def proxy(self) -> str:
        return f"{self.project}-docker-proxy-1"

    @property
    def stranger(self) -> str:
        """As one of a project whose name begins with the other's."""
        return f"{self.project}-{'0' * 6}-app-1"

    @property
    def strangers(self) -> tuple[str, ...]:
        return (self.stranger, f"x{self.own}", f"{self.own}x", f"{self.project}-apps-1")

    def anew(self) -> str:
        """Makes this one again; its id, which the proxy never met."""
        docker("rm", "--force", self.own)
        said = "echo said; exec sleep 600"
        return docker("run", "--detach", "--network=none", f"--name={self.own}", IMAGE, "sh", "-c", said)

    def filled(self, path: str) -> str:
        number = inspect(self.stranger)["Id"]
        names = {"OTHER_ID": number, "OTHER_SHORT": number[:12], "OTHER": self.stranger, "OWN": self.own}
        for word, value in names.items():
            path = path.replace(word, value)
        return path

    def ask(self, method: str, path: str, **headers: str) -> Answer:
        return ask(self.place, method, self.filled(path), **headers)

    def ask_engine(self, method: str, path: str, **headers: str) -> Answer:
        return ask(ENGINE, method, self.filled(path), **headers)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    place = tmp_path_factory.mktemp("docker-api")
    for path in (place, *place.parents[:2]):
        path.chmod(0o777)
    made = Bench(f"bench-{uuid.uuid4().hex[:6]}", f"{place}/docker.sock")
    service = _service(place, f"{made.project}-(app|docker-proxy)")
    run = ("run", "--detach", "--network=none")
    made.anew()
    for name in made.strangers:
        docker(*run, f"--name={name}", IMAGE, "sh", "-c", "echo secret; exec sleep 600")
    docker(
        *(*run, "--user=0:0", "--cap-drop=ALL", "--read-only", "--tmpfs=/run:size=64k", f"--name={made.proxy}"),
        *(f"--memory={service['mem_limit']}", f"--memory-swap={service['memswap_limit']}"),
        *(f"--env={key}={value}" for key, value in service["environment"].items()),
        *(f"--volume={place}:/run/docker-api", f"--volume={ENGINE}:/var/run/docker.sock:ro"),
        *(f"--entrypoint={service['entrypoint'][0]}", service["image"], *service["entrypoint"][1:]),
    )
    while not Path(made.place).exists() and inspect(made.proxy)["State"]["Running"]:
        time.sleep(0.05)
    yield made
    docker("rm", "--force", made.own, *made.strangers, made.proxy)


def _service(place: Path, names: str) -> dict[str, Any]:
    """As compose starts it."""
    text = scaffold.compose_wt(scaffold.Project("shop", node.package_manager(place), (".",)))
    service: dict[str, Any] = yaml.safe_load(text)["services"]["docker-proxy"]
    filled = {
        key: value.replace("${WT_DOCKER_NAMES:-unprepared}", names) for key, value in service["environment"].items()
    }
    filled = {key: value.replace("$$", "$") for key, value in filled.items()}
    entrypoint = [word.replace("$$", "$") for word in service["entrypoint"]]
    return {**service, "environment": filled, "entrypoint": entrypoint}


def test_what_is_offered_is_answered(bench: Bench) -> None:
    for path in ("/_ping", "/version", "/v1.44/version", *(f"/containers/OWN/{verb}" for verb in OF_ONE)):
        assert bench.ask("GET", path).status == 200, path
    assert bench.ask("HEAD", "/_ping").status == 200
    assert "said" in bench.ask("GET", "/containers/OWN/logs?stdout=1").body


@pytest.mark.parametrize("verb", OF_ONE)
def test_an_id_counts_once_the_engine_has_told_whose_it_is(bench: Bench, verb: str) -> None:
    number = bench.anew()
    short = number[:12]
    assert {bench.ask("GET", f"/containers/{each}/logs?stdout=1").status for each in (short, number)} == {403}
    answer = bench.ask("GET", f"/containers/{short}/json")
    assert answer.status == 200 and json.loads(answer.body)["Id"] == number
    assert bench.ask("GET", f"/containers/{number}/{verb}").status == 200


@pytest.mark.parametrize("digits", [12, 63])
def test_how_an_id_begins_never_counts_for_what_is_not_checked(bench: Bench, digits: int) -> None:
    """It can be that of another container later on."""
    short = bench.anew()[:digits]
    for _ in range(2):
        assert bench.ask("GET", f"/containers/{short}/json").status == 200
        for verb in OF_ONE[1:]:
            assert bench.ask("GET", f"/containers/{short}/{verb}").status == 403, verb
            assert bench.ask_engine("GET", f"/containers/{short}/{verb}").status == 200


def test_an_answer_is_looked_at_whatever_counts(bench: Bench) -> None:
    number, name = bench.anew(), f"{bench.own}x-1"
    assert bench.ask("GET", f"/containers/{number}/json").status == 200
    docker("rename", bench.own, name)
    try:
        assert bench.ask("GET", f"/containers/{number}/json").status == 403
        assert bench.ask_engine("GET", f"/containers/{number}/json").status == 200
    finally:
        docker("rename", name, bench.own)


def test_all_that_docker_says_of_a_container_is_waited_for(bench: Bench) -> None:
    """The name comes after the arguments."""
    name = f"{bench.project}-app-4"
    number = docker("create", "--network=none", f"--name={name}", IMAGE, "true", *["x" * 60_000] * 2)
    try:
        # Now and then all of it is there at once.
        assert {bench.ask("GET", f"/containers/{number}/json").status for _ in range(30)} == {200}
    finally:
        docker("rm", name)


def test_it_has_as_many_threads_on_every_machine(bench: Bench) -> None:
    """With one for each processor it would not start where its number of them has an end."""
    assert "Threads:\t1\n" in docker("exec", bench.proxy, "cat", "/proc/1/status")


def test_more_than_it_has_memory_for_wait_their_turn(bench: Bench) -> None:
    with ExitStack() as followers:
        taken = sum(follows(followers, bench) for _ in range(70))
        assert taken == 64
    assert bench.ask("GET", "/_ping").status == 200


# In lines that fill what they are copied to.
LONG = "head -c 8000000 /dev/zero | tr '\\0' x | fold -w 10000"


def test_those_who_never_read_a_long_log_do_not_end_it(bench: Bench) -> None:
    """Nor those who send on: what it holds for all of them is less than it has memory for."""
    name, before = f"{bench.project}-app-5", inspect(bench.proxy)["State"]["Pid"]
    docker("run", "--detach", "--network=none", f"--name={name}", IMAGE, "sh", "-c", LONG)
    docker("wait", name)
    try:
        with ExitStack() as followers:
            for _ in range(70):
                follows(followers, bench, name, more=240_000)
            time.sleep(2)
        assert bench.ask("GET", "/_ping").status == 200
        assert inspect(bench.proxy)["State"]["Pid"] == before
    finally:
        docker("rm", "--force", name)


def test_many_requests_do_not_come_on_one_connection(bench: Bench) -> None:
    """HTTP/2 would count them once."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(bench.place)
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"))
        assert client.recv(12) == b"HTTP/1.1 400"


def follows(stack: ExitStack, bench: Bench, name: str | None = None, more: int = 0) -> bool:
    """Whether one more is answered who follows a log: that of a container that says no more, if no other is named.

    Args:
        stack: what closes the connection.
        bench: what is asked.
        name: whose log.
        more: bytes of a header, and as many after the request.
    """
    follower = stack.enter_context(socket.socket(socket.AF_UNIX))
    follower.settimeout(0.5)
    follower.connect(bench.place)
    asked = f"GET /containers/{name or bench.own}/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\nX: {'x' * more}\r\n"
    with suppress(TimeoutError):
        follower.sendall(f"{asked}\r\n{asked if more else ''}".encode())
    with suppress(TimeoutError):
        return follower.recv(12) == b"HTTP/1.1 200"
    return False


def test_a_name_of_ones_own_that_is_not_there_is_answered_by_the_engine(bench: Bench) -> None:
    for verb in OF_ONE:
        assert bench.ask("GET", f"/containers/{bench.project}-app-9/{verb}").status == 404


def test_a_name_tells_the_id_too(bench: Bench) -> None:
    number = bench.anew()
    assert bench.ask("GET", "/containers/OWN/json").status == 200
    assert bench.ask("GET", f"/containers/{number}/logs?stdout=1").status == 200


def test_what_a_container_says_tells_no_id(bench: Bench) -> None:
    """Else an agent could print whose id counts."""
    name, theirs = f"{bench.project}-app-3", inspect(bench.stranger)["Id"]
    said = json.dumps({"Id": theirs, "Name": f"/{name}"})
    docker("run", "--tty", "--network=none", f"--name={name}", IMAGE, "printf", "%s", said)
    try:
        assert bench.ask("GET", f"/containers/{name}/logs?stdout=1").body == said
        assert bench.ask("GET", f"/containers/{theirs}/logs?stdout=1").status == 403
    finally:
        docker("rm", name)


def test_whether_there_is_such_an_id_can_not_be_told(bench: Bench) -> None:
    there, none = inspect(bench.stranger)["Id"], "0" * 64
    refused = [bench.ask("GET", f"/containers/{each}/json") for each in (there, none)]
    assert {each.status for each in refused} == {403}
    assert len({each.body.replace(there, "").replace(none, "") for each in refused}) == 1
    assert [bench.ask_engine("GET", f"/containers/{each}/json").status for each in (there, none)] == [200, 404]


@pytest.mark.parametrize("all_", ["", "all=1&", "all=true&", "all=0&", "all=1&all=0&"])
@pytest.mark.parametrize("query", ["", "filters=%7B%7D", "filters=%7B%22name%22:%5B%22.%22%5D%7D", "size=1"])
def test_a_list_is_of_ones_own_whatever_was_asked_for(bench: Bench, all_: str, query: str) -> None:
    answer = bench.ask("GET", f"/containers/json?{all_}{query}")
    names = {name for each in json.loads(answer.body) for name in each["Names"]}
    assert names == {f"/{bench.own}", f"/{bench.proxy}"}
    assert {name for name in bench.strangers if name in bench.ask_engine("GET", "/containers/json").body}


def test_a_name_has_to_fit_whole(bench: Bench) -> None:
    for name in bench.strangers:
        for verb in OF_ONE:
            assert bench.ask("GET", f"/containers/{name}/{verb}").status == 403, name
            assert bench.ask_engine("GET", f"/containers/{name}/{verb}").status == 200


def test_what_has_ended_is_listed_with_all_alone(bench: Bench) -> None:
    ended = f"{bench.project}-app-2"
    docker("run", "--network=none", f"--name={ended}", IMAGE, "true")
    # What the engine lists is a copy that follows in its own time.
    while ended in docker("ps", "--format", "{{.Names}}"):
        time.sleep(0.05)
    try:
        assert ended not in bench.ask("GET", "/containers/json").body
        assert ended in bench.ask("GET", "/containers/json?all=1").body
    finally:
        docker("rm", ended)


# What the engine answers where nothing stands before it.
DONE = frozenset({200, 201, 204, 304})
UPGRADE = {"Upgrade": "tcp", "Connection": "Upgrade"}
OFFERED, READS = "this is not offered in a sandbox", "is not offered in a sandbox, which can only read"
LISTED = f"{OFFERED}: docker ps, logs, inspect and stats are"
THEIRS = "is no container of this sandbox or of the shared services"
REFUSED: list[tuple[str, str, str, dict[str, str], frozenset[int]]] = [
    *(
        ("GET", f"{version}{path}", LISTED, {}, DONE)
        for path in ("/images/json", "/info", "/networks", "/volumes", "/system/df", "/plugins", "/events?until=1")
        for version in ("", "/v1.44")
    ),
    *(
        ("GET", f"{version}/containers/{who}/{verb}", THEIRS, {}, DONE)
        for verb in OF_ONE
        for who in ("OTHER", "OTHER_ID", "OTHER_SHORT")
        for version in ("", "/v1.44")
    ),
    ("GET", "/containers/OWN/top?ps_args=axeww", LISTED, {}, DONE),
    ("GET", "/containers/OWN/changes", LISTED, {}, DONE),
    ("GET", "/containers/OWN/archive?path=/etc/hostname", LISTED, {}, DONE),
    ("GET", "/containers/OWN/export", LISTED, {}, DONE),
    ("GET", "/containers/OWN/attach/ws", LISTED, {}, frozenset({400})),
    ("GET", "/images/search?term=localhost:1/x", LISTED, {}, frozenset({400, 500})),
    ("POST", "/containers/OWN/attach?logs=1", READS, {}, DONE),
    ("POST", "/containers/OWN/exec", READS, {}, frozenset({400})),
    ("POST", "/containers/OWN/json", READS, {}, frozenset({404, 405})),
    ("POST", "/containers/create", READS, {}, frozenset({400})),
    ("POST", "/containers/OTHER/update", READS, {}, DONE),
    ("POST", "/volumes/prune?filters=%7B%22label%22:%5B%22never%22%5D%7D", READS, {}, DONE),
    ("DELETE", "/containers/none", READS, {}, frozenset({404})),
    ("PUT", "/containers/OWN/archive", READS, {}, frozenset({400})),
    ("GET", "/containers/json/../OTHER/json", OFFERED, {}, frozenset({301})),
    *(
        ("GET", path, LISTED, {}, frozenset({301}))
        for path in ("/version/../info", "/containers/json/../../info", "/containers/OWN/json/../../OTHER/json")
    ),
    *(("GET", f"/x{path}", LISTED, {}, frozenset({404})) for path in ("/_ping", "/containers/json")),
    ("GET", "/x/containers/OWN/json", LISTED, {}, frozenset({404})),
    ("GET", "/containers/../json", OFFERED, {}, frozenset({301})),
    ("GET", "/containers/./json", OFFERED, {}, frozenset({301})),
    ("GET", "//containers/OTHER/json", OFFERED, {}, frozenset({301})),
    ("GET", "/containers/OTHER%2Fjson", OFFERED, {}, DONE),
    ("GET", "/containers/%4fTHER/json", OFFERED, {}, frozenset({404})),
    ("GET", "/_ping", OFFERED, UPGRADE, DONE),
    ("GET", "/containers/OWN/json", OFFERED, UPGRADE, DONE),
]


@pytest.mark.parametrize(
    ("method", "path", "reason", "headers", "codes"), REFUSED, ids=[f"{each[0]} {each[1]}" for each in REFUSED]
)
def test_a_request_is_refused_that_the_engine_would_answer(
    bench: Bench, method: str, path: str, reason: str, headers: dict[str, str], codes: frozenset[int]
) -> None:
    refused = bench.ask(method, path, **headers)
    assert refused.status == 403 and refused.headers["content-type"] == "application/json"
    assert refused.reason.startswith("wt: ") and reason in refused.reason
    assert bench.ask_engine(method, path, **headers).status in codes
