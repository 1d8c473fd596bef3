"""Slots in templates."""

import pytest

from daemon.config.slots import slots, split_url


def test_names_are_found_wherever_they_stand() -> None:
    assert list(slots("/orders/{order}/{item-1}?q={q}&r={order}")) == ["order", "item-1", "q", "order"]
    assert list(slots({"a": "{x}", "b": ["{y} of {z}", 3], "c": {"d": "{x}"}, "e": None})) == ["x", "y", "z", "x"]
    assert list(slots('{"a": 1} {} {1} {a b}')) == []


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://a.example/x/{y}?q={z}&r=?", ("https://a.example", "/x/{y}", "q={z}&r=?")),
        ("https://a.example", ("https://a.example", "", "")),
        ("https://a.example?q=1", ("https://a.example", "", "q=1")),
        ("http://[::1]:8080/", ("http://[::1]:8080", "/", "")),
    ],
)
def test_a_url_is_parted(url: str, parts: tuple[str, str, str]) -> None:
    assert split_url(url) == parts
