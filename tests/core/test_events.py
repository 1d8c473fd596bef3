"""What the platform says, as we read it: all of its contract, and any nonsense instead."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core import events as ev
from daemon.core.events.decoding import KnownEvent
from tests.core.contract import AUDIO, EXAMPLES, NAMES, SERVER, Wire, thoroughly
from tests.core.scenes import heard

# The classes by their types, written out: a tag that moves from one class to another is a bug, not a rename.
CLASSES: dict[str, type] = {
    "session.created": ev.SessionCreated,
    "session.updated": ev.SessionUpdated,
    "conversation.created": ev.ConversationCreated,
    "conversation.item.added": ev.ItemAdded,
    "conversation.item.created": ev.ItemReplayed,
    "conversation.item.deleted": ev.ItemDeleted,
    "conversation.item.truncated": ev.ItemTruncated,
    "conversation.item.input_audio_transcription.updated": ev.TranscriptUpdated,
    "conversation.item.input_audio_transcription.completed": ev.TranscriptCompleted,
    "input_audio_buffer.speech_started": ev.SpeechStarted,
    "input_audio_buffer.speech_stopped": ev.SpeechStopped,
    "input_audio_buffer.committed": ev.InputCommitted,
    "input_audio_buffer.cleared": ev.InputCleared,
    "input_audio_buffer.timeout_triggered": ev.CheckInTriggered,
    "input_audio_buffer.dtmf_event_received": ev.DigitPressed,
    "response.created": ev.ResponseCreated,
    "response.done": ev.ResponseDone,
    "response.output_item.added": ev.OutputItemAdded,
    "response.output_item.done": ev.OutputItemDone,
    "response.content_part.added": ev.ContentPartAdded,
    "response.content_part.done": ev.ContentPartDone,
    "response.output_audio_transcript.delta": ev.SpokenDelta,
    "response.output_audio_transcript.done": ev.SpokenDone,
    "response.output_audio.delta": ev.AudioDelta,
    "response.audio.delta": ev.AudioDeltaAlias,
    "response.output_audio.done": ev.AudioDone,
    "response.output_text.delta": ev.TextDelta,
    "response.text.delta": ev.TextDeltaAlias,
    "output_audio_buffer.started": ev.PlaybackStarted,
    "output_audio_buffer.stopped": ev.PlaybackStopped,
    "output_audio_buffer.cleared": ev.PlaybackCleared,
    "response.function_call_arguments.delta": ev.FunctionArgumentsDelta,
    "response.function_call_arguments.done": ev.FunctionCalled,
    "mcp_list_tools.in_progress": ev.McpToolsListing,
    "mcp_list_tools.completed": ev.McpToolsListed,
    "mcp_list_tools.failed": ev.McpToolsFailed,
    "response.mcp_call_arguments.delta": ev.McpArgumentsDelta,
    "response.mcp_call_arguments.done": ev.McpArgumentsDone,
    "response.mcp_call.in_progress": ev.McpCallStarted,
    "response.mcp_call.completed": ev.McpCallCompleted,
    "response.mcp_call.failed": ev.McpCallFailed,
    "error": ev.ErrorReported,
    "ping": ev.Pinged,
}


def agrees(read: Any, wire: Any) -> bool:
    """Whether all that was read is what the wire says; what is not on the wire is at its default."""
    if isinstance(read, dict) and isinstance(wire, dict):
        return all(agrees(value, wire[name]) for name, value in read.items() if name in wire)
    if isinstance(read, list) and isinstance(wire, list):
        return len(read) == len(wire) and all(map(agrees, read, wire))
    return bool(read == wire)


@pytest.mark.parametrize("wire", EXAMPLES, ids=NAMES)
def test_each_example_becomes_its_event(wire: Wire) -> None:
    event = ev.decode(json.dumps(wire))
    assert event == ev.decode(json.dumps(wire).encode())
    assert type(event) is CLASSES.get(wire["type"], ev.UnknownEvent)
    if isinstance(event, ev.UnknownEvent):
        assert event.type == wire["type"]
    else:
        assert agrees(json.loads(msgspec.json.encode(event)), wire)


def test_every_type_of_the_contract_is_known_and_no_other() -> None:
    tags = {kind.__struct_config__.tag for kind in get_args(KnownEvent)}
    documented, extra = SERVER["x-documented-types"], SERVER["x-extra-types"]
    playback = {"output_audio_buffer.started", "output_audio_buffer.stopped", "output_audio_buffer.cleared"}
    assert len(documented) == 37
    assert tags == {*documented, *extra} | playback == set(CLASSES)
    assert set(documented) <= {wire["type"] for wire in EXAMPLES}


@pytest.mark.parametrize("kind", CLASSES)
def test_everything_but_the_type_may_be_missing(kind: str) -> None:
    event = heard(kind)
    assert type(event) is CLASSES[kind]


@pytest.mark.parametrize("kind", [*SERVER["x-documented-as-not-emitted"], "response.output_text.done", "", "Ping"])
def test_an_unknown_type_is_counted_under_its_name(kind: str) -> None:
    assert heard(kind) == ev.UnknownEvent(type=kind)


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"usage": {"output_audio_seconds": 2.5}, "response": {"usage": {}}}, 2.5),
        ({"usage": {"output_audio_seconds": 2.5}, "response": {"usage": {"output_audio_seconds": 9}}}, 2.5),
        ({"usage": {}, "response": {"usage": {"output_audio_seconds": 3}}}, 3.0),
        ({"usage": None, "response": {"usage": {"output_audio_seconds": 3}}}, 3.0),
        ({"response": {"usage": {"output_audio_seconds": 3}}}, 3.0),
        ({"response": {"usage": {"output_tokens": 140}}}, None),
        ({"response": {"usage": None}}, None),
        ({}, None),
    ],
)
def test_what_a_response_spent_stands_in_either_place(fields: Wire, seconds: float | None) -> None:
    event = heard("response.done", **fields)
    assert isinstance(event, ev.ResponseDone)
    assert event.spent.output_audio_seconds == seconds


@pytest.mark.parametrize("details", ["unimplemented", None, {"type": "cancelled"}, ["a", 1], 7])
def test_status_details_may_be_anything(details: object) -> None:
    event = heard("response.done", response={"status": "completed", "status_details": details})
    assert isinstance(event, ev.ResponseDone)
    assert event.response is not None
    assert event.response.status_details == details


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"response": {"id": "r1"}}, "r1"), ({"response_id": "r2"}, "r2"), ({"response": {}}, None)],
)
def test_a_finished_response_has_its_id_in_either_place(fields: Wire, expected: str | None) -> None:
    event = heard("response.done", **fields)
    assert isinstance(event, ev.ResponseDone)
    assert event.id == expected


ANYTHING = [None, [], {}, "text", 7, 2.5, True, [{"type": "audio", "transcript": None}, 1], {"a": [None]}]


@pytest.mark.parametrize("anything", ANYTHING, ids=repr)
def test_what_nobody_uses_may_be_anything(anything: object) -> None:
    added = heard("conversation.item.added", item={"id": "i1", "content": anything})
    assert isinstance(added, ev.ItemAdded)
    assert (added.item.id, added.item.content) == ("i1", anything)
    wire = {"id": "r1", "output": anything, "metadata": anything, "status_details": anything}
    for event in (heard("response.created", response=wire), heard("response.done", response=wire)):
        assert isinstance(event, (ev.ResponseCreated, ev.ResponseDone))
        assert event.response is not None
        assert (event.id, event.response.output, event.response.metadata) == ("r1", anything, anything)


def test_a_body_may_be_null_or_missing() -> None:
    for fields in ({}, {"response": None}, {"session": None}, {"error": None}):
        assert heard("response.created", **fields) == ev.ResponseCreated()
        assert heard("response.done", **fields) == ev.ResponseDone()
        assert heard("session.created", **fields) == ev.SessionCreated()
        assert heard("session.updated", **fields) == ev.SessionUpdated()
        assert heard("error", **fields) == ev.ErrorReported()
    assert (ev.ResponseCreated().id, ev.ResponseDone().id, ev.ResponseDone().status) == (None, None, None)
    assert ev.ResponseDone().spent == ev.Usage()
    assert (ev.ErrorReported().fatal, ev.ErrorReported().benign) == (False, False)


def test_usage_figures_need_not_be_whole() -> None:
    figures = {"input_tokens": 1.5, "output_tokens": 2e3, "total_tokens": 7.5, "billable_audio_seconds": 0.25}
    event = heard("response.done", response={"id": "r1", "usage": {**figures, "output_audio_seconds": 2}})
    assert isinstance(event, ev.ResponseDone)
    assert event.spent == ev.Usage(**figures, output_audio_seconds=2.0)


@pytest.mark.parametrize(
    ("status", "final"), [("in_progress", False), ("completed", True), (None, True), ("something new", True)]
)
def test_a_transcript_is_final_unless_it_says_otherwise(status: str | None, final: bool) -> None:
    event = heard("conversation.item.input_audio_transcription.completed", status=status)
    assert isinstance(event, ev.TranscriptCompleted)
    assert event.final is final


def test_a_key_stands_in_the_field_event() -> None:
    assert heard("input_audio_buffer.dtmf_event_received", event="#", digit="4") == ev.DigitPressed(digit="#")


@pytest.mark.parametrize(
    ("error", "fatal", "benign"),
    [
        ({"type": "timeout"}, True, False),
        ({"type": "max_duration", "code": "max_duration"}, True, False),
        ({"type": "internal_error"}, False, False),
        ({"type": "invalid_event", "code": "timeout"}, False, False),
        ({"code": "response_cancel_not_active"}, False, True),
        ({"code": "conversation_already_has_active_response"}, False, True),
        ({"message": "There is NO ACTIVE RESPONSE to cancel"}, False, True),
        ({"message": "The conversation already has an active response"}, False, True),
        ({"message": "Cannot truncate beyond the end"}, False, True),
        ({}, False, False),
    ],
)
def test_how_bad_an_error_is(error: Wire, fatal: bool, benign: bool) -> None:
    event = heard("error", error=error)
    assert isinstance(event, ev.ErrorReported)
    assert (event.fatal, event.benign) == (fatal, benign)


# Nonsense

BRACKETS = 200_000


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "hello",
        "null",
        "[]",
        "{}",
        '{"type": null}',
        '{"type": 7}',
        '{"type": "ping"',
        '{"type": "ping"} {}',
        '\ufeff{"type": "ping"}',
        "NaN",
        '{"type": "ping", "timestamp": NaN}',
        '{"type": "ping", "timestamp": -Infinity}',
        '{"type": "ping", "event_id": "\ud800"}',
        '{"type": "ping", "event_id": "\\ud800"}',
        '{"type": "\ud800"}',
        b"\x00\xff\xfe",
        b'{"type": "\xff"}',
        "[" * BRACKETS,
        '{"a":' * BRACKETS,
        '{"type":' * BRACKETS,
        '{"type": "workshop.mood.changed", "mood": ' + "[" * BRACKETS,
        '{"type": "ping", "more": ' + "[" * BRACKETS + "]" * BRACKETS + "}",
        b'{"type": "response.done", "response": {"status_details": ' + b"[" * BRACKETS + b"]" * BRACKETS + b"}}",
    ],
    ids=lambda frame: repr(frame[:40]),
)
def test_nonsense_is_no_event(frame: str | bytes) -> None:
    event = ev.decode(frame)
    assert isinstance(event, ev.MalformedEvent)
    assert event.type is None
    assert event.why


@pytest.mark.parametrize(
    ("frame", "kind", "why"),
    [
        ('{"type": "ping", "timestamp": "now"}', "ping", "$.timestamp"),
        (b'{"type": "ping", "event_id": "\xff"}', "ping", "utf-8"),
        ('{"type": "ping", "timestamp": 1e999}', "ping", "out of range"),
        (f'{{"type": "ping", "timestamp": {"9" * 5000}}}', "ping", "out of range"),
        ('{"type": "error", "error": "all of it"}', "error", "$.error"),
        (f'{{"type": "response.done", "usage": {{"total_tokens": {"9" * 5000}}}}}', "response.done", "out of range"),
        ('{"type": "response.done", "response": {"status_details": 1e999}}', "response.done", "out of range"),
        ('{"type": "input_audio_buffer.dtmf_event_received", "event": 4}', None, "$.event"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_known_type_with_impossible_fields_says_which(frame: str | bytes, kind: str | None, why: str) -> None:
    event = ev.decode(frame)
    assert isinstance(event, ev.MalformedEvent)
    assert event.type == (kind or "input_audio_buffer.dtmf_event_received")
    assert why in event.why


def test_a_huge_number_where_nobody_looks_does_no_harm() -> None:
    assert ev.decode(f'{{"type": "ping", "more": {"9" * 5000}}}') == ev.Pinged()
    event = ev.decode(f'{{"type": "response.done", "response": {{"status_details": {"9" * 400}}}}}')
    assert isinstance(event, ev.ResponseDone)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@thoroughly
@given(st.text(st.characters()) | st.binary())
def test_no_text_raises(frame: str | bytes) -> None:
    ev.decode(frame)


@thoroughly
@given(JSON, st.sampled_from(sorted(CLASSES)) | st.text(), st.dictionaries(st.text(), JSON, max_size=3))
def test_no_json_raises(anything: object, kind: str, fields: Wire) -> None:
    ev.decode(json.dumps(anything))
    event = ev.decode(json.dumps({**fields, "type": kind}))
    assert isinstance(event, (CLASSES.get(kind, ev.UnknownEvent), ev.MalformedEvent))


@st.composite
def mutated(draw: st.DrawFn) -> Wire:
    """An example with something else, or nothing, in one place."""
    wire: Wire = json.loads(json.dumps(draw(st.sampled_from(EXAMPLES))))
    node: Any = wire
    while True:
        place = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if node[place] and isinstance(node[place], (dict, list)) and draw(st.booleans()):
            node = node[place]
        elif draw(st.booleans()):
            del node[place]
            return wire
        else:
            node[place] = draw(JSON)
            return wire


@thoroughly
@given(mutated())
def test_no_changed_example_raises(wire: Wire) -> None:
    ev.decode(json.dumps(wire))


@thoroughly
@given(st.sampled_from(EXAMPLES), st.data())
def test_no_damaged_frame_raises(wire: Wire, data: st.DataObject) -> None:
    frame = json.dumps(wire).encode()
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(frame))] * 2)))
    ev.decode(frame[:start] + data.draw(st.binary(max_size=4)) + frame[end:])
    ev.decode(frame[:start])


# Audio, found without looking closely

SPELLINGS: list[Wire] = [{}, {"separators": (",", ":")}, {"ensure_ascii": False}]


@pytest.mark.parametrize("wire", EXAMPLES, ids=NAMES)
@pytest.mark.parametrize("spelling", SPELLINGS, ids=str)
def test_audio_is_told_from_all_else(wire: Wire, spelling: Wire) -> None:
    frame = json.dumps(wire, **spelling)
    assert ev.is_audio(frame) is (wire["type"] in AUDIO)
    assert ev.is_audio(json.dumps({"type": wire["type"], **wire}, **spelling)) is (wire["type"] in AUDIO)
    data = frame.encode()
    assert ev.is_audio_at(b"{" + data + data, 1, 1 + len(data)) is (wire["type"] in AUDIO)
    assert not ev.is_audio_at(data, 0, 10)


def test_audio_that_hides_its_type_behind_much_else_is_only_missed() -> None:
    frame = json.dumps({"event_id": "e" * 200, "type": "response.output_audio.delta"})
    assert not ev.is_audio(frame)
    assert isinstance(ev.decode(frame), ev.AudioDelta)


@pytest.mark.parametrize("kind", sorted(CLASSES.keys() - AUDIO))
@pytest.mark.parametrize("spelling", SPELLINGS, ids=str)
def test_words_about_audio_are_no_audio(kind: str, spelling: Wire) -> None:
    words = '"type":"response.output_audio.delta" and "type": "response.audio.delta"'
    for name in ("event_id", "transcript", "delta", words):
        assert not ev.is_audio(json.dumps({name: words, "type": kind}, **spelling))


@pytest.mark.parametrize("spelling", SPELLINGS, ids=str)
@pytest.mark.parametrize("inner", [{"type": "response.output_audio.delta"}, [{"type": "response.audio.delta"}]])
def test_audio_inside_something_else_is_no_audio(inner: object, spelling: Wire) -> None:
    for wire in (
        {"item": inner, "type": "ping"},
        {"type": "ping", "item": inner},
        {"a": {"b": inner}, "c": []},
        [inner],
    ):
        assert not ev.is_audio(json.dumps(wire, **spelling))
    behind = json.dumps({"item": inner, "type": "response.audio.delta"}, **spelling)
    assert not ev.is_audio(behind)  # only missed
    assert isinstance(ev.decode(behind), ev.AudioDeltaAlias)


@thoroughly
@given(st.text(), st.text(), st.sampled_from(SPELLINGS))
def test_nobody_can_talk_like_audio(before: str, after: str, spelling: Wire) -> None:
    words = f'{before}"type":"response.output_audio.delta"{after}'
    assert not ev.is_audio(json.dumps({"type": "ping", words: words, "transcript": words}, **spelling))
