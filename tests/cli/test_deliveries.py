from functools import partial

import pytest

from daemon.ledger import sending
from daemon.ledger.outbox import FIRST_PAUSE, Endpoint
from tests.cli.ledgers import URL, Desk

OTHER = "https://gone.test/calls"


@pytest.fixture
def owing(desk: Desk) -> Desk:
    """A delivery of each kind."""
    for call_id in ("taken", "given-up", "waiting"):
        desk.ledger.claim(call_id)
        desk.ledger.end(call_id)
    desk.ledger.pass_time(FIRST_PAUSE)
    for due in desk.ledger.run(partial(sending.take, room={URL: 3})):
        match due.call_id:
            case "taken":
                desk.ledger.run(partial(sending.delivered, due=due))
            case "given-up":
                desk.ledger.run(partial(sending.failed, due=due, why="HTTP 410", pause=None))
            case _:
                desk.ledger.run(partial(sending.failed, due=due, why="HTTP\x1b 500", pause=300))
    return desk


def listed(desk: Desk, *options: str) -> dict[str, str]:
    return {each["call_id"]: each["state"] for each in desk.json("ledger", "deliveries", *options)}


def delivery_of(desk: Desk, call_id: str) -> str:
    return str(desk.ledger.delivery(call_id=call_id)["id"])


def test_which(owing: Desk) -> None:
    assert listed(owing) == listed(owing, "--owed") == {"waiting": "owed"}
    assert listed(owing, "--failed") == {"given-up": "given up"}
    assert listed(owing, "--all") == {"waiting": "owed", "given-up": "given up", "taken": "delivered"}
    assert len(listed(owing, "--all", "--limit", "1")) == 1


def test_the_table(owing: Desk) -> None:
    headings, line = owing.lines("ledger", "deliveries")
    assert headings.split()[:4] == ["DELIVERY", "CALL", "EVENT", "URL"]
    for part in (delivery_of(owing, "waiting"), "waiting", "call.ended", URL, r"HTTP\x1b 500", "owed"):
        assert part in line
    assert owing.run("ledger", "deliveries", "--set", "log.level=debug").stdout


def test_no_deliveries(desk: Desk) -> None:
    assert desk.run("ledger", "deliveries").stderr == "no deliveries\n"
    assert desk.run("ledger", "deliveries", "--retry-all").stderr == "no deliveries\n"


def test_an_endpoint_that_is_not_configured_any_more(desk: Desk) -> None:
    desk.ledger.endpoints = (Endpoint(url=OTHER, events=("call.ended",)),)
    desk.ledger.claim("call-1")
    desk.ledger.end("call-1")
    _, line = desk.lines("ledger", "deliveries")
    assert "not in the configuration any more" in line
    (delivery,) = desk.json("ledger", "deliveries")
    assert delivery["configured"] is False


def test_retry_one(owing: Desk) -> None:
    wanted = delivery_of(owing, "given-up")
    assert owing.lines("ledger", "deliveries", "--retry", wanted) == [f"{wanted}: due now"]
    assert owing.ledger.run(partial(sending.is_due, urls=[URL]))
    assert listed(owing) == {"waiting": "owed", "given-up": "owed"}


def test_retry_all(owing: Desk) -> None:
    assert len(owing.lines("ledger", "deliveries", "--retry-all")) == 2
    assert {each["attempts"] for each in owing.json("ledger", "deliveries")} == {0}


def test_retry_as_json(owing: Desk) -> None:
    wanted = delivery_of(owing, "waiting")
    assert owing.json("ledger", "deliveries", "--retry", wanted) == [{"id": wanted, "state": "owed"}]


def test_retry_what_can_not_be(owing: Desk) -> None:
    taken, waiting = delivery_of(owing, "taken"), delivery_of(owing, "waiting")
    line = owing.refused(1, "ledger", "deliveries", "--retry", taken, "--retry", "msg_dog", "--retry", waiting)
    assert taken in line
    assert "msg_dog" in line
    assert waiting not in line
