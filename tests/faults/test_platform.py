"""F18 to F34: what the platform, and the network on the way to it, do to joins and sockets."""

import json
import ssl
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import trio
import trustme
from trio.testing import MockClock

from daemon.core import journal
from daemon.core.receipts import Receipt
from daemon.platforms.xai.frames_filter import MOST_PIECES
from daemon.sandbox.script import Emit, Leave, Press, Reply, Say, Script, Use, Wait
from tests.calls import test_attending, test_joining
from tests.configured import configuration, with_xai
from tests.conftest import Logged
from tests.faults.scene import LEAVES, QUICK, STAYS, Seen, live, proven, simulated, virtual
from tests.live import eventually
from tests.platforms import test_realtime
from tests.platforms.fakes import joined, loopback
from tests.simulation.faults import GARBAGE, TEXTS, SocketFault
from tests.simulation.run import Outcome
from tests.simulation.scenario import Caller

TALKS = Script(
    steps=(Say("hello there"), Wait(8), Say("and again"), Wait(8), Leave()), replies=(Reply("Hello."), Reply("Yes."))
)


def receipts(outcome: Outcome) -> list[Receipt]:
    return [record.entry.receipt for _, record in outcome.world.records if isinstance(record.entry, journal.Ended)]


def kinds(outcome: Outcome) -> list[str]:
    return [type(record.entry).__name__ for _, record in outcome.world.records]


async def unjoinable(folder: Path, seen: Seen, logged: Logged, **xai: object) -> str:
    """Let somebody dial a daemon that can't get at its platform; gives what its receipt says."""
    config = with_xai(configuration(drain=QUICK), **xai)
    async with live(folder, seen, logged, config) as scene:
        call = scene.place(STAYS)
        assert (await scene.deliver(call)).json() == {"result": "claimed"}
        await eventually(lambda: ("hung_up",) in scene.rows("SELECT outcome FROM calls"), 20)
        (reasons,) = [row[0] for row in scene.rows("SELECT reasons FROM calls")]
        assert call.ended_by == "hangup"
        scene.unreachable = True
    assert "join_given_up" in str(logged())
    return str(json.loads(reasons)[0])


@pytest.mark.exhaustive
async def test_f18_no_way_to_the_platform(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """The platform's name is not known, nobody listens, its certificate is a stranger's.

    Expected: bounded retries within the budget, then hung up over REST, and an error in the log.
    """
    told = {}
    told["name"] = await unjoinable(
        tmp_path / "1", seen, logged, websocket_url="ws://no-such-host.invalid/v1/realtime", join_budget=0.5
    )
    told["listener"] = await unjoinable(
        tmp_path / "2", seen, logged, websocket_url="ws://127.0.0.1:1/v1/realtime", join_budget=0.5
    )
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def greet(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SocketStream)
        with suppress(trio.BrokenResourceError):
            await trio.SSLStream(stream, context, server_side=True).do_handshake()

    async with loopback(greet) as door:
        told["certificate"] = await unjoinable(
            tmp_path / "3", seen, logged, websocket_url=f"wss://127.0.0.1:{door.port}/v1/realtime", join_budget=0.5
        )
    assert all(why.startswith("could not join") for why in told.values()), told
    seen(**told)


async def test_f19_join_refused_for_the_key(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """Joining is refused with 401 or 403.

    Expected: no retry, hung up, loud.
    """
    async with virtual(seen, logged) as world:
        for status in (401, 403):
            await test_joining.test_a_bad_key_is_not_tried_twice_and_is_loud(autojump_clock, world, status, logged)
        errors = [line["kind"] for line in logged() if line["event"] == "join_given_up"]
        seen(attempts="1 each", errors=errors, receipt="hung_up")


async def test_f20_join_404(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """The call is not there when it is joined.

    Expected: looks at 0.2, 0.5 and 1 s, then it is gone.
    """
    async with virtual(seen, logged) as world:
        await test_joining.test_a_call_that_is_gone(autojump_clock, world)
        (receipt,) = world.ledger.receipts.values()
        seen(receipt=f"{receipt.outcome}, {receipt.reasons[0]}", after=f"{receipt.seconds:.1f} s")


async def test_f21_join_429(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """Joining is refused with 429 and Retry-After, of less and of more than the budget.

    Expected: honoured if it is within the budget, else given up at once.
    """
    async with virtual(seen, logged) as world:
        soon, late = world.dial(LEAVES), world.dial(STAYS)
        soon.join_refusals, soon.retry_after = [429], 3
        late.join_refusals, late.retry_after = [429] * 9, 60
        for call in (soon, late):
            await world.offer(call).verdict()
        await world.supervisor.idle()
        (joined,) = [entry for entry in world.entries(soon) if isinstance(entry, journal.Joined)]
        assert 3 <= joined.seconds < 4
        assert world.receipt(late).outcome == "hung_up"
        assert len(late.join_refusals) == 8
        seen(retry_after_3=f"joined after {joined.seconds:.1f} s", retry_after_60=world.receipt(late).reasons[0])


def test_f22_join_5xx_or_no_handshake(seen: Seen) -> None:
    """Joining ends in 5xx, or the handshake never does.

    Expected: a time limit, jittered retries, joined or hung up.
    """
    refused = tuple((SocketFault(kind="refuse", status=status),) for status in (503, 500))
    healed = simulated(seen, Caller(script=TALKS, sockets=refused))
    mute = simulated(seen, Caller(script=STAYS, sockets=((SocketFault(kind="no handshake"),),) * 9))
    assert receipts(healed)[0].outcome == "caller_left"
    assert receipts(mute)[0].outcome == "hung_up"
    joined = next(at for at, record in healed.world.records if isinstance(record.entry, journal.Joined))
    seen(after_503_and_500=f"joined after {joined:.2f} s", no_handshake=receipts(mute)[0].why)


async def test_f23_no_event_ever(autojump_clock: MockClock, nursery: trio.Nursery, seen: Seen, logged: Logged) -> None:
    """The socket is accepted, and no event ever comes.

    Expected: a deadline, then hung up.
    """
    with proven(seen):
        await test_attending.test_platform_never_says_a_word(nursery, autojump_clock)
        seen(receipt="the platform never answered, at ready_timeout")


def test_f24_session_update_refused(seen: Seen) -> None:
    """The platform refuses `session.update`.

    Expected: the error is on record; the call goes on or ends with a receipt that says so.
    """
    refusal = SocketFault(kind="text", after=0.0, what="a refused update")
    outcome = simulated(seen, Caller(script=TALKS, sockets=((refusal,),)))
    complaints = kinds(outcome).count("PlatformComplained")
    seen(complaints_on_record=complaints, receipt=receipts(outcome)[0].why)
    assert complaints or "refused" in receipts(outcome)[0].why


@pytest.mark.parametrize("kind", ["end", "break", "close"])
def test_f25_socket_drops_mid_call(seen: Seen, kind: str) -> None:
    """The socket ends by FIN, by RST or with 1006 in the middle of a call.

    Expected: rejoined within the window without a second greeting.
    """
    fault = msgspec.convert({"kind": kind, "after": 5.0, "status": 1006}, SocketFault)
    outcome = simulated(seen, Caller(script=TALKS, sockets=((fault,),)))
    seen(**{kind: f"{kinds(outcome).count('Rejoined')} rejoined, {receipts(outcome)[0].outcome}"})
    assert kinds(outcome).count("Rejoined") == 1
    assert kinds(outcome).count("Greeted") == 1


def test_f26_closed_and_kept_open(seen: Seen) -> None:
    """The platform closes with 1000 and keeps the connection.

    Expected: the call is over within 2 s.
    """
    fault = SocketFault(kind="close", after=5.0, status=1000, seconds=1e6)
    outcome = simulated(seen, Caller(script=STAYS, sockets=((fault,),)))
    (line,) = outcome.world.lines
    took = receipts(outcome)[0].seconds - 5.0
    gone = line.sockets[0].closed_at - 5.0
    assert took <= 2
    assert gone <= 2.5
    seen(
        receipt=f"{receipts(outcome)[0].outcome} {took:.2f} s after the close", connection_let_go=f"after {gone:.2f} s"
    )


def test_f27_black_hole(seen: Seen) -> None:
    """No bytes, and no end.

    Expected: found by a ping, then as F25.
    """
    outcome = simulated(seen, Caller(script=STAYS, sockets=((SocketFault(kind="mute", after=5.0),),)), drain_at=200.0)
    lost = next(at for at, record in outcome.world.records if isinstance(record.entry, journal.LineLost))
    assert lost - 5 <= 30.5
    seen(noticed=f"after {lost - 5:.0f} s", rejoined=kinds(outcome).count("Rejoined"))


@pytest.mark.exhaustive
async def test_f28_slow_drip(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """One call's bytes come one at a time.

    Expected: other calls are not affected; the slow one ends when its caller leaves.
    """
    async with live(tmp_path, seen, logged) as scene:
        slow = await scene.ring()
        (link,) = [link for link in scene.proxy.links if link.calls]
        link.drip = 0.02
        began = trio.current_time()
        quick = await scene.ring(Script(steps=(Say("hello"), Leave()), replies=(Reply("Hi."),), seconds_per_word=0.01))
        await quick.over.wait()
        took = trio.current_time() - began
        assert quick.session is not None
        assert quick.session.spoken
        assert slow.sockets == 1
        link.drip = 0.0
        seen(another_call=f"answered, served and over in {took:.1f} s", slow_one="still on its first socket")


async def test_f29_frames_too_large_and_too_many(autojump_clock: MockClock, seen: Seen, logged: Logged) -> None:
    """A message that is too long, in one frame or in pieces without an end; 5000 pings.

    Expected: closed with 1009, memory bounded; pings answered.
    """
    with proven(seen):
        await test_realtime.test_a_message_that_is_too_long("x", autojump_clock)
        await test_realtime.test_a_message_that_is_too_long(test_realtime.AUDIO, autojump_clock)
        seen(too_long="1009, lost")
        async with joined(max_message=1000) as (_, peer):
            for _ in range(5000):
                await peer.ping()
            await trio.sleep(1)
            assert peer.pongs_heard == 5000
        seen(pings="5000 answered")
        async with joined(max_message=1000) as (line, peer):
            await peer.stream.send_all(b"\x01\x01x")
            for _ in range(10):
                await peer.stream.send_all(b"\x00\x00" * 10_000)
                await trio.sleep(0.1)
                if peer.gone.is_set():
                    break
            assert [event async for event in line] == []
            assert line.end is not None
            assert line.end.lost
        seen(empty_pieces=f"ended after {MOST_PIECES} of one message")


@pytest.mark.parametrize("what", GARBAGE)
def test_f30_no_websocket_any_more(seen: Seen, what: str) -> None:
    """Invalid UTF-8, masked frames, reserved bits and opcodes, torn control frames.

    Expected: the socket ends, the call is rejoined or hung up.
    """
    outcome = simulated(seen, Caller(script=TALKS, sockets=((SocketFault(kind="garbage", after=5.0, what=what),),)))
    assert len(receipts(outcome)) == 1
    seen(**{what: receipts(outcome)[0].outcome})


def test_f31_no_event(seen: Seen) -> None:
    """Invalid JSON, an array, no type, an unknown type, impossible fields, keys twice.

    Expected: ignored and counted.
    """
    more = ('{"x": 1}', '{"type": null}', '{"type": "response.done", "type": "brand.new"}', '""', "null", "")
    nonsense = tuple(map(Emit, (TEXTS["not JSON"], TEXTS["not an event"], TEXTS["unknown event"], *more)))
    odd = Emit(TEXTS["impossible fields"])
    script = Script(steps=(Say("hello"), *nonsense * 5, odd, Say("still there"), Leave()), replies=(Reply("Hi."),) * 2)
    outcome = simulated(seen, Caller(script=script))
    (receipt,) = receipts(outcome)
    (ended,) = [record.entry for _, record in outcome.world.records if isinstance(record.entry, journal.Ended)]
    assert receipt.outcome == "caller_left"
    assert ended.events.get("brand.new", 0) + ended.events.get("unknown", 0) >= 5 or len(ended.events) > 3
    seen(frames=len(nonsense) * 5 + 1, receipt=receipt.outcome)


@pytest.mark.exhaustive
async def test_f32_event_flood(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """One socket brings ten thousand events as fast as it can.

    Expected: bounded queue and back-pressure; other calls are answered and served.
    """
    flood = tuple(Emit('{"type": "brand.new", "x": "%s"}' % ("y" * 100)) for _ in range(10_000))
    async with live(tmp_path, seen, logged) as scene:
        flooded = await scene.ring(Script(steps=(*flood, Wait(30)), seconds_per_word=0.01))
        began = trio.current_time()
        quick = await scene.ring(LEAVES)
        await quick.over.wait()
        took = trio.current_time() - began
        assert flooded.sockets == 1
        assert took < 10
        seen(another_call=f"answered and over in {took:.1f} s", flooded_one="still on its first socket")


async def test_f33_binary_frames(autojump_clock: MockClock, seen: Seen) -> None:
    """Binary frames, and audio.

    Expected: dropped and counted.
    """
    with proven(seen):
        await test_realtime.test_audio_and_binary_frames_are_dropped_and_counted(autojump_clock)
        seen(dropped_and_counted=True)


@pytest.mark.parametrize("frame", range(4, 16, 2))
def test_f34_twice_and_out_of_order(seen: Seen, frame: int) -> None:
    """A frame comes twice, or late, with all behind it; a turn's end comes before its words.

    Expected: tolerated, no action twice.
    """
    talk = Script(
        steps=(Say("book it"), Press("12#"), Say("thanks"), Leave()),
        replies=(Reply(tools=(Use("book"), Use("look_up"))), Reply("Booked."), Reply("Bye.")),
    )
    faults = (SocketFault(kind="twice", frame=frame), SocketFault(kind="late", frame=frame + 1, seconds=2.6))
    outcome = simulated(seen, Caller(script=talk, sockets=(faults,)))
    runs = [run.use.id for run in outcome.world.runs]
    assert len(runs) == len({*runs})
    assert len(receipts(outcome)) == 1
    seen(**{f"frame {frame}": f"{len(runs)} tools run, none twice"})
