"""Ten thousand calls in sequence: what a call costs from its webhook to its receipt, and whether memory grows.

The first part fills whatever is filled once: pools, caches, the ledger's pages. Growth is from then on.
"""

from collections.abc import Sequence

from benchmarks.bench import Bench, Results, Running, SubjectFailed
from benchmarks.cases.talking import drain
from benchmarks.subjects import PRODUCT

CALLS = 10_000
_RATE = 60.0
_PARTS = 10
_STAY = 0.2


def measure(bench: Bench, results: Results, case: str, subjects: Sequence[str]) -> None:
    """Measure the product; adds memory by thousands of calls, growth, and CPU per call."""
    for name in subjects:
        if name != PRODUCT:
            continue
        with bench.subjects([name]) as running:
            each = running[name]
            sizes, cpu = [], []
            for _ in range(_PARTS):
                before = each.process.cpu()
                _part(bench, each, bench.some(CALLS // _PARTS, 20))
                sizes.append(each.process.rss() / 2**20)
                cpu.append((each.process.cpu() - before) / bench.some(CALLS // _PARTS, 20) * 1e3)
        results.add(case, name, "memory after each tenth", sizes, "MiB")
        results.add(case, name, "growth from 2nd to last tenth", [sizes[-1] - sizes[1]], "MiB")
        results.add(case, name, "CPU of a short call", cpu, "ms")


def _part(bench: Bench, subject: Running, count: int) -> None:
    platform = bench.platform
    calls = platform.announce(subject.process.port, count, rate=_RATE, ends_after=_STAY)
    if not platform.run(30 + 2 * count / _RATE, lambda: platform.closed_of(calls) == count):
        raise SubjectFailed(subject.subject.name, "did not get through all calls")
    drain(bench, subject)
    for call in calls:
        del platform.calls[call.id]
