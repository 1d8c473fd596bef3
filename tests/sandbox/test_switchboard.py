"""REST and joining, held against the contract."""

import json

import pytest
import trio
from trio.testing import MockClock

from daemon.sandbox.script import Script
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.contract import complaints

KEY = {"authorization": "Bearer k"}


@pytest.fixture
def board() -> Switchboard:
    return Switchboard("k")


def post(board: Switchboard, path: str, body: object = None) -> tuple[int, dict[str, object]]:
    return board.rest("POST", path, KEY, b"" if body is None else json.dumps(body).encode())


def control(call: SandboxCall, verb: str) -> str:
    return f"/v1/realtime/calls/{call.id}/{verb}"


def test_hang_up_once_then_it_is_over(board: Switchboard) -> None:
    call = board.place(Script())
    assert post(board, control(call, "hangup")) == (200, {})
    assert call.ended_by == "hangup"
    status, body = post(board, control(call, "hangup"))
    assert status == 404
    assert complaints("rest", "error_body", body) == []
    assert call.hang_ups == 2


def test_hang_up_refused_by_the_script(board: Switchboard) -> None:
    call = board.place(Script())
    call.hang_up_refusals = [500, 429]
    assert [post(board, control(call, "hangup"))[0] for _ in range(3)] == [500, 429, 200]


def test_unknown_calls(board: Switchboard) -> None:
    for verb in ("hangup", "refer"):
        assert post(board, f"/v1/realtime/calls/nobody/{verb}")[0] == 404


@pytest.mark.parametrize(
    ("target", "script", "status"),
    [
        ("tel:+14155550123", 200, 200),
        ("sip:desk@pbx.example", 502, 502),
        ("sip:desk@pbx.example", 504, 504),
        ("https://evil.example", 200, 400),
    ],
)
def test_refer(board: Switchboard, target: str, script: int, status: int) -> None:
    call = board.place(Script())
    call.refer_status = script
    answer, body = post(board, control(call, "refer"), {"target_uri": target})
    assert answer == status
    definition = "call.refer.response.200" if status == 200 else "error_body"
    assert complaints("rest", definition, body) == []
    assert call.over.is_set() == (status == 200)
    assert call.refers == ([] if status == 400 else [target])


def test_the_key_is_checked_everywhere(board: Switchboard) -> None:
    call = board.place(Script())
    assert board.rest("POST", control(call, "hangup"), {}, b"")[0] == 401
    assert board.rest("GET", "/v2/phone-numbers", {"authorization": "Bearer x"}, b"")[0] == 401
    refused = board.refuse_join(call.id, "Bearer x")
    assert refused is not None
    assert refused[0] == 401


def test_joining(board: Switchboard) -> None:
    call = board.place(Script(), call_id="mine")
    assert board.refuse_join("mine", "Bearer k") is None
    call.join_refusals = [503]
    refused = board.refuse_join("mine", "Bearer k")
    assert refused is not None
    assert refused[0] == 503
    call.end("caller")
    call.end("hangup")
    assert call.ended_by == "caller"
    for call_id in ("mine", "nobody"):
        refused = board.refuse_join(call_id, "Bearer k")
        assert refused is not None
        assert refused[0] == 404


def test_phone_numbers(board: Switchboard) -> None:
    wanted = {"origin": "byo_trunk", "phone_number": "+18005550199", "webhook": {"url": "https://a.example/x"}}
    assert complaints("rest", "phone_number.create.request", wanted) == []
    status, made = post(board, "/v2/phone-numbers", wanted)
    assert status == 200
    assert complaints("rest", "phone_number.create.response", made) == []
    assert post(board, "/v2/phone-numbers", wanted)[0] == 409

    status, listed = board.rest("GET", "/v2/phone-numbers", KEY, b"")
    assert complaints("rest", "phone_number.list.response", listed) == []
    assert "whsec_" not in json.dumps(listed)
    path = f"/v2/phone-numbers/{listed['phoneNumbers'][0]['phoneNumberId']}"
    status, one = board.rest("GET", path, KEY, b"")
    assert complaints("rest", "phone_number.get.response", one) == []
    assert board.rest("DELETE", path, KEY, b"")[0] == 200
    assert board.rest("DELETE", path, KEY, b"")[0] == 404
    assert board.rest("PATCH", path, KEY, b"")[0] == 405


@pytest.mark.parametrize(
    ("body", "status"), [({"origin": "xai_provisioned"}, 403), ({"origin": "byo_trunk"}, 422), ([], 403)]
)
def test_registrations_that_are_refused(board: Switchboard, body: object, status: int) -> None:
    answer, said = post(board, "/v2/phone-numbers", body)
    assert answer == status
    assert complaints("rest", "error_body", said) == []


def test_no_such_path_or_method(board: Switchboard) -> None:
    call = board.place(Script())
    assert board.rest("GET", control(call, "hangup"), KEY, b"")[0] == 405
    assert board.rest("GET", "/v9/unknown", KEY, b"not json")[0] == 404
    assert board.rest("POST", "/v2/phone-numbers", KEY, b"not json")[0] == 403


def test_transfers_that_fail_first(board: Switchboard) -> None:
    call = board.place(Script())
    call.refer_refusals = [502, 504]
    body = {"target_uri": "tel:+14155550123"}
    assert [post(board, control(call, "refer"), body)[0] for _ in range(3)] == [502, 504, 200]


async def test_a_transfer_rings_for_as_long_as_somebody_waits(autojump_clock: MockClock, board: Switchboard) -> None:
    call = board.place(Script())
    call.rings = 20.0
    began = trio.current_time()
    await board.ring(control(call, "hangup"))
    assert trio.current_time() == began
    await board.ring(control(call, "refer"))
    assert trio.current_time() == began + 20
    call.end("caller")
    await board.ring(control(call, "refer"))
    assert trio.current_time() == began + 20
