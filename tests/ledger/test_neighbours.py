"""Two daemons on one SQLite file and in one directory, as blue and green are for a while: as real processes."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from daemon.ledger.engine import make_engines
from daemon.ledger.news import Adopted
from daemon.ledger.schema import calls
from tests.ledger.house import House, incoming, receipt

ROOT = Path(__file__).parents[2]

_NEIGHBOUR = """
import sys
from pathlib import Path
import trio
from daemon.ledger.engine import make_engines
from tests.ledger.house import House, incoming

async def live(url, folder):
    house = House(make_engines(url), Path(folder))
    async with house.ledger("shared", lease=60.0) as opened:
        won = [n for n in range(40) if await opened.ledger.claim(incoming(f"call-{n}"), "support")]
        print("won", *won, flush=True)
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)

trio.run(live, *sys.argv[1:])
"""


@asynccontextmanager
async def neighbour(house: House) -> AsyncIterator[trio.Process]:
    """Start one; it claims forty calls, says which it has won, and goes on living."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", _NEIGHBOUR, house.url, str(house.folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        with trio.move_on_after(5, shield=True):
            await process.wait()
            assert process.stdin is not None
            assert process.stdout is not None
            await process.stdin.aclose()
            await process.stdout.aclose()


async def won_by(process: trio.Process) -> set[str]:
    assert process.stdout is not None
    said = b""
    with trio.fail_after(20):
        while not said.endswith(b"\n"):
            said += await process.stdout.receive_some()
    return {f"call-{number.decode()}" for number in said.split()[1:]}


async def test_they_share_the_work_and_one_takes_over_at_once_when_the_other_dies(tmp_path: Path) -> None:
    """On a file that neither has made yet; and though their leases are a minute long."""
    house = House(make_engines(f"sqlite:///{tmp_path}/ledger.db"), tmp_path)
    async with neighbour(house) as blue, neighbour(house) as green:
        theirs, others = await won_by(blue), await won_by(green)
        assert theirs | others == {f"call-{number}" for number in range(40)}
        assert not theirs & others
        async with house.ledger("shared", lease=60.0) as opened:
            assert opened.orphans == ()  # both live, and the locks say so
            assert not await opened.ledger.claim(incoming("call-1"), "support")
            blue.send_signal(signal.SIGKILL)
            green.send_signal(signal.SIGSTOP)  # alive, and too slow to be first
            adopted: set[str] = set()
            with trio.fail_after(10):
                while adopted != theirs:
                    news = await opened.keeper.news.receive()
                    assert isinstance(news, Adopted)
                    adopted |= {orphan.incoming.call_id for orphan in news.orphans}
            for call_id in theirs:
                assert await opened.ledger.settle(call_id, receipt(), {})
            for call_id in others:
                assert not await opened.ledger.settle(call_id, receipt(), {})
            green.send_signal(signal.SIGCONT)
    outcomes = {row["call_id"]: row["outcome"] for row in house.rows(calls)}
    assert {call_id for call_id, outcome in outcomes.items() if outcome} == theirs
    house.engines.dispose()
