"""Canaries: nothing of them may come out at the other end of the log, wherever they were put in."""

import io

import pytest
import structlog

from daemon.observe import log
from daemon.observe.redacting import Redactor

SECRET = "s3cr3t-api-key-of-ours"


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.hide([SECRET, "short"])
    return redactor


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {SECRET} in a text", "key **** in a text"),
        ("whsec_c2VjcmV0c2VjcmV0", "****"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ****"),
        ("xai-0123456789abcdef0123", "****"),
        ("tel:+18005550199 rang", "tel:+1800…99 rang"),
        ("from +14155550100, to +4930123456.", "from +1415…00, to +493…56."),
        ("card 4111 1111 1111 1111 please", "card (16 digits) please"),
        ("4111-1111-1111-1111", "(16 digits)"),
        ("call 18005550199 now", "call (11 digits) now"),
        ("too short is short", "too short is short"),
        ("0b5f2a7c-1234-5678-9012-345678901234", "0b5f2a7c-1234-5678-9012-345678901234"),
        ("took 1234567 us at 127.0.0.1:8080", "took 1234567 us at 127.0.0.1:8080"),
    ],
)
def test_texts(redactor: Redactor, text: str, shown: str) -> None:
    assert redactor.text(text) == shown


def test_wherever_they_are(redactor: Redactor) -> None:
    event = {
        "event": "x",
        "call_id": "18005550199-as-an-id",
        "token": "anything",
        "deep": {"list": [f"a {SECRET}", {"password": "p", "n": 5}], "tuple": ("+18005550199",)},
        "count": 4111111111111111,
    }
    assert redactor(None, "info", event) == {
        "event": "x",
        "call_id": "18005550199-as-an-id",
        "token": "****",
        "deep": {"list": ["a ****", {"password": "****", "n": 5}], "tuple": ["+1800…99"]},
        "count": 4111111111111111,
    }


@pytest.mark.parametrize("json", [True, False])
def test_the_text_of_an_error(json: bool) -> None:
    stream = io.StringIO()
    log.set_up(level="info", json=json, stream=stream)
    log.redactor.hide([SECRET])
    try:
        raise ValueError(" ".join(("the key", SECRET[:10] + SECRET[10:], "is for", "+1" + "8005550199")))
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)
    written = stream.getvalue()
    assert "ValueError" in written
    assert SECRET not in written
    assert "8005550199" not in written.replace('"8005550199"', "").replace('\\"8005550199\\"', "")


def test_a_former_secret_stays_hidden(redactor: Redactor) -> None:
    redactor.hide(["another-secret-of-ours"])
    assert redactor.text(f"{SECRET} another-secret-of-ours") == "**** ****"
