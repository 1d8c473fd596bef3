import json
from pathlib import Path

import pytest

from daemon.cli.calls import shortened
from tests.cli.ledgers import Desk
from tests.configured import CALLED, CALLER
from tests.databases import at_version

LONG = "7d0c3c6e-0f62-4c1f-9a55-1d2b1f4e8a10"


def test_no_calls(desk: Desk) -> None:
    result = desk.run("calls")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no calls\n")
    assert desk.json("calls") == []


def test_a_table(desk: Desk) -> None:
    desk.ledger.claim(LONG)
    desk.ledger.end(LONG, "hung_up", "hang_up", "the model asked")
    desk.ledger.pass_time(1)
    desk.ledger.claim("call-2")
    headings, live, over = desk.lines("calls")
    assert headings.split()[:4] == ["CALL", "WHEN", "CALLER", "CALLED"]
    for part in ("7d0c3c6e ", CALLER, CALLED, "support", "alpha", "hung_up", "12s", "hang_up > the model asked"):
        assert part in over
    assert LONG not in over
    assert "live" in live


def test_json(desk: Desk) -> None:
    desk.ledger.claim(LONG)
    (call,) = desk.json("calls")
    assert call["call_id"] == LONG
    assert call["outcome"] is None
    assert call["node"] == "alpha"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--live"], ["live"]),
        (["--since", "1h"], ["live", "sales"]),
        (["--number", "+49 (30) 123-456"], ["sales"]),
        (["--number", CALLED, "--agent", "support"], ["live", "old"]),
        (["--agent", "sales"], ["sales"]),
        (["--outcome", "hung_up"], ["sales"]),
        (["--limit", "1"], ["live"]),
        (["--search", "order NOT"], []),
        (["--search", "my ORDER"], ["old"]),
    ],
)
def test_which(desk: Desk, options: list[str], found: list[str]) -> None:
    desk.ledger.claim("old")
    desk.ledger.said("old", "caller", "Where is my order?")
    desk.ledger.end("old")
    desk.ledger.pass_time(7200)
    desk.ledger.claim("sales", agent="sales", caller="+4930123456")
    desk.ledger.end("sales", "hung_up")
    desk.ledger.pass_time(1)
    desk.ledger.claim("live")
    assert [call["call_id"] for call in desk.json("calls", *options)] == found


def test_what_was_found(desk: Desk) -> None:
    desk.ledger.claim("call-1")
    desk.ledger.said("call-1", "caller", "Where is my order?")
    assert "Where is my order?" in desk.lines("calls", "--search", "order")[1]
    assert desk.json("calls", "--search", "order")[0]["found"] == "Where is my order?"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--number", "5550100"], "E.164"),
        (["--since", "yesterday"], "a duration such as"),
        (["--outcome", "bored"], "caller_left"),
        (["--search", '"*"'], "no word"),
        (["--limit", "0"], "1<=x<=10000"),
    ],
)
def test_wrong_usage(desk: Desk, options: list[str], why: str) -> None:
    assert why in desk.refused(2, "calls", *options)


def test_hostile_names_do_nothing_to_the_terminal(desk: Desk) -> None:
    desk.ledger.claim("call-1", agent="\x1b[2Jagent\u202e", caller="+1\r\nfake line")
    output = desk.run("calls").stdout
    assert r"\x1b[2Jagent\u202e" in output
    assert r"+1\r\nfake line" in output
    assert len(output.splitlines()) == 2
    text = desk.run("calls", "--json").stdout
    assert text.isascii()
    assert json.loads(text)["agent"] == "\x1b[2Jagent\u202e"


def test_short_ids() -> None:
    assert shortened(["abcdefgh-1", "abcdefgh-2", "short"]) == {
        "abcdefgh-1": "abcdefgh-1",
        "abcdefgh-2": "abcdefgh-2",
        "short": "short",
    }
    assert shortened([LONG]) == {LONG: LONG[:8]}
    assert shortened([]) == {}


# Trouble; the same for every command that opens the ledger


def test_no_ledger(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None, f"sqlite:///{tmp_path}/ledger.db")
    assert "there is no ledger yet" in desk.refused(69, "calls")
    assert not (tmp_path / "ledger.db").exists()


def test_no_server(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None, "postgresql://nobody@127.0.0.1:1/nothing")
    result = desk.run("calls")
    assert result.exit_code == 69
    assert "[ledger] url: postgresql://nobody@127.0.0.1:1/nothing: it can't be reached" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_newer_ledger(desk: Desk) -> None:
    with at_version(desk.ledger.engines, "9999"):
        assert "newer version" in desk.refused(78, "calls")


def test_a_wrong_configuration(desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text() + "\n[nonsense]\n")
    assert "nonsense" in desk.refused(78, "calls")


def test_a_password_that_is_needed(desk: Desk) -> None:
    text = desk.config.read_text().replace('node = "alpha"', 'password = "${env:NO_PASSWORD}"')
    desk.config.write_text(text)
    assert "NO_PASSWORD" in desk.refused(78, "calls")
