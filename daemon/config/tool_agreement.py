"""Rules between the keys of a tool, and between tools and the agents that use them.

Like `agreement.py`, it looks at the document as it was written and passes over what has the wrong type. Owned by
`agreement.py`; imports the standard library and this room's checks, parameters, report, searchchecks and slots.
"""

import ipaddress
from typing import Any, Final
from urllib.parse import urlsplit

from daemon.config.checks import BUILT_IN_TOOLS, suggest
from daemon.config.parameters import parameters
from daemon.config.report import KeyPath, Report
from daemon.config.searchchecks import check_search
from daemon.config.slots import slots, split_url
from daemon.core.addresses import is_public, within

# No set: what is looked for in it may be a table.
_WITHOUT_BODY: Final = ("GET", "DELETE")


def check_agent_tools(name: str, agent: dict[str, Any], tools: object, report: Report) -> None:
    """Report tools of an agent that there are not."""
    wanted = agent.get("tools")
    known = (*BUILT_IN_TOOLS, *(tools if isinstance(tools, dict) else ()))
    for place, tool in enumerate(wanted if isinstance(wanted, list) else (), start=1):
        if isinstance(tool, str) and tool not in known:
            hint = suggest(tool, known) or f"; there is: {', '.join(known)}"
            report.add(("agents", name, "tools"), f'item {place}: there is no tool "{tool}"{hint}')


def check_tool(name: str, tool: dict[str, Any], report: Report) -> None:
    """Report what does not go together in one tool."""
    path: KeyPath = ("tools", name)
    if tool.get("type") in ("web_search", "x_search", "mcp"):
        check_search(path, tool, report)
    if tool.get("type") != "http":
        return
    retries = tool.get("retries", 0)
    if isinstance(retries, int) and retries > 0 and tool.get("idempotent") is not True:
        report.add((*path, "retries"), "only what is idempotent may be tried again; add idempotent = true")
    if tool.get("method", "GET") == "GET" and tool.get("body", "auto") not in ("auto", "none"):
        report.add((*path, "body"), 'a GET request has no body; add method = "POST", or leave body out')
    url = tool.get("url")
    if isinstance(url, str) and "://" in url:
        check_place(path, url, tool.get("allow_private", []), report)
        _check_slots(path, url, tool, report)


def _check_slots(path: KeyPath, url: str, tool: dict[str, Any], report: Report) -> None:
    written = tool.get("parameters", {})
    try:
        schema = parameters(written) if isinstance(written, dict) else None
    except ValueError:
        return
    if schema is None:
        return
    known: dict[str, Any] = schema.get("properties", {})
    _, place, query = split_url(url)
    body = tool.get("body", "auto")
    for key, template in (("url", [place, query]), ("body", body if isinstance(body, dict) else "")):
        for slot in dict.fromkeys(slots(template)):
            if slot not in known:
                there_is = f"; there is: {', '.join(known)}" if known else "; add it to parameters"
                report.add((*path, key), f'there is no parameter "{slot}"{suggest(slot, tuple(known)) or there_is}')
            elif key == "url" and _is_nested(known[slot]):
                report.add((*path, key), f"{{{slot}}} is an object or an array, which can't stand in a URL")
    for slot in dict.fromkeys(slots(place)):
        if slot in known and slot not in schema.get("required", ()):
            report.add((*path, "url"), f"{{{slot}}} is part of the path, so it must be required in parameters")
    sends_all = body == "json" or (body == "auto" and tool.get("method", "GET") not in _WITHOUT_BODY)
    sent = {*slots([place, query]), *slots(body if isinstance(body, dict) else "")}
    if not sends_all and (unsent := [name for name in known if name not in sent]):
        example = f"{{{unsent[0]}}}"
        report.add((*path, "parameters"), f"{', '.join(unsent)} is sent nowhere; put {example} into url or body")


def _is_nested(schema: object) -> bool:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return bool({"object", "array"} & {*(kind if isinstance(kind, list) else [kind])})


def check_place(path: KeyPath, url: str, allowed: object, report: Report) -> None:
    """Find now what would be refused in every call."""
    try:
        parts = urlsplit(split_url(url)[0])
    except ValueError:
        return
    host = parts.hostname or ""
    places = [place.lower() for place in allowed if isinstance(place, str)] if isinstance(allowed, list) else []
    address = _address("127.0.0.1" if host == "localhost" else host)
    named = host in places
    if address is not None and not is_public(address) and not named and not within(address, tuple(places)):
        report.add((*path, "url"), f'its host is not public; if that is meant, add allow_private = ["{host}"]')
    elif parts.scheme == "http" and not named and not (address is not None and within(address, tuple(places))):
        report.add((*path, "url"), "expected a URL that starts with https://; http:// is for hosts in allow_private")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
