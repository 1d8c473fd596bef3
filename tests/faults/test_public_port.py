"""F01 to F17: what strangers, and the platform on a bad day, send to the public port. Real sockets."""

import json
from pathlib import Path

import httpx
import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.config import Agent, Limits, Secret
from daemon.observe.clock import system_clock
from daemon.sandbox.sender import incoming_event, sign
from daemon.sandbox.switchboard import SandboxCall
from tests import test_app
from tests.configured import SIGNING_SECRET, configuration, with_xai
from tests.conftest import Logged
from tests.deploy import test_proxies
from tests.deploy.proxies import need
from tests.faults.scene import LEAVES, PATH, QUICK, Seen, live, proven, signature
from tests.ledger.house import House, incoming
from tests.web import test_attacks, test_serve

pytestmark = pytest.mark.exhaustive  # what each rests on is tested in tests/web in milliseconds

OTHER = "whsec_" + "b3RoZXJz" * 5


def honest(call: SandboxCall) -> tuple[bytes, dict[bytes, bytes]]:
    """The body and the three headers of a delivery that is right."""
    at = system_clock()
    body = json.dumps(incoming_event(call, created_at=int(at)))
    signed = sign(body, SIGNING_SECRET, f"msg_{call.id}", at)
    return body.encode(), {k.encode(): v.encode() for k, v in signed.items() if k.startswith("webhook-")}


async def test_f01_bad_signature(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """A webhook with a bad signature, fifty times.

    Expected: 401, no claim, counted, one line of the log in ten seconds.
    """
    async with live(tmp_path, seen, logged) as scene:
        call = scene.place(LEAVES)
        answers = [await scene.deliver(call, secret=OTHER) for _ in range(50)]
        assert {answer.status_code for answer in answers} == {401}
        counted = await scene.metric('callwarden_webhooks_total{result="bad_signature"}')
        lines = len([line for line in logged() if line["event"] == "webhook_refused"])
        assert (scene.rows(), call.joins, lines) == ([], 0, 1)
        seen(answers="50 x 401", claims=0, lines_of_log=lines, counted=int(counted))


async def test_f02_headers_that_are_no_signature(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """A header is missing, repeated, a list of garbage, not ASCII, or has 10 kB.

    Expected: 400, 401 or 431, never a 500.
    """
    async with live(tmp_path, seen, logged) as scene:
        call = scene.place(LEAVES)
        body, right = honest(call)
        codes = []
        for name in right:
            rest = [header for header in right.items() if header[0] != name]
            for value in (b"", b"v1,!!!! v2 ,, \t", b"\xff\xc3", "\u4e2d".encode(), b"x" * 10_000):
                codes += [
                    await scene.post(body, *rest, (name, value)),
                    await scene.post(body, *right.items(), (name, value)),
                ]
            codes.append(await scene.post(body, *rest))
        assert {*codes} <= {400, 401, 431}
        assert call.joins == 0
        seen(answers=sorted({*codes}), of=f"{len(codes)} spellings")


async def test_f03_timestamps(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """A timestamp of 301 s ago or ahead, with a fraction, not a number, in other digits.

    Expected: 401.
    """
    async with live(tmp_path, seen, logged) as scene:
        call = scene.place(LEAVES)
        now = int(system_clock())
        body, right = honest(call)
        stamps = (str(now - 310), str(now + 310), f"{now}.5", "nan", "inf", f"+{now}", "-1", "", "9" * 400)
        codes = [await scene.post(body, *{**right, b"webhook-timestamp": stamp.encode()}.items()) for stamp in stamps]
        assert {*codes} == {401}
        assert call.joins == 0
        seen(answers=f"{len(codes)} x 401")


async def test_f04_signed_nonsense(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """A right signature over what is not JSON, not UTF-8, deep as a well, NaN, or a number of 5000 digits.

    Expected: 400 (or 2xx where only an unused field is odd), no crash.
    """
    bodies = {
        "not JSON": b"}{",
        "not UTF-8": b"\xff\xfe\xc3",
        "deep": b"[" * 30_000,
        "deep object": b'{"type":' * 8_000,
        "NaN": b'{"type": NaN}',
        "long number": b'{"type": ' + b"9" * 5000 + b"}",
        "array": b"[1]",
        "null": b"null",
        "empty": b"",
        "no call": b'{"type": "realtime.call.incoming", "created_at": 1e999, "data": {}}',
        "odd id": b'{"type": "realtime.call.incoming", "created_at": 1, "data": {"call_id": "../../x"}}',
    }
    async with live(tmp_path, seen, logged) as scene:
        call = scene.place(LEAVES)
        codes = {name: (await scene.deliver(call, body=body)).status_code for name, body in bodies.items()}
        assert {*codes.values()} == {400}, codes
        assert scene.rows() == []
        seen(answers=f"{len(codes)} x 400", claims=0)


async def test_f05_unknown_type(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """A signed event of a type that nobody knows yet.

    Expected: 2xx, ignored, counted.
    """
    async with live(tmp_path, seen, logged) as scene:
        answer = await scene.deliver(scene.place(LEAVES), body=b'{"type": "realtime.call.brand_new"}')
        ignored = await scene.metric('callwarden_webhooks_total{result="ignored"}')
        assert (answer.status_code, ignored, scene.rows()) == (204, 1, [])
        seen(answer=answer.status_code, counted_as_ignored=int(ignored))


async def test_f06_a_hundred_times_at_once(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """The same webhook a hundred times at once.

    Expected: 100 x 200, one join, 99 duplicates.
    """
    async with live(tmp_path, seen, logged) as scene:
        call = scene.place(LEAVES)
        results: list[str] = []

        async def send() -> None:
            answer = await scene.deliver(call)
            assert answer.status_code == 200
            results.append(answer.json()["result"])

        async with trio.open_nursery() as senders:
            for _ in range(100):
                senders.start_soon(send)
        await call.over.wait()
        assert (results.count("claimed"), results.count("duplicate"), call.joins) == (1, 99, 1)
        seen(claimed=1, duplicates=99, joins=call.joins)


async def test_f07_one_call_by_two_ids_at_two_nodes(tmp_path: Path, seen: Seen, logged: Logged, house: House) -> None:
    """A call is announced under different webhook ids, at one node and at two that share a ledger.

    Expected: one join, one claim.
    """
    async with live(tmp_path / "live", seen, logged) as scene:
        call = scene.place(LEAVES)
        results = [(await scene.deliver(call, webhook_id=f"msg_{n}")).json()["result"] for n in range(3)]
        await call.over.wait()
        assert (results, call.joins) == (["claimed", "duplicate", "duplicate"], 1)
    won: list[str] = []
    async with house.ledger("a") as first, house.ledger("b") as second, trio.open_nursery() as nursery:

        async def claim(name: str, number: int) -> None:
            if await (first, second)[number % 2].ledger.claim(incoming("call-1", f"msg-{number}"), "support"):
                won.append(name)

        for number in range(20):
            nursery.start_soon(claim, f"{number}", number)
    assert len(won) == 1
    seen(joins=call.joins, claims_of_twenty_at_two_nodes=len(won))


async def test_f08_replayed_after_a_restart(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """A delivery is replayed after a restart, within the tolerance.

    Expected: duplicate, as claims are durable.
    """
    async with live(tmp_path, seen, logged) as scene:
        call = await scene.ring(LEAVES)
        await call.over.wait()
    async with live(tmp_path, seen, logged) as scene:
        again = scene.place(LEAVES, call_id=call.id)
        answer = await scene.deliver(again)
        assert (answer.json()["result"], again.joins) == ("duplicate", 0)
        seen(answer=f"{answer.status_code} {answer.json()['result']}", joins=again.joins)


async def test_f09_announced_too_late(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """A retry that comes five minutes after the call was announced.

    Expected: 200, recorded as stale, not joined.
    """
    async with live(tmp_path, seen, logged) as scene:
        call = scene.place(LEAVES)
        answer = await scene.deliver(call, age=300)
        stale = await scene.metric('callwarden_webhooks_total{result="stale"}')
        assert (answer.status_code, answer.json()["result"], call.joins, stale) == (200, "stale", 0, 1)
        seen(answer=f"{answer.status_code} {answer.json()['result']}", joins=call.joins)


async def test_f10_rotating_secrets(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """A delivery is signed with the old secret, or with two, while secrets are rotated; and once the old one is gone.

    Expected: taken; refused afterwards.
    """
    both = with_xai(configuration(drain=QUICK), webhook_secrets=(Secret(OTHER), Secret(SIGNING_SECRET)))
    async with live(tmp_path / "both", seen, logged, both) as scene:
        old = await scene.deliver(scene.place(LEAVES))
        new = await scene.deliver(scene.place(LEAVES), secret=OTHER)
        body, at = b'{"type": "x"}', str(int(system_clock()))
        signed = {"webhook-id": "m", "webhook-timestamp": at}
        two = " ".join(signature(body, signed, secret) for secret in ("whsec_" + "eHh4" * 10, OTHER))
        response = await scene.client.post(PATH, content=body, headers={**signed, "webhook-signature": two})
        assert (old.status_code, new.status_code, response.status_code) == (200, 200, 204)
    alone = with_xai(configuration(drain=QUICK), webhook_secrets=(Secret(OTHER),))
    async with live(tmp_path / "alone", seen, logged, alone) as scene:
        gone = await scene.deliver(scene.place(LEAVES))
        assert gone.status_code == 401
        scene.secret = OTHER
    seen(old=old.status_code, new=new.status_code, by_two=response.status_code, old_one_removed=gone.status_code)


async def test_f11_large_bodies(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """A body of more than 64 KiB, with a length or in chunks, and one of 10**30 bytes by its own word.

    Expected: 413 or 400, memory flat.
    """
    async with live(tmp_path, seen, logged) as scene:
        size = 66_000
        long = await scene.client.post(PATH, content=b"x" * size)

        async def pieces() -> object:
            for _ in range(100):
                yield b"x" * 1000

        chunked = await scene.client.post(PATH, content=pieces())  # type: ignore[arg-type]
        huge = await scene.raw(
            b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 1%b\r\n\r\n" % (PATH.encode(), b"0" * 30)
        )
        assert {long.status_code, chunked.status_code} == {413}
        assert huge.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400"))
        seen(with_length=long.status_code, in_chunks=chunked.status_code, endless=huge.split(b" ")[1].decode())


async def test_f12_dripping_and_idling(autojump_clock: MockClock, seen: Seen) -> None:
    """A head or a body drips in, a connection idles, a client stops reading.

    Expected: cut within the limits; other requests are not affected.
    """
    with proven(seen):
        for scene in (
            test_serve.test_a_silent_connection_is_cut,
            test_serve.test_a_head_that_drips_in_is_cut_all_the_same,
            test_serve.test_an_idle_connection_is_cut,
            test_serve.test_dripping_does_not_extend_idleness,
            test_serve.test_a_slow_body_is_cut,
        ):
            await scene(autojump_clock)
            seen(**{scene.__name__.removeprefix("test_"): True})
        await test_serve.test_a_client_that_does_not_read_is_cut(100, autojump_clock)
        seen(a_client_that_does_not_read_is_cut=True)


async def test_f13_what_kills_other_servers(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """Requests that end Hypercorn's process: upgrades, h2c, HTTP/2, bytes in Host; beside a live call.

    Expected: the connection is closed; process and call live.
    """
    async with live(tmp_path, seen, logged) as scene:
        call = await scene.ring()
        for vector in test_attacks.VECTORS.values():
            await scene.raw(vector, patience=0.02)
        assert (await scene.client.get("/livez")).status_code == 200
        assert (call.sockets, call.joins) == (1, 1)
        seen(vectors=len(test_attacks.VECTORS), livez=200, call="still on its first socket")


async def test_f14_connections_and_descriptors_run_out(
    seen: Seen, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """More connections than may be open, and no descriptor left.

    Expected: further ones are turned away, it recovers, calls are not affected.
    """
    with proven(seen):
        await test_serve.test_running_out_of_descriptors_is_survived_and_told_quietly(autojump_clock, caplog)
        seen(without_descriptors="accepting goes on once there are some")


async def test_f15_smuggling_through_proxies(tmp_path: Path, seen: Seen) -> None:
    """Two lengths at once, and bodies that are too large, through nginx and HAProxy with the shipped files.

    Expected: no request comes out of another one's body; limits hold.
    """
    two = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with proven(seen):
        for name in ("nginx", "haproxy"):
            need(name)
            await trio.Path(tmp_path / f"{name}-bodies").mkdir()
            async with test_proxies.standing(name, tmp_path) as (proxy, backends, _):
                for head in (two, two.replace(b"chunked", b"xchunked"), two.replace(b"\r\n", b"\n")):
                    async with await proxy.stream() as stream:
                        await stream.send_all(head % PATH.encode() + smuggled)
                        with trio.move_on_after(0.5):
                            await stream.receive_some()
                reached = {path for backend in backends for _, path, _, _ in backend.requests}
                assert reached <= {PATH}
            await test_proxies.test_a_body_that_is_too_large_is_turned_away(name, tmp_path / f"{name}-bodies")
            seen(**{name: "nothing smuggled, large bodies turned away"})


async def test_f16_during_a_drain(tmp_path: Path, seen: Seen) -> None:
    """Webhooks during the lame duck, and after the listener has closed.

    Expected: taken; then refused by nobody listening, so that a balancer's other node or the next process has them.
    """
    with proven(seen):
        await test_app.test_drain_lets_calls_end_by_themselves(tmp_path)
        seen(lame_duck="200, and /readyz 503", after_it="no connection", live_call="ended by its caller")


async def test_f17_more_calls_than_allowed(tmp_path: Path, seen: Seen, logged: Logged) -> None:
    """More calls than `max_calls`.

    Expected: the configured plan (refuse: 503 and Retry-After), counted; calls in progress are not affected.
    """
    config = msgspec.structs.replace(
        configuration(agent=Agent(instructions="x"), drain=QUICK), limits=Limits(max_calls=2)
    )
    async with live(tmp_path, seen, logged, config) as scene:
        first, second = await scene.ring(), await scene.ring()
        refused: httpx.Response = await scene.deliver(scene.place(LEAVES))
        full = await scene.metric('callwarden_webhooks_total{result="full"}')
        assert (refused.status_code, refused.headers["retry-after"], full) == (503, "1", 1)
        assert (first.joins, second.joins) == (1, 1)
        first.end("caller")
        second.end("caller")
        await trio.sleep(0.2)
        seen(third_call=f"{refused.status_code}, Retry-After {refused.headers['retry-after']}", counted=int(full))
