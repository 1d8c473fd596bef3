"""Every fault of a tool, with the words that the model is told: those of the table in docs/tools.md, no others."""

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.calls.toolbox import Toolbox
from daemon.config import HttpTool, PythonTool, Tool
from daemon.core.effects import ToolUse
from daemon.functions.signature import describe
from daemon.tools import open_tools
from daemon.tools.base import Answer, timed_out
from tests.calls.test_toolbox import USE, Bare
from tests.calls.tools import Worker, with_tools
from tests.calls.world import World
from tests.tools.server import Respond, asking, drip, flood, hang_up, open_server, says, silence
from tests.tools.test_http import CONTEXT

PAGE = Path(__file__).parents[2] / "docs/tools.md"
TABLE = re.search(r"\| fault \| `error` .*?\n\|[-|]+\n(.*?)\n\n", PAGE.read_text(), re.DOTALL)
ROWS = [[cell.strip() for cell in row.strip("|").split("|")] for row in (TABLE[1] if TABLE else "").splitlines()]
WORDS = {fault: (error, why) for fault, error, why in ROWS}

Fault = Callable[[], Awaitable[Answer | None]]


async def use(tool: Tool) -> Answer:
    """Use it as a toolbox does."""
    async with open_tools({"it": tool}, verify=CONTEXT) as tools:
        answer = timed_out(tools["it"])
        with trio.move_on_after(tools["it"].timeout):
            answer = await tools["it"].run(asking(), ToolUse(id="u1", name="it", arguments="{}"))
    return answer


def server(respond: Respond, *, timeout: float = 5.0, allow: tuple[str, ...] = ("127.0.0.1",), host: str = "") -> Fault:
    async def fault() -> Answer:
        async with open_server(respond) as running:
            url = f"http://{host or '127.0.0.1'}:{running.port}/"
            return await use(HttpTool(description="x", url=url, timeout=timeout, allow_private=allow))

    return fault


def function(body: Callable[[], Any], *, timeout: float = 5.0) -> Fault:
    async def fault() -> Answer:
        return await use(PythonTool(function=describe("x:y", body), description="x", timeout=timeout))

    return fault


async def nobody_listens() -> Answer:
    async with open_server(says(200)) as running:
        port = running.port
    return await use(HttpTool(description="x", url=f"http://127.0.0.1:{port}/", allow_private=("127.0.0.1",)))


def raises() -> None:
    raise ValueError("a bug")


def too_much() -> str:
    return "x" * 10_000_000


async def forever() -> None:
    await trio.sleep_forever()


METADATA = says(302, Location="http://169.254.169.254/latest/meta-data/")
FAULTS: dict[str, Fault] = {
    "no answer in time": server(silence, timeout=0.1),
    "an answer that drips": server(drip, timeout=0.1),
    "status 500": server(says(500)),
    "10 MB of answer": server(flood),
    "a redirect to a private address": server(METADATA),
    "a private address": server(says(200, "{}"), allow=()),
    "a server that is not there": nobody_listens,
    "a connection that breaks": server(hang_up),
    "an exception in a Python function": function(raises),
    "a Python function that takes too long": function(forever, timeout=0.1),
    "10 MB of result": function(too_much),
}
# What happens around a tool is played within a call, below.
AROUND = {"the daemon died meanwhile", "the caller hangs up meanwhile"}


def test_the_page_knows_every_fault() -> None:
    assert WORDS.keys() == FAULTS.keys() | AROUND


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_told_in_these_words(fault: str) -> None:
    with trio.fail_after(10):
        answer = await FAULTS[fault]()
    assert answer is not None
    assert (json.loads(answer.output), answer.why) == ({"error": WORDS[fault][0]}, WORDS[fault][1])


async def test_a_daemon_that_died_while_it_ran(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """As the next one finds it: begun, without an output. That it is so after a kill, tests/process shows."""
    world = World(with_tools("book"), nursery, tools={"book": Worker()})
    call = Bare(world.setting)
    await world.ledger.begin_effect(call.id, USE)
    async with trio.open_nursery() as call.errands:
        Toolbox(call).run(USE)
    (answer,) = call.answers
    assert (json.loads(answer.output), answer.why) == (
        {"error": WORDS["the daemon died meanwhile"][0]},
        WORDS["the daemon died meanwhile"][1],
    )
    world.stop()


async def test_a_caller_who_hangs_up_while_it_runs(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """The call's errands are cancelled: the tool ends, nobody is told, and the ledger has it as begun."""
    worker = Worker(seconds=60.0, timeout=90.0)
    world = World(with_tools("book"), nursery, tools={"book": worker})
    call = Bare(world.setting)
    async with trio.open_nursery() as call.errands:
        Toolbox(call).run(USE)
        await trio.sleep(1.0)
        call.errands.cancel_scope.cancel(reason="the caller left")
    assert (worker.began, worker.ended, call.answers) == ([(call.id, USE.id)], [], [])
    (effect,) = await world.ledger.effects(call.id)
    assert (effect.use, effect.output, effect.told) == (msgspec.structs.replace(USE), None, False)
    assert WORDS["the caller hangs up meanwhile"] == ("", "")
    world.stop()
