"""Rules between destinations, and between them, the agents that may use them and the keys that lead there.

Like `agreement.py`, it looks at the document as it was written and passes over what has the wrong type. Owned by
`agreement.py` and `load.py`; imports functions, core's menus and this room's modules.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from daemon.config.checks import BUILT_IN_TOOLS, suggest
from daemon.config.numbering import MEANINGS, e164, kinds
from daemon.config.parameters import KEYPAD, parameters
from daemon.config.plans import EXAMPLE_URI
from daemon.config.report import KeyPath, Report
from daemon.core.menu import TransferTo, UseTool, read_action
from daemon.functions.signature import Function

_RUN_BY_US: Final = ("http", "python")


def check_destinations(document: dict[str, Any], report: Report) -> None:
    """Report destinations that cost too much, that lead back here, or whose fallbacks lead nowhere."""
    places = _table(document.get("destinations"))
    numbers = _table(document.get("numbers"))
    for name, place in places.items():
        if not isinstance(place, dict):
            continue
        path: KeyPath = ("destinations", name)
        uri, allowed = place.get("uri"), place.get("allow", [])
        if isinstance(uri, str):
            _check_number(path, uri, allowed if isinstance(allowed, list) else [], numbers, report)
        fallback = place.get("fallback", "")
        if isinstance(fallback, str) and fallback:
            _check_fallback((*path, "fallback"), name, places, report)


def check_costs(document: dict[str, Any], report: Report) -> None:
    """Report ceilings that nothing can reach, as nothing has a price, and one at which callers are sent nowhere."""
    costs = _table(document.get("costs"))
    priced = any(costs.get(key) for key in ("per_minute", "per_million_input_tokens", "per_million_output_tokens"))
    for key in ("max_per_call", "max_per_day"):
        if costs.get(key) and not priced:
            report.add(("costs", key), "is never reached without a price; add per_minute = 0.05, or what yours is")
    action = _read(costs.get("on_max_per_call"))
    if isinstance(action, TransferTo):
        places = _table(document.get("destinations"))
        _check_destination(("costs", "on_max_per_call"), action.destination, places, report)


def _check_number(path: KeyPath, uri: str, allowed: list[object], numbers: dict[str, Any], report: Report) -> None:
    for kind in kinds(uri):
        if kind not in allowed:
            report.add((*path, "uri"), f'this is {MEANINGS[kind]}; if that is meant, add allow = ["{kind}"]')
    if e164(uri) in numbers:
        report.add((*path, "uri"), "this number is one of [numbers], so the call would come back here")


def _check_fallback(path: KeyPath, name: str, places: dict[str, Any], report: Report) -> None:
    seen = [name]
    while True:
        place = places.get(seen[-1])
        following = place.get("fallback") if isinstance(place, dict) else None
        if not isinstance(following, str) or not following:
            return
        if following in seen:
            report.add(path, f"leads round in a circle: {' > '.join([*seen, following])}")
            return
        if following not in places:
            if len(seen) == 1:  # or it is said of the one before
                report.add(path, f'there is no destination "{following}"{_hint(following, places)}')
            return
        seen.append(following)


def check_agent_transfers(name: str, agent: dict[str, Any], document: dict[str, Any], report: Report) -> None:
    """Report transfers and keys of an agent that lead nowhere, and tools without what they need."""
    path: KeyPath = ("agents", name)
    places, tools = _table(document.get("destinations")), _table(document.get("tools"))
    transfers, wanted = _texts(agent.get("transfers")), _texts(agent.get("tools", ["hang_up"]))
    for place, destination in enumerate(transfers, start=1):
        _check_destination((*path, "transfers"), destination, places, report, f"item {place}: ")
    if "transfer" in wanted and not transfers:
        report.add((*path, "tools"), '"transfer" needs to know where to; add transfers = ["NAME"]')
    if transfers and "transfer" not in wanted:
        report.add((*path, "transfers"), 'without "transfer" in tools, nobody can use them')
    if "collect_digits" not in wanted:
        for tool in wanted:
            if any(_needs_keypad(tools.get(tool))):
                report.add((*path, "tools"), f'"{tool}" takes what callers type, so "collect_digits" is needed too')
    for key, where, text in _actions(path, agent):
        action = _read(text)
        if isinstance(action, TransferTo):
            _check_destination(where, action.destination, places, report)
        elif isinstance(action, UseTool):
            _check_tool(where, action.name, wanted, tools.get(action.name), report)
        if key:
            _check_keys(where, key, _table(agent.get("keypad")), report)


def _check_destination(path: KeyPath, destination: str, places: dict[str, Any], report: Report, item: str = "") -> None:
    if destination not in places:
        report.add(path, f'{item}there is no destination "{destination}"{_hint(destination, places)}')


def _check_tool(path: KeyPath, name: str, wanted: Iterable[str], tool: object, report: Report) -> None:
    usable = tuple(each for each in wanted if each not in BUILT_IN_TOOLS)
    if isinstance(tool, dict) and tool.get("type") not in (None, *_RUN_BY_US):
        report.add(path, f'the platform runs "{name}", when the model wants it; a key can run only tools of your own')
    elif name not in usable:
        there_is = f"; there is: {', '.join(usable)}" if usable else ""
        report.add(path, f'"{name}" is no tool of this agent that a key can run{suggest(name, usable) or there_is}')
    elif isinstance(tool, dict):
        _check_arguments(path, name, _schema(tool), report)


def check_keys_of_functions(document: dict[str, Any], report: Report) -> None:
    """Report keys that run Python functions which need arguments; once it is known what these are."""
    tools = _table(document.get("tools"))
    for name, agent in _table(document.get("agents")).items():
        for _, where, text in _actions(("agents", name), _table(agent)):
            action = _read(text)
            tool = _table(tools.get(action.name)) if isinstance(action, UseTool) else {}
            for function in (tool.get("function"), tool.get("file")):
                if isinstance(action, UseTool) and isinstance(function, Function):
                    _check_arguments(where, action.name, function.parameters, report)


def _check_arguments(path: KeyPath, name: str, schema: dict[str, Any], report: Report) -> None:
    if needed := schema.get("required"):
        report.add(path, f'a key gives no arguments, and "{name}" needs {", ".join(needed)}')


def _check_keys(path: KeyPath, keys: str, keypad: dict[str, Any], report: Report) -> None:
    terminator, most = keypad.get("terminator", "#"), keypad.get("max_digits", 32)
    if isinstance(terminator, str) and terminator and terminator in keys:
        report.add(path, f'"{terminator}" ends an entry, so it can\'t be part of a key; change terminator or the key')
    if isinstance(most, int) and len(keys) > most:
        report.add(path, f"an entry has at most {most} keys here (max_digits)")


def _actions(path: KeyPath, agent: dict[str, Any]) -> Iterator[tuple[str, KeyPath, object]]:
    menu = _table(_table(agent.get("keypad")).get("menu"))
    yield from ((keys, (*path, "keypad", "menu", keys), text) for keys, text in menu.items())
    yield "", (*path, "on_trouble"), agent.get("on_trouble")


def _read(text: object) -> object:
    try:
        return read_action(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _hint(name: str, places: dict[str, Any]) -> str:
    there_is = f"there is: {', '.join(places)}" if places else f"add [destinations.NAME] with {EXAMPLE_URI}"
    return suggest(name, tuple(places)) or f"; {there_is}"


def _schema(tool: dict[str, Any]) -> dict[str, Any]:
    written = tool.get("parameters", {})
    try:
        return parameters(written) if isinstance(written, dict) else {}
    except ValueError:
        return {}


def _needs_keypad(tool: object) -> Iterator[bool]:
    known = _schema(tool).get("properties", {}) if isinstance(tool, dict) else {}
    yield from (isinstance(schema, dict) and schema.get("format") == KEYPAD for schema in known.values())


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
