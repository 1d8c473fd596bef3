"""The guard: has the daemon lost against its peers since the ratios in `ratios.json` were taken?

    make bench-quick             fail if a ratio is worse than a quarter above what is committed
    make bench-quick ACCEPT=1    write down the ratios of today instead

Only ratios are judged, each the median of rounds in which the daemon and a peer had the same load one right after the
other; so a slow or busy machine hits both. What is lost is measured again, up to twice, and the best counts: whoever
disturbs us does not do it three times alike, and a loss is there each time. What the daemon gains is no fault.
"""

import json
import os
import signal
import statistics
import sys
import time
from pathlib import Path

from benchmarks.bench import Bench, Results, SubjectFailed
from benchmarks.cases import webhook
from benchmarks.cases.talking import talk
from benchmarks.keep import commit, machine
from benchmarks.subjects import PRODUCT

RATIOS = Path(__file__).parent / "ratios.json"
TOLERATED = 1.25
PEERS = ("stock", "websockets")
CALLS = 100
_ROUNDS = 5
_SECONDS = 0.8
_ATTEMPTS = 3


def events(bench: Bench, *, tls: bool) -> dict[str, float]:
    """CPU per event and memory per call, as multiples of the peers'."""
    wire = "TLS" if tls else "plain"
    ratios: dict[str, float] = {}
    with bench.subjects((PRODUCT, *PEERS), tls=tls) as running:
        for each in running.values():
            each.join(CALLS, rate=150.0)
        for each in running.values():
            talk(bench, each, 0.3)
        rounds = [{name: talk(bench, each, _SECONDS)[0] for name, each in running.items()} for _ in range(_ROUNDS)]
        memory = {name: each.process.rss() - each.base for name, each in running.items()}
    for peer in PEERS:
        paired = [spent[PRODUCT] / spent[peer] for spent in rounds]
        ratios[f"CPU per event, {wire}, to {peer}"] = statistics.median(paired)
    if tls:
        ratios["memory per call, TLS, to websockets"] = memory[PRODUCT] / memory["websockets"]
    return ratios


def webhooks(bench: Bench) -> dict[str, float]:
    """CPU per webhook, as a multiple of a bare application's."""
    results = Results()
    webhook.measure(bench, results, "webhook", (PRODUCT, webhook.BARE), rounds=3, each=100)
    rows = {row.subject: row.values for row in results.rows if row.what == "CPU per webhook"}
    paired = [ours / theirs for ours, theirs in zip(rows[PRODUCT], rows[webhook.BARE], strict=True)]
    return {f"CPU per webhook, to {webhook.BARE}": statistics.median(paired)}


def measure() -> dict[str, float]:
    """Measure all ratios. Errors: `SubjectFailed`."""
    bench = Bench()
    try:
        return events(bench, tls=False) | events(bench, tls=True) | webhooks(bench)
    finally:
        bench.close()


def judge(found: dict[str, float], committed: dict[str, float]) -> tuple[str, bool]:
    """Compare ratios; gives what to print, and whether all is well. A ratio that was not committed can't be lost."""
    lines, well = [], True
    for name, ratio in found.items():
        before = committed.get(name)
        lost = before is not None and ratio > before * TOLERATED
        well = well and not lost
        known = f"{before:.2f}x" if before is not None else "unknown"
        lines.append(f"{name:40} {ratio:6.2f}x   committed {known}{'   LOST' if lost else ''}\n")
    return "".join(lines), well


def main() -> None:
    """Measure, and compare or accept."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    committed = json.loads(RATIOS.read_text())["ratios"] if RATIOS.exists() else {}
    found: dict[str, float] = {}
    well, attempt = False, 0
    while not well and attempt < _ATTEMPTS:
        began, attempt = time.monotonic(), attempt + 1
        try:
            now = measure()
        except SubjectFailed as failure:
            sys.exit(str(failure))
        except KeyboardInterrupt:
            sys.exit("Interrupted.")
        found = {name: min(ratio, found.get(name, ratio)) for name, ratio in now.items()}
        text, well = judge(found, committed)
        sys.stdout.write(f"{text}{time.monotonic() - began:.0f} s\n")
        well = well or bool(os.environ.get("ACCEPT"))
    if os.environ.get("ACCEPT"):
        rounded = {name: round(ratio, 3) for name, ratio in found.items()}
        RATIOS.write_text(json.dumps({"commit": commit(), "machine": machine(), "ratios": rounded}, indent=1) + "\n")
    elif not well:
        sys.exit(f"Lost more than {TOLERATED - 1:.0%} against a peer. Is it meant to be? make bench-quick ACCEPT=1")


if __name__ == "__main__":
    main()
