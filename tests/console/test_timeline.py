"""Pictures of calls."""

from typing import Any

from daemon.console.timeline import Picture, draw
from daemon.ledger.records import Call, Happened, Record, ToolUsed, Turn

AT = 1_790_000_000.0


def call(**changes: Any) -> Call:
    values: dict[str, Any] = {
        "call_id": "c",
        "called": None,
        "caller": None,
        "agent": "a",
        "node": None,
        "announced_at": None,
        "claimed_at": AT,
        "joined_at": None,
        "ended_at": None,
        "age": 20.0,
        "outcome": "hung_up",
        "seconds": 20.0,
    }
    return Call(**{**values, **changes})


def turn(at: float, speaker: str, words: int) -> Turn:
    return Turn(at=AT + at, speaker=speaker, words="word " * words, final=True)


def record(*turns: Turn, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "call": call(),
        "entries": (Happened(at=AT, entry={"kind": "Joined"}),),
        "turns": turns,
        "tools": (),
        "deliveries": (),
    }
    return Record(**{**values, **changes})


def lanes(picture: Picture | None) -> dict[str, list[tuple[float, float]]]:
    assert picture is not None
    return {lane.name: [(bar.left, bar.width) for bar in lane.bars] for lane in picture.lanes}


def test_who_spoke_when() -> None:
    drawn = draw(record(turn(2, "agent", 5), turn(10, "caller", 5), turn(11, "agent", 50), turn(15, "caller", 1)))
    bars = lanes(drawn)
    # The agent's two seconds begin where its words were made; the caller's end where theirs were complete.
    assert bars["agent"][0] == (0.0, 10.0)
    assert bars["caller"][0] == (40.0, 10.0)
    # Of twenty seconds of the agent's, only those until it was interrupted.
    assert bars["agent"][1] == (50.0, 23.0)
    assert bars["caller"][1] == (73.0, 2.0)
    assert bars["call"] == [(0.0, 0.0)]
    assert drawn is not None
    assert drawn.summary == "Over 20 seconds: caller 2, agent 2, tools 0, keypad 0, call 1"
    assert [(tick.left, tick.seconds) for tick in drawn.ticks] == [(0, 0), (25, 5), (50, 10), (75, 15), (100, 20)]


def test_tools_and_keys() -> None:
    used = ToolUsed(use_id="1", name="look_up", arguments="", begun_at=AT + 5, ended_at=AT + 10, output="x")
    runs = ToolUsed(use_id="2", name="wait", arguments="", begun_at=AT + 15, ended_at=None, output=None)
    key = Happened(at=AT + 4, entry={"kind": "KeyPressed", "digit": None})
    drawn = draw(record(tools=(used, runs), entries=(Happened(at=AT, entry={"kind": "Joined"}), key)))
    bars = lanes(drawn)
    assert bars["tools"] == [(25.0, 25.0), (75.0, 25.0)]
    assert bars["keypad"] == [(20.0, 0.0)]
    assert drawn is not None
    assert drawn.lanes[3].bars[0].label == "key •"


def test_nothing_yet_and_clocks_that_differ() -> None:
    assert draw(record(entries=())) is None
    # The database's clock is an hour ahead: the picture goes by what happened.
    ahead = call(seconds=None, outcome=None, age=5.0, claimed_at=AT + 3600)
    bars = lanes(draw(record(turn(8, "caller", 2), call=ahead)))
    assert bars["caller"] == [(90.0, 10.0)]
    for at, width in (bar for lane in bars.values() for bar in lane):
        assert 0 <= at <= 100
        assert at + width <= 100.001
