"""Announces calls as the platform does: a Standard-Webhooks-signed POST. Imports standardwebhooks and httpx."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
from standardwebhooks import Webhook

from daemon.sandbox.switchboard import SandboxCall


def incoming_event(call: SandboxCall, *, created_at: int) -> dict[str, Any]:
    """The body of `realtime.call.incoming`, as documented."""
    return {
        "object": "event",
        "id": f"evt_{call.id}",
        "type": "realtime.call.incoming",
        "created_at": created_at,
        "data": {
            "call_id": call.id,
            "sip_headers": [
                {"name": name, "value": value}
                for name, value in (("From", call.caller), ("To", call.called), *call.headers)
            ],
            "metadata": {},
        },
    }


def sign(body: str, secret: str, webhook_id: str, at: float) -> dict[str, str]:
    """The headers that prove that the holder of the secret sent this body at this time."""
    when = datetime.fromtimestamp(int(at), tz=UTC)
    return {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": Webhook(secret).sign(webhook_id, when, body),
    }


async def announce(client: httpx.AsyncClient, url: str, call: SandboxCall, *, secret: str, at: float) -> httpx.Response:
    """Send the webhook for a call; `at` is Unix time. One attempt."""
    body = json.dumps(incoming_event(call, created_at=int(at)))
    return await client.post(url, content=body, headers=sign(body, secret, f"msg_{call.id}", at))
