"""What calls use: the platform's figures, in whatever shape they come."""

import pytest

from daemon.core import events as ev
from daemon.core.journal import Usage
from daemon.core.usage import Meter
from tests.core.scenes import PLAIN, answered, heard


def made(response: str | None, nested: object = None, **top: object) -> ev.ResponseDone:
    event = heard("response.done", response={"id": response, "usage": nested}, usage=top or None)
    assert isinstance(event, ev.ResponseDone)
    return event


def used(*events: ev.ResponseDone) -> Usage:
    meter = Meter()
    for event in events:
        meter.add(event)
    return meter.usage(12.3456)


def test_turns_add_up() -> None:
    first = made("r1", input_tokens=20, output_tokens=8, output_audio_seconds=1.25, billable_audio_seconds=2)
    second = made("r2", {"input_tokens": 30, "output_tokens": 9, "output_audio_seconds": 2.5})
    assert used(first, second) == Usage(
        turns=2, input_tokens=50, output_tokens=17, audio_seconds=3.75, billable_seconds=12.346
    )


def test_the_same_end_twice_is_one_turn() -> None:
    twice = made("r1", input_tokens=20)
    assert used(twice, twice).input_tokens == 20
    assert used(made(None, input_tokens=20), made(None, input_tokens=20)).input_tokens == 40


@pytest.mark.parametrize("event", [made("r1"), made("r1", {}), heard("response.done")])
def test_figures_may_be_missing(event: ev.ResponseDone) -> None:
    assert used(event) == Usage(turns=0, input_tokens=0, output_tokens=0, audio_seconds=0.0, billable_seconds=12.346)


@pytest.mark.parametrize("figure", [-1, 1e300])
def test_figures_that_can_not_be_are_not_added(figure: float) -> None:
    assert used(made("r1", input_tokens=figure, output_tokens=3)) == Usage(
        turns=1, input_tokens=0, output_tokens=3, audio_seconds=0.0, billable_seconds=12.346
    )


def test_a_conversation_counts_turns_that_were_superseded_and_those_after_the_end() -> None:
    call = answered(PLAIN)
    call.play(1.0, heard("response.created", response={"id": "r1"}))
    call.play(2.0, heard("response.created", response={"id": "r2"}))
    call.play(3.0, made("r1", output_tokens=5))
    call.play(4.0, heard("error", error={"type": "timeout"}))
    call.conversation.receive(made("r2", output_tokens=6), 5.0)
    assert call.conversation.usage(5.0).output_tokens == 11
