"""Calls as traces: one for each call, with spans for picking up, turns, rejoins, transfers and tools.

A watcher of the feed. Attributes follow OpenTelemetry's conventions for generative AI where there are any (they are in
development, so their names are all here). Words, digits and callers' numbers are in no span. The only module that
imports OpenTelemetry, which is an extra; what it does on the loop is plain and short, its exporter has its own thread.
"""

from dataclasses import dataclass, field

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TraceFlags

from daemon import __version__
from daemon.core import journal
from daemon.core.redaction import short_number
from daemon.observe.reasons import label_of

# Seconds for one attempt to send a batch.
_EXPORT_TIMEOUT = 10
_FAILURES = frozenset({"bug", "join", "line", "longest_call", "platform"})

PICKUP = "pickup"
REJOIN = "rejoin"
TRANSFER = "transfer"


def open_provider(endpoint: str, ratio: float, node: str, exporter: SpanExporter | None = None) -> TracerProvider:
    """Prepare to trace; with the exporter's thread, which ends with `shutdown`."""
    about = {"service.name": "callwarden", "service.version": __version__, "service.instance.id": node}
    provider = TracerProvider(sampler=TraceIdRatioBased(ratio), resource=Resource.create(about), shutdown_on_exit=False)
    exporter = exporter or OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_TIMEOUT)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


@dataclass
class _Traced:
    """A call, and what is going on in it."""

    span: Span
    open: dict[tuple[str, str], Span] = field(default_factory=dict)
    """Spans that have not ended, by kind and name."""


class CallTraces:
    """The traces of the calls in progress."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("callwarden", __version__)
        self._calls: dict[str, _Traced] = {}

    def watch(self, record: journal.Record) -> None:
        """Take a record; the watcher to be given to the feed."""
        call_id, at = record.call_id, round(record.at * 1e9)
        match record.entry:
            case journal.WebhookVerified(called=called):
                self._begin(call_id, at, {"callwarden.number": short_number(called)})
                self._open(call_id, PICKUP, "", PICKUP, at)
            case journal.TakenOver(former=former):
                self._begin(call_id, at, {"callwarden.taken_over_from": former})
            case journal.Ended() as ended:
                self._end(call_id, at, ended)
            case entry if call_id in self._calls:
                self._within(self._calls[call_id], call_id, at, entry)
            case _:
                pass

    def _within(self, call: _Traced, call_id: str, at: int, entry: journal.Entry) -> None:
        """Something that happens in a call that is traced."""
        match entry:
            case journal.Claimed(agent=agent):
                call.span.update_name(f"invoke_agent {agent}")
                call.span.set_attribute("gen_ai.agent.name", agent)
            case journal.Joined():
                self._close(call, PICKUP, "", at)
            case journal.SessionConfigured(model=model):
                call.span.add_event("session configured", timestamp=at)
                if model:
                    call.span.set_attribute("gen_ai.request.model", model)
            case journal.Said(item_id=item_id, speaker=speaker, final=final, text=text):
                turn = self._open(call_id, f"turn {speaker}", item_id, f"turn {speaker}", at)
                if final and turn is not None:
                    turn.set_attribute("callwarden.characters", len(text))
                    self._close(call, f"turn {speaker}", item_id, at)
            case journal.LineLost(why=why):
                self._open(call_id, REJOIN, "", REJOIN, at, {"callwarden.why": why})
            case journal.Rejoined():
                self._close(call, REJOIN, "", at)
            case journal.TransferAsked(destination=destination):
                about = {"callwarden.destination": destination}
                self._open(call_id, TRANSFER, "", f"{TRANSFER} {destination}", at, about)
            case journal.TransferFailed(result=result):
                self._close(call, TRANSFER, "", at, failure=result)
            case journal.DigitsCollected(count=count, trigger=trigger):
                call.span.add_event("keypad entry", {"count": count, "trigger": trigger}, timestamp=at)
            case journal.ToolCalled(name=name):
                self._tool_began(call_id, name, at)
            case journal.ToolEnded(name=name, why=why):
                self._close(call, "tool", name, at, failure=why)
            case journal.HangUpAsked() | journal.GoodbyeSaid() | journal.CheckedIn() | journal.HangUpOwed():
                call.span.add_event(type(entry).__name__, timestamp=at)
            case _:
                pass

    def _tool_began(self, call_id: str, name: str, at: int) -> None:
        about = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
        self._open(call_id, "tool", name, f"execute_tool {name}", at, about)

    def traceparent(self, call_id: str) -> str | None:
        """What to send along with a request that is made for a call (W3C Trace Context); None if it is not traced."""
        call = self._calls.get(call_id)
        if call is None:
            return None
        tools = [span for (kind, _), span in call.open.items() if kind == "tool"]
        context = (tools[-1] if tools else call.span).get_span_context()
        flags = context.trace_flags & TraceFlags.SAMPLED
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"

    def close(self) -> None:
        """End what is open, because the daemon ends."""
        for call_id in [*self._calls]:
            call = self._calls.pop(call_id)
            for span in (*call.open.values(), call.span):
                span.end()

    def _begin(self, call_id: str, at: int, about: dict[str, str]) -> None:
        about = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": "x_ai",
            "gen_ai.conversation.id": call_id,
            **about,
        }
        # A trace of its own, whatever else is traced in this process.
        context = trace.set_span_in_context(trace.INVALID_SPAN)
        span = self._tracer.start_span("phone call", context, SpanKind.SERVER, about, start_time=at)
        self._calls[call_id] = _Traced(span)

    def _open(
        self, call_id: str, kind: str, key: str, name: str, at: int, about: dict[str, str] | None = None
    ) -> Span | None:
        """A span within a call; the one that is open already, if there is one. None if the call is not traced."""
        call = self._calls.get(call_id)
        if call is None:
            return None
        if (kind, key) not in call.open:
            context = trace.set_span_in_context(call.span)
            call.open[kind, key] = self._tracer.start_span(name, context, attributes=about, start_time=at)
        return call.open[kind, key]

    def _close(self, call: _Traced, kind: str, key: str, at: int, *, failure: str = "") -> None:
        span = call.open.pop((kind, key), None)
        if span is not None:
            if failure:
                span.set_status(Status(StatusCode.ERROR, failure))
            span.end(at)

    def _end(self, call_id: str, at: int, ended: journal.Ended) -> None:
        call = self._calls.pop(call_id, None)
        if call is None:
            return
        for kind, key in [*call.open]:
            self._close(call, kind, key, at)
        receipt, reason = ended.receipt, label_of(ended.receipt.reasons)
        call.span.set_attribute("callwarden.receipt", receipt.outcome)
        call.span.set_attribute("callwarden.reason", reason)
        if receipt.outcome == "lost" or reason in _FAILURES:
            call.span.set_status(Status(StatusCode.ERROR, reason))
        call.span.end(at)
