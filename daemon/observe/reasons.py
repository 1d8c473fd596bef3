"""From a chain of reasons to one of a few labels, because a metric must not grow with what happens.

Plain; imports the standard library. A chain that no rule knows is `other`, which an alert may ask about.
"""

import re
from collections.abc import Sequence
from typing import Final

_RULES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (label, re.compile(pattern))
    for label, pattern in (
        ("operator", r"operator "),
        ("bug", r"error in Callwarden"),
        ("elsewhere", r"another node has the call"),
        ("recovery", r"its daemon is gone|gone while nobody was there|on_restart "),
        ("drain", r"drain deadline|SIG[A-Z]+|the daemon stops"),
        ("overflow", r"overflow"),
        ("transfer", r"transfer to |no caller to transfer"),
        ("model", r"hang_up by the model"),
        ("keypad", r"hang_up by a key"),
        ("trouble", r"the agent does not answer"),
        ("max_duration", r"max duration "),
        ("cost", r"cost ceiling "),
        ("silence", r"silence "),
        ("announcement", r"announcement"),
        ("join", r"could not join|gone before we joined|the platform never answered"),
        ("line", r"rejoin window |rejoin refused"),
        ("longest_call", r"longest call has passed"),
        ("platform", r"platform error|session\.update refused|\d+ unreadable events"),
        ("caller", r"closed with \d+"),
    )
)
LABELS: Final = (*(label for label, _ in _RULES), "other")
"""Every label there is."""


def label_of(reasons: Sequence[str]) -> str:
    """The label of a chain: that of the first rule that any of its reasons meets."""
    for label, pattern in _RULES:
        if any(pattern.match(reason) for reason in reasons):
            return label
    return "other"
