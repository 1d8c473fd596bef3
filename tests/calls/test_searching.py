"""Tools that the platform runs, on their way to it; the rest of it is in tests/config/test_searchchecks.py."""

from daemon.calls.briefing import brief
from daemon.calls.searching import passed_on
from daemon.config import Agent, HttpTool, Secret, Tool
from daemon.config.searches import Location, Mcp, WebSearch
from daemon.core import searches as wire


def test_a_server_is_called_as_its_table_and_its_secrets_stay_out_of_sight() -> None:
    tool = Mcp(server_url="https://mcp.example.com/", authorization=Secret("s3cret"), headers={"X": Secret("s3cret")})
    sent = passed_on("stock_room", tool)
    assert isinstance(sent, wire.Mcp)
    assert (sent.server_label, sent.authorization, sent.headers) == ("stock_room", "s3cret", {"X": "s3cret"})
    assert "s3cret" not in repr((tool, sent))


def test_a_place_of_which_nothing_is_known_is_not_sent() -> None:
    sent = passed_on("web", WebSearch(user_location=Location(city="Bonn")))
    assert sent == wire.WebSearch(user_location=wire.Location(city="Bonn"))


def test_they_stand_among_an_agents_tools_in_its_order() -> None:
    tools: dict[str, Tool] = {"web": WebSearch(), "look_up": HttpTool(description="x", url="https://a.example/")}
    agent = brief("a", Agent(instructions="x", tools=("web", "hang_up", "look_up")), tools)
    assert [type(tool).__name__ for tool in agent.session.tools] == ["WebSearch", "FunctionTool", "FunctionTool"]
    assert list(agent.tools) == ["look_up"]
