"""CPU per paced event: calls that talk, 25 events a second each, nine of ten of them audio.

The subjects run side by side with as many calls each; the load goes to one after the other, round by round. What the
process takes when nobody talks is measured, too, and is part of the number, as it is part of the bill.
"""

from collections.abc import Sequence

from benchmarks.bench import Bench, Results, Running
from benchmarks.process import own_cpu

CALLS = 400
ROUNDS = 5
SECONDS = 3.0
_SETTLE = 0.5
_PINGS = 50.0


def measure(
    bench: Bench,
    results: Results,
    subjects: Sequence[str],
    *,
    tls: bool,
    calls: int = CALLS,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
) -> None:
    """Measure; adds CPU per event, lag, memory, and how busy and how late the load was."""
    case = f"events {'TLS' if tls else 'plain'}"
    with bench.subjects(subjects, tls=tls) as running:
        for each in running.values():
            each.join(calls)
        bench.platform.run(1)
        idle = {name: each.process.rss() for name, each in running.items()}
        cpu: dict[str, list[float]] = {name: [] for name in running}
        lags: dict[str, list[float]] = {name: [] for name in running}
        load, late = [], []
        for _ in range(rounds):
            for name, each in running.items():
                spent, own, behind = talk(bench, each, seconds)
                cpu[name].append(spent * 1e6)
                load.append(own)
                late.append(behind * 1e3)
                lags[name] += listen(bench, each)
        for name, each in running.items():
            results.add(case, name, "CPU per event", cpu[name], "us")
            results.add(case, name, "lag p50", [_percentile(lags[name], 0.5) * 1e3], "ms")
            results.add(case, name, "lag p99", [_percentile(lags[name], 0.99) * 1e3], "ms")
            results.add(case, name, "memory per idle call", [(idle[name] - each.base) / calls / 1024], "KiB")
            results.add(case, name, "memory per busy call", [(each.process.rss() - each.base) / calls / 1024], "KiB")
            results.add(case, name, "memory without calls", [each.base / 2**20], "MiB")
        results.add(case, "load", "share of its core", load, "")
        results.add(case, "load", "lateness p99", late, "ms")
        for each in running.values():
            each.leave()


def talk(bench: Bench, subject: Running, seconds: float) -> tuple[float, float, float]:
    """Talk in a subject's calls for a while.

    Gives its CPU seconds per event, the load's share of its own core, and how late the load was, 99 times of 100.
    """
    platform = bench.platform
    sent, spent, own = platform.sent, subject.process.cpu(), own_cpu()
    platform.pace(subject.calls)
    platform.run(seconds)
    late, own = _percentile(platform.late, 0.99), own_cpu() - own
    platform.pace([])
    drain(bench, subject)
    return (subject.process.cpu() - spent) / (platform.sent - sent), own / seconds, late


def drain(bench: Bench, subject: Running) -> None:
    """Wait until a subject has dealt with everything: on a busy machine it may be behind."""
    for _ in range(40):
        before = subject.process.cpu()
        bench.platform.run(0.25)
        if subject.process.cpu() - before < 0.05 * 0.25:
            return


def listen(bench: Bench, subject: Running, seconds: float = 1.0) -> list[float]:
    """Ping the calls that are talked in; gives the seconds to each pong."""
    platform = bench.platform
    platform.pace(subject.calls)
    platform.run(_SETTLE)
    platform.ping(_PINGS)
    platform.run(seconds)
    lags = list(platform.lags)
    platform.ping(0)
    platform.pace([])
    drain(bench, subject)
    return lags


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
