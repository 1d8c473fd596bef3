"""Entries are named for their class and survive being written down."""

from typing import get_args

import msgspec
import pytest

from daemon.core import journal
from daemon.core.receipts import Receipt

ENTRIES: list[journal.Entry] = [
    journal.WebhookVerified(webhook_id="w1", called="+18005550199", caller=None),
    journal.Claimed(agent="support"),
    journal.TakenOver(former="abc", seconds=3.0),
    journal.Diverted(why="no agent is free"),
    journal.Joined(seconds=0.2),
    journal.CallerLookedUp(result="late", seconds=1.5, why="no answer within 1.5s"),
    journal.AgentChosen(agent="vip"),
    journal.Continued(earlier="call-0"),
    journal.LineLost(why="the socket broke"),
    journal.Rejoined(seconds=1.5),
    journal.CheckedIn(),
    journal.TransferAsked(destination="workshop"),
    journal.TransferRefused(destination="", why="no such destination"),
    journal.TransferFailed(destination="workshop", result="busy", sip_status=486),
    journal.HangUpOwed(why="refused"),
    journal.SessionSent(seconds=0.3),
    journal.SessionConfigured(model="grok-voice-latest", voice=None),
    journal.Greeted(generated=True),
    journal.Said(item_id="u1", speaker="caller", text="Grüß Gott", final=True),
    journal.KeyPressed(digit="4"),
    journal.DigitsCollected(digits=None, count=4, trigger="speech"),
    journal.AskedAgain(count=2),
    journal.MenuChosen(keys="*9", action="hang_up"),
    journal.HangUpAsked(reason=""),
    journal.GoodbyeInterrupted(),
    journal.GoodbyeSaid(),
    journal.ToolRefused(name="weather"),
    journal.ToolCalled(name="look_up_order"),
    journal.ToolEnded(name="look_up_order", seconds=0.4, ok=False, why="HTTP 503"),
    journal.AnswerMissed(in_a_row=2, why="late"),
    journal.FellBack(action="transfer"),
    journal.CeilingReached(most=2.5, action="hang_up"),
    journal.PlatformComplained(type="internal_error", code=None, message="server fault"),
    journal.Usage(turns=3, input_tokens=60, output_tokens=90, audio_seconds=9.5, billable_seconds=61.0),
    journal.Ended(receipt=Receipt(outcome="hung_up", reasons=("a",), joined=True, seconds=9.0), events={"ping": 3}),
]


def test_no_kind_is_forgotten_here() -> None:
    assert {type(entry) for entry in ENTRIES} == set(get_args(journal.Entry))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: type(entry).__name__)
def test_an_entry_survives_being_written_down(entry: journal.Entry) -> None:
    record = journal.Record(at=1_800_000_000.5, call_id="call-1", entry=entry)
    written = msgspec.json.encode(record)
    assert f'"kind":"{type(entry).__name__}"'.encode() in written
    assert msgspec.json.decode(written, type=journal.Record) == record


def test_a_kind_as_people_say_it() -> None:
    assert journal.spaced("LineLost") == "line lost"
