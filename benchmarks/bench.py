"""What every case needs: a platform with TLS, subjects that run beside it, calls that stand, numbers that are kept.

All subjects of a case run at the same time, and the load goes to one after the other, round by round, so that whatever
else the machine does hits all of them alike. Numbers are CPU seconds of the kernel's wherever that is what matters.
"""

import gc
import shutil
import ssl
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from benchmarks.platform import Call, Platform
from benchmarks.process import Measured, allow_sockets, settle, share_cores
from benchmarks.speech import AUDIO, GREETING
from benchmarks.subjects import SUBJECTS, Subject

_JOIN_RATE = 80.0


class SubjectFailed(Exception):
    """Somebody can't be measured, or not in this case."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name, self.why = name, why


@dataclass
class Row:
    """One number: of whom, in which case, what, all its rounds."""

    case: str
    subject: str
    what: str
    values: list[float]
    unit: str

    @property
    def median(self) -> float:
        """The number to quote."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.values) < 3 or not self.median:
            return 0.0
        low, _, high = statistics.quantiles(self.values, n=4)
        return (high - low) / 2 / self.median


@dataclass
class Results:
    """All numbers of a run."""

    rows: list[Row] = field(default_factory=list)

    def add(self, case: str, subject: str, what: str, values: Sequence[float], unit: str) -> Row:
        """Keep numbers."""
        row = Row(case, subject, what, list(values), unit)
        self.rows.append(row)
        return row

    def get(self, case: str, subject: str, what: str) -> float:
        """A number's median. Errors: KeyError."""
        for row in self.rows:
            if (row.case, row.subject, row.what) == (case, subject, what):
                return row.median
        raise KeyError((case, subject, what))


class Running:
    """A subject that runs, with the calls that it has."""

    def __init__(self, bench: "Bench", subject: Subject, *, tls: bool, folder: Path | None = None) -> None:
        self.bench, self.subject = bench, subject
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"{subject.name}-", dir=bench.folder))
        try:
            self.process: Measured = subject.start(bench.platform, self.folder, tls=bench.authority if tls else None)
        except (OSError, RuntimeError) as error:
            raise SubjectFailed(subject.name, str(error)) from error
        self.calls: list[Call] = []
        self.over: list[Call] = []
        self.base = self.process.rss()

    def join(self, count: int, *, rate: float = _JOIN_RATE, ends_after: float | None = None) -> list[Call]:
        """Announce calls, and wait until all of them are configured."""
        calls = self.bench.platform.announce(self.process.port, count, rate=rate, ends_after=ends_after)
        patience = 30 + 2 * count / rate
        if not self.bench.platform.run(patience, lambda: all(call.configured for call in calls)):
            joined = sum(bool(call.configured) for call in calls)
            log = self.process.log.read_text()[-1000:]
            raise SubjectFailed(self.subject.name, f"only {joined} of {count} calls were joined: {log}")
        self.calls += calls
        return calls

    def lost(self) -> int:
        """End the process, once its calls are over; gives how many small events it has not seen."""
        sent = sum(call.small + GREETING for call in self.over)
        self.process.end()
        counted = self.subject.counted(self.folder)
        return sent - sum(count for kind, count in counted.items() if kind not in AUDIO)

    def leave(self) -> None:
        """Let all callers hang up."""
        platform = self.bench.platform
        platform.leave(self.calls)
        platform.run(20, lambda: all(call.closed for call in self.calls))
        self.over += self.calls
        self.calls = []


class Bench:
    """A platform, and a folder. `effort` makes everything smaller or larger, for trying things out."""

    def __init__(self, effort: float = 1.0) -> None:
        self.effort = effort
        gc.disable()
        allow_sockets()
        settle(share_cores()[1])
        self.folder = Path(tempfile.mkdtemp(prefix="callwarden-bench-"))
        authority = trustme.CA()
        self.authority = self.folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self._context = context
        self.platform = Platform(context)

    def some(self, most: int, least: int = 1) -> int:
        """A number of calls, rounds or requests, by the effort that is made."""
        return max(least, round(most * self.effort))

    def close(self) -> None:
        """Leave nothing behind."""
        self.platform.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def subjects(
        self, names: Sequence[str], *, tls: bool = False, folder: Path | None = None
    ) -> Iterator[dict[str, Running]]:
        """Run subjects side by side while the block lasts; a single one may have a folder that is there before it."""
        running: dict[str, Running] = {}
        try:
            for name in names:
                running[name] = Running(self, SUBJECTS[name], tls=tls, folder=folder)
            yield running
        finally:
            for each in running.values():
                each.process.close()
            self.platform.rest()
            gc.collect()


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them doesn't exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
