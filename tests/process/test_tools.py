"""A tool end to end, on real sockets: the model asks, a server of the operator's answers, the model speaks of it."""

import json
from pathlib import Path

import msgspec
import trio

from daemon.config import Agent, Config, Drain, HttpTool
from daemon.config.parameters import parameters
from daemon.sandbox.script import Leave, Reply, Say, Script, Use, Wait
from tests.configured import configuration
from tests.live import kill, live_daemon
from tests.tools.server import open_server, says

TALK = Script(
    steps=(Say("where is my order"), Wait(0.3), Leave()),
    replies=(Reply(tools=(Use("look_up", '{"order": "42"}'), Use("look_up", '{"order": 42}'))), Reply("On its way.")),
    seconds_per_word=0.01,
)


def configured(port: int) -> Config:
    tool = HttpTool(
        description="Looks up an order.",
        url=f"http://127.0.0.1:{port}/orders/{{order}}",
        parameters=parameters({"order": "string"}),
        result="/status",
        allow_private=("127.0.0.1",),
    )
    agent = Agent(instructions="Help.", tools=("hang_up", "look_up"))
    config = configuration(agent=agent, drain=Drain(deadline=5.0, lame_duck=0.0))
    return msgspec.structs.replace(config, tools={"look_up": tool})


async def test_a_tool_from_the_wish_to_the_words(tmp_path: Path) -> None:
    async with (
        open_server(says(200, '{"status": "on its way", "note": "not for the model"}')) as server,
        live_daemon(configured(server.port), tmp_path) as live,
    ):
        call = await live.ring(TALK)
        with trio.fail_after(10):
            await call.over.wait()
        kill()
        assert await live.exit_code() == 0
    (asked,) = server.asked
    assert (asked.method, asked.target, asked.headers["x-callwarden-call"]) == ("GET", "/orders/42", call.id)
    assert call.session is not None
    update, *frames = call.session.heard
    assert [tool["name"] for tool in update["session"]["tools"]] == ["hang_up", "look_up"]
    assert update["session"]["tools"][1]["parameters"]["required"] == ["order"]
    items = [frame["item"] for frame in frames if frame["type"] == "conversation.item.create"]
    good, bad = (json.loads(item["output"]) for item in items)
    assert good == "on its way"
    assert bad["problems"] == ["order: 42 is not of type 'string'"]
    assert [frame["type"] for frame in frames].count("response.create") == 1
    assert call.session.spoken == ["On its way."]
    ends = [record["entry"] for record in live.records() if record["entry"]["kind"] == "ToolEnded"]
    assert {(end["name"], end["ok"], end["why"]) for end in ends} == {
        ("look_up", True, ""),
        ("look_up", False, "arguments refused"),
    }
