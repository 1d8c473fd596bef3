"""A tool that is watched does what it does by itself, and its watcher learns no more than the model."""

import pytest
import trio

from daemon.core.effects import ToolUse
from daemon.functions.call import ToolCall
from daemon.tools.base import Answer, EntryTool, Take
from daemon.tools.watched import WatchedTool
from tests.calls.tools import Worker

CALL = ToolCall(id="c")
USE = ToolUse(id="u", name="find", arguments='{"pin": "entry-1"}')


class Vault(Worker):
    """A tool that takes what callers typed."""

    def masked(self, use: ToolUse) -> ToolUse:
        return ToolUse(id=use.id, name=use.name, arguments="masked")

    async def run_with(self, call: ToolCall, use: ToolUse, take: Take) -> Answer:
        await trio.lowlevel.checkpoint()
        return Answer(f'"{take("entry-1")}"')


@pytest.fixture
def seen() -> list[object]:
    return []


async def test_a_plain_tool(seen: list[object]) -> None:
    worker = Worker(seconds=0.0, timeout=7.0, idempotent=True)
    tool = WatchedTool(worker, begins=seen.append, ended=lambda use, answer: seen.append((use.id, answer.output)))
    assert isinstance(tool, EntryTool)
    assert (tool.timeout, tool.idempotent, tool.masked(USE)) == (7.0, True, USE)
    assert await tool.run(CALL, USE) == Answer(USE.arguments)
    assert seen == [USE, ("u", USE.arguments)]


async def test_one_that_takes_what_callers_typed(seen: list[object]) -> None:
    tool = WatchedTool(Vault(), ended=lambda use, _: seen.append(use.arguments))
    assert tool.masked(USE).arguments == "masked"
    assert await tool.run_with(CALL, USE, lambda _: "4711") == Answer('"4711"')
    assert await tool.run(CALL, USE) == Answer('"None"')
    assert seen == [USE.arguments] * 2
