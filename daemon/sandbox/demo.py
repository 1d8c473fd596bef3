"""The demo: one call, answered by a real daemon process, followed live.

Plays the platform on loopback sockets, starts the daemon with the shipped configuration, announces one caller, and
gives what really happened, step by step: what the daemon recorded, and what arrived on the platform's side. Prints
nothing; `cli/demo.py` does.
"""

import secrets
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import trio

from daemon.observe.clock import WallClock
from daemon.sandbox.daemon_process import DaemonProcess, open_daemon
from daemon.sandbox.script import Press, Reply, Say, Script
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard

CALL_TIMEOUT = 60.0
"""Seconds the whole call may take; it takes about ten."""

DEMO = Script(
    steps=(
        Say("Hello, I would like to know where my order is."),
        Press("42#"),
        Say("No, that is all. Thank you."),
    ),
    replies=(
        Reply("Gladly. Please type your order number, and then the hash key."),
        Reply("Order forty-two left our warehouse this morning. Is there anything else?"),
        Reply(tool="hang_up", arguments='{"reason": "the caller needs nothing more"}'),
        Reply("You are welcome. Goodbye!"),
    ),
    seconds_per_word=0.12,
)


QUICK = msgspec.structs.replace(
    DEMO, seconds_per_word=0.01, steps=(DEMO.steps[0], Press("42#", gap=0.01), DEMO.steps[2])
)
"""The same, for those who only want to know whether it works."""


class Outcome(msgspec.Struct, kw_only=True):
    """What the demo found out, from both ends of the wire."""

    pickup_seconds: float | None = None
    """Webhook received to `session.update` on the wire, as the daemon measured it."""
    pickup_seconds_seen: float | None = None
    """Webhook sent to `session.update` received, as the platform saw it."""
    ready_seconds: float
    receipt: str | None = None
    why: str | None = None
    events: dict[str, int] = {}
    exit_code: int | None = None
    missing: list[str] = []
    """Steps that did not happen; empty if the demo succeeded."""


Show = Callable[[dict[str, Any]], None]


async def run_demo(
    config: Path, *, greeting: str, wall: WallClock, show: Show, log: int | None, script: Script = DEMO
) -> Outcome:
    """Play the demo, handing every record of the call to `show` as it happens.

    Errors: `StartError` if the daemon does not start; everything that goes wrong later is in the outcome.
    """
    api_key, secret = f"sandbox-{secrets.token_hex(8)}", "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    switchboard = Switchboard(api_key)
    async with open_sandbox(switchboard) as address:
        settings = (
            f"platform.xai.base_url=http://{address}",
            f"platform.xai.websocket_url=ws://{address}/v1/realtime",
        )
        async with open_daemon(config, settings=settings, secret=secret, api_key=api_key, log=log) as process:
            outcome = Outcome(ready_seconds=process.ready_after)
            call = switchboard.place(script)
            sent_at = await _announce(process, call, secret, wall)
            records = await _follow(process, show)
            outcome.exit_code = await process.stop()
    session = call.session
    if session is not None and session.configured_at is not None:
        outcome.pickup_seconds_seen = session.configured_at - sent_at
    _conclude(outcome, records, call, greeting)
    return outcome


async def _announce(process: DaemonProcess, call: SandboxCall, secret: str, wall: WallClock) -> float:
    """Send the webhook; gives when."""
    async with httpx.AsyncClient(trust_env=False) as client:
        url = f"{process.webhook_url}/xai/sip-webhook"
        sent_at = trio.current_time()
        answer = await announce(client, url, call, secret=secret, at=wall())
    answer.raise_for_status()
    return sent_at


async def _follow(process: DaemonProcess, show: Show) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    with trio.move_on_after(CALL_TIMEOUT):
        async for record in process.records:
            records.append(record)
            show(record)
            if records[-1].get("entry", {}).get("kind") == "Ended":
                break
    return records


def _conclude(outcome: Outcome, records: list[dict[str, Any]], call: SandboxCall, greeting: str) -> None:
    """Compare what happened with what should have; both sides of the wire have a say."""
    entries = [record["entry"] for record in records if "entry" in record]
    by_kind = {entry["kind"]: entry for entry in entries}
    said = {(entry["speaker"], entry["text"]) for entry in entries if entry["kind"] == "Said" and entry["final"]}
    keys = [entry["digit"] for entry in entries if entry["kind"] == "KeyPressed"]
    ended = by_kind.get("Ended", {})
    outcome.pickup_seconds = by_kind.get("SessionSent", {}).get("seconds")
    outcome.receipt = ended.get("receipt", {}).get("outcome")
    outcome.why = " > ".join(ended.get("receipt", {}).get("reasons", ()))
    outcome.events = ended.get("events", {})
    steps = {
        "webhook verified": "WebhookVerified" in by_kind,
        "call claimed": "Claimed" in by_kind,
        "call joined": "Joined" in by_kind and call.joins == 1,
        "session configured": "SessionConfigured" in by_kind and outcome.pickup_seconds is not None,
        "greeting spoken": ("agent", greeting) in said,
        "caller's turns": all(("caller", step.words) in said for step in DEMO.steps if isinstance(step, Say)),
        "agent's turns": all(("agent", reply.words) in said for reply in DEMO.replies if reply.words),
        "keys 4 2 #": keys == ["4", "2", "#"],
        "the entry 42": by_kind.get("DigitsCollected", {}).get("digits") == "42",
        "the model's wish to hang up": "HangUpAsked" in by_kind,
        "goodbye heard to its end": "GoodbyeSaid" in by_kind and not call.cut_off,
        "the platform was asked to hang up, once": call.ended_by == "hangup" and call.hang_ups == 1,
        "receipt": outcome.receipt == "hung_up",
        "clean exit": outcome.exit_code == 0,
    }
    outcome.missing = [step for step, happened in steps.items() if not happened]
