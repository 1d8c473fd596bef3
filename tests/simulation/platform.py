"""The platform as a run plays it: the sandbox's logic behind sockets and a REST interface that fail as planned."""

import json
import re
from math import inf

import httpx
import msgspec
import trio
import wsproto.utilities
from trio_websocket import ConnectionClosed, HandshakeError

from daemon.sandbox.memory import MemorySandbox
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.simulation.faults import GARBAGE, TEXTS, RestFault, SocketFault
from tests.simulation.scenario import Caller, Scenario
from tests.simulation.trace import Frame, Trace
from tests.simulation.wire import Wire

_CALL_ID = re.compile(rb"call_id=([A-Za-z0-9-]+)")
_CALL_PATH = re.compile(r"/v1/realtime/calls/([^/]+)/(hangup|refer)")
# How long the platform's end of a socket lives on when ours is closed.
_AFTERLIFE = 0.5


class Line:
    """One caller, as the run knows them."""

    def __init__(self, number: int, caller: Caller, call: SandboxCall) -> None:
        self.name = f"call {number}"
        self.caller = caller
        self.call = call
        self.sockets: list[Socket] = []
        self.hang_ups: list[HangUp] = []
        self.refers: list[Refer] = []
        self.over_at: float | None = None
        """When the caller's leg was down."""

    async def watch(self, trace: Trace) -> None:
        """Note the end of the leg."""
        await self.call.over.wait()
        self.over_at = trio.current_time()
        trace.note(self.name, f"leg is down, by {self.call.ended_by}")


class HangUp(msgspec.Struct):
    """A request to hang up, and its answer."""

    asked_at: float
    answered_at: float | None = None
    status: int | None = None

    @property
    def confirmed(self) -> bool:
        """Whether the daemon was told that the leg is down."""
        return self.status is not None and (self.status < 300 or self.status in (404, 409, 410))


class Refer(msgspec.Struct):
    """A request to transfer the caller, and its answer."""

    target: str
    asked_at: float
    answered_at: float | None = None
    status: int | None = None
    reached: bool = True
    """Whether it can have got to the platform."""

    @property
    def unknown(self) -> bool:
        """Whether the daemon can't know what became of it."""
        return self.status is None and self.reached


class Platform:
    """Everything on the other side of the daemon's outgoing connections."""

    def __init__(self, board: Switchboard, scenario: Scenario, nursery: trio.Nursery, trace: Trace) -> None:
        self.lines: dict[str, Line] = {}
        self.wires: list[Wire] = []
        self.trace = trace
        self.nursery = nursery
        self.sandbox = MemorySandbox(board, nursery)
        self.end_codes = scenario.config.platform.xai.end_close_codes
        self._board = board
        self._dials = scenario.dials

    async def dial(self) -> trio.abc.Stream:
        """Open a connection, as `platforms.xai.Dial`."""
        await trio.lowlevel.checkpoint()
        wire = Wire()
        trouble = self._dials.get(len(self.wires))
        self.wires.append(wire)
        if trouble is not None:
            await trio.aclose_forcefully(wire.ours)
            self.trace.note("platform", f"fault: connection {trouble}")
            if trouble == "refused":
                raise ConnectionRefusedError("connection refused")
            await trio.sleep_forever()
        socket = Socket(wire, self)
        self.nursery.start_soon(socket.serve, name="platform's end of a socket")
        return wire.ours

    def client(self, base_url: str, api_key: str) -> httpx.AsyncClient:
        """The HTTP client of the daemon."""
        return httpx.AsyncClient(
            base_url=base_url,
            transport=RestInterface(self._board, self),
            headers={"Authorization": f"Bearer {api_key}"},
            trust_env=False,
        )


class Socket:
    """One WebSocket between the daemon and the platform, and what goes wrong on it."""

    def __init__(self, wire: Wire, platform: Platform) -> None:
        self.opened_at = trio.current_time()
        self.closed_at = inf
        """When the daemon closed its end."""
        self.line: Line | None = None
        self.faulty = False
        """Whether anything was planned to go wrong on it."""
        self.joined = False
        self.said_goodbye = False
        """Whether the daemon sent a close frame."""
        self.heard_goodbye = False
        """Whether the platform sent one first."""
        self.deaf_at = inf
        """Since when the platform answers nothing, not even pings."""
        self._wire = wire
        self._platform = platform
        self._name = "socket"
        self._faults: tuple[SocketFault, ...] = ()
        self._frames = 0
        self._shaken = False
        self._gone = False
        self._no_pongs = False
        self._sides = ("", "")
        wire.up.filter = self._up
        wire.down.filter = self._down

    def _note(self, what: str) -> None:
        self._platform.trace.note(self._name, what)

    async def serve(self) -> None:
        """Be the platform's end until the daemon has closed its own, and a moment longer."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, nursery.cancel_scope, name="end of a socket")
            try:
                await self._platform.sandbox.serve(self._wire.theirs)
            except* (ConnectionClosed, HandshakeError, wsproto.utilities.ProtocolError):
                pass  # what we did to its bytes surprises the stand-in's library as well
            finally:
                await trio.aclose_forcefully(self._wire.theirs)

    async def _watch(self, scope: trio.CancelScope) -> None:
        await self._wire.up.writer_gone.wait()
        self.closed_at = trio.current_time()
        self._note("daemon closes its end")
        await trio.sleep(_AFTERLIFE)
        scope.cancel(reason="the daemon has gone")

    # What the daemon sends

    def _up(self, data: bytes) -> tuple[bytes, ...]:
        if self.line is None:
            found = _CALL_ID.search(data)
            if found:
                self._introduce(self._platform.lines[found[1].decode()])
            return (data,)
        self._platform.trace.note(self._sides[0], Frame(data))
        self.said_goodbye = self.said_goodbye or data[0] & 15 == 8
        return (data,)

    def _introduce(self, line: Line) -> None:
        """Learn which call it is, and from that, what will go wrong."""
        self.line = line
        number, plan = len(line.sockets), line.caller.sockets
        line.sockets.append(self)
        self._name = f"{line.name} socket {number + 1}"
        self._sides = (f"{self._name} >", f"{self._name} <")
        self._note("daemon asks to join")
        self._wire.up.lag = self._wire.down.lag = line.caller.lag
        self._faults = plan[number] if number < len(plan) else ()
        self.faulty = bool(self._faults)
        for fault in self._faults:
            if fault.kind == "refuse":
                line.call.join_refusals.append(fault.status)
                line.call.retry_after = int(fault.seconds) or None
            elif fault.kind == "no handshake":
                self._note("fault: nobody answers")
                self._gone = True

    # What the platform sends

    def _down(self, data: bytes) -> tuple[bytes, ...]:
        if self._gone:
            return ()
        if not self._shaken:
            return self._handshake(data)
        frame = Frame(data)
        if self._no_pongs and data[0] & 15 == 10:
            return ()
        self.heard_goodbye = self.heard_goodbye or (data[0] & 15 == 8 and not self.said_goodbye)
        number, self._frames = self._frames, self._frames + 1
        sent: tuple[bytes, ...] = (data,)
        for fault in self._faults:
            if fault.frame == number:
                sent = self._spoil(fault, data)
        self._platform.trace.note(self._sides[1], frame)
        return sent

    def _handshake(self, data: bytes) -> tuple[bytes, ...]:
        self._shaken = True
        status = data.split(b" ", 2)[1].decode()
        self._note(f"platform answers {status}")
        if status != "101":
            return (data,)
        self.joined = True
        for fault in self._faults:
            if fault.kind == "cut handshake":
                self._note("fault: cut handshake")
                self._wire.down.inject(data[: len(data) // 2])
                self._gone = True
                self._platform.nursery.start_soon(self._later, fault.seconds, name="cut handshake")
                return ()
            if fault.after is not None:
                self._platform.nursery.start_soon(self._strike, fault, name=f"fault {fault.kind}")
        return (data,)

    def _spoil(self, fault: SocketFault, data: bytes) -> tuple[bytes, ...]:
        self._note(f"fault: {fault.kind}")
        match fault.kind:
            case "twice":
                return data, data
            case "late":
                self._wire.down.inject(data, late=fault.seconds)
                return ()
            case _:
                self._wire.down.inject(data[: len(data) // 2])
                self._gone = True
                self.deaf_at = min(self.deaf_at, trio.current_time())
                if fault.what == "end":
                    self._wire.drop()
                elif fault.what == "break":
                    self._wire.break_off()
                return ()

    async def _later(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self._wire.drop()

    async def _strike(self, fault: SocketFault) -> None:
        """Do at a time what was planned for it, if the socket is still there."""
        with trio.move_on_after(fault.after or 0.0):
            await self._wire.up.writer_gone.wait()
            return
        self._note(f"fault: {fault.kind} {fault.what}{fault.status or ''}".rstrip())
        wire = self._wire
        if fault.kind in ("no pongs", "mute", "stall") and not 0 < fault.seconds < 1000:
            self.deaf_at = min(self.deaf_at, trio.current_time())
        match fault.kind:
            case "end":
                wire.drop()
            case "break":
                wire.break_off()
            case "close":
                await self._say_goodbye(fault)
            case "stall":
                wire.up.stall(fault.status)
                await trio.sleep(fault.seconds)
                wire.up.flow()
            case "no pongs":
                self._no_pongs = True
            case "mute":
                self._gone = True
            case "garbage":
                wire.down.inject(GARBAGE[fault.what])
            case _:
                text = TEXTS[fault.what].encode()
                size = bytes([len(text)]) if len(text) < 126 else b"\x7e" + len(text).to_bytes(2, "big")
                wire.down.inject(b"\x81" + size + text)

    async def _say_goodbye(self, fault: SocketFault) -> None:
        """Close with a code. The codes that mean the end of the call come at the end of the call."""
        if self.line is not None and fault.status in self._platform.end_codes:
            self.line.call.end("platform")
        code = b"\x88\x00" if fault.status == 1006 else b"\x88\x02" + fault.status.to_bytes(2, "big")
        self._wire.down.inject(code)
        self._gone = True
        await self._later(fault.seconds)


class RestInterface(httpx.AsyncBaseTransport):
    """The platform's REST interface."""

    def __init__(self, board: Switchboard, platform: Platform) -> None:
        self._board = board
        self._platform = platform

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as planned, or not."""
        await trio.lowlevel.checkpoint()
        found = _CALL_PATH.fullmatch(request.url.path)
        line = self._platform.lines[found[1]] if found else None
        if found is None or line is None:
            return self._answer(request)
        if found[2] == "refer":
            return await self._refer(line, request)
        plan = line.caller.hang_ups
        fault = plan[len(line.hang_ups)] if len(line.hang_ups) < len(plan) else None
        asked = HangUp(trio.current_time())
        line.hang_ups.append(asked)
        who = f"{line.name} REST"
        self._platform.trace.note(who, "daemon asks to hang up" + (f"; fault: {fault.kind}" if fault else ""))
        try:
            response = await self._fail(fault, request) if fault else self._answer(request)
        except httpx.HTTPError as error:
            self._platform.trace.note(who, f"no answer: {error}")
            raise
        asked.answered_at, asked.status = trio.current_time(), response.status_code
        self._platform.trace.note(who, f"platform answers {response.status_code}")
        return response

    async def _refer(self, line: Line, request: httpx.Request) -> httpx.Response:
        plan = line.caller.refers
        fault = plan[len(line.refers)] if len(line.refers) < len(plan) else None
        asked = Refer(json.loads(request.content)["target_uri"], trio.current_time())
        line.refers.append(asked)
        who = f"{line.name} REST"
        self._platform.trace.note(who, f"daemon asks to transfer to {asked.target}; fault: {fault and fault.kind}")
        try:
            if fault is None or fault.kind == "status":
                line.call.rings = line.caller.rings
                await self._board.ring(request.url.path)
            response = await self._fail(fault, request) if fault else self._answer(request)
        except httpx.HTTPError as error:
            asked.answered_at = trio.current_time()
            asked.reached = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            self._platform.trace.note(who, f"no answer: {error}")
            raise
        asked.answered_at, asked.status = trio.current_time(), response.status_code
        self._platform.trace.note(who, f"platform answers {response.status_code}")
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        status, body = self._board.rest(request.method, request.url.path, request.headers, request.content)
        return httpx.Response(status, content=json.dumps(body).encode(), request=request)

    async def _fail(self, fault: RestFault, request: httpx.Request) -> httpx.Response:
        limits = request.extensions["timeout"]
        match fault.kind:
            case "status":
                headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
                return httpx.Response(fault.status, headers=headers, content=b"{}", request=request)
            case "no connection":
                raise httpx.ConnectError("connection refused")
            case "no route":
                await trio.sleep(limits["connect"])
                raise httpx.ConnectTimeout("no connection")
            case "cut answer":
                self._answer(request)
                raise httpx.RemoteProtocolError("server disconnected")
            case "slow":
                response = self._answer(request)
                await trio.sleep(min(fault.seconds, limits["read"]))
                if fault.seconds < limits["read"]:
                    return response
            case "lost answer":
                self._answer(request)
                await trio.sleep(limits["read"])
            case "no answer":
                await trio.sleep(limits["read"])
        raise httpx.ReadTimeout("no answer")
