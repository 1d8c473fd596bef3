"""The platform as load: one thread, one epoll, announcing calls, being joined, talking at a pace, noting when.

It runs in the process of the benchmark and does its work only inside `run`. Every time it notes is taken where the
bytes pass: a webhook is announced just before it is written, a call is configured when its `session.update` has been
read. `late` says how far behind its own timetable it was, and with the CPU it took shows that it is not what is slow.
Standard library only.
"""

import json
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from urllib.parse import parse_qs, urlsplit

from benchmarks import speech
from benchmarks.wire import CLOSE, PATH, PING, PONG, accept, frame, split, webhook

now = time.perf_counter
_OVER = frame(CLOSE, (1000).to_bytes(2, "big"))
_TICK = 0.001


class Call:
    """One caller, and when what happened."""

    __slots__ = (
        "announced",
        "answered",
        "closed",
        "configured",
        "dial",
        "ends_after",
        "hung_up",
        "id",
        "joined",
        "line",
        "pinged",
        "said",
        "small",
        "status",
    )

    def __init__(self, call_id: str) -> None:
        self.id = call_id
        self.announced = self.answered = self.joined = self.configured = self.closed = self.hung_up = 0.0
        self.status = 0
        """Of the answer to the webhook."""
        self.line: Line | None = None
        self.said = 0
        """Events of its turns."""
        self.small = 0
        """Of these, what is not audio."""
        self.pinged = 0.0
        self.ends_after: float | None = None
        """Seconds after which the caller leaves, once configured."""


class Wire:
    """A non-blocking socket with what could not be written yet."""

    def __init__(self, platform: "Platform", sock: socket.socket) -> None:
        self.platform, self.sock = platform, sock
        self.unsent = bytearray()
        self.data = bytearray()
        self.fd = sock.fileno()
        platform.watch(self)

    def write(self, data: bytes) -> None:
        """Write, or remember to."""
        if self.unsent:
            self.unsent += data
            return
        try:
            sent = self.sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(data):
            self.unsent += data[sent:]
            self.platform.stalls += 1
            self.platform.watch(self, writing=True)

    def ready(self, mask: int) -> None:
        """Do what the kernel says can be done."""
        if mask & select.EPOLLOUT and self.unsent:
            waiting, self.unsent = bytes(self.unsent), bytearray()
            self.platform.watch(self)
            self.write(waiting)
        if mask & ~select.EPOLLOUT and self.fd >= 0:
            self.read()

    def read(self) -> None:
        """Read all there is."""
        while self.fd >= 0:
            try:
                data = self.sock.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            self.data += data
            self.take()

    def take(self) -> None:
        """Make something of what was read."""
        raise NotImplementedError

    def close(self) -> None:
        """Close."""
        if self.fd >= 0:
            self.platform.forget(self)
            self.fd = -1
            self.sock.close()


class Line(Wire):
    """A connection that was accepted: REST, or a call's WebSocket."""

    def __init__(self, platform: "Platform", sock: socket.socket) -> None:
        super().__init__(platform, sock)
        self.call: Call | None = None
        self._goodbye = False

    def end(self) -> None:
        """Say goodbye, once."""
        if not self._goodbye:
            self._goodbye = True
            self.write(_OVER)

    def take(self) -> None:
        """Read heads, and then frames."""
        while self.call is None and b"\r\n\r\n" in self.data:
            head, _, rest = bytes(self.data).partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            if b"pgrade" in head and b"ebsocket" in head:
                self.data = bytearray(rest)
                self._join(head, target)
            else:
                size = _content_length(head)
                if len(rest) < size:
                    return
                self.data = bytearray(rest[size:])
                self._answer(target)
        if self.call is not None:
            for first, payload in split(self.data):
                self._hear(self.call, first, payload)

    def _join(self, head: bytes, target: str) -> None:
        (call_id,) = parse_qs(urlsplit(target).query)["call_id"]
        call = self.platform.calls[call_id]
        self.call, call.line, call.joined = call, self, now()
        self.write(accept(head) + speech.JOINED)

    def _answer(self, target: str) -> None:
        """Answer a REST request: the only one there is hangs up."""
        self.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        call = self.platform.calls.get(target.split("/")[-2])
        if call is not None:
            call.hung_up = now()
            if call.line is not None:
                call.line.end()

    def _hear(self, call: Call, first: int, payload: bytes) -> None:
        if first == CLOSE:
            self.end()
            self.close()
        elif first == PING:
            self.write(frame(PONG, payload))
        elif first == PONG:
            self.platform.lags.append(now() - call.pinged)
        elif not call.configured and b"session.update" in payload and json.loads(payload)["type"] == "session.update":
            call.configured = now()
            self.platform.configured += 1
            self.write(speech.CONFIGURED)
            if call.ends_after is not None:
                self.platform.leaving.append((call.configured + call.ends_after, call))

    def close(self) -> None:
        """Close, and note when."""
        if self.fd >= 0 and self.call is not None:
            self.call.closed = now()
            self.platform.closed += 1
        super().close()


class Hook(Wire):
    """A connection on which calls are announced, one after another."""

    def __init__(self, platform: "Platform", port: int) -> None:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        super().__init__(platform, sock)
        self.port = port
        self.call: Call | None = None

    def announce(self, call: Call, request: bytes) -> None:
        """Send one webhook."""
        self.call = call
        call.announced = now()
        self.write(request)

    def take(self) -> None:
        """Read the answer."""
        head, blank, rest = bytes(self.data).partition(b"\r\n\r\n")
        if not blank or len(rest) < _content_length(head) or self.call is None:
            return
        self.call.answered, self.call.status = now(), int(head.split(b" ", 2)[1])
        self.platform.answered += 1
        self.call = None
        self.data.clear()
        if b"connection: close" in head.lower():
            self.close()
        else:
            self.platform.idle.setdefault(self.port, []).append(self)


class Door(Wire):
    """A listening socket."""

    def __init__(self, platform: "Platform", context: ssl.SSLContext | None) -> None:
        super().__init__(platform, socket.create_server(("127.0.0.1", 0), backlog=4096))
        self.sock.setblocking(False)
        self.context = context
        self.port: int = self.sock.getsockname()[1]

    def read(self) -> None:
        """Accept whoever waits."""
        while True:
            try:
                sock, _ = self.sock.accept()
            except BlockingIOError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            if self.context is not None:
                sock = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            Line(self.platform, sock)


class Platform:
    """The load."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._epoll = select.epoll()
        self._wires: dict[int, Wire] = {}
        self.calls: dict[str, Call] = {}
        self.idle: dict[int, list[Hook]] = {}
        self.leaving: list[tuple[float, Call]] = []
        self.lags: list[float] = []
        """Seconds from a ping to its pong."""
        self.late: list[float] = []
        """Seconds by which an event was sent later than planned."""
        self.sent = self.stalls = self.answered = self.configured = self.closed = 0
        self._announcements: list[tuple[float, int, Call, bytes]] = []
        self._paced: Sequence[Call] = ()
        self._pace_began, self._next = 0.0, 0
        self._ping_every, self._next_ping = 0.0, 0.0
        self._pings = 0
        self._serial = 0
        self.door = Door(self, None)
        self.tls_door = Door(self, context) if context is not None else None

    def watch(self, wire: Wire, *, writing: bool = False) -> None:
        """Be told of a socket."""
        mask = select.EPOLLIN | (select.EPOLLOUT if writing else 0)
        if wire.fd in self._wires:
            self._epoll.modify(wire.fd, mask)
        else:
            self._epoll.register(wire.fd, mask)
        self._wires[wire.fd] = wire

    def forget(self, wire: Wire) -> None:
        """Be told no more."""
        self._epoll.unregister(wire.fd)
        del self._wires[wire.fd]

    def close(self) -> None:
        """Close everything."""
        for wire in list(self._wires.values()):
            wire.close()
        self._epoll.close()

    @staticmethod
    def moment() -> float:
        """Seconds, by the clock that everything is noted with."""
        return now()

    @staticmethod
    def closed_of(calls: Sequence[Call]) -> int:
        """How many of these calls are over."""
        return sum(bool(call.closed) for call in calls)

    def rest(self) -> None:
        """Forget what was planned and who called, between two cases."""
        self._paced, self._announcements, self.leaving = (), [], []
        self.ping(0)
        for wire in [wire for wire in self._wires.values() if not isinstance(wire, Door)]:
            wire.close()
        self.calls.clear()
        self.idle.clear()

    # What is to happen while it runs

    def announce(self, port: int, count: int, *, rate: float, ends_after: float | None = None) -> list[Call]:
        """Plan webhooks to a port, evenly spread; gives their calls."""
        begin = now() + 0.01
        made = []
        for number in range(count):
            self._serial += 1
            call = Call(f"5a9d0000-0000-4000-8000-{self._serial:012d}")
            call.ends_after = ends_after
            self.calls[call.id] = call
            self._announcements.append((begin + number / rate, port, call, b""))
            made.append(call)
        self._announcements.sort(key=lambda planned: planned[0], reverse=True)
        return made

    def repeat(self, port: int, call: Call, count: int, *, rate: float, path: str = PATH) -> list[Call]:
        """Plan the webhook of a known call again and again; gives what notes the answers."""
        begin = now() + 0.01
        request = webhook(call.id, time.time(), path=path)
        made = [Call(call.id) for _ in range(count)]
        self._announcements += [(begin + number / rate, port, each, request) for number, each in enumerate(made)]
        self._announcements.sort(key=lambda planned: planned[0], reverse=True)
        return made

    def pace(self, calls: Sequence[Call]) -> None:
        """Begin to talk in these calls, evenly spread; without any, stop."""
        self._paced = [call for call in calls if call.line is not None and call.line.fd >= 0]
        self._pace_began, self._next = now() + 0.01, 0
        self.late.clear()

    def ping(self, rate: float) -> None:
        """Begin to ping the calls that are talked in, so often in all; with 0, stop."""
        self._ping_every, self._next_ping = (1 / rate if rate else 0.0), now()
        self.lags.clear()

    def leave(self, calls: Sequence[Call]) -> None:
        """Let callers hang up, now."""
        self.leaving += [(0.0, call) for call in calls if not call.closed]

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Work for so long, or until something holds; gives whether it does."""
        end = now() + seconds
        while not until():
            moment = now()
            if moment >= end:
                return until()
            for fd, mask in self._epoll.poll(_TICK):
                wire = self._wires.get(fd)
                if wire is not None:
                    wire.ready(mask)
            if self._paced:
                self._talk()
            if self._announcements:
                self._call()
            if self.leaving:
                self._part()
        return True

    def _talk(self) -> None:
        moment, count = now(), len(self._paced)
        step = speech.PERIOD / count
        while (due := self._pace_began + self._next * step) <= moment:
            call = self._paced[self._next % count]
            self._next += 1
            if call.line is None or call.line.fd < 0:
                continue
            # Each caller is somewhere else in a turn, so that what is rare does not come all at once.
            number, place = divmod(call.said + int(call.id[-12:]) * 97 % speech.TURN, speech.TURN)
            call.line.write(speech.turn(number)[place])
            call.said += 1
            call.small += place % speech.EVERY == 0
            self.sent += 1
            self.late.append(moment - due)
        while self._ping_every and self._next_ping <= moment:
            call = self._paced[self._pings % count]
            self._pings += 37
            self._next_ping += self._ping_every
            if call.line is not None and call.line.fd >= 0:
                call.pinged = now()
                call.line.write(frame(PING, b"lag?"))

    def _call(self) -> None:
        while self._announcements and self._announcements[-1][0] <= now():
            _, port, call, request = self._announcements.pop()
            idle = self.idle.setdefault(port, [])
            while idle and idle[-1].fd < 0:
                idle.pop()
            hook = idle.pop() if idle else Hook(self, port)
            hook.announce(call, request or webhook(call.id, time.time()))

    def _part(self) -> None:
        moment = now()
        staying = []
        for due, call in self.leaving:
            if due > moment:
                staying.append((due, call))
            elif call.line is not None:
                call.line.end()
        self.leaving = staying


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
