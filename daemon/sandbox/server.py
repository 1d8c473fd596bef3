"""The sandbox on real sockets: Quart-Trio behind our own guarded server, on loopback.

Owner of one nursery for the server, and of one per socket.

Imports web.serve for the server, which is the same that guards the public port. Never listens on anything but an
address it was given.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from quart import request, websocket
from quart.typing import ResponseReturnValue
from quart_trio import QuartTrio

from daemon.sandbox.session import Session
from daemon.sandbox.switchboard import Switchboard
from daemon.web.listen import addresses, open_listeners
from daemon.web.serve import Server


@asynccontextmanager
async def open_sandbox(switchboard: Switchboard) -> AsyncIterator[str]:
    """Serve the sandbox on a free port of loopback while the block lasts; gives `host:port`."""
    listeners = await open_listeners(["127.0.0.1:0"])
    server = Server(create_app(switchboard), listeners, websockets=True, name="sandbox")
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run, name="sandbox server")
        yield addresses(listeners)[0]
        server.stop(grace=1.0, reason="the sandbox closes")


def create_app(switchboard: Switchboard) -> QuartTrio:
    """The platform's paths, as an ASGI app."""
    app = QuartTrio("callwarden-sandbox")

    @app.websocket("/v1/realtime")
    async def realtime() -> ResponseReturnValue | None:
        call_id = websocket.args.get("call_id", "")
        key = websocket.headers.get("authorization")
        refused = switchboard.refuse_join(call_id, key) if call_id else switchboard.refuse_session(key)
        if refused is not None:
            return refused[1], refused[0]
        await websocket.accept()
        if call_id:
            call, session = switchboard.join(call_id, websocket.send, websocket.args.get("conversation_id"))
        else:
            call, session = switchboard.converse(websocket.send)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_hear, session, name="sandbox hearing")
            code = await switchboard.play(call, session)
            nursery.cancel_scope.cancel(reason="the call is over")
        await websocket.close(code)
        return None

    @app.route("/<path:path>", methods=["GET", "POST", "DELETE", "PATCH"])
    async def rest(path: str) -> ResponseReturnValue:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        await switchboard.ring(f"/{path}")
        status, answer = switchboard.rest(request.method, f"/{path}", headers, body)
        return answer, status

    return app


async def _hear(session: Session) -> None:
    while True:
        message = await websocket.receive()
        await session.hear(message if isinstance(message, str) else message.decode(errors="replace"))
