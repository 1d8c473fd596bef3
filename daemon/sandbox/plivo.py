"""A stand-in for Plivo's SIP trunking and number APIs, as far as setting up a number needs them.

Shapes follow Plivo's references: JSON, trailing slashes, 20 entries a page, single objects wrapped in `object`, a
trunk's domain only when it is read by itself, a password never. An update of a trunk that does not say its direction
is refused, as the real one does. A desk for `rest.py`.
"""

import re
from base64 import b64encode
from itertools import count
from typing import Any

from daemon.sandbox.rest import Answer, Asked

_PATH = re.compile(r"/v1/Account/([^/]+)/(Zentrunk/URI|Zentrunk/Trunk|Number)/(?:([^/]+)/)?")
_LONGEST_PAGE = 20


class PlivoDesk:
    """One account."""

    def __init__(self, *, token: str, auth_id: str = "MAXXXXXXXXXXXXXXXXXX") -> None:
        self.auth_id = auth_id
        self.uris: dict[str, dict[str, Any]] = {}
        self.passwords: dict[str, str] = {}
        """Of the URIs that have one."""
        self.trunks: dict[str, dict[str, Any]] = {}
        self.numbers: dict[str, dict[str, Any]] = {}
        self.trunking = True
        """Whether the account may use SIP trunking at all."""
        self.released: list[str] = []
        """Numbers that were given back; nothing of ours may ever do that."""
        self._authorization = "Basic " + b64encode(f"{auth_id}:{token}".encode()).decode()
        self._ids = count(1)

    def buy(self, number: str, **settings: object) -> dict[str, Any]:
        """Add a number to the account."""
        digits = number.removeprefix("+")
        self.numbers[digits] = {
            "number": digits,
            "application": None,
            "voice_enabled": True,
            "active": True,
            **settings,
        }
        return self.numbers[digits]

    def application(self, app_id: str) -> str:
        """How a number tells of an application."""
        return f"/v1/Account/{self.auth_id}/Application/{app_id}/"

    def __call__(self, asked: Asked) -> Answer:
        """Answer a request."""
        if asked.headers.get("authorization") != self._authorization:
            return _error(401, "authentication failed")
        matched = _PATH.fullmatch(asked.path)
        if matched is None or matched[1] != self.auth_id:
            return _error(404, "not found")
        if matched[2] != "Number" and not self.trunking:
            return _error(404, "not found")
        match matched[2]:
            case "Zentrunk/URI":
                return self._uri(asked, matched[3])
            case "Zentrunk/Trunk":
                return self._trunk(asked, matched[3])
        return self._number(asked, matched[3])

    def _uri(self, asked: Asked, one: str | None) -> Answer:
        if one is None and asked.method == "GET":
            return self._page(asked, list(self.uris.values()))
        body = dict(asked.json)
        if body.get("authentication_needed") and not (body.get("username") and body.get("password")):
            return _error(422, {"username": "required with authentication_needed"})
        if one is None:
            if not body.get("uri"):
                return _error(422, {"uri": "this field is required"})
            one = f"uri-{next(self._ids)}"
            self.uris[one] = {"uri_uuid": one, "name": None, "authentication_needed": False, "username": None}
            return self._change_uri(one, body, 201)
        if one not in self.uris:
            return _error(404, "not found")
        if asked.method == "DELETE":
            del self.uris[one]
            self.passwords.pop(one, None)
            return Answer(204)
        return self._change_uri(one, body, 202) if asked.method == "POST" else _wrapped(self.uris[one])

    def _change_uri(self, one: str, body: dict[str, Any], status: int) -> Answer:
        if "password" in body:
            self.passwords[one] = body.pop("password")
        self.uris[one] |= body
        return Answer(status, {"api_id": "a", "message": "done", "uri_uuid": one})

    def _trunk(self, asked: Asked, one: str | None) -> Answer:
        if one is None and asked.method == "GET":
            bare = [
                {key: value for key, value in trunk.items() if key != "trunk_domain"} for trunk in self.trunks.values()
            ]
            return self._page(asked, bare)
        if asked.method == "POST" and not asked.json.get("trunk_direction"):
            return _error(400, "trunk_direction is required")
        if one is None:
            if asked.json.get("primary_uri_uuid") not in self.uris:
                return _error(422, {"primary_uri_uuid": "no such URI"})
            one = f"{next(self._ids):017d}"
            fresh = {"trunk_id": one, "trunk_status": "enabled", "secure": False, "trunk_domain": f"{one}.zt.plivo.com"}
            self.trunks[one] = fresh | asked.json
            return Answer(201, {"api_id": "a", "message": "created", "trunk_id": one})
        if one not in self.trunks:
            return _error(404, "not found")
        if asked.method == "DELETE":
            del self.trunks[one]
            for number in self.numbers.values():
                number["application"] = None if number["application"] == self._place(one) else number["application"]
            return Answer(204)
        if asked.method == "POST":
            self.trunks[one] |= asked.json
            return Answer(202, {"api_id": "a", "message": "changed", "trunk_id": one})
        return _wrapped(self.trunks[one])

    def _number(self, asked: Asked, one: str | None) -> Answer:
        if one is None:
            return self._page(asked, list(self.numbers.values()))
        if one not in self.numbers:
            return _error(404, "not found")
        if asked.method == "DELETE":
            self.released.append(self.numbers.pop(one)["number"])
            return Answer(204)
        if asked.method == "POST":
            app = str(asked.json.get("app_id") or "default")
            self.numbers[one]["application"] = self._place(app) if app in self.trunks else self.application(app)
            return Answer(202, {"api_id": "a", "message": "changed"})
        return Answer(200, {"api_id": "a", **self.numbers[one]})

    def _place(self, trunk: str) -> str:
        return f"/v1/Account/{self.auth_id}/Zentrunk/Trunk/{trunk}/"

    def _page(self, asked: Asked, entries: list[dict[str, Any]]) -> Answer:
        query = dict(asked.query)
        limit, offset = min(int(query.get("limit", "20")), _LONGEST_PAGE), int(query.get("offset", "0"))
        for key in ("trunk_direction", "primary_uri_uuid"):
            entries = [entry for entry in entries if query.get(key, entry.get(key)) == entry.get(key)]
        meta = {"limit": limit, "offset": offset, "total_count": len(entries), "next": None, "previous": None}
        return Answer(200, {"api_id": "a", "meta": meta, "objects": entries[offset : offset + limit]})


def _wrapped(entry: dict[str, Any]) -> Answer:
    return Answer(200, {"api_id": "a", "object": entry})


def _error(status: int, error: object) -> Answer:
    return Answer(status, {"api_id": "a", "error": error})
