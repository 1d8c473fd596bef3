"""Two nodes on one PostgreSQL behind each proxy, restarted one after the other under 20 calls a second."""

import os
import random
import signal
import sys
from pathlib import Path

import httpx
import pytest
import trio
from sqlalchemy import select

from daemon.ledger.engine import make_engines
from daemon.ledger.schema import calls
from daemon.observe.clock import system_clock
from daemon.sandbox.script import Leave, Script, Wait
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.configured import API_KEY, SIGNING_SECRET
from tests.deploy.proxies import PROXIES, Proxy, need, open_proxy
from tests.postgres import open_postgres
from tests.process.nodes import Node, ending, until

pytestmark = pytest.mark.exhaustive

A_SECOND = float(os.environ.get("CALLWARDEN_RATE", "20"))
LAME_DUCK = 3.0


class Street:
    """People who dial, 20 of them a second, each for a few seconds; their deliveries go through the proxy, once."""

    def __init__(self, proxy: Proxy, board: Switchboard) -> None:
        self._proxy, self._board = proxy, board
        self._dice = random.Random(8)
        self.failures: list[str] = []
        self.slowest = 0.0

    @property
    def calls(self) -> list[SandboxCall]:
        """Everybody who has dialled."""
        return list(self._board.calls.values())

    async def dial(self) -> None:
        """Go on until cancelled; then wait for the answers that are on their way."""
        async with self._proxy.client() as client, trio.open_nursery() as senders:
            with trio.CancelScope() as self.dialling:
                while True:
                    script = Script(steps=(Wait(self._dice.uniform(2, 5)), Leave()), seconds_per_word=0.01)
                    senders.start_soon(self._deliver, client, self._board.place(script))
                    await trio.sleep(1 / A_SECOND)

    async def _deliver(self, client: httpx.AsyncClient, call: SandboxCall) -> None:
        began = trio.current_time()
        try:
            answer = await announce(client, "/xai/sip-webhook", call, secret=SIGNING_SECRET, at=system_clock())
        except httpx.TransportError as error:
            self.failures.append(f"{type(error).__name__}: {error}")
            return
        self.slowest = max(self.slowest, trio.current_time() - began)
        if answer.status_code != 200:
            self.failures.append(f"{answer.status_code} {answer.text[:100]}")


@pytest.mark.parametrize("name", PROXIES)
async def test_no_webhook_is_lost_and_no_call_is_ended_by_us(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need(name)
    board = Switchboard(API_KEY)
    with open_postgres() as server:
        async with open_sandbox(board) as address:
            shared = (f"ledger.url={server.url}", "ledger.lease=4s", f"drain.lame_duck={LAME_DUCK:g}s")
            nodes = [Node(tmp_path, address, name=f"node-{number}", settings=shared) for number in (1, 2)]
            async with ending(*nodes):
                for node in nodes:
                    await node.start()
                places = [node.url.removeprefix("http://").partition("/")[0] for node in nodes]
                async with open_proxy(name, tmp_path / name, places) as proxy:
                    await trio.sleep(1.5)
                    street = Street(proxy, board)
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(street.dial)
                        await trio.sleep(2)
                        for node in (*nodes, *nodes):
                            node.signal(signal.SIGTERM)
                            assert await node.ended() == 0
                            await node.start()
                            await trio.sleep(2)
                        street.dialling.cancel()
                    await until(lambda: all(call.over.is_set() for call in street.calls), 20, "everybody has left")
                    await until(lambda: None not in outcomes(server.url).values(), 20, "every call has a receipt")
                assert street.failures == []
                assert {call.ended_by for call in street.calls} == {"caller"}
                assert {call.hang_ups for call in street.calls} == {0}
                assert {call.joins for call in street.calls} == {1}
                assert outcomes(server.url) == {call.id: "caller_left" for call in street.calls}
                for node in nodes:
                    assert await node.stop() == 0
                    assert "Traceback" not in node.log
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name}: {len(street.calls)} calls over four restarts, none lost, none ended by us; "
            f"slowest webhook {street.slowest:.2f} s\n"
        )


def outcomes(url: str) -> dict[str, str | None]:
    """Every call in the ledger, with how it ended."""
    engine = make_engines(url).durable
    try:
        with engine.connect() as connection:
            rows = connection.execute(select(calls.c.call_id, calls.c.outcome)).all()
            return {row.call_id: row.outcome for row in rows}
    finally:
        engine.dispose()
