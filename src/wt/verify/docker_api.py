"""The Docker API inside: what it has to answer, what it has to refuse, and that there is no other."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from wt import naming
from wt.model import Check
from wt.verify.answers import FAILS, Heard, judged, of, quoted, unknown
from wt.verify.target import Target
from wt.weakness import PROXY, SOCKETS

SOCKET = "/run/docker-api/docker.sock"
# Where a socket of the engine's usually is.
_USUAL = ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock")
# Directories of the host in which it lies where it is not at the place that wt found.
_RUN = ("/run", "/var/run")
# Sockets of one directory that are asked.
_MOST = 30
_FORBIDDEN, _OK = 403, 200
# Both are asked for, since each has a rule of its own; by what is said of the query.
_LISTS = {"all": "?all=1", "running": ""}
# Before a name that was listed; each is an answer by itself, since one is cut.
_LISTED = "listed:"
# Before the place of a socket that answers as the engine does.
_ENGINE = "engine:"
_UP = "wt up starts it; wt logs shows what it says"

_FUNCTIONS = f"""
ask() {{
  key=$1 body=$top/body; shift; rm -f "$body"
  code=$(ulimit -f 4096
    curl -s --noproxy '*' --path-as-is -m 10 -o "$body" -w '%{{http_code}}' --unix-socket {SOCKET} "$@" </dev/null)
  say "$key" "${{code:-0}}" "$(head -c 200 "$body" 2>/dev/null)"
}}
engines() {{
  for each in "$1" "$1"/* "$1"/.[!.]*; do if [ -S "$each" ]; then echo "$each"; fi; done | head -n {_MOST} |
    while read -r each; do
      curl -si --noproxy '*' -m 2 --unix-socket "$each" http://docker/_ping </dev/null 2>&1 | head -c 4096 |
        grep -qi '^api-version:' && say "{_ENGINE}$each" 0 ""
    done
}}
names() {{
  grep -o '"Names":\\["[^"]*"' "$top/body" | cut -d'"' -f4 | while read -r each; do say "{_LISTED}$1:$each" 0 ""; done
}}
"""


def refused(target: Target) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Requests that must be refused: method, path, and further options of curl; none does harm if it is not."""
    own = target.container
    foreign, foreign_id = target.foreign
    get = [
        *("/images/json", "/info", "/networks", "/volumes", "/system/df", "/events?until=1", "/images/search?term=x"),
        *(f"/containers/{name}/json" for name in (foreign, foreign_id, foreign_id[:12])),
        *(f"/containers/{name}/logs?stdout=1&tail=1" for name in (foreign, foreign_id, foreign_id[:12])),
        *(f"/containers/{name}/stats?stream=0" for name in (foreign, foreign_id[:12])),
        *(
            f"/containers/{own}/{what}"
            for what in ("archive?path=/etc/hostname", "attach/ws", "top", "export", "changes")
        ),
        f"/containers/{own}/exec",
        *("/v1.41/../images/json", "//images/json", "/%2e%2e/images/json", "/v1.41/%69mages/json"),
        f"/containers/{own}/../{foreign}/json",
        f"/containers/{own}%2f..%2f{foreign}/json",
        f"/v1.41//containers/{own}/json",
    ]
    # Each pattern of the proxy's at both ends; the foreign container's own name has the sandbox's at both.
    get += [
        *(f"/containers/{name}/json" for name in (f"x{own}", f"{own}x")),
        *("/x/_ping", "/_pingx", "/x/containers/json", "/containers/jsonx/json"),
        *(f"/x/containers/{own}/json", f"/containers/{own}/jsonx", f"/images/{own}/json"),
    ]
    upgrade = ("-H", "Connection: Upgrade", "-H", "Upgrade: tcp")
    return (
        *(("GET", path, ()) for path in get),
        ("GET", "/_ping", upgrade),
        ("POST", "/containers/create", ("-d", "{}")),
        *(("POST", f"/containers/{own}/{what}", ("-d", "{}")) for what in ("exec", "json")),
        ("POST", "/build", ("-d", "")),
        ("DELETE", f"/containers/{foreign}?force=1", ()),
    )


def script(target: Target) -> str:
    """Ask what must be answered, then what must not."""
    lines = [
        f"if [ -S {SOCKET} ]; then say api:socket 0 ''; else say api:socket 1 'no socket'; fi",
        f'say api:usual 0 "$(ls -d {quoted(_USUAL)} 2>/dev/null)"',
        'say api:host 0 "$DOCKER_HOST"',
    ]
    lines += [f"engines {quoted([place])}" for place in sorted(target.host_sources)]
    if PROXY in target.services:
        lines += [
            "ask api:ping http://docker/_ping",
            f"ask api:own {quoted([f'http://docker/containers/{target.container}/json'])}",
            *(
                f"ask api:list:{key} 'http://docker/containers/json{query}'; names {key}"
                for key, query in _LISTS.items()
            ),
        ]
        for number, (method, path, options) in enumerate(refused(target)):
            lines.append(f"ask {quoted([f'api:{number}', '-X', method, *options, f'http://docker{path}'])}")
    return _FUNCTIONS + "\n".join(lines)


def checks(target: Target, inside: Heard, _weak: Heard) -> Iterator[Check]:
    """Where there is a proxy three rows, and one that there is nothing else."""
    if PROXY in target.services:
        yield _answers(inside)
        yield _refuses(target, inside)
        yield _lists(target, inside)
    yield _no_other(target, inside)


def _answers(inside: Heard) -> Check:
    control, tried = "docker api", f"/_ping and the sandbox's own container, through {SOCKET}"
    for key in ("ping", "own"):
        answer = of(inside, f"api:{key}")
        if answer.code != _OK:
            socket = of(inside, "api:socket")
            why = str(answer.code or "nobody answers") if socket.worked else socket.shown
            return unknown(control, tried, f"{key}: {why}", _UP)
    return judged(control, tried, (), "both are answered")


def _refuses(target: Target, inside: Heard) -> Check:
    requests = refused(target)
    control, tried = "docker api: refusals", f"{len(requests)} requests beyond that"
    answers = [(f"{method} {path}", of(inside, f"api:{number}")) for number, (method, path, _) in enumerate(requests)]
    if let_in := [f"{name} ({answer.code})" for name, answer in answers if answer.code not in (_FORBIDDEN, 0, None)]:
        more = f", and {len(let_in) - 1} more" if len(let_in) > 1 else ""
        return Check(control, tried, f"not refused: {let_in[0]}{more}", FAILS)
    if of(inside, "api:ping").code != _OK:
        return unknown(control, tried, "it can't be asked: /_ping has no answer either", _UP)
    if silent := [name for name, answer in answers if answer.code != _FORBIDDEN]:
        return unknown(control, tried, f"no answer to {silent[0]}")
    if odd := [f"{name}: {answer.text}" for name, answer in answers if '"message"' not in answer.text]:
        return unknown(control, tried, f"it is not the proxy that refuses {odd[0]}")
    return judged(control, tried, (), f"all are refused with {_FORBIDDEN}")


def _lists(target: Target, inside: Heard) -> Check:
    control, tried = "docker api: list", " and ".join(f"/containers/json{query}" for query in _LISTS.values())
    services = "|".join(map(re.escape, target.services))
    shared = re.escape(naming.shared_project_name(target.worktree.repository))
    own = re.compile(f"/({re.escape(target.project)}-({services})|{shared}-[a-z0-9_.-]+)-[0-9]+")
    found = {key: _listed(inside, key) for key in _LISTS}
    if wrong := [f"there is {name}" for names in found.values() for name in names if not own.fullmatch(name)]:
        return judged(control, tried, wrong[:3], "")
    for key, names in found.items():
        if of(inside, f"api:list:{key}").code != _OK:
            return unknown(control, tried, of(inside, f"api:list:{key}").shown, _UP)
        if f"/{target.container}" not in names:
            return unknown(control, tried, "the sandbox's own container is not in it")
    return judged(control, tried, (), f"{len(found['all'])}, all of the sandbox's or the shared services'")


def _listed(inside: Heard, key: str) -> list[str]:
    start = f"{_LISTED}{key}:"
    return [name.removeprefix(start) for name in inside if name.startswith(start)]


def _no_other(target: Target, inside: Heard) -> Check:
    control, tried = "docker sockets", "look at the usual places, into what is the host's, and at DOCKER_HOST"
    usual, host, socket = (of(inside, f"api:{key}") for key in ("usual", "host", "socket"))
    if not usual.worked or not host.worked:
        return unknown(control, tried, "nobody looked")
    wrong = [f"there is {place}" for place in usual.text.split()]
    wrong += [f"{key.removeprefix(_ENGINE)} answers" for key in inside if key.startswith(_ENGINE)]
    wrong += [f"{place} is the host's {source}" for place, source in sorted(_leading_out(target).items())]
    proxied = PROXY in target.services
    if socket.worked and not proxied:
        wrong.append(f"there is {SOCKET}, and no {PROXY} in the compose files")
    if host.text and not (proxied and host.text == f"unix://{SOCKET}"):
        wrong.append(f"DOCKER_HOST is {host.text}")
    return judged(control, tried, wrong, "none but the proxy's" if proxied else "none, as configured")


def _leading_out(target: Target) -> dict[str, str]:
    """Of what is the host's: a socket of the engine's, or a directory that one lies in."""
    sockets = {
        target.values["WT_DOCKER_SOCKET"],
        *(f"{place}/{name}" for place in _RUN for name in SOCKETS),
        *(f"{place}/{name.removesuffix('.sock')}/{name}" for place in _RUN for name in SOCKETS),
    }
    return {
        place: source
        for place, source in target.host_sources.items()
        if PurePosixPath(source).name in SOCKETS or any(PurePosixPath(each).is_relative_to(source) for each in sockets)
    }
