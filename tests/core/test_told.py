"""What an agent is told of a call: data beside its instructions, and other instructions in the middle of the talk."""

import json

from daemon.core.agent import FixedGreeting
from daemon.core.commands import HangUp, SendFrame
from daemon.core.frames import Resumption, SessionSettings, SessionUpdate, data, encode, spoken_exactly
from daemon.core.journal import Greeted, PlatformComplained
from tests.core.contract import complaints
from tests.core.playbook import RESUME, START, Playbook
from tests.core.scenes import PLAIN, heard, like

DATA = '{"sip_headers":{"X-Customer-Id":"8812"}}'
KEPT = SessionSettings(instructions="Be brief.", resumption=Resumption(enabled=True))


def test_data_comes_before_the_greeting_and_in_no_instructions() -> None:
    call = Playbook(like(PLAIN, data=DATA, greeting=FixedGreeting("Hello.")))
    call.at(
        0.0, START, SessionUpdate(session=PLAIN.session), data(DATA), spoken_exactly("Hello."), Greeted(generated=False)
    )


def test_a_new_session_is_told_again() -> None:
    call = Playbook(like(PLAIN, data=DATA))
    call.at(0.0, START, SessionUpdate(session=PLAIN.session), data(DATA))
    call.at(5.0, RESUME, SessionUpdate(session=PLAIN.session), data(DATA))


def test_where_the_platform_keeps_the_conversation_it_is_told_once() -> None:
    call = Playbook(like(PLAIN, data=DATA, session=KEPT))
    call.at(0.0, START, SessionUpdate(session=KEPT), data(DATA))
    call.at(5.0, RESUME, SessionUpdate(session=KEPT))


def test_other_instructions_in_the_middle_of_the_talk() -> None:
    call = Playbook(PLAIN)
    call.at(0.0, START, SessionUpdate(session=PLAIN.session))
    (sent,) = call.conversation.instruct("Be kind.")
    assert isinstance(sent, SendFrame)
    frame = encode(sent.frame)
    assert json.loads(frame) == {
        "type": "session.update",
        "event_id": "cw-2",
        "session": {"instructions": "Be kind."},
    }
    assert complaints(frame) == []
    assert call.conversation.instruct("Be kind.") == []
    # They hold for whatever comes after, a new session included.
    call.at(5.0, RESUME, SessionUpdate(session=SessionSettings(instructions="Be kind.")))


def test_the_platform_does_not_take_the_other_instructions() -> None:
    call = Playbook(PLAIN)
    call.at(0.0, START, SessionUpdate(session=PLAIN.session))
    call.conversation.instruct("Be kind.")
    refused = heard("error", error={"type": "invalid_event", "message": "no", "event_id": "cw-2"})
    # The old ones are still in force, so the call goes on.
    call.at(1.0, refused, PlatformComplained(type="invalid_event", code=None, message="no"))


def test_after_the_end_nothing_is_told() -> None:
    call = Playbook(PLAIN)
    call.at(0.0, START, SessionUpdate(session=PLAIN.session))
    call.at(10.0, "wake", HangUp(("the platform never answered",)))
    assert call.conversation.instruct("Be kind.") == []
