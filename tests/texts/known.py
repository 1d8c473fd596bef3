"""What the templates of these tests may speak of, and one call's worth of it."""

from daemon.texts.facts import Facts, Known, members, names
from daemon.texts.template import Template

KNOWN = Known(fields=frozenset({"name", "orders", "vip"}), headers=frozenset({"diversion"}))
FACTS = Facts(
    agent="support",
    caller="+14155550100",
    called="+18005550199",
    at=1_790_000_000.0,
    zone="Europe/Berlin",
    fields={"name": "Ada", "orders": 3, "vip": True},
    numbers={"diversion": "+18005550177"},
)


def rendered(source: str, facts: Facts = FACTS, known: Known = KNOWN) -> str:
    """A template, compiled and filled in."""
    return Template(source, members(known)).render(names(facts, known))
