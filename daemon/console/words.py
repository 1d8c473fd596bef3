"""How the console writes things for people: names, times, durations, what callers say and call themselves.

Pure; imports the standard library and core. What comes from outside is text and stays text: the templates escape it,
and here it loses what can't be seen, which could turn the line around it or hide in it.
"""

import re
from datetime import datetime
from typing import Any

from daemon.core.journal import spaced

# Control and format characters, surrogates, private use, separators of lines and paragraphs; not the joiners, which
# Persian, Indian scripts and emoji need, and which do nothing else.
_UNSEEN = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u180e"
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\uf8ff\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
UNKNOWN = "\u2013"
LONGEST = 200
"""Characters of somebody's words in a list."""


def harmless(text: str) -> str:
    """The text without what can't be seen."""
    return _UNSEEN.sub("\ufffd", text)


def short(text: str, most: int = LONGEST) -> str:
    """The same, cut to what a line of a list has room for."""
    return harmless(text if len(text) <= most else f"{text[:most]} …")


def span(seconds: float | None) -> str:
    """A duration as a clock shows it: `0:07`, `12:30`, `1:02:03`; days from two days on."""
    if seconds is None:
        return UNKNOWN
    whole = max(int(seconds), 0)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def brief(seconds: float | None) -> str:
    """A duration of which parts of a second matter."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else span(seconds)


def moment(seconds: float | None) -> str:
    """A Unix time as date and time where the daemon is."""
    return UNKNOWN if seconds is None else _local(seconds).strftime("%Y-%m-%d %H:%M:%S")


def clock(seconds: float) -> str:
    """A Unix time as time of the day where the daemon is."""
    return _local(seconds).strftime("%H:%M:%S")


def zone() -> str:
    """What those times go by."""
    return datetime.now().astimezone().strftime("%Z (UTC%z)")


def outcome(name: str | None) -> str:
    """A receipt as people say it, or that there is none."""
    return "in progress" if name is None else name.replace("_", " ")


def happening(entry: dict[str, Any]) -> tuple[str, str]:
    """About whom or what an entry of a call's journal is, and what it says."""
    match entry:
        case {"kind": "KeyPressed", "digit": digit}:
            return "keypad", f"key {digit or '•'}"
        case {"kind": "DigitsCollected", "digits": digits, "count": count, "trigger": trigger}:
            keys = digits or "•" * min(int(count), 40)
            return "keypad", f"entry {keys}, ended by {trigger}"
        case {"kind": "MenuChosen", "keys": keys, "action": action}:
            return "keypad", f"menu {keys or '•'}: {action}"
        case {"kind": "ToolCalled", "name": name}:
            return "tool", f"{name} begun"
        case {"kind": "ToolEnded", "name": name, "seconds": seconds, "ok": ok, "why": why}:
            return (
                "tool",
                f"{name} {'done' if ok else 'failed'} after {brief(float(seconds))}{f': {why}' if why else ''}",
            )
        case {"kind": "Ended", "receipt": {"outcome": how, "reasons": reasons}}:
            return "receipt", f"{outcome(str(how))}: {' ← '.join(map(str, reasons))}"
        case {"kind": "WebhookVerified"}:
            return "call", "the webhook came"
        case {"kind": "Claimed", "agent": agent}:
            return "call", f"claimed, for {agent}"
        case {"kind": "Joined" | "SessionSent" | "Rejoined" as name, "seconds": seconds}:
            return "call", f"{spaced(name)} after {brief(float(seconds))}"
        case {"kind": name}:
            fields = (_field(key, value) for key, value in entry.items() if key != "kind")
            told = ", ".join(field for field in fields if field)
            return "call", spaced(str(name)) + (f": {told}" if told else "")
        case _:
            return "call", str(entry)


def _field(key: str, value: object) -> str:
    """A field of an entry that has no words of its own; nothing if that says nothing."""
    match value:
        case None | False | "":
            return ""
        case True:
            return key.replace("_", " ")
        case float():
            return f"{key.replace('_', ' ')} {value:.2f}"
        case _:
            return f"{key.replace('_', ' ')} {value}"


def _local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds).astimezone()
