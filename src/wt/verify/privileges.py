"""Capabilities, filters and the user: asked of the kernel, by a process inside."""

from collections.abc import Iterator

from wt.model import Check
from wt.verify.answers import Heard, blocked, judged, of, unknown
from wt.verify.target import Target

CAPABILITIES = {
    "CapBnd": "bounding",
    "CapPrm": "permitted",
    "CapEff": "effective",
    "CapInh": "inheritable",
    "CapAmb": "ambient",
}
# keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING): the default profile denies it, and it changes nothing.
_KEYCTL = 'if (syscall($ARGV[0], 0, -3, 0) < 0) { print "$!"; exit 1 } print "a keyring"'

# `$AS` is what makes a process the sandbox's user, where the script runs as root.
SCRIPT = f"""
while read -r name value; do
  case $name in Cap???: | NoNewPrivs: | Seccomp: | Uid: | Gid: | Groups:) say "${{name%:}}" 0 "$value" ;; esac
done </proc/self/status
case $(uname -m) in x86_64) number=250 ;; aarch64 | arm64) number=219 ;; *) number= ;; esac
if [ -n "$number" ]; then try keyctl perl -e '{_KEYCTL}' "$number"; else say keyctl 1 "no number for $(uname -m)"; fi
try namespace unshare --user true
try setuid $AS passwd -S
for program in sudo su; do
  try "$program" sh -c 'command -v "$1" || {{ echo "not found"; exit 1; }}' sh "$program"
done
"""


def checks(target: Target, inside: Heard, weak: Heard) -> Iterator[Check]:
    """What the kernel grants to a process inside, beside what it grants to one in a weak container."""
    yield _capabilities(inside, weak)
    yield _filter(inside, weak)
    yield _no_new_privileges(inside, weak)
    yield _setuid(inside, weak)
    tried = "unshare --user"
    yield blocked("user namespaces", tried, of(inside, "namespace"), "operation not permitted", of(weak, "namespace"))
    yield blocked("sudo", "command -v sudo", of(inside, "sudo"), "^not found$", of(inside, "su"))
    yield _user(target, inside)


def _capabilities(inside: Heard, weak: Heard) -> Check:
    control, tried = "capabilities", "the five sets in /proc/self/status"
    if any(not of(inside, key).worked for key in CAPABILITIES):
        return unknown(control, tried, "not all of them were read")
    held = [f"{name}: {of(inside, key).text}" for key, name in CAPABILITIES.items() if of(inside, key).text.strip("0")]
    blind = [name for key, name in CAPABILITIES.items() if not of(weak, key).text.strip("0")]
    if not held and blind:
        return unknown(control, tried, f"{', '.join(blind)}: none in a container that should have some, too")
    return judged(control, tried, held, "none; in a weak container there are some in each")


def _filter(inside: Heard, weak: Heard) -> Check:
    control, tried = "seccomp", "keyctl(2), and Seccomp in /proc/self/status"
    mode, answer, elsewhere = of(inside, "Seccomp"), of(inside, "keyctl"), of(weak, "keyctl")
    if mode.worked and mode.text != "2":
        return judged(control, tried, [f"Seccomp is {mode.text}, not 2"], "")
    if not mode.worked:
        return unknown(control, tried, "Seccomp was not read")
    if elsewhere.code is None or elsewhere.says("operation not permitted|not found|no number"):
        return unknown(control, tried, f"keyctl fails without a filter, too: {elsewhere.shown}")
    return blocked(control, tried, answer, "operation not permitted", None)


def _no_new_privileges(inside: Heard, weak: Heard) -> Check:
    control, tried = "no-new-privileges", "NoNewPrivs in /proc/self/status"
    found, elsewhere = of(inside, "NoNewPrivs"), of(weak, "NoNewPrivs")
    if not found.worked or elsewhere.text != "0":
        return unknown(control, tried, f"it is {found.shown} inside, and {elsewhere.shown} in a weak container")
    return judged(control, tried, [] if found.text == "1" else [f"it is {found.text}"], "1; 0 in a weak container")


def _setuid(inside: Heard, weak: Heard) -> Check:
    """`passwd -S` tells seven words where it is root by its setuid bit, and two where it can't read /etc/shadow."""
    control, tried = "setuid", "passwd -S, a setuid program that reads /etc/shadow"
    found, elsewhere = of(inside, "setuid"), of(weak, "setuid")
    if not elsewhere.worked or len(elsewhere.text.split()) < 7:
        return unknown(control, tried, f"it is not root in a weak container either: {elsewhere.shown}")
    if not found.worked or len(found.text.split()) not in (2, 7):
        return unknown(control, tried, found.shown)
    effect = [f"it read it: {found.text}"] if len(found.text.split()) == 7 else []
    return judged(control, tried, effect, "it does not read it; in a weak container the same user's does")


def _user(target: Target, inside: Heard) -> Check:
    control, tried = "user", "Uid, Gid and Groups in /proc/self/status"
    uid, gid = target.values.get("WT_UID", ""), target.values.get("WT_GID", "")
    if not all(of(inside, key).worked for key in ("Uid", "Gid", "Groups")):
        return unknown(control, tried, "not all of them were read")
    uids, gids, groups = ({*of(inside, key).text.split()} for key in ("Uid", "Gid", "Groups"))
    wrong = [f"uid {each}" for each in sorted(uids - {uid} | uids & {"0"})]
    wrong += [f"gid {each}" for each in sorted(gids - {gid} | gids & {"0"})]
    wrong += [f"group {each}" for each in sorted(groups - {gid})]
    return judged(control, tried, wrong, f"{uid}:{gid}, as .env says, and no further group")
