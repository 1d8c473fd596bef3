"""CPU per webhook: the product's, claim included, against a bare Quart-Trio application that only verifies.

A webhook that is delivered once more is verified, read, and looked up in the ledger, but begins no call; so it is what
a webhook costs without the call that it announces.
"""

from collections.abc import Sequence

from benchmarks.bench import Bench, Results, Running, SubjectFailed, percentile
from benchmarks.subjects import PRODUCT
from benchmarks.wire import PATH

_EACH = 200
_RATE = 100.0
_ROUNDS = 5
BARE = "stock"


def measure(
    bench: Bench, results: Results, case: str, subjects: Sequence[str], *, rounds: int = _ROUNDS, each: int = _EACH
) -> None:
    """Measure; adds CPU and time per webhook."""
    names = [name for name in subjects if name in (PRODUCT, BARE)]
    spent: dict[str, list[float]] = {name: [] for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    with bench.subjects(names) as running:
        for subject in running.values():
            subject.join(1)
            _deliver(bench, subject, 20)
        for _ in range(bench.some(rounds, 2)):
            for name, subject in running.items():
                idle = _idle(bench, subject)
                before = subject.process.cpu()
                taken = _deliver(bench, subject, bench.some(each, 20))
                times[name] += taken
                spent[name].append((subject.process.cpu() - before) / len(taken) * 1e3 - idle / _RATE * 1e3)
        for name in names:
            results.add(case, name, "CPU per webhook", spent[name], "ms")
            results.add(case, name, "answer p50", [percentile(times[name], 0.5) * 1e3], "ms")
            results.add(case, name, "answer p99", [percentile(times[name], 0.99) * 1e3], "ms")


def _idle(bench: Bench, subject: Running) -> float:
    """CPU seconds per second with nothing to do."""
    before = subject.process.cpu()
    bench.platform.run(0.5)
    return (subject.process.cpu() - before) / 0.5


def _deliver(bench: Bench, subject: Running, count: int) -> list[float]:
    """Deliver the webhook of a call that is known, again and again; gives the seconds to each answer."""
    path = PATH if subject.subject.name == PRODUCT else "/verify"
    made = bench.platform.repeat(subject.process.port, subject.calls[0], count, rate=_RATE, path=path)
    bench.platform.run(10 + count / _RATE, lambda: all(each.answered for each in made))
    if any(each.status != 200 for each in made):
        raise SubjectFailed(subject.subject.name, f"answered {sorted({each.status for each in made})}")
    return [each.answered - each.announced for each in made]
