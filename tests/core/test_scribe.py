"""What nobody may know is in no line of a recording, and what follows from it still does."""

import json
from math import inf

import pytest

from daemon.core import events as ev
from daemon.core.commands import Command, RunTool, SendFrame
from daemon.core.effects import ToolUse
from daemon.core.frames import FunctionCallOutput, ItemCreate
from daemon.core.inputs import Input, Received, ToolDone, Woken
from daemon.core.recording import encode_line, input_of
from daemon.core.scribe import Scribe

CALLED = ev.FunctionCalled(call_id="fc-1234", name="pay", arguments='{"pin": "4711", "card": 4711, "seats": 12}')


def pressed(digit: str | None) -> Input:
    return Received(event=ev.DigitPressed(digit=digit, received_at=1.0))


def keys(scribe: Scribe, digits: str, end_key: str = "#", *, hides_keys: bool = True) -> str:
    """What is written of keys that a caller pressed."""
    written = ""
    for digit in digits:
        given = input_of(scribe.fed(pressed(digit), [], 1.0, inf, hides_keys=hides_keys, end_key=end_key))
        assert isinstance(given, Received)
        assert isinstance(given.event, ev.DigitPressed)
        written += given.event.digit or ""
    return written


def text(scribe: Scribe, given: Input, *commands: Command) -> str:
    """The line about an input."""
    return encode_line(scribe.fed(given, commands, 1.0, inf, hides_keys=True, end_key="#")).decode()


def event(scribe: Scribe, happened: ev.Event) -> ev.Event:
    """What is read of an event that was written."""
    given = input_of(scribe.fed(Received(event=happened), [], 1.0, inf, hides_keys=True, end_key="#"))
    assert isinstance(given, Received)
    return given.event


def secretive() -> Scribe:
    """One who has seen a secret key."""
    scribe = Scribe()
    keys(scribe, "4")
    return scribe


def test_secret_keys_are_others_and_what_ends_an_entry_is_not() -> None:
    assert keys(Scribe(), "42#", hides_keys=False) == "42#"
    assert keys(Scribe(), "42#*") == "99#*"
    assert keys(Scribe(), "470", end_key="0") == "990"
    # No key becomes one that means something else.
    assert keys(Scribe("98"), "42") == "77"
    assert keys(Scribe("123456789"), "42") == "99"
    assert input_of(Scribe().fed(pressed(None), [], 1.0, inf, hides_keys=True)) == pressed(None)


def test_before_a_secret_key_everything_is_as_it_was() -> None:
    scribe = Scribe()
    keys(scribe, "#*")  # of these nobody makes a secret
    assert event(scribe, CALLED) == CALLED
    assert event(scribe, ev.SpokenDelta(delta="4711")) == ev.SpokenDelta(delta="4711")
    done = ToolDone(use_id="u", output="4711")
    assert input_of(scribe.fed(done, [], 1.0, inf)) == done


@pytest.mark.parametrize(
    "said",
    [
        ev.SpokenDelta(delta=" 4 7"),
        ev.TextDelta(delta="47"),
        ev.TextDeltaAlias(delta="47"),
        ev.SpokenDone(transcript="You typed 4, 7."),
        ev.ItemTruncated(transcript="You typed 4, 7."),
        ev.TranscriptUpdated(transcript="47"),
        ev.TranscriptCompleted(transcript="47"),
    ],
    ids=lambda said: type(said).__name__,
)
def test_after_one_no_digit_is_in_what_is_said(said: ev.Event) -> None:
    written = event(secretive(), said)
    assert type(written) is type(said)
    assert "4" not in str(written)
    assert "7" not in str(written)
    assert "9" in str(written)


def test_words_that_are_missing_stay_so() -> None:
    assert event(secretive(), ev.SpokenDone(transcript=None)) == ev.SpokenDone(transcript=None)


def test_after_one_longer_numbers_are_in_nothing_that_a_tool_is_given_or_gives() -> None:
    scribe = secretive()
    use = ToolUse(id="fc-1234", name="pay", arguments=CALLED.arguments or "")
    output = '{"paid": "4 7-1 1", "amount": 12}'
    frame = ItemCreate(item=FunctionCallOutput(call_id="fc-1234", output=output))
    called = text(scribe, Received(event=CALLED), RunTool(use))
    done = text(scribe, ToolDone(use_id="fc-1234", output=output), SendFrame(frame))
    for line in (called, done):
        assert "4711" not in line
        assert "4 7" not in line
        assert "fc-1234" in line  # ids are no secrets, and answers find their uses by them
    wanted = json.loads(called)["wanted"][0]["use"]["arguments"]
    assert json.loads(wanted) == {"pin": "9999", "card": 9999, "seats": 12}
    assert wanted == json.loads(called)["given"]["event"]["arguments"]
    assert json.loads(done)["wanted"][0]["frame"]["item"]["output"] == json.loads(done)["given"]["output"]


def test_what_is_told_twice_is_written_once() -> None:
    scribe = Scribe()
    item = ev.Item(id="i", type="function_call", content=["4711"], arguments="4711", output="4711")
    assert event(scribe, ev.OutputItemDone(item=item)) == ev.OutputItemDone(item=ev.Item(id="i", type="function_call"))
    assert event(scribe, ev.FunctionArgumentsDelta(delta="4711")) == ev.FunctionArgumentsDelta()
    done = ev.decode('{"type": "response.done", "response": {"id": "r", "output": [{"arguments": "4711"}]}}')
    assert "4711" not in text(scribe, Received(event=done))
    assert "4711" not in text(scribe, Woken())


def test_tools_of_the_platform_are_no_exception() -> None:
    done = ev.McpArgumentsDone(name="pay", arguments='{"pin": "4711"}')
    assert event(secretive(), done) == ev.McpArgumentsDone(name="pay", arguments='{"pin": "9999"}')
    assert event(Scribe(), ev.McpArgumentsDelta(delta="4711")) == ev.McpArgumentsDelta()


def test_digits_that_were_collected_are_the_keys_that_stand_in_the_recording() -> None:
    """Two digits are too short to be looked for elsewhere; but here it is known where they came from."""
    scribe = secretive()
    text(scribe, Received(event=ev.FunctionCalled(call_id="fc-1", name="collect_digits", arguments="{}")))
    for use_id, expected in (("fc-1", "99"), ("fc-2", "47")):
        output = '{"digits":"47"}'
        frame = ItemCreate(item=FunctionCallOutput(call_id=use_id, output=output))
        line = json.loads(text(scribe, Woken(), SendFrame(frame)))
        assert json.loads(line["wanted"][0]["frame"]["item"]["output"]) == {"digits": expected}
    failed = '{"collected":false,"why":"The caller typed 1 of at least 2 digits."}'
    frame = ItemCreate(item=FunctionCallOutput(call_id="fc-1", output=failed))
    assert json.loads(text(scribe, Woken(), SendFrame(frame)))["wanted"][0]["frame"]["item"]["output"] == failed
