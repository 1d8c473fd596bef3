"""The workshop's own system: customers, free hours and bookings over HTTP, kept in memory.

Start it by hand with `python examples/appointments/shop.py`; it needs nothing but Python. What it shows of a good
server for tools: it wants a token, answers JSON always, says in a refusal what to do differently, books once per key.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PORT = 8099
HOURS = range(8, 18)
Answer = tuple[int, dict[str, Any]]


@dataclass
class Shop:
    """What the workshop knows."""

    token: str
    customers: dict[str, dict[str, str]] = field(
        default_factory=lambda: {"+14155550100": {"name": "Ada King", "bicycle": "a green randonneur"}}
    )
    taken: dict[str, list[int]] = field(default_factory=lambda: {"2026-03-03": [8, 10, 12, 13, 14, 15, 16, 17]})
    bookings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By idempotency key."""
    asked: list[str] = field(default_factory=list)
    """What it was asked, oldest first."""

    def get(self, path: str, query: dict[str, list[str]]) -> Answer:
        """Answer a question."""
        if path == "/slots":
            taken = self.taken.get(query.get("day", [""])[0], [])
            return 200, {"free": [hour for hour in HOURS if hour not in taken]}
        customer = self.customers.get(path.removeprefix("/customers/"))
        return (200, dict(customer)) if customer else (404, {"error": "There is no such customer."})

    def book(self, key: str, wanted: dict[str, Any]) -> Answer:
        """Book an hour; the same key gives the same booking."""
        if key in self.bookings:
            return 200, self.bookings[key]
        taken = self.taken.setdefault(wanted["day"], [])
        if wanted["hour"] in taken:
            return 409, {"error": "This hour is taken. Offer another one."}
        taken.append(wanted["hour"])
        self.bookings[key] = {"booking": len(self.bookings) + 1, **wanted}
        return 201, self.bookings[key]


def serve(shop: Shop, port: int = PORT) -> ThreadingHTTPServer:
    """Make the server; whoever calls `serve_forever` runs it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            self._answer(lambda: shop.get(unquote(url.path), parse_qs(url.query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(lambda: shop.book(self.headers["Idempotency-Key"], json.loads(body)))

        def _answer(self, make: Any) -> None:
            shop.asked.append(f"{self.command} {self.path}")
            known = self.headers["Authorization"] == f"Bearer {shop.token}"
            status, value = make() if known else (401, {"error": "The token is wrong."})
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
    if not os.environ.get("WORKSHOP_TOKEN"):
        sys.exit("Set WORKSHOP_TOKEN to the token that callers of this server have to show.")
    with serve(Shop(os.environ["WORKSHOP_TOKEN"])) as server:
        print(f"The workshop's system listens on 127.0.0.1:{server.server_address[1]}")
        server.serve_forever()
