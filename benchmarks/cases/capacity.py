"""Calls per core: more and more talking calls, until the process takes 90 % of its core or is 50 ms late.

One subject at a time has the core to itself. The number is where the limit lies between the last two steps.
"""

from collections.abc import Sequence

from benchmarks.bench import Bench, Results, Running, percentile
from benchmarks.process import own_cpu
from benchmarks.subjects import FLOOR

BUSY = 0.9
LATE = 0.050
_FIRST = 150
_MOST = 2400
_STEP = 1.12
_SETTLE = 0.7
_SECONDS = 1.5
_PINGS = 80.0


def measure(bench: Bench, results: Results, case: str, subjects: Sequence[str], *, tls: bool) -> None:
    """Measure; adds the calls, what the limit was, and how busy the load was."""
    for name in subjects:
        if name != FLOOR:
            with bench.subjects([name], tls=tls) as running:
                _climb(bench, results, case, running[name])


def _climb(bench: Bench, results: Results, case: str, subject: Running) -> None:
    name = subject.subject.name
    count, before = bench.some(_FIRST, 10), (0, 0.0, 0.0)
    most = bench.some(_MOST, 40)
    while True:
        subject.join(count - len(subject.calls), rate=120.0)
        share, lag, own = _load(bench, subject)
        if share >= BUSY or lag >= LATE or count >= most:
            break
        # Near the goal at once, and then by small steps.
        near = int(count * 0.8 * BUSY / max(share, 0.05))
        before, count = (count, share, lag), min(max(near, int(count * _STEP) + 1), most)
    limits = [_between(before[0], count, before[1], share, BUSY), _between(before[0], count, before[2], lag, LATE)]
    results.add(case, name, "calls", [min(limits)], "")
    results.add(case, name, "CPU at the end", [share], "")
    results.add(case, name, "lag p99 at the end", [lag * 1e3], "ms")
    results.add(case, name, "load's share of its core", [own], "")
    subject.leave()


def _load(bench: Bench, subject: Running) -> tuple[float, float, float]:
    """Talk in all calls; gives the share of the core, the lag that one of a hundred exceeds, and the load's share."""
    platform = bench.platform
    platform.pace(subject.calls)
    platform.run(_SETTLE)
    platform.ping(_PINGS)
    spent, own, began = subject.process.cpu(), own_cpu(), platform.moment()
    platform.run(_SECONDS)
    took = platform.moment() - began
    share, own = (subject.process.cpu() - spent) / took, (own_cpu() - own) / took
    platform.pace(subject.calls)  # pings go on; what is under way comes in
    platform.run(0.2)
    lags = list(platform.lags)
    platform.ping(0)
    platform.pace([])
    platform.run(0.5)
    return share, percentile(lags, 0.99), own


def _between(before: int, after: int, low: float, high: float, limit: float) -> float:
    """Where a limit is crossed, by a straight line; where it is not, the last number of calls."""
    if high <= limit or high <= low:
        return after
    return before + (after - before) * max(limit - low, 0.0) / (high - low)
