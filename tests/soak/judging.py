"""What must hold after a long run, and its summary for people."""

from collections import Counter
from collections.abc import Iterator

from daemon.sandbox.switchboard import SandboxCall
from tests.configured import API_KEY, CALLER, SIGNING_SECRET
from tests.soak.callers import CARD, SECRET_WORDS
from tests.soak.run import Life, Soak
from tests.soak.watching import Sample, slope

WARM_UP = 30.0
"""Seconds of a process's life in which it may still grow: caches, pools, the first of everything."""
FILLED = 1000
"""Calls after which what a process keeps of the latest ones is full (4096 entries for consoles, SQLite's pages), and
most of the holes are there that short-lived things of all sizes leave in the C library's heap: the bytes in use don't
grow, the resident ones do at first, by some MiB."""
LONG_ENOUGH = 90.0
"""Seconds that samples must span for their slope to say something."""
GROWTH = 2.0
"""KiB of memory that a call may leave behind, on the median. Two ids of each are kept, of the latest ten thousand; a
call's transcript alone would be more."""
LEDGER = 2 * 2 * 5 + 1
"""Descriptors of SQLite at the most: file and log of each connection that two pools keep, and the index of the log."""
KEPT = 40
"""Other descriptors by which an idle process may differ: connections that two HTTP clients keep for later, twenty each,
and close only when they look again. What leaks by the call is hundreds after a run."""
SPARE = 4
"""Tasks by which an idle process may differ."""


def broken(run: Soak) -> list[str]:
    """What does not hold."""
    return [*run.troubles, *run.crowd.wrong, *_accounts(run), *_traces(run), *_costs(run)]


def _accounts(run: Soak) -> Iterator[str]:
    """Every call that was answered for has one receipt, and nothing else has."""
    crowd, receipts = run.crowd, run.receipts
    yield from (f"{call}: answered with 200, and not in the ledger" for call in crowd.taken - receipts.keys())
    yield from (f"{call}: in the ledger, and nobody called" for call in receipts.keys() - crowd.calls.keys())
    yield from (f"{call}: claimed {times} times" for call, times in crowd.claimed.items() if times > 1)
    yield from (f"{call}: no receipt" for call, outcome in receipts.items() if outcome is None)
    yield from (f"{call}: lost" for call, outcome in receipts.items() if outcome == "lost")
    yield from (f"{call.id}: still on the platform" for call in crowd.calls.values() if call.sockets)
    used = Counter(asked.headers["idempotency-key"] for asked in run.shop.asked)
    yield from (f"tool use {key}: {times} times" for key, times in used.items() if times > 1)
    for code, said in run.verdicts:
        if code:
            yield f"ledger verify: {said}"
    transferred = [call for call, outcome in receipts.items() if outcome == "transferred"]
    yield from (f"{call}: transferred, and never was" for call in transferred if not crowd.calls[call].refers)
    ended = {call for call, outcome in receipts.items() if outcome is not None}
    yield from (f"{call}: nobody is told of its end" for call in ended - {*run.owed.values()})


def _traces(run: Soak) -> Iterator[str]:
    """The log has no traceback, no secret, no whole number, no digit and no word of a caller."""
    log = run.node.log
    if "Traceback" in log:
        yield "the log has a traceback"
    for name, secret in (
        ("the API key", API_KEY),
        ("a webhook secret", SIGNING_SECRET),
        ("a card number", CARD),
        ("words", SECRET_WORDS),
        ("a caller's number", CALLER),
    ):
        if secret in log:
            yield f"the log has {name}"


def _costs(run: Soak) -> Iterator[str]:
    """Memory does not grow with calls, and an idle process is as idle as a fresh one."""
    for life in run.lives:
        grown = growth(life)
        if grown is not None and grown > GROWTH:
            yield f"process {life.pid}: {grown:.2f} KiB a call"
    before, after = run.before, run.after
    if before is None or after is None:
        yield "there is no look at the idle process"
        return
    if others(after) > others(before) + KEPT or after.descriptors - others(after) > LEDGER:
        yield f"descriptors are open: {after.kinds}, and in a fresh process {before.kinds}"
    if after.tasks > before.tasks + SPARE:
        yield f"{after.tasks} tasks are left, and {before.tasks} in a fresh process"


def others(sample: Sample) -> int:
    """Descriptors that are not the ledger's."""
    return sum(count for kind, count in sample.kinds.items() if not kind.startswith("ledger.db"))


def settled(life: Life) -> list[Sample]:
    """Samples after the warm-up."""
    if not life.samples:
        return []
    first = life.samples[0].served
    return [sample for sample in life.samples if sample.at >= WARM_UP and sample.served - first >= FILLED]


def growth(life: Life) -> float | None:
    """KiB that a call left behind, on the median; None of a life that was too short to say."""
    samples = settled(life)
    if not samples or samples[-1].at - samples[0].at < LONG_ENOUGH:
        return None
    return slope([(float(sample.served), float(sample.resident)) for sample in samples])


def summary(run: Soak) -> str:
    """A table for `docs/reliability.md`."""
    crowd, calls = run.crowd, run.crowd.calls.values()
    outcomes = Counter(str(outcome) for outcome in run.receipts.values())
    samples = [sample for life in run.lives for sample in life.samples]
    long = max(run.lives, key=lambda life: len(life.samples))
    rows = {
        "length, seed": f"{run.seconds:.0f} s, {run.seed}",
        "calls": f"{len(crowd.calls)}, {len(crowd.calls) / run.seconds:.1f} a second; {_listed(crowd.kinds)}",
        "answers to webhooks": _listed(crowd.answers),
        "slowest answer": f"{crowd.worst_answer:.2f} s, waiting for a restart included",
        "receipts": f"{sum(outcomes.values())} of {len(crowd.taken)} calls answered for: {_listed(outcomes)}",
        "faults": _listed(run.faults),
        "sockets": f"{sum(map(_joins, calls))} of {run.proxy.opened} connections",
        "tool uses": f"{len(run.shop.asked)}, none twice",
        "ends told": f"{len(run.told)} of {len(run.owed)} deliveries so far, {run.told.total()} times",
        "processes": f"{len(run.lives)}; most calls at once {max((s.calls for s in samples), default=0)}",
        "memory": _memory(long),
        "descriptors, idle": _idle(run, "descriptors"),
        "tasks, idle": _idle(run, "tasks"),
        "ledger verify": run.verdicts[-1][1].strip().rpartition("ledger.db: ")[2],
    }
    lines = ["| what | seen |", "|---|---|", *(f"| {name} | {seen} |" for name, seen in rows.items())]
    return "\n".join(lines)


def _joins(call: SandboxCall) -> int:
    return call.joins


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counted.items(), key=lambda item: -item[1]))


def _memory(life: Life) -> str:
    grown = growth(life)
    if not life.samples:
        return "not seen"
    first, last = life.samples[0], life.samples[-1]
    said = "too short for a slope" if grown is None else f"{grown:+.2f} KiB a call on the median"
    return f"{first.resident / 1024:.0f} MiB at first, {last.resident / 1024:.0f} MiB after {last.at:.0f} s; {said}"


def _idle(run: Soak, name: str) -> str:
    fresh, used = (getattr(sample, name) if sample else "?" for sample in (run.before, run.after))
    return f"{used} after it all, {fresh} in a fresh process"
