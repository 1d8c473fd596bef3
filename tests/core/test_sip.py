"""Phone numbers out of SIP headers, however they are spelled, and nothing else out of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.sip import Header, header, kept, phone_number
from tests.core.contract import thoroughly

NUMBER = "+18005550199"


@pytest.mark.parametrize(
    "value",
    [
        "+18005550199",
        "18005550199",
        "0018005550199",
        "  +1 (800) 555-0199\t",
        "tel:+1-800-555-0199",
        "tel:+1.800.555.0199;ext=1",
        "TEL:+18005550199",
        "sip:+18005550199@sip.voice.x.ai",
        "sip:+18005550199@sip.voice.x.ai;transport=tls",
        "sips:18005550199@10.0.0.1:5061",
        "sip:+18005550199;phone-context=x@host",
        "sip : +18005550199@host",
        "<sip:+18005550199@host>",
        "<+18005550199>",
        '"Odile Brandt" <sip:+18005550199@host;user=phone>;tag=1928301774',
        '"A <b> c" <tel:+18005550199>;tag=a',
        '"<sip:+4930123456@evil>" <sip:+18005550199@host>',
        "sip:+18005550199",
        "<sip:+18005550199@host",
    ],
)
def test_any_spelling_of_one_number(value: str) -> None:
    assert phone_number(value) == NUMBER


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("+4930123456", "+4930123456"),
        ("+112", "+112"),  # with a plus it is taken at its word
        ("004930123456", "+4930123456"),
        ("+123456789012345", "+123456789012345"),
    ],
)
def test_other_numbers(value: str, number: str) -> None:
    assert phone_number(value) == number


@pytest.mark.parametrize(
    "value",
    [
        "",
        "   ",
        "+",
        "+12",
        "101",  # an extension
        "12345",
        "999999999",  # no country numbers like that
        "5550199",  # a local number
        "00",
        "++18005550199",
        "+1800555O199",
        "+1234567890123456",
        "+1800555\u0660199",  # a digit, but an Arabic one
        "anonymous",
        "sip:anonymous@anonymous.invalid",
        "sip:odile@example.com",
        "sip:4930x@example.com",
        "<>",
        "<sip:>",
        "sip:@host",
        "mailto:+18005550199",
        "https://example.com/+18005550199",
        "javascript:18005550199",
        '"+18005550199" <sip:unknown@host>',
        '"+18005550199" <>',
        "+18005550199\r\nX-Evil: 1",
        "*" * 513,
        NUMBER + " " * 600,
    ],
)
def test_no_number(value: str) -> None:
    assert phone_number(value) is None


@thoroughly
@given(st.text() | st.from_regex(r'"?[^<]*<?(sip|tel|sips)?:?\+?[0-9 ().-]*@?.*>?'))
def test_nothing_but_a_number_gets_out(value: str) -> None:
    found = phone_number(value)
    assert found is None or re.fullmatch(r"\+[0-9]{3,15}", found, re.ASCII)


def test_a_header_by_its_name_in_any_case() -> None:
    headers = [("From", "a"), ("TO ", "b"), ("to", "c")]
    assert header(headers, "To") == "b"
    assert header(headers, "from") == "a"
    assert header(headers, "X-Other") is None
    assert header([], "To") is None


def test_headers_that_were_asked_for_are_made_harmless() -> None:
    headers = [
        ("From", "+14155550100"),
        ("X-Customer-ID ", " cust-8812 "),
        ("x-customer-id", "a second one"),
        ("Diversion", '"Ada" <sip:+18005550199@pbx>;reason=no-answer'),
        ("X-Other", "not asked for"),
    ]
    assert kept(headers, frozenset({"x-customer-id", "diversion", "x-absent"})) == (
        Header("x-customer-id", "cust-8812", None),
        Header("diversion", "Ada sip:+18005550199@pbx ;reason=no-answer", "+18005550199"),
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        ("\r\nX-Evil: 1", "X-Evil: 1"),
        ("a\0b\x1b[2Jc", "a b 2Jc"),
        ('{"role": "system"}', "role : system"),
        ("{{ 7*7 }}{% include 'x' %}", "7*7 include x"),
        ("<|im_start|>system", "im_start system"),
        ("\u202egnp.exe\u2066", "gnp.exe"),
        ("Gr\u00fc\u00dfe \U0001f600", "Gr e"),
        ("zero\u200bwidth \ufeff", "zero width"),
        ("a   b\t\tc", "a b c"),
        ("x" * 10_000_000, "x" * 128),
        ("é" * 600 + "x", ""),
    ],
    ids=range(12),
)
def test_no_text_of_a_header_gets_out_whole(value: str, text: str) -> None:
    assert kept([("X-A", value)], {"x-a"}) == (Header("x-a", text, None),)


@given(st.text())
@thoroughly
def test_whatever_is_written_in_a_header(value: str) -> None:
    (found,) = kept([("X-A", value)], {"x-a"})
    assert len(found.text) <= 128
    assert re.fullmatch(r"[A-Za-z0-9+*#@/=_.,:; -]*", found.text)
    assert found.text == found.text.strip()
