"""The greeting as frames: fixed words, or a turn that the model is asked for. Pure."""

from daemon.core.agent import FixedGreeting, Greeting
from daemon.core.frames import ResponseCreate, ResponseSettings, spoken_exactly
from daemon.core.journal import Greeted
from daemon.core.moves import Move


def greet(greeting: Greeting | None) -> list[Move]:
    """Say it, or let the caller speak first."""
    match greeting:
        case None:
            return []
        case FixedGreeting(words, interruptible):
            return [spoken_exactly(words, interruptible=interruptible), Greeted(generated=False)]
        case generated:
            turn = ResponseCreate(response=ResponseSettings(instructions=generated.prompt))
            return [turn, Greeted(generated=True)]
