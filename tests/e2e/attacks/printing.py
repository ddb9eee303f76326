"""What an agent wrote and a terminal obeys."""

from attacks.attack import Attack, Seen

# Sets a terminal's title.
ESCAPE = r"\033]0;owned by %s\007"

# The sandbox's own git, as a program of the agent's that comes first on its PATH.
PEER = f"""
git commit --quiet --allow-empty --message x; mkdir -p ~/.local/bin; cd ~/.local/bin
printf '#!/bin/sh\\nprintf "{ESCAPE % "a peer"}\\\\n" >&2; exit 1\\n' >git; chmod +x git
"""


def prints(what: str) -> Seen:
    """The tool at hand prints it as it is: wt, or what people look with where there is no wt."""
    return lambda side, _attack: f"\x1b]0;owned by {what}\x07" in side.shown


def is_there(where: str) -> Seen:
    """As the control, what looks at nothing that it prints."""
    return lambda side, _attack: (
        "\x1b]0;owned by" in side.account.run("find", where, cwd=side.place, check=False).stdout
    )


ATTACKS = (
    Attack(
        "escape sequence in a commit's subject, as it is printed",
        f"git commit --quiet --allow-empty --message \"$(printf '{ESCAPE % 'a subject'}')\"",
        fired=prints("a subject"),
    ),
    Attack(
        "escape sequence in a file's name, as it is printed",
        f"touch \"$(printf '{ESCAPE % 'a name'}')\"",
        fired=prints("a name"),
        control=is_there("."),
    ),
    Attack(
        "escape sequence in a branch's name, as it is printed",
        f"git rev-parse HEAD >\"$GIT/refs/heads/$(printf '{ESCAPE % 'a branch'}')\"; "
        f"printf '%s refs/heads/{ESCAPE % 'a branch'}\\n' $(git rev-parse HEAD) >>$GIT/packed-refs; "
        f"printf 'ref: refs/heads/{ESCAPE % 'a branch'}' >$ADMIN/HEAD",
        fired=prints("a branch"),
        control=is_there("shop/.git"),
    ),
    Attack(
        "escape sequence in a container's log, as it is printed",
        f"printf '{ESCAPE % 'a log'}\\n' >/proc/1/fd/1",
        fired=prints("a log"),
    ),
    Attack(
        "escape sequence in what a peer says to an import, as it is printed",
        PEER,
        fired=prints("a peer"),
        control=lambda side, _: "\x1b]0;owned by a peer" in side.inside("git").stderr,
    ),
)
