"""REST stand-ins: what is asked goes to a desk, a plain function; faults come by script, in memory or on a socket.

A desk answers one request and keeps its own state. `Scripted` stands in front of one: it records what was asked, and
lets the next requests fail as real ones do: refused, never answered, cut before or after they were carried out.
Owner of one nursery for the server. Imports h11, httpx and Trio; never listens on anything but loopback.
"""

import enum
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import parse_qsl, urlsplit

import h11
import httpx
import msgspec
import trio

MAX_BODY = 1 << 20


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request."""

    method: str
    path: str
    """Without the query; not decoded."""
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = {}
    """Names in lower case."""
    body: bytes = b""

    @property
    def form(self) -> dict[str, str]:
        """The body as form fields."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    @property
    def json(self) -> dict[str, object]:
        """The body as a JSON object; empty if it is none."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Answer(msgspec.Struct, frozen=True):
    """One answer; a body of None is no body."""

    status: int
    body: object = None
    headers: dict[str, str] = {}

    def encoded(self) -> bytes:
        """The body on the wire."""
        return b"" if self.body is None else json.dumps(self.body).encode()


class Fault(enum.Enum):
    """How a request goes wrong without an answer."""

    TIMEOUT = "carried out, never answered"
    CUT = "the connection is cut before it is carried out"
    CUT_AFTER = "the connection is cut after it was carried out"


Desk = Callable[[Asked], Answer]
Front = Callable[[Asked], Answer | Fault]
"""A desk, or what stands in front of one."""


class Scripted:
    """A desk behind a script; is a desk itself for those who don't look at `faults`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.asked: list[Asked] = []
        """Everything that was asked, in order."""
        self.faults: list[Fault | Answer | None] = []
        """What happens to the next requests; None is nothing."""

    def __call__(self, asked: Asked) -> Answer | Fault:
        """Answer, or fail as scripted."""
        self.asked.append(asked)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Answer) or fault is Fault.CUT:
            return fault
        answer = self.desk(asked)
        return answer if fault is None else fault


def transport(front: Front) -> httpx.MockTransport:
    """A transport in memory for httpx clients."""

    async def answer(request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        url = request.url
        asked = _asked(request.method, url.raw_path.decode(), request.headers.items(), await request.aread())
        given = front(asked)
        match given:
            case Answer():
                return httpx.Response(given.status, content=given.encoded(), headers=given.headers)
            case Fault.TIMEOUT:
                raise httpx.ReadTimeout("", request=request)
            case Fault.CUT | Fault.CUT_AFTER:
                raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)

    return httpx.MockTransport(answer)


@asynccontextmanager
async def open_rest(front: Front) -> AsyncIterator[str]:
    """Serve on a free port of loopback while the block lasts; gives `http://host:port`."""
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, partial(_serve, front), 0, host="127.0.0.1")
        (listener,) = await nursery.start(serve, name="rest stand-in")
        host, port = listener.socket.getsockname()[:2]
        yield f"http://{host}:{port}"
        nursery.cancel_scope.cancel(reason="the stand-in closes")


async def _serve(front: Front, stream: trio.SocketStream) -> None:
    """Be the server of one connection; whatever a client does wrong ends it, and nothing else."""
    connection = h11.Connection(h11.SERVER)
    try:
        while (asked := await _read(connection, stream)) is not None:
            given = front(asked)
            if given is Fault.TIMEOUT:
                await trio.sleep_forever()
            if isinstance(given, Fault):
                break
            await stream.send_all(_written(connection, given))
            if connection.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
                break
            connection.start_next_cycle()
    except (h11.ProtocolError, trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    finally:
        await trio.aclose_forcefully(stream)


async def _read(connection: h11.Connection, stream: trio.SocketStream) -> Asked | None:
    request: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some(65536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                return None
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            headers = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers)
            return _asked(request.method.decode(), request.target.decode("latin-1"), headers, body)
        else:
            return None


def _asked(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> Asked:
    parts = urlsplit(target)
    return Asked(
        method=method,
        path=parts.path,
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in headers},
        body=body,
    )


def _written(connection: h11.Connection, answer: Answer) -> bytes:
    body = answer.encoded()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **answer.headers}
    if answer.status == 204:
        headers.pop("content-length")
    head = connection.send(h11.Response(status_code=answer.status, headers=list(headers.items())))
    rest = connection.send(h11.Data(data=body)) if body else b""
    return (head or b"") + (rest or b"") + (connection.send(h11.EndOfMessage()) or b"")
