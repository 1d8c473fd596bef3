"""A chat is a call: its tools run, its transfers are shown, and it ends with a receipt."""

import os
import signal

import msgspec
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from daemon.chat.keyboard import HINT
from daemon.chat.talk import Note, for_chat
from daemon.config import Agent, HttpTool
from daemon.config.parameters import parameters
from daemon.sandbox.switchboard import Switchboard
from tests.chat.typing import chatted
from tests.configured import CALLER, configuration
from tests.tools.server import open_server, says

CONFIG = configuration(agent=Agent(instructions="Help {{ caller }}.", greeting="Welcome."))


async def test_what_the_agent_is_told(autojump_clock: MockClock) -> None:
    outcome = await chatted(CONFIG, (5.0, "/quit"))
    session = outcome.call.session
    assert session is not None
    assert session.heard[0]["session"]["instructions"] == f"Help {CALLER}."
    kinds = [type(entry).__name__ for _, entry in outcome.shown]
    assert kinds[0] == "Joined"
    assert kinds[-1] == "Ended"


async def test_tools_really_run() -> None:
    async with open_server(says(200, '{"status": "on its way"}')) as server:
        tool = HttpTool(
            description="Looks up an order.",
            url=f"http://127.0.0.1:{server.port}/orders/{{order}}",
            parameters=parameters({"order": "string"}),
            allow_private=("127.0.0.1",),
        )
        agent = Agent(instructions="Help.", tools=("hang_up", "look_up"))
        config = msgspec.structs.replace(configuration(agent=agent), tools={"look_up": tool})
        with trio.fail_after(10):
            outcome = await chatted(config, (0.0, 'use look_up {"order": "42"}'), patient=True)
    assert [asked.target for asked in server.asked] == ["/orders/42"]
    assert outcome.of(Note) == [Note("asked", 'look_up {"order": "42"}'), Note("gave", '{"status":"on its way"}')]
    assert ("agent", 'The tool gave {"status":"on its way"}') in outcome.said()


async def test_a_session_that_is_refused(autojump_clock: MockClock) -> None:
    with capture_logs():
        outcome = await chatted(CONFIG, (5.0, "/quit"), key="another key")
    assert outcome.receipt is not None
    assert not outcome.receipt.joined
    assert "Incorrect API key" in outcome.receipt.why


async def test_a_session_that_breaks_is_the_end_and_not_opened_again(autojump_clock: MockClock) -> None:
    async def cut(board: Switchboard) -> None:
        await trio.sleep(7.0)
        for call in board.calls.values():
            call.end("platform")

    outcome = await chatted(CONFIG, (5.0, "hello"), (60.0, "/quit"), meanwhile=cut)
    assert outcome.receipt is not None
    assert outcome.receipt.seconds < 8.0
    assert outcome.call.joins == 1


async def test_what_is_no_command_is_answered_with_a_hint(autojump_clock: MockClock) -> None:
    outcome = await chatted(CONFIG, (5.0, "/help"), (5.0, "/quit"))
    assert outcome.of(Note) == [Note("hint", HINT)]


async def test_a_signal_hangs_up() -> None:
    async def interrupt(_: Switchboard) -> None:
        await trio.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    with trio.fail_after(5):
        outcome = await chatted(CONFIG, (60.0, "/quit"), meanwhile=interrupt)
    assert outcome.receipt is not None
    assert (outcome.receipt.outcome, outcome.receipt.why) == ("caller_left", "SIGINT")


def test_what_makes_no_sense_by_text_is_left_out() -> None:
    config = for_chat(CONFIG, "support")
    assert config.agents["support"].silence_timeout == 0.0
    assert config.agents["support"].turn_detection.idle_timeout is None
    assert config.recovery.rejoin_window == 0.0
