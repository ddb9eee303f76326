"""Limits on memory, processes, open files and /tmp, as the kernel has them."""

import re
from collections.abc import Iterator

from wt.model import Check
from wt.verify.answers import Heard, judged, of, quoted, unknown
from wt.verify.target import Target
from wt.weakness import TMP_FILES

_FILES = {
    "memory": ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    "processes": ("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"),
}
_SETTINGS = {"memory": "Memory", "processes": "PidsLimit"}
# As compose.wt.yml has it.
_OPEN_FILES = 16384
# Bytes: memory is given in whole pages, which have as many at most.
_PAGE = 1 << 16
# The first version of cgroups writes a number where there is no limit.
_NONE = 1 << 60
# The second version of cgroups counts swap by itself, the first one together with memory.
_SWAP = """
cd /sys/fs/cgroup; if [ -e memory.swap.max ]; then echo apart $(cat memory.swap.max)
elif [ -e memory/memory.memsw.limit_in_bytes ]; then echo together $(cat memory/memory.memsw.limit_in_bytes)
elif [ $(wc -l </proc/swaps) -lt 2 ]; then echo none 0; else echo not counted; fi
"""
_UNITS = {"k": 10, "m": 20, "g": 30}
SCRIPT = "\n".join(
    [
        *(f"try limit:{name} sh -c 'cat {new} 2>/dev/null || cat {old}'" for name, (new, old) in _FILES.items()),
        f"try limit:swap sh -c {quoted([_SWAP])}",
        "try 'limit:open files' sh -c 'ulimit -Hn'",
        # What it has in all, bytes and files: of a mount's options the kernel leaves out its own default.
        "try limit:/tmp stat -f -c '%b %S %c' /tmp",
    ]
)


def checks(target: Target, inside: Heard, weak: Heard) -> Iterator[Check]:
    """One row for each: a number, the one that the engine was told, where a weak container has none."""
    for name, files in _FILES.items():
        yield _limit(target, inside, weak, name, files[0].rpartition("/")[2])
    yield _swap(target, inside, weak)
    yield _open_files(target, inside)
    yield _tmp(target, inside)


def _limit(target: Target, inside: Heard, weak: Heard, name: str, file: str) -> Check:
    control, tried = f"limit: {name}", f"{file} of the control group"
    found, elsewhere = of(inside, f"limit:{name}"), of(weak, f"limit:{name}")
    told = (target.app.get("HostConfig") or {}).get(_SETTINGS[name])
    if not found.worked or not elsewhere.worked:
        return unknown(control, tried, found.shown if not found.worked else elsewhere.shown)
    if _number(elsewhere.text) is not None:
        return unknown(control, tried, f"a container without a limit has one, too: {elsewhere.text}")
    number = _number(found.text)
    memory = name == "memory"
    wanted = _bytes(target.values["WT_MEMORY"]) if memory else int(target.values["WT_PIDS"])
    wrong = _other(number, told, wanted, page=_PAGE if memory else 1)
    return judged(control, tried, wrong, f"{number}, as .env has it; a weak container has none")


def _swap(target: Target, inside: Heard, weak: Heard) -> Check:
    control, tried = "limit: swap", "memory and swap of the control group"
    found, elsewhere = of(inside, "limit:swap"), of(weak, "limit:swap")
    how, _, text = found.text.partition(" ")
    if not found.worked or not text:
        return unknown(control, tried, found.shown)
    if how == "none":
        return judged(control, tried, (), "the machine has none")
    if _number(elsewhere.text.rpartition(" ")[2]) is not None:
        return unknown(control, tried, f"a container without a limit has one, too: {elsewhere.text}")
    memory = (target.app.get("HostConfig") or {}).get("Memory") if how == "together" else 0
    number = _number(text)
    held = number is not None and _is(number, memory, _PAGE if memory else 1)
    wrong = [] if held else [f"{text}, {how} with memory" if how == "together" else text]
    return judged(control, tried, wrong, "none besides memory; a weak container has no limit")


def _open_files(target: Target, inside: Heard) -> Check:
    control, tried, found = "limit: open files", "ulimit -Hn", of(inside, "limit:open files")
    if not found.worked:
        return unknown(control, tried, found.shown)
    limits = (target.app.get("HostConfig") or {}).get("Ulimits") or ()
    told = {each.get("Name"): each.get("Hard") for each in limits}.get("nofile")
    number = _number(found.text)
    return judged(control, tried, _other(number, told, _OPEN_FILES), f"{number}, as wt has it")


def _tmp(target: Target, inside: Heard) -> Check:
    control, tried, found = "limit: /tmp", "statfs(2), bytes and files", of(inside, "limit:/tmp")
    if not re.fullmatch("[0-9]+ [0-9]+ [0-9]+", found.text):
        return unknown(control, tried, found.shown)
    blocks, size, files = map(int, found.text.split())
    wanted, wrong = _bytes(target.values["WT_TMP"]), []
    if not 0 < blocks * size < wanted + size:
        wrong.append(f"{blocks * size} bytes, and not {wanted}")
    if not 0 < files <= TMP_FILES:
        wrong.append(f"{files} files, and not {TMP_FILES}")
    return judged(control, tried, wrong, f"{target.values['WT_TMP']} and {files} files, as wt mounts it")


def _other(number: int | None, told: int | None, wanted: int, page: int = 1) -> Iterator[str]:
    """What is wrong with a number of the kernel's: the engine was told another one, or wt has another one."""
    if number is None:
        yield "there is none"
    elif not _is(number, told, page):
        yield f"{number}, but the engine was told {told or 'none'}"
    elif not _is(number, wanted, page):
        yield f"{number}, and not {wanted}"


def _is(number: int, wanted: int | None, page: int) -> bool:
    return wanted is not None and 0 <= wanted - number < page


def _bytes(size: str) -> int:
    return int(size[:-1]) << _UNITS[size[-1].lower()]


def _number(text: str) -> int | None:
    value = int(text) if text.strip().isdecimal() else _NONE
    return value if value < _NONE else None
