"""What can be done from the console. Each deed has a page that says what will happen and asks; only its form acts.

Imports the desk, the API's bounds and this room. Everything that is done is logged with who did it, as the API does.
"""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
import trio
from quart import Response, abort
from quart_trio.wrappers import TrioResponse

from daemon.console.notes import Note
from daemon.console.story import tell
from daemon.console.visit import Visit
from daemon.console.words import outcome
from daemon.core.redaction import printable
from daemon.errors import CallwardenError, ConfigError, NoSuchDestination, NotNow
from daemon.operate.access import leave_trace

_LONGEST_REASON = 200

Fields = Mapping[str, str]


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be done."""

    verb: str
    """What the log calls it."""
    path: str
    """Where its question is."""
    back: str
    """Where one goes from there."""
    title: str
    """What is asked."""
    button: str
    """What the button says that does it."""
    says: str
    """What will happen."""
    do: Callable[[Visit, Fields], Awaitable[str | None]]
    """Does it; gives what became of it, or None if there is no such call. Errors: of ours."""
    grave: bool = False
    """Whether callers feel it."""


async def _hang_up(visit: Visit, fields: Fields) -> str | None:
    reason = printable(fields.get("reason", "")[:_LONGEST_REASON])
    done = await visit.house.desk.hang_up(visit.call_id, reason, visit.visitor.who)
    if done is None or done.outcome is None:
        return None if done is None else done.says
    return done.says.replace(done.outcome, outcome(done.outcome), 1)


async def _transfer(visit: Visit, fields: Fields) -> str | None:
    await trio.lowlevel.checkpoint()
    done = visit.house.desk.transfer(visit.call_id, fields.get("destination", "")[:64], visit.visitor.who)
    return None if done is None else done.says


async def _pause(visit: Visit, _fields: Fields) -> str:
    await trio.lowlevel.checkpoint()
    return visit.house.desk.pause(visit.visitor.who).says


async def _resume(visit: Visit, _fields: Fields) -> str:
    await trio.lowlevel.checkpoint()
    return visit.house.desk.resume(visit.visitor.who).says


async def _drain(visit: Visit, fields: Fields) -> str:
    await trio.lowlevel.checkpoint()
    return visit.house.desk.drain(visit.visitor.who, now=fields.get("now") == "yes").says


async def _reload(visit: Visit, _fields: Fields) -> str:
    done = await visit.house.desk.reload(visit.visitor.who)
    changed = f"changed: {', '.join(done.changed)}" if done.changed else "nothing has changed"
    later = f"; only after a restart: {', '.join(done.restart_keys)}" if done.restart_keys else ""
    return f"configuration {done.generation} is in use; {changed}{later}"


DEEDS = (
    Deed(
        verb="hang_up",
        path="/calls/<call_id:call_id>/hangup",
        back="/calls/",
        title="Hang up this call?",
        button="Hang up",
        says="The caller is disconnected at once, in the middle of a word if need be.",
        do=_hang_up,
        grave=True,
    ),
    Deed(
        verb="transfer",
        path="/calls/<call_id:call_id>/transfer",
        back="/calls/",
        title="Transfer this caller?",
        button="Transfer",
        says="The agent's part ends as soon as the other side takes the call.",
        do=_transfer,
    ),
    Deed(
        verb="pause",
        path="/node/pause",
        back="/node",
        title="Pause this node?",
        button="Pause",
        says="No more calls are taken until it is resumed; those in progress go on. A balancer sees it as unready.",
        do=_pause,
    ),
    Deed(
        verb="resume",
        path="/node/resume",
        back="/node",
        title="Resume this node?",
        button="Resume",
        says="Calls are taken again. A drain is called off, if it is not too late for that.",
        do=_resume,
    ),
    Deed(
        verb="drain",
        path="/node/drain",
        back="/node",
        title="Drain this node?",
        button="Drain",
        says="No more calls are taken, and the daemon stops once those in progress have ended.",
        do=_drain,
        grave=True,
    ),
    Deed(
        verb="reload",
        path="/node/reload",
        back="/node",
        title="Reload the configuration?",
        button="Reload",
        says="The file is read and checked. Calls in progress keep theirs; if anything is wrong, nothing changes.",
        do=_reload,
    ),
)


async def ask(deed: Deed, visit: Visit) -> Response:
    """The question."""
    await trio.lowlevel.checkpoint()
    call = None
    if visit.call_id:
        call = tell(visit.house.desk.call(visit.call_id), None)
        if call is None:
            abort(404)
    return visit.page("ask", title=deed.title, values={"deed": deed, "call": call, "back": _back(deed, visit)})


async def act(deed: Deed, visit: Visit, fields: Fields) -> Response:
    """The answer: do it, and send the browser to where it is seen what became of it."""
    status, note = await _try(deed, visit, fields)
    visitor = visit.visitor
    leave_trace(deed.verb, visitor.who, visitor.peer, status, visit.call_id, via="console")
    return see_other(f"{_back(deed, visit)}?note={visit.house.notes.put(note)}")


async def _try(deed: Deed, visit: Visit, fields: Fields) -> tuple[int, Note]:
    try:
        says = await deed.do(visit, fields)
    except (NotNow, NoSuchDestination) as error:
        return 409, Note(text=f"Not done: {error}", bad=True)
    except ConfigError as error:
        problems = "; ".join(f"{each.where}: {each.what}" for each in error.problems[:5])
        return 422, Note(text=f"Not done, the configuration before goes on. {problems}", bad=True)
    except CallwardenError as error:
        visit.house.quiet.failure("request_failed", error)
        return 500, Note(text="Not done: something went wrong inside; the log has it.", bad=True)
    if says is None:
        return 404, Note(text="Not done: the call is not in progress here any more.", bad=True)
    return 200, Note(text=f"{says[:1].upper()}{says[1:]}.")


def _back(deed: Deed, visit: Visit) -> str:
    return f"{deed.back}{visit.call_id}"


def see_other(where: str) -> Response:
    """Send a browser on, with a GET."""
    return TrioResponse("", status=303, headers={"Location": where})
