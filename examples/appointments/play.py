"""`make example`: a call to the appointment line, end to end, on this machine, with no key and no network.

Three parties: the workshop's system (`shop.py`), the real daemon as a process of its own with `config.toml`, and the
stand-in for the platform with a scripted caller and model. Exits with 0 only if every step really happened.
"""

import os
import secrets
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import trio
from rich.console import Console
from shop import Shop, serve

from daemon.cli.demo import Screen
from daemon.observe.clock import system_clock
from daemon.sandbox.daemon_process import DaemonProcess, open_daemon
from daemon.sandbox.script import Press, Reply, Say, Script, Use, Wait
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard

HERE = Path(__file__).parent
LIMIT = 60.0
"""Seconds that the call may take."""
DAY = "2026-03-03"
THINKS = Wait(1.5, over=True)
"""The caller waits for what tools give; whoever waits knows that somebody is busy."""

SCRIPT = Script(
    steps=(
        Say("My brakes squeal. Can you have a look on Tuesday?"),
        THINKS,
        Press("9#"),
        THINKS,
        Say("No, that is all. Thank you."),
    ),
    replies=(
        Reply(
            tools=(Use("estimate", '{"repair": "brakes"}'), Use("free_slots", f'{{"day": "{DAY}"}}')),
        ),
        Reply("Brakes take an hour and cost sixty dollars. Nine or eleven? Please type the hour, then the hash key."),
        Reply(tool="book_slot", arguments=f'{{"day": "{DAY}", "hour": 9, "repair": "brakes"}}'),
        Reply("You are booked for Tuesday at nine. Is there anything else?"),
        Reply(tool="hang_up", arguments='{"reason": "the slot is booked"}'),
        Reply("See you on Tuesday, Ada. Goodbye!"),
    ),
)

BOOKING = {"booking": 1, "day": DAY, "hour": 9, "repair": "brakes"}


def steps(shop: Shop, call: SandboxCall, records: list[dict[str, Any]], code: int) -> dict[str, bool]:
    """What should have happened, and whether it did; all three parties have a say."""
    entries = [record["entry"] for record in records]
    kinds = {entry["kind"]: entry for entry in entries}
    said = {(entry["speaker"], entry["text"]) for entry in entries if entry["kind"] == "Said" and entry["final"]}
    used = [entry["name"] for entry in entries if entry["kind"] == "ToolEnded" and entry["ok"]]
    heard = call.session.heard if call.session else []
    told = " ".join(frame["item"].get("output", "") for frame in heard if frame["type"] == "conversation.item.create")
    instructions = heard[0]["session"]["instructions"] if heard else ""
    return {
        "the caller was looked up": kinds.get("CallerLookedUp", {}).get("result") == "found",
        "the agent knows the caller": "The caller is Ada King, a customer." in instructions,
        "the greeting names the caller": ("agent", "Spoke and Chain, hello, Ada King. How can I help?") in said,
        "the caller's words": all(("caller", step.words) in said for step in SCRIPT.steps if isinstance(step, Say)),
        "the agent's words": all(("agent", reply.words) in said for reply in SCRIPT.replies if reply.words),
        "a Python function said the price": '"dollars":60' in told,
        "the workshop said which hours are free": "[9,11]" in told,
        "the caller typed the hour": kinds.get("DigitsCollected", {}).get("digits") == "9",
        "the slot is booked, once": [*shop.bookings.values()] == [BOOKING],
        "every tool did its work": sorted(used) == ["book_slot", "estimate", "free_slots"],
        "the workshop was asked for nothing else": len(shop.asked) == 3,
        "the goodbye was heard to its end": "GoodbyeSaid" in kinds and not call.cut_off,
        "the receipt says hung_up": kinds.get("Ended", {}).get("receipt", {}).get("outcome") == "hung_up",
        "the daemon ended cleanly": code == 0,
    }


async def play(shop: Shop, port: int, screen: Screen, pace: float) -> dict[str, bool]:
    """Play the call; gives what happened and what did not. Errors: `StartError` if the daemon does not start."""
    key, secret = f"sandbox-{secrets.token_hex(8)}", "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    board = Switchboard(key)
    async with open_sandbox(board) as address:
        own = f"http://127.0.0.1:{port}"
        settings = (
            f"platform.xai.base_url=http://{address}",
            f"platform.xai.websocket_url=ws://{address}/v1/realtime",
            f"agents.front.lookup.url={own}/customers/{{caller}}",
            f"tools.free_slots.url={own}/slots?day={{day}}",
            f"tools.book_slot.url={own}/bookings",
        )
        config = HERE / "config.toml"
        log = None if "--log" in sys.argv else subprocess.DEVNULL
        async with open_daemon(config, settings=settings, secret=secret, api_key=key, log=log) as process:
            call = board.place(paced(pace))
            records = await follow(process, call, secret, screen)
            code = await process.stop()
    return steps(shop, call, records, code)


def paced(pace: float) -> Script:
    """The script, at so many seconds a word."""
    return Script(steps=SCRIPT.steps, replies=SCRIPT.replies, seconds_per_word=pace)


async def follow(process: DaemonProcess, call: SandboxCall, secret: str, screen: Screen) -> list[dict[str, Any]]:
    """Announce the call and show it until it is over."""
    async with httpx.AsyncClient(trust_env=False) as client:
        url = f"{process.webhook_url}/xai/sip-webhook"
        (await announce(client, url, call, secret=secret, at=system_clock())).raise_for_status()
    records: list[dict[str, Any]] = []
    with trio.move_on_after(LIMIT):
        async for record in process.records:
            if "entry" in record:
                records.append(record)
                screen.record(records[-1])
                if records[-1]["entry"]["kind"] == "Ended":
                    break
    return records


def report(console: Console, happened: dict[str, bool], asked: Iterable[str]) -> int:
    """Print the closing list; gives the exit code."""
    console.print("\n[bold]What the workshop was asked[/]")
    for question in asked:
        console.print(f"  {question}", markup=False)
    console.print("\n[bold]What happened[/]")
    for step, did in happened.items():
        console.print(f"  [green]yes[/]  {step}" if did else f"  [bold red]no[/]   {step}")
    return 0 if all(happened.values()) else 1


def main() -> int:
    """Run it; gives the exit code."""
    shop = Shop(secrets.token_hex(16))
    os.environ["WORKSHOP_TOKEN"] = shop.token
    console = Console(highlight=False)
    with serve(shop, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pace = 0.01 if "--quick" in sys.argv else 0.12
        happened = trio.run(partial(play, shop, int(server.server_address[1]), Screen(console), pace))
        server.shutdown()
    return report(console, happened, shop.asked)


if __name__ == "__main__":
    sys.exit(main())
