"""Ending: SIGTERM, twice as an operator does who won't wait, with 500 live calls; how long until the last is over.

The product hangs up on every caller and writes a receipt for each; a call counts as over here when the hang-up was
asked for and the socket closed, and the process has to be gone. Peers close sockets, if that, and leave callers in
silence: their time is how long the process takes to go, and stands here so that nobody thinks it was forgotten.
"""

import signal
import sqlite3
from collections.abc import Sequence

from benchmarks.bench import Bench, Results, Running
from benchmarks.subjects import FLOOR, PRODUCT

CALLS = 500
_ROUNDS = 3
_PATIENCE = 60.0


def measure(bench: Bench, results: Results, case: str, subjects: Sequence[str]) -> None:
    """Measure; adds seconds, and how many callers were left on the line."""
    for name in subjects:
        if name == FLOOR:
            continue
        ended, gone, left, unpaid = [], [], [], []
        for _ in range(bench.some(_ROUNDS) if name == PRODUCT else 1):
            with bench.subjects([name]) as running:
                each = running[name]
                each.join(bench.some(CALLS, 10), rate=100.0)
                ending = end(bench, each)
            ended.append(ending[0])
            gone.append(ending[1])
            left.append(ending[2])
            if name == PRODUCT:
                unpaid.append(len(each.calls) - _receipts(each))
        results.add(case, name, "last call is over", ended, "s")
        results.add(case, name, "process is gone", gone, "s")
        results.add(case, name, "callers left on the line", left, "")
        if unpaid:
            results.add(case, name, "calls without a receipt", unpaid, "")


def end(bench: Bench, subject: Running) -> tuple[float, float, int]:
    """End a process; gives seconds until the last socket is closed and it is gone, and who was not hung up on."""
    platform, calls = bench.platform, subject.calls
    platform.run(0.5)
    began = platform.moment()
    subject.process.signal(signal.SIGTERM)
    platform.run(0.1)
    subject.process.signal(signal.SIGTERM)
    platform.run(_PATIENCE, lambda: all(call.closed for call in calls))
    closed = platform.moment() - began
    while subject.process.alive() and platform.moment() < began + _PATIENCE:
        platform.run(0.005)
    return closed, platform.moment() - began, sum(not call.hung_up for call in calls)


def _receipts(subject: Running) -> int:
    with sqlite3.connect(subject.folder / "ledger.db") as ledger:
        (count,) = ledger.execute("SELECT count(*) FROM calls WHERE outcome IS NOT NULL").fetchone()
    return int(count)
