"""A stand-in for Twilio's trunking and number APIs, as far as setting up a number needs them.

Shapes follow Twilio's OpenAPI: form bodies in PascalCase, answers in snake_case, errors with a code of their own. Like
the real one it makes two of anything that is made twice, and forgets a number's voice application when the number is
attached to a trunk. A desk for `rest.py`; plain code.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from itertools import count
from typing import Any

from daemon.sandbox.rest import Answer, Asked

_TRUNK = re.compile(r"/v1/Trunks(?:/(TK[0-9a-f]{32}))?")
_UNDER = re.compile(r"/v1/Trunks/(TK[0-9a-f]{32})/(OriginationUrls|PhoneNumbers)(?:/([A-Z]{2}[0-9a-f]{32}))?")
_NUMBERS = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-f]{32})/IncomingPhoneNumbers(?:/(PN[0-9a-f]{32}))?\.json")
_URL_FIELDS = ("FriendlyName", "SipUrl", "Priority", "Weight", "Enabled")
_DATE = "2026-11-20T08:15:00Z"


class TwilioDesk:
    """One account."""

    def __init__(
        self, *, token: str, account: str = "AC" + "0" * 32, host: str = "https://trunking.twilio.com"
    ) -> None:
        self.account = account
        self.trunks: dict[str, dict[str, Any]] = {}
        self.urls: dict[str, dict[str, Any]] = {}
        self.numbers: dict[str, dict[str, Any]] = {}
        self.released: list[str] = []
        """Numbers that were given back to Twilio; nothing of ours may ever do that."""
        self.page_limit = 1000
        self._authorization = "Basic " + b64encode(f"{account}:{token}".encode()).decode()
        self._host = host
        self._ids = count(1)

    def buy(self, number: str, **settings: object) -> dict[str, Any]:
        """Add a number to the account."""
        sid = self._sid("PN")
        capabilities = {"voice": True, "sms": True, "mms": True, "fax": False}
        self.numbers[sid] = {
            "sid": sid,
            "account_sid": self.account,
            "phone_number": number,
            "capabilities": capabilities,
            "trunk_sid": None,
            "voice_application_sid": None,
            "voice_url": "https://demo.twilio.com/welcome/voice/",
            "voice_method": "POST",
            "voice_receive_mode": "voice",
            "status": "in-use",
            **settings,
        }
        return self.numbers[sid]

    def __call__(self, asked: Asked) -> Answer:
        """Answer a request."""
        if asked.headers.get("authorization") != self._authorization:
            return _error(401, 20003, "Authenticate")
        if matched := _TRUNK.fullmatch(asked.path):
            return self._trunk(asked, matched[1])
        if (matched := _UNDER.fullmatch(asked.path)) and matched[1] in self.trunks:
            part = self._url if matched[2] == "OriginationUrls" else self._attached
            return part(asked, matched[1], matched[3])
        if (matched := _NUMBERS.fullmatch(asked.path)) and matched[1] == self.account:
            return self._number(asked, matched[2])
        return _missing(asked)

    def _sid(self, prefix: str) -> str:
        return f"{prefix}{next(self._ids):032x}"

    def _trunk(self, asked: Asked, sid: str | None) -> Answer:
        if sid is None and asked.method == "GET":
            return self._page(asked, "trunks", list(self.trunks.values()))
        if sid is None and asked.method == "POST":
            sid = self._sid("TK")
            self.trunks[sid] = self._fresh_trunk(sid)
            return Answer(201, self._change(self.trunks[sid], asked))
        if sid not in self.trunks:
            return _missing(asked)
        if asked.method == "DELETE":
            self._drop_trunk(sid)
            return Answer(204)
        return Answer(200, self._change(self.trunks[sid], asked))

    def _fresh_trunk(self, sid: str) -> dict[str, Any]:
        url = f"{self._host}/v1/Trunks/{sid}"
        return {
            "sid": sid,
            "account_sid": self.account,
            "friendly_name": None,
            "transfer_mode": "disable-all",
            "transfer_caller_id": "from-transferee",
            "secure": False,
            "cnam_lookup_enabled": False,
            "date_created": _DATE,
            "date_updated": _DATE,
            "url": url,
            "links": {"origination_urls": f"{url}/OriginationUrls", "phone_numbers": f"{url}/PhoneNumbers"},
        }

    def _drop_trunk(self, sid: str) -> None:
        del self.trunks[sid]
        self.urls = {key: url for key, url in self.urls.items() if url["trunk_sid"] != sid}
        for number in self.numbers.values():
            number["trunk_sid"] = None if number["trunk_sid"] == sid else number["trunk_sid"]

    def _change(self, entry: dict[str, Any], asked: Asked) -> dict[str, Any]:
        entry |= {_snake(key): _value(key, value) for key, value in asked.form.items()}
        return entry

    def _url(self, asked: Asked, trunk: str, sid: str | None) -> Answer:
        if sid is None and asked.method == "GET":
            return self._page(asked, "origination_urls", [u for u in self.urls.values() if u["trunk_sid"] == trunk])
        if sid is None and asked.method == "POST":
            missing = [field for field in _URL_FIELDS if not asked.form.get(field)]
            if missing or not asked.form["SipUrl"].startswith("sip:"):
                return _error(400, 21221, f"invalid or missing: {missing or 'SipUrl'}")
            sid = self._sid("OU")
            self.urls[sid] = {"sid": sid, "account_sid": self.account, "trunk_sid": trunk, "date_created": _DATE}
            return Answer(201, self._change(self.urls[sid], asked))
        if sid not in self.urls:
            return _missing(asked)
        if asked.method == "DELETE":
            del self.urls[sid]
            return Answer(204)
        return Answer(200, self._change(self.urls[sid], asked))

    def _attached(self, asked: Asked, trunk: str, sid: str | None) -> Answer:
        on_it = {key: number for key, number in self.numbers.items() if number["trunk_sid"] == trunk}
        if sid is None and asked.method == "GET":
            return self._page(asked, "phone_numbers", list(on_it.values()))
        if sid is None and asked.method == "POST":
            number = self.numbers.get(asked.form.get("PhoneNumberSid", ""))
            if number is None:
                return _error(400, 20001, "PhoneNumberSid is not a number of this account")
            number |= {"trunk_sid": trunk, "voice_application_sid": None}
            return Answer(201, number)
        if sid not in on_it:
            return _missing(asked)
        on_it[sid]["trunk_sid"] = None
        return Answer(204)

    def _number(self, asked: Asked, sid: str | None) -> Answer:
        if sid is None:
            wanted = dict(asked.query).get("PhoneNumber", "")
            found = [one for one in self.numbers.values() if wanted.removeprefix("+") in one["phone_number"]]
            return Answer(200, {"incoming_phone_numbers": found, "next_page_uri": None, "page": 0})
        if sid not in self.numbers:
            return _missing(asked)
        if asked.method == "DELETE":
            self.released.append(self.numbers.pop(sid)["phone_number"])
            return Answer(204)
        form = asked.form
        if form.get("TrunkSid"):
            self.numbers[sid]["voice_application_sid"] = None
        if form.get("VoiceApplicationSid"):
            self.numbers[sid]["trunk_sid"] = None
        return Answer(200, self._change(self.numbers[sid], asked))

    def _page(self, asked: Asked, key: str, entries: list[dict[str, Any]]) -> Answer:
        query = dict(asked.query)
        size = min(int(query.get("PageSize", "50")), self.page_limit)
        page = int(query.get("Page", "0"))
        following = f"{self._host}{asked.path}?PageSize={size}&Page={page + 1}&PageToken=PA{page}"
        more = (page + 1) * size < len(entries)
        meta = {"key": key, "page": page, "page_size": size, "next_page_url": following if more else None}
        return Answer(200, {key: entries[page * size : (page + 1) * size], "meta": meta})


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", key).lower()


_READ: dict[str, Callable[[str], object]] = {
    "Enabled": lambda text: text == "true",
    "Secure": lambda text: text == "true",
    "Priority": int,
    "Weight": int,
}


def _value(key: str, text: str) -> object:
    return _READ.get(key, str)(text)


def _missing(asked: Asked) -> Answer:
    return _error(404, 20404, f"The requested resource {asked.path} was not found")


def _error(status: int, code: int, message: str) -> Answer:
    url = f"https://www.twilio.com/docs/errors/{code}"
    return Answer(status, {"code": code, "message": message, "more_info": url, "status": status})
