"""Durations as they stand in reasons; that the configuration reads them back is shown in tests/config."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.durations import format_duration
from tests.core.contract import thoroughly

UNITS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86_400)}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0, "0s"),
        (0.001, "1ms"),
        (0.25, "250ms"),
        (0.0005, "0.0005s"),
        (1e-7, "0.0000001s"),
        (1, "1s"),
        (2.5, "2.5s"),
        (30.0, "30s"),
        (59.0, "59s"),
        (60.0, "1m"),
        (61.0, "61s"),
        (90, "90s"),
        (600.0, "10m"),
        (3600.0, "1h"),
        (5400.0, "90m"),
        (86_400.0, "1d"),
        (90_000.0, "25h"),
    ],
)
def test_a_duration_is_written_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@thoroughly
@given(st.floats(min_value=0, max_value=1e9, allow_nan=False) | st.integers(0, 10**9))
def test_it_is_a_number_with_a_unit_and_exact(seconds: float) -> None:
    text = format_duration(seconds)
    number = text.rstrip("msdh")
    assert float(Decimal(number) * UNITS[text.removeprefix(number)]) == seconds
