"""The floor of the stack: Trio's sockets, and nothing that can be left out. No protocol, no decoding, no errors.

A webhook is verified and the call joined with one request; what comes on its socket is received and thrown away, by
reads that wait first. What the product takes beyond this is what it does.
"""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket

import trio

from benchmarks.peers.contract import API_KEY, FD, SECRET, UPDATE, WEBSOCKET, finish, ready, trust

context = trust()
KEY = base64.b64decode(SECRET.removeprefix("whsec_")) if SECRET else b""
HOST, PORT = WEBSOCKET.split("/")[2].split(":") if WEBSOCKET else ("", "0")
session: list[object] = []
GOODBYE = b"\x88\x02\x03\xe8"
"""The frame with which a caller leaves."""


def masked(text: str) -> bytes:
    """A client's text frame, with a mask of zeros."""
    data = text.encode()
    return bytes((0x81, 0x80 | 126)) + len(data).to_bytes(2, "big") + b"\0\0\0\0" + data


async def handle(call_id: str) -> None:
    """One call."""
    stream: trio.SocketStream = await trio.open_tcp_stream(HOST, int(PORT))
    request = (
        f"GET /v1/realtime?call_id={call_id} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {API_KEY}\r\n\r\n"
    ).encode()
    if context is None:
        await stream.send_all(request)
        await stream.receive_some()
        await stream.send_all(masked(UPDATE))
        number = stream.socket.fileno()
        while True:
            await trio.lowlevel.wait_readable(number)
            data = os.read(number, 65536)
            if not data or data.endswith(GOODBYE):
                break
    else:
        secure = trio.SSLStream(stream, context, server_hostname=HOST, https_compatible=True)
        if session:
            secure.session = session[0]
        await secure.send_all(request)
        await secure.receive_some()
        session[:] = [secure.session]
        await secure.send_all(masked(UPDATE))
        while (data := await secure.receive_some()) and not data.endswith(GOODBYE):
            pass
    await stream.aclose()


async def serve(nursery: trio.Nursery, stream: trio.SocketStream) -> None:
    """One connection with webhooks."""
    data = b""
    while more := await stream.receive_some():
        data += more
        head, blank, body = data.partition(b"\r\n\r\n")
        if not blank:
            continue
        lines = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        fields = {name.lower(): value for name, value in lines}
        if len(body) < int(fields["content-length"]):
            continue
        data = b""
        signed = f"{fields['webhook-id']}.{fields['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert hmac.compare_digest(expected, fields["webhook-signature"])
        nursery.start_soon(handle, json.loads(body)["data"]["call_id"])
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


async def main() -> None:
    """Serve."""
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(socket.socket(fileno=FD)))
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:

            async def take(stream: trio.SocketStream) -> None:
                await serve(nursery, stream)

            nursery.start_soon(trio.serve_listeners, take, [listener])
            ready()
            async for _ in signals:
                break
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
    finish()
