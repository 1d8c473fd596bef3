"""What several cases do: talk in a subject's calls, listen to how late it is, wait until it has caught up."""

from benchmarks.bench import Bench, Running, percentile
from benchmarks.process import own_cpu

_SETTLE = 0.3
_PINGS = 50.0
CAUGHT_UP = 0.2
"""Share of a core: far above what anybody takes in silence, and far below one; silence is not to be counted."""


def talk(bench: Bench, subject: Running, seconds: float) -> tuple[float, float, float]:
    """Talk in a subject's calls for a while.

    Gives its CPU seconds per event, the load's share of its own core, and how late the load was, 99 times of 100.
    """
    platform = bench.platform
    sent, spent, own = platform.sent, subject.process.cpu(), own_cpu()
    platform.pace(subject.calls)
    platform.run(seconds)
    late, own = percentile(platform.late, 0.99), own_cpu() - own
    platform.pace([])
    drain(bench, subject)
    return (subject.process.cpu() - spent) / max(platform.sent - sent, 1), own / seconds, late


def drain(bench: Bench, subject: Running) -> None:
    """Wait until a subject has dealt with everything: on a busy machine it may be behind."""
    for _ in range(40):
        before = subject.process.cpu()
        bench.platform.run(0.2)
        if subject.process.cpu() - before < CAUGHT_UP * 0.2:
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
