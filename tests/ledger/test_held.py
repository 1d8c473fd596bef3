from daemon.core.effects import Effect, ToolUse
from daemon.ledger.claims import Claim
from daemon.ledger.epochs import Orphan
from daemon.ledger.held import Holdings
from daemon.ledger.operations import Begun, Claimed, Ended, Joined, Owed, Told
from tests.ledger.house import incoming

USE = ToolUse(id="use-1", name="look_up", arguments="{}")
OTHER = ToolUse(id="use-2", name="look_up", arguments="{}")


def claim(call_id: str = "call-1", attempt: str = "a", epoch: str = "epoch-1") -> Claim:
    return Claim(attempt=attempt, epoch=epoch, incoming=incoming(call_id), agent="support")


def test_the_story_of_a_call_is_all_that_a_ledger_must_be_told() -> None:
    held = Holdings().hold(claim(), at=100.0)
    assert list(held.story()) == [Claimed(claim=claim(), at=100.0)]
    held.joined, held.owed_for = True, ("SIGTERM",)
    for use in (USE, OTHER):
        assert held.begin(use) is None
    assert held.begin(USE) == Effect(use=USE)
    held.change("use-1", output="done")
    held.change("use-1", told=True)
    held.change("unknown", told=True)
    assert list(held.story()) == [
        Claimed(claim=claim(), at=100.0),
        Joined(call_id="call-1", epoch="epoch-1", at=100.0),
        Owed(call_id="call-1", epoch="epoch-1", reasons=("SIGTERM",)),
        Begun(call_id="call-1", use=USE),
        Ended(call_id="call-1", use_id="use-1", output="done"),
        Told(call_id="call-1", use_id="use-1"),
        Begun(call_id="call-1", use=OTHER),
    ]


def test_an_answer_that_was_lost_is_remembered_until_there_is_one() -> None:
    holdings = Holdings()
    for attempt in ("a", "b"):
        try:
            with holdings.asking(claim(attempt=attempt)):
                assert holdings.knows("call-1")
                raise RuntimeError("the answer was lost")
        except RuntimeError:
            pass
    assert not holdings.knows("call-1")
    assert holdings.lost("call-1") == ("a", "b")
    with holdings.asking(claim(attempt="c")):
        holdings.hold(claim(attempt="c"), at=0.0)
    assert holdings.lost("call-1") == ()


def test_two_may_ask_for_one_call() -> None:
    holdings = Holdings()
    with holdings.asking(claim()):
        with holdings.asking(claim(attempt="b")):
            pass
        assert holdings.knows("call-1")
    assert not holdings.knows("call-1")


def test_a_call_that_was_let_go_is_known_until_the_next_look() -> None:
    """Or a heartbeat that was under way meanwhile would take it for a stray."""
    holdings = Holdings()
    holdings.hold(claim(), at=0.0)
    with holdings.asking(claim("call-2")):
        assert holdings.look() == {"call-1", "call-2"}
    holdings.let_go("call-1")
    holdings.let_go("call-1")
    assert holdings.knows("call-1")
    assert "call-1" not in holdings
    assert holdings.look() == frozenset()
    assert not holdings.knows("call-1")


def test_a_call_that_is_elsewhere_may_come_back() -> None:
    holdings = Holdings()
    holdings.hold(claim(), at=0.0)
    assert holdings.of("epoch-1") == ("call-1",)
    assert holdings.of("epoch-2") == ()
    holdings.lose("call-1")
    assert holdings.is_elsewhere("call-1")
    orphan = Orphan(
        incoming=incoming("call-1"),
        agent="support",
        age=30.0,
        joined=True,
        owed_for=("why",),
        former="epoch-2",
        effects=(Effect(use=USE, output="done"),),
    )
    holdings.take_over(orphan, "epoch-3", now=100.0)
    assert not holdings.is_elsewhere("call-1")
    held = holdings["call-1"]
    assert (held.at, held.joined, held.owed_for, held.claim.epoch) == (70.0, True, ("why",), "epoch-3")
    assert held.begin(USE) == Effect(use=USE, output="done")


def test_what_was_answered_without_the_ledger_is_answered_once() -> None:
    holdings = Holdings()
    assert not holdings.answered_without(claim())
    holdings.answer_without(claim())
    assert holdings.answered_without(claim())
    same_call = Claim(attempt="b", epoch="e", incoming=incoming("call-1", "another delivery"), agent="support")
    same_delivery = Claim(attempt="b", epoch="e", incoming=incoming("another", "msg-call-1"), agent="support")
    assert holdings.answered_without(same_call)
    assert holdings.answered_without(same_delivery)
    for number in range(12_000):
        holdings.answer_without(claim(f"more-{number}"))
    assert not holdings.answered_without(claim())  # the oldest are forgotten
