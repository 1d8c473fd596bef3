"""Every call and number the sandbox knows, and what its REST answers.

No sockets here: `server.py` and `memory.py` bring requests in. Shapes and statuses follow what is documented or was
seen live; where nothing is known, the plainest answer.
"""

import json
import re
from collections.abc import Mapping
from itertools import count
from typing import Any

import trio

from daemon.observe.clock import WallClock, system_clock
from daemon.sandbox.companion import companion
from daemon.sandbox.numbers import NOT_ALLOWED, NumberDesk, RestAnswer
from daemon.sandbox.script import Script
from daemon.sandbox.session import Send, Session

Answer = RestAnswer

_CALL_PATH = re.compile(r"/v1/realtime/calls/([^/]+)/(refer|hangup)")
_NUMBER_PATH = re.compile(r"/v2/phone-numbers(?:/([^/]+))?")
# Seconds from the end of a leg to the end of its socket; not documented, but surely not at the same instant.
_LEG_DOWN_TO_CLOSE = 0.05
# Nobody listens to what is made of it, so it need not last as long.
_TYPED = Script(seconds_per_word=0.03)
_NOT_FOUND: Answer = (404, {"code": "Not found", "error": "no SIP participant"})


class SandboxCall:
    """A caller who dialled, with all that happened to the call from the platform's side."""

    def __init__(
        self, call_id: str, called: str, caller: str, script: Script, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.id, self.called, self.caller, self.script = call_id, called, caller, script
        self.headers = headers
        """SIP headers besides From and To."""
        self.session: Session | None = None
        """The one of its latest socket."""
        self.sessions: list[Session] = []
        self.joins = 0
        self.conversations: list[str | None] = []
        """Which conversation each socket asked to go on with."""
        self.joined_at: float | None = None
        self.join_refusals: list[int] = []
        """Statuses with which the next attempts to join are refused."""
        self.retry_after: int | None = None
        """When refused attempts to join may come again, in seconds."""
        self.hang_up_refusals: list[int] = []
        """Statuses with which the next requests to hang up are refused."""
        self.refer_status = 200
        self.refer_refusals: list[int] = []
        """Statuses with which the next transfers fail, before `refer_status` holds."""
        self.rings = 0.0
        """Seconds that a transfer takes to be answered, in whatever way."""
        self.hang_ups = 0
        """Requests to hang up, refused ones included."""
        self.refers: list[str] = []
        self.cut_off = False
        """Whether the line went dead while the caller was hearing the model."""
        self.ended_by: str | None = None
        self.close_codes: list[int] = []
        """With what the client closed its sockets, where the wire lets us see it."""
        self.sockets = 0
        """How many are open right now."""
        self.most_sockets = 0
        """How many were ever open at the same time; more than one means that two daemons served the caller."""
        self.over = trio.Event()

    def end(self, by: str) -> None:
        """Take the caller's leg down."""
        if not self.over.is_set():
            self.ended_by = by
            self.cut_off = self.session is not None and self.session.speaking
            self.over.set()


class Switchboard:
    """The state of the stand-in."""

    def __init__(self, api_key: str, *, wall: WallClock = system_clock) -> None:
        self.calls: dict[str, SandboxCall] = {}
        self._authorization = f"Bearer {api_key}"
        self._wall = wall
        self._ids = count(1)
        self.numbers = NumberDesk(self._ids)

    def place(
        self,
        script: Script,
        *,
        called: str = "+18005550199",
        caller: str = "+14155550100",
        call_id: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> SandboxCall:
        """Let somebody dial; nobody is told until a webhook is sent."""
        call_id = call_id or f"5a9d0000-0000-4000-8000-{next(self._ids):012d}"
        call = self.calls[call_id] = SandboxCall(call_id, called, caller, script, headers)
        return call

    def refuse_join(self, call_id: str, authorization: str | None) -> Answer | None:
        """Why a socket may not be opened, or None if it may."""
        call = self.calls.get(call_id)
        if authorization != self._authorization:
            return 401, {"code": "Unauthenticated", "error": "Incorrect API key provided."}
        if call is None or call.over.is_set():
            return 404, {"code": "Not found", "error": "call not found"}
        if call.join_refusals:
            return call.join_refusals.pop(0), {"code": "Refused", "error": "refused by the script"}
        return None

    def retry_after(self, call_id: str) -> int | None:
        """What a refusal says about when to come again, in seconds."""
        call = self.calls.get(call_id)
        return call.retry_after if call else None

    def join(self, call_id: str, send: Send, conversation_id: str | None = None) -> tuple[SandboxCall, Session]:
        """Open a session on a call that may be joined; joined again, its caller goes on where they were.

        With `conversation_id`, which on SIP is the id of an earlier call, that call's items are known to it.
        """
        call = self.calls[call_id]
        call.joins += 1
        call.conversations.append(conversation_id)
        call.joined_at = call.joined_at or trio.current_time()
        script = call.session.left() if call.session else call.script
        before = self.calls.get(conversation_id or "")
        earlier = tuple(before.session.items) if before and before.session else ()
        call.session = Session(call_id, script, send, number=call.joins, earlier=earlier, wall=self._wall)
        call.sessions.append(call.session)
        return call, call.session

    def refuse_session(self, authorization: str | None) -> Answer | None:
        """Why an ordinary session, without a call, may not be opened, or None if it may."""
        if authorization != self._authorization:
            return 401, {"code": "Unauthenticated", "error": "Incorrect API key provided."}
        return None

    def converse(self, send: Send) -> tuple[SandboxCall, Session]:
        """Open an ordinary session: nobody is on the telephone, and the model answers what is typed."""
        call = self.place(_TYPED, call_id=f"session-{next(self._ids)}")
        call.joins += 1
        call.session = Session(call.id, _TYPED, send, wall=self._wall, answer=companion)
        call.sessions.append(call.session)
        return call, call.session

    async def play(self, call: SandboxCall, session: Session) -> int:
        """Play a joined call to its end; gives the code to close the socket with."""
        call.sockets += 1
        call.most_sockets = max(call.sockets, call.most_sockets)
        try:
            return await self._play(call, session)
        finally:
            call.sockets -= 1

    async def _play(self, call: SandboxCall, session: Session) -> int:
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                await call.over.wait()
                await trio.sleep(_LEG_DOWN_TO_CLOSE)
                nursery.cancel_scope.cancel(reason="the leg is down")

            nursery.start_soon(watch, name="sandbox leg")
            await session.run()
            if session.close_code == 1000:
                call.end("caller")
            nursery.cancel_scope.cancel(reason="the script is over")
        return session.close_code

    async def ring(self, path: str) -> None:
        """Let a request to transfer take its time, before it is answered."""
        matched = _CALL_PATH.fullmatch(path)
        call = self.calls.get(matched[1]) if matched and matched[2] == "refer" else None
        if call is not None and call.rings:
            with trio.move_on_after(call.rings):
                await call.over.wait()

    def rest(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a REST request. Header names are lower case."""
        if headers.get("authorization") != self._authorization:
            return 401, {"code": "Unauthenticated", "error": "Incorrect API key provided."}
        if matched := _CALL_PATH.fullmatch(path):
            call = self.calls.get(matched[1])
            if method != "POST":
                return NOT_ALLOWED
            return self._hang_up(call) if matched[2] == "hangup" else self._refer(call, _json(body))
        if matched := _NUMBER_PATH.fullmatch(path):
            return self.numbers.answer(method, matched[1], _json(body))
        return 404, {"code": "Not found", "error": "no such path"}

    def _hang_up(self, call: SandboxCall | None) -> Answer:
        if call is None:
            return _NOT_FOUND
        call.hang_ups += 1
        if call.hang_up_refusals:
            return call.hang_up_refusals.pop(0), {"code": "Refused", "error": "refused by the script"}
        if call.over.is_set():
            return _NOT_FOUND
        call.end("hangup")
        return 200, {}

    def _refer(self, call: SandboxCall | None, body: dict[str, Any]) -> Answer:
        if call is None or call.over.is_set():
            return _NOT_FOUND
        target = str(body.get("target_uri", ""))
        if not target.startswith(("tel:", "sip:")):
            return 400, {"error": "target_uri must be a tel: or sip: URI"}
        call.refers.append(target)
        match call.refer_refusals.pop(0) if call.refer_refusals else call.refer_status:
            case 200:
                call.end("refer")
                return 200, {}
            case 502:
                return 502, {"error": "transfer rejected by downstream: SIP 486 Busy Here"}
            case status:
                return status, {"error": "transfer failed"}


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
