"""Burst: 300 webhooks in one second while 200 calls talk. All must be joined; how long the last ones wait is asked."""

from collections.abc import Sequence

from benchmarks.bench import Bench, Results, Running, percentile
from benchmarks.cases.pickup import waits
from benchmarks.cases.talking import drain

LIVE = 200
CALLERS = 300
_ROUNDS = 2
_PATIENCE = 30.0


def measure(bench: Bench, results: Results, case: str, subjects: Sequence[str]) -> None:
    """Measure; adds how long callers waited, and how many were not joined."""
    times: dict[str, list[float]] = {name: [] for name in subjects}
    missed: dict[str, int] = dict.fromkeys(subjects, 0)
    with bench.subjects(subjects) as running:
        for each in running.values():
            each.join(bench.some(LIVE, 10))
        for _ in range(bench.some(_ROUNDS)):
            for name, each in running.items():
                taken, left_out = burst(bench, each, bench.some(CALLERS, 10))
                times[name] += taken
                missed[name] += left_out
        for name, each in running.items():
            results.add(case, name, "pickup p50", [percentile(times[name], 0.5) * 1e3], "ms")
            results.add(case, name, "pickup p99", [percentile(times[name], 0.99) * 1e3], "ms")
            results.add(case, name, "callers not joined", [missed[name]], "")
            each.leave()


def burst(bench: Bench, subject: Running, count: int) -> tuple[list[float], int]:
    """Let that many call within a second; gives how long each waited, and how many waited in vain."""
    platform = bench.platform
    platform.pace(subject.calls)
    platform.run(0.3)
    calls = platform.announce(subject.process.port, count, rate=float(count))
    platform.run(_PATIENCE, lambda: all(call.configured for call in calls))
    platform.pace([])
    joined = [call for call in calls if call.configured]
    platform.leave(joined)
    platform.run(20, lambda: all(call.closed for call in joined))
    drain(bench, subject)
    return waits(joined), count - len(joined)
