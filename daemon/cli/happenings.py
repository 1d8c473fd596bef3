"""What happens in calls, as lines for people: used by `show` and `tail`. Imports rich, core and this room."""

from typing import Any

from rich.text import Text

from daemon.cli.plain import harmless
from daemon.core.journal import spaced

_STYLES = {"caller": "bold yellow", "agent": "bold green", "tool": "blue", "keypad": "magenta", "receipt": "bold"}
_WIDTH = 9


def line(entry: dict[str, Any], *before: str) -> Text:
    """One line: what stands before it, who or what it is about, and the words."""
    about, words = describe(entry)
    columns = [(f"{harmless(column)}  ", "dim") for column in before]
    return Text.assemble(*columns, (f"{about:<{_WIDTH}} ", _STYLES.get(about, "cyan")), harmless(words))


def describe(entry: dict[str, Any]) -> tuple[str, str]:
    """About whom or what an entry is, and what it says; one of an unknown kind says all it holds."""
    match entry:
        case {"kind": "Said", "speaker": speaker, "text": text}:
            return str(speaker), str(text) if entry.get("final") else f"{text} ..."
        case {"kind": "KeyPressed", "digit": digit}:
            return "keypad", f"key {digit or '*'}"
        case {"kind": "DigitsCollected", "digits": digits, "count": count, "trigger": trigger}:
            return "keypad", f"entry {digits or f'of {count} keys'}, ended by {trigger}"
        case {"kind": "HangUpAsked", "reason": reason}:
            return "tool", f"hang_up: {reason}"
        case {"kind": "ToolUsed", "words": words}:
            return "tool", str(words)
        case {"kind": "Ended", "receipt": {"outcome": outcome, "reasons": reasons}}:
            return "receipt", f"{outcome}: {' > '.join(map(str, reasons))}"
        case {"kind": kind}:
            fields = ", ".join(
                f"{name} {value}" for name, value in entry.items() if name != "kind" and value is not None
            )
            return "call", ": ".join(part for part in (spaced(str(kind)), fields) if part)
        case _:
            return "call", str(entry)
