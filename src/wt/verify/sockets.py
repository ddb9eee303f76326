"""Sockets by the names that an editor gives them: deleted as they appear."""

from collections.abc import Iterator

from wt.model import Check
from wt.verify.answers import FAILS, Heard, judged, of, unknown

_SECONDS = 5
# In /tmp, in the user's directory there, and in directories that are made in the same moment.
_PLANT = """
use Socket; my ($top, $user, $mark) = @ARGV;
sub plant {
  socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, sockaddr_un($_[0])) or die "$_[0]: $!\\n"; print "$_[0]\\n";
}
mkdir $_ for $top, "/tmp/user", $user;
plant("$top/$mark.sock");
for my $place ("/tmp", $user, $top, "$top/a", "$top/a/b") {
  mkdir $place;
  plant("$place/$_-$mark.sock") for "vscode-ipc", "vscode-git", "vscode-ssh-auth", "vscode-wayland";
}
plant("/tmp/vscode-ipc-$mark-linked.sock"); link("/tmp/vscode-ipc-$mark-linked.sock", "$top/kept.sock");
"""
PLANT = f"""
top=/tmp/$mark own=/tmp/user/$(id -u) shared=
[ -d /tmp/user ] || shared=made
[ -d "$own" ] || made=$own
planted=$(perl -e '{_PLANT}' "$top" "$own" "$mark" 2>&1); code=$?
say sockets:planted "$code" "$(printf '%s' "$planted" | tail -n 1)"
begun=${{EPOCHREALTIME/./}}
"""
LOOK = f"""
left() {{ printf '%s\\n' "$planted" | while read -r each; do if [ -S "$each" ]; then echo "$each"; fi; done; }}
while there=$(left | grep /vscode-) && [ $((${{EPOCHREALTIME/./}} - begun)) -lt {_SECONDS}000000 ]; do sleep 0.05; done
say sockets:left 0 "$(printf '%s' "$there" | tr '\\n' ' ')"
say sockets:count 0 "$(printf '%s\\n' "$planted" | grep -c /vscode-)"
if [ -S "$top/$mark.sock" ]; then say sockets:control 0 ""; else say sockets:control 1 ""; fi
if [ -S "$top/kept.sock" ]; then say sockets:linked 0 ""; else say sockets:linked 1 ""; fi
"""
CLEAN = """
[ -z "$planted" ] || printf '%s\\n' "$planted" | while read -r each; do rm -f "$each"; done
rm -rf "/tmp/$mark"; [ -z "$made" ] || rmdir "$made" 2>/dev/null; [ -z "$shared" ] || rmdir /tmp/user 2>/dev/null
"""


def checks(inside: Heard) -> Iterator[Check]:
    """One row: all are gone within seconds, and one of another name is not."""
    control, tried = "sockets", "plant an editor's sockets below /tmp, in directories made in that moment, too"
    planted, left, other = (of(inside, f"sockets:{key}") for key in ("planted", "left", "control"))
    if not planted.worked:
        yield unknown(control, tried, f"they can't be planted: {planted.shown}")
    elif not left.worked:
        yield unknown(control, tried, "nobody looked what became of them")
    elif left.text.strip():
        count = len(left.text.split())
        first = left.text.split()[0]
        hint = "wt logs shows what deletes them says; wt up starts it"
        yield Check(control, tried, f"{count} are there after {_SECONDS} s, such as {first}", FAILS, hint)
    elif not other.worked:
        yield unknown(control, tried, "a socket of another name went, too")
    else:
        kept = "; one that was linked elsewhere in that moment stays, a known limit"
        stays = kept if of(inside, "sockets:linked").worked else ""
        answer = f"all {of(inside, 'sockets:count').text} go within {_SECONDS} s, one of another name stays{stays}"
        yield judged(control, tried, (), answer)
