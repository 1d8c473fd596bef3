import pytest

from daemon.cli.plain import clock_time, harmless, local_time, span


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Where is my order?", "Where is my order?"),
        ("Grüße, 你好, שלום, नमस्ते 👩\u200d👩", "Grüße, 你好, שלום, नमस्ते 👩\u200d👩"),
        ("\x1b[2J\x1b[31mred", r"\x1b[2J\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("one\r\ntwo\ttabs\x00\x07", r"one\r\ntwo\ttabs\x00\x07"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2066a\u2069\u200f\u200e\u061c", r"\u2066a\u2069\u200f\u200e\u061c"),
        ("line\u2028line\u2029", r"line\u2028line\u2029"),
        ("\ufeff\u00ad\ue000\U000e0041", r"\ufeff\xad\ue000\U000e0041"),
        ("\ud800", r"\ud800"),
        ("[bold]no markup[/]", "[bold]no markup[/]"),
    ],
)
def test_harmless(text: str, shown: str) -> None:
    assert harmless(text) == shown
    assert harmless(text).isprintable() or "\u200d" in text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, None),
        (0, "0s"),
        (-0.2, "0s"),
        (59.4, "59s"),
        (60, "1m"),
        (61, "1m 1s"),
        (3599.9, "1h"),
        (3660, "1h 1m"),
        (90_000, "1d 1h"),
        (-75, "-1m 15s"),
    ],
)
def test_spans(seconds: float | None, shown: str | None) -> None:
    assert span(seconds) == shown


def test_times(monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_time(None) is None
    assert local_time(1_795_521_600.9) is not None
    assert len(clock_time(1_795_521_600.9)) == len("12:00:00")
