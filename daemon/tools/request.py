"""From arguments to a request: URL and body out of their templates. Plain; imports config's records.

Arguments are data wherever they end up: percent-encoded in a URL, of which they can be neither host nor another path,
and JSON in a body.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from daemon import config
from daemon.config.slots import SLOT, slots, split_url

_LONGEST_URL = 8192
_WITHOUT_BODY = frozenset({"GET", "DELETE"})
_MISSING = object()
_DOTS = "An argument that consists of dots is not possible here."
# Encoded they are harmless, but nothing that is meant to be found has them, and not every server is careful.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class RequestTemplate:
    """Makes the requests of one tool."""

    def __init__(self, tool: config.HttpTool) -> None:
        self._base, self._path, self._query = split_url(tool.url)
        self._in_url = {*slots([self._path, self._query])}
        body = tool.body
        if body == "auto":
            body = "none" if tool.method in _WITHOUT_BODY else "json"
        self._body = body

    def url(self, arguments: Mapping[str, Any]) -> str:
        """The URL. Errors: `ValueError`, in words for the model, if an argument can't stand in it."""
        for name in self._in_url:
            if _CONTROL.search(_text(arguments.get(name, ""))):
                raise ValueError(f"{name} must be a single line of plain text.")
        path = SLOT.sub(lambda slot: _in_path(slot[1], arguments), self._path)
        # Dots would be resolved, by us or by the server, and the request would go somewhere else.
        if any(part in {".", ".."} for part in path.split("/")):
            raise ValueError(_DOTS)
        pairs = [pair for pair in self._query.split("&") if pair and all(_has(name, arguments) for name in slots(pair))]
        query = "&".join(SLOT.sub(lambda slot: _quoted(arguments[slot[1]]), pair) for pair in pairs)
        url = f"{self._base}{path}?{query}" if query else f"{self._base}{path}"
        if len(url) > _LONGEST_URL:
            raise ValueError("The arguments are too long for this tool. Shorten them.")
        return url

    def content(self, arguments: Mapping[str, Any]) -> bytes | None:
        """The body as JSON; None if there is none."""
        if self._body == "none":
            return None
        if self._body == "json":
            return msgspec.json.encode({name: inner for name, inner in arguments.items() if name not in self._in_url})
        return msgspec.json.encode(_fill(self._body, arguments))


def _has(name: str, arguments: Mapping[str, Any]) -> bool:
    return arguments.get(name) is not None


def _in_path(name: str, arguments: Mapping[str, Any]) -> str:
    text = _text(arguments[name]) if _has(name, arguments) else ""
    if not text:
        raise ValueError(f"{name} must not be empty.")
    # A server, or one in front of it, may take an encoded slash for a slash.
    if any(part in {".", ".."} for part in re.split(r"[/\\]", text)):
        raise ValueError(_DOTS)
    return quote(text, safe="")


def _quoted(value: object) -> str:
    return quote(_text(value), safe="")


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _fill(template: object, arguments: Mapping[str, Any]) -> object:
    """Put arguments into their slots; an optional one that was not given leaves nothing behind."""
    match template:
        case dict():
            filled = {key: _fill(inner, arguments) for key, inner in template.items()}
            return {key: inner for key, inner in filled.items() if inner is not _MISSING}
        case list():
            return [inner for item in template if (inner := _fill(item, arguments)) is not _MISSING]
        case str():
            whole = SLOT.fullmatch(template)
            if whole is not None:
                return arguments.get(whole[1], _MISSING)
            return SLOT.sub(lambda slot: _text(arguments[slot[1]]) if _has(slot[1], arguments) else "", template)
        case _:
            return template
