"""What a script inside answered, and how "blocked" is told from "broken"."""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wt.model import Check

HOLDS, FAILS, UNKNOWN = "holds", "fails", "unknown"
# Says that a script came to its end.
END = "end"
# Characters of an answer that are kept.
_LONGEST = 300

# `say KEY CODE TEXT` prints one answer, which has neither tabs nor line breaks; for any shell.
SAY = f"""
say() {{ printf '%s\\t%s\\t%s\\n' "$1" "$2" "$(printf %s "$3" | tr '\\t\\n\\r' '   ' | head -c {_LONGEST})"; }}
"""
# `try KEY COMMAND...` says what came of a command, the end of it where it has many lines; for bash.
PRELUDE = f"""
{SAY}
export LC_ALL=C
try() {{
  key=$1; shift
  out=$(timeout -k 1 5 "$@" 2>&1 </dev/null | tail -n 8; exit "${{PIPESTATUS[0]}}"); say "$key" $? "$out"
}}
"""


@dataclass(frozen=True)
class Answer:
    """What came back from one thing that was tried.

    Attributes:
        code: its exit code, or that of HTTP; None when nothing came back.
        text: what it said.
    """

    code: int | None
    text: str

    @property
    def worked(self) -> bool:
        return self.code == 0

    def says(self, reason: str) -> bool:
        """Whether it failed, and for this reason, a regular expression."""
        return self.code not in (None, 0) and re.search(reason, self.text, re.IGNORECASE) is not None

    @property
    def shown(self) -> str:
        return self.text.strip() or ("no answer" if self.code is None else f"exit code {self.code}, and no word")


Heard = Mapping[str, Answer]
_NONE = Answer(None, "")


def of(heard: Heard, key: str) -> Answer:
    """One answer; what was never given is one that says nothing."""
    return heard.get(key, _NONE)


def parse(text: str) -> dict[str, Answer]:
    """The answers of a script, each by its key; what is no answer is left out."""
    rows = (line.split("\t", 2) for line in text.split("\n"))
    return {
        key: Answer(int(code), said[:_LONGEST])
        for key, code, said in (row for row in rows if len(row) == 3)
        if re.fullmatch(r"[0-9]{1,3}", code)
    }


def quoted(words: Iterable[object]) -> str:
    """Words of a shell's line."""
    return shlex.join(str(word) for word in words)


def judged(control: str, tried: str, problems: Iterable[str], answer: str, hint: str | None = None) -> Check:
    """Holds when nothing is wrong with what was read."""
    wrong = "; ".join(problems)
    return Check(control, tried, wrong or answer, FAILS if wrong else HOLDS, hint if wrong else None)


def unknown(control: str, tried: str, why: str, hint: str | None = None) -> Check:
    """Could not be shown: the attack was not carried out, or would have failed anyway."""
    return Check(control, tried, f"could not be shown: {why}", UNKNOWN, hint)


def blocked(control: str, tried: str, attack: Answer, reason: str, positive: Answer | None) -> Check:
    """Holds when an attack failed for the right reason, and the same worked where nothing stands in its way.

    Args:
        control: the row's name.
        tried: what was done.
        attack: what came back in the sandbox.
        reason: what has to be said there, a regular expression.
        positive: what came back where it should work; None where the caller has seen to that.
    """
    if attack.worked:
        return Check(control, tried, f"it works: {attack.text.strip()}".rstrip(": "), FAILS)
    if not attack.says(reason):
        return unknown(control, tried, f"it fails for another reason: {attack.shown}")
    if positive is not None and not positive.worked:
        return unknown(control, tried, f"it fails where it should work, too: {positive.shown}")
    return Check(control, tried, attack.text.strip(), HOLDS)
