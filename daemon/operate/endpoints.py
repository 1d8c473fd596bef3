"""The control API's endpoints: where they are, what they take and give, and what they ask of the desk.

One list, from which `api.py` routes and `openapi.py` describes. Imports the desk, core's snapshots and msgspec; knows
nothing of HTTP but names, methods and status codes.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
import trio

from daemon.core.redaction import printable
from daemon.core.snapshots import Action, CallDetail, CallView, Reloaded, Status, TaskView
from daemon.operate.desk import Desk


class HangUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to end a call."""

    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Becomes part of the call's chain of reasons."""


class Transfer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to send a caller."""

    destination: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """A name under [destinations]."""


class Drain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to stop."""

    now: bool = False
    """Whether calls in progress are hung up instead of waited for."""


class CallList(msgspec.Struct, frozen=True, kw_only=True):
    """The calls in progress, oldest first."""

    calls: tuple[CallView, ...]


Wish = HangUp | Transfer | Drain


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request, read."""

    who: str
    """Who asks, as it is written into the chain of reasons."""
    call_id: str = ""
    wish: Wish | None = None
    """The body."""


Handler = Callable[[Desk, Asked], Awaitable[msgspec.Struct | None]]
"""Gives the answer; None where there is no such call."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be looked at or done."""

    name: str
    method: str
    path: str
    summary: str
    handler: Handler
    gives: type[msgspec.Struct]
    takes: type[Wish] | None = None
    required: bool = False
    """Whether the body may not be left out."""
    errors: tuple[int, ...] = ()
    """Which problems it has beside those that every endpoint has."""

    @property
    def of_a_call(self) -> bool:
        """Whether it is about one call."""
        return "{call_id}" in self.path

    @property
    def acts(self) -> bool:
        """Whether it changes something, which is logged with who wanted it."""
        return self.method != "GET"


async def _status(desk: Desk, _asked: Asked) -> Status:
    await trio.lowlevel.checkpoint()
    return desk.status()


async def _calls(desk: Desk, _asked: Asked) -> CallList:
    await trio.lowlevel.checkpoint()
    return CallList(calls=desk.calls())


async def _call(desk: Desk, asked: Asked) -> CallDetail | None:
    await trio.lowlevel.checkpoint()
    return desk.call(asked.call_id)


async def _tree(desk: Desk, _asked: Asked) -> TaskView:
    await trio.lowlevel.checkpoint()
    return desk.tree()


async def _hang_up(desk: Desk, asked: Asked) -> Action | None:
    reason = asked.wish.reason if isinstance(asked.wish, HangUp) else ""
    return await desk.hang_up(asked.call_id, printable(reason), asked.who)


async def _transfer(desk: Desk, asked: Asked) -> Action | None:
    await trio.lowlevel.checkpoint()
    destination = asked.wish.destination if isinstance(asked.wish, Transfer) else ""
    return desk.transfer(asked.call_id, destination, asked.who)


async def _pause(desk: Desk, asked: Asked) -> Action:
    await trio.lowlevel.checkpoint()
    return desk.pause(asked.who)


async def _resume(desk: Desk, asked: Asked) -> Action:
    await trio.lowlevel.checkpoint()
    return desk.resume(asked.who)


async def _drain(desk: Desk, asked: Asked) -> Action:
    await trio.lowlevel.checkpoint()
    return desk.drain(asked.who, now=isinstance(asked.wish, Drain) and asked.wish.now)


async def _reload(desk: Desk, asked: Asked) -> Reloaded:
    return await desk.reload(asked.who)


ENDPOINTS = (
    Endpoint(
        name="status", method="GET", path="/v1/status", summary="How the daemon is", handler=_status, gives=Status
    ),
    Endpoint(
        name="calls",
        method="GET",
        path="/v1/calls",
        summary="The calls in progress here",
        handler=_calls,
        gives=CallList,
    ),
    Endpoint(
        name="call",
        method="GET",
        path="/v1/calls/{call_id}",
        summary="A call in progress, with all that was said",
        handler=_call,
        gives=CallDetail,
        errors=(404,),
    ),
    Endpoint(
        name="hang_up",
        method="POST",
        path="/v1/calls/{call_id}/hangup",
        summary="End a call, and wait for its receipt, ten seconds at most",
        handler=_hang_up,
        takes=HangUp,
        gives=Action,
        errors=(404, 422),
    ),
    Endpoint(
        name="transfer",
        method="POST",
        path="/v1/calls/{call_id}/transfer",
        summary="Begin to transfer a caller to a configured destination",
        handler=_transfer,
        takes=Transfer,
        required=True,
        gives=Action,
        errors=(404, 409, 422),
    ),
    Endpoint(
        name="tree",
        method="GET",
        path="/v1/tree",
        summary="Every task, what it waits for, and what hangs on it",
        handler=_tree,
        gives=TaskView,
    ),
    Endpoint(
        name="pause",
        method="POST",
        path="/v1/pause",
        summary="Take no more calls until resumed",
        handler=_pause,
        gives=Action,
        errors=(409,),
    ),
    Endpoint(
        name="resume",
        method="POST",
        path="/v1/resume",
        summary="Take calls again; calls off a drain as long as that is possible",
        handler=_resume,
        gives=Action,
        errors=(409,),
    ),
    Endpoint(
        name="drain",
        method="POST",
        path="/v1/drain",
        summary="Stop once the calls have ended, or have been hung up",
        handler=_drain,
        takes=Drain,
        gives=Action,
        errors=(422,),
    ),
    Endpoint(
        name="reload",
        method="POST",
        path="/v1/reload",
        summary="Load the configuration anew, for new calls; a bad one changes nothing",
        handler=_reload,
        gives=Reloaded,
        errors=(409, 422),
    ),
)
