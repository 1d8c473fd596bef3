"""CPU per paced event: calls that talk, 25 events a second each, nine of ten of them audio.

The subjects run side by side with as many calls each; the load goes to one after the other, round by round. What the
process takes for itself meanwhile is part of the number, as it is part of the bill. Memory is that of the same calls,
before they talk and after; and in the end it is counted which of the small events arrived.
"""

from collections.abc import Sequence

from benchmarks.bench import Bench, Results, percentile
from benchmarks.cases.talking import listen, talk
from benchmarks.subjects import FLOOR

CALLS = 200
ROUNDS = 5
SECONDS = 2.0
_LISTENED = 2


def measure(
    bench: Bench, results: Results, case: str, subjects: Sequence[str], *, tls: bool, calls: int = CALLS
) -> None:
    """Measure; adds CPU per event, lag, memory, what was lost, and how busy and how late the load was."""
    calls, rounds, seconds = bench.some(calls, 10), bench.some(ROUNDS, 2), SECONDS * max(bench.effort, 0.25)
    with bench.subjects(subjects, tls=tls) as running:
        for each in running.values():
            each.join(calls)
        bench.platform.run(1)
        idle = {name: each.process.rss() for name, each in running.items()}
        cpu: dict[str, list[float]] = {name: [] for name in running}
        lags: dict[str, list[float]] = {name: [] for name in running}
        load, late = [], []
        for number in range(rounds):
            for name, each in running.items():
                spent, own, behind = talk(bench, each, seconds)
                cpu[name].append(spent * 1e6)
                load.append(own)
                late.append(behind * 1e3)
                if number < _LISTENED and name != FLOOR:
                    lags[name] += listen(bench, each)
        for name, each in running.items():
            busy = each.process.rss() - each.base
            results.add(case, name, "CPU per event", cpu[name], "us")
            if lags[name]:
                results.add(case, name, "lag p50", [percentile(lags[name], 0.5) * 1e3], "ms")
                results.add(case, name, "lag p99", [percentile(lags[name], 0.99) * 1e3], "ms")
            results.add(case, name, "memory per idle call", [(idle[name] - each.base) / calls / 1024], "KiB")
            results.add(case, name, "memory per busy call", [busy / calls / 1024], "KiB")
            results.add(case, name, "memory without calls", [each.base / 2**20], "MiB")
        results.add(case, "load", "share of its core", load, "")
        results.add(case, "load", "lateness p99", late, "ms")
        for name, each in running.items():
            each.leave()
            if name != FLOOR:
                results.add(case, name, "small events lost", [each.lost()], "")
