"""`make soak MINUTES=n`: a long run, judged; prints its summary, and exits with 1 if anything does not hold."""

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec
import trio

from tests.soak.judging import broken, summary
from tests.soak.run import soak


def main() -> int:
    """Run one and tell."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=10.0, help="calls a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--restarting", type=float, default=0.5, help="part of the time in which it is restarted")
    parser.add_argument("--keep", type=Path, default=None, help="folder for ledger and log, which stay there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="callwarden-soak-") as name:
        folder = asked.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)

        async def run() -> tuple[str, list[str]]:
            options = {"seconds": asked.minutes * 60, "rate": asked.rate, "seed": asked.seed}
            done = await soak(folder, **options, restarting=asked.restarting)
            if asked.keep is not None:
                samples = [sample for life in done.lives for sample in life.samples]
                (folder / "samples.json").write_bytes(msgspec.json.encode(samples))
            return summary(done), broken(done)

        told, wrong = trio.run(run)
    sys.stdout.write(f"{told}\n")
    for line in wrong[:50]:
        sys.stdout.write(f"BROKEN {line}\n")
    sys.stdout.write(f"{len(wrong)} things do not hold\n" if wrong else "everything holds\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
