import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from daemon.observe import log
from tests.databases import database, engines, ledger_url, postgres, spare

__all__ = ["database", "engines", "ledger_url", "logged", "postgres", "spare"]

Logged = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def logged() -> Iterator[Logged]:
    """Gives what was logged so far, as the journal would get it."""
    stream = io.StringIO()
    log.set_up(level="debug", json=True, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
