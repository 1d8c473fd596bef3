"""What stands in for tools: it answers as it is told, holds arguments against the schema, and opens nothing."""

import json
from pathlib import Path
from typing import Any

import msgspec
import trio

from daemon.config import HttpTool
from daemon.config.parameters import parameters
from tests.sandbox.rehearsal.rehearsed import AGENT, CONFIG, performed
from tests.tools.server import open_server, says

TALK = """
[[call]]
name = "a"
script = [
  {{ caller = "Find it." }},
  {{ use = "look_up", arguments = {} }},
  {{ model = "Once more.", use = "look_up", arguments = {{ order = "2" }} }},
  {{ model = "Bye.", use = "hang_up" }},
]
{}
"""


def outputs(sent: list[dict[str, Any]]) -> list[Any]:
    """What the model was told of tools."""
    items = [frame["item"] for frame in sent if frame["type"] == "conversation.item.create"]
    return [json.loads(item["output"]) for item in items if item["type"] == "function_call_output"]


def test_one_answer_for_all_uses(tmp_path: Path) -> None:
    played = performed(tmp_path, TALK.format('{ order = "1" }', "tools.look_up.answer = 5"))
    assert outputs(played.sent) == [5, 5]


def test_an_answer_for_each_use_and_the_last_one_for_the_rest(tmp_path: Path) -> None:
    played = performed(tmp_path, TALK.format('{ order = "1" }', 'tools.look_up.answers = [{ a = 1 }, "two"]'))
    assert outputs(played.sent) == [{"a": 1}, "two"]


def test_a_failure(tmp_path: Path) -> None:
    played = performed(tmp_path, TALK.format('{ order = "1" }', 'tools.look_up.error = "It is closed."'))
    assert outputs(played.sent)[0] == {"error": "It is closed."}


def test_arguments_that_are_wrong_reach_no_tool(tmp_path: Path) -> None:
    for wrong in ("{ order = 1 }", '"{no JSON"', '{ order = "1", more = 2 }'):
        played = performed(tmp_path, TALK.format(wrong, "tools.look_up.answer = 5"))
        assert [run.arguments for run in played.runs] == [{"order": "2"}]
        assert "error" in outputs(played.sent)[0]


def test_one_that_takes_too_long(tmp_path: Path) -> None:
    stub = 'tools.look_up = { answer = 5, takes = "1m" }'
    played = performed(tmp_path, TALK.format('{ order = "1" }', stub))
    assert "There was no answer within 5s." in outputs(played.sent)[0]["error"]


def test_one_that_nobody_prepared(tmp_path: Path) -> None:
    played = performed(tmp_path, TALK.format('{ order = "1" }', ""))
    assert played.unprepared == {"look_up"}
    assert played.runs == []
    assert outputs(played.sent)[0] == {"error": "The tool does not work at the moment."}


async def test_one_that_is_really_run(tmp_path: Path) -> None:
    async with open_server(says(200, '{"status": "ready"}')) as server:
        tool = HttpTool(
            description="Looks up an order.",
            url=f"http://127.0.0.1:{server.port}/orders/{{order}}",
            parameters=parameters({"order": "string"}),
            allow_private=("127.0.0.1",),
        )
        agents = {"support": msgspec.structs.replace(AGENT, greeting="")}
        config = msgspec.structs.replace(CONFIG, tools={"look_up": tool}, agents=agents)
        text = """
[[call]]
name = "a"
script = [{ caller = "Hi" }, { use = "look_up", arguments = { order = "7" } }, { model = "Ok", use = "hang_up" }]
tools.look_up.real = true
"""
        played = await trio.to_thread.run_sync(performed, tmp_path, text, config)
    assert [asked.target for asked in server.asked] == ["/orders/7"]
    assert [(run.tool, run.answer) for run in played.runs] == [("look_up", '{"status":"ready"}')]
