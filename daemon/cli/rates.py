"""What the metrics say of the last minute: how many calls came and went, how long callers waited.

Reads Prometheus's text as anybody's Prometheus would, and keeps a minute of it. Plain; imports prometheus-client's
parser only.
"""

from collections import defaultdict, deque
from typing import Any, cast

from prometheus_client.parser import text_string_to_metric_families

WINDOW = 60.0

Labels = tuple[tuple[str, str], ...]
Values = dict[tuple[str, Labels], float]


class Rates:
    """A minute of samples."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, Values]] = deque()

    def add(self, now: float, text: str) -> None:
        """Take what `/metrics` said at this moment, in seconds of any clock."""
        # The parser has annotations of its own only from some version on.
        families = cast("Any", text_string_to_metric_families)(text)
        values: Values = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }
        self._samples.append((now, values))
        while len(self._samples) > 1 and now - self._samples[0][0] > WINDOW:
            self._samples.popleft()

    def per_minute(self, name: str, **labels: str) -> float:
        """By how much counters grew per minute, all that have these labels together."""
        began, before = self._samples[0]
        ended, after = self._samples[-1]
        grown = sum(after[key] - before.get(key, 0.0) for key in after if key[0] == name and _has(key[1], labels))
        return grown * 60.0 / (ended - began) if ended > began else 0.0

    def quantile(self, share: float, name: str, **labels: str) -> float | None:
        """The value below which this share of a histogram's observations were; None if there were none.

        Of the last minute, or, when nothing came in that time, since the start.
        """
        now = self._buckets(-1, name, labels)
        before = self._buckets(0, name, labels)
        recent = {bound: now[bound] - before.get(bound, 0.0) for bound in now}
        return _quantile(share, recent) or _quantile(share, now)

    def _buckets(self, place: int, name: str, labels: dict[str, str]) -> dict[float, float]:
        found: defaultdict[float, float] = defaultdict(float)
        for (sample, held), value in self._samples[place][1].items():
            if sample == f"{name}_bucket" and _has(held, labels):
                found[float(dict(held)["le"])] += value
        return dict(found)


def _has(held: Labels, wanted: dict[str, str]) -> bool:
    return all((key, value) in held for key, value in wanted.items())


def _quantile(share: float, buckets: dict[float, float]) -> float | None:
    """As Prometheus's histogram_quantile: a straight line within the bucket."""
    total = max(buckets.values(), default=0.0)
    if total <= 0:
        return None
    wanted, lower, below = share * total, 0.0, 0.0
    for bound in sorted(buckets):
        count = buckets[bound]
        if count >= wanted:
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * (wanted - below) / (count - below) if count > below else bound
        lower, below = bound, count
    return lower
