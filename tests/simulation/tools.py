"""The tools of a run: fast, slow, failing, broken, each as the seed and the use's own id say, whoever goes first."""

from random import Random

import msgspec
import trio

from daemon.core.effects import ToolUse
from daemon.functions import ToolCall
from daemon.tools.base import Answer, failure
from tests.simulation.platform import Platform

TIMEOUT = 15.0


class Run(msgspec.Struct):
    """One run of a tool."""

    call_id: str
    use: ToolUse
    ended_at: float | None = None


class SimulatedTool:
    """One tool of a run, as `daemon.tools.base.Tool`."""

    timeout = TIMEOUT

    def __init__(self, seed: int, platform: Platform, runs: list[Run], *, idempotent: bool) -> None:
        self.idempotent = idempotent
        self._seed = seed
        self._platform = platform
        self._runs = runs

    async def run(self, call: ToolCall, use: ToolUse) -> Answer:
        """Take a while, and succeed or not."""
        dice = Random(f"{self._seed} {call.id} {use.id}")
        name = self._platform.lines[call.id].name
        self._platform.trace.note(name, f"tool {use.name} {use.id} begins")
        run = Run(call.id, use)
        self._runs.append(run)
        try:
            await trio.sleep(dice.choice((0.0, 0.0, 0.3, 0.3, 2.0, 5.0, 14.9, 60.0)))
            match dice.randrange(8):
                case 0:
                    raise KeyError("a bug in a tool")
                case 1:
                    return failure("It did not work.", "HTTP 500")
                case _:
                    return Answer('{"ok":true}')
        finally:
            run.ended_at = trio.current_time()
            self._platform.trace.note(name, f"tool {use.name} {use.id} ends")
