"""The published ranges: right in form, public, and narrow enough to be allowed."""

import pytest

from daemon.carriers.ranges import TELNYX, signalling_ranges
from daemon.numbers.wishes import allowed_addresses
from tests.contract import complaints


@pytest.mark.parametrize(("carrier", "count"), [("twilio", 8), ("telnyx", 2), ("plivo", 8)])
def test_ranges(carrier: str, count: int) -> None:
    ranges = signalling_ranges(carrier)
    assert len(set(ranges)) == count
    assert allowed_addresses(ranges) == ranges
    wanted = {"origin": "byo_trunk", "phone_number": "+18005550199", "sip_auth": {"allowed_addresses": list(ranges)}}
    assert complaints("rest", "phone_number.create.request", wanted) == []


def test_regions_and_others() -> None:
    assert len({signalling_ranges("telnyx", region) for region in TELNYX}) == 3
    assert signalling_ranges("byo") == ()
