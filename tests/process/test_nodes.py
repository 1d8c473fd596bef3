"""Several real daemons on one real PostgreSQL: killed, frozen, cut off, and asked the same thing a thousand times."""

import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
from sqlalchemy import select

from daemon.ledger import orders
from daemon.ledger.engine import make_engines
from daemon.ledger.schema import calls, epochs
from daemon.observe.clock import system_clock
from daemon.sandbox.script import Script
from daemon.sandbox.sender import incoming_event, sign
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.configured import API_KEY, SIGNING_SECRET
from tests.postgres import Postgres, open_postgres
from tests.process.nodes import Node, Sender, ending, present, until

pytestmark = pytest.mark.exhaustive

LEASE = 2.0
STAYS = Script(seconds_per_word=0.01)


class Cluster:
    """Nodes, their database, their callers."""

    def __init__(self, server: Postgres, url: str, nodes: list[Node], board: Switchboard) -> None:
        self.server, self.nodes, self.board = server, nodes, board
        self._engine = make_engines(url).durable
        self.client = httpx.AsyncClient(trust_env=False, timeout=30, limits=httpx.Limits(max_connections=100))
        self.dice = random.Random(5)
        self.sender = Sender(self.client, lambda: self.dice.choice(self.nodes))

    async def ring(self, count: int, *, node: Node | None = None) -> list[SandboxCall]:
        """Let people dial, and wait until each has somebody on the line."""
        sender = Sender(self.client, lambda: node) if node else self.sender
        fresh = [self.board.place(STAYS) for _ in range(count)]
        async with trio.open_nursery() as senders:
            for call in fresh:
                senders.start_soon(sender.send, call)
        await until(lambda: all(map(present, fresh)), 10, "everybody has somebody on the line")
        return fresh

    def outcomes(self) -> dict[str, str | None]:
        """Every call in the ledger, with how it ended."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(calls.c.call_id, calls.c.outcome)).all()
        return {row.call_id: row.outcome for row in rows}

    def owner(self, call: SandboxCall) -> str:
        """The node that has a call."""
        with self._engine.connect() as connection:
            owner = select(epochs.c.node).join(calls, calls.c.epoch == epochs.c.epoch)
            return str(connection.execute(owner.where(calls.c.call_id == call.id)).scalar_one())

    def order(self, verb: orders.Verb, target: str, argument: str = "") -> str:
        """Put an order in, as the command line on any node does."""
        with self._engine.connect() as connection, connection.begin():
            order_id = orders.ask(connection, verb, target, argument, "ada@elsewhere")
        assert order_id is not None
        return order_id

    def result(self, order_id: str) -> str | None:
        """What became of it."""
        with self._engine.connect() as connection, connection.begin():
            return orders.result(connection, order_id)

    async def finish(self) -> None:
        """Everybody hangs up, and every call must have its receipt."""
        for call in self.board.calls.values():
            call.end("caller")
        await until(lambda: None not in self.outcomes().values(), 20, "every call has a receipt")

    async def aclose(self) -> None:
        """Let go of the database and the nodes."""
        self._engine.dispose()
        await self.client.aclose()


@asynccontextmanager
async def cluster(folder: Path, count: int, *, settings: tuple[str, ...] = ()) -> AsyncIterator[Cluster]:
    """Run some nodes while the block lasts; those that still run are stopped, and must stop well."""
    board = Switchboard(API_KEY)
    with open_postgres() as server:
        url = server.url
        async with open_sandbox(board) as address:
            shared = (f"ledger.url={url}", f"ledger.lease={LEASE:g}s", *settings)
            nodes = [Node(folder, address, name=f"node-{number}", settings=shared) for number in range(1, count + 1)]
            scene = Cluster(server, url, nodes, board)
            async with ending(*nodes), aclosing(scene):
                async with trio.open_nursery() as starting:
                    for node in nodes:
                        starting.start_soon(node.start)
                yield scene
                for node in nodes:
                    if node.process is not None:
                        assert await node.stop() == 0
                    assert "Traceback" not in node.log


@pytest.mark.parametrize("count", [2, 3])
async def test_a_thousand_duplicates_spread_over_the_nodes(tmp_path: Path, count: int) -> None:
    async with cluster(tmp_path, count) as scene:
        fresh = [scene.board.place(STAYS) for _ in range(20)]
        results: list[str] = []
        gate = trio.CapacityLimiter(60)

        async def deliver(call: SandboxCall, number: int) -> None:
            body = incoming_event(call, created_at=int(system_clock()))
            text = httpx.Request("POST", "http://x", json=body).content.decode()
            # Half are repeats of one delivery, half announce the same call under ids of their own.
            webhook_id = f"msg_{call.id}" if number % 2 else f"msg_{call.id}_{number}"
            headers = sign(text, SIGNING_SECRET, webhook_id, system_clock())
            async with gate:
                answer = await scene.client.post(scene.dice.choice(scene.nodes).url, content=text, headers=headers)
            assert answer.status_code == 200, answer.text
            results.append(answer.json()["result"])

        async with trio.open_nursery() as senders:
            for number in range(50):
                for call in fresh:
                    senders.start_soon(deliver, call, number)
        assert results.count("claimed") == 20
        assert results.count("duplicate") == 980
        await until(lambda: all(map(present, fresh)), 10, "everybody has somebody on the line")
        assert {call.joins for call in fresh} == {1}
        await scene.finish()
        assert set(scene.outcomes().values()) == {"caller_left"}


async def test_a_node_dies_with_a_hundred_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with cluster(tmp_path, 3) as scene:
        dying, *survivors = scene.nodes
        theirs = await scene.ring(100, node=dying)
        others = await scene.ring(10, node=survivors[0])
        await trio.sleep(0.5)
        await dying.kill()
        seconds = await until(lambda: all(call.joins == 2 and present(call) for call in theirs), LEASE + 5, "adopted")
        assert {scene.owner(call) for call in theirs} <= {node.name for node in survivors}
        assert {call.joins for call in others} == {1}
        greetings = [
            sum(frame["type"] == "conversation.item.create" for session in call.sessions for frame in session.heard)
            for call in theirs
        ]
        assert set(greetings) == {1}
        assert {call.most_sockets for call in theirs} == {1}
        await scene.finish()
        assert set(scene.outcomes().values()) == {"caller_left"}
    with capsys.disabled():
        sys.stdout.write(f"\n100 calls of a killed node adopted after {seconds:.2f} s, with a lease of {LEASE:g} s\n")


async def test_a_node_is_frozen_past_its_lease_and_thawed(tmp_path: Path) -> None:
    async with cluster(tmp_path, 2) as scene:
        frozen, other = scene.nodes
        theirs = await scene.ring(20, node=frozen)
        await trio.sleep(0.5)
        frozen.signal(signal.SIGSTOP)
        await until(lambda: all(call.joins == 2 for call in theirs), LEASE + 5, "adopted")
        heard = [len(call.sessions[0].heard) for call in theirs]
        frozen.signal(signal.SIGCONT)
        await until(lambda: all(call.sockets == 1 for call in theirs), 5, "the thawed node has let go")
        assert {scene.owner(call) for call in theirs} == {other.name}
        assert {call.hang_ups for call in theirs} == {0}
        assert not any(call.over.is_set() for call in theirs)
        assert [len(call.sessions[0].heard) for call in theirs] == heard  # it has said nothing more to anybody
        await until(lambda: frozen.log.count('"receipt":"handed_over"') == 20, 5, "it knows that they were handed over")
        fresh = await scene.ring(3, node=frozen)  # and is as good as new
        assert {scene.owner(call) for call in fresh} == {frozen.name}
        await scene.finish()
        assert set(scene.outcomes().values()) == {"caller_left"}


async def test_the_database_is_away_for_twenty_seconds(tmp_path: Path) -> None:
    async with cluster(tmp_path, 2) as scene:
        live = await scene.ring(20)
        leaving, staying = live[:5], live[5:]
        await trio.sleep(0.5)
        await trio.to_thread.run_sync(scene.server.stop)
        began = trio.current_time()
        late = scene.board.place(STAYS)
        assert not await scene.sender.try_once(late)
        for call in leaving:
            call.end("caller")
        while trio.current_time() < began + 20:
            assert not await scene.sender.try_once(late)
            assert all(map(present, staying))
            await trio.sleep(1)
        assert set(scene.sender.refused) == {503}
        await trio.to_thread.run_sync(scene.server.start)
        await scene.sender.send(late)
        await until(lambda: present(late), 5, "new calls are taken again")
        await until(lambda: all(scene.outcomes()[call.id] == "caller_left" for call in leaving), 15, "receipts arrive")
        await trio.sleep(2 * LEASE)  # time enough for somebody to take a call that has an owner
        assert {call.joins for call in (*live, late)} == {1}
        assert all(map(present, staying))
        await scene.finish()
        assert set(scene.outcomes().values()) == {"caller_left"}


async def test_orders_travel_to_the_node_that_has_the_call(tmp_path: Path) -> None:
    desk = '{ front = { uri = "tel:+18005550123" } }'
    async with cluster(tmp_path, 2, settings=(f"destinations={desk}",)) as scene:
        first, second = scene.nodes
        (hung_up,), (moved,) = await scene.ring(1, node=first), await scene.ring(1, node=second)
        asked = scene.order("hang_up", hung_up.id, "closing time")
        await until(lambda: scene.result(asked) is not None, 5, "done")
        assert scene.result(asked) == "done"
        assert hung_up.ended_by == "hangup"
        asked = scene.order("transfer", moved.id, "front")
        await until(lambda: moved.over.is_set(), 5, "transferred")
        assert moved.refers == ["tel:+18005550123"]
        assert scene.result(asked) == "begun"
        asked = scene.order("pause", first.name)
        await until(lambda: scene.result(asked) == "done", 5, "paused")
        assert (await scene.client.get(first.url.replace("/xai/sip-webhook", "/readyz"))).status_code == 503
        asked = scene.order("resume", first.name)
        await until(lambda: scene.result(asked) == "done", 5, "resumed")
        await scene.finish()
        assert scene.outcomes() == {hung_up.id: "hung_up", moved.id: "transferred"}
