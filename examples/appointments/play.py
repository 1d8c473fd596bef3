"""`make example`: three calls to the appointment line, end to end, on this machine, with no key and no network.

Three parties: the workshop's system (`shop.py`), the real daemon as a process of its own with `config.toml`, and the
stand-in for the platform with the scripted callers and model of `calls.py`. Exits with 0 only if every step really
happened, and if the card number is nowhere but where it belongs.
"""

import json
import os
import secrets
import sys
import tempfile
import threading
from base64 import b64encode
from pathlib import Path

import httpx
import msgspec
import trio
from calls import CALLS, CARD, Played, Steps
from rich.console import Console
from shop import Shop, serve

from daemon.cli.demo import Screen
from daemon.observe.clock import system_clock
from daemon.sandbox.daemon_process import DaemonProcess, open_daemon
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import Switchboard

HERE = Path(__file__).parent
LIMIT = 60.0
"""Seconds that a call may take, or until the workshop must have been told of it."""


class Run:
    """One run of the example."""

    def __init__(self, shop: Shop, port: int, folder: Path, console: Console, pace: float) -> None:
        self.shop, self.folder, self.console, self.pace = shop, folder, console, pace
        self.own = f"http://127.0.0.1:{port}"
        self.key, self.secret = f"sandbox-{secrets.token_hex(8)}", signing_secret()
        self.board = Switchboard(self.key)
        self.steps: dict[str, Steps] = {}
        """What should have happened, and whether it did, by call."""
        self.texts: dict[str, str] = {}
        """What anybody but the workshop could read of the calls, by what it is."""

    async def play(self) -> None:
        """Play all calls. Errors: `StartError` if the daemon does not start."""
        screen = Screen(self.console)
        with (self.folder / "log").open("wb") as log:
            async with open_sandbox(self.board) as address:
                own = {"settings": self._settings(address), "secret": self.secret, "api_key": self.key}
                async with open_daemon(HERE / "config.toml", **own, log=log.fileno()) as process:
                    for played in CALLS:
                        self.console.print(f"\n[bold]{played.title}[/]")
                        await self._one(played, process, screen)
                    await self._all_told()
                    code = await process.stop()
        self._see_files()
        self.steps["The card number"] = self._card()
        self.steps["The end"] = {
            "the workshop was told of every call": len(self.shop.told) == len(CALLS),
            "the daemon ended cleanly": code == 0,
        }

    async def _all_told(self) -> None:
        """Wait until the workshop was told of every call, or should have been."""
        for _ in range(int(LIMIT / 0.1)):
            if len(self.shop.told) == len(CALLS):
                return
            await trio.sleep(0.1)

    def _settings(self, address: str) -> tuple[str, ...]:
        """What differs from the configuration as it is: addresses, and where things are kept."""
        told = f'{{ url = "{self.own}/calls", secret = "${{env:WORKSHOP_SIGNING_SECRET}}" }}'
        return (
            f"platform.xai.base_url=http://{address}",
            f"platform.xai.websocket_url=ws://{address}/v1/realtime",
            f"agents.front.lookup.url={self.own}/customers/{{caller}}",
            f"tools.free_slots.url={self.own}/slots?day={{day}}",
            f"tools.book_slot.url={self.own}/bookings",
            f"tools.take_deposit.url={self.own}/deposits",
            f"tools.leave_message.url={self.own}/messages",
            f"deliveries=[{told}]",
            f"ledger.url=sqlite:///{self.folder}/ledger/ledger.db",
            f"recording.directory={self.folder}/recordings",
        )

    async def _one(self, played: Played, process: DaemonProcess, screen: Screen) -> None:
        """Announce a call, and show it until it is over."""
        script = msgspec.structs.replace(played.script, seconds_per_word=self.pace)
        call = self.board.place(script, caller=played.caller)
        call.refer_refusals, call.rings = [*played.transfers], 0.5
        async with httpx.AsyncClient(trust_env=False) as client:
            url = f"{process.webhook_url}/xai/sip-webhook"
            (await announce(client, url, call, secret=self.secret, at=system_clock())).raise_for_status()
        entries: list[dict[str, object]] = []
        with trio.move_on_after(LIMIT):
            async for record in process.records:
                entry = record.get("entry")
                if isinstance(entry, dict) and record["call_id"] == call.id:
                    entries.append(entry)
                    screen.record(record)
                    if entry["kind"] == "Ended":
                        break
        self.steps[played.title] = played.steps(self.shop, call, entries)
        self._see("what happens in calls (--events)", json.dumps(entries))
        self._see("what the platform is told", json.dumps(call.session.heard if call.session else []))

    def _see(self, what: str, text: str) -> None:
        self.texts[what] = self.texts.get(what, "") + text

    def _see_files(self) -> None:
        for what, pattern in {
            "the ledger": "ledger/**/*",
            "the recordings": "recordings/**/*",
            "the log": "log",
        }.items():
            for file in sorted(self.folder.glob(pattern)):
                if file.is_file():
                    self._see(what, file.read_bytes().decode(errors="replace"))
        self._see("what the workshop is told of calls", "".join(self.shop.told))

    def _card(self) -> Steps:
        """Where the card number is not; each of these is known to hold something of the call that had it."""
        marks = {
            "what happens in calls (--events)": '"count": 16',
            "what the platform is told": "entry-1",
            "the ledger": "entry-1",
            "the recordings": "entry-1",
            "the log": "take_deposit",
            "what the workshop is told of calls": '"count":16',
        }
        return {
            f"not in {what}": mark in self.texts.get(what, "") and not shows_card(self.texts[what])
            for what, mark in marks.items()
        }


def shows_card(text: str) -> bool:
    """Whether a text has the card number, or half of it, with or without gaps between its digits."""
    closed = text.replace(" ", "").replace("-", "")
    return any(CARD[place : place + 8] in each for each in (text, closed) for place in (0, 8))


def signing_secret() -> str:
    """A fresh secret to sign webhooks with."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


def report(console: Console, run: Run) -> int:
    """Print the closing list; gives the exit code."""
    console.print("\n[bold]What the workshop was asked[/]")
    for question in run.shop.asked:
        console.print(f"  {question}", markup=False)
    for title, steps in run.steps.items():
        console.print(f"\n[bold]{title}[/]")
        for step, did in steps.items():
            console.print(f"  [green]yes[/]  {step}" if did else f"  [bold red]no[/]   {step}")
    return 0 if all(did for steps in run.steps.values() for did in steps.values()) else 1


def main() -> int:
    """Run it; gives the exit code."""
    shop = Shop(secrets.token_hex(16), signing_secret())
    os.environ |= {"WORKSHOP_TOKEN": shop.token, "WORKSHOP_SIGNING_SECRET": shop.secret}
    console = Console(highlight=False)
    pace = 0.01 if "--quick" in sys.argv else 0.12
    with serve(shop, port=0) as server, tempfile.TemporaryDirectory(prefix="appointments-") as folder:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        run = Run(shop, int(server.server_address[1]), Path(folder), console, pace)
        trio.run(run.play)
        server.shutdown()
        if "--log" in sys.argv:
            console.print("\n[bold]The daemon's log[/]")
            console.print((run.folder / "log").read_text(), markup=False, soft_wrap=True)
    return report(console, run)


if __name__ == "__main__":
    sys.exit(main())
