"""Twilio: what is seen, and what follows from it; the wire is in test_published.py and numbers/test_routing.py."""

from typing import Any

import msgspec
import pytest

from daemon.carriers.base import Ask, Memory
from daemon.carriers.twilio import Twilio
from daemon.carriers.twilio_account import (
    Capabilities,
    OriginationUrl,
    Seen,
    SeenTrunk,
    Trunk,
    TwilioManners,
    TwilioNumber,
)
from daemon.config import Secret
from daemon.errors import CarrierRefused
from tests.carriers.asking import answered, lines

NUMBER = "+18005550199"
TARGET = f"sip:{NUMBER}@sip.voice.x.ai;transport=tls"
NAME = f"callwarden {NUMBER}"
TK, OU, PN, AP = "TK1", "OU1", "PN1", "AP1"
BARE = TwilioNumber(PN, NUMBER)
URL = OriginationUrl(OU, TARGET, enabled=True)
replace = msgspec.structs.replace


def twilio(**options: Any) -> Twilio:
    return Twilio(NUMBER, TARGET, account="AC1", **options)


def seen(
    *urls: OriginationUrl, mode: str = "enable-all", number: TwilioNumber | None = BARE, numbers: tuple[str, ...] = ()
) -> Seen:
    """One trunk of our name."""
    return Seen((SeenTrunk(Trunk(TK, NAME, mode), urls, numbers),), number)


def test_from_nothing() -> None:
    plan = twilio().plan(twilio().nothing(), Memory())
    assert lines(plan) == [
        f'+ trunk "{NAME}", calls may be transferred',
        f"+ origination URL {TARGET}",
        f'~ {NUMBER}: none -> trunk "{NAME}"',
    ]
    assert [change.live for change in plan.changes] == [False, False, True]
    assert plan.changes[1].path == "/v1/Trunks/{trunk}/OriginationUrls"
    assert plan.facts == {"transfers": "on"}
    without = twilio(transfers=False).plan(twilio().nothing(), Memory())
    assert "TransferMode" not in without.changes[0].body
    assert without.facts == {"transfers": "off"}


def test_half_of_it_is_there() -> None:
    assert lines(twilio().plan(seen(), Memory())) == [
        f"+ origination URL {TARGET}",
        f'~ {NUMBER}: none -> trunk "{NAME}"',
    ]
    assert lines(twilio().plan(seen(URL, mode="sip-only"), Memory()))[0] == (
        "~ transfer mode of the trunk: sip-only -> enable-all"
    )
    off = replace(URL, enabled=False)
    assert lines(twilio().plan(seen(off), Memory()))[0] == "~ origination URL: enabled: no -> yes"
    there = seen(URL, number=replace(BARE, trunk_sid=TK))
    assert twilio().plan(there, Memory()).changes == ()
    assert twilio().route(there) is None


def test_what_was_there_before_is_named() -> None:
    on_application = replace(BARE, voice_application_sid=AP, voice_url="https://x.example/")
    assert lines(twilio().plan(seen(URL, number=on_application), Memory()))[-1].startswith(
        f"~ {NUMBER}: application AP1"
    )
    assert twilio().route(seen(URL, number=on_application)) == {
        "voice_application_sid": AP,
        "voice_url": "https://x.example/",
    }
    on_url = replace(BARE, voice_url="https://x.example/")
    assert "its voice URL ->" in lines(twilio().plan(seen(URL, number=on_url), Memory()))[-1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (seen(URL, number=None), "not in this Twilio account"),
        (seen(URL, number=replace(BARE, capabilities=Capabilities(voice=False))), "can't take voice calls"),
        (seen(URL, number=replace(BARE, voice_receive_mode="fax")), "receive faxes"),
        (seen(URL, number=replace(BARE, trunk_sid="TK9")), "on trunk TK9; --take-over"),
        (seen(OriginationUrl(OU, "sip:elsewhere")), "has our name and leads elsewhere"),
        (Seen((seen(URL).trunks[0], SeenTrunk(Trunk("TK2", NAME), (), ())), BARE), "TK1, TK2; delete all but one"),
    ],
)
def test_refusals(given: Seen, said: str) -> None:
    plan = twilio().plan(given, Memory())
    assert plan.changes == ()
    assert said in "; ".join(plan.refusals)


def test_a_number_on_another_trunk_is_moved_in_one_step() -> None:
    plan = twilio(take_over=True).plan(seen(URL, number=replace(BARE, trunk_sid="TK9")), Memory())
    (change,) = plan.changes
    assert (change.path, change.body) == ("/2010-04-01/Accounts/AC1/IncomingPhoneNumbers/PN1.json", {"TrunkSid": TK})


def test_a_url_of_ours_that_somebody_changed_is_changed_back() -> None:
    made = Memory(made={TK: NUMBER, OU: NUMBER})
    plan = twilio().plan(seen(OriginationUrl(OU, "sip:elsewhere")), made)
    assert lines(plan)[0] == f"~ origination URL: sip:elsewhere -> {TARGET}"
    assert plan.changes[0].path == f"/v1/Trunks/{TK}/OriginationUrls/{OU}"


def test_notes() -> None:
    backup = OriginationUrl("OU2", "sip:backup@pbx.example", enabled=True)
    trunk = SeenTrunk(Trunk(TK, NAME, "enable-all", secure=True), (URL, backup), ())
    notes = twilio().plan(Seen((trunk,), BARE), Memory()).notes
    assert "also leads to sip:backup@pbx.example" in notes[0]
    assert "SRTP" in notes[1]


MADE = Memory(made={TK: NUMBER, OU: NUMBER}, previous={"voice_application_sid": AP})
OURS = replace(BARE, trunk_sid=TK)


def test_undo() -> None:
    plan = twilio().undo(seen(URL, number=OURS, numbers=(NUMBER,)), MADE)
    assert lines(plan) == [
        f"- {NUMBER}: our trunk -> none",
        f"~ {NUMBER}: none -> application AP1",
        "- origination URL OU1",
        "- trunk TK1",
    ]
    # Never the number itself: that would give it back to Twilio.
    assert not [one for one in plan.changes if one.method == "DELETE" and "IncomingPhoneNumbers" in one.path]


def test_undo_to_where_it_was() -> None:
    def first_of(**previous: str) -> list[str]:
        given = replace(MADE, previous=previous)
        return list(lines(twilio().undo(seen(URL, number=OURS), given)))[:2]

    assert first_of(trunk_sid="TK9")[0] == f"~ {NUMBER}: our trunk -> trunk TK9"
    # A voice URL is not lost with a trunk, so there is nothing to restore while it is there.
    gone = replace(BARE, voice_url="")
    plan = twilio().undo(seen(URL, number=gone), replace(MADE, previous={"voice_url": "https://x.example/"}))
    assert plan.changes[0].body == {"VoiceUrl": "https://x.example/", "VoiceMethod": "POST"}
    kept = replace(BARE, voice_url="https://x.example/")
    plan = twilio().undo(seen(URL, number=kept), replace(MADE, previous={"voice_url": "https://x.example/"}))
    assert lines(plan)[0] == "- origination URL OU1"


def test_undo_leaves_alone_what_is_somebody_elses() -> None:
    moved = replace(BARE, trunk_sid="TK9")
    assert lines(twilio().undo(seen(URL, number=moved), MADE)) == ["- origination URL OU1", "- trunk TK1"]
    plan = twilio().undo(seen(URL, number=OURS, numbers=(NUMBER, "+1800")), MADE)
    assert "- trunk TK1" not in lines(plan)
    assert "+1800 was attached" in plan.notes[0]
    plan = twilio().undo(seen(URL, number=None), Memory())
    assert (plan.changes, "not made from here" in plan.notes[0]) == ((), True)
    two = Seen((seen(URL).trunks[0], SeenTrunk(Trunk("TK2", NAME), (), ())), BARE)
    assert "delete all but one" in twilio().undo(two, Memory()).refusals[0]
    assert twilio().undo(Seen(), MADE).changes == ()


def test_looking_over_many_pages() -> None:
    def answers(ask: Ask) -> Any:
        if ask.path == "/v1/Trunks":
            page = int(ask.query.get("Page", "0"))
            # The URL of the next page is somebody's word: only path and query of it are used.
            following = f"https://evil.example/v1/Trunks?PageSize=1000&Page={page + 1}" if page < 2 else None
            name = NAME if page == 2 else f"other {page}"
            return {"trunks": [{"sid": f"TK{page}", "friendly_name": name}], "meta": {"next_page_url": following}}
        if ask.path.endswith("OriginationUrls"):
            return {"origination_urls": [{"sid": OU, "sip_url": TARGET, "enabled": True}], "meta": {}}
        if ask.path.endswith("PhoneNumbers"):
            return {"phone_numbers": [{"phone_number": NUMBER}], "meta": {}}
        # A filter that matches partially.
        found = [{"sid": "PN0", "phone_number": "+118005550199"}, {"sid": PN, "phone_number": NUMBER}]
        return {"incoming_phone_numbers": found}

    found, asked = answered(twilio().look(Memory()), answers)
    assert [trunk.trunk.sid for trunk in found.trunks] == ["TK2"]
    assert found.number == BARE
    assert [ask.path for ask in asked[:3]] == ["/v1/Trunks"] * 3
    assert asked[-1].query == {"PhoneNumber": NUMBER}


def test_a_list_that_never_ends() -> None:
    endless = {"trunks": [], "meta": {"next_page_url": "https://x/v1/Trunks?Page=1"}}
    with pytest.raises(CarrierRefused, match="does not end"):
        answered(twilio().look(Memory()), lambda ask: endless)


@pytest.mark.parametrize("nonsense", [[], {"trunks": 3}, {"trunks": [{"sid": 4}]}])
def test_answers_that_are_none(nonsense: object) -> None:
    with pytest.raises(CarrierRefused, match="documented form"):
        answered(twilio().look(Memory()), lambda ask: nonsense)


def test_manners() -> None:
    manners = TwilioManners("AC1", "AC1", Secret("t"))
    said = {"code": 20003, "message": "Authenticate", "status": 401}
    assert manners.explain(401, said, "/v1/Trunks") == "20003 Authenticate; look at the account SID and its token"
    assert manners.explain(403, {}, "/v1/Trunks") == "the key may not read and write SIP trunks"
    assert "phone numbers" in manners.explain(403, None, "/2010-04-01/x")
    assert manners.explain(500, "oops", "/") == ""
