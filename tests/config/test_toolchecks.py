"""Rules for a tool's values, one by one."""

from typing import Any

import pytest

from daemon.config import toolchecks
from daemon.config.secrets import Secret


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (toolchecks.tool_name, "look_up-2"),
        (toolchecks.tool_url, "https://api.example.com/orders/{order}?full={full}"),
        (toolchecks.tool_url, "https://api.example.com:8443"),
        (toolchecks.tool_url, "http://[::1]:8080/{x}"),
        (toolchecks.tool_url, "https://api.example.com/a%20b"),
        (toolchecks.header_name, "X-Api-Key"),
        (toolchecks.header_value, Secret("Bearer abc")),
        (toolchecks.json_pointer, ""),
        (toolchecks.json_pointer, "/a/0/b~1c"),
        (toolchecks.private_place, "10.0.0.0/8"),
        (toolchecks.private_place, "127.0.0.1"),
        (toolchecks.private_place, "fd00::/8"),
        (toolchecks.private_place, "crm.internal"),
        (toolchecks.body, "auto"),
        (toolchecks.body, {"a": "{a}", "b": [1, 2.5, True, {"c": "x"}]}),
    ],
)
def test_what_is_right_is_taken(rule: Any, value: object) -> None:
    assert rule(value) == value


@pytest.mark.parametrize(
    ("rule", "value", "what"),
    [
        (toolchecks.tool_name, "hang_up", '"hang_up" is built in'),
        (toolchecks.tool_name, "Look Up", "a tool's name is"),
        (toolchecks.tool_url, "https://{host}/x", "never in the host"),
        (toolchecks.tool_url, "https://api.{zone}.example.com/x", "never in the host"),
        (toolchecks.tool_url, "https://api.example.com:{port}/x", "never in the host"),
        (toolchecks.tool_url, "{url}", "never in the host"),
        (toolchecks.tool_url, "https://api.example.com/{a b}", "braces stand only around"),
        (toolchecks.tool_url, "https://api.example.com/x}", "braces stand only around"),
        (toolchecks.tool_url, "https://api.example.com/x#part", "expected a URL"),
        (toolchecks.tool_url, "ftp://api.example.com/x", "expected a URL"),
        (toolchecks.tool_url, "api.example.com/x", "expected a URL"),
        (toolchecks.tool_url, "https:///x", "expected a URL"),
        (toolchecks.tool_url, "https://api.example.com/\u00e4", "expected a URL"),
        (toolchecks.tool_url, "https://api.example.com/\r\nX: y", "expected a URL"),
        (toolchecks.tool_url, "https://me:secret@api.example.com/x", "user name or password"),
        (toolchecks.tool_url, "https://1.2.3/x", "expected a host name"),
        (toolchecks.header_name, "X Api", "a header's name is"),
        (toolchecks.header_name, "X:", "a header's name is"),
        (toolchecks.header_name, "Host", "set by Callwarden"),
        (toolchecks.header_name, "Idempotency-Key", "set by Callwarden"),
        (toolchecks.header_value, Secret("a\r\nX: y"), "ASCII without line breaks"),
        (toolchecks.header_value, Secret("\u00e4"), "ASCII without line breaks"),
        (toolchecks.header_value, Secret(" a"), "without spaces around"),
        (toolchecks.json_pointer, "order", "expected a JSON Pointer"),
        (toolchecks.json_pointer, "/a~2", "expected a JSON Pointer"),
        (toolchecks.private_place, "10.0.0.1/8", "expected a network"),
        (toolchecks.private_place, "10.0.0.300", "expected a network"),
        (toolchecks.private_place, "a b", "expected a network"),
        (toolchecks.private_place, "::g", "expected a network"),
        (toolchecks.body, "xml", 'expected "auto"'),
        (toolchecks.body, 3, 'expected "auto"'),
        (toolchecks.body, {"a": float("inf")}, "a body holds"),
    ],
)
def test_what_is_wrong_is_explained(rule: Any, value: object, what: str) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        rule(value)
    assert "secret" not in str(caught.value)


def test_places_are_compared_in_lower_case() -> None:
    assert toolchecks.private_place("CRM.Internal") == "crm.internal"
