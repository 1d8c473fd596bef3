"""Menus: keys that do something by themselves, whatever the model thinks of it. Pure; imports msgspec only.

An action is written as `transfer:<destination>`, `hang_up`, `say:<text>` or `tool:<name>`; the configuration checks it
with the same function that reads it here. A key may be several keys in a row.
"""

from collections.abc import Mapping

import msgspec


class TransferTo(msgspec.Struct, frozen=True):
    """Connect the caller elsewhere."""

    destination: str
    """A name from `[destinations]`."""


class EndCall(msgspec.Struct, frozen=True):
    """Say goodbye and hang up."""


class SayWords(msgspec.Struct, frozen=True):
    """Say something, exactly so."""

    words: str


class UseTool(msgspec.Struct, frozen=True):
    """Run a tool without arguments, and have the model tell the caller what it gave."""

    name: str


Action = TransferTo | EndCall | SayWords | UseTool


def read_action(text: str) -> Action:
    """Read one action. Raises ValueError with the forms there are."""
    kind, colon, rest = text.partition(":")
    rest = rest.strip()
    match kind, bool(colon and rest):
        case "hang_up", False if not colon:
            return EndCall()
        case "transfer", True:
            return TransferTo(rest)
        case "say", True:
            return SayWords(rest)
        case "tool", True:
            return UseTool(rest)
    raise ValueError('expected "transfer:DESTINATION", "hang_up", "say:TEXT" or "tool:NAME"')


class Menu:
    """The keys of one agent's menu."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._actions = actions

    def action(self, keys: str) -> Action | None:
        """What an entry of exactly these keys does; None if it is an entry like any other."""
        return self._actions.get(keys)

    def at_once(self, keys: str) -> Action | None:
        """The same while more keys may come; None as well while they could become another key of the menu."""
        if any(key.startswith(keys) and key != keys for key in self._actions):
            return None
        return self._actions.get(keys)


def kind(action: Action) -> str:
    """What an action is, without its names and words."""
    match action:
        case TransferTo():
            return "transfer"
        case EndCall():
            return "hang_up"
        case SayWords():
            return "say"
        case UseTool():
            return "tool"


def meaning(action: Action) -> str:
    """What the model is told of a key that was pressed, in words."""
    match action:
        case TransferTo(destination):
            return f"The caller is being connected to {destination} now. Say nothing about it."
        case EndCall():
            return "The caller ends the call with it; a goodbye is being said. Say nothing about it."
        case SayWords(words):
            return f"The caller is told this with it, so don't repeat it: {words}"
        case UseTool(name):
            return f"{name} is being used with it; what it gives comes next, and you tell the caller then."
