"""What the product is meant to reach, as ratios to peers in the same run."""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.bench import Results
from benchmarks.cases.webhook import BARE
from benchmarks.keep import Done
from benchmarks.subjects import FLOOR, PRODUCT

PICKUP = "10/s p99"


@dataclass(frozen=True)
class Target:
    """A ratio that must not be exceeded, or must be reached."""

    what: str
    case: str
    number: str
    against: str
    limit: float
    at_least: bool = False
    of_peer: str = ""
    """The peer's number, where it is another one."""

    def ratio(self, results: Results) -> float:
        """Ours as a multiple of theirs. Errors: KeyError if one of them was not measured."""
        theirs = results.get(self.case, self.against, self.of_peer or self.number)
        return results.get(self.case, PRODUCT, self.number) / theirs

    def met(self, ratio: float) -> bool:
        """Whether it is reached."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit


TARGETS = (
    *(
        Target("CPU per event, plain", "events-plain", "CPU per event", against, limit)
        for against, limit in (("stock", 0.45), ("websockets", 0.7), ("aiohttp", 1.0))
    ),
    *(
        Target("CPU per event, TLS", "events-tls", "CPU per event", against, limit)
        for against, limit in (("stock", 0.65), ("websockets", 1.1))
    ),
    Target("calls per core, plain", "capacity-plain", "calls", "agents", 2.5, at_least=True),
    Target("calls per core, TLS", "capacity-tls", "calls", "agents", 1.3, at_least=True),
    *(
        Target("memory per busy call, TLS", "events-tls", "memory per busy call", against, 0.4)
        for against in ("agents", "websockets")
    ),
    Target("pickup p99, 10/s beside 200 calls, plain", "pickup-plain", PICKUP, "agents", 0.5),
    Target("pickup p99, 10/s beside 200 calls, TLS", "pickup-tls", PICKUP, "agents", 0.5),
    Target("CPU per webhook", "webhook", "CPU per webhook", BARE, 1.15),
    Target("start to READY", "start", "READY, warm", "agents", 0.5, of_peer="import only"),
)
FLOORS = (
    Target("pickup p99, 10/s beside 200 calls, plain", "pickup-plain", PICKUP, FLOOR, 0),
    Target("pickup p99, 10/s beside 200 calls, TLS", "pickup-tls", PICKUP, FLOOR, 0),
    Target("CPU per event, plain", "events-plain", "CPU per event", FLOOR, 0),
    Target("CPU per event, TLS", "events-tls", "CPU per event", FLOOR, 0),
)
"""No targets: how far it is to the floor."""


def verdicts(done: Iterable[Done]) -> list[tuple[str, str, str, str, str]]:
    """Lines of a table: what, against whom, target, ratio, verdict."""
    results = Results([row for each in done for row in each.rows])
    lines = []
    for target in TARGETS:
        wanted = f"{'>=' if target.at_least else '<='} {target.limit:g}x"
        lines.append((target.what, target.against, wanted, *_judged(target, results)))
    lines += [(target.what, target.against, "-", _judged(target, results)[0], "-") for target in FLOORS]
    lost = [row.median for row in results.rows if row.subject == PRODUCT and row.what == "small events lost"]
    verdict = "not measured" if not lost else "met" if not any(lost) else "MISSED"
    lines.append(("small events lost", "what was sent", "0", f"{sum(lost):g}" if lost else "-", verdict))
    return lines


def _judged(target: Target, results: Results) -> tuple[str, str]:
    try:
        ratio = target.ratio(results)
    except (KeyError, ZeroDivisionError):
        return "-", "not measured"
    return f"{ratio:.2f}x", "met" if target.met(ratio) else "MISSED"
