"""One call, out of what the desk shows and what the ledger has."""

from daemon.console.story import tell
from daemon.core.snapshots import CallDetail, Words
from tests.console.test_timeline import AT, call, record, turn
from tests.operate.fakes import call_view

DETAIL = CallDetail(
    call=call_view(),
    turns=(Words(speaker="caller", text="word word ", final=True), Words(speaker="agent", text="well", final=False)),
    unsent=3,
    taken_over_from="epoch-0",
    destinations=("front_desk",),
)


def test_nothing() -> None:
    assert tell(None, None) is None


def test_a_live_call_with_times_from_the_ledger() -> None:
    seen = tell(DETAIL, record(turn(4, "caller", 2), call=call(outcome=None)))
    assert seen is not None
    assert (seen.here, seen.over, seen.state, seen.node, seen.began) == (True, False, "talking", None, AT)
    assert [(line.text, line.final, line.at) for line in seen.lines] == [
        ("word word ", True, AT + 4),
        ("well", False, None),
    ]
    assert seen.destinations == ("front_desk",)
    alone = tell(DETAIL, None)
    assert alone is not None
    assert (alone.began, alone.seconds) == (None, 2.0)


def test_calls_of_the_past_and_of_other_nodes() -> None:
    over = tell(None, record(turn(4, "caller", 2), call=call(reasons=("a", "b"))))
    assert over is not None
    assert (over.here, over.over, over.state, over.reasons) == (False, True, "hung_up", ("a", "b"))
    elsewhere = tell(None, record(call=call(outcome=None, seconds=None, node="beta")))
    assert elsewhere is not None
    assert (elsewhere.state, elsewhere.over, elsewhere.node, elsewhere.seconds) == ("in progress", False, "beta", 20.0)
    owed = tell(None, record(call=call(outcome=None, owed_for=("drain",))))
    assert owed is not None
    assert (owed.state, owed.owed, owed.reasons) == ("hang-up owed", True, ("drain",))
