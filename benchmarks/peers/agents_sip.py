"""openai-agents, by its pattern for SIP calls: FastAPI on uvicorn, a RealtimeRunner for each call.

One step of the pattern is left out, in its favour: the request that accepts a call, which this platform doesn't have.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import uvicorn
from agents.realtime import OpenAIRealtimeSIPModel, RealtimeAgent, RealtimeRunner
from agents.realtime.model_inputs import RealtimeModelSendRawMessage
from fastapi import FastAPI, Request
from openai import AsyncOpenAI

from benchmarks.peers.contract import API_KEY, FD, PATH, SECRET, counted, finish, ready, url

client = AsyncOpenAI(api_key=API_KEY, webhook_secret=SECRET)
agent = RealtimeAgent(name="support", instructions="You are a helpful phone support agent.")
tasks: dict[str, asyncio.Task[None]] = {}
logger = logging.getLogger("benchmark")


async def observe(call_id: str) -> None:
    """One call."""
    runner = RealtimeRunner(agent, model=OpenAIRealtimeSIPModel())
    settings = {"turn_detection": {"type": "server_vad"}}
    config = {"call_id": call_id, "url": url(call_id), "api_key": API_KEY, "initial_model_settings": settings}
    try:
        async with await runner.run(model_config=config) as session:
            await session.model.send_event(
                RealtimeModelSendRawMessage(message={"type": "response.create", "other_data": {}})
            )
            async for event in session:
                if event.type == "raw_model_event" and event.data.type == "raw_server_event":
                    counted[event.data.data["type"]] += 1
                elif event.type == "error":
                    logger.error("error: %s", event.error)
    finally:
        tasks.pop(call_id, None)


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Say READY, and at the end what was counted."""
    ready()
    yield
    for task in list(tasks.values()):
        task.cancel()
    finish()


app = FastAPI(lifespan=lifespan)


@app.post(PATH)
async def webhook(request: Request) -> dict[str, str]:
    """Take a call."""
    event = client.webhooks.unwrap(await request.body(), request.headers)
    tasks[event.data.call_id] = asyncio.create_task(observe(event.data.call_id))
    return {"result": "claimed"}


if __name__ == "__main__":
    uvicorn.run(app, fd=FD, loop="asyncio", access_log=False, timeout_graceful_shutdown=1)
