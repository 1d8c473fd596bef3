import json

import httpx
import pytest
from svix.webhooks import Webhook

from daemon.observe.clock import system_clock
from daemon.sandbox.script import Script
from daemon.sandbox.sender import announce, incoming_event
from daemon.sandbox.switchboard import Switchboard
from tests.configured import SIGNING_SECRET
from tests.contract import complaints


def test_the_event_keeps_the_contract() -> None:
    call = Switchboard("k").place(Script())
    assert complaints("rest", "webhook.realtime.call.incoming", incoming_event(call, created_at=1)) == []


def test_the_event_carries_the_calls_headers() -> None:
    call = Switchboard("k").place(Script(), headers=(("X-Customer-Id", "8812"),))
    event = incoming_event(call, created_at=1)
    assert complaints("rest", "webhook.realtime.call.incoming", event) == []
    assert [header["name"] for header in event["data"]["sip_headers"]] == ["From", "To", "X-Customer-Id"]


async def test_another_implementation_believes_the_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        taken.append(request)
        return httpx.Response(200)

    call = Switchboard("k").place(Script())
    now = system_clock()
    async with httpx.AsyncClient(transport=httpx.MockTransport(take)) as client:
        await announce(client, "http://daemon.example/hook", call, secret=SIGNING_SECRET, at=now)
    (request,) = taken
    assert complaints("rest", "webhook.headers", dict(request.headers)) == []
    Webhook(SIGNING_SECRET).verify(request.content, dict(request.headers))  # raises if it does not
    assert json.loads(request.content)["data"]["call_id"] == call.id
