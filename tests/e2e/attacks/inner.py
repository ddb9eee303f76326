"""What a sandbox may ask of docker, what an editor brings in, and how much of the machine it may take."""

import re

from attacks.attack import SECRET, Attack, Seen, Side

# The Docker API, over TCP or over a Unix socket.
API = """
api() {
  case $DOCKER_HOST in
    unix:*) curl --silent --include --max-time 8 --unix-socket "${DOCKER_HOST#unix://}" "${@:2}" "http://docker$1" ;;
    *)
      exec 3<>/dev/tcp/docker-proxy/2375
      printf 'GET %s HTTP/1.0\\r\\nHost: docker\\r\\n' "$1" >&3
      for word in "${@:2}"; do [ "$word" = -H ] || printf '%s\\r\\n' "$word" >&3; done
      printf '\\r\\n' >&3
      timeout 8 cat <&3 ;;
  esac | tr -d '\\0'
}
"""
# What an editor leaves in a container: here its socket leads to the file that tells.
EDITOR = """
node -e "require('net').createServer(s => s.end('$SECRET_WORD')).listen('/tmp/vscode-ipc-1.sock')" >/dev/null 2>&1 &
sleep 3
node -e "require('net').connect('/tmp/vscode-ipc-1.sock').on('error', e => console.log(e.code)).pipe(process.stdout)"
kill %1
"""


def says(word: str) -> Seen:
    """What the script printed has the word."""
    return lambda side, attack: word in side.planted[attack.name]


def limit(controller: str, version_one: str) -> str:
    return f"cat /sys/fs/cgroup/{controller}.max /sys/fs/cgroup/{version_one} 2>/dev/null | sed 's/^/limit: /'"


def unlimited(side: Side, attack: Attack) -> bool:
    """What the kernel says is no number, or the largest that there is."""
    found = re.findall(r"limit: (\w+)", side.planted[attack.name])
    return all(each == "max" or int(each) > 2**60 for each in found)


ATTACKS = tuple(
    Attack(name, script, fired=fired, together="inside")
    for name, script, fired in (
        (
            "names of all containers of the machine",
            f"{API} api '/containers/json?all=1'",
            lambda side, attack: side.stranger in side.planted[attack.name],
        ),
        ("environment of another container", f"{API} api /containers/$STRANGER/json", says(SECRET)),
        ("file of another container", f'{API} api "/containers/$STRANGER/archive?path=/tmp/secret"', says(SECRET)),
        ("logs of another container", f'{API} api "/containers/$STRANGER/logs?stdout=1"', says(SECRET)),
        ("command lines of another container", f'{API} api "/containers/$STRANGER/top?ps_args=axeww"', says(SECRET)),
        (
            "shell in another container, through attach/ws",
            f"{API} api \"/containers/$STRANGER/attach/ws?stream=1&stdin=1\" -H 'Connection: Upgrade' "
            "-H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='",
            says(" 101 "),
        ),
        (
            "the engine made to connect to a port of the host's",
            f'{API} api "/images/search?term=${{SERVER#http://}}/x"',
            says("401"),
        ),
        ("images of the machine", f"{API} api /images/json", says("haproxy:3.0")),
        ("socket of an editor, used after three seconds", f"SECRET_WORD={SECRET}\n{EDITOR}", says(SECRET)),
        (
            "variable of an editor, in a script",
            f"SSH_AUTH_SOCK={SECRET} bash -c 'echo $SSH_AUTH_SOCK'",
            says(SECRET),
        ),
        ("all of the machine's memory", limit("memory", "memory/memory.limit_in_bytes"), unlimited),
        ("all of the machine's processes", limit("pids", "pids/pids.max"), unlimited),
    )
)
