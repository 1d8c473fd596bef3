"""A daemon with live calls for the console to show: in this process, on real sockets, with the sandbox as platform."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from daemon.config import Agent, Config, Destination, Drain, HttpTool, Secret
from daemon.config.parameters import parameters
from daemon.sandbox.script import Press, Reply, Say, Script, Use, Wait
from tests.configured import configuration
from tests.conftest import Logged
from tests.live import Live, eventually, live_daemon
from tests.tools.server import open_server, says

TOKEN = "0123456789abcdef-token"
SHOTS = os.environ.get("CALLWARDEN_SHOTS", "")
"""Folder for pictures of the pages, if somebody wants to look at them."""

GREETING = "Good evening, this is the bicycle workshop. How can I help you?"
TALK = Script(
    steps=(
        Say("hello, I would like to know whether my bicycle is ready, it is the red one with the basket in front"),
        Press("42#", gap=0.05),
        Wait(1.0),  # nothing is said while the tool is used
        Say("wonderful, could I pick it up on Saturday morning"),
    ),
    replies=(
        Reply("Gladly. Please type your order number, and then the hash key."),
        Reply(tools=(Use("look_up", '{"order": "42"}'),)),
        Reply("Order forty-two is ready. The bill is thirty-eight euros."),
        Reply("Yes, we are open on Saturday from nine until one. Is there anything else I can do for you?"),
    ),
    seconds_per_word=0.08,
)
STAYS = Script(steps=(Say("I am just looking"), Wait(600)), seconds_per_word=0.02)


@dataclass
class World:
    """What a test has of it."""

    live: Live
    port: int

    async def stop(self) -> None:
        """Tell the daemon to stop at once."""
        (await self.live.control.post("/v1/drain", json={"now": True})).raise_for_status()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def configured(port: int, drain: Drain) -> Config:
    tool = HttpTool(
        description="Looks up an order.",
        url=f"http://127.0.0.1:{port}/orders/{{order}}",
        parameters=parameters({"order": "string"}),
        allow_private=("127.0.0.1",),
    )
    agent = Agent(instructions="Help.", greeting=GREETING, tools=("hang_up", "look_up"))
    config = configuration(agent=agent, drain=drain, max_calls=300)
    operator = msgspec.structs.replace(config.operator, listen="127.0.0.1:0", token=Secret(TOKEN))
    places = {
        "front_desk": Destination(uri="tel:+18005550123", description="people"),
        "workshop": Destination(uri="tel:+18005550124", description="mechanics"),
    }
    return msgspec.structs.replace(config, tools={"look_up": tool}, operator=operator, destinations=places)


@asynccontextmanager
async def workshop(folder: Path, logged: Logged, drain: Drain | None = None) -> AsyncIterator[World]:
    """Run it while the block lasts; it must have been told to stop by the end of it."""
    drain = drain or Drain(deadline=10.0, lame_duck=0.0)
    async with (
        open_server(says(200, '{"status": "ready", "bill": 38}')) as server,
        live_daemon(configured(server.port, drain), folder) as live,
    ):
        await eventually(lambda: [line for line in logged() if line["event"] == "operators"], 10)
        (line,) = [line for line in logged() if line["event"] == "operators"]
        yield World(live, int(line["listening"][1].rpartition(":")[2]))
