"""What is counted, by Prometheus's conventions: units in names, few labels, never a call id or a number.

Watches the feed. The operator server will serve the registry; until then it is read in this process only. Imports
prometheus-client and core.
"""

from prometheus_client import CollectorRegistry, Counter

from daemon.core import journal


class Metrics:
    """The counters of one daemon."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._ended = Counter(
            "callwarden_calls_ended_total", "Calls that are over, by receipt", ["receipt"], registry=self.registry
        )
        self._owed = Counter(
            "callwarden_hang_ups_owed_total",
            "Hang-ups that the platform did not confirm in time",
            registry=self.registry,
        )
        self._lines_lost = Counter(
            "callwarden_lines_lost_total", "Sockets that broke under a call", registry=self.registry
        )

        self._tools = Counter(
            "callwarden_tool_uses_total", "Uses of tools that have ended", ["tool", "result"], registry=self.registry
        )
        self._lookups = Counter(
            "callwarden_lookups_total", "Callers who were looked up, by result", ["result"], registry=self.registry
        )
        self._continued = Counter(
            "callwarden_redials_continued_total",
            "Callers who went on with an earlier conversation",
            registry=self.registry,
        )

    def watch(self, record: journal.Record) -> None:
        """Count a record; the watcher to be given to the feed."""
        match record.entry:
            case journal.Ended(receipt=receipt):
                self._ended.labels(receipt.outcome).inc()
            case journal.HangUpOwed():
                self._owed.inc()
            case journal.LineLost():
                self._lines_lost.inc()
            case journal.ToolEnded(name=name, ok=ok):
                self._tools.labels(name, "ok" if ok else "failed").inc()
            case journal.CallerLookedUp(result=result):
                self._lookups.labels(result).inc()
            case journal.Continued():
                self._continued.inc()
            case _:
                pass
