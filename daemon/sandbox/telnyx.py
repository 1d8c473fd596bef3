"""A stand-in for Telnyx's API, as far as setting up a number needs it: connections, FQDNs, numbers.

Shapes follow Telnyx's reference: JSON in `data`, lists with page counts, errors in a list. Like the real one it makes
two of anything that is made twice, filters partially, and finds no number by its plus sign. A desk for `rest.py`.
"""

import re
from collections.abc import Callable
from itertools import count
from typing import Any

from daemon.sandbox.rest import Answer, Asked

_PATH = re.compile(r"(?:/v2)?/(fqdn_connections|fqdns|phone_numbers)(?:/([A-Za-z0-9-]+))?(/voice)?")


class TelnyxDesk:
    """One account."""

    def __init__(self, *, key: str) -> None:
        self.connections: dict[str, dict[str, Any]] = {}
        self.fqdns: dict[str, dict[str, Any]] = {}
        self.numbers: dict[str, dict[str, Any]] = {}
        self.voice: dict[str, Any] = {}
        """Voice settings of every number."""
        self.released: list[str] = []
        """Numbers that were given back; nothing of ours may ever do that."""
        self.page_limit = 250
        self._authorization = f"Bearer {key}"
        self._ids = count(1_000_000_001)

    def buy(self, number: str, **settings: object) -> dict[str, Any]:
        """Add a number to the account."""
        one = str(next(self._ids))
        bare: dict[str, object] = {"id": one, "phone_number": number, "status": "active"}
        self.numbers[one] = {**bare, "connection_id": None, "connection_name": None, **settings}
        return self.numbers[one]

    def __call__(self, asked: Asked) -> Answer:
        """Answer a request."""
        if asked.headers.get("authorization") != self._authorization:
            return _error(401, "10009", "Authentication failed")
        matched = _PATH.fullmatch(asked.path)
        if matched is None:
            return _error(404, "10005", "Resource not found")
        kind, one = matched[1], matched[2]
        entries = {"fqdn_connections": self.connections, "fqdns": self.fqdns, "phone_numbers": self.numbers}[kind]
        if one is None:
            return self._list(asked, entries) if asked.method == "GET" else self._make(asked, kind)
        if one not in entries:
            return _error(404, "10005", "Resource not found")
        if matched[3]:
            number = entries[one]
            return Answer(200, {"data": {"id": one, "phone_number": number["phone_number"], **self.voice}})
        if asked.method == "DELETE":
            return self._delete(kind, entries, one)
        if asked.method == "PATCH":
            self._change(entries[one], asked)
        return Answer(200, {"data": entries[one]})

    def _list(self, asked: Asked, entries: dict[str, dict[str, Any]]) -> Answer:
        query = dict(asked.query)
        found = list(entries.values())
        for key, value in query.items():
            matched = re.fullmatch(r"filter\[(\w+)\](?:\[contains\])?", key)
            if matched and matched[1] in _FILTERS:
                found = [entry for entry in found if _FILTERS[matched[1]](entry, value)]
        size = min(int(query.get("page[size]", "20")), self.page_limit)
        page = int(query.get("page[number]", "1"))
        pages = max(1, -(-len(found) // size))
        meta = {"page_number": page, "total_pages": pages, "page_size": size, "total_results": len(found)}
        return Answer(200, {"data": found[(page - 1) * size : page * size], "meta": meta})

    def _make(self, asked: Asked, kind: str) -> Answer:
        body = asked.json
        match kind:
            case "fqdn_connections" if isinstance(body.get("connection_name"), str):
                secret = {"user_name": "callwarden42", "password": "outbound-password"}
                fresh = {"active": True, "inbound": {"dnis_number_format": "e164"}, **secret}
                entries = self.connections
            case "fqdns" if body.get("connection_id") in self.connections and body.get("dns_record_type") == "a":
                fresh, entries = {"record_type": "fqdn"}, self.fqdns
            case _:
                return _error(422, "10015", "Bad request", pointer="/")
        one = str(next(self._ids))
        entries[one] = {"id": one, **fresh}
        self._change(entries[one], asked)
        return Answer(201, {"data": entries[one]})

    def _change(self, entry: dict[str, Any], asked: Asked) -> None:
        for key, value in asked.json.items():
            entry[key] = {**entry.get(key, {}), **value} if isinstance(value, dict) else value
        if "phone_number" in entry:
            connection = self.connections.get(entry["connection_id"] or "", {})
            entry["connection_name"] = connection.get("connection_name")

    def _delete(self, kind: str, entries: dict[str, dict[str, Any]], one: str) -> Answer:
        gone = entries.pop(one)
        if kind == "phone_numbers":
            self.released.append(gone["phone_number"])
        if kind == "fqdn_connections":
            self.fqdns = {key: fqdn for key, fqdn in self.fqdns.items() if fqdn["connection_id"] != one}
            for number in self.numbers.values():
                if number["connection_id"] == one:
                    number |= {"connection_id": None, "connection_name": None}
        return Answer(200, {"data": gone})


_FILTERS: dict[str, Callable[[dict[str, Any], str], bool]] = {
    "connection_name": lambda entry, text: text.lower() in entry["connection_name"].lower(),
    "connection_id": lambda entry, text: entry.get("connection_id") == text,
    "phone_number": lambda entry, text: text.isdecimal() and text in entry["phone_number"],
    "fqdn": lambda entry, text: entry.get("fqdn") == text,
}


def _error(status: int, code: str, title: str, pointer: str = "") -> Answer:
    error: dict[str, object] = {"code": code, "title": title, "detail": f"{title}."}
    return Answer(status, {"errors": [error | ({"source": {"pointer": pointer}} if pointer else {})]})
