"""A daemon makes room for the next one, as `systemctl restart` has it do: real processes, one after the other."""

import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest
import trio

from daemon.sandbox.script import Leave, Reply, Say, Script, Wait
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.configured import API_KEY
from tests.process.nodes import Node, Sender, ending, present, until

pytestmark = pytest.mark.exhaustive

STAYS = Script(seconds_per_word=0.01)
TALKS = Script(
    steps=(Say("one two three"), Wait(0.2)) * 200,
    replies=(Reply("a sentence of six words only"),) * 400,
    seconds_per_word=0.1,
)


class World:
    """A node, its callers, and the platform's sender."""

    def __init__(self, node: Node, board: Switchboard, client: httpx.AsyncClient, platform: str) -> None:
        self.node, self.board, self.client, self.platform = node, board, client, platform
        self.sender = Sender(client, lambda: node)

    async def ring(self, count: int, script: Script = STAYS) -> list[SandboxCall]:
        """Let people dial, and wait until each has somebody on the line."""
        calls = [self.board.place(script) for _ in range(count)]
        async with trio.open_nursery() as senders:
            for call in calls:
                senders.start_soon(self.sender.send, call)
        await until(lambda: all(map(present, calls)), 10, "everybody has somebody on the line")
        return calls

    async def restart(self) -> float:
        """Have it make room, and start the next one; gives the seconds in between."""
        began = trio.current_time()
        self.node.signal(signal.SIGQUIT)
        assert await self.node.ended() == 0
        await self.node.start()
        return trio.current_time() - began


@asynccontextmanager
async def world(folder: Path, *settings: str) -> AsyncIterator[World]:
    """A node that hands its calls over, while the block lasts."""
    board = Switchboard(API_KEY)
    # A connection that is kept for later may be closed in the moment in which it is used.
    fresh = httpx.Limits(max_keepalive_connections=0)
    async with open_sandbox(board) as address, httpx.AsyncClient(trust_env=False, timeout=30, limits=fresh) as client:
        node = Node(folder, address, settings=("recovery.handover=rejoin", *settings))
        async with ending(node):
            await node.start()
            yield World(node, board, client, address)
            for call in board.calls.values():
                call.end("caller")
            if node.process is not None:
                node.signal(signal.SIGTERM)
                assert await node.ended() == 0
            assert "Traceback" not in node.log


@asynccontextmanager
async def twins(folder: Path) -> AsyncIterator[tuple[Node, Node, World]]:
    """Two instances on one machine with one file; the sender announces calls to the first."""
    shared = folder / "shared"
    shared.mkdir()
    same = (f"ledger.url=sqlite:///{shared}/ledger.db", f"ledger.directory={shared}", "ledger.node=machine")
    async with world(folder, *same) as scene:
        green = Node(folder, scene.platform, name="green", settings=("recovery.handover=rejoin", *same))
        async with ending(green):
            await green.start()
            yield scene.node, green, scene
            for call in scene.board.calls.values():
                call.end("caller")
            if green.process is not None:
                assert await green.stop() == 0
            assert "Traceback" not in green.log


def greetings(call: SandboxCall) -> int:
    """How often the caller was greeted."""
    items = [
        frame for session in call.sessions for frame in session.heard if frame["type"] == "conversation.item.create"
    ]
    return sum(frame["item"]["type"] == "force_message" for frame in items)


async def test_no_caller_is_lost_and_nobody_is_greeted_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world(tmp_path) as scene:
        quiet, talking = await scene.ring(20), await scene.ring(10, TALKS)
        calls = [*quiet, *talking]
        joins = {call.id: call.joins for call in calls}
        arrived: list[SandboxCall] = []

        async def keep_ringing() -> None:
            while True:
                call = scene.board.place(STAYS)
                arrived.append(call)
                # One attempt: whoever rings in between waits at the door.
                assert await scene.sender.try_once(call)
                await trio.sleep(0.05)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_ringing)
            seconds = await scene.restart()
            await trio.sleep(0.5)
            nursery.cancel_scope.cancel()
        await until(lambda: all(present(call) for call in calls), 10, "everybody is taken over")
        assert {call.joins - joins[call.id] for call in calls} <= {1, 2}  # one of them was tried first
        assert {call.hang_ups for call in [*calls, *arrived]} == {0}
        assert {call.most_sockets for call in calls} == {1}
        assert {greetings(call) for call in calls} == {1}
        answered = [call for call in arrived if call.joins]
        assert len(answered) >= len(arrived) - 1
        assert not scene.sender.refused
        for call in [*calls, *arrived]:
            call.end("caller")
    with capsys.disabled():
        sys.stdout.write(
            f"\n30 calls handed over, {len(arrived)} webhooks meanwhile; READY again after {seconds:.2f} s\n"
        )


async def test_again_and_again(tmp_path: Path) -> None:
    async with world(tmp_path) as scene:
        calls = await scene.ring(3)
        for _ in range(4):
            await scene.restart()
            await until(lambda: all(present(call) for call in calls), 10, "everybody is taken over")
        assert {greetings(call) for call in calls} == {1}
        assert {call.over.is_set() for call in calls} == {False}
        for call in calls:
            call.end("caller")


async def test_where_it_is_refused_calls_are_waited_for(tmp_path: Path) -> None:
    async with world(tmp_path) as scene:
        leaving = Script(steps=(Wait(4), Leave()), seconds_per_word=0.01)
        calls = await scene.ring(3, leaving)
        for call in calls:
            call.join_refusals = [403]
        await scene.restart()
        ended = sorted(str(call.ended_by) for call in calls)
        assert ended == ["caller", "caller", "hangup"]  # the one that was tried, to be sure
        assert "hand_over_refused" in scene.node.log


async def test_without_it_the_signal_drains(tmp_path: Path) -> None:
    async with world(tmp_path, "recovery.handover=drain") as scene:
        (call,) = await scene.ring(1, Script(steps=(Wait(1), Leave()), seconds_per_word=0.01))
        await scene.restart()
        assert call.ended_by == "caller"
        assert call.joins == 1


@pytest.mark.parametrize(
    "more",
    [(signal.SIGTERM,), (signal.SIGQUIT,), (signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGQUIT)],
    ids=lambda more: "+".join(each.name for each in more),
)
async def test_a_second_signal_hangs_up(tmp_path: Path, more: tuple[signal.Signals, ...]) -> None:
    async with world(tmp_path, "recovery.handover_budget=20s") as scene:
        endless = Script(steps=(Say("hello"),), replies=(Reply("word " * 2000),), seconds_per_word=0.05)
        (call,) = await scene.ring(1, endless)
        await trio.sleep(1)
        scene.node.signal(signal.SIGQUIT)
        await trio.sleep(0.5)
        assert not call.over.is_set()
        for number in more:
            scene.node.signal(number)
        assert await scene.node.ended() == 0
        assert (call.ended_by, call.hang_ups) == ("hangup", 1)


async def test_a_successor_that_dies_before_it_has_rejoined(tmp_path: Path) -> None:
    async with world(tmp_path) as scene:
        calls = await scene.ring(3)
        scene.node.signal(signal.SIGQUIT)
        assert await scene.node.ended() == 0
        for call in calls:
            call.join_refusals = [503] * 100  # it keeps trying
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.node.start)
            await until(lambda: all(len(call.join_refusals) < 100 for call in calls), 20, "it tries")
            await scene.node.kill()
            nursery.cancel_scope.cancel()
        for call in calls:
            call.join_refusals = []
        await scene.node.start()
        await until(lambda: all(present(call) for call in calls), 10, "everybody is taken over")
        assert {(greetings(call), call.hang_ups, call.most_sockets) for call in calls} == {(1, 0, 1)}


async def test_from_one_instance_to_the_other_on_one_file(tmp_path: Path) -> None:
    async with twins(tmp_path) as (blue, green, scene):
        calls = await scene.ring(5)
        blue.signal(signal.SIGQUIT)
        assert await blue.ended() == 0
        await until(lambda: all(present(call) for call in calls), 10, "green has everybody")
        for call in calls:
            assert call.joins in {2, 3}  # one of them was tried first
        green.signal(signal.SIGQUIT)
        assert await green.ended() == 0
        await blue.start()
        await until(lambda: all(present(call) for call in calls), 10, "blue has everybody again")
        await green.start()
        await blue.kill()
        await until(lambda: all(present(call) for call in calls), 20, "green has everybody, whom nobody has let go of")
        assert {(greetings(call), call.hang_ups, call.over.is_set()) for call in calls} == {(1, 0, False)}


async def test_of_two_on_one_file_one_has_a_call_that_both_are_told_of(tmp_path: Path) -> None:
    async with twins(tmp_path) as (blue, green, scene):
        both = (blue, Sender(scene.client, lambda: blue)), (green, Sender(scene.client, lambda: green))
        calls = [scene.board.place(STAYS) for _ in range(50)]
        async with trio.open_nursery() as senders:
            for call in calls:
                for _, sender in both:
                    senders.start_soon(sender.send, call)
        await until(lambda: all(map(present, calls)), 10, "everybody has somebody on the line")
        assert {call.joins for call in calls} == {1}
        claimed = [sender.claimed_by.keys() for _, sender in both]
        assert not claimed[0] & claimed[1]
        assert claimed[0] | claimed[1] == {call.id for call in calls}


async def test_while_somebody_holds_the_file(tmp_path: Path) -> None:
    async with world(tmp_path) as scene:
        calls = await scene.ring(3)
        with closing(sqlite3.connect(scene.node.folder / "ledger.db", isolation_level=None)) as ledger:
            ledger.execute("BEGIN EXCLUSIVE")
            scene.node.signal(signal.SIGQUIT)
            await trio.sleep(2)
            ledger.execute("ROLLBACK")
        assert await scene.node.ended() == 0
        await scene.node.start()
        await until(lambda: all(present(call) for call in calls), 10, "everybody is taken over")
        assert {(greetings(call), call.hang_ups, call.most_sockets) for call in calls} == {(1, 0, 1)}


async def test_while_somebody_holds_the_file_that_the_successor_opens(tmp_path: Path) -> None:
    async with world(tmp_path) as scene:
        calls = await scene.ring(3)
        scene.node.signal(signal.SIGQUIT)
        assert await scene.node.ended() == 0
        with closing(sqlite3.connect(scene.node.folder / "ledger.db", isolation_level=None)) as ledger:
            ledger.execute("BEGIN EXCLUSIVE")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(scene.node.start)
                await trio.sleep(4)
                ledger.execute("ROLLBACK")
        await until(lambda: all(present(call) for call in calls), 20, "everybody is taken over")
        assert {(greetings(call), call.hang_ups, call.most_sockets) for call in calls} == {(1, 0, 1)}


async def test_a_stop_is_no_hand_over(tmp_path: Path) -> None:
    async with world(tmp_path) as scene:
        (call,) = await scene.ring(1, Script(steps=(Wait(1), Leave()), seconds_per_word=0.01))
        scene.node.signal(signal.SIGTERM)
        assert await scene.node.ended() == 0
        assert call.ended_by == "caller"
