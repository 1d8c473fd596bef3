"""The ears, on real sockets: who is woken, when, and by what."""

import json
import random
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing

import pytest
import trio
import trustme
from trio.testing import wait_all_tasks_blocked
from wsproto.events import TextMessage

from daemon.core.events import DigitPressed, SpokenDone
from daemon.core.frames import ResponseCreate
from daemon.platforms.base import LineEnd
from daemon.platforms.xai import ears as module
from daemon.platforms.xai.dialling import tcp_dial
from daemon.platforms.xai.ears import REST, Ears
from daemon.platforms.xai.realtime import Realtime, XaiLine
from tests.platforms.fakes import CALL, Handler, Peer, configured, key_pressed, loopback, reset

AUDIO = json.dumps({"event_id": "e", "type": "response.output_audio.delta", "delta": "A" * 1000})


@asynccontextmanager
async def listening() -> AsyncIterator[Ears]:
    with closing(Ears()) as ears, trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ears.hear)
            yield ears
            nursery.cancel_scope.cancel()


class Sleeper:
    """Somebody who listens to one end of a pair of sockets, and wakes for what contains a bang."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.looks: list[float] = []
        self.read = b""

    def look(self) -> bool:
        self.looks.append(trio.current_time())
        self.read += self.near.recv(100)
        return b"!" in self.read

    async def listen(self, ears: Ears) -> None:
        await ears.listen(self.near.fileno(), self.look)

    def close(self) -> None:
        self.near.close()
        self.far.close()


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    with closing(Sleeper()) as made:
        yield made


async def test_nobody_is_woken_for_what_is_not_worth_it(sleeper: Sleeper) -> None:
    async with listening() as ears, trio.open_nursery() as nursery:
        nursery.start_soon(sleeper.listen, ears)
        sleeper.far.send(b"hum")
        await trio.sleep(3 * REST)
        assert sleeper.read == b"hum"
        assert nursery.child_tasks
        sleeper.far.send(b"bang!")
    assert sleeper.read == b"humbang!"


async def test_there_is_a_rest_between_two_looks(sleeper: Sleeper) -> None:
    async with listening() as ears, trio.open_nursery() as nursery:
        nursery.start_soon(sleeper.listen, ears)
        sleeper.far.send(b"a")
        for _ in range(1000):
            await trio.lowlevel.checkpoint()
            if sleeper.looks:
                break
        sleeper.far.send(b"b")
        await trio.lowlevel.checkpoint()
        sleeper.far.send(b"c!")
    first, second = sleeper.looks
    assert second - first >= 0.9 * REST


async def test_after_silence_there_is_no_wait(sleeper: Sleeper) -> None:
    async with listening() as ears:
        await trio.sleep(2 * REST)
        sleeper.far.send(b"!")
        await wait_all_tasks_blocked()
        began = trio.current_time()
        await sleeper.listen(ears)
        assert trio.current_time() - began < REST


async def test_what_a_look_raises_is_its_own_matter(sleeper: Sleeper) -> None:
    def broken() -> bool:
        raise ZeroDivisionError

    with closing(Sleeper()) as other:
        async with listening() as ears, trio.open_nursery() as nursery:
            nursery.start_soon(sleeper.listen, ears)
            other.far.send(b"x")
            with pytest.RaisesGroup(ZeroDivisionError):
                await ears.listen(other.near.fileno(), broken)
            sleeper.far.send(b"!")


async def test_a_cancelled_wait_loses_nothing(sleeper: Sleeper) -> None:
    async with listening() as ears:
        with trio.move_on_after(REST) as patience:
            await sleeper.listen(ears)
        assert patience.cancelled_caught
        sleeper.far.send(b"!")
        await trio.sleep(2 * REST)
        assert sleeper.looks == []
        await sleeper.listen(ears)
        assert sleeper.read == b"!"


async def test_a_socket_that_nobody_listens_to_keeps_nobody_busy(
    sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[float] = []

    async def rest(seconds: float) -> None:
        rounds.append(seconds)
        await sleep(seconds)

    sleep = trio.sleep
    async with listening() as ears:
        with trio.move_on_after(REST):
            await sleeper.listen(ears)
        monkeypatch.setattr(trio, "sleep", rest)
        sleeper.far.send(b"nobody is there")
        await sleep(10 * REST)
        assert len(rounds) <= 2


async def test_forgetting_wakes(sleeper: Sleeper) -> None:
    async with listening() as ears, trio.open_nursery() as nursery:
        nursery.start_soon(sleeper.listen, ears)
        await wait_all_tasks_blocked()
        ears.forget(sleeper.near.fileno())
        ears.forget(sleeper.near.fileno())
    assert sleeper.looks == []


async def test_a_socket_that_is_closed_while_its_listener_is_cancelled_leaves_its_number_to_others(
    sleeper: Sleeper,
) -> None:
    async with listening() as ears:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sleeper.listen, ears)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
            ears.forget(sleeper.near.fileno())  # before the listener has run again
        sleeper.far.send(b"!")
        await sleeper.listen(ears)


async def test_a_flood_in_one_socket_keeps_nobody_else_waiting(sleeper: Sleeper) -> None:
    with closing(Sleeper()) as flooded:
        flooded.far.setblocking(False)

        def pour() -> bool:
            flooded.look()
            flooded.far.send(b"flood" * 100)
            return False

        async with listening() as ears, trio.open_nursery() as nursery:
            flooded.far.send(b"flood" * 100)
            nursery.start_soon(ears.listen, flooded.near.fileno(), pour)
            for _ in range(20):
                sleeper.read = b""
                sleeper.far.send(b"!")
                looks = len(flooded.looks)
                await sleeper.listen(ears)
                assert len(flooded.looks) - looks <= 2
            nursery.cancel_scope.cancel()


async def test_two_listeners_are_one_too_many(sleeper: Sleeper) -> None:
    async with listening() as ears, trio.open_nursery() as nursery:
        nursery.start_soon(sleeper.listen, ears)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await sleeper.listen(ears)
        nursery.cancel_scope.cancel()


async def test_more_than_one_round_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 2)
    sleepers = [Sleeper() for _ in range(7)]
    async with listening() as ears, trio.open_nursery() as nursery:
        for each in sleepers:
            each.far.send(b"!")
            nursery.start_soon(each.listen, ears)
    for each in sleepers:
        each.close()


# A call's socket


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["ws", "wss"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def heard(scheme: str, authority: trustme.CA, handler: Handler) -> AsyncIterator[XaiLine]:
    """A line over real sockets, read by the ears; the platform's side is a handler of frames."""
    trust, server = ssl.create_default_context(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.configure_trust(trust)
    authority.issue_cert("127.0.0.1").configure_cert(server)

    async def serve(stream: trio.abc.Stream) -> None:
        if scheme == "wss":
            assert isinstance(stream, trio.SocketStream)
            secure = trio.SSLStream(stream, server, server_side=True, https_compatible=True)
            await secure.do_handshake()
            await handler(secure)
        else:
            await handler(stream)

    async with loopback(serve) as door, listening() as ears:
        url = f"{scheme}://127.0.0.1:{door.port}/v1/realtime"
        async with Realtime(configured(websocket_url=url), tcp_dial(url, trust, ears)).join(CALL) as line:
            yield line
        assert not ears._ears, "a socket was left in the set"


async def accepted(stream: trio.abc.Stream) -> Peer:
    peer = Peer(stream)
    await peer.attend(until=lambda: peer.request is not None)
    return peer


async def hear(line: XaiLine) -> list[str]:
    """Keys and words until the line ends."""
    events = [event async for event in line]
    return [
        str(event.digit if isinstance(event, DigitPressed) else event.transcript)
        for event in events
        if isinstance(event, DigitPressed | SpokenDone)
    ]


async def test_a_whole_call(scheme: str, authority: trustme.CA) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        peer = await accepted(stream)
        for key in "123":
            await peer.say(AUDIO, AUDIO, key_pressed(key), AUDIO)
            await trio.sleep(0.001)
        await peer.ping()
        await peer.attend(until=lambda: peer.pongs_heard > 0)
        await peer.attend(until=lambda: bool(peer.texts))
        await peer.close(1000)
        await peer.attend()

    async with heard(scheme, authority, talk) as line:
        await line.send(ResponseCreate())
        assert await hear(line) == ["1", "2", "3"]
        assert line.end == LineEnd(lost=False, why="closed with 1000")
        assert line.dropped == {"audio": 9}


async def test_megabytes_between_two_looks(scheme: str, authority: trustme.CA) -> None:
    """More than one read, and more than one TLS record, can hold; in pieces as TCP has it."""
    long = json.dumps({"type": "response.output_audio_transcript.done", "transcript": "x" * 1_000_000})

    async def talk(stream: trio.abc.Stream) -> None:
        peer = await accepted(stream)
        await peer.say(AUDIO, key_pressed("1"), long, AUDIO * 100, *[AUDIO] * 500, key_pressed("2"))
        await peer.close(1000)
        await peer.attend()

    async with heard(scheme, authority, talk) as line:
        assert await hear(line) == ["1", "x" * 1_000_000, "2"]


async def test_any_pieces(scheme: str, authority: trustme.CA) -> None:
    chance = random.Random(7)

    async def talk(stream: trio.abc.Stream) -> None:
        peer = await accepted(stream)
        sound = peer.wire.send(TextMessage(AUDIO.replace("A" * 1000, "A" * 90)))
        keys = (peer.wire.send(TextMessage(key_pressed(str(number % 10)))) for number in range(60))
        wire = b"".join(sound * chance.randrange(4) + key for key in keys)
        while wire:
            size = chance.choice([1, 2, 3, 50, 500])
            await stream.send_all(wire[:size])
            wire = wire[size:]
            if chance.random() < 0.2:
                await trio.sleep(0.0005)
        await peer.close(1000)
        await peer.attend()

    async with heard(scheme, authority, talk) as line:
        assert await hear(line) == [str(number % 10) for number in range(60)]


@pytest.mark.parametrize("end", ["cut", "reset", "mid-frame"])
async def test_a_connection_that_breaks(end: str, scheme: str, authority: trustme.CA) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        peer = await accepted(stream)
        await peer.say(AUDIO, key_pressed("1"))
        if end == "mid-frame":
            await peer.write(b"\x81\x7e\x10\x00" + AUDIO.encode())
        transport = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        await trio.sleep(0.02)
        if end == "reset":
            await reset(transport)
        else:
            await transport.aclose()

    async with heard(scheme, authority, talk) as line:
        assert await hear(line) == ["1"]
        assert line.end == LineEnd(lost=True, why="closed with 1006")


async def test_leaving_while_it_listens(scheme: str, authority: trustme.CA) -> None:
    codes: list[int | None] = []

    async def talk(stream: trio.abc.Stream) -> None:
        peer = await accepted(stream)
        await peer.say(key_pressed("1"), AUDIO)
        await peer.attend()
        codes.append(peer.closed_with)

    async with heard(scheme, authority, talk) as line:
        assert isinstance(await anext(line), DigitPressed)
        with trio.move_on_after(2 * REST):
            await anext(line)
    assert codes == [1000]


async def test_many_at_once() -> None:
    """Each hears its own, however the looks fall."""

    async def talk(stream: trio.abc.Stream) -> None:
        peer = await accepted(stream)
        assert peer.request is not None
        mine = peer.request.target.rpartition("=")[2]
        for _ in range(5):
            await peer.say(AUDIO, json.dumps({"type": "response.output_audio_transcript.done", "transcript": mine}))
            await trio.sleep(REST / 3)
        await peer.close(1000)
        await peer.attend()

    said: dict[str, list[str]] = {}

    async def call(realtime: Realtime, call_id: str) -> None:
        async with realtime.join(call_id) as line:
            said[call_id] = await hear(line)

    async with loopback(talk) as door, listening() as ears:
        url = f"ws://127.0.0.1:{door.port}/v1/realtime"
        realtime = Realtime(configured(websocket_url=url), tcp_dial(url, ssl.create_default_context(), ears))
        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(call, realtime, f"c{number}")
    assert said == {f"c{number}": [f"c{number}"] * 5 for number in range(50)}
