"""Looking without a wire: a look is a generator, so a test can answer it."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from daemon.carriers.base import Ask, Look, Plan

SeenT = TypeVar("SeenT")


def answered(look: Look[SeenT], answers: Callable[[Ask], Any]) -> tuple[SeenT, list[Ask]]:
    """What a look saw, and what it asked."""
    asked: list[Ask] = []
    answer: Any = None
    while True:
        try:
            ask = look.send(answer)
        except StopIteration as stop:
            return stop.value, asked
        asked.append(ask)
        answer = answers(ask)


def lines(plan: Plan) -> Sequence[str]:
    """A plan as a diff."""
    return [f"{change.sign} {change.words}" for change in plan.changes]
