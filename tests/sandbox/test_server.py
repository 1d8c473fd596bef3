"""The sandbox on real sockets, used by the real client."""

import httpx
import pytest
import trio

from daemon.core.events import SpokenDone
from daemon.core.frames import ResponseCreate, data
from daemon.errors import CallNotFound, NotAuthorized
from daemon.platforms.base import HangUpOutcome
from daemon.platforms.xai import open_platform
from daemon.sandbox.script import Leave, Say, Script, Wait
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import Switchboard
from tests.configured import API_KEY, configuration, with_xai

KEY = {"authorization": f"Bearer {API_KEY}"}


async def test_a_call_over_real_sockets() -> None:
    board = Switchboard(API_KEY)
    call = board.place(Script(steps=(Wait(0.05), Say("hello"), Leave()), seconds_per_word=0.01))
    async with open_sandbox(board) as address:
        config = with_xai(
            configuration(), base_url=f"http://{address}", websocket_url=f"ws://{address}/v1/realtime"
        ).platform.xai
        async with open_platform(config) as platform:
            with trio.fail_after(5):
                async with platform.join(call.id) as line:
                    events = [type(event).__name__ async for event in line]
                assert events[:2] == ["SessionCreated", "ConversationCreated"]
                assert "TranscriptCompleted" in events
                assert line.end is not None
                assert line.end.why == "closed with 1000"
                with pytest.raises(CallNotFound, match="call not found"):
                    async with platform.join("nobody"):
                        pass
                assert await platform.hang_up(call.id) is HangUpOutcome.ALREADY_OVER


async def test_an_ordinary_session_over_real_sockets() -> None:
    async with open_sandbox(Switchboard(API_KEY)) as address:
        config = with_xai(
            configuration(), base_url=f"http://{address}", websocket_url=f"ws://{address}/v1/realtime"
        ).platform.xai
        async with open_platform(config) as platform:
            with trio.fail_after(5):
                async with platform.converse("some-model") as line:
                    await line.send(data("hello"))
                    await line.send(ResponseCreate())
                    async for event in line:
                        if isinstance(event, SpokenDone):
                            break
    assert isinstance(event, SpokenDone)
    assert event.transcript == "You said: hello"


async def test_wrong_key() -> None:
    async with open_sandbox(Switchboard("another key")) as address:
        config = with_xai(
            configuration(), base_url=f"http://{address}", websocket_url=f"ws://{address}/v1/realtime"
        ).platform.xai
        async with open_platform(config) as platform:
            with pytest.raises(NotAuthorized, match="Incorrect API key"):
                async with platform.join("x"):
                    pass


async def test_rest_over_http() -> None:
    async with (
        open_sandbox(Switchboard(API_KEY)) as address,
        httpx.AsyncClient(base_url=f"http://{address}", headers=KEY, trust_env=False) as client,
    ):
        assert (await client.get("/v2/phone-numbers")).json() == {"phoneNumbers": []}
        assert (await client.post("/v1/realtime/calls/x/hangup")).status_code == 404
