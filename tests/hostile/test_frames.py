"""A platform gone mad: every type of event that it has, bent in every way, in the middle of a call."""

import gc
import json
import sys
import types
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core import events as ev
from daemon.core.agent import ToolRules
from daemon.core.commands import HangUp
from daemon.core.frames import SessionUpdate
from daemon.core.inputs import Received
from daemon.core.transcript import LONGEST_TALK, LONGEST_TURN, MOST_TURNS, Transcript
from daemon.core.usage import Meter
from daemon.core.uses import LONGEST_ID, MOST_USES
from tests.core.contract import EXAMPLES, Wire
from tests.core.playbook import START, Playbook
from tests.core.scenes import PLAIN, like, tool
from tests.core.test_events import CLASSES
from tests.hostile.effort import EXHAUSTIVE, examples
from tests.hostile.targets import Talk
from tests.hostile.wires import CHANGES, LARGE, changed, events_of, renewed

KINDS = sorted({wire["type"] for wire in EXAMPLES})
# What a call may be in the middle of when it comes.
BEFORE: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "a turn": (
        '{"type": "session.updated"}',
        '{"type": "response.created", "response": {"id": "r1"}}',
        '{"type": "response.output_audio_transcript.delta", "item_id": "i1", "response_id": "r1", "delta": "Hello"}',
    ),
    "speech": ('{"type": "session.updated"}', '{"type": "input_audio_buffer.speech_started", "item_id": "u1"}'),
    "keys": (
        '{"type": "response.function_call_arguments.done", "call_id": "c", "name": "collect_digits", "arguments":'
        ' "{\\"purpose\\": \\"x\\", \\"min_digits\\": 4, \\"max_digits\\": 8}"}',
        '{"type": "input_audio_buffer.dtmf_event_received", "event": "4"}',
    ),
    "a transfer": (
        '{"type": "response.function_call_arguments.done", "call_id": "t", "name": "transfer", "arguments":'
        ' "{\\"destination\\": \\"desk\\"}"}',
        '{"type": "response.done", "response": {"id": "r1"}}',
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@examples(6)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(0, 2**32)), min_size=1, max_size=4),
    st.sampled_from(sorted(BEFORE)),
)
def test_whatever_is_wrong_with_an_event(kind: str, changes: list[tuple[str, int]], before: str) -> None:
    talk, now = Talk(), 1.0
    for frame in BEFORE[before]:
        talk.frame(frame, now)
    for change, seed in changes:
        random = Random(seed)
        now += random.choice([0.0, 0.1, 3.0, 20.0])
        talk.frame(changed(random.choice(events_of(kind)), change, random), now)
    talk.pass_time(now + 20_000.0)


def test_a_call_survives_one_of_each_and_ends_when_it_should() -> None:
    talk = Talk()
    random = Random(7)
    for number, kind in enumerate(CLASSES):
        for change in CHANGES:
            if events_of(kind) and kind not in ("error", "session.updated"):
                talk.frame(changed(events_of(kind)[0], change, random), 1.0 + number)
            talk.frame('{"type": "ping"}', 1.0 + number)  # not too much nonsense in a row
    assert not talk.conversation.ended
    talk.pass_time(20_000.0)
    assert talk.conversation.ended


# Nothing grows without bound


def weight(root: object) -> int:
    """Bytes that hang on an object, code left out."""
    seen: set[int] = set()
    left, total = [root], 0
    while left:
        each = left.pop()
        if id(each) in seen or isinstance(each, (type, types.ModuleType, types.FunctionType, types.CodeType)):
            continue
        seen.add(id(each))
        total += sys.getsizeof(each)
        left += gc.get_referents(each)
    return total


MANY = 12_000 if EXHAUSTIVE else 600
# Words and ids of tools are kept, up to a number that is not reached here; it has tests of its own.
BOUND = 6_000_000 if EXHAUSTIVE else 400_000


@pytest.mark.parametrize("wire", EXAMPLES, ids=[f"{number}-{wire['type']}" for number, wire in enumerate(EXAMPLES)])
def test_a_flood_of_one_event_is_not_kept(wire: Wire) -> None:
    talk = Talk(checked=False)
    for number in range(MANY):
        event = ev.decode(json.dumps(renewed(wire, number)))
        talk.feed(Received(event=event), 1.0 + number * 0.001)
    assert weight(talk.conversation) < BOUND


def test_the_transcript_grew_with_every_item_the_platform_named() -> None:
    said = Transcript()
    for number in range(3 * MOST_TURNS):
        said.append(f"i{number}", "agent", "Hello.")
        said.replace(f"u{number}", "caller", "", final=False)
    assert len(said.turns) == MOST_TURNS / 2
    assert said.turns[-1].item_id == f"i{3 * MOST_TURNS - 1}"


def test_a_turn_grew_with_every_fragment() -> None:
    said = Transcript()
    for _ in range(50):
        said.append("i1", "agent", "x" * 1000)
    (turn,) = said.turns
    assert len(turn.text) == LONGEST_TURN
    assert said.append("i1", "agent", "more") is None
    longest = said.replace("i1", "agent", "y" * LARGE, final=True)
    assert longest is not None
    assert len(longest.text) == LONGEST_TURN
    assert said.finish("i1", "agent", "y" * LARGE) is None


def test_the_whole_talk_has_a_length() -> None:
    said = Transcript()
    for number in range(100):
        said.finish(f"i{number}", "agent", "x" * 30_000)
    assert sum(len(turn.text) for turn in said.turns) <= LONGEST_TALK
    assert said.turns[-1].item_id == "i99"
    said.finish("i0", "agent", "Once more.")
    assert said.last is not None
    assert said.last.text == "Once more."


def test_an_items_id_was_as_long_as_a_frame() -> None:
    said = Transcript()
    turn = said.append("i" * LARGE, "agent", "Hello.")
    assert turn is not None
    assert len(turn.item_id) == 128
    assert said.append("i" * LARGE, "agent", " There.") == said.last


def test_the_meter_knew_every_response_for_ever() -> None:
    meter = Meter()
    for number in range(5000):
        done = ev.decode(
            f'{{"type": "response.done", "response": {{"id": "r{number}", "usage": {{"input_tokens": 1}}}}}}'
        )
        assert isinstance(done, ev.ResponseDone)
        meter.add(done)
        meter.add(done)
    assert meter.usage(1.0).turns == 5000
    assert weight(meter) < 300_000


def test_the_uses_of_tools_had_no_end() -> None:
    call = Playbook(like(PLAIN, tools={"book": ToolRules()}))
    call.play(0.0, START)
    for number in range(MOST_USES):
        call.play(1.0, tool("sing", f"use-{number}"))
    assert not call.conversation.ended
    call.play(1.0, tool("sing", "use-7"))
    assert not call.conversation.ended
    call.play(1.0, tool("sing", "one too many"))
    assert call.commands[-1] == HangUp((f"more than {MOST_USES} uses of tools in one call",))


def test_a_use_with_an_endless_id_is_none() -> None:
    call = Playbook(PLAIN)
    call.at(0.0, START, SessionUpdate(session=PLAIN.session))
    call.at(1.0, tool("sing", "u" * (LONGEST_ID + 1)))
