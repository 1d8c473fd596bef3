"""The workshop's own system: customers, free hours, bookings, deposits and messages over HTTP, kept in memory.

Start it by hand with `python examples/appointments/shop.py`; it needs nothing but Python. What it shows of a good
server for tools: it wants a token, answers JSON always, says in a refusal what to do differently, does once per key
what it is asked to do twice, keeps the last four digits of a card and no more, and checks what it is told of calls.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PORT = 8099
HOURS = range(8, 18)
DEPOSIT = 10
Answer = tuple[int, dict[str, Any]]


def is_card(digits: str) -> bool:
    """Whether these are the digits of a card, as far as their check digit tells (Luhn)."""
    if not (digits.isascii() and digits.isdigit() and 12 <= len(digits) <= 19):
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


@dataclass
class Shop:
    """What the workshop knows."""

    token: str
    secret: str
    """With which what it is told of calls is signed."""
    customers: dict[str, dict[str, str]] = field(
        default_factory=lambda: {"+14155550100": {"name": "Ada King", "bicycle": "a green randonneur"}}
    )
    taken: dict[str, list[int]] = field(default_factory=lambda: {"2026-03-03": [8, 10, 12, 13, 14, 15, 16, 17]})
    bookings: list[dict[str, Any]] = field(default_factory=list)
    deposits: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    done: dict[str, Answer] = field(default_factory=dict)
    """What was answered, by idempotency key."""
    asked: list[str] = field(default_factory=list)
    """What it was asked, oldest first."""
    told: list[str] = field(default_factory=list)
    """What it was told of calls, as it came."""

    def get(self, path: str, query: dict[str, list[str]]) -> Answer:
        """Answer a question."""
        if path == "/slots":
            taken = self.taken.get(query.get("day", [""])[0], [])
            return 200, {"free": [hour for hour in HOURS if hour not in taken]}
        customer = self.customers.get(path.removeprefix("/customers/"))
        return (200, dict(customer)) if customer else (404, {"error": "There is no such customer."})

    def post(self, path: str, key: str, wanted: dict[str, Any]) -> Answer:
        """Do something; asked again with the same key, answer the same and do nothing."""
        work = {"/bookings": self.book, "/deposits": self.charge, "/messages": self.note}.get(path)
        if work is None:
            return 404, {"error": "There is no such thing."}
        if key not in self.done:
            answer = work(wanted)
            if answer[0] >= 400:
                return answer
            self.done[key] = answer
        return self.done[key]

    def book(self, wanted: dict[str, Any]) -> Answer:
        """Book an hour."""
        taken = self.taken.setdefault(wanted["day"], [])
        if wanted["hour"] in taken:
            return 409, {"error": "This hour is taken. Offer another one."}
        taken.append(wanted["hour"])
        self.bookings.append({"booking": len(self.bookings) + 1, **wanted})
        return 201, self.bookings[-1]

    def charge(self, wanted: dict[str, Any]) -> Answer:
        """Take a deposit."""
        card = str(wanted["card"])
        if not is_card(card):
            return 422, {"error": "This is no card number. Have the caller type it again."}
        self.deposits.append({"booking": wanted["booking"], "dollars": DEPOSIT, "card": f"...{card[-4:]}"})
        return 201, {"paid": DEPOSIT}

    def note(self, wanted: dict[str, Any]) -> Answer:
        """Keep a message."""
        self.messages.append(wanted)
        return 201, {"kept": True}

    def hear(self, headers: Any, body: bytes) -> Answer:
        """Be told of a call; see docs/deliveries.md. Real servers also look at the time, and at ids they have seen."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
        if not any(hmac.compare_digest(f"v1,{signature}", each) for each in headers["webhook-signature"].split()):
            return 401, {"error": "The signature is wrong."}
        self.told.append(body.decode())
        return 200, {}


def serve(shop: Shop, port: int = PORT) -> ThreadingHTTPServer:
    """Make the server; whoever calls `serve_forever` runs it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            self._answer(lambda: shop.get(unquote(url.path), parse_qs(url.query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/calls":
                self._send(*shop.hear(self.headers, body))
            else:
                self._answer(lambda: shop.post(self.path, self.headers["Idempotency-Key"], json.loads(body)))

        def _answer(self, make: Any) -> None:
            shop.asked.append(f"{self.command} {self.path}")
            known = hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {shop.token}")
            self._send(*(make() if known else (401, {"error": "The token is wrong."})))

        def _send(self, status: int, value: dict[str, Any]) -> None:
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing: paths hold callers' numbers."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    names = ("WORKSHOP_TOKEN", "WORKSHOP_SIGNING_SECRET")
    if missing := [name for name in names if not os.environ.get(name)]:
        sys.exit(
            f"Set {' and '.join(missing)}: the token that callers of this server show, and the deliveries' secret."
        )
    with serve(Shop(*(os.environ[name] for name in names))) as server:
        print(f"The workshop's system listens on 127.0.0.1:{server.server_address[1]}")
        server.serve_forever()
