"""Recipes for a PBX: complete, for this number, and without a secret in them."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from daemon.carriers.byo import PLACEHOLDER, recipes

NUMBER = "+18005550199"
HOST = "sip.voice.x.ai"


@pytest.mark.parametrize("username", ["", "desk01"])
def test_recipes(username: str) -> None:
    made = recipes(NUMBER, HOST, username)
    assert list(made) == ["Asterisk (PJSIP)", "FreeSWITCH", "any other PBX or trunk"]
    for text in made.values():
        assert NUMBER in text
        assert HOST in text
        assert "5061" in text
        assert not re.search(r"\{\w+\}", text.replace("${EXTEN}", ""))
        assert (username in text) if username else (PLACEHOLDER not in text)


def test_asterisk() -> None:
    text = recipes(NUMBER, HOST, "desk01")["Asterisk (PJSIP)"]
    # A semicolon begins a comment, so the one in the URI is escaped; tel: is not taken for a transfer.
    assert f"contact=sip:{HOST}:5061\\;transport=tls" in text
    assert "outbound_auth=xai-auth" in text
    assert "exten => 18005550199,1,Goto(+18005550199,1)" in text
    assert "PJSIP/${EXTEN}@" in text
    bare = recipes(NUMBER, HOST)["Asterisk (PJSIP)"]
    assert "xai-auth" not in bare


def test_freeswitch_is_well_formed() -> None:
    for username in ("", "desk01"):
        text = recipes(NUMBER, HOST, username)["FreeSWITCH"]
        root = ElementTree.fromstring(f"<all>{text}</all>")
        params = {param.get("name"): param.get("value") for param in root.iter("param")}
        assert params["proxy"] == f"{HOST}:5061"
        assert params.get("username", "") == username
        (condition,) = root.iter("condition")
        expression = condition.get("expression", "")
        assert re.fullmatch(expression, NUMBER)
        assert re.fullmatch(expression, NUMBER.removeprefix("+"))
