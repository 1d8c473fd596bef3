"""Callers, a platform and the installed service, on one machine's loopback."""

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import httpx
import trio

from daemon.observe.clock import system_clock
from daemon.sandbox.script import Leave, Script, Wait
from daemon.sandbox.sender import announce
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.configured import API_KEY, SIGNING_SECRET
from tests.process.nodes import present, until
from tests.systemd.machine import Machine

STAYS = Script(seconds_per_word=0.01)
BRIEF = Script(steps=(Wait(0.2), Leave()), seconds_per_word=0.01)
DOOR = "http://127.0.0.1:8080"
CREDENTIALS = "/etc/callwarden/credentials"
SHIPPED = (Path(__file__).parents[2] / "config.toml").read_text()


class Scene:
    """One test's world."""

    def __init__(self, machine: Machine, board: Switchboard, client: httpx.AsyncClient, platform: str) -> None:
        self.machine, self.board, self.client = machine, board, client
        self._platform = platform
        self.failures: list[str] = []
        """Deliveries that were not answered with 200."""

    def configure(self, *changes: str, secrets: Iterable[str] = ("xai-api-key", "xai-webhook-secret")) -> None:
        """Write a configuration that works; a change is `table key = value`."""
        changes = (
            f'platform.xai base_url = "http://{self._platform}"',
            f'platform.xai websocket_url = "ws://{self._platform}/v1/realtime"',
            'platform.xai api_key = "${credential:xai-api-key}"',
            'drain lame_duck = "0s"',
            "limits max_calls = 300",
            *changes,
        )
        self.machine.write("/etc/callwarden/config.toml", edited(SHIPPED, changes))
        known = {"xai-api-key": API_KEY, "xai-webhook-secret": SIGNING_SECRET}
        for name in secrets:
            self.machine.write(f"{CREDENTIALS}/{name}", f"{known[name]}\n", 0o600)

    async def deliver(self, call: SandboxCall) -> httpx.Response:
        """Announce a call, once."""
        return await announce(self.client, f"{DOOR}/xai/sip-webhook", call, secret=SIGNING_SECRET, at=system_clock())

    async def ring(self, count: int = 1, script: Script = STAYS) -> list[SandboxCall]:
        """Let people dial, and wait until each has somebody on the line."""
        calls = [self.board.place(script) for _ in range(count)]
        for call in calls:
            answer = await self.deliver(call)
            assert answer.status_code == 200, answer.text
        await until(lambda: all(map(present, calls)), 10, "everybody has somebody on the line")
        return calls

    async def knock(self) -> None:
        """Connect, say nothing, and wait to be sent away. Errors: `OSError` if the door is closed."""
        async with await trio.open_tcp_stream("127.0.0.1", 8080) as stream:
            with suppress(trio.BrokenResourceError):
                await stream.receive_some()

    async def keep_ringing(self, every: float) -> None:
        """Let somebody dial now and then who soon hangs up, until cancelled; nobody may be turned away."""
        async with trio.open_nursery() as senders:
            while True:
                senders.start_soon(self._try, self.board.place(BRIEF))
                await trio.sleep(every)

    async def _try(self, call: SandboxCall) -> None:
        try:
            answer = await self.deliver(call)
        except httpx.TransportError as error:
            self.failures.append(f"{type(error).__name__}: {error}")
        else:
            if answer.status_code != 200:
                self.failures.append(f"{answer.status_code} {answer.text}")

    def ledger(self) -> dict[str, str | None]:
        """Every call in the service's ledger, with how it ended."""
        file = self.machine.root / "var/lib/private/callwarden/ledger.db"
        with closing(sqlite3.connect(file)) as ledger:
            return dict(ledger.execute("SELECT call_id, outcome FROM calls"))

    def logged(self, event: str, unit: str = "callwarden") -> list[dict[str, Any]]:
        """Lines of its log that tell of an event."""
        lines = [line for line in self.machine.log(unit).splitlines() if line.startswith("{")]
        return [entry for entry in map(json.loads, lines) if entry["event"] == event]


@asynccontextmanager
async def scene(machine: Machine) -> AsyncIterator[Scene]:
    """A tidy machine, with a platform on its loopback, while the block lasts."""
    machine.tidy()
    board = Switchboard(API_KEY)
    limits = httpx.Limits(max_keepalive_connections=0)
    with machine.network():
        async with (
            open_sandbox(board) as address,
            httpx.AsyncClient(trust_env=False, timeout=30, limits=limits) as client,
        ):
            yield Scene(machine, board, client, address)
    machine.tidy()


def edited(text: str, changes: Iterable[str]) -> str:
    """A configuration with other values; every key that is changed must be there."""
    for change in changes:
        table, _, rest = change.partition(" ")
        key = rest.partition(" ")[0]
        begin = text.index(f"\n[{table}]\n")
        end = text.find("\n[", begin + 1)
        kept = rest.replace("\\", r"\\")
        part, count = re.subn(rf"^(?:# )?{key} = .*$", kept, text[begin:end], flags=re.MULTILINE)
        assert count == 1, change
        text = text[:begin] + part + text[end:]
    return text
