"""Endpoints that are told of calls: one in memory, for virtual time, and one on a real socket."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import h11
import httpx
import msgspec
import trio
from standardwebhooks.webhooks import Webhook

SECRET = "whsec_" + "c2VjcmV0" * 5
OTHER_SECRET = "whsec_" + "b3RoZXJz" * 5


class Got(msgspec.Struct, frozen=True, kw_only=True):
    """A request that came."""

    at: float
    """On Trio's clock."""
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """Whether one of the signatures is right; of when it was signed, only what the header says counts."""
        moment = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), tz=UTC)
        expected = Webhook(secret).sign(self.id, moment, self.body.decode())
        return expected in self.headers["webhook-signature"].split(" ")


Respond = Callable[[Got], Awaitable[httpx.Response]]


class Receiver(httpx.AsyncBaseTransport):
    """All endpoints there are, in memory; answers 204 until told otherwise, by host."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.under_way: dict[str, int] = {}
        self.most_under_way: dict[str, int] = {}
        self.answers: dict[str, Respond] = {}

    def at(self, host: str) -> list[Got]:
        """What came to a host."""
        return [got for got in self.got if httpx.URL(got.url).host == host]

    def answer(self, host: str, *statuses: int, **headers: str) -> None:
        """Let a host answer with these, one after the other, the last one from then on."""
        left = list(statuses)

        async def respond(_got: Got) -> httpx.Response:
            await trio.lowlevel.checkpoint()
            status = left.pop(0) if len(left) > 1 else left[0]
            return httpx.Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})

        self.answers[host] = respond

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Take a request."""
        host = request.url.host
        got = Got(
            at=trio.current_time(), url=str(request.url), headers=dict(request.headers), body=await request.aread()
        )
        self.got.append(got)
        self.under_way[host] = self.under_way.get(host, 0) + 1
        self.most_under_way[host] = max(self.most_under_way.get(host, 0), self.under_way[host])
        try:
            if host in self.answers:
                return await self.answers[host](got)
            return httpx.Response(204)
        finally:
            self.under_way[host] -= 1


async def read_request(stream: trio.abc.Stream, connection: h11.Connection) -> Got | None:
    """Read one whole request from a socket; None if there is none any more."""
    head: h11.Request | None = None
    body = b""
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some(65_536)))
            case h11.Request() as head:
                pass
            case h11.Data(data=data):
                body += data
            case h11.EndOfMessage():
                assert head is not None
                headers = {name.decode(): value.decode() for name, value in head.headers}
                return Got(at=trio.current_time(), url=head.target.decode(), headers=headers, body=body)
            case _:
                return None


class Endpoint:
    """A handler for real sockets that keeps what it got and the connection."""

    def __init__(self, status: int = 200, body: bytes = b"ok") -> None:
        self.got: list[Got] = []
        self._status = status
        self._body = body

    async def __call__(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end."""
        connection = h11.Connection(h11.SERVER)
        while got := await read_request(stream, connection):
            self.got.append(got)
            length = str(len(self._body)).encode()
            head = connection.send(h11.Response(status_code=self._status, headers=[(b"content-length", length)]))
            body = connection.send(h11.Data(data=self._body))
            assert head is not None
            assert body is not None
            connection.send(h11.EndOfMessage())
            await stream.send_all(head + body)
            if connection.our_state is h11.MUST_CLOSE:
                return
            connection.start_next_cycle()
