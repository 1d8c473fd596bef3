import trio

from daemon.core.incoming import IncomingCall
from daemon.ledger.memory import MemoryLedger


def incoming(call_id: str, webhook_id: str) -> IncomingCall:
    return IncomingCall(
        call_id=call_id, webhook_id=webhook_id, called=None, caller=None, created_at=None, received_at=0.0
    )


async def test_a_call_is_claimed_once_by_either_id() -> None:
    ledger = MemoryLedger()
    assert await ledger.claim(incoming("call-1", "msg-1"), "support")
    assert not await ledger.claim(incoming("call-1", "msg-1"), "support")
    assert not await ledger.claim(incoming("call-1", "msg-2"), "support")
    assert not await ledger.claim(incoming("call-2", "msg-1"), "support")
    assert await ledger.claim(incoming("call-2", "msg-2"), "support")


async def test_a_webhook_id_is_no_call_id() -> None:
    ledger = MemoryLedger()
    assert await ledger.claim(incoming("same", "other"), "support")
    assert await ledger.claim(incoming("different", "same"), "support")


async def test_of_a_thousand_at_once_one_wins() -> None:
    ledger = MemoryLedger()
    won: list[bool] = []

    async def claim() -> None:
        won.append(await ledger.claim(incoming("call", "msg"), "support"))

    async with trio.open_nursery() as nursery:
        for _ in range(1000):
            nursery.start_soon(claim, name="delivery")
    assert won.count(True) == 1


async def test_the_oldest_claims_are_forgotten_first() -> None:
    ledger = MemoryLedger(remembered=4)
    for number in range(3):
        await ledger.claim(incoming(f"call-{number}", f"msg-{number}"), "support")
    assert not await ledger.claim(incoming("call-2", "x"), "support")
    assert await ledger.claim(incoming("call-0", "y"), "support")
