import json
import math

import pytest

from daemon.errors import CallNotFound, NotAuthorized, PlatformError, PlatformRefused, PlatformUnavailable
from daemon.platforms.xai.refusals import ErrorBody, read_error, refusal
from tests.platforms.contract import examples

BODY = b'{"code": "Not found", "error": "no SIP participant"}'


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, PlatformRefused),
        (401, NotAuthorized),
        (402, PlatformRefused),
        (403, NotAuthorized),
        (404, CallNotFound),
        (405, PlatformRefused),
        (409, CallNotFound),
        (410, CallNotFound),
        (422, PlatformRefused),
        (429, PlatformUnavailable),
        (500, PlatformUnavailable),
        (502, PlatformUnavailable),
        (503, PlatformUnavailable),
        (599, PlatformUnavailable),
        (301, PlatformRefused),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[PlatformError]) -> None:
    error = refusal(status, {}, BODY)
    assert type(error) is kind
    assert str(error) == f"HTTP {status}: Not found: no SIP participant"


def test_a_refusal_carries_what_was_said() -> None:
    error = refusal(404, {}, BODY)
    assert isinstance(error, CallNotFound)
    assert (error.status, error.code, error.detail) == (404, "Not found", "no SIP participant")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", None),
        ("-3", None),
        ("", None),
        ("soon", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("9" * 400, math.inf),
    ],
)
def test_the_wish_to_be_left_alone_for_a_while(header: str | None, seconds: float | None) -> None:
    headers = {} if header is None else {"retry-after": header}
    error = refusal(429, headers, b"")
    assert isinstance(error, PlatformUnavailable)
    assert error.retry_after == seconds
    assert str(error) == "HTTP 429"


@pytest.mark.parametrize("body", examples("error_body"), ids=str)
def test_every_known_body_is_read(body: dict[str, str]) -> None:
    assert read_error(json.dumps(body).encode()) == ErrorBody(body.get("code", ""), body["error"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"code": 5, "error": {}}',
        b'{"error": "\xff"}',
        b'{"x": ' + b"[" * 100_000,
    ],
    ids=["nothing", "HTML", "no text", "null", "array", "other types", "not UTF-8", "deep"],
)
def test_any_other_body_says_nothing(body: bytes) -> None:
    assert read_error(body) == ErrorBody("", "")
    assert str(refusal(500, {}, body)) == "HTTP 500"


def test_a_long_speech_is_cut() -> None:
    said = read_error(json.dumps({"code": "c" * 9999, "error": "é" * 9999}).encode())
    assert (len(said.code), len(said.error)) == (300, 300)
