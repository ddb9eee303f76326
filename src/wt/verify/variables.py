"""The variables that an editor hands over: gone in every bash."""

from collections.abc import Iterator

from wt.model import Check
from wt.verify.answers import SAY, Heard, judged, of, unknown

NAMES = (
    "SSH_AUTH_SOCK",
    "GPG_AGENT_INFO",
    "BROWSER",
    "VSCODE_IPC_HOOK_CLI",
    "VSCODE_GIT_IPC_HANDLE",
    "GIT_ASKPASS",
    "VSCODE_GIT_ASKPASS_MAIN",
    "VSCODE_GIT_ASKPASS_NODE",
    "VSCODE_GIT_ASKPASS_EXTRA_ARGS",
    "REMOTE_CONTAINERS_IPC",
    "REMOTE_CONTAINERS_SOCKETS",
    "REMOTE_CONTAINERS_DISPLAY_SOCK",
    "WAYLAND_DISPLAY",
    "DISPLAY",
    "XAUTHORITY",
)
_PLAIN = "sh -c"
_SHELLS = ("bash -c", "bash -lc", "bash -ic", "bash -lic")
_DONE = "done"
# For `sh`, which reads no file of ours: as an editor's program that starts a shell.
SCRIPT = f"""
{SAY}
export HISTFILE=
look='for name in {" ".join(NAMES)}; do
  eval "value=\\${{$name-}}"; [ -z "$value" ] || printf "%s " "$name"
done; printf {_DONE}'
for shell in "{_PLAIN}" {" ".join(f'"{shell}"' for shell in _SHELLS)}; do
  say "$shell" 0 "$(timeout -k 1 10 $shell "$look" 2>/dev/null </dev/null)"
done
say end 0 ""
"""


def injected(mark: str) -> dict[str, str]:
    """The variables, with a value that leads nowhere."""
    return dict.fromkeys(NAMES, mark)


def checks(heard: Heard) -> Iterator[Check]:
    """One row for each way to start bash; `sh` is the control, and the limit."""
    plain = of(heard, _PLAIN).text.split()
    for shell in _SHELLS:
        control, tried = f"variables: {shell}", f"{len(NAMES)} variables of an editor's, by docker exec --env"
        found = of(heard, shell).text.split()
        if found[-1:] != [_DONE]:
            yield unknown(control, tried, of(heard, shell).shown)
        elif plain != [*NAMES, _DONE]:
            yield unknown(control, tried, f"they did not all arrive in `{_PLAIN}` either")
        else:
            answer = f"all are empty or gone; `{_PLAIN}` has them, a known limit"
            yield judged(control, tried, [f"there is {name}" for name in found[:-1]], answer)
