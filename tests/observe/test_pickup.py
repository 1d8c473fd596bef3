"""The steps of picking up, in seconds since the webhook."""

import trio
from trio.testing import MockClock

from daemon.core import journal
from daemon.core.receipts import Receipt
from daemon.observe.pickup import Pickup


async def test_seconds_since_the_webhook(autojump_clock: MockClock) -> None:
    told: list[tuple[str, float]] = []
    pickup = Pickup(lambda step, seconds: told.append((step, round(seconds, 3))))

    def happens(entry: journal.Entry) -> None:
        pickup.watch(journal.Record(at=0.0, call_id="c", entry=entry))

    happens(journal.Claimed(agent="a"))
    await trio.sleep(0.2)
    happens(journal.Joined(seconds=0.2))
    happens(journal.SessionSent(seconds=0.21))
    await trio.sleep(0.1)
    happens(journal.SessionConfigured(model=None, voice=None))
    await trio.sleep(0.4)
    happens(journal.Said(item_id="i", speaker="agent", text="Hi", final=False))
    happens(journal.Said(item_id="i", speaker="agent", text="Hi!", final=True))
    assert told == [("joined", 0.2), ("sent", 0.21), ("configured", 0.3), ("first_output", 0.7)]
    receipt = Receipt(outcome="caller_left", reasons=("closed with 1000",), joined=True, seconds=1.0)
    happens(journal.Ended(receipt=receipt, events={}))
    assert (pickup._seen, pickup._webhooks) == ({}, {})
