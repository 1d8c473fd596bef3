"""Start: from starting the process to its READY; warm, and with none of its files in memory, as after a boot.

The files are those of its interpreter and of its environment, and the kernel is asked to forget what it has of them.
The product opens the ledger that an earlier start has made. What openai-agents takes to import is measured by itself.
"""

import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench import Bench, Results
from benchmarks.process import ROOT, settle, share_cores
from benchmarks.subjects import FLOOR, PRODUCT, product_python

AGENTS = "agents"
_ROUNDS = 5
_COLD = 3


def measure(bench: Bench, results: Results, case: str, subjects: Sequence[str]) -> None:
    """Measure; adds seconds."""
    names = [name for name in subjects if name != FLOOR]
    warm: dict[str, list[float]] = {name: [] for name in names}
    cold: dict[str, list[float]] = {name: [] for name in names}
    imports = []
    for name in names:
        _start(bench, name)
    for _ in range(bench.some(_ROUNDS)):
        for name in names:
            warm[name].append(_start(bench, name))
        if AGENTS in names:
            imports.append(_import())
    for _ in range(bench.some(_COLD)):
        for name in names:
            forget(_environment(name))
            cold[name].append(_start(bench, name))
    for name in names:
        results.add(case, name, "READY, warm", warm[name], "s")
        results.add(case, name, "READY, cold", cold[name], "s")
    if imports:
        results.add(case, AGENTS, "import only", imports, "s")


def _start(bench: Bench, name: str) -> float:
    with bench.subjects([name], folder=bench.folder / f"started-{name}") as running:
        seconds = running[name].process.ready_after
        running[name].process.end()
    return seconds


def _import() -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "import agents.realtime"], check=True, preexec_fn=lambda: settle(share_cores()[0])
    )
    return time.perf_counter() - began


def _environment(name: str) -> list[Path]:
    own = Path(product_python()).parent.parent if name == PRODUCT else Path(sys.prefix)
    return [own / "lib", Path(sysconfig.get_path("stdlib")), Path(sys.executable).resolve(), ROOT / "daemon"]


def forget(folders: Sequence[Path]) -> None:
    """Ask the kernel to forget the contents of files."""
    for folder in folders:
        for path in [folder] if folder.is_file() else folder.rglob("*"):
            if path.is_file():
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(descriptor)
