"""What a call's journal costs: the share of the daemon's CPU that goes into writing down what happens in calls.

Runs the real daemon with live calls, 25 events a second each, nine of ten of them sound, and reads from the kernel how
much CPU each of its threads took. Database work is done in worker threads; with no call beginning or ending, their
share is that of the journal and the heartbeat. What the event loop spends on handing records over is measured with the
same records in this process.
"""

import json
import os
import sys
import tempfile
import timeit
from pathlib import Path

import httpx
import trio

from daemon.core import journal
from daemon.ledger.database import Database
from daemon.ledger.engine import make_engines
from daemon.ledger.health import Health
from daemon.ledger.journal import JournalWriter
from daemon.sandbox.script import Emit, Script, Step, Wait
from daemon.sandbox.server import open_sandbox
from daemon.sandbox.switchboard import Switchboard
from tests.configured import API_KEY
from tests.process.nodes import Node, Sender, present, until

CALLS = 40
SECONDS = 15.0
WARM_UP = 3.0
PERIOD = 0.04
SOUND = 9
"""Sounds for each piece of text."""

_TICKS = os.sysconf("SC_CLK_TCK")
_AUDIO = "A" * 1000


def script() -> Script:
    """A caller who listens while the agent talks."""
    steps: list[Step] = [_emit("response.created", response={"id": "r1"})]
    for number in range(int((SECONDS + WARM_UP + 30) / PERIOD / (SOUND + 1))):
        place = {"response_id": "r1", "item_id": f"item-{number // 20}"}
        for _ in range(SOUND):
            steps += [_emit("response.output_audio.delta", **place, delta=_AUDIO), Wait(PERIOD, over=True)]
        steps += [_emit("response.output_audio_transcript.delta", **place, delta="some "), Wait(PERIOD, over=True)]
    return Script(steps=tuple(steps), seconds_per_word=0.01)


def _emit(kind: str, **fields: object) -> Emit:
    return Emit(json.dumps({"event_id": "e", "type": kind, **fields}))


def cpu_seconds(pid: int) -> tuple[float, float]:
    """CPU seconds of a process so far: of its main thread, and of all others."""
    spent = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        spent[int(task.name)] = (int(fields[11]) + int(fields[12])) / _TICKS
    return spent.pop(pid), sum(spent.values())


def handing_over(folder: Path) -> float:
    """Seconds that the event loop takes to hand one record over."""
    engines = make_engines(f"sqlite:///{folder}/unused.db")
    writer = JournalWriter(Database(engines), Health(), transcripts=True)
    said = journal.Said(item_id="i", speaker="agent", text="some words", final=False)
    record = journal.Record(at=0.0, call_id="c", entry=said)
    count = 20_000
    return timeit.timeit(lambda: writer.watch(record), number=count) / count


async def measure(folder: Path) -> str:
    """Run the daemon under talking calls; gives the line to print."""
    board = Switchboard(API_KEY)
    async with open_sandbox(board) as address, httpx.AsyncClient(trust_env=False) as client:
        node = Node(folder, address)
        try:
            await node.start()
            sender = Sender(client, lambda: node)
            calls = [board.place(script()) for _ in range(CALLS)]
            for call in calls:
                await sender.send(call)
            await until(lambda: all(map(present, calls)), 10, "everybody is answered")
            await trio.sleep(WARM_UP)
            before = cpu_seconds(node.pid)
            await trio.sleep(SECONDS)
            after = cpu_seconds(node.pid)
            await node.stop()
        finally:
            with trio.move_on_after(10, shield=True):
                await node.close()
    loop, threads = (late - early for early, late in zip(before, after, strict=True))
    texts = CALLS * SECONDS / PERIOD / (SOUND + 1)
    watching = handing_over(folder) * texts
    share = (threads + watching) / (loop + threads)
    return (
        f"journal of {CALLS} calls, 25 events/s each, {SECONDS:g} s: {threads:.2f} s of CPU in the ledger's threads "
        f"and {watching:.3f} s on the loop, of {loop + threads:.2f} s in all: {share:.1%} of the calls' CPU\n"
    )


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="callwarden-bench-") as name:
        sys.stdout.write(trio.run(measure, Path(name)))


if __name__ == "__main__":
    main()
