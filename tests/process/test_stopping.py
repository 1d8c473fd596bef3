"""The real process, under load, told to stop; and flooded with deliveries of one call."""

import json
import sys
from pathlib import Path

import httpx
import pytest
import trio

from daemon.observe.clock import system_clock
from daemon.sandbox.daemon_process import DaemonProcess, open_daemon
from daemon.sandbox.script import Script
from daemon.sandbox.sender import announce, incoming_event, sign
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.configured import API_KEY, SIGNING_SECRET

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.exhaustive

CALLS = 500
DELIVERIES = 1000


def settings(address: str) -> tuple[str, ...]:
    return (
        f"platform.xai.base_url=http://{address}",
        f"platform.xai.websocket_url=ws://{address}/v1/realtime",
        f"limits.max_calls={CALLS + 100}",
        "server.max_connections=2000",
        "drain.lame_duck=0s",
    )


async def ring(daemon: DaemonProcess, calls: list[SandboxCall]) -> None:
    """Announce calls, a few at a time, as they would come."""
    gate = trio.CapacityLimiter(20)
    async with httpx.AsyncClient(trust_env=False) as client, trio.open_nursery() as nursery:

        async def one(call: SandboxCall) -> None:
            async with gate:
                url = f"{daemon.webhook_url}/xai/sip-webhook"
                answer = await announce(client, url, call, secret=SIGNING_SECRET, at=system_clock())
                answer.raise_for_status()

        for call in calls:
            nursery.start_soon(one, call, name="sender")


async def test_five_hundred_live_calls_and_sigterm(capsys: pytest.CaptureFixture[str]) -> None:
    board = Switchboard(API_KEY)
    async with (
        open_sandbox(board) as address,
        open_daemon(ROOT / "config.toml", settings=settings(address), secret=SIGNING_SECRET, api_key=API_KEY) as daemon,
    ):
        calls = [board.place(Script(seconds_per_word=0.01)) for _ in range(CALLS)]
        await ring(daemon, calls)
        with trio.fail_after(20):
            for call in calls:
                await joined(call)
        began = trio.current_time()
        assert await daemon.stop() == 0
        seconds = trio.current_time() - began
    assert [call.ended_by for call in calls] == ["hangup"] * CALLS
    assert {call.hang_ups for call in calls} == {1}
    with capsys.disabled():
        sys.stdout.write(f"\n{CALLS} live calls: from SIGTERM to the end of the process {seconds:.2f} s\n")
    assert seconds < 15


async def joined(call: SandboxCall) -> None:
    for _ in range(1000):  # the sandbox tells nobody
        if call.session is not None and call.session.configured_at is not None:
            return
        await trio.sleep(0.02)
    raise AssertionError("the call was not joined")


async def test_a_thousand_deliveries_of_one_call() -> None:
    board = Switchboard(API_KEY)
    async with (
        open_sandbox(board) as address,
        open_daemon(ROOT / "config.toml", settings=settings(address), secret=SIGNING_SECRET, api_key=API_KEY) as daemon,
    ):
        call = board.place(Script(seconds_per_word=0.01))
        now = system_clock()
        body = json.dumps(incoming_event(call, created_at=int(now)))
        results: list[str] = []
        limits = httpx.Limits(max_connections=200)
        client = httpx.AsyncClient(trust_env=False, limits=limits, timeout=30)
        async with client, trio.open_nursery() as nursery:

            async def deliver(number: int) -> None:
                # Half are repeats of one delivery, half announce the same call under ids of their own.
                webhook_id = "msg_one" if number % 2 else f"msg_{number}"
                headers = sign(body, SIGNING_SECRET, webhook_id, now)
                answer = await client.post(f"{daemon.webhook_url}/xai/sip-webhook", content=body, headers=headers)
                assert answer.status_code == 200
                results.append(answer.json()["result"])

            for number in range(DELIVERIES):
                nursery.start_soon(deliver, number, name="delivery")
        await joined(call)
        assert await daemon.stop() == 0
    assert len(results) == DELIVERIES
    assert results.count("claimed") == 1
    assert results.count("duplicate") == DELIVERIES - 1
    assert call.joins == 1
