"""Keys in any order and at any pace, and numbers in any spelling: what comes out is what was meant, or nothing."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.sip import phone_number
from daemon.platforms.xai.webhooks import read_webhook
from tests.hostile.effort import examples
from tests.hostile.targets import delivery, header, keys

SEPARATORS = st.text(" -.()\t", max_size=2)
NAMES = st.sampled_from(["", '"Ada" ', '"<sip:+49301@evil>" ', "Ada, B. ", '"a\\"b" ', "\u202e ", "tel:+44 "])
TAILS = st.sampled_from(
    ["", ";tag=1", ";user=phone", "?Replaces=x", ";phone-context=+1", "\r\nX: y", " ", ">", "@host", ":5060"]
)
SCHEMES = st.sampled_from(
    ["", "tel:", "sip:", "SIPS:", "sip :", "tel://", "sip:sip:", "mailto:", "00", "+", "\uff0b", "//"]
)
DIGITS = st.text("0123456789", min_size=1, max_size=18)


@examples(100)
@given(st.binary(max_size=200))
def test_keys(data: bytes) -> None:
    keys(data)


@examples(100)
@given(NAMES, SCHEMES, DIGITS, st.lists(SEPARATORS, min_size=19, max_size=19), TAILS, st.booleans())
def test_a_number_is_never_another_one(
    name: str, scheme: str, digits: str, between: list[str], tail: str, boxed: bool
) -> None:
    """Whatever stands around it: no digit comes from elsewhere, none is lost in the middle."""
    spelled = "".join(digit + gap for digit, gap in zip(digits, between, strict=False))
    value = f"{name}<{scheme}{spelled}{tail}>" if boxed else f"{scheme}{spelled}{tail}"
    number = phone_number(value)
    if number is not None:
        found = number.removeprefix("+")
        meant = {digits, digits.removeprefix("00"), "00" + digits, "0" + digits}
        assert found in {each.removeprefix("00") for each in meant} | meant, (value, number)


@examples(100)
@given(st.text(max_size=600) | st.text("0123456789+-.()@;:<>\"' \\", max_size=100))
def test_the_value_of_a_header(value: str) -> None:
    header(value.encode("utf-8", "surrogateescape") if value.isprintable() else value.encode("utf-8", "replace"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "value", "data"]), inner),
    max_leaves=8,
)
HEADERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["From", "to", "Diversion", "X-Customer", ""]) | JSON, "value": JSON}
    )
    | JSON,
    max_size=6,
)


@examples(100)
@given(st.sampled_from(["call_1", "", "a/b"]) | JSON, HEADERS | JSON, JSON, st.booleans())
def test_a_signed_body_of_any_shape(call_id: object, headers: object, at: object, known: bool) -> None:
    kind = "realtime.call.incoming" if known else "realtime.call.changed"
    body = {"type": kind, "created_at": at, "data": {"call_id": call_id, "sip_headers": headers}}
    delivery(b"\n\nsigned\n" + json.dumps(body).encode())


@pytest.mark.parametrize("count", [10_000, 100_000])
def test_a_delivery_full_of_headers(count: int) -> None:
    listed = [{"name": f"X-{number}", "value": "+18005550199"} for number in range(count)]
    listed += [{"name": "To", "value": "+18005550199"}, {"name": "To", "value": "+4930"}]
    body = {"type": "realtime.call.incoming", "data": {"call_id": "call_1", "sip_headers": listed}}
    incoming = read_webhook(json.dumps(body).encode(), "msg_1", 1.0, frozenset({"x-9"}))
    assert incoming is not None
    assert incoming.called == "+18005550199"
    assert len(incoming.headers) == 1


def test_a_number_with_ten_million_spaces() -> None:
    assert phone_number("+1800" + " " * 10_000_000) is None
    assert phone_number("<" * 500) is None
    assert re.fullmatch(r"\+1{3}", phone_number("<" * 400 + "+111>") or "")
