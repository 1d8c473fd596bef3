"""Starting the daemon as a child: what happens when it does not start, or does not want to stop."""

from pathlib import Path

import pytest

from daemon.errors import StartError
from daemon.sandbox.daemon_process import open_daemon
from tests.configured import API_KEY, SIGNING_SECRET

ROOT = Path(__file__).parent.parent.parent


async def test_a_daemon_that_refuses_its_configuration() -> None:
    expected = pytest.RaisesExc(StartError, match="exit code 78")
    with pytest.RaisesGroup(expected, flatten_subgroups=True):
        async with open_daemon(
            ROOT / "config.toml", settings=("limits.max_calls=0",), secret=SIGNING_SECRET, api_key=API_KEY
        ):
            pass


async def test_leaving_the_block_ends_it() -> None:
    async with open_daemon(ROOT / "config.toml", settings=(), secret=SIGNING_SECRET, api_key=API_KEY) as daemon:
        assert daemon.ready_after < 10
        process = daemon.process
    assert process.returncode == 0
