"""Who announces the calls: a webhook sender that repeats itself, goes away, dawdles, and is sometimes an impostor."""

import json
from collections.abc import Callable

import msgspec
import trio

from daemon.sandbox.sender import incoming_event, sign
from tests.configured import SIGNING_SECRET
from tests.simulation.faults import Delivery
from tests.simulation.listener import Answer, MemoryListener, read_answer, request_bytes
from tests.simulation.platform import Line
from tests.simulation.trace import Trace
from tests.simulation.wire import Stream

PATH = "/xai/sip-webhook"
_IMPOSTOR = "whsec_" + "aW1wb3N0b3I=" * 4
# A sender tries again when it got no answer, or one that asks it to, but not for ever.
_ATTEMPTS = 3
_AGAIN = 5.0
_PATIENCE = 60.0


class Delivered(msgspec.Struct, kw_only=True):
    """One attempt, and what came of it."""

    line: str
    kind: str
    webhook_id: str
    sent_at: float
    answered_at: float | None = None
    answer: Answer | None = None
    whole: bool = False
    """Whether all of the request got out."""
    believable: bool = True
    """Whether it was well signed, and the daemon's clock was right enough all the while to see that."""

    @property
    def result(self) -> str:
        """The verdict that was told, if any."""
        return str(self.answer.body.get("result", "")) if self.answer else ""


class Sender:
    """Announces every call."""

    def __init__(
        self, listener: MemoryListener, trace: Trace, wall: Callable[[], float], right: Callable[[], float]
    ) -> None:
        self.deliveries: list[Delivered] = []
        self._listener = listener
        self._trace = trace
        self._wall = wall
        self._right = right

    async def announce(self, line: Line, number: int, delivery: Delivery) -> None:
        """Make one planned delivery, again if need be; `number` is its place in the caller's plan."""
        await trio.sleep_until(line.caller.dials + delivery.after)
        webhook_id = f"msg-{line.call.id[-4:]}" + (f"-{number}" if delivery.other_id else "")
        for _ in range(_ATTEMPTS):
            tried = await self._attempt(line, delivery, webhook_id)
            if delivery.kind in ("bad signature", "no signature") or (tried.answer and tried.answer.status != 503):
                return
            await trio.sleep(1.0 if tried.answer else _AGAIN)
            delivery = msgspec.structs.replace(delivery, kind="honest")

    async def _attempt(self, line: Line, delivery: Delivery, webhook_id: str) -> Delivered:
        tried = Delivered(line=line.name, kind=delivery.kind, webhook_id=webhook_id, sent_at=trio.current_time())
        tried.believable = delivery.kind not in ("bad signature", "no signature") and self._clock_is_right()
        self.deliveries.append(tried)
        who = f"{line.name} webhook"
        self._trace.note(who, f"{delivery.kind} {webhook_id}")
        try:
            stream = await self._listener.connect()
        except ConnectionRefusedError:
            self._trace.note(who, "nobody listens")
            return tried
        with trio.move_on_after(_PATIENCE):
            tried.answer = await self._post(stream, delivery, self._request(line, delivery, webhook_id), tried)
        await trio.aclose_forcefully(stream)
        tried.believable = tried.believable and self._clock_is_right()
        tried.answered_at = trio.current_time() if tried.answer else None
        told = f"{tried.answer.status} {json.dumps(tried.answer.body)}" if tried.answer else "no answer"
        self._trace.note(who, f"{webhook_id}: {told}")
        return tried

    def _clock_is_right(self) -> bool:
        return abs(self._wall() - self._right()) < 20

    def _request(self, line: Line, delivery: Delivery, webhook_id: str) -> bytes:
        body = json.dumps(incoming_event(line.call, created_at=int(self._right() - delivery.after)))
        secret = _IMPOSTOR if delivery.kind == "bad signature" else SIGNING_SECRET
        headers = sign(body, secret, webhook_id, self._right())
        if delivery.kind == "no signature":
            del headers["webhook-signature"]
        return request_bytes(PATH, headers, body.encode())

    async def _post(self, stream: Stream, delivery: Delivery, data: bytes, tried: Delivered) -> Answer | None:
        part = max(1, int(len(data) * delivery.part))
        try:
            match delivery.kind:
                case "cut":
                    await stream.send_all(data[:part])
                    return None
                case "stuck":
                    await stream.send_all(data[:part])
                    return await read_answer(stream)
                case "dribble":
                    for start in range(0, len(data), part):
                        await stream.send_all(data[start : start + part])
                        await trio.sleep(0.1)
                    tried.whole = True
                case "gone":
                    await stream.send_all(data)
                    tried.whole = True
                    return None
                case _:
                    await stream.send_all(data)
                    tried.whole = True
        except trio.BrokenResourceError:
            pass  # it may have answered before it had read everything
        return await read_answer(stream)
