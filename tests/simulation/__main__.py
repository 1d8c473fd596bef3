"""`python -m tests.simulation --seeds 1000 [--first K]` runs seeds on every core; `--seed N` shows one.

Exits with 1 if an invariant did not hold, and says how to see it again.
"""

import argparse
import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing import Pool
from types import FrameType

from tests.simulation.invariants import OFF, Finding
from tests.simulation.run import simulate_seed

# A seed takes milliseconds; one that takes this long, in real seconds, has stopped getting anywhere.
_HOPELESS = 60
_EVERY = 2.0


class Hopeless(Exception):
    """A run that spins without its clock moving."""


def run_one(seed: int) -> tuple[int, list[Finding], float]:
    """Run a seed; gives what was broken, and its virtual seconds."""
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(_HOPELESS)
    broken: list[Finding] = []
    virtual = 0.0
    try:
        outcome = simulate_seed(seed)
        broken, virtual = outcome.broken, outcome.virtual
    except* Exception as errors:
        broken.append(("the_simulation_itself", repr(errors.exceptions)))
    finally:
        signal.alarm(0)
    if seed % 50 == 0:
        gc.collect()
    return seed, broken, virtual


def _give_up(_number: int, _frame: FrameType | None) -> None:
    raise Hopeless(f"no end within {_HOPELESS} s of real time")


def run_many(first: int, count: int, workers: int, say: Callable[[str], object]) -> dict[int, list[Finding]]:
    """Run seeds side by side; gives what was broken, by seed."""
    began, told, virtual = time.perf_counter(), time.perf_counter(), 0.0
    failed: dict[int, list[Finding]] = {}
    with Pool(workers) as pool:
        seeds = range(first, first + count)
        for done, (seed, broken, lasted) in enumerate(pool.imap_unordered(run_one, seeds, chunksize=5), start=1):
            virtual += lasted
            if broken:
                failed[seed] = broken
            now = time.perf_counter()
            if now - told > _EVERY or done == count:
                told = now
                rate = done / (now - began)
                say(f"{done} of {count} seeds, {len(failed)} failed; {rate:.0f} a second on {workers} cores")
    say(f"{virtual / 3600:.0f} hours in {time.perf_counter() - began:.1f} s")
    return dict(sorted(failed.items()))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def show(seed: int) -> int:
    """Print one seed's transcript."""
    outcome = simulate_seed(seed)
    sys.stdout.write(outcome.transcript)
    return 1 if outcome.broken else 0


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--seed", type=int, help="run this one and print its transcript")
    what.add_argument("--seeds", type=int, default=1000, help="how many to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return show(options.seed)
    failed = run_many(options.first, options.seeds, options.workers, lambda line: sys.stderr.write(f"{line}\n"))
    for seed, broken in failed.items():
        _say(f"\nseed {seed}    replay: make simulate SEED={seed}   (python -m tests.simulation --seed {seed})")
        for name, seen in broken:
            _say(f"  {name}: {seen}")
    for name, why in OFF.items():
        _say(f"not checked: {name} ({why})")
    _say(f"{options.seeds - len(failed)} seeds hold, {len(failed)} fail")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
