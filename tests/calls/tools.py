"""Tools for tests of calls: they do what a test says, and remember what they were asked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec
import trio

from daemon.config import Agent, Config, HttpTool
from daemon.core.effects import ToolUse
from daemon.functions import ToolCall
from daemon.tools.base import Answer
from tests.configured import configuration

Work = Callable[[ToolUse], Awaitable[Answer]]


@dataclass
class Worker:
    """A tool, as `daemon.tools.base.Tool`, that takes a while."""

    seconds: float = 1.0
    work: Work | None = None
    """What it does when that time has passed; without it, it says what it was given."""
    timeout: float = 10.0
    idempotent: bool = False
    began: list[tuple[str, str]] = field(default_factory=list)
    """Call and use, each time it was begun."""
    ended: list[str] = field(default_factory=list)
    """Uses it came to the end of."""
    at: list[float] = field(default_factory=list)
    """When it was begun."""

    async def run(self, call: ToolCall, use: ToolUse) -> Answer:
        """Work."""
        self.began.append((call.id, use.id))
        self.at.append(trio.current_time())
        await trio.sleep(self.seconds)
        answer = Answer(use.arguments) if self.work is None else await self.work(use)
        self.ended.append(use.id)
        return answer


def with_tools(*names: str, config: Config | None = None, **tool: object) -> Config:
    """A configuration whose agent has these tools."""
    config = config or configuration(agent=Agent(instructions="Help.", silence_timeout=0.0))
    record = HttpTool(description="Works.", url="https://api.example.com/")
    agent = msgspec.structs.replace(config.agents["support"], tools=("hang_up", *names))
    return msgspec.structs.replace(
        config,
        agents={"support": agent},
        tools=dict.fromkeys(names, msgspec.structs.replace(record, **tool)),
    )
