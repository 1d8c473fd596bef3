"""Looking a caller up within the time there is, on a virtual clock."""

from collections.abc import Mapping, Sequence

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.config import Secret
from daemon.config.lookups import Lookup
from daemon.core.incoming import IncomingCall
from daemon.errors import LookupFailed
from daemon.lookup.caller import Found, look_up

LOOKUP = Lookup(
    url="https://crm.example.com/callers/{caller}?line={called}&again={caller}",
    timeout=1.5,
    headers={"Authorization": Secret("Bearer x")},
)
INCOMING = IncomingCall(
    call_id="c1", webhook_id="m1", called="+18005550199", caller="+14155550100", created_at=None, received_at=0.0
)


class Server:
    """Somebody who answers after a while."""

    def __init__(self, answer: bytes | LookupFailed | None = b"{}", after: float = 0.0) -> None:
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self._answer, self._after = answer, after

    async def __call__(self, url: str, headers: Mapping[str, str], allowed: Sequence[str] = ()) -> bytes | None:
        self.asked.append((url, headers))
        await trio.sleep(self._after)
        if isinstance(self._answer, LookupFailed):
            raise self._answer
        return self._answer


async def test_what_is_asked(autojump_clock: MockClock) -> None:
    server = Server(b'{"name": "Ada"}', after=1.0)
    assert await look_up(LOOKUP, INCOMING, server) == Found(result="found", document={"name": "Ada"})
    assert trio.current_time() == 1.0
    assert server.asked == [
        (
            "https://crm.example.com/callers/%2B14155550100?line=%2B18005550199&again=%2B14155550100",
            {"Authorization": "Bearer x"},
        )
    ]


@pytest.mark.parametrize(
    ("server", "found", "at"),
    [
        (Server(None), Found(result="unknown"), 0.0),
        (Server(b"{}", after=2.0), Found(result="late", why="no answer within 1.5s"), 1.5),
        (Server(b"<html>"), Found(result="failed", why="the answer is not JSON"), 0.0),
        (Server(LookupFailed("HTTP 500"), after=1.0), Found(result="failed", why="HTTP 500"), 1.0),
    ],
)
async def test_what_comes_of_it(autojump_clock: MockClock, server: Server, found: Found, at: float) -> None:
    assert await look_up(LOOKUP, INCOMING, server) == found
    assert trio.current_time() == at


async def test_nobody_is_asked_about_a_number_that_is_withheld(autojump_clock: MockClock) -> None:
    server = Server()
    withheld = msgspec.structs.replace(INCOMING, caller=None)
    assert await look_up(LOOKUP, withheld, server) == Found(result="withheld")
    assert server.asked == []
    by_line = Lookup(url="https://crm.example.com/lines/{called}")
    assert await look_up(by_line, withheld, server) == Found(result="found", document={})
    assert server.asked == [("https://crm.example.com/lines/%2B18005550199", {})]


async def test_a_server_that_tells_what_it_was_sent(autojump_clock: MockClock) -> None:
    token = Secret("only-for-the-crm")
    lookup = msgspec.structs.replace(LOOKUP, headers={"Authorization": Secret(f"Bearer {token.reveal()}", (token,))})
    found = await look_up(lookup, INCOMING, Server(b'{"name": "Ada", "sent": "Bearer only-for-the-crm"}'))
    assert found.document == {"name": "Ada", "sent": "Bearer ****"}
