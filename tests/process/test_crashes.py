"""Killed at random moments, again and again, with callers on the line: nothing that was acknowledged is lost.

`CALLWARDEN_KILLS` says how often, by default a few times; `make crash` does it 200 times.
"""

import os
import random
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import trio

from daemon.sandbox.script import Reply, Say, Script, Wait
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.configured import API_KEY
from tests.process.nodes import Node, Sender, ending, present, until
from tests.tools.server import Asked, open_server, says

pytestmark = pytest.mark.exhaustive

KILLS = int(os.environ.get("CALLWARDEN_KILLS", "10"))
LIVE = 50
LEAVING = 5
"""Callers who hang up in each round, some of them while nobody is there."""
ANSWERED = "everybody who was answered and is still there has somebody on the line"
BOOKING = (Say("Book it."), Wait(1.0))
BOOKED = (Reply(tool="book", arguments='{"day": "monday"}'), Reply("Booked."))
BOOKS = Script(steps=BOOKING * 200, replies=BOOKED * 200, seconds_per_word=0.01)
"""Somebody who has something booked every second or so."""


def booking(port: int) -> tuple[str, ...]:
    """A tool that must not take effect twice."""
    table = (
        f'{{type = "http", url = "http://127.0.0.1:{port}/book", method = "POST", description = "Books.", '
        'parameters = {day = "string"}, allow_private = ["127.0.0.1"]}'
    )
    return f"tools.book={table}", 'agents.support.tools=["hang_up", "book"]'


def receipts(node: Node) -> dict[str, str | None]:
    """Every call in the ledger, with how it ended."""
    with closing(sqlite3.connect(node.folder / "ledger.db")) as ledger:
        return dict(ledger.execute("SELECT call_id, outcome FROM calls"))


async def test_killed_at_random_moments_under_live_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(4)
    board = Switchboard(API_KEY)
    everybody: list[SandboxCall] = []
    away: list[float] = []

    async def book(stream: trio.abc.Stream, asked: Asked) -> None:
        await trio.sleep(dice.uniform(0.0, 0.3))  # time enough to be killed in the middle
        await says(200, '{"booked": true}')(stream, asked)

    async with (
        open_sandbox(board) as address,
        open_server(book) as shop,
        httpx.AsyncClient(trust_env=False, timeout=20) as client,
    ):
        node = Node(tmp_path, address, settings=booking(shop.port))
        sender = Sender(client, lambda: node)

        def answered() -> bool:
            return all(present(call) for call in everybody if call.id in sender.taken and not call.over.is_set())

        async with ending(node):
            await node.start()
            for _ in range(KILLS):
                live = [call for call in everybody if not call.over.is_set()]
                fresh = [board.place(BOOKS) for _ in range(LIVE - len(live))]
                everybody += fresh
                async with trio.open_nursery() as senders:
                    for call in fresh:
                        senders.start_soon(sender.send, call)
                    await trio.sleep(dice.uniform(0.0, 0.5))
                    for call in dice.sample(live, min(LEAVING, len(live))):
                        call.end("caller")
                    await node.kill()
                    for call in dice.sample(live, min(LEAVING, len(live))):
                        call.end("caller")
                    await node.start()
                    away.append(node.ready_after)
                    # Whoever was answered and is still there has somebody on the line by the time we are ready.
                    await until(answered, 5.0, ANSWERED)
                await until(answered, 5.0, ANSWERED)
            for call in everybody:
                call.end("caller")
            await until(lambda: None not in receipts(node).values(), 30.0, "every call has a receipt")
            assert await node.stop() == 0
    ledger = receipts(node)
    assert set(ledger) == {call.id for call in everybody} == set(sender.taken)
    assert set(ledger.values()) <= {"caller_left", "hung_up"}
    assert {call.most_sockets for call in everybody} == {1}
    booked = Counter(asked.headers["idempotency-key"] for asked in shop.asked)
    assert set(booked.values()) == {1}
    assert "Traceback" not in node.log
    assert "journal_lost_records" not in node.log
    away.sort()
    with capsys.disabled():
        sys.stdout.write(
            f"\n{KILLS} kills, {len(everybody)} calls: each has one receipt; {len(booked)} uses of a tool, none twice; "
            f"ready again after {away[len(away) // 2]:.2f} s (median), {away[-1]:.2f} s (longest)\n"
        )
