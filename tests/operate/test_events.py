"""The ring and its followers, in virtual time: nobody who looks can slow what is looked at."""

import pytest
import trio
from trio.testing import MockClock

from daemon.core import journal
from daemon.operate.events import GATHER, HEARTBEAT, Following, Ring


def happens(ring: Ring, call_id: str = "c", words: str = "x") -> None:
    entry = journal.Said(item_id="i", speaker="agent", text=words, final=True)
    ring.watch(journal.Record(at=0.0, call_id=call_id, entry=entry))


async def all_of(following: Following) -> bytes:
    return b"".join([piece async for piece in following])


async def test_what_gathers_comes_in_one_piece(autojump_clock: MockClock) -> None:
    ring = Ring()
    following = Following(ring, ring.start(None, replay=False))
    assert await anext(following) == b"retry: 2000\n\n"
    for number in range(5):
        happens(ring, words=str(number))
    piece = await anext(following)
    assert piece.count(b"event: Said") == 5
    assert piece.startswith(b"id: %s-1\nevent: Said\ndata: {" % ring.run.encode())


async def test_a_wake_up_waits_for_company(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    ring = Ring()
    following = Following(ring, ring.next)
    await anext(following)

    async def chatter() -> None:
        for _ in range(10):
            happens(ring)
            await trio.sleep(GATHER / 10)

    nursery.start_soon(chatter)
    assert (await anext(following)).count(b"event") >= 3
    assert 0.3 * GATHER <= trio.current_time() <= GATHER


async def test_a_heartbeat_when_nothing_happens(autojump_clock: MockClock) -> None:
    following = Following(Ring(), 1)
    await anext(following)
    assert await anext(following) == b": still here\n\n"
    assert trio.current_time() == HEARTBEAT


async def test_who_is_too_slow_is_told_what_they_missed(autojump_clock: MockClock) -> None:
    ring = Ring(size=10)
    slow = Following(ring, ring.next, wait=False)
    await anext(slow)
    for number in range(25):
        happens(ring, words=str(number))
    piece = await anext(slow)
    assert piece.startswith(b'event: lost\ndata: {"lost":15}\n\nid: ')
    assert piece.count(b"event: Said") == 10
    assert ring.dropped == 15


async def test_nothing_is_kept_for_who_does_not_come(autojump_clock: MockClock) -> None:
    ring = Ring(size=4)
    for _ in range(1000):
        happens(ring)
    assert ring.oldest == 997
    assert len([item for item in ring._items if item is not None]) == 4


@pytest.mark.parametrize(
    ("last", "replay", "start"),
    [
        (None, False, 6),
        (None, True, 1),
        ("{run}-3", False, 4),
        ("{run}-5", False, 6),
        # An earlier process, or nonsense: all of ours is new to them.
        ("00000000-3", False, 1),
        ("{run}-99", False, 1),
        ("{run}-", False, 1),
        ("<script>", False, 1),
        ("9" * 10_000, False, 1),
    ],
)
async def test_where_they_go_on(autojump_clock: MockClock, last: str | None, replay: bool, start: int) -> None:
    ring = Ring()
    for _ in range(5):
        happens(ring)
    assert ring.start(last and last.format(run=ring.run), replay=replay) == start


async def test_one_call_only(autojump_clock: MockClock) -> None:
    ring = Ring()
    for number in range(6):
        happens(ring, call_id=f"call-{number % 3}")
    assert (await all_of(Following(ring, 1, call_id="call-2", wait=False))).count(b"event: Said") == 2


async def test_the_end(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    ring = Ring()
    following = Following(ring, 1)
    await anext(following)
    seen: list[bytes] = []

    async def follow() -> None:
        async with following:
            assert ring.followers == 1
            seen.extend([piece async for piece in following])

    nursery.start_soon(follow)
    await trio.sleep(1)
    happens(ring)
    ring.close()
    await trio.sleep(1)
    assert len(seen) == 1
    assert ring.followers == 0


async def test_a_text_is_made_once_for_all(autojump_clock: MockClock) -> None:
    ring = Ring()
    happens(ring)
    item = ring.get(1)
    assert item.text(ring.run) is item.text(ring.run)


async def test_many_pieces(autojump_clock: MockClock) -> None:
    ring = Ring()
    for _ in range(1000):
        happens(ring)
    pieces = [piece async for piece in Following(ring, 1, wait=False)]
    assert len(pieces) == 5
    assert sum(piece.count(b"event: Said") for piece in pieces) == 1000
