"""What was measured, on disk: a JSON file for each case, with what it was measured of."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.bench import Row
from benchmarks.process import ROOT

OUTPUT = ROOT / "build" / "bench"


@dataclass
class Done:
    """A case that was measured."""

    case: str
    rows: list[Row]
    failed: dict[str, str] = field(default_factory=dict)
    """Why, by subject."""
    seconds: float = 0.0
    load: float = 0.0
    """What else the machine had to do, as its load average before."""
    machine: str = ""
    commit: str = ""
    effort: float = 1.0


def commit() -> str:
    """What is measured: the commit, with a plus if something was changed since."""
    asked = ("git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*")
    said = subprocess.run(asked, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"


def machine() -> str:
    """What kind of machine this is."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    cores = len(os.sched_getaffinity(0)) if not models else len(models)
    return f"{cores} cores ({model}), Python {platform.python_version()}, Linux {platform.release().split('-')[0]}"


def write(done: Done, subjects: Sequence[str], effort: float) -> None:
    """Keep a case."""
    done.machine, done.commit, done.effort = machine(), commit(), effort
    kept = {**asdict(done), "subjects": list(subjects)}
    file = OUTPUT / f"{done.case}.json"
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(kept, indent=1) + "\n")
    draft.replace(file)


def is_done(case: str, subjects: Sequence[str], effort: float) -> bool:
    """Whether this was measured for the present commit, whatever it gave."""
    file = OUTPUT / f"{case}.json"
    if not file.exists():
        return False
    kept = json.loads(file.read_text())
    wanted = (commit(), list(subjects), effort)
    return (kept["commit"], kept["subjects"], kept["effort"]) == wanted and not wanted[0].endswith("+")


def read(cases: Iterable[str]) -> list[Done]:
    """All that was measured, in the order of the cases."""
    found = []
    for case in cases:
        file = OUTPUT / f"{case}.json"
        if file.exists():
            kept = json.loads(file.read_text())
            del kept["subjects"]
            found.append(Done(**{**kept, "rows": [Row(**row) for row in kept["rows"]]}))
    return found
