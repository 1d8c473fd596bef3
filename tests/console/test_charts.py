"""Charts: numbers to percent, and the page."""

from pathlib import Path

from daemon.console.charts import SPANS, draw
from daemon.core import journal
from daemon.errors import LedgerUnavailable
from daemon.ledger.statistics import Pickup, Tally
from tests.console.served import served_console


def test_columns_and_shares() -> None:
    tallies = [
        Tally(stretch=0, outcome="caller_left", calls=6),
        Tally(stretch=0, outcome=None, calls=2),
        Tally(stretch=23, outcome="lost", calls=2),
        Tally(stretch=24, outcome="lost", calls=0),  # from the edge of the last stretch
    ]
    pickups = [Pickup(ago=10.0, seconds=seconds / 100) for seconds in range(1, 101)]
    drawn = draw(SPANS["day"], tallies, pickups, now=86_400.0)
    assert (drawn.calls, drawn.most, len(drawn.columns)) == (10, 10, 24)
    first, last = drawn.columns[0], drawn.columns[-1]
    assert [(piece.outcome, piece.bottom, piece.height) for piece in last.pieces] == [
        ("caller_left", 0.0, 60.0),
        ("live", 60.0, 20.0),
    ]
    assert (first.begins, last.begins, first.calls) == (0.0, 82_800.0, 2)
    assert (last.median, last.slow, drawn.slowest) == (0.5, 0.95, 1.0)
    assert (last.median_height, last.slow_height, first.median) == (50.0, 95.0, None)
    assert {share.outcome: share.percent for share in drawn.shares if share.calls} == {
        "caller_left": 60.0,
        "live": 20.0,
        "lost": 20.0,
    }


def test_no_calls() -> None:
    drawn = draw(SPANS["week"], [], [], now=0.0)
    assert (drawn.calls, drawn.median, drawn.most) == (0, None, 4)
    assert {share.percent for share in drawn.shares} == {0.0}


async def test_the_page(tmp_path: Path) -> None:
    async with served_console(tmp_path) as console:
        console.ledger.node()
        console.ledger.claim("call-1")
        console.ledger.happened("call-1", journal.SessionSent(seconds=0.123))
        console.ledger.end("call-1")
        for span in ("hour", "day", "week", "<nonsense>"):
            page = (await console.unix.get("/charts", params={"span": span})).text
            assert "123 ms" in page
            assert "caller left" in page
            assert "<nonsense>" not in page
        console.database.health.fail(LedgerUnavailable("the disk is <full>"))
        page = (await console.unix.get("/charts")).text
        assert "The ledger can't be read: the disk is &lt;full&gt;" in page
