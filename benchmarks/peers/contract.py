"""What all peers have in common: their surroundings, the check of a webhook, READY, what they counted."""

import json
import os
import socket
import ssl
from collections import Counter
from pathlib import Path

from standardwebhooks import Webhook

WEBSOCKET = os.environ.get("BENCH_WEBSOCKET", "")
SECRET = os.environ.get("BENCH_SECRET", "")
API_KEY = os.environ.get("BENCH_API_KEY", "")
PATH = "/xai/sip-webhook"
FD = int(os.environ.get("BENCH_FD", "-1"))
COUNTED = os.environ.get("BENCH_COUNTED", "")

UPDATE = json.dumps(
    {
        "type": "session.update",
        "session": {
            "voice": "eve",
            "instructions": "You are a helpful phone support agent.",
            "turn_detection": {"type": "server_vad"},
        },
    }
)
RESPOND = json.dumps({"type": "response.create"})

counted: Counter[str] = Counter()
"""Events by type."""
_webhook = Webhook(SECRET) if SECRET else None


def call_of(body: bytes, headers: dict[str, str]) -> str:
    """Check a delivery; gives the id of its call."""
    assert _webhook is not None
    _webhook.verify(body, headers)
    return str(json.loads(body)["data"]["call_id"])


def url(call_id: str) -> str:
    """Where a call is joined."""
    return f"{WEBSOCKET}?call_id={call_id}"


def trust() -> ssl.SSLContext | None:
    """The context for TLS, shared by all calls; the authority comes with SSL_CERT_FILE."""
    return ssl.create_default_context() if WEBSOCKET.startswith("wss") else None


def ready() -> None:
    """Say that webhooks are taken."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


def finish() -> None:
    """Write what was counted."""
    if COUNTED:
        Path(COUNTED).write_text(json.dumps(counted))
