"""Durations and sizes, read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.units import LONGEST, format_size, parse_duration, parse_size
from daemon.core.durations import format_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2.5s", 2.5),
        ("500ms", 0.5),
        ("300ms", 0.3),
        ("0.3s", 0.3),
        ("10m", 600.0),
        ("1h", 3600.0),
        ("90d", 7_776_000.0),
        ("0s", 0.0),
        ("1.5 h", 5400.0),
        ("36500d", LONGEST),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-1s", "1.s", ".5s", "1h30m", "5 secs", "1S", "1e3s", "٣s", "1s\n", " 1s", "inf"]
)
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r'^expected a duration such as "2.5s", "500ms", "10m", "1h" or "90d"$'):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36501d", "9" * 400 + "s"])
def test_a_duration_beyond_a_lifetime(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration of at most 36500d$"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.5, "500ms"),
        (0.001, "1ms"),
        (0.0005, "0.0005s"),
        (1e-07, "0.0000001s"),
        (2.5, "2.5s"),
        (1.0, "1s"),
        (90.0, "90s"),
        (60.0, "1m"),
        (1800.0, "30m"),
        (3600.0, "1h"),
        (86_400.0, "1d"),
        (5, "5s"),
    ],
)
def test_a_duration_is_written_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.floats(min_value=0, max_value=LONGEST, allow_nan=False) | st.integers(0, int(LONGEST)))
def test_what_is_written_reads_back_the_same(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [("64KiB", 65_536), ("4MiB", 4_194_304), ("1GiB", 1 << 30), ("12B", 12), ("12", 12), (12, 12), ("1 KiB", 1024)],
)
def test_a_size_is_read(written: str | int, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize("written", ["", "KiB", "64KB", "64kib", "1.5MiB", "-1", -1, "1e3", "٣", "9" * 16])
def test_no_size(written: str | int) -> None:
    with pytest.raises(ValueError, match=r'^expected a size such as "64KiB", "4MiB" or a whole number of bytes$'):
        parse_size(written)


@given(st.integers(0, 1 << 40))
def test_a_size_reads_back_the_same(size: int) -> None:
    assert parse_size(format_size(size)) == size
