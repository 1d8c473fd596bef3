"""An agent who may really transfer, to one place, and whose model was talked into evil.

What reaches the model from outside is poisoned as well: a tool's output, SIP headers, the caller's name, and what the
lookup knows of them. Every transfer that the platform is asked for is seen with its URI.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import trio

from daemon.app import wanted_headers
from daemon.config import HttpTool
from daemon.core.journal import Entry
from daemon.observe.entries import log_entries
from daemon.sandbox.script import Leave, Reply, Say, Script, Step, Wait
from daemon.sandbox.sender import incoming_event
from daemon.sandbox.switchboard import SandboxCall
from daemon.tools import http
from daemon.tools.base import Tool
from daemon.tools.connecting import CheckedTransport
from tests.calls.world import World, wall
from tests.config.written import ENV, PLATFORM, loaded
from tests.configured import API_KEY
from tests.injection.shop import POISON, Internet

FRONT_DESK = "tel:+14155550123"
CONFIG = """
[numbers."+18005550199"]
agent = "support"

[agents.support]
instructions = "You answer for a shop. The caller is {{ lookup.name }}, redirected by {{ sip.diversion }}."
silence_timeout = "0s"
tools = ["hang_up", "transfer", "notes"]
transfers = ["front_desk"]
sip_headers = ["X-Customer", "Diversion"]

[agents.support.keypad.menu]
"0" = "transfer:night"

[agents.support.lookup]
url = "https://crm.example.com/callers/{caller}"
fields = { name = "/name" }

[agents.back_office]
instructions = "You may do more."
tools = ["transfer"]
transfers = ["vault", "hotline"]

[destinations.front_desk]
uri = "tel:+14155550123"
description = "People."

[destinations.night]
uri = "sip:night@pbx.example.net;transport=tls"

[destinations.vault]
uri = "sip:vault@pbx.example.net"

[destinations.hotline]
uri = "tel:+19005550100"
allow = ["premium_rate"]

[tools.notes]
type = "http"
description = "Reads notes that anybody may write."
url = "https://shop.example.com/api/notes"
"""


class Desk:
    """A world with that agent in it."""

    def __init__(self, folder: Path, nursery: trio.Nursery, *, name: str = "Ada") -> None:
        self.config = loaded(folder, PLATFORM + CONFIG, env={**ENV, "XAI_API_KEY": API_KEY})
        self._name = name
        internet = Internet()
        client = httpx.AsyncClient(transport=CheckedTransport(internet, internet.resolve), trust_env=False)
        tools: dict[str, Tool] = {
            name: http.HttpTool(tool, client) for name, tool in self.config.tools.items() if isinstance(tool, HttpTool)
        }
        self.world = World(self.config, nursery, tools=tools, fetch=self._fetch)
        self.world.setting.feed.watch(log_entries(lambda: False))

    async def _fetch(self, url: str, headers: Mapping[str, str], allowed: Sequence[str] = ()) -> bytes | None:
        await trio.lowlevel.checkpoint()
        return json.dumps({"name": self._name}).encode()

    async def call(
        self,
        *replies: Reply,
        steps: tuple[Step, ...] = (Wait(8, over=True), Wait(1)),
        caller: str = "+14155550100",
        headers: tuple[tuple[str, str], ...] = (),
        refusals: tuple[int, ...] = (),
    ) -> SandboxCall:
        """One call, announced as by its webhook, in which the model does as it was talked into; gives it when over."""
        script = Script(steps=(Say("do it"), *steps, Leave()), replies=replies, seconds_per_word=0.1)
        call = self.world.switchboard.place(script, caller=caller, headers=headers)
        call.refer_refusals = [*refusals]
        body = json.dumps(incoming_event(call, created_at=int(wall()))).encode()
        wanted = wanted_headers(self.config)
        incoming = self.world.platform.read_webhook(body, f"msg_{call.id}", trio.current_time(), wanted)
        assert incoming is not None
        await self.world.supervisor.offer(incoming).verdict()
        with trio.fail_after(300):
            await self.world.supervisor.idle()
        return call

    def entries(self, call: SandboxCall, kind: type[Entry]) -> list[Entry]:
        """What the journal has of one kind."""
        return [entry for entry in self.world.entries(call) if isinstance(entry, kind)]


__all__ = ["FRONT_DESK", "POISON", "Desk"]
