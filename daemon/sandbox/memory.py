"""The sandbox without sockets: streams in memory and REST by function call, for a virtual clock.

The WebSocket frames are real (trio-websocket on both ends), only the bytes travel in memory. Owner of one nursery per
socket, inside a nursery that the test or simulation owns.
"""

import json

import httpx
import trio
from trio.testing import memory_stream_pair
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from daemon.sandbox.switchboard import Switchboard


class MemorySandbox:
    """Dials and answers in memory."""

    def __init__(self, switchboard: Switchboard, nursery: trio.Nursery) -> None:
        self.switchboard = switchboard
        self._nursery = nursery

    async def dial(self) -> trio.abc.Stream:
        """Open a stream to the sandbox; serves as the platform's `Dial`."""
        await trio.lowlevel.checkpoint()
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self._serve, theirs, name="sandbox socket")
        return ours

    def client(self, api_key: str) -> httpx.AsyncClient:
        """An HTTP client whose requests are answered by the switchboard."""

        async def answer(request: httpx.Request) -> httpx.Response:
            await trio.lowlevel.checkpoint()
            status, body = self.switchboard.rest(request.method, request.url.path, request.headers, request.content)
            return httpx.Response(status, json=body)

        return httpx.AsyncClient(
            base_url="http://sandbox",
            transport=httpx.MockTransport(answer),
            headers={"Authorization": f"Bearer {api_key}"},
            trust_env=False,
        )

    async def _serve(self, stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)
            call_id = request.path.partition("call_id=")[2]
            headers = {name.decode().lower(): value.decode() for name, value in request.headers}
            refused = self.switchboard.refuse_join(call_id, headers.get("authorization"))
            if refused is None:
                await self._call(await request.accept(), call_id)
            else:
                await request.reject(refused[0], body=json.dumps(refused[1]).encode())

    async def _call(self, socket: WebSocketConnection, call_id: str) -> None:
        async def send(text: str) -> None:
            try:
                await socket.send_message(text)
            except ConnectionClosed:
                # The client has gone; whoever reads from it finds out and ends the play.
                await trio.sleep_forever()

        call, session = self.switchboard.join(call_id, send)
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
            await socket.aclose(code)
            nursery.cancel_scope.cancel(reason="the call is over")
