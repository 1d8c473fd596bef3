"""The scribe: writes the lines of one call's recording, and leaves out of them what nobody may know.

Once a caller has typed a key that is to be kept secret, three things are changed until the end of the call: the keys
themselves; every digit in what is said, as the platform tells its model the keys and the model may read them out; and
every longer number in what tools are given and give, and in reasons. All become the same other digit, so what follows
from them when the call is played again is mostly the same. Pure; imports core.
"""

import re
from collections.abc import Sequence
from math import inf
from typing import Any, Final, assert_never

import msgspec

from daemon.core import events as ev
from daemon.core.collection import COLLECT
from daemon.core.commands import Command, Remember
from daemon.core.inputs import Adopted, Input, Instructed, Received, Resumed, Started, ToolDone, Woken
from daemon.core.journal import MenuChosen
from daemon.core.recording import Closed, Fed, Given, Heard, wanted

_DIGIT: Final = re.compile(r"[0-9]")
_KEY: Final = re.compile(r"[0-9A-D]")
# What somebody may have typed: "4711", "4 7 1 1". Shorter ones are numbers of seats and days.
_NUMBER: Final = re.compile(r"[0-9](?:[ -]?[0-9]){2,}")
_TYPED: Final = re.compile(r'(?<="digits":")[^"]*')
_encoder: Final = msgspec.json.Encoder()


class Scribe:
    """Writes one recording."""

    def __init__(self, meaning: str = "") -> None:
        """`meaning` holds the keys from which something follows, such as those of a menu: no other key becomes one."""
        # No 0: it can't stand at the beginning of a number in JSON.
        self._other = next((digit for digit in "987654321" if digit not in meaning), "9")
        self._secretive = False
        self._collecting: set[str] = set()
        """Uses of the tool that collects digits."""

    def fed(
        self,
        given: Input,
        commands: Sequence[Command],
        now: float,
        deadline: float,
        *,
        hides_keys: bool = False,
        end_key: str = "",
    ) -> Fed:
        """A line about an input, and what came of it.

        `hides_keys` says whether keys are secret; `end_key` ends an entry and is no part of it.
        """
        # What a key of the menu does stands here anyway, so the key may.
        hides_keys = hides_keys and not any(map(_is_choice, commands))
        if hides_keys and _is_key(given, but=end_key):
            self._secretive = True
        return Fed(
            now=now,
            given=self._given(given, end_key=end_key if hides_keys else None),
            wanted=tuple(self._wanted(each) for each in wanted(commands)),
            deadline=None if deadline == inf else deadline,
        )

    def closed(self, now: float, reasons: Sequence[str], outcome: str | None) -> Closed:
        """The line about the end; without an outcome, the hang-up is still owed."""
        told = tuple(self._numbers(reason) if self._secretive else reason for reason in reasons)
        return Closed(now=now, reasons=told, outcome=outcome)

    def _given(self, given: Input, *, end_key: str | None) -> Given:
        match given:
            case Received(event=ev.MalformedEvent(type=kind, why=why)):
                return Heard(malformed=(kind, why))
            case Received(event=event):
                return Heard(event=msgspec.Raw(_encoder.encode(self._event(event, end_key=end_key))))
            case ToolDone() as done if self._secretive:
                return msgspec.structs.replace(done, output=self._numbers(done.output))
            case Started() | Resumed() | Adopted() | Woken() | ToolDone() | Instructed():
                return given
            case _:
                assert_never(given)

    def _event(self, event: ev.Event, *, end_key: str | None) -> ev.Event:
        """An event without what is told by other events too, and is of no use here."""
        match event:
            case ev.FunctionCalled(name=COLLECT.name, call_id=str(use_id)):
                self._collecting.add(use_id)
                return self._hushed(event) if self._secretive else event
            case ev.ItemAdded() | ev.ItemReplayed() | ev.OutputItemAdded() | ev.OutputItemDone():
                # Also where the platform may put keys that it hands to its model.
                item = msgspec.structs.replace(event.item, content=None, arguments=None, output=None)
                return msgspec.structs.replace(event, item=item)
            case ev.ContentPartAdded() | ev.ContentPartDone():
                return msgspec.structs.replace(event, part=ev.Part(type=event.part.type))
            case ev.FunctionArgumentsDelta() | ev.McpArgumentsDelta():
                return msgspec.structs.replace(event, delta=None)
            case ev.ResponseCreated() | ev.ResponseDone() if event.response is not None:
                response = msgspec.structs.replace(event.response, output=None, metadata=None)
                return msgspec.structs.replace(event, response=response)
            case ev.DigitPressed() if end_key is not None and _is_key(Received(event=event), but=end_key):
                return msgspec.structs.replace(event, digit=self._other)
            case _:
                return self._hushed(event) if self._secretive else event

    def _hushed(self, event: ev.Event) -> ev.Event:
        match event:
            case ev.SpokenDelta() | ev.TextDelta() | ev.TextDeltaAlias():
                return msgspec.structs.replace(event, delta=self._digits(event.delta or ""))
            case ev.SpokenDone() | ev.ItemTruncated() | ev.TranscriptUpdated() | ev.TranscriptCompleted():
                words = event.transcript
                return msgspec.structs.replace(event, transcript=None if words is None else self._digits(words))
            case ev.FunctionCalled(arguments=str(arguments)) | ev.McpArgumentsDone(arguments=str(arguments)):
                return msgspec.structs.replace(event, arguments=self._numbers(arguments))
            case _:
                return event

    def _wanted(self, command: dict[str, Any]) -> dict[str, Any]:
        """A command with what comes of secret keys left out, as in the event that it comes of."""
        if not self._secretive:
            return command
        match command:
            case {"use": {"arguments": str(arguments)} as use}:
                return {**command, "use": {**use, "arguments": self._numbers(arguments)}}
            case {"reasons": [*reasons]}:
                return {**command, "reasons": [self._numbers(reason) for reason in reasons]}
            case {"frame": {"item": {"output": str(output)} as item} as frame}:
                # However short, these are keys, and other ones stand in the recording.
                hide = self._collected if item.get("call_id") in self._collecting else self._numbers
                return {**command, "frame": {**frame, "item": {**item, "output": hide(output)}}}
            case _:
                return command

    def _collected(self, output: str) -> str:
        return _TYPED.sub(lambda typed: _KEY.sub(self._other, typed[0]), output)

    def _digits(self, text: str) -> str:
        return _DIGIT.sub(self._other, text)

    def _numbers(self, text: str) -> str:
        return _NUMBER.sub(lambda number: self._digits(number[0]), text)


def _is_choice(command: Command) -> bool:
    return isinstance(command, Remember) and isinstance(command.entry, MenuChosen)


def _is_key(given: Input, *, but: str) -> bool:
    """Whether the caller pressed a key that may be secret: no star, no hash, and not the one that ends an entry."""
    match given:
        case Received(event=ev.DigitPressed(digit=str(digit))):
            return digit != but and _KEY.fullmatch(digit) is not None
        case _:
            return False
