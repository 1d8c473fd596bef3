"""The steps by hand, for each carrier's console."""

import pytest

from daemon.carriers.manual import manual_steps

NUMBER = "+18005550199"
TARGET = f"sip:{NUMBER}@sip.voice.x.ai;transport=tls"


@pytest.mark.parametrize(
    ("carrier", "words"),
    [
        ("twilio", (TARGET, "Elastic SIP Trunking", "call transfer", NUMBER)),
        ("telnyx", ("FQDN", "sip.voice.x.ai", "5060", "+E.164", "G.722", NUMBER)),
        ("plivo", ("Inbound", "sip.voice.x.ai;transport=tls", "user desk01", NUMBER)),
    ],
)
def test_steps(carrier: str, words: tuple[str, ...]) -> None:
    text = "\n".join(manual_steps(carrier, NUMBER, TARGET, username="desk01"))
    for word in words:
        assert word in text


def test_a_pbx_has_recipes_instead() -> None:
    assert manual_steps("byo", NUMBER, TARGET) == ()
