"""Rules for the values of a tool: its name, URL, headers, body, and where it may connect to.

Each rule takes the value and returns it, or raises a ValueError that says what was expected. Owned by the configuration
room; imports the standard library and this room's checks, secrets and slots. Must never resolve a host, and must never
repeat a header's value or a URL in a message.
"""

import ipaddress
import math
import re
from typing import Any, Final

from daemon.config.checks import BUILT_IN_TOOLS, is_host, plain_name, split
from daemon.config.secrets import Secret
from daemon.config.slots import SLOT, split_url
from daemon.functions.signature import Function

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
# What frames the message, and what Callwarden says itself.
_OURS: Final = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "upgrade"),
        *("te", "trailer", "expect", "accept-encoding", "idempotency-key", "x-callwarden-call"),
    }
)
_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)*")


def tool_name(text: str) -> str:
    """Accept the name of a tool of the operator's."""
    if text in BUILT_IN_TOOLS:
        raise ValueError(f'"{text}" is built in; give this one another name')
    return plain_name(text, "a tool's name")


def tool_url(text: str) -> str:
    """Accept a URL with slots in path and query only."""
    base, path, query = split_url(text)
    if "{" in base or "}" in base:
        raise ValueError("a {name} may stand in the path or in the query, never in the host")
    rest = SLOT.sub("x", f"{path}?{query}")
    if "{" in rest or "}" in rest:
        raise ValueError("braces stand only around the name of a parameter, such as {order}")
    parts = split(base + rest)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        raise ValueError('expected a URL such as "https://api.example.com/orders/{order}", without a fragment')
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL may not carry a user name or password; use headers")
    if not is_host(f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname):
        raise ValueError("expected a host name or an IP address after ://")
    return text


def header_name(text: str) -> str:
    """Accept the name of a header that is the operator's to set."""
    if not _TOKEN.fullmatch(text):
        raise ValueError("a header's name is 1 to 64 letters, digits and - _ . without spaces")
    if text.lower() in _OURS:
        raise ValueError("this header is set by Callwarden")
    return text


def header_value(secret: Secret) -> Secret:
    """Refuse a value that could not be sent, or would be more than one header."""
    text = secret.reveal()
    if not re.fullmatch(r"[ -~]*", text) or text != text.strip():
        raise ValueError("a header's value is ASCII without line breaks, and without spaces around it")
    return secret


def json_pointer(text: str) -> str:
    """Accept a JSON Pointer (RFC 6901), or nothing."""
    if not _POINTER.fullmatch(text):
        raise ValueError('expected a JSON Pointer such as "/orders/0/status", or "" for the whole answer')
    return text


def private_place(text: str) -> str:
    """Accept a network, an address or a host name."""
    if "/" in text or re.fullmatch(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", text):
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise ValueError('expected a network such as "10.0.0.0/8", an address or a host name') from None
    elif not is_host(text):
        raise ValueError('expected a network such as "10.0.0.0/8", an address or a host name')
    return text.lower()


def function_reference(value: object) -> object:
    """Accept a function, or where it is if it was left there; that it is right was seen when it was loaded."""
    if isinstance(value, str | Function):
        return value
    raise ValueError('expected "package.module:name"')


def body(value: object) -> str | dict[str, Any]:
    """Accept how a request's body is made."""
    if isinstance(value, dict):
        if not _is_json(value):
            raise ValueError("a body holds strings, numbers, booleans, arrays and tables only")
        return value
    if isinstance(value, str) and value in {"auto", "json", "none"}:
        return value
    raise ValueError('expected "auto", "json", "none", or a table such as { order = "{order}", source = "phone" }')


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
