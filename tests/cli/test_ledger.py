import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from daemon.ledger import epochs, sending
from tests.cli.ledgers import URL, Desk
from tests.databases import at_version

# Migrate


def test_migrate_what_is_up_to_date(desk: Desk) -> None:
    (line,) = desk.lines("ledger", "migrate")
    assert "up to date (0001)" in line


def test_migrate_a_file_that_is_not_there(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None, f"sqlite:///{tmp_path}/ledger.db")
    assert "there is no ledger yet" in desk.refused(69, "ledger", "migrate")


def test_migrate_an_empty_database(tmp_path: Path, database: Callable[..., str]) -> None:
    desk = Desk(tmp_path, None, database(empty=True))
    assert "callwarden ledger migrate" in desk.refused(69, "calls")
    (line,) = desk.lines("ledger", "migrate")
    assert "tables made (0001)" in line
    assert desk.lines("calls") == []


def test_migrate_a_newer_one(desk: Desk) -> None:
    with at_version(desk.ledger.engines, "9999"):
        assert "newer version" in desk.refused(78, "ledger", "migrate")


def test_migrate_a_server_that_is_down(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None, "postgresql://nobody@127.0.0.1:1/nothing")
    assert "can't be reached" in desk.refused(69, "ledger", "migrate")


# Export


def test_export(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(120):
        desk.ledger.claim(f"call-{number:03}")
    desk.ledger.said("call-007", "caller", "Grüße \u202e")
    records = [json.loads(line) for line in desk.lines("ledger", "export")]
    assert [record["call"]["call_id"] for record in records] == [f"call-{number:03}" for number in range(120)]
    assert records[7]["turns"][0]["words"] == "Grüße \u202e"


def test_export_what_is_recent(desk: Desk) -> None:
    desk.ledger.claim("old")
    desk.ledger.pass_time(7200)
    desk.ledger.claim("new")
    (line,) = desk.lines("ledger", "export", "--since", "1h")
    assert json.loads(line)["call"]["call_id"] == "new"


# Prune


@pytest.fixture
def aged(desk: Desk) -> Desk:
    """A call that ended a hundred days ago and was told, one of which somebody is still to be told, one from today."""
    for call_id in ("told", "owed"):
        desk.ledger.claim(call_id)
        desk.ledger.end(call_id)
    desk.ledger.pass_time(100 * 86_400)
    for due in desk.ledger.run(partial(sending.take, room={URL: 2})):
        if due.call_id == "told":
            desk.ledger.run(partial(sending.delivered, due=due))
    desk.ledger.claim("today")
    desk.ledger.end("today")
    return desk


def left(desk: Desk) -> set[str]:
    return {call["call_id"] for call in desk.json("calls")}


def test_prune_asks_first(aged: Desk) -> None:
    result = aged.run("ledger", "prune", input="n\n")
    assert result.exit_code == 1
    assert "Forget 2 calls that ended more than 90d ago?" in result.stderr
    assert left(aged) == {"told", "owed", "today"}
    assert aged.run("ledger", "prune", input="y\n").stdout == "forgotten: 1\n"
    assert left(aged) == {"owed", "today"}


def test_prune_without_asking(aged: Desk) -> None:
    assert aged.lines("ledger", "prune", "--older-than", "200d", "--yes") == ["forgotten: 0"]
    assert aged.lines("ledger", "prune", "--older-than", "1d", "--yes") == ["forgotten: 1"]


def test_prune_many(desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text().replace(URL, "https://other.test"))
    desk.ledger.endpoints = ()
    for number in range(45):
        desk.ledger.claim(f"call-{number}")
        desk.ledger.end(f"call-{number}")
    desk.ledger.pass_time(10)
    assert desk.lines("ledger", "prune", "--older-than", "5s", "--yes") == ["forgotten: 45"]
    assert desk.lines("ledger", "prune", "--older-than", "5s") == ["forgotten: 0"]


def test_prune_a_ledger_that_is_kept_for_ever(desk: Desk) -> None:
    assert "--older-than" in desk.refused(2, "ledger", "prune", "--set", "ledger.retention=0s")


# Nodes


def test_nodes(desk: Desk) -> None:
    desk.ledger.node("beta", "epoch-2")
    desk.ledger.claim("call-1")
    desk.ledger.run(lambda c: epochs.end(c, "epoch-2"))
    headings, alpha = desk.lines("ledger", "nodes")
    assert headings.split() == ["NODE", "EPOCH", "VERSION", "SINCE", "STATE", "LEASE", "CALLS"]
    assert alpha.split()[:3] == ["alpha", "epoch-1", "1.2.3"]
    assert alpha.split()[-1] == "1"
    (node,) = desk.json("ledger", "nodes")
    assert (node["node"], node["state"], node["calls"]) == ("alpha", "alive", 1)
    assert {node["state"] for node in desk.json("ledger", "nodes", "--all")} == {"alive", "ended"}


# The daemon is not disturbed


def test_a_daemon_that_writes_is_not_waited_for(desk: Desk) -> None:
    desk.ledger.claim("call-1")
    if not desk.ledger.engines.file:
        return
    with desk.ledger.engines.durable.begin() as connection:
        connection.exec_driver_sql("UPDATE calls SET agent = 'other'")
        assert desk.json("calls")[0]["agent"] == "support"
    assert desk.json("calls")[0]["agent"] == "other"


def test_the_file_stays_as_it_is(desk: Desk) -> None:
    file = desk.ledger.engines.file
    if file is None:
        return
    desk.ledger.claim("call-1")
    desk.ledger.engines.dispose()
    mode = Path(file).stat().st_mode
    before = Path(file).read_bytes()
    for command in (["calls"], ["show", "call-1"], ["ledger", "export"], ["ledger", "nodes"], ["ledger", "deliveries"]):
        assert desk.run(*command).exit_code == 0
    assert (Path(file).read_bytes(), Path(file).stat().st_mode) == (before, mode)


# Verify


def test_verify(desk: Desk) -> None:
    desk.ledger.claim("call-1")
    (line,) = desk.lines("ledger", "verify")
    assert line.endswith("1 calls, 0 receipts, 1 live, 1 epochs, 0 entries, 0 deliveries: consistent")
    (verdict,) = desk.json("ledger", "verify")
    assert (verdict["calls"], verdict["findings"]) == (1, [])


def test_verify_tells_what_is_wrong(desk: Desk) -> None:
    desk.ledger.claim("call-\u202e1")
    desk.ledger.run(lambda c: epochs.end(c, "epoch-1"))
    result = desk.run("ledger", "verify")
    assert result.exit_code == 1
    found, told = result.stdout.splitlines()
    assert found == "call-\\u202e1: it has no receipt and belongs to alpha, which is gone (a debt has an owner)"
    assert told.endswith("1 findings")
