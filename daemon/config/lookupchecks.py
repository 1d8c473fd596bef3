"""Rules for what an agent is told of a call: its lookup's URL, fields and defaults, SIP headers, time zone.

Each rule takes the value and returns it, or raises a ValueError that says what was expected. Owned by the configuration
room; imports the standard library, texts and this room's checks. Must never resolve a host, and must never
repeat a URL in a message.
"""

import math
import re
from typing import Final
from urllib.parse import urlsplit

from daemon.config.checks import is_host, url
from daemon.texts.moment import find_zone

LONGEST_TEXT: Final = 500
"""Characters of a text that a lookup gives, or of the default in its place."""

_SLOT: Final = re.compile(r"\{(caller|called)\}")
_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)+")
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SIP_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_TAKEN: Final = {"from": "caller", "to": "called"}


def lookup_url(text: str) -> str:
    """Accept a URL with `{caller}` and `{called}` in path and query only, or nothing."""
    if not text:
        return text
    start = text.find("://") + 3
    end = next((place for place in range(start, len(text)) if text[place] in "/?#"), len(text))
    base, rest = text[:end], _SLOT.sub("0", text[end:])
    if "{" in base or "}" in base:
        raise ValueError("{caller} and {called} may stand in the path or in the query, never in the host")
    if "{" in rest or "}" in rest:
        raise ValueError("braces stand only around caller and called, as in {caller}")
    path, _, query = rest.partition("?")
    if not re.fullmatch(r"[!-~]*", query) or "#" in query:
        raise ValueError("a query is visible ASCII, without a fragment after it")
    # That http:// is for hosts in allow_private is a rule between keys.
    url("https")(re.sub(r"^http:", "https:", base) + path)
    host = urlsplit(base).hostname or ""
    if not is_host(f"[{host}]" if ":" in host else host):
        raise ValueError("expected a host name or an IP address after ://")
    return text


def json_pointer(text: str) -> str:
    """Accept a JSON Pointer (RFC 6901) to something within an answer."""
    if not _POINTER.fullmatch(text):
        raise ValueError('expected a JSON Pointer such as "/customer/name"')
    return text


def optional_pointer(text: str) -> str:
    """Accept a JSON Pointer, or nothing."""
    return json_pointer(text) if text else text


def field_name(text: str) -> str:
    """Accept the name of a field, as templates write it after `lookup.`."""
    if not _FIELD.fullmatch(text):
        raise ValueError("a field's name is a letter and then letters, digits and _, all lower case, at most 64")
    return text


def default(value: object) -> str | int | float | bool:
    """Accept what stands for a field that the lookup did not give; its type is the field's."""
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise ValueError(f"a text has at most {LONGEST_TEXT} characters; this one has {len(value)}")
        return value
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError("expected a string, a number, or true or false")


def sip_header(text: str) -> str:
    """Accept the name of a SIP header that the agent may be told of."""
    if not _SIP_HEADER.fullmatch(text):
        raise ValueError("a SIP header's name is a letter and then letters, digits and -, at most 64 characters")
    if text.lower() in _TAKEN:
        raise ValueError(f"the number in this header is known to every template already, as {_TAKEN[text.lower()]}")
    return text


def each_once(headers: tuple[str, ...]) -> tuple[str, ...]:
    """Accept names of SIP headers, each once in whatever case."""
    for place, header in enumerate(headers):
        if header.lower() in map(str.lower, headers[:place]):
            raise ValueError(f"item {place + 1} is the same header as one before it")
    return headers


def time_zone(text: str) -> str:
    """Accept the name of a time zone that this machine knows."""
    find_zone(text)
    return text
