"""Calls as traces, read back from OpenTelemetry's own exporter in memory, and over the wire."""

import re
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from daemon.core import journal
from daemon.core.receipts import Outcome, Receipt
from daemon.observe.spans import CallTraces, open_provider

SECRET_WORDS = "my card is 4111111111111111"


@pytest.fixture
def memory() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traces(memory: InMemorySpanExporter) -> Iterator[CallTraces]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    yield CallTraces(provider)
    provider.shutdown()


def told(traces: CallTraces, *entries: journal.Entry, call_id: str = "c", start: float = 100.0) -> None:
    """Let things happen, a second apart."""
    for number, entry in enumerate(entries):
        traces.watch(journal.Record(at=start + number, call_id=call_id, entry=entry))


def ended(outcome: Outcome = "caller_left", *reasons: str) -> journal.Ended:
    why = reasons or ("closed with 1000",)
    return journal.Ended(receipt=Receipt(outcome=outcome, reasons=why, joined=True, seconds=9.0), events={})


def by_name(spans: Sequence[ReadableSpan]) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans}


def seconds(span: ReadableSpan) -> tuple[float, float]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time / 1e9 - 100, span.end_time / 1e9 - 100


BEGINNING: tuple[journal.Entry, ...] = (
    journal.WebhookVerified(webhook_id="m", called="+18005550199", caller="+14155550100"),
    journal.Claimed(agent="support"),
    journal.Joined(seconds=2.0),
)


def test_a_call_is_a_trace(traces: CallTraces, memory: InMemorySpanExporter) -> None:
    told(
        traces,
        *BEGINNING,
        journal.SessionConfigured(model="grok-voice", voice="eve"),
        journal.Said(item_id="a", speaker="agent", text="Hel", final=False),
        journal.Said(item_id="a", speaker="agent", text="Hello", final=True),
        journal.Said(item_id="b", speaker="caller", text=SECRET_WORDS, final=True),
        journal.DigitsCollected(digits="42", count=2, trigger="idle"),
        journal.LineLost(why="closed with 1006"),
        journal.Rejoined(seconds=1.0),
        journal.TransferAsked(destination="front_desk"),
        journal.TransferFailed(destination="front_desk", result="rejected", sip_status=486),
        journal.TransferAsked(destination="sales"),
        ended("transferred", "transfer to sales"),
    )
    spans = by_name(memory.get_finished_spans())
    call = spans["invoke_agent support"]
    assert {name: seconds(span) for name, span in spans.items()} == {
        "pickup": (0, 2),
        "turn agent": (4, 5),
        "turn caller": (6, 6),
        "rejoin": (8, 9),
        "transfer front_desk": (10, 11),
        "transfer sales": (12, 13),
        "invoke_agent support": (0, 13),
    }
    assert call.parent is None
    assert all(
        span.parent and span.parent.span_id == call.context.span_id for span in spans.values() if span is not call
    )
    assert len({span.context.trace_id for span in spans.values()}) == 1
    attributes = dict(call.attributes or {})
    assert attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "x_ai",
        "gen_ai.conversation.id": "c",
        "gen_ai.agent.name": "support",
        "gen_ai.request.model": "grok-voice",
        "callwarden.number": "+1800…99",
        "callwarden.receipt": "transferred",
        "callwarden.reason": "transfer",
    }
    assert [event.name for event in call.events] == ["session configured", "keypad entry"]
    assert spans["transfer front_desk"].status.status_code is StatusCode.ERROR
    assert call.status.status_code is StatusCode.UNSET
    assert "4111" not in str([span.to_json() for span in spans.values()])
    assert "+1415" not in str([span.to_json() for span in spans.values()])


@pytest.mark.parametrize(
    ("outcome", "reason", "failed"),
    [("lost", "x", True), ("hung_up", "error in Callwarden: ValueError", True), ("hung_up", "silence 30s", False)],
)
def test_which_ends_are_failures(
    traces: CallTraces, memory: InMemorySpanExporter, outcome: Outcome, reason: str, failed: bool
) -> None:
    told(traces, *BEGINNING, ended(outcome, reason))
    call = by_name(memory.get_finished_spans())["invoke_agent support"]
    assert (call.status.status_code is StatusCode.ERROR) is failed


def test_two_calls_at_once_are_two_traces(traces: CallTraces, memory: InMemorySpanExporter) -> None:
    told(traces, *BEGINNING, call_id="a")
    told(traces, *BEGINNING, call_id="b")
    told(traces, ended(), call_id="a", start=110)
    told(traces, ended(), call_id="b", start=111)
    calls = [span for span in memory.get_finished_spans() if span.parent is None]
    assert len({span.context.trace_id for span in calls}) == 2
    assert traces._calls == {}


def test_tools_and_what_is_sent_along(traces: CallTraces, memory: InMemorySpanExporter) -> None:
    assert traces.traceparent("c") is None
    told(traces, *BEGINNING)
    outside = traces.traceparent("c")
    assert outside is not None
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", outside)
    told(traces, journal.ToolCalled(name="lookup_order"), start=104)
    within = traces.traceparent("c")
    assert within is not None
    assert within.split("-")[1] == outside.split("-")[1]
    assert within != outside
    told(
        traces,
        journal.ToolEnded(name="lookup_order", seconds=1, ok=True, why=""),
        journal.ToolCalled(name="lookup_order"),
        journal.ToolEnded(name="lookup_order", seconds=1, ok=False, why="time limit 5s"),
        start=105,
    )
    told(traces, ended(), start=110.0)
    tools = [span for span in memory.get_finished_spans() if span.name == "execute_tool lookup_order"]
    assert [(seconds(span), span.status.description) for span in tools] == [((4, 5), None), ((6, 7), "time limit 5s")]


def test_a_call_that_is_taken_over_begins_here(traces: CallTraces, memory: InMemorySpanExporter) -> None:
    told(traces, journal.TakenOver(former="e1", seconds=60), journal.Joined(seconds=61), ended())
    (call,) = memory.get_finished_spans()
    assert (call.name, (call.attributes or {})["callwarden.taken_over_from"]) == ("phone call", "e1")


def test_calls_of_before_are_left_alone(traces: CallTraces, memory: InMemorySpanExporter) -> None:
    told(traces, journal.Joined(seconds=1), journal.Said(item_id="i", speaker="agent", text="x", final=True), ended())
    assert memory.get_finished_spans() == ()


def test_what_is_open_at_the_end_is_ended(traces: CallTraces, memory: InMemorySpanExporter) -> None:
    told(traces, *BEGINNING, journal.TransferAsked(destination="sales"))
    traces.close()
    assert {span.name for span in memory.get_finished_spans()} == {"pickup", "transfer sales", "invoke_agent support"}


def test_a_share_of_calls(memory: InMemorySpanExporter) -> None:
    provider = open_provider("http://127.0.0.1:1", 0.0, "node-1", memory)
    traces = CallTraces(provider)
    told(traces, *BEGINNING)
    parent = traces.traceparent("c")
    assert parent is not None
    assert parent.endswith("-00")
    told(traces, ended())
    provider.shutdown()
    assert memory.get_finished_spans() == ()
