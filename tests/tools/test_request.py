"""Arguments in a URL and in a body: data, whatever they hold."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import HttpTool
from daemon.config.parameters import parameters
from daemon.tools.request import RequestTemplate
from tests.core.contract import thoroughly


def template(url: str, **keys: Any) -> RequestTemplate:
    return RequestTemplate(HttpTool(description="x", url=url, **keys))


PATH = template("https://api.example.com/v1/{a}/items?q={q}&all=1&r={a}-{q}")


@pytest.mark.parametrize(
    ("arguments", "rest"),
    [
        ({"a": "x", "q": "y"}, "/v1/x/items?q=y&all=1&r=x-y"),
        ({"a": "x"}, "/v1/x/items?all=1"),
        ({"a": "x", "q": None}, "/v1/x/items?all=1"),
        ({"a": "a/b?c#d&e=f g%2F;@:\u00e4", "q": ""}, None),
        ({"a": 42, "q": True}, "/v1/42/items?q=true&all=1&r=42-true"),
        ({"a": 1.5, "q": "{a}"}, "/v1/1.5/items?q=%7Ba%7D&all=1&r=1.5-%7Ba%7D"),
        ({"a": "...", "q": "."}, "/v1/.../items?q=.&all=1&r=...-."),
    ],
)
def test_a_url(arguments: dict[str, object], rest: str | None) -> None:
    quoted = "a%2Fb%3Fc%23d%26e%3Df%20g%252F%3B%40%3A%C3%A4"
    expected = rest or f"/v1/{quoted}/items?q=&all=1&r={quoted}-"
    assert PATH.url(arguments) == f"https://api.example.com{expected}"


@pytest.mark.parametrize("value", ["", ".", "..", "x" * 9000])
def test_what_would_lead_somewhere_else(value: str) -> None:
    with pytest.raises(ValueError, match=r"must not be empty|consists of dots|too long"):
        PATH.url({"a": value})


def test_dots_of_two_slots_count_together() -> None:
    with pytest.raises(ValueError, match="consists of dots"):
        template("https://a.example/{a}{b}").url({"a": ".", "b": "."})


@thoroughly
@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_host_and_path_are_the_operators_whatever_the_model_says(a: str, q: str) -> None:
    try:
        url = httpx.URL(PATH.url({"a": a, "q": q}))
    except ValueError:
        return
    assert (url.scheme, url.raw_host, url.port) == ("https", b"api.example.com", None)
    path = url.raw_path.split(b"?")[0].split(b"/")
    assert (path[:2], path[3:]) == ([b"", b"v1"], [b"items"])
    assert dict(url.params) == {"q": q, "all": "1", "r": f"{a}-{q}"}


SCHEMA = parameters({"a": "string", "n": "integer", "o": "string?"})


@pytest.mark.parametrize(
    ("keys", "arguments", "body"),
    [
        ({}, {"a": "x"}, None),
        ({"method": "DELETE"}, {"a": "x"}, None),
        ({"method": "POST"}, {"a": "x", "n": 1}, {"n": 1}),
        ({"method": "POST", "body": "none"}, {"a": "x"}, None),
        ({"method": "POST", "body": {"n": "{n}", "o": "{o}", "s": "no {n} of {a}{o}"}}, {"a": '"x', "n": 1}, None),
        ({"method": "PATCH", "body": {"l": ["{n}", "{o}", 3, {"x": "{a}"}]}}, {"a": "x", "n": 1}, None),
    ],
)
def test_a_body(keys: dict[str, Any], arguments: dict[str, object], body: object) -> None:
    made = template("https://a.example/{a}", parameters=SCHEMA, **keys).content(arguments)
    if isinstance(keys.get("body"), dict):
        body = {"n": 1, "s": 'no 1 of "x'} if "s" in keys["body"] else {"l": [1, 3, {"x": "x"}]}
    assert (None if made is None else json.loads(made)) == body
