"""The public port, in memory: a listener for the real server, and the plainest client that can misbehave.

The client is no library on purpose: it must be able to stop in the middle of a request, which no library offers.
"""

import json
from typing import Any

import h11
import msgspec
import trio

from tests.simulation.wire import Stream, Wire


class MemoryListener(trio.abc.Listener[Stream]):
    """Accepts connections that were made by `connect`."""

    def __init__(self, backlog: int = 1000) -> None:
        self.wires: list[Wire] = []
        """Every connection there ever was."""
        self._waiting, self._accepted = trio.open_memory_channel[Stream](backlog)
        self._closed = False

    async def accept(self) -> Stream:
        return await self._accepted.receive()

    async def aclose(self) -> None:
        self._closed = True
        self._accepted.close()
        await trio.lowlevel.checkpoint()

    async def connect(self) -> Stream:
        """Connect as a client. Errors: `ConnectionRefusedError` when nobody listens any more."""
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise ConnectionRefusedError("connection refused")
        wire = Wire()
        self._waiting.send_nowait(wire.ours)
        self.wires.append(wire)
        return wire.theirs


class Answer(msgspec.Struct, frozen=True):
    """What the server said."""

    status: int
    body: dict[str, Any]


def request_bytes(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A POST as it goes on the wire."""
    fields = {"Host": "callwarden", **headers, "Content-Length": str(len(body)), "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def read_answer(stream: Stream) -> Answer | None:
    """Read the one answer of a connection; None if it was cut off before its end."""
    client, status, body = h11.Connection(h11.CLIENT), 0, b""
    # So that the parser knows what is being answered.
    client.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    client.send(h11.EndOfMessage())
    try:
        while True:
            match client.next_event():
                case h11.NEED_DATA:
                    data = await stream.receive_some()
                    if not data:
                        return None
                    client.receive_data(bytes(data))
                case h11.Response(status_code=status):
                    pass
                case h11.Data(data=data):
                    body += data
                case h11.EndOfMessage():
                    return Answer(status, json.loads(body))
                case _:
                    return None
    except (trio.BrokenResourceError, h11.RemoteProtocolError):
        return None
