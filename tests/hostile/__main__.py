"""Fuzzing by coverage: `python -m tests.hostile SECONDS [TARGET ...]`, as `make fuzz` does it.

Each target runs in a process of its own, with Atheris if that is there and with plain mutations if not, beginning with
what is in `tests/corpus/`. What is new is kept below `build/fuzz/`; what is found is in `build/fuzz/found/`, belongs
into `tests/corpus/` once it is mended, and makes the exit code 1.
"""

import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from random import Random

BUILD = Path("build/fuzz")
FOUND = BUILD / "found"
CORPUS = Path(__file__).parent.parent / "corpus"
LONGEST = 4096


def say(words: str) -> None:
    """Write a line at once: the fuzzer writes in between."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def by_coverage(name: str, seconds: int) -> None:
    """Let Atheris at one target; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["daemon", "tests.hostile"]):
        from tests.hostile.targets import TARGETS
    mine = BUILD / name
    mine.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={FOUND}/{name}-",
        f"-max_len={LONGEST}",
        "-print_final_stats=1",
    ]
    options += ["-timeout=20", "-rss_limit_mb=1500", "-verbosity=0"]
    atheris.Setup([name, *options, str(mine), str(CORPUS / name)], TARGETS[name])
    atheris.Fuzz()


def by_chance(name: str, seconds: int) -> None:
    """Change what is in the corpus here and there."""
    from tests.hostile.targets import TARGETS

    random, seeds, runs = Random(), [file.read_bytes() for file in sorted((CORPUS / name).iterdir())], 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        data = bytearray(random.choice(seeds))
        for _ in range(random.randint(1, 6)):
            at = random.randrange(len(data) + 1)
            other = random.choice(seeds)
            start = random.randrange(len(other) + 1)
            piece = random.choice(
                [random.randbytes(random.randint(1, 4)), other[start : start + random.randint(1, 60)]]
            )
            data[at : at + random.choice([0, len(piece), 30])] = piece
        try:
            TARGETS[name](bytes(data))
        except BaseException:
            (FOUND / f"{name}-{random.randrange(10**9)}").write_bytes(data)
            raise
        runs += 1
    say(f"{runs} runs")


def main() -> int:
    """Run all targets, or those that are named, one after the other."""
    if sys.argv[1] == "--one":
        one = by_coverage if importlib.util.find_spec("atheris") else by_chance
        one(sys.argv[2], int(sys.argv[3]))
        return 0
    names = sys.argv[2:] or [folder.name for folder in sorted(CORPUS.iterdir()) if folder.is_dir()]
    FOUND.mkdir(parents=True, exist_ok=True)
    each, failed = max(int(sys.argv[1]) // len(names), 1), []
    for name in names:
        say(f"--- {name}, {each} s")
        done = subprocess.run(
            [sys.executable, "-m", "tests.hostile", "--one", name, str(each)], timeout=each + 120, check=False
        )
        failed += [name] if done.returncode else []
    say(f"Found something in: {', '.join(failed)}; see {FOUND}" if failed else "Nothing found.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
