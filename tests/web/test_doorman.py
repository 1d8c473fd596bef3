"""The doorman: who is not signed is turned away before Quart hears of them; whoever else comes is passed on."""

import pytest
import trio
import trio.testing
from hypercorn.typing import ASGIReceiveEvent, ASGISendEvent, ConnectionState, HTTPScope

from daemon.errors import WebhookRefused
from daemon.web.doorman import AT_ONCE, Doorman
from daemon.web.signature import SigningSecret, Verifier
from tests.web.fakes import NOW, OTHER_SECRET, PATH, SECRET, body, sign

MOST = 1000


class Street:
    """One request, as a server would bring it."""

    def __init__(self, *pieces: bytes, method: str = "POST", path: str = PATH, signed: str = SECRET) -> None:
        self.refused: list[WebhookRefused] = []
        self.sent: list[ASGISendEvent] = []
        self.received = 0
        self._pieces = pieces
        headers = sign(b"".join(pieces), secret=signed)
        self._scope: HTTPScope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": None,
            "server": None,
            "state": ConnectionState({}),
            "extensions": {},
        }

    async def receive(self) -> ASGIReceiveEvent:
        if self.received == len(self._pieces):
            await trio.sleep_forever()
        self.received += 1
        piece = self._pieces[self.received - 1]
        return {"type": "http.request", "body": piece, "more_body": not piece.endswith(b"}")}

    async def send(self, event: ASGISendEvent) -> None:
        self.sent.append(event)

    async def passes(self) -> list[bytes] | None:
        """The pieces of the body, as the application would receive them; None if it was turned away."""
        verifier = Verifier([SigningSecret(value=SECRET)], wall=lambda: float(NOW))
        looked_at = await Doorman(PATH, verifier, self.refused.append, max_body=MOST).look(
            self._scope, self.receive, self.send
        )
        if looked_at is None:
            return None
        received: list[bytes] = []
        while sum(map(len, received)) < sum(map(len, self._pieces)):
            event = await looked_at()
            assert event["type"] == "http.request"
            received.append(event["body"])
        return received


async def test_a_signed_delivery_goes_on_in_one_piece() -> None:
    whole = body()
    street = Street(whole[:5], whole[5:])
    assert await street.passes() == [whole]
    assert street.sent == []


async def test_an_unsigned_one_is_refused_in_the_handlers_words() -> None:
    street = Street(body(), signed=OTHER_SECRET)
    assert await street.passes() is None
    assert [refused.reason for refused in street.refused] == ["bad_signature"]
    start, end = street.sent
    assert start == {
        "type": "http.response.start",
        "status": 401,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"24")],
    }
    assert end == {"type": "http.response.body", "body": b'{"error":"unauthorized"}', "more_body": False}


@pytest.mark.parametrize("elsewhere", [{"path": "/healthz"}, {"method": "GET"}])
async def test_other_requests_are_none_of_its_business(elsewhere: dict[str, str]) -> None:
    street = Street(body(), signed=OTHER_SECRET, **elsewhere)
    assert await street.passes() == [body()]


async def test_a_slow_body_is_the_handlers_business(autojump_clock: trio.testing.MockClock) -> None:
    street = Street(b"{", signed=OTHER_SECRET)
    assert await street.passes() == [b"{"]
    assert trio.current_time() == pytest.approx(AT_ONCE)


async def test_a_body_that_is_too_large_is_the_handlers_business() -> None:
    street = Street(b"{" + b"x" * MOST, b"}", signed=OTHER_SECRET)
    assert b"".join(await street.passes() or []) == b"{" + b"x" * MOST + b"}"
    assert street.sent == []
