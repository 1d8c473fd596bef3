"""The platform guide's own way: asyncio, `websockets` and json, behind FastAPI on uvicorn. On uvloop with BENCH_UVLOOP.

Different from the guide's sample only in that it counts the types of events instead of printing them.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator

import uvicorn
import websockets
from fastapi import FastAPI, Request

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


async def handle_sip_call(call_id: str) -> None:
    """One call."""
    with contextlib.suppress(websockets.exceptions.ConnectionClosedError):
        async with websockets.connect(
            url(call_id), additional_headers={"Authorization": f"Bearer {API_KEY}"}, ssl=context, proxy=None
        ) as ws:
            await ws.send(UPDATE)
            await ws.send(RESPOND)
            async for message in ws:
                event = json.loads(message)
                counted[event["type"]] += 1


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Say READY, and at the end what was counted."""
    ready()
    yield
    for task in tasks:
        task.cancel()
    finish()


app = FastAPI(lifespan=lifespan)


@app.post(PATH)
async def webhook(request: Request) -> dict[str, str]:
    """Take a call."""
    call_id = call_of(await request.body(), dict(request.headers))
    task = asyncio.create_task(handle_sip_call(call_id))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return {"result": "claimed"}


if __name__ == "__main__":
    loop = "uvloop" if os.environ.get("BENCH_UVLOOP") else "asyncio"
    uvicorn.run(app, fd=FD, loop=loop, access_log=False, timeout_graceful_shutdown=1)
