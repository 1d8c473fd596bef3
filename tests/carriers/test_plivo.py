"""Plivo: what is seen, and what follows from it; on the wire it is in test_published.py and numbers/test_routing.py."""

from typing import Any

import msgspec
import pytest

from daemon.carriers.base import Ask, Memory
from daemon.carriers.plivo import Plivo
from daemon.carriers.plivo_account import PlivoManners, PlivoNumber, Seen, Trunk, Uri
from daemon.config import Secret
from daemon.errors import CarrierRefused
from tests.carriers.asking import answered, lines

NUMBER = "+18005550199"
HOST = "sip.voice.x.ai"
TARGET = f"{HOST};transport=tls"
BARE = PlivoNumber("18005550199")
URI = Uri("u1", TARGET, "callwarden xAI")
TRUNK = Trunk("t1", "inbound", "callwarden", "t1.zt.plivo.com", "enabled", secure=False, primary_uri_uuid="u1")
OURS = PlivoNumber("18005550199", "/v1/Account/MA/Zentrunk/Trunk/t1/")
PASSWORD = "sip-password-nobody-sees"
replace = msgspec.structs.replace


def plivo(**options: Any) -> Plivo:
    return Plivo(NUMBER, HOST, auth_id="MA", **options)


def test_from_nothing() -> None:
    plan = plivo().plan(plivo().nothing(), Memory())
    assert lines(plan) == [
        f"+ origination URI {TARGET}",
        '+ inbound trunk "callwarden" to that URI',
        f"~ {NUMBER}: none -> trunk callwarden",
    ]
    assert [change.live for change in plan.changes] == [False, False, True]
    assert plan.changes[1].body == {"name": "callwarden", "trunk_direction": "inbound", "primary_uri_uuid": "{uri}"}
    assert "sip:+NUMBER@TRUNK.zt.plivo.com" in plan.notes[0]


def test_half_of_it_is_there() -> None:
    assert lines(plivo().plan(Seen((URI,), (), BARE), Memory()))[0].startswith("+ inbound trunk")
    off = replace(TRUNK, trunk_status="disabled")
    (change, _) = plivo().plan(Seen((URI,), (off,), BARE), Memory()).changes
    # Without its direction, the API refuses an update.
    assert change.body == {"trunk_direction": "inbound", "trunk_status": "enabled"}
    there = Seen((URI,), (TRUNK,), OURS)
    plan = plivo().plan(there, Memory())
    assert (plan.changes, plan.facts) == ((), {"transfers": "on", "trunk_domain": "t1.zt.plivo.com"})
    assert "sip:+NUMBER@t1.zt.plivo.com" in plan.notes[0]
    assert plivo().route(there) is None
    assert plivo().route(Seen((URI,), (TRUNK,), BARE)) == {}
    on_application = PlivoNumber("18005550199", "/v1/Account/MA/Application/app1/")
    assert plivo().route(Seen((URI,), (TRUNK,), on_application)) == {"app_id": "app1"}


def test_what_somebody_changed_is_changed_back() -> None:
    made = Memory(made={"u1": NUMBER, "t1": NUMBER})
    wrong = Seen((replace(URI, uri="pbx.example"),), (replace(TRUNK, primary_uri_uuid="u9", secure=True),), OURS)
    plan = plivo().plan(wrong, made)
    assert lines(plan) == [f"~ origination URI: pbx.example -> {TARGET}", "~ inbound trunk: primary_uri_uuid -> u1"]
    assert "SRTP" in plan.notes[1]
    with_login = Seen((replace(URI, authentication_needed=True, username="old"),), (TRUNK,), OURS)
    (change,) = plivo().plan(with_login, Memory()).changes
    assert change.body == {"uri": TARGET, "authentication_needed": False}


def test_digest() -> None:
    login = plivo(username="desk01", password=Secret(PASSWORD))
    plan = login.plan(login.nothing(), Memory())
    assert plan.changes[0].body["password"] == PASSWORD
    assert plan.changes[0].shown["password"] == "****"
    assert PASSWORD not in "".join(lines(plan))
    # Credentials hang on the URI, so this number has a URI and a trunk of its own.
    assert plan.changes[0].body["name"] == f"callwarden {NUMBER} xAI"
    own = replace(URI, name=f"callwarden {NUMBER} xAI", authentication_needed=True, username="desk01")
    trunk = replace(TRUNK, name=f"callwarden {NUMBER}")
    assert login.plan(Seen((own,), (trunk,), OURS), Memory(password_known=True)).changes == ()
    assert len(login.plan(Seen((own,), (trunk,), OURS), Memory()).changes) == 1
    # Without the password it can be looked at, and not be made.
    blind = plivo(username="desk01")
    assert blind.plan(Seen((own,), (trunk,), OURS), Memory()).changes == ()
    assert "CALLWARDEN_SIP_PASSWORD" in blind.plan(blind.nothing(), Memory()).refusals[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Seen((URI,), (TRUNK,)), "not in this Plivo account"),
        (Seen((URI,), (TRUNK,), replace(BARE, voice_enabled=False)), "can't take voice calls"),
        (Seen((URI,), (TRUNK,), PlivoNumber("1", "/v1/Account/MA/Zentrunk/Trunk/t9/")), "on trunk t9; --take-over"),
        (Seen((), (TRUNK,), BARE), "has our name and leads elsewhere"),
        (Seen((URI, replace(URI, uri_uuid="u2")), (), BARE), "u1, u2; delete all but one"),
        (Seen((URI,), (TRUNK, replace(TRUNK, trunk_id="t2")), BARE), "t1, t2; delete all but one"),
    ],
)
def test_refusals(given: Seen, said: str) -> None:
    plan = plivo().plan(given, Memory())
    assert plan.changes == ()
    assert said in "; ".join(plan.refusals)


MADE = Memory(made={"u1": NUMBER, "t1": NUMBER}, previous={"app_id": "app1"})


def test_undo() -> None:
    plan = plivo().undo(Seen((URI,), (TRUNK,), OURS, {"t1": (NUMBER,)}), MADE)
    assert lines(plan) == [f"- {NUMBER}: trunk callwarden -> app1", "- inbound trunk t1", "- origination URI u1"]
    assert not [one for one in plan.changes if one.method == "DELETE" and "/Number/" in one.path]


def test_undo_of_a_number_that_had_no_application() -> None:
    before = replace(MADE, previous={})
    plan = plivo().undo(Seen((URI,), (TRUNK,), OURS, {"t1": (NUMBER,)}), before)
    assert lines(plan) == ["- inbound trunk t1", "- origination URI u1"]
    assert plan.changes[0].live
    assert "has none once the trunk is deleted" in plan.notes[0]
    plan = plivo().undo(Seen((URI,), (TRUNK,), OURS, {"t1": (NUMBER, "+1800")}), before)
    assert plan.changes == ()
    assert "they serve +1800" in plan.notes[0]
    assert "change it in the console" in plan.notes[1]


def test_undo_leaves_alone_what_is_somebody_elses() -> None:
    plan = plivo().undo(Seen((URI,), (TRUNK,), OURS), Memory(previous={"app_id": "app1"}))
    assert lines(plan) == [f"- {NUMBER}: trunk callwarden -> app1"]
    assert "not made from here" in plan.notes[0]
    # A URI that another trunk leads to stays: its calls would fail.
    fallback = Trunk("t2", "inbound", "other", primary_uri_uuid="u9", fallback_uri_uuid="u1")
    plan = plivo().undo(Seen((URI,), (TRUNK, fallback), OURS), MADE)
    assert lines(plan)[-1] == "- inbound trunk t1"
    two = Seen((URI,), (TRUNK, replace(TRUNK, trunk_id="t2")), OURS)
    assert "delete all but one" in plivo().undo(two, MADE).refusals[0]
    assert plivo().undo(Seen(), MADE).changes == ()


@pytest.mark.parametrize("wrapped", [True, False])
def test_looking(wrapped: bool) -> None:
    trunk = msgspec.to_builtins(TRUNK)

    def answers(ask: Ask) -> Any:
        offset = int(ask.query.get("offset", "0"))
        match ask.path.removeprefix("/v1/Account/MA"):
            case "/Zentrunk/URI/":
                page = [{"uri_uuid": f"u{offset + place}", "uri": TARGET} for place in range(20 if offset < 40 else 3)]
                return {"objects": page, "meta": {"limit": 20, "offset": offset, "total_count": 43}}
            case "/Zentrunk/Trunk/":
                bare = {key: value for key, value in trunk.items() if key != "trunk_domain"}
                return {"objects": [bare, {"trunk_id": "t2", "trunk_direction": "inbound", "name": "other"}]}
            case "/Zentrunk/Trunk/t1/":
                return {"api_id": "a", "object": trunk} if wrapped else {"api_id": "a", **trunk}
            case "/Number/18005550199/":
                return None
            case "/Number/":
                return {
                    "objects": [{"number": "1801", "application": "/v1/Account/MA/Zentrunk/Trunk/t1/"}, {"number": "7"}]
                }
        raise AssertionError(ask.path)

    found, asked = answered(plivo().look(Memory()), answers)
    assert len(found.uris) == 43
    assert [one.trunk_domain for one in found.trunks] == ["t1.zt.plivo.com", None]
    assert (found.number, found.on_trunks) == (None, {"t1": ("+1801",)})
    assert all(ask.path.endswith("/") for ask in asked)
    assert all(int(ask.query.get("limit", "20")) <= 20 for ask in asked)


def test_a_trunk_that_is_gone_when_it_is_read() -> None:
    def answers(ask: Ask) -> Any:
        if ask.path.endswith("/Zentrunk/Trunk/"):
            return {"objects": [msgspec.to_builtins(TRUNK)]}
        return None if ask.may_miss else {"objects": []}

    assert answered(plivo().look(Memory()), answers)[0].trunks == (TRUNK,)


def test_a_list_that_never_ends_and_answers_that_are_none() -> None:
    page = {"objects": [{"uri_uuid": "u", "uri": "x"}] * 20, "meta": {"total_count": 1_000_000}}
    with pytest.raises(CarrierRefused, match="does not end"):
        answered(plivo().look(Memory()), lambda ask: page)
    with pytest.raises(CarrierRefused, match="documented form"):
        answered(plivo().look(Memory()), lambda ask: [])


def test_manners() -> None:
    manners = PlivoManners("MA", Secret("t"))
    assert manners.url("/v1/Account/MA/Number/") == "https://api.plivo.com/v1/Account/MA/Number/"
    assert manners.explain(400, {"api_id": "a", "error": "bad"}, "/x/") == "bad"
    assert manners.explain(422, {"error": {"uri": "is required"}}, "/x/") == "is required"
    assert manners.explain(401, None, "/x/") == "look at the auth id and its token"
    for status in (404, 503):
        assert "SIP trunking may not be enabled" in manners.explain(status, {}, "/v1/Account/MA/Zentrunk/URI/")
    assert manners.explain(404, {"error": "not found"}, "/v1/Account/MA/Zentrunk/URI/u1/") == "not found"
