"""Rules for the options of tools that the platform runs: domains, handles, days, and where an MCP server is.

Each rule takes the value and returns it, or raises a ValueError that says what was expected. Owned by the configuration
room; imports the standard library and this room's checks. Must never connect to anything.
"""

import datetime
import re
from typing import Any, Final

from daemon.config.checks import is_host, split
from daemon.config.report import KeyPath, Report

_LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HANDLE: Final = re.compile(r"[A-Za-z0-9_]{1,50}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_EITHER: Final = (("allowed_domains", "excluded_domains"), ("allowed_x_handles", "excluded_x_handles"))


def domain(text: str) -> str:
    """Accept a domain, without scheme and path."""
    if "." in text and is_host(text):
        return text
    raise ValueError('expected a domain such as "example.com", without https:// and without a path')


def handle(text: str) -> str:
    """Accept the name of an account on X."""
    if _HANDLE.fullmatch(text):
        return text
    raise ValueError('expected the name of an account such as "xai", without @')


def day(value: object) -> str:
    """Accept a day, written as a date or as a text, or none."""
    if value == "":
        return ""
    text = value.isoformat() if isinstance(value, datetime.date) else value
    try:
        if isinstance(text, str) and len(text) == len("2026-01-31"):
            return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise ValueError('expected a day such as "2026-01-31"')


def mcp_url(text: str) -> str:
    """Accept the URL of an MCP server."""
    parts = split(text)
    if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname or parts.fragment:
        raise ValueError('expected a URL such as "https://mcp.example.com/mcp"')
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL may not carry a user name or password; use authorization or headers")
    return text


def mcp_label(text: str) -> str:
    """Accept what an MCP server is called."""
    if text and not _LABEL.fullmatch(text):
        raise ValueError("a label is letters, digits, _ and -, without dots, 64 characters at most")
    return text


def mcp_header(text: str) -> str:
    """Accept the name of a header."""
    if _HEADER.fullmatch(text):
        return text
    raise ValueError("a header's name is 1 to 64 letters, digits and - _ . without spaces")


def check_search(path: KeyPath, tool: dict[str, Any], report: Report) -> None:
    """Report what does not go together in a tool that the platform runs."""
    for allowed, excluded in _EITHER:
        if tool.get(allowed) and tool.get(excluded):
            report.add((*path, excluded), f"give either {allowed} or {excluded}, not both")
    first, last = tool.get("from_date"), tool.get("to_date")
    if first and last and _as_day(first) > _as_day(last) > "":
        report.add((*path, "to_date"), "is before from_date")
    url = tool.get("server_url")
    if isinstance(url, str) and url.startswith("http://") and (tool.get("authorization") or tool.get("headers")):
        report.add((*path, "server_url"), "authorization and headers would be sent in the clear; use https://")


def _as_day(value: object) -> str:
    """The day, or nothing; what is wrong with it is the decoder's to say."""
    try:
        return day(value)
    except ValueError:
        return ""
