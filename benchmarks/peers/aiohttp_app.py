"""aiohttp on both sides: its server for webhooks, its WebSocket client and json for calls."""

import asyncio
import json
import socket

import aiohttp
from aiohttp import web

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

tasks: set[asyncio.Task[None]] = set()
context = trust()
SESSION = web.AppKey("session", aiohttp.ClientSession)


async def handle(session: aiohttp.ClientSession, call_id: str) -> None:
    """One call."""
    async with session.ws_connect(
        url(call_id), headers={"Authorization": f"Bearer {API_KEY}"}, ssl=context or True
    ) as ws:
        await ws.send_str(UPDATE)
        await ws.send_str(RESPOND)
        async for message in ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                event = json.loads(message.data)
                counted[event["type"]] += 1


async def webhook(request: web.Request) -> web.Response:
    """Take a call."""
    call_id = call_of(await request.read(), dict(request.headers))
    task = asyncio.create_task(handle(request.app[SESSION], call_id))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return web.json_response({"result": "claimed"})


async def start(app: web.Application) -> None:
    """Open the session."""
    app[SESSION] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def stop(app: web.Application) -> None:
    """End the calls."""
    for task in tasks:
        task.cancel()
    finish()
    await app[SESSION].close()


def main() -> None:
    """Serve."""
    app = web.Application()
    app.add_routes([web.post(PATH, webhook)])
    app.on_startup.append(start)
    app.on_shutdown.append(stop)
    web.run_app(app, sock=socket.socket(fileno=FD), print=lambda *_: ready(), access_log=None, shutdown_timeout=1)


if __name__ == "__main__":
    main()
