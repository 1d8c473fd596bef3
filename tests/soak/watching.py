"""What a process costs over time: memory, file descriptors, tasks; and whether any of it only ever grows."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

import httpx
import msgspec
import trio

from daemon.core.snapshots import Status, TaskView


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One look."""

    at: float
    """Seconds since the process was ready."""
    resident: int
    """KiB."""
    descriptors: int
    kinds: dict[str, int]
    """Descriptors, by what they are."""
    tasks: int
    calls: int
    debts: int
    served: int
    """Calls that had begun in the whole run."""


def resident(pid: int) -> int:
    """Memory of a process, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def descriptors(pid: int) -> dict[str, int]:
    """Open files of a process: how many of each kind."""
    found: Counter[str] = Counter()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found[file.readlink().name.partition(":")[0]] += 1
    return dict(found)


def count(task: TaskView) -> int:
    """A task and all below it."""
    return 1 + sum(map(count, task.tasks))


async def look(pid: int, socket: Path, began: float, served: int) -> Sample | None:
    """Look once; None if the process is going or gone."""
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    try:
        async with httpx.AsyncClient(base_url="http://callwarden", transport=transport, timeout=10) as client:
            status = msgspec.json.decode((await client.get("/v1/status")).content, type=Status)
            tree = msgspec.json.decode((await client.get("/v1/tree")).content, type=TaskView)
        if status.pid != pid:
            return None
        kinds = descriptors(pid)
        return Sample(
            at=trio.current_time() - began,
            resident=resident(pid),
            descriptors=sum(kinds.values()),
            kinds=kinds,
            tasks=count(tree),
            calls=status.calls,
            debts=len(status.debts),
            served=served,
        )
    except (httpx.HTTPError, OSError, StopIteration, msgspec.DecodeError):
        return None


def slope(points: Sequence[tuple[float, float]], most: int = 300) -> float:
    """How much the second grows with the first: the median over all pairs (Theil and Sen), which peaks don't move."""
    if len(points) > most:
        step = len(points) / most
        points = [points[int(number * step)] for number in range(most)]
    found = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for place, earlier in enumerate(points)
        for later in points[place + 1 :]
        if later[0] > earlier[0]
    ]
    return median(found) if found else 0.0
