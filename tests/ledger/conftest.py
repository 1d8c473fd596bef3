from pathlib import Path

import pytest

from daemon.ledger.engine import Engines
from tests.ledger.house import House
from tests.ledger.outage import outages

__all__ = ["house", "outages"]


@pytest.fixture
def house(engines: Engines, tmp_path: Path) -> House:
    """A place for several ledgers that share one database with the tables in it, of each kind."""
    return House(engines, tmp_path)
