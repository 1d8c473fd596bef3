"""Pickup: from the signed webhook on the wire to `session.update` on the wire, which is what a caller waits for.

Once a second while nothing else happens; ten and fifty times a second while other calls talk. Each new caller leaves
after a second.
"""

from collections.abc import Sequence

from benchmarks.bench import Bench, Results, Running, SubjectFailed, percentile
from benchmarks.cases.talking import drain
from benchmarks.platform import Call

LIVE = 200
RATES = {10: (4, 10.0), 50: (2, 2.0)}
"""Rounds, and seconds of each, by arrivals a second."""
_ALONE = 12
_STAY = 1.0
_SETTLE = 0.3
_PATIENCE = 20.0


def measure(bench: Bench, results: Results, case: str, subjects: Sequence[str], *, tls: bool) -> None:
    """Measure; adds the middle and the worst but one of a hundred, and the CPU of a whole short call."""
    with bench.subjects(subjects, tls=tls) as running:
        _alone(bench, results, case, running)
        for each in running.values():
            each.join(bench.some(LIVE, 10))
        bench.platform.run(0.5)
        for rate, (rounds, seconds) in RATES.items():
            times: dict[str, list[float]] = {name: [] for name in running}
            for _ in range(bench.some(rounds)):
                for name, each in running.items():
                    times[name] += pick_up(bench, each, rate, bench.some(int(rate * seconds), 5))
            for name in running:
                _add(results, case, name, f"{rate}/s", times[name])
        for each in running.values():
            each.leave()


def _alone(bench: Bench, results: Results, case: str, running: dict[str, Running]) -> None:
    """One caller after another, at all subjects in turn."""
    platform = bench.platform
    times: dict[str, list[float]] = {name: [] for name in running}
    cpu: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(bench.some(_ALONE, 3)):
        for name, each in running.items():
            before = each.process.cpu()
            (call,) = platform.announce(each.process.port, 1, rate=1.0, ends_after=0.02)
            if not platform.run(_PATIENCE, lambda call=call: bool(call.closed)):  # type: ignore[misc]
                raise SubjectFailed(name, "did not pick up")
            platform.run(0.05)
            times[name].append(call.configured - call.announced)
            cpu[name].append((each.process.cpu() - before) * 1e3)
    for name in running:
        _add(results, case, name, "1/s", times[name][1:])
        results.add(case, name, "CPU of a short call", cpu[name][1:], "ms")


def pick_up(bench: Bench, subject: Running, rate: float, count: int) -> list[float]:
    """Let callers come while other calls talk; gives how long each waited."""
    platform = bench.platform
    platform.pace(subject.calls)
    platform.run(_SETTLE)
    calls = platform.announce(subject.process.port, count, rate=rate, ends_after=_STAY)
    if not platform.run(_PATIENCE + count / rate, lambda: all(call.configured for call in calls)):
        raise SubjectFailed(subject.subject.name, f"did not pick up at {rate:g} arrivals a second")
    platform.pace([])
    platform.run(5, lambda: all(call.closed for call in calls))
    drain(bench, subject)
    return waits(calls)


def waits(calls: Sequence[Call]) -> list[float]:
    """Seconds that each caller waited."""
    return [call.configured - call.announced for call in calls]


def _add(results: Results, case: str, name: str, rate: str, times: Sequence[float]) -> None:
    results.add(case, name, f"{rate} p50", [percentile(times, 0.5) * 1e3], "ms")
    results.add(case, name, f"{rate} p99", [percentile(times, 0.99) * 1e3], "ms")
