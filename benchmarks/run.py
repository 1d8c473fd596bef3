"""The whole comparison: case after case, each written down when it is done, then one table and the plots.

    make bench                                    everything, some forty minutes
    make bench CASES="events-plain start"         some cases
    make bench SUBJECTS="callwarden websockets"   some subjects, in every case
    make bench FRESH=1                            what was done for this commit already, too
    make bench EFFORT=0.1                         hardly anything, to see whether it works
    make bench PUBLISH=1                          the table goes into docs/performance.md, too

A case that was measured for this commit is not measured again, so what was interrupted goes on where it was. Whoever is
measured is ended when we end, however we do.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks import keep, plots, table
from benchmarks.bench import Bench, Results, SubjectFailed
from benchmarks.cases import burst, capacity, ending, events, pickup, scale, sequence, start, webhook
from benchmarks.keep import OUTPUT, Done
from benchmarks.process import ROOT
from benchmarks.subjects import FLOOR, PRODUCT, SUBJECTS

Measure = Callable[[Bench, Results, str, Sequence[str]], None]

_PEERS = (PRODUCT, "stock", "websockets", "aiohttp", "agents")


def _plain(measure: Callable[..., None]) -> Measure:
    return lambda bench, results, case, subjects: measure(bench, results, case, subjects, tls=False)


def _secure(measure: Callable[..., None]) -> Measure:
    return lambda bench, results, case, subjects: measure(bench, results, case, subjects, tls=True)


CASES: dict[str, tuple[Measure, Sequence[str]]] = {
    "events-plain": (_plain(events.measure), (*_PEERS, "uvloop", FLOOR)),
    "events-tls": (_secure(events.measure), (*_PEERS, "uvloop", FLOOR)),
    "pickup-plain": (_plain(pickup.measure), (*_PEERS, FLOOR)),
    "pickup-tls": (_secure(pickup.measure), (*_PEERS, FLOOR)),
    "capacity-plain": (_plain(capacity.measure), _PEERS),
    "capacity-tls": (_secure(capacity.measure), _PEERS),
    "webhook": (webhook.measure, (PRODUCT, webhook.BARE)),
    "burst": (burst.measure, _PEERS),
    "ending": (ending.measure, _PEERS),
    "start": (start.measure, _PEERS),
    "sequence": (sequence.measure, (PRODUCT,)),
    "scale": (scale.measure, (PRODUCT,)),
}
"""By name: how it is measured, and whom it is about unless others are asked for."""


def measure(bench: Bench, case: str, subjects: Sequence[str]) -> Done:
    """Measure a case; who fails in it is left out of it, and named."""
    failed: dict[str, str] = {}
    began, load = time.monotonic(), os.getloadavg()[0]
    while True:
        results = Results()
        try:
            CASES[case][0](bench, results, case, [name for name in subjects if name not in failed])
        except SubjectFailed as failure:
            say(f"{case}: without {failure.name}, which failed: {failure.why}")
            failed[failure.name] = failure.why
        else:
            return Done(case, results.rows, failed, time.monotonic() - began, load)


def say(line: str) -> None:
    """Tell whoever waits."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {line}\n")
    sys.stderr.flush()


def _chosen(variable: str, known: Sequence[str]) -> list[str]:
    """What was asked for in the environment; nothing if nothing was."""
    chosen = os.environ.get(variable, "").split()
    if unknown := set(chosen) - set(known):
        sys.exit(f"{variable}: there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return chosen


def main() -> None:
    """Measure what is asked for and was not measured yet; print and draw all there is."""
    cases, asked = _chosen("CASES", list(CASES)) or list(CASES), _chosen("SUBJECTS", list(SUBJECTS))
    effort = float(os.environ.get("EFFORT") or 1)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    bench = Bench(effort)
    failed = False
    try:
        for case in cases:
            subjects = asked or CASES[case][1]
            if not os.environ.get("FRESH") and keep.is_done(case, subjects, effort):
                say(f"{case}: is done already, for this commit")
                continue
            say(f"{case}: {', '.join(subjects)}")
            done = measure(bench, case, subjects)
            keep.write(done, subjects, effort)
            failed = failed or bool(done.failed)
            say(f"{case}: done in {done.seconds:.0f} s")
    except KeyboardInterrupt:
        sys.exit("Interrupted. What was measured is kept; `make bench` goes on from there.")
    finally:
        bench.close()
    show()
    sys.exit(failed)


def show() -> None:
    """Print and draw everything that was measured."""
    done = keep.read(CASES)
    text = table.everything(done)
    (OUTPUT / "table.md").write_text(text)
    sys.stdout.write(text)
    plots.draw(done, OUTPUT)
    if os.environ.get("PUBLISH"):
        table.publish(text, ROOT / "docs" / "performance.md")
    say(f"{OUTPUT}: table.md, a JSON file for each case, plots")


if __name__ == "__main__":
    main()
