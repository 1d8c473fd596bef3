"""What is counted and timed as it happens, by Prometheus's conventions: base units in names, few labels.

Never a call's id, a number or anything a caller can make up as a label. Watches the feed; other rooms are given the
plain methods as callbacks. What is read at the moment of a scrape is in `operate/readings.py`. Imports
prometheus-client, core and this room.
"""

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, Info, ProcessCollector

from daemon.core import journal
from daemon.core.receipts import Outcome
from daemon.observe.pickup import Pickup
from daemon.observe.reasons import LABELS, label_of

_PICKUP = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 15)
_CALL = (5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_TOOL = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)
_LEDGER = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)
_LAG = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_REJOIN = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60)

_BEGINNINGS = {journal.Claimed: "answered", journal.Diverted: "diverted", journal.TakenOver: "taken_over"}
# Verdicts that mean: somebody called and was not let in.
_TURNED_AWAY = ("full", "caller_limit", "budget", "paused", "draining", "unrouted", "unclaimed", "stale")
# What an alert looks at must be there before it happens: Prometheus sees no increase in what begins with 1.
_WEBHOOKS = ("claimed", "duplicate", *_TURNED_AWAY, "ignored", "bad_signature", "wrong_secret", "old_signature")


class Metrics:
    """The instruments of one daemon."""

    def __init__(self, *, version: str = "") -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        Info("callwarden_build", "The version that runs", registry=self.registry).info({"version": version})
        self._make_calls()
        self._make_machinery()
        self._begin_with_zero()
        self._pickup_watch = Pickup(lambda step, seconds: self._pickup.labels(step).observe(seconds))

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"callwarden_{name}", what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"callwarden_{name}", what, labels, buckets=buckets, registry=self.registry)

    def _make_calls(self) -> None:
        counter, histogram = self._counter, self._histogram
        self._webhooks = counter("webhooks_total", "Deliveries, by verdict or by why they were refused", "result")
        self._refusals = counter("admission_refusals_total", "Callers who were not let in, by cause", "cause")
        self._started = counter("calls_started_total", "Calls that began here, by how", "how")
        self._ended = counter("calls_ended_total", "Calls that are over, by receipt and reason", "receipt", "reason")
        self._duration = histogram("call_duration_seconds", "From webhook to receipt", _CALL)
        self._pickup = histogram("pickup_seconds", "From webhook to each step of picking up", _PICKUP, "step")
        self._owed = counter("hang_ups_owed_total", "Hang-ups that the platform did not confirm in time")
        self._lines_lost = counter("lines_lost_total", "Sockets that broke under a call")
        self._rejoin = histogram("rejoin_seconds", "From a broken socket to the next one", _REJOIN)
        self._transfers = counter("transfers_total", "Transfers that are settled, by result", "result")
        self._turns = counter("turns_total", "Turns that were spoken, by speaker", "speaker")
        self._entries = counter("keypad_entries_total", "Entries on the keypad, by what completed them", "trigger")
        self._complaints = counter("platform_complaints_total", "Errors that the platform reported within calls")
        self._tools = histogram("tool_duration_seconds", "Uses of tools, by tool and result", _TOOL, "tool", "result")
        self._lookups = counter("lookups_total", "Callers who were looked up, by result", "result")
        self._continued = counter("redials_continued_total", "Callers who went on with an earlier conversation")
        self._missed = counter("answers_missed_total", "Callers who were not answered in time", "why")
        self._fallbacks = counter("fallbacks_total", "Agents that did not answer twice in a row", "action")
        self._tokens = counter("tokens_total", "Tokens of the model's turns", "direction")
        self._cost = counter("cost_total", "What calls cost, by the configured prices")
        self._ceilings = counter("cost_ceilings_total", "Calls that cost as much as they may, by action", "action")
        self._billable = counter("billable_seconds_total", "Seconds for which calls were joined")

    def _make_machinery(self) -> None:
        counter, histogram = self._counter, self._histogram
        self._ledger = histogram(
            "ledger_duration_seconds", "Transactions of the ledger, waiting included", _LEDGER, "kind"
        )
        self._ledger_errors = counter("ledger_errors_total", "Transactions that failed", "kind")
        self._lag = histogram("loop_lag_seconds", "By how much a task is woken later than it asked for", _LAG)
        self._reloads = counter("config_reloads_total", "Reloads of the configuration, by result", "result")
        names = ("config_last_reload_success", "config_last_reload_success_timestamp_seconds")
        words = ("Whether the last reload worked", "When the present configuration was loaded, Unix time")
        self._reload_worked, self._reloaded_at = (
            Gauge(f"callwarden_{name}", what, registry=self.registry) for name, what in zip(names, words, strict=True)
        )

    def _begin_with_zero(self) -> None:
        for result in _WEBHOOKS:
            self._webhooks.labels(result)
        for cause in _TURNED_AWAY:
            self._refusals.labels(cause)
        for receipt in get_args(Outcome):
            for reason in LABELS:
                self._ended.labels(receipt, reason)
        for result in ("done", "refused"):
            self._reloads.labels(result)

    def watch(self, record: journal.Record) -> None:
        """Count a record; the watcher to be given to the feed."""
        self._pickup_watch.watch(record)
        match record.entry:
            case journal.Claimed() | journal.Diverted() | journal.TakenOver() as began:
                self._started.labels(_BEGINNINGS[type(began)]).inc()
            case journal.Ended(receipt=receipt):
                self._ended.labels(receipt.outcome, label_of(receipt.reasons)).inc()
                self._duration.observe(receipt.seconds)
                if receipt.outcome == "transferred":
                    self._transfers.labels("answered").inc()
            case journal.HangUpOwed():
                self._owed.inc()
            case journal.LineLost():
                self._lines_lost.inc()
            case journal.Rejoined(seconds=seconds):
                self._rejoin.observe(seconds)
            case journal.TransferFailed(result=result):
                self._transfers.labels(result).inc()
            case journal.Said(final=True, speaker=speaker):
                self._turns.labels(speaker).inc()
            case journal.DigitsCollected(trigger=trigger):
                self._entries.labels(trigger).inc()
            case journal.PlatformComplained():
                self._complaints.inc()
            case journal.ToolEnded(name=name, seconds=seconds, ok=ok):
                # Of tools that are not the operator's, the names are without number.
                self.tool("mcp" if name.startswith("mcp:") else name, seconds, "ok" if ok else "failed")
            case journal.CallerLookedUp(result=result):
                self._lookups.labels(result).inc()
            case journal.Continued():
                self._continued.inc()
            case journal.TransferRefused():
                self._transfers.labels("refused").inc()
            case journal.AnswerMissed(why=why):
                self._missed.labels(why).inc()
            case journal.FellBack(action=action):
                self._fallbacks.labels(action).inc()
            case journal.CeilingReached(action=action):
                self._ceilings.labels(action).inc()
            case journal.Usage() as usage:
                self._use(usage)
            case _:
                pass

    def _use(self, usage: journal.Usage) -> None:
        self._tokens.labels("input").inc(usage.input_tokens)
        self._tokens.labels("output").inc(usage.output_tokens)
        self._billable.inc(usage.billable_seconds)
        self._cost.inc(usage.cost)

    def webhook(self, result: str) -> None:
        """Count what became of a delivery."""
        self._webhooks.labels(result).inc()
        if result in _TURNED_AWAY:
            self._refusals.labels(result).inc()

    def tool(self, name: str, seconds: float, result: str) -> None:
        """Note a use of a configured tool; `result` is one of a few words."""
        self._tools.labels(name, result).observe(seconds)

    def transaction(self, kind: str, seconds: float, worked: bool) -> None:
        """Note a transaction of the ledger: `write`, `lazy` or `read`."""
        self._ledger.labels(kind).observe(seconds)
        if not worked:
            self._ledger_errors.labels(kind).inc()

    def lag(self, seconds: float) -> None:
        """Note a sample of the loop's lag."""
        self._lag.observe(seconds)

    def configured(self, at: float) -> None:
        """Note that a configuration holds from this moment, Unix seconds."""
        self._reload_worked.set(1)
        self._reloaded_at.set(at)

    def reload(self, at: float | None) -> None:
        """Note a reload: when it worked, Unix seconds, or None if it was refused."""
        self._reloads.labels("refused" if at is None else "done").inc()
        if at is None:
            self._reload_worked.set(0)
        else:
            self.configured(at)
