"""Rules between keys: what is right on its own and wrong next to something else.

They look at the document as it was written and not at records, so that they still speak when some other key is
wrong. What has the wrong type they pass over; the decoder reports it. Owned by `load.py`; imports the standard
library, core's plans and this room's checks, plans and report.
"""

from collections.abc import Iterator
from typing import Any

from daemon.config.checks import suggest
from daemon.config.plans import EXAMPLE_URI
from daemon.config.report import KeyPath, Report
from daemon.config.tool_agreement import check_agent_tools, check_place, check_tool
from daemon.config.transfer_agreement import check_agent_transfers, check_costs, check_destinations
from daemon.config.units import parse_duration
from daemon.core.overflow import Refer, read_step


def check_agreement(document: dict[str, Any], report: Report, incomplete: frozenset[str] = frozenset()) -> None:
    """Report every contradiction and every gap between the tables of a document.

    Agents that are incomplete, because whom they extend is not there, are not told what they lack.
    """
    _check_presence(document, report)
    _check_routes(document, report)
    _check_plans(document, report)
    check_destinations(document, report)
    check_costs(document, report)
    _check_signatures(document, report)
    _check_operator(document, report)
    for name, agent in tables(document, "agents"):
        _check_agent(name, agent, report, lacking=name in incomplete or agent.get("abstract") is True)
        _check_lookup(("agents", name, "lookup"), agent.get("lookup"), report)
        check_agent_tools(name, agent, document.get("tools", {}), report)
        check_agent_transfers(name, agent, document, report)
    for name, tool in tables(document, "tools"):
        check_tool(name, tool, report)


def tables(document: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through the tables within one table, leaving out what is none."""
    outer = document.get(name)
    if isinstance(outer, dict):
        yield from ((key, inner) for key, inner in outer.items() if isinstance(inner, dict))


def _check_presence(document: dict[str, Any], report: Report) -> None:
    if document.get("numbers", {}) == {}:
        what = 'at least one number is needed; add [numbers."+18005550199"] with agent = "NAME"'
        report.add(("numbers",), what, table=True)
    if document.get("agents", {}) == {}:
        what = 'at least one agent is needed; add [agents.NAME] with instructions = "..."'
        report.add(("agents",), what, table=True)


def _check_routes(document: dict[str, Any], report: Report) -> None:
    agents = document.get("agents")
    if not isinstance(agents, dict) or not agents:
        return
    for number, route in tables(document, "numbers"):
        agent = route.get("agent")
        if isinstance(agent, str) and agent not in agents:
            hint = suggest(agent, tuple(agents)) or f"; there is: {', '.join(agents)}"
            report.add(("numbers", number, "agent"), f'there is no agent "{agent}"{hint}')
        elif isinstance(agent, str) and isinstance(agents[agent], dict) and agents[agent].get("abstract") is True:
            report.add(("numbers", number, "agent"), f'agent "{agent}" is abstract: it is only there to be extended')


def _check_plans(document: dict[str, Any], report: Report) -> None:
    destinations = document.get("destinations", {})
    if not isinstance(destinations, dict):
        return
    there_is = f"there is: {', '.join(destinations)}" if destinations else f"add [destinations.NAME] with {EXAMPLE_URI}"
    for path, plan in _plans(document):
        for place, step in enumerate(plan, start=1):
            name = _referred_to(step)
            if name is not None and name not in destinations:
                hint = suggest(name, tuple(destinations)) or f"; {there_is}"
                report.add(path, f'item {place}: there is no destination "{name}"{hint}')


def _plans(document: dict[str, Any]) -> Iterator[tuple[KeyPath, list[object]]]:
    plans: dict[KeyPath, object] = {
        ("numbers", number, "overflow"): route.get("overflow") for number, route in tables(document, "numbers")
    }
    limits = document.get("limits")
    if isinstance(limits, dict):
        plans |= {("limits", key): limits.get(key) for key in ("overflow", "unrouted")}
    yield from ((path, plan) for path, plan in plans.items() if isinstance(plan, list))


def _referred_to(step: object) -> str | None:
    try:
        read = read_step(step) if isinstance(step, str) else None
    except ValueError:
        return None
    return read.destination if isinstance(read, Refer) else None


def _check_signatures(document: dict[str, Any], report: Report) -> None:
    platform = dict(tables(document, "platform")).get("xai", {})
    if platform.get("webhook_secrets", []) != []:
        return
    bare = [number for number, route in tables(document, "numbers") if not route.get("webhook_secrets")]
    if bare:
        line = 'webhook_secrets = ["${credential:xai-webhook-secret}"]'
        what = f"missing, and {', '.join(bare)} has none of its own; add {line}"
        report.add(("platform", "xai", "webhook_secrets"), what)


def _check_operator(document: dict[str, Any], report: Report) -> None:
    operator = document.get("operator")
    if isinstance(operator, dict) and operator.get("listen") and "token" not in operator:
        line = 'token = "${credential:operator-token}"'
        report.add(("operator", "token"), f"missing, and listen lets everybody on this machine in; add {line}")


def _check_agent(name: str, agent: dict[str, Any], report: Report, *, lacking: bool) -> None:
    path = ("agents", name)
    inline, file = agent.get("instructions", ""), agent.get("instructions_file", "")
    if inline != "" and file != "":
        report.add((*path, "instructions_file"), "give either instructions or instructions_file, not both")
    elif inline == "" and file == "" and not lacking:
        report.add((*path, "instructions"), "missing; give instructions or instructions_file")
    elif isinstance(inline, str) and inline and not inline.strip():
        report.add((*path, "instructions"), "there is nothing but white space in it")
    if agent.get("greeting") and agent.get("greeting_prompt"):
        report.add((*path, "greeting_prompt"), "give either greeting or greeting_prompt, not both")
    redials = _is_some_time(agent.get("redial"))
    if redials and agent.get("resumption") is not True and not lacking:
        report.add((*path, "redial"), "needs resumption = true, or the platform keeps no conversation to go on with")
    if agent.get("redial_greeting") and not redials and not lacking:
        report.add((*path, "redial_greeting"), 'is never said without redial; add redial = "30m"')


def _is_some_time(duration: object) -> bool:
    try:
        return isinstance(duration, str) and parse_duration(duration) > 0
    except ValueError:
        return False


def _check_lookup(path: KeyPath, lookup: object, report: Report) -> None:
    if not isinstance(lookup, dict):
        return
    url = lookup.get("url")
    if isinstance(url, str) and "://" in url:
        check_place(path, url, lookup.get("allow_private", []), report)
    fields, defaults = lookup.get("fields", {}), lookup.get("defaults", {})
    if not lookup.get("url") and (fields or lookup.get("agent_field")):
        report.add((*path, "url"), 'missing; add url = "https://crm.example.com/callers/{caller}"')
    if isinstance(fields, dict) and isinstance(defaults, dict):
        for name in defaults.keys() - fields.keys():
            hint = suggest(name, tuple(fields)) or f"; there is: {', '.join(fields)}"
            report.add((*path, "defaults", name), f'there is no field "{name}"{hint if fields else ""}')
