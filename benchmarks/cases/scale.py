"""Scale: the product at one, two and four times the load, and how its costs grow: the exponent of the fitted power.

1 means in proportion. Of times that a person waits, and of memory or CPU per call, 0 means not at all.
"""

import math
import signal
from collections.abc import Callable, Sequence

from benchmarks.bench import Bench, Results, Running, percentile
from benchmarks.cases.burst import burst
from benchmarks.cases.ending import end
from benchmarks.cases.pickup import pick_up
from benchmarks.cases.talking import talk
from benchmarks.subjects import PRODUCT

TIMES = (1, 2, 4)
_TALKING, _ARRIVALS, _BURST, _ENDING = 100, 5, 75, 125
_SECONDS = 2.0


def measure(bench: Bench, results: Results, case: str, subjects: Sequence[str]) -> None:
    """Measure; adds each number by load, and its growth."""
    if PRODUCT not in subjects:
        return
    curves: dict[tuple[str, str], list[float]] = {}
    for times in TIMES:
        for tls in (False, True):
            with bench.subjects([PRODUCT], tls=tls) as running:
                for what, unit, value in _talking(bench, running[PRODUCT], times, tls=tls):
                    curves.setdefault((what, unit), []).append(value)
    for steps, what in ((_arriving, "pickup p50"), (_bursting, "burst p99"), (_ending, "ending")):
        for times in TIMES:
            with bench.subjects([PRODUCT]) as running:
                curves.setdefault((what, "s" if what == "ending" else "ms"), []).append(
                    steps(bench, running[PRODUCT], times)
                )
    for (what, unit), values in curves.items():
        for times, value in zip(TIMES, values, strict=True):
            results.add(case, PRODUCT, f"{what}, {times}x", [value], unit)
        results.add(case, PRODUCT, f"{what}, exponent", [exponent(values)], "")


Step = Callable[[Bench, Running, int], float]


def _talking(bench: Bench, subject: Running, times: int, *, tls: bool) -> list[tuple[str, str, float]]:
    calls, wire = bench.some(_TALKING * times, 5 * times), "TLS" if tls else "plain"
    subject.join(calls)
    talk(bench, subject, 0.5)
    took = [talk(bench, subject, _SECONDS * max(bench.effort, 0.25))[0] for _ in range(3)]
    memory = (subject.process.rss() - subject.base) / 2**20
    subject.leave()
    return [
        (f"CPU of talking calls, {wire}", "core", sorted(took)[1] * calls * 25),
        (f"memory of talking calls, {wire}", "MiB", memory),
    ]


def _arriving(bench: Bench, subject: Running, times: int) -> float:
    subject.join(bench.some(_TALKING, 5))
    waited = pick_up(bench, subject, _ARRIVALS * times, bench.some(40 * times, 10))
    subject.leave()
    return percentile(waited, 0.5) * 1e3


def _bursting(bench: Bench, subject: Running, times: int) -> float:
    subject.join(bench.some(_TALKING, 5))
    waited, _ = burst(bench, subject, bench.some(_BURST * times, 5 * times))
    subject.leave()
    return percentile(waited, 0.99) * 1e3


def _ending(bench: Bench, subject: Running, times: int) -> float:
    subject.join(bench.some(_ENDING * times, 5 * times))
    last, _, _ = end(bench, subject)
    subject.process.signal(signal.SIGTERM)
    return last


def exponent(values: Sequence[float]) -> float:
    """Fit `value = c * load ** exponent` to values at `TIMES`, by least squares of the logarithms."""
    places = [math.log(times) for times in TIMES]
    heights = [math.log(max(value, 1e-9)) for value in values]
    middle, mean = sum(places) / len(places), sum(heights) / len(heights)
    rise = sum((place - middle) * (height - mean) for place, height in zip(places, heights, strict=True))
    return rise / sum((place - middle) ** 2 for place in places)
