"""The command line's way to a running daemon: HTTP over its control socket, and one line when nobody answers.

Plain and blocking, as a command is. Imports httpx, this room's records and errors. Never waits for ever: everything but
the stream of events has a time limit.
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import httpx
import msgspec

from daemon.core.journal import Record
from daemon.errors import NotReachable, TheirFault
from daemon.operate.problems import Problem

T = TypeVar("T")

LIMIT = 30.0
"""Seconds for an answer; a hang-up is waited for ten."""
_FIX = "is it running? name its socket with --socket if it has another one"


class Refused(TheirFault):
    """The daemon did not do what was asked."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem = problem


class Client:
    """A daemon that answers; to be used as a context manager."""

    def __init__(self, path: Path) -> None:
        self.socket = path
        transport = httpx.HTTPTransport(uds=str(path))
        self._http = httpx.Client(base_url="http://callwarden", transport=transport, timeout=LIMIT, trust_env=False)

    def __enter__(self) -> "Client":
        """Nothing is opened yet."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Close."""
        self._http.close()

    def get(self, path: str, kind: type[T]) -> T:
        """Look at something. Errors: `NotReachable`, `Refused`."""
        return msgspec.json.decode(self.text(path), type=kind)

    def text(self, path: str) -> bytes:
        """The same, as it came."""
        with self._reached():
            return _checked(self._http.get(path))

    def post(self, path: str, kind: type[T], wish: msgspec.Struct | None = None) -> T:
        """Ask for something. Errors: `NotReachable`, `Refused`."""
        body = None if wish is None else msgspec.json.encode(wish)
        headers = {} if wish is None else {"Content-Type": "application/json"}
        with self._reached():
            return msgspec.json.decode(_checked(self._http.post(path, content=body, headers=headers)), type=kind)

    def events(self, call_id: str | None = None, *, replay: bool = False) -> Iterator[Record | int]:
        """Follow what happens in calls: records, and how many were missed. Ends when the daemon does.

        Errors: `NotReachable`, `Refused`.
        """
        asked = {"replay": "true"} if replay else {}
        if call_id is not None:
            asked["call"] = call_id
        timeout = httpx.Timeout(LIMIT, read=None)
        with self._reached(), self._http.stream("GET", "/v1/events", params=asked, timeout=timeout) as response:
            if response.is_error:
                response.read()
                _checked(response)
            kind = ""
            for line in response.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    kind = value
                elif field == "data" and kind == "lost":
                    yield msgspec.json.decode(value, type=dict[str, int])["lost"]
                elif field == "data":
                    yield msgspec.json.decode(value, type=Record)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        knock(self.socket)
        try:
            yield
        except httpx.TimeoutException as error:
            raise NotReachable(f"the daemon on {self.socket} does not answer within {LIMIT:g} s") from error
        except httpx.TransportError as error:
            raise NotReachable(f"the daemon on {self.socket} went away: {error}") from error


def _checked(response: httpx.Response) -> bytes:
    if response.is_success:
        return response.content
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        problem = Problem(title=f"HTTP {response.status_code}", status=response.status_code)
    raise Refused(problem)


def knock(path: Path) -> None:
    """See whether somebody listens. Errors: `NotReachable`, whose text is the path and why."""
    # Not left to httpx, which forgets to close a Unix socket that could not be connected.
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(LIMIT)
        try:
            door.connect(str(path))
        except PermissionError as error:
            raise NotReachable(f"{path} (permission denied: be root, or of the socket's group)") from error
        except OSError as error:
            raise NotReachable(f"{path} ({(error.strerror or str(error)).lower()})") from error


def reach(places: Sequence[Path]) -> Client:
    """Find the first of these sockets on which a daemon answers. Errors: `NotReachable`."""
    troubles = []
    for place in places:
        try:
            knock(place)
        except NotReachable as error:
            troubles.append(str(error))
        else:
            return Client(place)
    raise NotReachable(f"no daemon answers on {'; nor on '.join(troubles)}; {_FIX}")
