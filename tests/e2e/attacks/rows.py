"""All attacks, in the order of the table."""

from attacks import commits, files, git_configuration, inner, objects, pointers, printing, siblings
from attacks.attack import Attack

SUBJECTS: dict[str, tuple[Attack, ...]] = {
    "Git's configuration, hooks, and what is under way": git_configuration.ATTACKS,
    "Pointers, and what is started next": pointers.ATTACKS,
    "Objects, refs and indexes": objects.ATTACKS,
    "Commits that the user takes over": commits.ATTACKS,
    "Files": files.ATTACKS,
    "What is printed": printing.ATTACKS,
    "Siblings": siblings.ATTACKS,
    "Docker, editor and limits": inner.ATTACKS,
}
ATTACKS = tuple(attack for attacks in SUBJECTS.values() for attack in attacks)


def together(attack: Attack) -> tuple[Attack, ...]:
    """An attack with those that are planted at the same time."""
    if not attack.together:
        return (attack,)
    return tuple(each for each in ATTACKS if each.together == attack.together)
