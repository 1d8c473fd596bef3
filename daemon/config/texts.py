"""The words of agents, tried out before anybody calls: each template is compiled, and rendered with what it may meet.

Looks at the document, so that it speaks even if some other key is wrong. What an abstract agent says is judged where it
is inherited, because only there it is known what it may speak of. Owned by `load.py`; imports texts and this room's
agreement and report. Must never repeat a text in a message.
"""

from typing import Any, Final

from daemon.config.agreement import tables
from daemon.config.report import KeyPath, Report
from daemon.errors import TemplateBroken
from daemon.texts.facts import Known, Scalar, members, names, samples, spelled
from daemon.texts.moment import find_zone
from daemon.texts.template import Template

TEMPLATES: Final = ("instructions", "greeting", "greeting_prompt", "redial_greeting")
"""Keys of an agent that hold a template."""


def check_texts(document: dict[str, Any], report: Report, incomplete: frozenset[str]) -> None:
    """Report every template that can't be used."""
    for name, agent in tables(document, "agents"):
        if agent.get("abstract") is True or name in incomplete:
            continue
        known, fields = _known(agent)
        for key in TEMPLATES:
            text = agent.get(key)
            if not isinstance(text, str) or not text:
                continue
            try:
                template = Template(text, members(known))
                for facts in samples(name, _zone(agent.get("timezone")), fields):
                    template.render(names(facts, known))
            except TemplateBroken as error:
                from_file = key == "instructions" and agent.get("instructions_file")
                path: KeyPath = ("agents", name, "instructions_file" if from_file else key)
                inherited = report.written(path) != path
                report.add(path, f'{error} (as agent "{name}" has it)' if inherited else str(error))


def _known(agent: dict[str, Any]) -> tuple[Known, dict[str, Scalar]]:
    """What an agent's templates may speak of, and what its lookup's fields are while nothing is known."""
    lookup, headers = agent.get("lookup"), agent.get("sip_headers")
    listed = [header for header in headers if isinstance(header, str)] if isinstance(headers, list) else []
    spoken_of = frozenset(map(spelled, listed))
    if not isinstance(lookup, dict) or not lookup.get("url"):
        return Known(headers=spoken_of), {}
    fields, defaults = (table if isinstance(table, dict) else {} for table in map(lookup.get, ("fields", "defaults")))
    values = {name: _scalar(defaults.get(name)) for name in fields}
    return Known(fields=frozenset(values), headers=spoken_of), values


def _scalar(default: object) -> Scalar:
    return default if isinstance(default, str | int | float) else ""


def _zone(name: object) -> str:
    """The time zone, if it is one; if not, the decoder says so."""
    try:
        find_zone(str(name))
    except ValueError:
        return "UTC"
    return str(name)
