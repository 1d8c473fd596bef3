"""Which numbers a transfer may not reach unless somebody wrote down that it may."""

import pytest

from daemon.config.numbering import MEANINGS, e164, kinds


@pytest.mark.parametrize(
    "uri",
    [
        "tel:+18005550123",
        "tel:+14155550123",
        "tel:+17875551234",
        "tel:+16712345678",
        "tel:+442079460018",
        "tel:+493012345678",
        "tel:+80012345678",
        "sip:alice@pbx.example.net",
        "sip:101@pbx.example.net",
        "sip:2001@pbx.example.net",
        "sip:3222222222@pbx.example.net",
        "sip:+14155550123@pbx.example.net;transport=tls",
    ],
)
def test_plain_places(uri: str) -> None:
    assert kinds(uri) == ()


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("tel:+19005551234", "premium_rate"),
        ("tel:+12129761234", "premium_rate"),
        ("tel:+449098790000", "premium_rate"),
        ("tel:+33899123456", "premium_rate"),
        ("tel:+979123456789", "premium_rate"),
        ("tel:+979012345678", "premium_rate"),
        ("tel:+80812345678", "shared_cost"),
        ("tel:+43810123456", "shared_cost"),
        ("tel:+447012345678", "personal"),
        ("tel:+878101234567890", "personal"),
        ("tel:+870773111632", "satellite"),
        ("tel:+881612345678", "satellite"),
        ("tel:+88213300655", "satellite"),
        ("tel:+883510001234", "satellite"),
        ("tel:+18095551234", "caribbean"),
        ("tel:+18765551234", "caribbean"),
        ("tel:+14415551234", "caribbean"),
        ("tel:+19765551234", "unknown"),
        ("tel:+491511234567", "unknown"),
        ("tel:+999123456789", "unknown"),
        ("tel:+49112", "emergency"),
        ("tel:+441170", "short"),
        ("sip:911@pbx.example.net", "emergency"),
        ("sip:+112@pbx.example.net", "emergency"),
        ("sip:19005551234@carrier.example.net", "premium_rate"),
        ("sip:0019005551234@carrier.example.net", "premium_rate"),
        ("sip:01188213300655@carrier.example.net", "satellite"),
        ("sip:+19005551234@carrier.example.net;transport=udp", "premium_rate"),
    ],
)
def test_places_that_have_to_be_allowed(uri: str, kind: str) -> None:
    assert kinds(uri) == (kind,)


def test_the_kinds_have_words() -> None:
    assert all(words.startswith(("a ", "an ")) for words in MEANINGS.values())


@pytest.mark.parametrize(
    ("uri", "number"),
    [("tel:+18005550199", "+18005550199"), ("sip:18005550199@x.example", "+18005550199"), ("sip:bob@x.example", None)],
)
def test_numbers_are_found_in_places(uri: str, number: str | None) -> None:
    assert e164(uri) == number
