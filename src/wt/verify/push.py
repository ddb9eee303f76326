"""A push: to the remotes for want of a key, to the host since it can only be read."""

from collections.abc import Iterator

from wt.model import Check, Remote
from wt.verify.answers import FAILS, HOLDS, Answer, Heard, blocked, judged, of, quoted, unknown
from wt.verify.target import Target

_QUIET = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
_SSH = f"ssh -o BatchMode=yes -o ConnectTimeout=3 {_QUIET}"
# What a server says to somebody without a key, and git to somebody without a password.
_REFUSALS = {
    "no key": r"permission denied \([a-z,-]*publickey",
    "no password": r"could not read (username|password)|terminal prompts disabled|authentication failed|error: 40[13]",
}
_NO_NAME = r"could not resolve host"
_NOT_HERE = r"does not (appear to be a git repository|exist)|no such file or directory"
_READ_ONLY, _NO_PLACE = "read-only file system", "unable to create temporary object directory"
_PUSH = "git -C /app -c core.hooksPath=/dev/null push --no-verify"
# Begun at first, since a server far away takes its time; nothing is sent.
_BEGIN = "export GIT_TERMINAL_PROMPT=0\n"
# Of a commit that is there, so that nothing would be left beside the ref if it were taken.
_HOST = f"""
tip=$(git -C /app ls-remote host 2>&1); code=$?
say push:control "$code" "$tip"
tip=${{tip%%[!0-9a-f]*}}
if [ "$code" = 0 ] && [ -n "$tip" ]; then
  try push:host {_PUSH} host "$tip:refs/heads/$mark"
  {_PUSH} --quiet host ":refs/heads/$mark" 2>/dev/null
fi
"""


def begin(target: Target) -> str:
    """A push to each remote, all at once."""
    return _BEGIN + "\n".join(_attempt(target, number, each) for number, each in _numbered(target))


def _attempt(target: Target, number: int, remote: Remote) -> str:
    """What the host's ssh calls by another name would not be found inside."""
    ssh = f"{_SSH} {quoted(target.ssh.get(remote.url, ()))}".rstrip()
    push = f'{_PUSH} --dry-run {quoted([remote.url])} "HEAD:refs/heads/$mark"'
    return f"try push:{number} env {quoted([f'GIT_SSH_COMMAND={ssh}'])} {push} &"


def end(_target: Target) -> str:
    """The host's refs, and then wait for all that were begun."""
    return f"{_HOST}\nwait\n"


def checks(target: Target, inside: Heard, _weak: Heard) -> Iterator[Check]:
    """One row for each remote, and one for the host."""
    # Whether the name of any is known inside, so that one that is not is none of the network's.
    known = any(_refusals(of(inside, f"push:{number}")) for number, _ in _numbered(target))
    for number, remote in _numbered(target):
        yield _remote(remote, f"push:{number}", inside, known=known)
    control, tried = "push: host", "git push host"
    reading, answer = of(inside, "push:control"), of(inside, "push:host")
    if reading.worked and not reading.text.strip():
        yield unknown(control, tried, "the host has no commit yet")
    elif not reading.worked:
        yield unknown(control, tried, f"git ls-remote host fails, too: {reading.shown}", "wt doctor")
    else:
        yield _refused_by_host(blocked(control, tried, answer, f"{_READ_ONLY}|{_NO_PLACE}", reading), inside)


def _refused_by_host(row: Check, inside: Heard) -> Check:
    """git does not say why it can't write; a write by hand does."""
    why = of(inside, "write:/wt/host.git")
    if row.state == HOLDS and _NO_PLACE in row.answer and not why.says(_READ_ONLY):
        return unknown(row.control, row.tried, f"{row.answer}, since {why.shown}")
    return row


def _numbered(target: Target) -> list[tuple[int, Remote]]:
    return [*enumerate((each for each in target.remotes if each.name != "host"), 1)]


def _refusals(found: Answer) -> list[str]:
    return [name for name, said in _REFUSALS.items() if found.says(said)]


def _remote(remote: Remote, key: str, inside: Heard, *, known: bool) -> Check:
    control, tried, found = f"push: {remote.name}", f"git push --dry-run {remote.url}", of(inside, key)
    if found.worked:
        return Check(control, tried, "it would be taken", FAILS, "a key or a token lies in the sandbox: remove it")
    if refusals := _refusals(found):
        return judged(control, tried, (), f"refused, with {refusals[0]}: {found.text}")
    if _is_path(remote.url) and found.says(_NOT_HERE):
        return judged(control, tried, (), f"the path is not in the sandbox: {found.text}")
    if known and found.says(_NO_NAME):
        return judged(control, tried, (), f"nothing gets there, no such name is known inside: {found.text}")
    return unknown(control, tried, found.shown, "with a network on which the remote answers, run it again")


def _is_path(url: str) -> bool:
    return url.startswith(("/", ".", "file://", "~"))
