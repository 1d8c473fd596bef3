from pathlib import Path

import pytest

from daemon.ledger.engine import Engines
from tests.cli.ledgers import Desk


@pytest.fixture
def desk(tmp_path: Path, engines: Engines, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An operator's desk, at which no secret is to be had."""
    for name in ("XAI_API_KEY", "HOOK", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    return Desk(tmp_path, engines, ledger_url)
