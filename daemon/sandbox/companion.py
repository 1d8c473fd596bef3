"""The companion: what the sandbox's model says to somebody who talks to it without a script.

It understands three things and says the rest after you, which is enough to try out tools, keys and goodbyes without a
key. Plain: the last item of a conversation in, a turn out.
"""

import re
from typing import Any

from daemon.sandbox.script import Reply

HELP = 'The sandbox\'s model repeats what you say. "use TOOL {...}" has it use a tool; "bye" has it hang up.'

_USE = re.compile(r"use\s+([A-Za-z0-9_-]+)\s*(\{.*\})?\s*", re.DOTALL | re.IGNORECASE)
_GOODBYES = frozenset({"bye", "goodbye", "good bye"})


def companion(last: dict[str, Any] | None) -> Reply:
    """The model's turn, after this item; None before there is one."""
    if last is None:
        return Reply("Hello.")
    if last.get("type") == "function_call_output":
        return Reply(f"The tool gave {last.get('output')}")
    text = " ".join(str(part.get("text", "")) for part in last.get("content") or []).strip()
    if text.strip(" .!").lower() in _GOODBYES:
        return Reply("Goodbye.", tool="hang_up", arguments='{"reason": "the caller said goodbye"}')
    if use := _USE.fullmatch(text):
        return Reply(tool=use[1], arguments=use[2] or "{}")
    return Reply(f"You said: {text}")
