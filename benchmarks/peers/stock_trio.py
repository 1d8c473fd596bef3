"""The product's own stack as it comes: Quart-Trio on Hypercorn, trio-websocket with its defaults, json.

`/verify` only verifies: the bare application that the product's webhook is held against.
"""

import json
import signal

import trio
import trio_websocket
from hypercorn.config import Config
from hypercorn.trio import serve
from quart import request
from quart_trio import QuartTrio

from benchmarks.peers.contract import (
    API_KEY,
    FD,
    PATH,
    RESPOND,
    UPDATE,
    call_of,
    counted,
    finish,
    ready,
    trust,
    url,
)

app = QuartTrio(__name__)
context = trust()


async def handle(call_id: str) -> None:
    """One call."""
    try:
        async with trio_websocket.open_websocket_url(
            url(call_id), ssl_context=context, extra_headers=[(b"Authorization", f"Bearer {API_KEY}".encode())]
        ) as ws:
            await ws.send_message(UPDATE)
            await ws.send_message(RESPOND)
            while True:
                event = json.loads(await ws.get_message())
                counted[event["type"]] += 1
    except trio_websocket.ConnectionClosed:
        pass


@app.post(PATH)
async def webhook() -> dict[str, str]:
    """Take a call."""
    call_id = call_of(await request.get_data(as_text=False), dict(request.headers))
    app.nursery.start_soon(handle, call_id)
    return {"result": "claimed"}


@app.post("/verify")
async def verify() -> dict[str, str]:
    """Only verify."""
    call_of(await request.get_data(as_text=False), dict(request.headers))
    return {"result": "verified"}


async def main() -> None:
    """Serve."""
    config = Config()
    config.bind = [f"fd://{FD}"]
    config.accesslog = config.errorlog = None
    config.graceful_timeout = 1
    with trio.open_signal_receiver(signal.SIGTERM) as signals:

        async def stop() -> None:
            async for _ in signals:
                return

        async with trio.open_nursery() as nursery:

            async def tell() -> None:
                await trio.sleep(0.1)
                ready()

            nursery.start_soon(tell)
            await serve(app, config, shutdown_trigger=stop)
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    try:
        trio.run(main)
    finally:
        finish()
