"""The webhook's request over a real socket: right in every spelling of HTTP, or wrong in one way in any of them."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from daemon.web.listen import open_listeners
from daemon.web.quiet import Quiet
from daemon.web.serve import Server
from tests.hostile.effort import examples
from tests.web.fakes import NOW, OTHER_SECRET, PATH, FakeReception, body, make_app, sign

OUR_FAILURES = {"connection_failed", "application_failed", "request_failed"}
REFUSALS = {400, 401, 404, 405, 408, 411, 413, 414, 415, 417, 431, 501, 505}


@dataclass
class Request:
    """A delivery, spelled by chance; a defect changes it before it is spelled."""

    random: Random
    method: bytes = b"POST"
    target: bytes = PATH.encode()
    version: bytes = b"HTTP/1.1"
    content: bytes = field(default_factory=body)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    framing: str = ""
    ending: bytes = b""
    """In the place of the whole framed body, if there is something."""

    def __post_init__(self) -> None:
        self.content += b" " * self.random.choice([0, 0, 1, 300, 20_000])
        signed = sign(self.content, webhook_id=f"msg_{self.random.randrange(10**9)}")
        self.headers = [(b"Host", b"calls.example.com")]
        self.headers += [(name.encode(), value.encode()) for name, value in signed.items()]
        self.headers += self.random.sample(
            [
                (b"Content-Type", b"application/json"),
                (b"User-Agent", b"x" * 500),
                (b"X-Forwarded-For", b"198.51.100.7, 10.0.0.1"),
                (b"Cookie", b"a=b; c=\xc3\xa9"),
                (b"Accept-Encoding", b"gzip, br"),
                (b"Expect", b"100-continue"),
                (b"Upgrade", b"h2c"),
                (b"X-Empty", b""),
                (b"webhook-other", b"v1,x"),
            ],
            self.random.randrange(5),
        )
        self.random.shuffle(self.headers)
        self.framing = self.random.choice(["length", "chunks"])

    def set(self, name: str, value: bytes) -> None:
        self.headers = [(key, value if key == name.encode() else old) for key, old in self.headers]

    def get(self, name: str) -> bytes:
        return next(value for key, value in self.headers if key == name.encode())

    def drop(self, name: str) -> None:
        self.headers = [(key, value) for key, value in self.headers if key != name.encode()]

    def wire(self) -> bytes:
        lines = [b" ".join((self.method, self.target, self.version))]
        framed = self._framed()
        for name, value in self.headers:
            lines.append(self._case(name) + b":" + self._space() + value + self._space())
        return b"\r\n".join([*lines, b"", b""]) + framed

    def _framed(self) -> bytes:
        if self.framing == "length":
            self.headers.insert(
                self.random.randrange(len(self.headers) + 1), (b"Content-Length", b"%d" % len(self.content))
            )
            return self.ending or self.content
        if self.framing == "chunks":
            self.headers.append((b"Transfer-Encoding", self.random.choice([b"chunked", b"Chunked"])))
            return self.ending or self._chunks()
        return self.ending or self.content

    def _chunks(self) -> bytes:
        left = self.content
        chunks: list[bytes] = []
        while left:
            size = min(len(left), self.random.choice([1, 7, 300, 70_000]) if len(chunks) < 50 else len(left))
            form = self.random.choice([b"%x", b"%X", b"000%x"]) % size
            chunks.append(form + self.random.choice([b"", b"", b";a=b"]) + b"\r\n" + left[:size] + b"\r\n")
            left = left[size:]
        return b"".join(chunks) + b"0\r\n" + self.random.choice([b"", b"X-Trailer: 1\r\n"]) + b"\r\n"

    def _case(self, name: bytes) -> bytes:
        return self.random.choice([name, name.lower(), name.upper(), name.title()])

    def _space(self) -> bytes:
        return self.random.choice([b" ", b"", b"\t", b"   "])


Defect = Callable[[Request], None]


def replaced(name: str, *values: bytes) -> Defect:
    return lambda request: request.set(name, request.random.choice(values))


def too_long(request: Request) -> None:
    request.content = b" " * 70_000


def more(*headers: tuple[bytes, bytes]) -> Defect:
    return lambda request: request.headers.extend(headers)


def lengths(*values: bytes) -> Defect:
    def apply(request: Request) -> None:
        request.framing = "none"
        request.headers += [(b"Content-Length", value) for value in values]

    return apply


def chunked(ending: bytes, coding: bytes = b"chunked") -> Defect:
    def apply(request: Request) -> None:
        request.framing, request.ending = "none", ending
        request.headers.append((b"Transfer-Encoding", coding))

    return apply


def another_secret(request: Request) -> None:
    for name, value in sign(request.content, secret=OTHER_SECRET).items():
        request.set(name, value.encode())


def another_body(request: Request) -> None:
    request.content = request.content.replace(b"call1", b"call2")


def another_time(request: Request) -> None:
    for name, value in sign(request.content, at=NOW - 301).items():
        request.set(name, value.encode())


def signed_nonsense(request: Request) -> None:
    nonsense = [
        b"",
        b"\xff",
        b"[]",
        b"{",
        b"[" * 30_000,
        b'{"type": "call.incoming", "call_id": "../x"}',
    ]
    request.content = request.random.choice(
        [*nonsense, json.dumps({"type": "call.incoming", "call_id": "x" * 9} | {"k": "y"}).encode()[:-1]]
    )
    for name, value in sign(request.content).items():
        request.set(name, value.encode())


def twice(name: str) -> Defect:
    return lambda request: request.headers.append((name.encode(), request.get(name)))


DEFECTS: dict[str, Defect] = {
    "no id": lambda request: request.drop("webhook-id"),
    "no time": lambda request: request.drop("webhook-timestamp"),
    "no signature": lambda request: request.drop("webhook-signature"),
    "id twice": twice("webhook-id"),
    "time twice": twice("webhook-timestamp"),
    "signature twice": twice("webhook-signature"),
    "another id": replaced("webhook-id", b"msg_x", b"\xff", b"a.b", b"a b", b"m" * 2000, b"%s%n", b"'; --"),
    "another stamp": replaced(
        "webhook-timestamp", b"%d" % (NOW + 1), b"nan", b"-1", b"1e9", b"9" * 300, b"\xd9\xa1" * 10
    ),
    "another signature": replaced(
        "webhook-signature",
        b"v1,",
        b"v1," + b"A" * 43 + b"=",
        b"v2,QUJD",
        b"v1,\xff",
        b"v1,a,b",
        b" ".join([b"v1,QUJD"] * 99),
        b",",
    ),
    "another secret": another_secret,
    "another body": another_body,
    "another time": another_time,
    "signed nonsense": signed_nonsense,
    "method": lambda request: setattr(
        request, "method", request.random.choice([b"GET", b"PUT", b"PRI", b"post", b"X" * 90, b"TRACE"])
    ),
    "target": lambda request: setattr(
        request,
        "target",
        request.random.choice([b"/", PATH.encode() + b"/", b"*", b"http://a/xai/sip-webhook", b"/%2e%2e"]),
    ),
    "version": lambda request: setattr(
        request, "version", request.random.choice([b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/11"])
    ),
    "two lengths": lengths(b"5", b"6"),
    "a list of lengths": lengths(b"5, 6"),
    "a negative length": lengths(b"-5"),
    "a signed length": lengths(b"+5"),
    "a length in hex": lengths(b"0x10"),
    "a length of spaces": lengths(b"1 0"),
    "a great length": lengths(b"1" + b"0" * 40),
    "too long": too_long,
    "length and chunks": more((b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")),
    "two codings": chunked(b"0\r\n\r\n", b"gzip, chunked"),
    "another coding": chunked(b"5\r\nhello\r\n0\r\n\r\n", b"identity"),
    "a coding in disguise": chunked(b"0\r\n\r\n", b"xchunked"),
    "a chunk that lies": chunked(b"5\r\nhelloXX0\r\n\r\n"),
    "a chunk with a minus": chunked(b"-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk without a length": chunked(b"\r\nhello\r\n0\r\n\r\n"),
    "an endless chunk": chunked(b"F" * 40 + b"\r\nhello"),
    "an endless extension": chunked(b"1;" + b"x" * 40_000 + b"\r\nh\r\n0\r\n\r\n"),
    "chunks of nothing but a byte": chunked(b"1\r\nx\r\n" * 70_000),
    "endless trailers": chunked(b"0\r\n" + b"X-A: b\r\n" * 5000),
    "a name with a space": more((b"X A", b"b")),
    "a name of nothing": more((b"", b"b")),
    "a name with a NUL": more((b"X\0", b"b")),
    "a value with a NUL": more((b"X-A", b"a\0b")),
    "a bare CR": more((b"X-A", b"a\rb")),
    "two hosts": more((b"Host", b"b")),
    "no host": lambda request: request.drop("Host"),
    "many headers": more(*[(b"X-%d" % number, b"y" * 20) for number in range(2000)]),
    "a long header": more((b"X-Long", b"y" * 40_000)),
}


class Sender:
    """A stranger at the public port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def send(self, wire: bytes, cuts: list[int], patience: float) -> int | None:
        """Send in pieces; gives the status of the answer, or None if there is none within the patience."""
        edges = [0, *sorted(cut * len(wire) // 1000 for cut in cuts), len(wire)]
        async with await trio.open_tcp_stream("127.0.0.1", self._port) as stream:
            try:
                for begin, end in itertools.pairwise(edges):
                    await stream.send_all(wire[begin:end])
                    await trio.lowlevel.checkpoint()
                with trio.move_on_after(patience):
                    return await _status(stream)
            except trio.BrokenResourceError:
                return None
        return None


async def _status(stream: trio.SocketStream) -> int | None:
    received = b""
    while True:
        received += (more := await stream.receive_some())
        status = int(received[9:12]) if len(received) >= 12 else None
        if status == 100:
            received, status = received.partition(b"\r\n\r\n")[2], None
            status = int(received[9:12]) if len(received) >= 12 else None
        if status is not None or not more:
            return status


def exchange(wires: list[tuple[bytes, list[int], float]]) -> tuple[list[int | None], FakeReception, Quiet]:
    """Send these, one after the other, to a server of their own."""
    reception, quiet, statuses = FakeReception(), Quiet(clock=lambda: 0.0), []

    async def run() -> None:
        listeners = await open_listeners(["127.0.0.1:0"])
        server = Server(make_app(reception, quiet=quiet), listeners, quiet=quiet)
        sender = Sender(listeners[0].socket.getsockname()[1])
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                await nursery.start(server.run, name="server")
                for wire, cuts, patience in wires:
                    statuses.append(await sender.send(wire, cuts, patience))
                server.stop(grace=1.0, reason="the test is over")
        assert server.connections == 0

    trio.run(run)
    return statuses, reception, quiet


CUTS = st.lists(st.integers(0, 1000), max_size=6)


@examples(15)
@given(st.lists(st.tuples(st.integers(0, 2**32), CUTS), min_size=1, max_size=4))
def test_a_signed_delivery_arrives_however_it_is_spelled(requests: list[tuple[int, list[int]]]) -> None:
    statuses, reception, quiet = exchange([(Request(Random(seed)).wire(), cuts, 10.0) for seed, cuts in requests])
    assert statuses == [200] * len(requests)
    assert len(reception.offered) == len(requests)
    assert not {event for event, _ in quiet.totals} & OUR_FAILURES


@pytest.mark.parametrize("defect", DEFECTS)
@examples(2)
@given(st.integers(0, 2**32), CUTS)
def test_a_delivery_with_a_defect_does_not(defect: str, seed: int, cuts: list[int]) -> None:
    request = Request(Random(seed))
    DEFECTS[defect](request)
    good = Request(Random(seed + 1)).wire()
    (status, after), reception, quiet = exchange([(request.wire(), cuts, 0.1), (good, [], 10.0)])
    assert status is None or status in REFUSALS
    assert after == 200
    assert len(reception.offered) == 1
    assert not {event for event, _ in quiet.totals} & OUR_FAILURES, quiet.totals


def test_a_body_of_single_bytes_cost_a_second_of_cpu() -> None:
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % PATH.encode()
    single = head + b"1\r\nx\r\n" * 60_000 + b"0\r\n\r\n"
    (status, few), _, _ = exchange([(single, [], 10.0), (head + b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n", [], 10.0)])
    assert (status, few) == (413, 401)
