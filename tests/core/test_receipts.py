"""Receipts read as a chain of causes."""

import msgspec
import pytest

from daemon.core.receipts import Receipt


@pytest.mark.parametrize(
    ("reasons", "why"),
    [((), ""), (("max duration",), "max duration"), (("drain deadline 1h", "SIGTERM"), "drain deadline 1h > SIGTERM")],
)
def test_why(reasons: tuple[str, ...], why: str) -> None:
    assert Receipt(outcome="hung_up", reasons=reasons, joined=True, seconds=1.0).why == why


def test_a_receipt_survives_being_written_down() -> None:
    receipt = Receipt(outcome="lost", reasons=("a", "b"), joined=False, seconds=0.25)
    assert msgspec.json.decode(msgspec.json.encode(receipt), type=Receipt) == receipt
