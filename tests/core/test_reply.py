"""When the model is asked for a turn, and when not."""

from math import inf

import pytest

from daemon.core.events import Usage
from daemon.core.reply import Reply
from daemon.core.response import ActiveResponse


def owing() -> Reply:
    reply = Reply()
    reply.owed = True
    return reply


def heard_at(now: float) -> ActiveResponse:
    response = ActiveResponse("r1", last_sign=1.0)
    response.finish(Usage(), now)
    return response


def test_nothing_owed_nothing_asked() -> None:
    assert Reply().ask_at(heard_at(2.0)) == inf


def test_before_there_was_a_turn_there_is_none_to_wait_for() -> None:
    assert owing().ask_at(ActiveResponse(None)) == 0.0


def test_a_turn_is_waited_for() -> None:
    assert owing().ask_at(heard_at(5.0)) == 5.0
    assert owing().ask_at(ActiveResponse("r1", last_sign=3.0)) == 13.0


def test_a_turn_that_was_cut_off_is_not() -> None:
    response = ActiveResponse("r1", last_sign=3.0)
    response.interrupt(4.0)
    assert owing().ask_at(response) == 0.0


def test_a_caller_is_waited_for_and_the_platforms_answer_for_a_moment() -> None:
    reply = owing()
    reply.caller_begins()
    assert reply.ask_at(heard_at(5.0)) == inf
    reply.caller_ends(8.0)
    assert reply.ask_at(heard_at(5.0)) == 11.0
    reply.caller_begins()
    reply.turn_begins()
    assert reply.ask_at(heard_at(9.0)) == 9.0


@pytest.mark.parametrize("speaks", [True, False])
def test_a_turn_that_was_cut_off_says_nothing_about_whether_the_caller_still_speaks(*, speaks: bool) -> None:
    reply = owing()
    if speaks:
        reply.caller_begins()
    reply.wait_a_moment(5.0)
    assert reply.ask_at(heard_at(5.0)) == (inf if speaks else 8.0)
