"""The three calls that `play.py` plays: what callers do, what the model does, and what must have come of it.

The caller and the model are scripted; everything between them is real. A step of the caller's comes when so many of the
model's turns have begun as `cues` says, and the last one was heard.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shop import Shop

from daemon.sandbox.script import Press, Reply, Say, Script, Use
from daemon.sandbox.switchboard import SandboxCall

DAY = "2026-03-03"
CARD = "4111111111111111"
"""A number that card companies give for tests."""
ADDRESS = "We are at five Elm Street, behind the station, and open from eight to six."
COUNTER, MECHANIC = "tel:+14155550123", "sip:mechanic@pbx.example.net;transport=tls"
MESSAGE = {"text": "About an invoice.", "call_back": True}

Entries = Sequence[dict[str, Any]]
Steps = dict[str, bool]


def _use(tool: str, **arguments: object) -> Use:
    return Use(tool, json.dumps(arguments))


@dataclass(frozen=True)
class Played:
    """One call."""

    title: str
    caller: str
    script: Script
    steps: Callable[[Shop, SandboxCall, Entries], Steps]
    """What should have happened, and whether it did; daemon, platform and workshop all have a say."""
    transfers: tuple[int, ...] = ()
    """Statuses with which transfers fail, one after another; further ones are answered."""


# After the hash key the platform gives the model a turn by itself, which has not seen yet what we collected; so the
# model is asked for another one.
BOOKING = Script(
    patient=True,
    steps=(
        Say("My brakes squeal. Can you have a look on Tuesday?"),
        Press("9#"),
        Press(f"{CARD}#", gap=0.1),
        Say("No, that is all. Thank you."),
    ),
    cues=(0, 2, 5, 8),
    replies=(
        Reply(tools=(_use("estimate", repair="brakes"), _use("free_slots", day=DAY))),
        Reply(
            "Brakes take an hour and cost sixty dollars. Nine or eleven? Please type the hour, then the hash key.",
            tools=(_use("collect_digits", purpose="the hour", max_digits=2),),
        ),
        Reply("One moment."),
        Reply(tools=(_use("book_slot", day=DAY, hour=9, repair="brakes"),)),
        Reply(
            "Tuesday at nine is yours. Please type your card number for the ten dollars, then the hash key.",
            tools=(_use("collect_digits", purpose="the card", sensitive=True, min_digits=12, max_digits=19),),
        ),
        Reply("Thank you."),
        Reply(tools=(_use("take_deposit", booking=1, card="entry-1"),)),
        Reply("That is paid. Is there anything else?"),
        Reply(tools=(_use("hang_up", reason="the slot is booked"),)),
        Reply("See you on Tuesday, Ada. Goodbye!"),
    ),
)

KEYS = Script(
    patient=True,
    steps=(Press("1"), Press("0")),
    cues=(0, 1),
    replies=(Reply("Is there anything else?"),),
    idle_timeout=1.0,
)

MESSAGE_TAKEN = Script(
    patient=True,
    steps=(Say("I want to talk to somebody about my invoice."), Say("Yes. Please have them call me back.")),
    cues=(0, 2),
    replies=(
        Reply("I connect you to the counter.", tools=(_use("transfer", destination="counter"),)),
        Reply("Nobody can come to the telephone. Shall I take a message?"),
        Reply(tools=(_use("leave_message", **MESSAGE),)),
        Reply("They will call you back. Goodbye!", tools=(_use("hang_up", reason="a message was taken"),)),
    ),
)


def _kinds(entries: Entries) -> dict[str, dict[str, Any]]:
    return {entry["kind"]: entry for entry in entries}


def _all_said(script: Script, entries: Entries) -> bool:
    said = {(entry["speaker"], entry["text"]) for entry in entries if entry["kind"] == "Said" and entry["final"]}
    callers = {("caller", step.words) for step in script.steps if isinstance(step, Say)}
    return said >= callers | {("agent", reply.words) for reply in script.replies if reply.words}


def _agent_said(words: str, entries: Entries) -> bool:
    return any(entry["kind"] == "Said" and entry["speaker"] == "agent" and entry["text"] == words for entry in entries)


def _outcome(entries: Entries) -> object:
    return _kinds(entries).get("Ended", {}).get("receipt", {}).get("outcome")


def _failed(entries: Entries) -> list[tuple[str, str]]:
    return [(entry["destination"], entry["result"]) for entry in entries if entry["kind"] == "TransferFailed"]


def _told(call: SandboxCall) -> str:
    """What the model was told by tools."""
    heard = call.session.heard if call.session else []
    return "\n".join(frame["item"].get("output", "") for frame in heard if frame["type"] == "conversation.item.create")


def booked(shop: Shop, call: SandboxCall, entries: Entries) -> Steps:
    """Of the first call."""
    kinds, told = _kinds(entries), _told(call)
    typed = [(entry["digits"], entry["count"]) for entry in entries if entry["kind"] == "DigitsCollected"]
    used = [entry["name"] for entry in entries if entry["kind"] == "ToolEnded" and entry["ok"]]
    instructions = call.session.heard[0]["session"]["instructions"] if call.session else ""
    return {
        "the caller was looked up": kinds.get("CallerLookedUp", {}).get("result") == "found",
        "the agent knows the caller": "The caller is Ada King, a customer." in instructions,
        "the greeting names the caller": _agent_said(
            "Spoke and Chain, hello, Ada King. Press zero for a person. How can I help?", entries
        ),
        "all that both sides say is heard": _all_said(BOOKING, entries),
        "a Python function said the price": '"dollars":60' in told,
        "the workshop said which hours are free": "[9,11]" in told,
        "the caller typed the hour, and a card that is not shown": typed == [("9", 1), (None, len(CARD))],
        "the slot is booked, once": shop.bookings == [{"booking": 1, "day": DAY, "hour": 9, "repair": "brakes"}],
        "the card came to the one request it is for": shop.deposits
        == [{"booking": 1, "dollars": 10, "card": f"...{CARD[-4:]}"}],
        "every tool did its work": sorted(used)
        == ["book_slot", "collect_digits", "collect_digits", "estimate", "free_slots", "take_deposit"],
        "the goodbye was heard to its end": "GoodbyeSaid" in kinds and not call.cut_off,
        "the receipt says hung_up": _outcome(entries) == "hung_up",
    }


def connected(_shop: Shop, call: SandboxCall, entries: Entries) -> Steps:
    """Of the second call."""
    chosen = [(entry["keys"], entry["action"]) for entry in entries if entry["kind"] == "MenuChosen"]
    return {
        "whom nobody knows is greeted without a name": _agent_said(
            "Spoke and Chain, hello. Press zero for a person. How can I help?", entries
        ),
        "two keys of the menu are pressed": chosen == [("1", "say"), ("0", "transfer")],
        "one says the address": _agent_said(ADDRESS, entries),
        "the other one rings at the counter, which is busy": _failed(entries) == [("counter", "rejected")],
        "and then at the mechanic's, who answers": call.refers == [COUNTER, MECHANIC],
        "the receipt says transferred": _outcome(entries) == "transferred",
    }


def noted(shop: Shop, call: SandboxCall, entries: Entries) -> Steps:
    """Of the third call."""
    return {
        "all that both sides say is heard": _all_said(MESSAGE_TAKEN, entries),
        "nobody answers, anywhere": _failed(entries) == [("counter", "rejected"), ("mechanic", "timed_out")],
        "the model is told why": "counter: The line is busy. mechanic: Nobody answered." in _told(call),
        "it takes a message instead": shop.messages == [MESSAGE],
        "the receipt says hung_up": _outcome(entries) == "hung_up",
    }


CALLS = (
    Played("A customer books, and pays the deposit by card", "+14155550100", BOOKING, booked),
    Played("Somebody presses keys, and is connected", "+14155550177", KEYS, connected, transfers=(502,)),
    Played("Nobody is there, so a message is taken", "+14155550188", MESSAGE_TAKEN, noted, transfers=(502, 504)),
)
