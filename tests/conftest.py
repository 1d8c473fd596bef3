import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon.ledger.engine import Engines
from daemon.observe import log
from tests.databases import KINDS, database_url, open_engines

Logged = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def logged() -> Iterator[Logged]:
    """Gives what was logged so far, as the journal would get it."""
    stream = io.StringIO()
    log.set_up(level="debug", json=True, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()


@pytest.fixture(params=KINDS)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of each kind there is."""
    with database_url(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def engines(ledger_url: str) -> Iterator[Engines]:
    """A ledger with nothing in it, of each kind there is."""
    with open_engines(ledger_url) as engines:
        yield engines
