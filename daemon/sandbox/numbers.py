"""The platform's phone numbers, as the sandbox keeps them: registered, listed, taken off.

Shapes and statuses follow the contract: camelCase answers, the secret in the answer to a registration and never again,
errors of two strings. Owned by the switchboard; plain code, no sockets.
"""

import secrets
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

RestAnswer = tuple[int, dict[str, Any]]

NOT_ALLOWED: RestAnswer = (405, {"code": "Method not allowed", "error": "method not allowed"})
SOLD_IN_THE_CONSOLE = "Provisioning SpaceXAI phone numbers via the API is not supported. Use the console instead."
NO_PERMISSION = "The caller does not have permission to execute the specified operation"
_FIELDS = {"origin", "name", "phone_number", "agent_id", "webhook", "sip_auth"}
_LISTED = ("phoneNumberId", "phoneNumber", "name", "origin", "agentId", "teamId", "sipHost", "updateTime")


class NumberDesk:
    """The account's numbers."""

    def __init__(self, ids: Iterator[int]) -> None:
        self.listed: dict[str, dict[str, Any]] = {}
        """What is told of each number, by id."""
        self.asked: dict[str, dict[str, Any]] = {}
        """With what each number was registered, by id."""
        self.secrets: dict[str, str] = {}
        """The secret that signs for each number that is registered, by number."""
        self.sip_host = "sip.voice.x.ai"
        self._ids = ids

    def answer(self, method: str, number_id: str | None, body: dict[str, Any]) -> RestAnswer:
        """Answer one request."""
        if number_id is not None:
            return self._one(method, number_id)
        match method:
            case "POST":
                return self._register(body)
            case "GET":
                return 200, {"phoneNumbers": list(self.listed.values())}
        return NOT_ALLOWED

    def _one(self, method: str, number_id: str) -> RestAnswer:
        if method not in ("GET", "DELETE"):
            return NOT_ALLOWED
        known = self.listed.get(number_id)
        if known is None:
            return 404, {"code": "Not found", "error": "no such phone number"}
        if method == "GET":
            return 200, {"phoneNumber": known}
        del self.listed[number_id]
        del self.secrets[known["phoneNumber"]]
        return 200, {}

    def _register(self, body: dict[str, Any]) -> RestAnswer:
        number = body.get("phone_number")
        if body.get("origin") != "byo_trunk":
            return 403, {"code": NO_PERMISSION, "error": SOLD_IN_THE_CONSOLE}
        if not isinstance(number, str):
            return 422, {"code": "Unprocessable", "error": "missing field `phone_number`"}
        for field in body:
            if field not in _FIELDS:
                return 422, {"code": "Unprocessable", "error": f"unknown field `{field}`, expected one of {_FIELDS}"}
        if any(known["phoneNumber"] == number for known in self.listed.values()):
            return 409, {"code": "Conflict", "error": "already connected through Direct SIP"}
        number_id = f"pn-{next(self._ids)}"
        record = dict.fromkeys(_LISTED) | {
            "phoneNumberId": number_id,
            "phoneNumber": number,
            "name": body.get("name", ""),
            "origin": "byo_trunk",
            "teamId": "team-1",
            "sipHost": self.sip_host,
            "updateTime": "2026-11-20T08:15:00Z",
        }
        self.listed[number_id] = record
        self.asked[number_id] = body
        secret = self.secrets[number] = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
        return 200, {
            "phoneNumber": record,
            "webhook": {"webhookId": f"wh-{next(self._ids)}", "dispatchSigningSecret": secret},
        }
