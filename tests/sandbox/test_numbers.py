"""The platform's phone numbers in the sandbox, held against the contract; the rest is in test_switchboard.py."""

from itertools import count

import pytest

from daemon.sandbox.numbers import NO_PERMISSION, SOLD_IN_THE_CONSOLE, NumberDesk
from tests.contract import complaints, schema

NUMBER = "+4943155501234"


@pytest.fixture
def desk() -> NumberDesk:
    return NumberDesk(count(1))


def test_the_life_of_a_number(desk: NumberDesk) -> None:
    for example in schema("rest")["$defs"]["phone_number.create.request"]["examples"]:
        status, answer = desk.answer("POST", None, example)
        assert status == 200
        assert complaints("rest", "phone_number.create.response.camel", answer) == []
        assert desk.secrets[NUMBER] == answer["webhook"]["dispatchSigningSecret"]
        number_id = answer["phoneNumber"]["phoneNumberId"]
        assert desk.asked[number_id] == example
        assert complaints("rest", "phone_number.list.response", desk.answer("GET", None, {})[1]) == []
        assert complaints("rest", "phone_number.get.response", desk.answer("GET", number_id, {})[1]) == []
        assert desk.answer("DELETE", number_id, {}) == (200, {})
        assert desk.secrets == {}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"origin": "xai_provisioned"}, 403),
        ({"origin": "byo_trunk"}, 422),
        ({"origin": "byo_trunk", "phone_number": NUMBER, "webhook_url": "x"}, 422),
    ],
)
def test_refusals(desk: NumberDesk, body: dict[str, object], status: int) -> None:
    answered, said = desk.answer("POST", None, body)
    assert answered == status
    assert complaints("rest", "error_body", said) == []
    assert status != 403 or said == {"code": NO_PERMISSION, "error": SOLD_IN_THE_CONSOLE}


def test_what_there_is_not(desk: NumberDesk) -> None:
    assert desk.answer("PATCH", None, {})[0] == 405
    assert desk.answer("PATCH", "pn-1", {})[0] == 405
    assert desk.answer("DELETE", "pn-1", {})[0] == 404
