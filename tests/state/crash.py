"""A death between two steps of a plan: nothing is undone, and nothing after it is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from wt import apply
from wt.model import Progress
from wt.steps import Step


class Death(BaseException):
    """What nobody catches, as nobody catches SIGKILL."""


@dataclass
class Course:
    """How far a command came.

    Attributes:
        done: steps that it has carried out.
        died: whether it is dead.
    """

    done: int = 0
    died: bool = False


@contextmanager
def at(boundary: int | None) -> Iterator[Course]:
    """Let a command die when it has carried out so many steps; before the first one for 0, never for None."""
    course, perform, undo = Course(), apply._perform, apply._undo

    def die_at(boundary: int | None) -> None:
        if course.done == boundary:
            course.died = True
            raise Death

    def dying(step: Step, progress: Progress) -> None:
        if course.done == 0:
            die_at(boundary)
        perform(step, progress)
        course.done += 1
        die_at(boundary)

    def undone(step: Step) -> None:
        if not course.died:
            undo(step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apply, "_perform", dying)
        patch.setattr(apply, "_undo", undone)
        try:
            yield course
        except Death:
            assert course.died
