"""What can only be read, and can't be put out of the way either."""

from collections.abc import Iterator

from wt.model import Check
from wt.verify.answers import HOLDS, Answer, Heard, blocked, of, quoted
from wt.verify.target import Target

_OUTSIDE = ("/wt/objects", "/wt/lfs", "/wt/host.git", "/wt/host.git/refs")
_EDITORS = (".devcontainer", ".vscode", ".idea")
_READ_ONLY, _BUSY, _DENIED = "read-only file system", "busy", "permission denied"
# The system calls themselves: mv would copy where it can't rename.
_RENAME = 'rename($ARGV[0], $ARGV[1]) or do { print "$!"; exit 1 }'
_REMOVE = '(-d $ARGV[0] && ! -l $ARGV[0] ? rmdir $ARGV[0] : unlink $ARGV[0]) or do { print "$!"; exit 1 }'
# Its mode, to what it is: asked of whoever owns it, a mount for reading only says so first (fs/open.c of Linux).
_CHANGE = 'chmod((stat $ARGV[0])[2] & 07777, $ARGV[0]) or do { print "$!"; exit 1 }'

# What is no mount is neither renamed nor removed: that it is none is what was to be shown.
_FUNCTIONS = f"""
mounted() {{
  while read -r _ _ _ _ at _; do
    printf -v at '%b' "${{at//\\\\/\\\\0}}"; if [ "$at" = "$1" ]; then return 0; fi
  done </proc/self/mountinfo
  return 1
}}
write() {{
  if [ -d "$2" ]; then try "write:$1" bash -c ': >"$1" && rm -f "$1"' bash "$2/$mark"
  else try "write:$1" perl -e '{_CHANGE}' "$2"; fi
}}
displace() {{
  try "rename:$1" perl -e '{_RENAME}' "$2" "$3"
  if [ -e "$3" ] && ! [ -e "$2" ]; then perl -e '{_RENAME}' "$3" "$2"; fi
  try "remove:$1" perl -e '{_REMOVE}' "$2"
}}
fixed() {{
  if mounted "$1"; then displace "$1" "$1" "/app/$mark"
  else say "rename:$1" 0 "it is no mount"; say "remove:$1" 0 "it is no mount"; fi
}}
"""
_CONTROL = """
write control /app
write control-git /wt/repo.git
write control-file /wt/repo.git/HEAD
mkdir "/app/$mark-1" 2>/dev/null && displace control "/app/$mark-1" "/app/$mark-2"
rmdir "/app/$mark-1" "/app/$mark-2" 2>/dev/null
"""


def places(target: Target) -> tuple[str, ...]:
    """Paths inside that can only be read."""
    pointer = () if target.worktree.is_main else ("/app/.git",)
    return (*_OUTSIDE, *pointer, *(f"/app/{path}" for path in (*_EDITORS, *target.protect)))


def script(target: Target) -> str:
    """Write to each, then try to rename and to remove those that lie in the workspace."""
    wanted = places(target)
    lines = [f"write {quoted([place, place])}" for place in wanted]
    lines += [f"fixed {quoted([place])}" for place in (*wanted, "/app/.git") if place.startswith("/app/")]
    return _FUNCTIONS + "\n".join(lines) + _CONTROL


def checks(target: Target, inside: Heard, _weak: Heard) -> Iterator[Check]:
    """One row for each place."""
    for place in places(target):
        yield _place(target, inside, place)
    if target.worktree.is_main:
        # In the main checkout it is the private repository itself, to be written; its source is among the mounts.
        answer = _reason(of(inside, "rename:/app/.git"))
        row = Check("fixed: /app/.git", "rename it, remove it", answer, HOLDS)
        yield _fixed(target, inside, "/app/.git") or row


def _place(target: Target, inside: Heard, place: str) -> Check:
    control, tried = f"read-only: {place}", "write to it"
    deeds = ("write", "rename", "remove") if place.startswith("/app/") else ("write",)
    written = blocked(control, tried, of(inside, f"write:{place}"), _READ_ONLY, _positive(target, inside, place))
    if written.state != HOLDS:
        return written
    moved = _fixed(target, inside, place) if len(deeds) > 1 else None
    if moved is not None:
        return moved
    answers = [_reason(of(inside, f"{deed}:{place}")) for deed in deeds]
    return Check(control, ", ".join(f"{deed} it" for deed in deeds), ", ".join(answers), HOLDS)


def _positive(target: Target, inside: Heard, place: str) -> Answer:
    """The same where it should work."""
    if place == "/app/.git":
        return of(inside, "write:control-file")
    return of(inside, "write:control" if target.writable else "write:control-git")


def _fixed(target: Target, inside: Heard, place: str) -> Check | None:
    """What is wrong with a mount point that should stay where it is; None when nothing is."""
    reason = _BUSY if target.writable else f"{_BUSY}|{_DENIED}"
    for deed in ("rename", "remove"):
        positive = of(inside, f"{deed}:control") if target.writable else None
        row = blocked(f"fixed: {place}", f"{deed} it", of(inside, f"{deed}:{place}"), reason, positive)
        if row.state != HOLDS:
            return row
    return None


def _reason(answer: Answer) -> str:
    """`bash: line 1: /x: Read-only file system` without what is known."""
    return answer.text.rpartition(": ")[2].strip().lower()
