"""One call's socket, as the platform plays it: a scripted caller on one side, a scripted model on the other.

Speaks text frames through `send` and takes them through `hear`, so it runs over a real socket and over a stream in
memory alike. Owner of one nursery, for caller, model and keypad. Knows nothing of the daemon's classes.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Any

import trio

from daemon.observe.clock import WallClock, system_clock
from daemon.sandbox.cues import Answer, Cues, idle
from daemon.sandbox.script import Drop, Emit, Leave, Press, Reply, Say, Script, Wait
from daemon.sandbox.speech import CLIENT_EVENTS, Frame, Wire, session_object
from daemon.sandbox.turn import Turn

Send = Callable[[str], Awaitable[None]]

# Seconds in which a greeting follows the configuration.
_BREATH = 0.1


class Session:
    """The platform's end of one joined call."""

    def __init__(
        self,
        call_id: str,
        script: Script,
        send: Send,
        *,
        number: int = 1,
        earlier: Sequence[Frame] = (),
        wall: WallClock = system_clock,
        answer: Answer = idle,
    ) -> None:
        self.heard: list[Frame] = []
        """Every frame the client sent, in order."""
        self.configured_at: float | None = None
        """When its first `session.update` came, on Trio's clock."""
        self.spoken: list[str] = []
        """What the model said, one entry a turn; a turn that was cut off ends with a dash."""
        self.items: list[Frame] = [*earlier]
        """What was said, by both sides and in earlier sessions of the conversation too."""
        self.close_code = 1000
        """With what the platform closes the socket when the script is over."""
        self._script = script
        self._send = send
        self._wall = wall
        self._earlier = earlier
        self._step = 0
        # Ids are never used again, not even by a later session of the same call.
        self._wire = Wire(call_id[:8] if number == 1 else f"{call_id[:8]}.{number}")
        self.cues = Cues(script, answer)
        """How far the script has come."""
        self._last: Frame | None = None
        self._settings: dict[str, Any] = {}
        self._turns, self._waiting = trio.open_memory_channel[tuple[Reply, bool]](64)
        self._pending = 0
        self._silent_at = -inf
        self._changed = trio.Event()
        self._configured = trio.Event()
        self._turn: Turn | None = None
        self._keys = ""
        self._flush = trio.CancelScope()

    async def run(self) -> None:
        """Play the call until the caller leaves or the platform drops the socket; cancelled when the client goes."""
        await self._emit("session.created", session=session_object(self._wire, self._settings))
        conversation = {"id": f"conv-{self._wire.session_id}", "object": "realtime.conversation"}
        await self._emit("conversation.created", conversation=conversation)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._model, name="sandbox model")
            nursery.start_soon(self._idle_keys, name="sandbox keypad")
            await self._caller()
            nursery.cancel_scope.cancel(reason="the call is over")

    @property
    def speaking(self) -> bool:
        """Whether the caller is hearing the model right now, or is about to."""
        return self._pending > 0 or trio.current_time() < self._silent_at

    def left(self) -> Script:
        """What a later socket of the same call has yet to play; the step that was under way is not begun again."""
        return self.cues.left(self._step)

    # The client

    async def hear(self, text: str) -> None:
        """Take a frame from the client."""
        try:
            frame = json.loads(text)
        except ValueError:
            frame = None
        kind = frame.get("type") if isinstance(frame, dict) else None
        if kind not in CLIENT_EVENTS:
            await self._refuse("invalid_event", "unsupported client event", frame)
            return
        self.heard.append(frame)
        match kind:
            case "session.update":
                self.configured_at = trio.current_time() if self.configured_at is None else self.configured_at
                self._configured.set()
                self._settings.update(frame.get("session", {}))
                await self._emit("session.updated", session=session_object(self._wire, self._settings))
                if self._settings.get("resumption", {}).get("enabled"):
                    await self._replay()
            case "conversation.item.create":
                await self._item_created(frame["item"])
            case "response.create":
                self._queue_turn()
            case "response.cancel" if self._turn is not None:
                self._turn.stop()
            case "response.cancel":
                await self._refuse("response_cancel_not_active", "no active response found", frame)

    async def _replay(self) -> None:
        """Tell the items of the conversation that is taken up again; there is no event for the end of it."""
        for item in self._earlier:
            await self._emit("conversation.item.created", previous_item_id=None, item=item)
        self._earlier = ()

    async def _item_created(self, item: Frame) -> None:
        if item["type"] == "force_message":
            self._queue(Reply(item["content"][0]["text"]), interruptible=item.get("interruptible", True))
            return
        self._last = item
        stored = {"id": self._wire.fresh("item"), "object": "realtime.item", "status": "completed", **item}
        await self._emit("conversation.item.added", previous_item_id=None, item=stored)

    async def _refuse(self, kind: str, message: str, frame: object) -> None:
        cause = frame.get("event_id") if isinstance(frame, dict) else None
        await self._emit("error", error={"type": kind, "code": kind, "message": message, "event_id": cause})

    # The caller

    async def _caller(self) -> None:
        if self._script.patient:
            await self._configured.wait()
            await trio.sleep(_BREATH)
        for step in self._script.steps:
            await self.cues.come(self._step)
            if not (isinstance(step, Say | Press | Wait | Leave) and step.over):
                await self._quiet()
            self._step += 1
            match step:
                case Say(words=words):
                    await self._say(words)
                case Press(keys=keys, gap=gap):
                    await self._press(keys, gap)
                case Wait(seconds=seconds):
                    await trio.sleep(seconds)
                case Emit(frame=frame):
                    await self._send(frame)
                case Drop(code=code):
                    self.close_code = code
                    return
                case Leave():
                    return
        await trio.sleep_forever()

    async def _quiet(self) -> None:
        """Wait until the model has been heard to its end."""
        while self.speaking:
            if self._pending:
                await self._changed.wait()
            else:
                await trio.sleep_until(self._silent_at)

    async def _say(self, words: str) -> None:
        item_id = self._wire.fresh("item")
        await self._emit("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
        if self._turn is not None:
            self._turn.interrupt()
        self._silent_at = -inf
        self._flush_keys()
        spoken: list[str] = []
        for word in words.split():
            await trio.sleep(self._script.seconds_per_word)
            spoken.append(word)
            if self._live_transcript:
                text = " ".join(spoken)
                await self._emit(
                    "conversation.item.input_audio_transcription.updated", item_id=item_id, transcript=text
                )
        await self._emit("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=0)
        await self._emit("input_audio_buffer.committed", previous_item_id=None, item_id=item_id)
        part = {"type": "input_audio", "transcript": words}
        item = {"id": item_id, "type": "message", "status": "completed", "role": "user", "content": [part]}
        await self._emit("conversation.item.added", previous_item_id=None, item=item)
        await self._emit("conversation.item.input_audio_transcription.completed", item_id=item_id, transcript=words)
        if self._settings.get("turn_detection", {}).get("type") == "server_vad":
            self._queue_turn()

    @property
    def _live_transcript(self) -> bool:
        heard: dict[str, Any] = self._settings.get("audio", {}).get("input", {})
        return bool(heard.get("transcription", {}).get("model") == "grok-transcribe")

    # The keypad: handed to the model on `#`, after idle time, or when the caller speaks

    async def _press(self, keys: str, gap: float) -> None:
        for position, key in enumerate(keys):
            if position:
                await trio.sleep(gap)
            await self._emit("input_audio_buffer.dtmf_event_received", event=key, received_at=int(self._wall()))
            if key == "#":
                self._flush_keys()
            else:
                self._keys += key
                self._flush.deadline = trio.current_time() + self._script.idle_timeout

    def _flush_keys(self) -> None:
        keys, self._keys = self._keys, ""
        self._flush.deadline = inf
        if keys:
            self._queue_turn()

    async def _idle_keys(self) -> None:
        while True:
            with trio.CancelScope() as self._flush:
                await trio.sleep_forever()
            self._flush_keys()

    # The model

    def _queue_turn(self) -> None:
        self._queue(self.cues.take(self._last))

    def _queue(self, reply: Reply, *, interruptible: bool = True) -> None:
        self._pending += 1
        self._turns.send_nowait((reply, interruptible))

    async def _model(self) -> None:
        async for reply, interruptible in self._waiting:
            self.cues.begins(reply)
            began = trio.current_time()
            self._turn = turn = Turn(self._wire, self._put, self._script, reply, interruptible=interruptible)
            await turn.make()
            self._turn = None
            if turn.said:
                self.spoken.append(turn.said)
            if turn.heard_for:
                self._silent_at = began + turn.heard_for
            self._pending -= 1
            self._changed.set()
            self._changed = trio.Event()

    async def _emit(self, kind: str, **fields: object) -> None:
        await self._put(self._wire.event(kind, **fields))

    async def _put(self, frame: Frame) -> None:
        said_by_caller = frame["type"] == "conversation.item.added" and frame["item"].get("role") == "user"
        if said_by_caller or frame["type"] == "response.output_item.done":
            self.items.append(frame["item"])
        await self._send(json.dumps(frame))
