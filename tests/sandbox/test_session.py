"""The platform's manners, as far as they are documented: order, triggers, barge-in, keypad."""

import json
from collections.abc import Mapping

import pytest
import trio
from trio.testing import MockClock

from daemon.sandbox.script import Drop, Emit, Leave, Press, Reply, Say, Script, Use, Wait
from tests.contract import complaints, schema
from tests.sandbox.played import UPDATE, Played

SPOKEN = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio.delta",
    "response.output_audio_transcript.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
]
FORCE_ITEM = {
    "type": "force_message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Welcome"}],
}
FORCE = {"type": "conversation.item.create", "item": FORCE_ITEM}


async def play(script: Script, *frames: Mapping[str, object]) -> Played:
    """Play a whole script, with the client's frames sent at the start."""
    played = Played(script)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(played.session.run, name="session")
        await trio.testing.wait_all_tasks_blocked()
        await played.say(*frames)
    return played


async def test_opening(autojump_clock: MockClock) -> None:
    played = await play(Script(steps=(Wait(1), Leave())), UPDATE)
    assert played.types() == ["session.created", "conversation.created", "session.updated"]
    assert played.sent[0]["session"]["turn_detection"] == {"type": None}
    assert played.sent[2]["session"]["voice"] == "eve"
    assert played.session.configured_at == 0


async def test_fixed_words_are_a_whole_turn(autojump_clock: MockClock) -> None:
    played = await play(Script(steps=(Wait(0.1), Leave())), UPDATE, FORCE)
    assert played.types()[3:] == SPOKEN
    assert played.session.spoken == ["Welcome"]


async def test_a_turn_with_several_tools(autojump_clock: MockClock) -> None:
    reply = Reply("One moment.", tool="a", tools=(Use("b", '{"x": 1}'), Use("a")))
    played = await play(Script(steps=(Say("hi"), Leave()), replies=(reply,)), UPDATE)
    asked = played.of("response.function_call_arguments.done")
    assert [(frame["name"], frame["arguments"], frame["output_index"]) for frame in asked] == [
        ("a", "{}", 1),
        ("b", '{"x": 1}', 2),
        ("a", "{}", 3),
    ]
    assert len({frame["call_id"] for frame in asked}) == 3


async def test_everything_it_sends_keeps_the_contract(autojump_clock: MockClock) -> None:
    script = Script(
        steps=(Say("hello there"), Press("4*2#"), Say("and bye"), Say("oh wait", over=True), Wait(9), Leave()),
        replies=(Reply("One two three."), Reply("Four.", tool="look_up", arguments='{"a": 1}'), Reply(tool="hang_up")),
    )
    output = {"type": "function_call_output", "call_id": "fc-1", "output": "{}"}
    unknown = {"type": "session.destroy", "event_id": "cw-9"}
    played = await play(
        script,
        UPDATE,
        FORCE,
        {"type": "conversation.item.create", "item": output},
        {"type": "response.create"},
        unknown,
    )
    known = {*schema("server-events")["x-documented-types"], *schema("server-events")["x-extra-types"]}
    assert {frame["type"] for frame in played.sent} <= known
    for frame in played.sent:
        assert complaints("server-events", frame["type"], frame) == []
    assert len({frame["event_id"] for frame in played.sent}) == len(played.sent)


async def test_caller_speaks_and_the_model_answers_by_itself(autojump_clock: MockClock) -> None:
    script = Script(steps=(Say("hello there"), Wait(5), Leave()), replies=(Reply("Yes?"),))
    played = await play(script, UPDATE)
    assert "input_audio_buffer.speech_started" in played.types()[:4]
    transcripts = played.of("conversation.item.input_audio_transcription.updated")
    assert [frame["transcript"] for frame in transcripts] == ["hello", "hello there"]
    (final,) = played.of("conversation.item.input_audio_transcription.completed")
    assert final["transcript"] == "hello there"
    assert played.session.spoken == ["Yes?"]


async def test_without_turn_detection_nobody_answers(autojump_clock: MockClock) -> None:
    played = await play(Script(steps=(Say("hello"), Wait(5), Leave())))
    assert "response.created" not in played.types()
    assert "conversation.item.input_audio_transcription.updated" not in played.types()


async def test_caller_waits_until_the_agent_was_heard(autojump_clock: MockClock) -> None:
    script = Script(steps=(Say("hi"), Say("thanks"), Leave()), replies=(Reply("a b c d e f"),), seconds_per_word=1.0)
    played = await play(script, UPDATE)
    first, second = [
        at for at, frame in zip(played.times, played.sent, strict=True) if frame["type"].endswith("speech_started")
    ]
    assert second - first == pytest.approx(1 + 6)
    (done,) = played.of("response.done")[:1]
    assert done["usage"]["output_audio_seconds"] == 6.0
    assert done["response"]["status_details"] == "unimplemented"


async def test_caller_interrupts(autojump_clock: MockClock) -> None:
    script = Script(
        steps=(Say("hi"), Wait(1, over=True), Say("stop", over=True), Wait(9), Leave()),
        replies=(Reply("one two three four five six seven eight nine ten"), Reply("Sorry.")),
        seconds_per_word=0.5,
    )
    played = await play(script, UPDATE)
    statuses = [frame["response"]["status"] for frame in played.of("response.done")]
    assert statuses == ["cancelled", "completed"]
    assert played.session.spoken == ["one two three four five six seven eight nine ten -", "Sorry."]


async def test_uninterruptible_words_are_finished(autojump_clock: MockClock) -> None:
    item = {**FORCE_ITEM, "interruptible": False}
    played = await play(Script(steps=(Wait(0.01), Say("hello", over=True), Wait(9), Leave())), {**FORCE, "item": item})
    assert [frame["response"]["status"] for frame in played.of("response.done")] == ["completed"]


@pytest.mark.parametrize(
    ("steps", "flushed_after"),
    [
        pytest.param((Press("42"), Wait(9), Leave(over=True)), 2.5, id="idle"),
        pytest.param((Press("42#"), Wait(9), Leave(over=True)), 0.3, id="#"),
        pytest.param((Press("42"), Wait(1), Say("er", over=True), Wait(9), Leave(over=True)), 1.0, id="speech"),
    ],
)
async def test_keys_reach_the_model(
    autojump_clock: MockClock, steps: tuple[Press | Wait | Say | Leave, ...], flushed_after: float
) -> None:
    played = await play(Script(steps=steps, replies=(Reply("Got it."),)), UPDATE)
    keys = [at for at, frame in zip(played.times, played.sent, strict=True) if "dtmf" in frame["type"]]
    answer = played.times[played.types().index("response.created")]
    assert answer - keys[1] == pytest.approx(flushed_after)
    assert [frame["event"] for frame in played.of("input_audio_buffer.dtmf_event_received")][:2] == ["4", "2"]


async def test_a_tool_and_then_what_follows_it(autojump_clock: MockClock) -> None:
    script = Script(
        steps=(Say("bye"), Wait(5), Leave()),
        replies=(Reply(tool="hang_up", arguments='{"reason": "done"}'), Reply("Bye.")),
    )
    played = await play(script, UPDATE, {"type": "response.cancel"})
    (call,) = played.of("response.function_call_arguments.done")
    assert (call["name"], json.loads(call["arguments"])) == ("hang_up", {"reason": "done"})
    assert played.session.spoken == []
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "{}"}
    await played.say({"type": "conversation.item.create", "item": output}, {"type": "response.create"})
    assert played.sent[-1]["item"]["call_id"] == call["call_id"]


@pytest.mark.parametrize("text", ["not json", "[]", '{"type": "session.destroy", "event_id": "cw-1"}', "{}"])
async def test_nonsense_from_the_client_is_an_error_event(autojump_clock: MockClock, text: str) -> None:
    played = Played(Script())
    await played.session.hear(text)
    assert played.sent[0]["error"]["type"] == "invalid_event"
    assert played.session.heard == []


async def test_frames_of_the_tests_own_making_and_a_dropped_socket(autojump_clock: MockClock) -> None:
    played = await play(Script(steps=(Emit('{"type": "x"}'), Drop(1011))))
    assert played.sent[-1] == {"type": "x"}
    assert played.session.close_code == 1011


async def test_the_client_stops_a_turn(autojump_clock: MockClock) -> None:
    reply = Reply("one two three four five six seven eight nine ten", tool="hang_up")
    played = Played(Script(steps=(Say("hi"), Wait(9), Leave()), replies=(reply,), seconds_per_word=0.5))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(played.session.run, name="session")
        await trio.testing.wait_all_tasks_blocked()
        await played.say(UPDATE)
        await trio.sleep(1)
        await played.say({"type": "response.cancel", "response_id": "resp-1"})
        await trio.testing.wait_all_tasks_blocked()
        await played.say({"type": "response.cancel", "event_id": "cw-9"})
    (done,) = played.of("response.done")
    assert done["response"]["status"] == "cancelled"
    assert played.of("response.function_call_arguments.done") == []
    (error,) = [frame["error"] for frame in played.of("error")]
    assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "cw-9")


async def test_a_model_may_be_slow_or_fail(autojump_clock: MockClock) -> None:
    replies = (Reply("At last.", lag=5.0), Reply("Never said.", failed=True))
    played = await play(
        Script(steps=(Say("a"), Say("b"), Wait(1), Leave()), replies=replies, seconds_per_word=0.5), UPDATE
    )
    assert [frame["response"]["status"] for frame in played.of("response.done")] == ["completed", "failed"]
    assert played.session.spoken == ["At last."]
    first, second = [
        at for at, kind in zip(played.times, played.types(), strict=True) if kind.endswith("speech_started")
    ]
    assert second - first == pytest.approx(0.5 + 5 + 1)


async def test_a_turn_that_never_gets_further_is_stopped_by_the_caller(autojump_clock: MockClock) -> None:
    steps = (Say("a"), Wait(20, over=True), Say("hello", over=True), Wait(1), Leave())
    played = await play(Script(steps=steps, replies=(Reply("Never said.", lag=1e9), Reply("Yes?"))), UPDATE)
    assert [frame["response"]["status"] for frame in played.of("response.done")] == ["cancelled", "completed"]
    assert played.session.spoken == ["Yes?"]


async def test_keys_may_be_pressed_while_the_model_speaks(autojump_clock: MockClock) -> None:
    steps = (Say("hi"), Press("0", over=True), Wait(9), Leave())
    played = await play(Script(steps=steps, replies=(Reply("one two three four five six"),)), UPDATE)
    kinds = played.types()
    key = kinds.index("input_audio_buffer.dtmf_event_received")
    assert kinds.index("response.done") > key
