"""The caller's leg of a chat: what is typed becomes what the platform would make of a caller, and nobody is called.

`ChatLine` lies over the line of an ordinary session. To the conversation it tells of speech and keys as on a telephone;
to the model it gives the words as a message, and keys as the platform does: after `#`, after idle time, or when words
follow. Text is read at once, so no turn is waited for to be heard. Imports platforms.base, core and this room.
"""

from collections.abc import Callable
from math import inf
from typing import Final

import msgspec
import trio

from daemon.chat.keyboard import Keys, Quit, Typed, Words
from daemon.core import events as ev
from daemon.core.collection import COLLECT
from daemon.core.frames import ForceMessage, Frame, FunctionCallOutput, ItemCreate, ResponseCreate, data
from daemon.platforms.base import Line, LineEnd

IDLE: Final = 2.5
"""Seconds after the last key at which the platform hands the keys to its model."""
SETTLED: Final = 0.8
"""Seconds without a sign of the agent after which it has nothing more to say; hanging up takes it half a second."""
_AT_ONCE: Final = 0.001


class ChatLine:
    """A line whose caller types."""

    def __init__(self, line: Line, leave: Callable[[], None], *, patient: bool) -> None:
        """With `patient`, the caller never interrupts: a file is not to be read faster than it is answered."""
        self._line = line
        self._leave = leave
        self._patient = patient
        self._tell, self._events = trio.open_memory_channel[ev.Event](64)
        self._expected = 0
        """Turns that were asked for and have not begun."""
        self._speaking = False
        self._tools: set[str] = set()
        """Uses of tools that were not answered yet."""
        self._changed = trio.Event()
        self._typing = trio.CancelScope()
        self._keys = ""
        self._flush_at = inf
        self._said = 0

    @property
    def end(self) -> LineEnd | None:
        """Why iteration stopped."""
        return self._line.end

    @property
    def dropped(self) -> dict[str, int]:
        """Frames that were discarded unread."""
        return self._line.dropped

    async def send(self, frame: Frame) -> bool:
        """Put a frame of the agent's side on the wire."""
        match frame:
            case ItemCreate(item=FunctionCallOutput(call_id=use_id)):
                self._tools.discard(use_id)
            case ItemCreate(item=ForceMessage()) | ResponseCreate():
                self._expected += 1
        self._move()
        return await self._line.send(frame)

    def __aiter__(self) -> "ChatLine":
        """Iterate over events, the platform's and the caller's."""
        return self

    async def __anext__(self) -> ev.Event:
        """The next event. Cancelling is safe."""
        return await self._events.__anext__()

    async def listen(self) -> None:
        """Pass on what the platform says, until the line ends."""
        async with self._tell:
            async for event in self._line:
                await self._tell.send(self._heard(event))
            self._typing.cancel(reason="the line ended")

    def _heard(self, event: ev.Event) -> ev.Event:
        match event:
            case ev.ResponseCreated():
                self._speaking, self._expected = True, max(0, self._expected - 1)
            case ev.FunctionCalled(call_id=str(use_id), name=name) if name != COLLECT.name:
                self._tools.add(use_id)  # while what collects digits waits for the caller
            case ev.ErrorReported():
                self._expected = 0
            case ev.ResponseDone():
                self._speaking = False
                spent = msgspec.structs.replace(event.spent, output_audio_seconds=_AT_ONCE)
                event = msgspec.structs.replace(event, usage=spent)
            case _:
                pass
        self._move()
        return event

    def _move(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    # The caller

    async def type(self, typed: trio.MemoryReceiveChannel[Typed]) -> None:
        """Be the caller, until the line ends."""
        with self._typing:
            while True:
                done: Typed | None = None
                with trio.move_on_at(self._flush_at):
                    done = await typed.receive()
                match done:
                    case Words(text):
                        await self._say(text)
                    case Keys(keys):
                        await self._press(keys)
                    case Quit():
                        await self._hand_over_keys()
                        await self._quiet()
                        self._leave()
                    case _:
                        await self._hand_over_keys()

    async def _say(self, text: str) -> None:
        await self._hand_over_keys()
        await self._quiet()
        self._said += 1
        item_id = f"typed-{self._said}"
        await self._tell.send(ev.SpeechStarted(item_id=item_id))
        await self._tell.send(ev.SpeechStopped(item_id=item_id))
        await self._tell.send(ev.TranscriptCompleted(item_id=item_id, transcript=text))
        await self._give(text)

    async def _press(self, keys: str) -> None:
        await self._quiet()
        for key in keys:
            await self._tell.send(ev.DigitPressed(digit=key))
            if key == "#":
                await self._hand_over_keys()
            else:
                self._keys += key
                self._flush_at = trio.current_time() + IDLE

    async def _hand_over_keys(self) -> None:
        keys, self._keys, self._flush_at = self._keys, "", inf
        if keys:
            await self._give(keys)

    async def _give(self, text: str) -> None:
        """Give the model something of the caller's, and have it answer, as it does by itself on a telephone."""
        await self._line.send(data(text))
        await self.send(ResponseCreate())

    async def _quiet(self) -> None:
        """Wait until a turn can be asked for: none is under way, and for the patient, nothing that would bring one."""
        while True:
            changed = self._changed
            waits = self._speaking or (self._patient and bool(self._expected or self._tools))
            if not waits and not self._patient:
                return
            with trio.move_on_after(inf if waits else SETTLED):
                await changed.wait()
                continue
            return
