"""Every metric there is, as rows of the table in docs/metrics.md: `python -m tests.monitoring.described` prints it."""

import sys
from collections.abc import Iterable

from prometheus_client.metrics_core import Metric

from daemon.observe.metrics import Metrics
from daemon.operate.readings import Readings, Sources
from tests.operate.fakes import FakeDesk

# Of the process, and of Python: prometheus-client's own, which its documentation describes.
_FOREIGN = ("process_", "python_")


def families() -> list[Metric]:
    """All of ours, by name."""
    metrics = Metrics(version="0")
    sources = Sources(
        connections={"webhook": int, "operator": int},
        troubles={"webhook": {("connection_failed", "x"): 1}},
        deliveries=lambda: (0, 0.0),
        watchdog_age=lambda: 0.0,
    )
    metrics.registry.register(Readings(FakeDesk(), sources))
    ours = [family for family in metrics.registry.collect() if not family.name.startswith(_FOREIGN)]
    return sorted(ours, key=lambda family: family.name)


def labels_of(metrics: Metrics, family: Metric) -> list[str]:
    """The labels of a family, also of one without a sample."""
    for instrument in vars(metrics).values():
        if getattr(instrument, "_name", None) == family.name:
            return list(instrument._labelnames)
    return sorted({label for sample in family.samples for label in sample.labels})


def rows() -> Iterable[str]:
    """The table."""
    metrics = Metrics()
    yield "| metric | kind | labels | what |"
    yield "|---|---|---|---|"
    for family in families():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        name = f"{family.name}_info" if family.type == "info" else name
        labels = ", ".join(f"`{label}`" for label in labels_of(metrics, family))
        yield f"| `{name}` | {family.type} | {labels} | {family.documentation} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join([*rows(), ""]))
