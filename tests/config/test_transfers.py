"""Destinations that can't work at a number's carrier."""

import msgspec
import pytest

from daemon.config import Config, Number
from daemon.config.destinations import Destination
from daemon.config.transfers import transfer_warnings
from tests.configured import CALLED, configuration


def config_of(carrier: str, uri: str) -> Config:
    number = msgspec.convert({"agent": "support", "carrier": carrier}, Number)
    destinations = {"desk": Destination(uri=uri)} if uri else {}
    return msgspec.structs.replace(configuration(), numbers={CALLED: number}, destinations=destinations)


@pytest.mark.parametrize(
    ("carrier", "uri", "warning"),
    [
        ("", "tel:+18005550123", None),
        ("twilio", "tel:+18005550123", "TransferMode enable-all"),
        ("twilio", "", None),
        ("telnyx", "sip:desk@pbx.example", "enabled them for your account"),
        ("plivo", "tel:+18005550123", 'write "sip:+18005550123@TRUNK.zt.plivo.com"'),
        ("plivo", "sip:desk@pbx.example", "own trunk domain"),
        ("plivo", "sip:desk@1.zt.plivo.com", "own trunk domain"),
        ("plivo", "sip:+18005550123@1.zt.plivo.com:5061;transport=tls", None),
        ("byo", "tel:+18005550123", 'write "sip:+18005550123@YOUR-PBX"'),
        ("byo", "sip:desk@pbx.example", None),
    ],
)
def test_forms(carrier: str, uri: str, warning: str | None) -> None:
    found = transfer_warnings(config_of(carrier, uri), {})
    assert len(found) == (warning is not None)
    assert warning is None or warning in str(found[0])
    assert warning is None or CALLED in str(found[0])


def test_what_is_known_of_the_carrier_helps() -> None:
    twilio = config_of("twilio", "tel:+18005550123")
    assert transfer_warnings(twilio, {CALLED: {"transfers": "on"}}) == []
    assert len(transfer_warnings(twilio, {CALLED: {"transfers": "off"}})) == 1
    plivo = config_of("plivo", "tel:+18005550123")
    (warning,) = transfer_warnings(plivo, {CALLED: {"trunk_domain": "42.zt.plivo.com"}})
    assert "sip:+18005550123@42.zt.plivo.com" in warning.what
