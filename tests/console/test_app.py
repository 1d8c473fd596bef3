"""The console over real sockets: who may see what, what every answer carries, and that text stays text."""

from pathlib import Path

import httpx
import msgspec
import pytest
import trio

from daemon.console.app import HEADERS
from daemon.core import journal
from daemon.core.snapshots import Words
from tests.configured import CALLER
from tests.conftest import Logged
from tests.console.served import proof, served_console
from tests.live import eventually
from tests.operate.fakes import TOKEN, call_view

PAGES = ["/", "/history", "/charts", "/node", "/tree", "/calls/call-1", "/calls/call-1/hangup", "/node/drain"]


@pytest.mark.parametrize("page", PAGES)
async def test_pages(tmp_path: Path, page: str) -> None:
    async with served_console(tmp_path, [call_view()]) as console:
        answer = await console.unix.get(page)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert "<script>" not in answer.text
        assert "style=" not in answer.text
        assert " on" not in answer.text.split("<main")[0].replace(" on <bdi>", "")
        # Over TCP, whoever has not shown the token is sent to where that is done, and sees nothing.
        refused = await console.tcp.get(page)
        assert (refused.status_code, refused.headers["Location"], refused.text) == (303, "/login", "")
        assert (await console.log_in()).status_code == 303
        assert (await console.tcp.get(page)).status_code == 200
