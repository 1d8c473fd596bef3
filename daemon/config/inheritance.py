"""Inheritance: `extends = "NAME"` lays an agent's own keys over those of another agent.

It happens in the document, before anything is decoded, so that every rule sees agents as they will be. Tables are
merged key by key; everything else, arrays included, is replaced. Owned by `load.py`; imports this room's checks and
report. Must never copy what says who an agent is: `extends` and `abstract` are not inherited.
"""

import copy
from typing import Any, Final

from daemon.config.checks import suggest
from daemon.config.report import KeyPath, Report

_OWN: Final = ("abstract", "extends")
# Two ways to say one thing: whoever writes either has said it.
_PAIRS: Final = (("instructions", "instructions_file"), ("greeting", "greeting_prompt"))


def inherit(document: dict[str, Any], report: Report) -> frozenset[str]:
    """Complete every agent that extends another; gives the names of those that could not be completed."""
    agents = document.get("agents")
    if not isinstance(agents, dict):
        return frozenset()
    family = _Family(agents, report)
    whole = {name: family.whole(name) for name, agent in agents.items() if isinstance(agent, dict)}
    agents.update(whole)
    return frozenset(family.incomplete)


class _Family:
    """Agents and whom they extend."""

    def __init__(self, agents: dict[str, Any], report: Report) -> None:
        self.incomplete: set[str] = set()
        self._agents = agents
        self._report = report
        self._whole: dict[str, dict[str, Any]] = {}

    def whole(self, name: str, heirs: tuple[str, ...] = ()) -> dict[str, Any]:
        """An agent with all that it inherits; `heirs` are those on whose behalf we ask, the nearest last."""
        if name not in self._whole:
            self._whole[name] = self._complete(name, (*heirs, name))
        return self._whole[name]

    def _complete(self, name: str, line: tuple[str, ...]) -> dict[str, Any]:
        agent: dict[str, Any] = self._agents[name]
        parent = agent.get("extends", "")
        if not isinstance(parent, str) or not parent:
            return agent
        if why := self._obstacle(parent, line):
            self._report.add(("agents", name, "extends"), why)
            self.incomplete.add(name)
            return agent
        inherited = {key: value for key, value in self.whole(parent, line).items() if key not in _OWN}
        if parent in self.incomplete:
            self.incomplete.add(name)
        for pair in _PAIRS:
            if any(key in agent for key in pair):
                inherited = {key: value for key, value in inherited.items() if key not in pair}
        return self._merged(inherited, agent, ("agents", parent), ("agents", name))

    def _obstacle(self, parent: str, line: tuple[str, ...]) -> str:
        """Why an agent can't extend another, if it can't."""
        if not isinstance(self._agents.get(parent), dict):
            others = tuple(other for other in self._agents if other != line[-1])
            hint = suggest(parent, others) or (f"; there is: {', '.join(others)}" if others else "")
            return f'there is no agent "{parent}"{hint}'
        if parent == line[-1]:
            return "an agent can't extend itself"
        if parent in line:
            circle = " extends ".join((*line[line.index(parent) :], parent))
            return f"this goes round in a circle: {circle}"
        return ""

    def _merged(self, old: dict[str, Any], new: dict[str, Any], source: KeyPath, target: KeyPath) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for key, value in old.items():
            if key not in new:
                merged[key] = copy.deepcopy(value)
                self._report.inherit((*target, key), (*source, key))
            elif isinstance(value, dict) and isinstance(new[key], dict):
                merged[key] = self._merged(value, new[key], (*source, key), (*target, key))
        return {**merged, **{key: value for key, value in new.items() if key not in merged}}
