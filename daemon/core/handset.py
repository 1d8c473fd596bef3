"""The handset: what the keys that a caller presses mean.

One key at a time, each is part of an entry, or chooses from the agent's menu, or answers what a use of `collect_digits`
asks for; while one does, no menu key counts. Once digits were sensitive, no key of the call is written down any more,
because people also type too late and too much. Pure: time is an argument. Owned by the conversation, which carries out
what was chosen.
"""

import msgspec

from daemon.core.agent import Agent
from daemon.core.collection import Collection, read_wanted
from daemon.core.effects import ToolUse
from daemon.core.entries import Entries
from daemon.core.frames import ItemCreate, spoken_exactly
from daemon.core.journal import AskedAgain, DigitsCollected, KeyPressed
from daemon.core.keypad import Entry, KeypadBuffer
from daemon.core.menu import Action, Menu


class Chosen(msgspec.Struct, frozen=True):
    """A key of the menu was pressed."""

    action: Action
    keys: str | None
    """Which; None where keys are not to be shown."""


class Collected(msgspec.Struct, frozen=True):
    """A use of `collect_digits` is over."""

    use_id: str
    output: str
    why: str = ""
    """What went wrong, in a few words; empty if nothing did."""


Meaning = KeyPressed | DigitsCollected | AskedAgain | ItemCreate | Chosen | Collected


class Handset:
    """One caller's keys."""

    def __init__(self, agent: Agent) -> None:
        self.entries = Entries()
        """What was typed for a tool's eyes only."""
        self.hides = agent.keypad.sensitive
        """Whether keys are not to be shown to anybody, from now on and for the rest of the call."""
        self._rules = agent.keypad
        self._menu = Menu(agent.keypad.menu)
        self._buffer = KeypadBuffer(agent.keypad)
        self._collection: Collection | None = None

    @property
    def deadline(self) -> float:
        """When to call `wake`, if nothing happens before."""
        return self._buffer.deadline if self._collection is None else self._collection.deadline

    @property
    def end_key(self) -> str:
        """The key that ends the present entry and is no part of it; empty for none."""
        return self._rules.terminator if self._collection is None else self._collection.terminator

    @property
    def collecting(self) -> bool:
        """Whether digits are being collected for the model."""
        return self._collection is not None

    def press(self, digit: str, now: float) -> list[Meaning]:
        """Take one key."""
        meanings = self.wake(now)
        meanings.append(KeyPressed(digit=None if self.hides else digit))
        if self._collection is not None:
            return meanings + self._tried(self._collection, self._collection.press(digit, now), now)
        entries = self._buffer.press(digit, now)
        meanings += self._completed(entries)
        action = self._menu.at_once(self._buffer.digits)
        if action is not None:
            meanings.append(self._chosen(action, self._buffer.digits))
            self._buffer.clear()
        return meanings

    def wake(self, now: float) -> list[Meaning]:
        """Do what was waiting for this moment."""
        if self._collection is not None:
            return self._tried(self._collection, self._collection.expire(now), now)
        return self._completed(self._buffer.expire(now))

    def speech_started(self, now: float) -> list[Meaning]:
        """The caller speaks: an entry is over; who is asked for digits may be reading them out."""
        if self._collection is None:
            return self._completed(self._buffer.speech_started())
        self._collection.spoken_into(now)
        return []

    def _completed(self, entries: list[Entry]) -> list[Meaning]:
        """Entries that nobody asked for: of the menu, or as they are."""
        meanings: list[Meaning] = []
        for digits, trigger in entries:
            action = self._menu.action(digits)
            if self.hides and action is None:
                self.entries.overhear(digits)
            meanings.append(self._entered(digits, trigger) if action is None else self._chosen(action, digits))
        return meanings

    def _entered(self, *entry: *Entry) -> DigitsCollected:
        digits, trigger = entry
        return DigitsCollected(digits=None if self.hides else digits, count=len(digits), trigger=trigger)

    def _chosen(self, action: Action, keys: str) -> Chosen:
        return Chosen(action, None if self.hides else keys)

    # For `collect_digits`

    def collect(self, use: ToolUse, now: float) -> list[DigitsCollected | Collected]:
        """Begin to collect what a use asks for; one that is under way is over."""
        try:
            wanted = read_wanted(use.arguments)
        except ValueError as error:
            problem = f"The arguments are not right: {error}. Correct them, and call it again."
            return [Collected(use.id, _json(error=problem), "arguments refused")]
        meanings: list[DigitsCollected | Collected] = []
        if self._collection is not None:
            meanings.append(self._failed(self._collection, "You asked for other digits.", "replaced"))
        meanings += [self._entered(*entry) for entry in self._buffer.asked()]
        self.hides = self.hides or wanted.sensitive
        self._collection = Collection(use.id, wanted, self._rules, now)
        return meanings

    def agent_heard(self, at: float) -> list[ItemCreate]:
        """The agent's turn is made, and heard at this time; gives the question that is to follow it, if any."""
        if self._collection is None:
            return []
        prompt, self._collection.prompt = self._collection.prompt, ""
        if prompt:
            return [spoken_exactly(prompt)]
        self._collection.heard(at)
        return []

    def _tried(self, collection: Collection, tries: list[Entry], now: float) -> list[Meaning]:
        """The caller has typed something, or not."""
        meanings: list[Meaning] = []
        for digits, trigger in tries:
            if digits:
                meanings.append(self._entered(digits, trigger))
            complaint = collection.complaint(digits)
            if not complaint:
                self._collection = None
                return [*meanings, Collected(collection.use_id, self._output(collection, digits))]
            if self._is_secret(collection):
                self.entries.overhear(digits)
            words = self._rules.try_again
            if not collection.again(digits, now, words=bool(words)):
                return [*meanings, self._failed(collection, complaint, "too few digits" if digits else "nothing typed")]
            meanings.append(AskedAgain(count=len(digits)))
            meanings += [spoken_exactly(words)] if words else []
        return meanings

    def _is_secret(self, collection: Collection) -> bool:
        return collection.wanted.sensitive or self._rules.sensitive

    def _output(self, collection: Collection, digits: str) -> str:
        if self._is_secret(collection):
            return _json(entry=self.entries.keep(digits), digits=len(digits))
        return _json(digits=digits)

    def _failed(self, collection: Collection, complaint: str, why: str) -> Collected:
        self._collection = None
        return Collected(collection.use_id, _json(collected=False, why=complaint), why)


def _json(**content: object) -> str:
    return msgspec.json.encode(content).decode()
