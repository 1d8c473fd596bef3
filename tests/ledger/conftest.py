"""What the ledger's tests have around them; the databases are in `tests/databases.py`."""

from pathlib import Path

import pytest

from daemon.ledger.engine import Engines
from tests.ledger.house import House
from tests.ledger.outage import Outages


@pytest.fixture
def house(engines: Engines, tmp_path: Path) -> House:
    """A place for several ledgers that share one database with the tables in it, of each kind."""
    return House(engines, tmp_path)


@pytest.fixture
def outages(house: House, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Outages:
    """Makes the database of the test's house fail; SQLite's patience is short, so that the test's can be."""
    monkeypatch.setattr("daemon.ledger.engine.BUSY_TIMEOUT", 0.1)
    return Outages(house, None if house.engines.file else request.getfixturevalue("postgres"))
