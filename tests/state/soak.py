"""Many random sequences, kills and crowds, and how many of what: `./just soak`."""

import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from state import clean, crowds, kills, machine
from state.memory import IMAGE, Memory
from state.real import Real, base_image
from state.world import World, template

NUMBERS = {"memory": 1000, "engine": 100, "kills": 200, "crowds": 20}


def main(words: list[str]) -> None:
    """Run all parts, or the one that is named, as often as is said.

    Raises:
        SystemExit: there is no such part.
    """
    if words and words[0] not in NUMBERS:
        raise SystemExit(f"soak: there is no part {words[0]}; there are: {', '.join(NUMBERS)}")
    parts = {words[0]: int(words[1]) if words[1:] else NUMBERS[words[0]]} if words else NUMBERS
    home = Path(tempfile.mkdtemp(prefix="wt-soak."))
    try:
        with clean.machine(home):
            for part, number in parts.items():
                began = time.monotonic()
                counts = PARTS[part](home / part, number)
                say(table(part, counts, time.monotonic() - began))
    finally:
        shutil.rmtree(home, ignore_errors=True)


def in_memory(home: Path, number: int) -> Counter[str]:
    original = template(home / "shop", IMAGE)
    return machine.run(original, lambda: Memory([IMAGE]), sequences=number, steps=30, derandomize=False)


def on_engine(home: Path, number: int) -> Counter[str]:
    image = f"wt-soak-{os.getpid()}"
    with base_image(image):
        return machine.run(template(home / "shop", image), Real, sequences=number, steps=20, derandomize=False)


def killed(home: Path, number: int) -> Counter[str]:
    image, seed = f"wt-soak-kills-{os.getpid()}", random.randrange(10**6)
    say(f"the seed of the kills is {seed}")
    with base_image(image):
        world = World.copied(template(home / "shop", image), home / "world", Real(), Counter())
        try:
            return kills.run(world, number, seed=seed, told=say)
        finally:
            world.close()


def crowded(home: Path, number: int) -> Counter[str]:
    image, seed, counts = f"wt-soak-crowds-{os.getpid()}", random.randrange(10**6), Counter[str]()
    say(f"the seed of the crowds is {seed}")
    with base_image(image), ExitStack() as stack:
        original, worlds = template(home / "shop", image), []
        for name in ("one", "two"):
            worlds.append(World.copied(original, home / name, Real(), counts))
            stack.callback(worlds[-1].close)
        return crowds.run(worlds, number, seed=seed, told=say)


PARTS = {"memory": in_memory, "engine": on_engine, "kills": killed, "crowds": crowded}


def table(part: str, counts: Counter[str], seconds: float) -> str:
    """What was done, most frequent first."""
    rows = [(what, str(count)) for what, count in counts.most_common() if count]
    width = max(len(what) for what, _ in rows)
    lines = [f"  {what:{width}}  {count:>6}" for what, count in rows]
    return "\n".join([f"{part}: nothing was lost, in {seconds / 60:.1f} minutes", *lines])


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
