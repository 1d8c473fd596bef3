"""The sandbox without sockets: streams in memory and REST by function call, for a virtual clock.

The WebSocket frames are real (trio-websocket on both ends), only the bytes travel in memory. Owner of one nursery per
socket, inside a nursery that the test or simulation owns.
"""

import json
from urllib.parse import parse_qs, urlsplit

import httpx
import trio
from trio.testing import memory_stream_pair
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from daemon.sandbox.switchboard import Switchboard

# Seconds the client gets for its half of a closing handshake.
_CLOSE_TIMEOUT = 2.0


class MemorySandbox:
    """Dials and answers in memory."""

    def __init__(self, switchboard: Switchboard, nursery: trio.Nursery) -> None:
        self.switchboard = switchboard
        self._nursery = nursery

    async def dial(self) -> trio.abc.Stream:
        """Open a stream to the sandbox; serves as the platform's `Dial`."""
        await trio.lowlevel.checkpoint()
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self.serve, theirs, name="sandbox socket")
        return ours

    def client(self, api_key: str) -> httpx.AsyncClient:
        """An HTTP client whose requests are answered by the switchboard."""

        async def answer(request: httpx.Request) -> httpx.Response:
            await trio.lowlevel.checkpoint()
            await self.switchboard.ring(request.url.path)
            status, body = self.switchboard.rest(request.method, request.url.path, request.headers, request.content)
            return httpx.Response(status, json=body)

        return httpx.AsyncClient(
            base_url="http://sandbox",
            transport=httpx.MockTransport(answer),
            headers={"Authorization": f"Bearer {api_key}"},
            trust_env=False,
        )

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Be the platform's end of one socket, until it is closed; cancelled, it is as if our machine had died."""
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)
            query = parse_qs(urlsplit(request.path).query)
            call_id = query.get("call_id", [""])[0]
            headers = {name.decode().lower(): value.decode() for name, value in request.headers}
            key = headers.get("authorization")
            board = self.switchboard
            refused = board.refuse_join(call_id, key) if call_id else board.refuse_session(key)
            if refused is None:
                await self._call(await request.accept(), call_id, query.get("conversation_id", [None])[0])
            else:
                wait = self.switchboard.retry_after(call_id)
                extra = [] if wait is None else [(b"retry-after", b"%d" % wait)]
                await request.reject(refused[0], extra_headers=extra, body=json.dumps(refused[1]).encode())

    async def _call(self, socket: WebSocketConnection, call_id: str, conversation_id: str | None) -> None:
        async def send(text: str) -> None:
            try:
                await socket.send_message(text)
            except ConnectionClosed:
                # The client has gone; whoever reads from it finds out and ends the play.
                await trio.sleep_forever()

        board = self.switchboard
        call, session = board.join(call_id, send, conversation_id) if call_id else board.converse(send)
        code: int | None = None
        async with trio.open_nursery() as nursery:

            async def hear() -> None:
                try:
                    while True:
                        await session.hear(str(await socket.get_message()))
                except ConnectionClosed as closed:
                    call.close_codes.append(closed.reason.code if closed.reason else 1006)
                    nursery.cancel_scope.cancel(reason="the client left")

            nursery.start_soon(hear, name="sandbox hearing")
            code = await self.switchboard.play(call, session)
            nursery.cancel_scope.cancel(reason="the call is over")
        if code is not None:
            with trio.move_on_after(_CLOSE_TIMEOUT):
                await socket.aclose(code)
