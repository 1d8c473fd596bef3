"""Receipts read as a chain of causes."""

import msgspec
import pytest

from daemon.core.receipts import Debt, Receipt, without_words


@pytest.mark.parametrize(
    ("reasons", "why"),
    [((), ""), (("max duration",), "max duration"), (("drain deadline 1h", "SIGTERM"), "drain deadline 1h > SIGTERM")],
)
def test_why(reasons: tuple[str, ...], why: str) -> None:
    assert Receipt(outcome="hung_up", reasons=reasons, joined=True, seconds=1.0).why == why


def test_a_receipt_survives_being_written_down() -> None:
    receipt = Receipt(outcome="lost", reasons=("a", "b"), joined=False, seconds=0.25)
    assert msgspec.json.decode(msgspec.json.encode(receipt), type=Receipt) == receipt


def test_a_debt_becomes_a_receipt_with_the_latest_cause_first() -> None:
    debt = Debt(call_id="call-1", reasons=("drain deadline 1h", "SIGTERM"), joined=True, received_at=5.0, events={})
    assert debt.why == "drain deadline 1h > SIGTERM"
    reasons = ("gave up", "drain deadline 1h", "SIGTERM")
    receipt = debt.receipt("hung_up", 9.0, first=("gave up",))
    assert receipt == Receipt(outcome="hung_up", reasons=reasons, joined=True, seconds=4.0)
    assert debt.receipt("hung_up", 9.0).reasons == debt.reasons


def test_what_the_model_said_of_it_can_be_left_out() -> None:
    reasons = ("goodbye deadline", "hang_up by the model: Ada > Grace is done", "SIGTERM")
    assert without_words(reasons) == ("goodbye deadline", "hang_up by the model", "SIGTERM")
    assert without_words(("hang_up by the model",)) == ("hang_up by the model",)
