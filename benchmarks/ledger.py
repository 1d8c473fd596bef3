"""What the ledger costs, on both engines: how long a claim takes, how many there can be, how fast a journal is kept.

A claim is what a webhook's answer waits for, so its time is the time that the ledger adds to that answer. It is taken
alone and fifty at once, with nothing else going on and while fifty calls' journals are written; through the daemon's
own ledger, whose heart beats meanwhile. The numbers are those of this machine's disk more than of anything else.
"""

import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import trio

from daemon.config.ledger import Ledger
from daemon.core import journal
from daemon.core.incoming import IncomingCall
from daemon.core.journal import Record
from daemon.ledger.journal import JournalWriter
from daemon.ledger.open import OpenLedger, open_ledger
from daemon.observe import log
from daemon.observe.feed import Watcher
from tests.configured import CALLED, CALLER, configuration
from tests.postgres import missing, open_postgres

ALONE = 400
AT_ONCE = 50
EACH = 30
RECORDS = 20_000
CALLS = 50
EVENTS = 10.0
"""Records that each of the calls makes in a second, while the journal is busy."""


class Scene:
    """An open ledger, to be asked for calls."""

    def __init__(self, opened: OpenLedger, watch: Watcher) -> None:
        self._ledger = opened.ledger
        self.watch = watch
        self._numbers = itertools.count()

    async def claim(self) -> float:
        """Claim a call; gives the seconds that took."""
        call_id = f"call-{next(self._numbers)}"
        incoming = IncomingCall(
            call_id=call_id, webhook_id=f"msg-{call_id}", called=CALLED, caller=CALLER, created_at=None, received_at=0.0
        )
        began = time.perf_counter()
        assert await self._ledger.claim(incoming, "support")
        return time.perf_counter() - began

    async def alone(self) -> str:
        """One claim after another."""
        return percentiles([await self.claim() for _ in range(ALONE)])

    async def together(self) -> str:
        """Many at the same time, all the time."""
        times: list[float] = []

        async def keep_claiming() -> None:
            times.extend([await self.claim() for _ in range(EACH)])

        began = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(keep_claiming)
        return f"{percentiles(times)}  {len(times) / (time.perf_counter() - began):7.0f} claims/s"

    async def talk(self) -> None:
        """What happens in fifty calls, until cancelled."""
        for number in itertools.count():
            self.watch(record(number))
            await trio.sleep(1 / (CALLS * EVENTS))


def record(number: int) -> Record:
    """Something that happens in a call: every other one is words in the making."""
    call_id, item = f"call-{number % CALLS}", f"item-{number // 200}"
    said = journal.Said(item_id=item, speaker="agent", text="some words that are spoken " * 3, final=False)
    return Record(at=float(number), call_id=call_id, entry=said if number % 2 else journal.CheckedIn())


def percentiles(seconds: list[float]) -> str:
    """The middle, and what one of a hundred exceeds."""
    ordered = sorted(seconds)
    return f"p50 {ordered[len(ordered) // 2] * 1e3:6.2f} ms  p99 {ordered[int(len(ordered) * 0.99)] * 1e3:6.2f} ms"


async def write_down(opened: OpenLedger) -> str:
    """How fast records are written when there are always more."""
    writer = JournalWriter(opened.database, opened.health, transcripts=True)
    for number in range(RECORDS):
        writer.watch(record(number))
    began = time.perf_counter()
    await writer.flush()
    assert not writer.lost
    return f"{RECORDS / (time.perf_counter() - began):7.0f} records/s"


@asynccontextmanager
async def opened_ledger(url: str, folder: Path) -> AsyncIterator[tuple[OpenLedger, Watcher]]:
    """A ledger as a daemon has it, and where it takes the journal."""
    watchers: list[Watcher] = []
    config = msgspec.structs.replace(configuration(), ledger=Ledger(url=url, directory=str(folder / "state")))
    async with open_ledger(config, watchers.append) as opened:
        yield opened, watchers[0]


async def measure(name: str, url: str, folder: Path, say: Callable[[str], None]) -> None:
    """Measure one engine."""
    async with opened_ledger(url, folder) as (opened, watch):
        scene = Scene(opened, watch)
        for _ in range(50):
            await scene.claim()
        say(f"{name}: a claim, which is what a webhook's answer waits for")
        say(f"  alone                          {await scene.alone()}")
        say(f"  {AT_ONCE} at once                     {await scene.together()}")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.talk)
            say(f"  alone, the journal busy        {await scene.alone()}")
            say(f"  {AT_ONCE} at once, the journal busy   {await scene.together()}")
            nursery.cancel_scope.cancel(reason="measured")
        say(f"{name}: the journal, {RECORDS} records  {await write_down(opened)}")


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """An empty database of each kind."""
    with open_postgres() as server:
        yield {"SQLite": f"sqlite:///{folder}/ledger.db", "PostgreSQL": server.make_database("benchmark")}


def main() -> None:
    """Measure both and print."""
    if absent := missing():
        sys.exit(f"PostgreSQL: {absent}")
    log.set_up(level="error", json=False)

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory(prefix="callwarden-bench-") as name, databases(Path(name)) as urls:
        for engine, url in urls.items():
            trio.run(measure, engine, url, Path(name) / engine, say)


if __name__ == "__main__":
    main()
