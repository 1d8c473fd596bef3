"""Telnyx: what is seen, and what follows from it; the wire is in test_published.py and numbers/test_routing.py."""

from typing import Any

import msgspec
import pytest

from daemon.carriers.base import Ask, Memory
from daemon.carriers.telnyx import Telnyx
from daemon.carriers.telnyx_account import (
    CODECS,
    Connection,
    Fqdn,
    Inbound,
    Seen,
    SeenConnection,
    TelnyxManners,
    TelnyxNumber,
)
from daemon.config import Secret
from daemon.errors import CarrierRefused
from tests.carriers.asking import answered, lines

NUMBER = "+18005550199"
HOST = "sip.voice.x.ai"
BARE = TelnyxNumber("9", NUMBER, "active")
FQDN = Fqdn("2", HOST, 5060)
RIGHT = Inbound("+e164", CODECS, "2")
replace = msgspec.structs.replace


def telnyx(**options: Any) -> Telnyx:
    return Telnyx(NUMBER, HOST, **options)


def seen(
    *fqdns: Fqdn,
    inbound: Inbound = RIGHT,
    number: TelnyxNumber | None = BARE,
    numbers: tuple[str, ...] = (),
    voice: dict[str, Any] | None = None,
) -> Seen:
    """One connection of our name."""
    connection = Connection("1", "callwarden", active=True, inbound=inbound)
    return Seen((SeenConnection(connection, fqdns, numbers),), number, voice or {})


def test_from_nothing() -> None:
    plan = telnyx(region="europe").plan(telnyx().nothing(), Memory())
    assert lines(plan) == [
        '+ FQDN connection "callwarden": numbers as +e164, region Europe, G711U, G711A, G722',
        f"+ FQDN {HOST}, port 5060, record type A",
        f"~ connection: primary FQDN -> {HOST}",
        f"~ {NUMBER}: none -> connection callwarden",
    ]
    assert [change.live for change in plan.changes] == [False, False, False, True]
    assert plan.facts == {"transfers": "off"}
    assert "Telnyx transfers calls only once it has enabled that" in plan.notes[0]


def test_half_of_it_is_there() -> None:
    assert lines(telnyx().plan(seen(), Memory()))[0].startswith("+ FQDN sip")
    wrong = replace(RIGHT, dnis_number_format="national", default_primary_fqdn_id=None)
    (change, _) = telnyx().plan(seen(FQDN, inbound=wrong), Memory()).changes
    assert change.words == f"connection: primary FQDN -> {HOST}, dialled number national -> +e164"
    # All of what is inbound goes along, whether the API merges or replaces it.
    assert change.body["inbound"]["default_primary_fqdn_id"] == "2"
    assert change.body["inbound"]["codecs"] == list(CODECS)
    there = seen(FQDN, number=replace(BARE, connection_id="1"))
    assert telnyx().plan(there, Memory()).changes == ()
    assert telnyx().route(there) is None
    assert telnyx().route(seen(FQDN)) == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (seen(FQDN, number=None), "not in this Telnyx account"),
        (seen(FQDN, number=replace(BARE, status="port-pending")), "is port-pending at Telnyx"),
        (
            seen(FQDN, number=replace(BARE, connection_id="7", connection_name="pbx")),
            'on connection "pbx"; --take-over',
        ),
        (seen(Fqdn("3", "pbx.example", 5060)), "has our name and leads elsewhere"),
        (seen(Fqdn("3", HOST, 5061)), "has our name and leads elsewhere"),
        (Seen(seen(FQDN).connections * 2, BARE), "delete all but one"),
    ],
)
def test_refusals(given: Seen, said: str) -> None:
    plan = telnyx().plan(given, Memory())
    assert plan.changes == ()
    assert said in "; ".join(plan.refusals)


def test_notes() -> None:
    voice = {
        "call_forwarding": {"call_forwarding_enabled": True},
        "translated_number": "+1900",
        "inbound_call_screening": "reject_calls",
    }
    notes = telnyx().plan(seen(FQDN, inbound=replace(RIGHT, codecs=("G729",)), voice=voice), Memory()).notes
    assert [word for word in ("forwarding is on", "translated", "screening", "codecs") if word in "; ".join(notes)] == [
        "forwarding is on",
        "translated",
        "screening",
        "codecs",
    ]


MADE = Memory(made={"1": NUMBER, "2": NUMBER}, previous={"connection_id": "7"})
OURS = replace(BARE, connection_id="1")


def test_undo() -> None:
    plan = telnyx().undo(seen(FQDN, number=OURS, numbers=(NUMBER,)), MADE)
    assert lines(plan) == [f"- {NUMBER}: connection callwarden -> 7", "- FQDN 2", "- connection 1"]
    assert not [one for one in plan.changes if one.method == "DELETE" and "phone_numbers" in one.path]


def test_undo_of_a_number_that_had_no_connection() -> None:
    """It can't be left without one but by deleting ours, which is only done when nobody else is on it."""
    before = replace(MADE, previous={})
    plan = telnyx().undo(seen(FQDN, number=OURS, numbers=(NUMBER,)), before)
    assert lines(plan) == ["- FQDN 2", "- connection 1"]
    assert "has none once ours is deleted" in plan.notes[0]
    plan = telnyx().undo(seen(FQDN, number=OURS, numbers=(NUMBER, "+1800")), before)
    assert plan.changes == ()
    assert "serves +1800" in plan.notes[0]
    assert "assign it in the portal" in plan.notes[1]


def test_undo_leaves_alone_what_is_somebody_elses() -> None:
    plan = telnyx().undo(seen(FQDN, number=OURS), Memory(previous={"connection_id": "7"}))
    assert lines(plan) == [f"- {NUMBER}: connection callwarden -> 7"]
    assert "not made from here" in plan.notes[0]
    plan = telnyx().undo(seen(FQDN, number=OURS), replace(MADE, others=frozenset({"+1801"})))
    assert lines(plan) == [f"- {NUMBER}: connection callwarden -> 7"]
    assert telnyx().undo(Seen(), MADE).changes == ()
    assert "delete all but one" in telnyx().undo(Seen(seen(FQDN).connections * 2), MADE).refusals[0]


def test_looking() -> None:
    def answers(ask: Ask) -> Any:
        page = int(ask.query.get("page[number]", "1"))
        if ask.path == "/fqdn_connections":
            names = ["callwarden-test", "callwarden"]  # the filter matches partially
            entry = {"id": str(page), "connection_name": names[page - 1], "password": "outbound-password"}
            return {"data": [entry], "meta": {"page_number": page, "total_pages": 2}}
        if ask.path == "/fqdns":
            return {"data": [{"id": "2", "fqdn": HOST, "port": 5060, "connection_id": 2}], "meta": {"total_pages": 1}}
        if ask.path.endswith("/voice"):
            return None
        found = [{"id": "8", "phone_number": "+118005550199", "status": "active"}]
        return {"data": [*found, {"id": "9", "phone_number": NUMBER, "status": "active"}]}

    found, asked = answered(telnyx().look(Memory()), answers)
    assert [one.connection.id for one in found.connections] == ["2"]
    assert (found.number, found.voice) == (BARE, {})
    assert "outbound-password" not in repr(found)
    # Digits only: a plus sign finds nothing.
    assert asked[-2].query["filter[phone_number]"] == NUMBER.removeprefix("+")
    assert asked[-1].may_miss


def test_a_list_that_never_ends_and_answers_that_are_none() -> None:
    with pytest.raises(CarrierRefused, match="does not end"):
        answered(telnyx().look(Memory()), lambda ask: {"data": [], "meta": {"total_pages": 1_000_000}})
    with pytest.raises(CarrierRefused, match="documented form"):
        answered(telnyx().look(Memory()), lambda ask: {"data": [{"name": "x"}]})


def test_manners() -> None:
    manners = TelnyxManners(Secret("k"))
    assert manners.url("/fqdns") == "https://api.telnyx.com/v2/fqdns"
    error = {"code": "10015", "title": "Bad request", "detail": "fqdn is missing", "source": {"pointer": "/fqdn"}}
    assert manners.explain(422, {"errors": [error]}, "/fqdns") == "10015 Bad request fqdn is missing"
    assert manners.explain(401, None, "/fqdns") == "look at the API key"
    assert manners.explain(403, {"errors": "no"}, "/fqdns/1") == "the API key may not use fqdns"
