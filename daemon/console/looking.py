"""The pages that show what is: calls in progress, one call, the node. Each has parts that its script asks for again.

Imports the desk's records, the ledger's, and this room. Never asks the ledger for what the desk knows.
"""

from functools import partial

import trio
from quart import Response, abort

from daemon.console.pages import html
from daemon.console.story import Seen, tell
from daemon.console.timeline import draw
from daemon.console.visit import Visit
from daemon.console.words import happening, zone
from daemon.errors import LedgerUnavailable
from daemon.ledger.listing import Node, list_nodes
from daemon.ledger.records import Record, read_record

MOST = 300
"""Calls that are listed; more can't be read anyway."""
_PORTION = 25
# Seconds for which a list is shown to whoever asks: the same to all consoles, which see what is new as it comes.
_FRESH = 0.5


class Board:
    """The list of live calls as HTML, made once for everybody."""

    def __init__(self) -> None:
        self._text = ""
        self._until = 0.0
        self._making = trio.Lock()

    async def text(self, visit: Visit) -> str:
        """The list as it is, or was a moment ago. Cancelling is safe."""
        async with self._making:
            if trio.current_time() >= self._until:
                self._text = await self._make(visit)
                self._until = trio.current_time() + _FRESH
            return self._text

    async def _make(self, visit: Visit) -> str:
        """A few rows at a time: with hundreds of calls, all of them at once would be felt in the calls."""
        house = visit.house
        calls = house.desk.calls()
        rows = []
        for begin in range(0, min(len(calls), MOST), _PORTION):
            rows.append(house.pages.text("_rows", calls=calls[begin : begin + _PORTION]))
            await trio.lowlevel.checkpoint()
        return house.pages.text("_calls", rows=rows, total=len(calls), most=MOST)


async def live(visit: Visit, board: Board) -> Response:
    """Calls in progress here."""
    table = await board.text(visit)
    if visit.part == "calls":
        return html(table)
    return visit.page("live", title="Live calls", values={"table": table})


async def call(visit: Visit) -> Response:
    """One call, in progress or over."""
    detail = visit.house.desk.call(visit.call_id)
    if detail is not None and visit.part == "talk":
        await trio.lowlevel.checkpoint()
        return visit.fragment("_talk", call=tell(detail, None))
    record, trouble = await _record(visit)
    seen = tell(detail, record)
    if seen is None:
        if trouble:
            return visit.page(
                "sorry", title="Call", status=503, values={"what": "The ledger can't be read", "why": trouble}
            )
        abort(404)
    match visit.part:
        case "talk":
            return visit.fragment("_talk", call=seen)
        case "head":
            return visit.fragment("_head", call=seen)
        case "story":
            return visit.fragment("_story", **_story(seen, record, trouble))
    return visit.page("call", title="Call", values={"call": seen, **_story(seen, record, trouble)})


async def _record(visit: Visit) -> tuple[Record | None, str]:
    """What the ledger has of the call, and why that may be nothing."""
    try:
        return await visit.house.archive.read(partial(read_record, call_id=visit.call_id)), ""
    except LedgerUnavailable as error:
        return None, str(error)


def _story(seen: Seen, record: Record | None, trouble: str) -> dict[str, object]:
    happened = [(each.at, *happening(each.entry)) for each in record.entries] if record else []
    return {
        "seen": seen,
        "trouble": trouble,
        "happened": happened[-500:],
        "finished": any(about == "receipt" for _, about, _ in happened),
        "tools": record.tools[-200:] if record else (),
        "deliveries": record.deliveries if record else (),
        "picture": draw(record) if record else None,
    }


async def node(visit: Visit) -> Response:
    """How the daemon is, and what can be done with it."""
    nodes: list[Node] = []
    trouble = ""
    try:
        nodes = await visit.house.archive.read(list_nodes)
    except LedgerUnavailable as error:
        trouble = str(error)
    values = {"nodes": nodes, "trouble": trouble, "zone": zone(), "status": visit.house.desk.status()}
    if visit.part == "node":
        return visit.fragment("_node", **values)
    return visit.page("node", title="Node", values=values)


async def tree(visit: Visit) -> Response:
    """Every task, and what it waits for."""
    await trio.lowlevel.checkpoint()
    return visit.page("tree", title="Task tree", values={"tree": visit.house.desk.tree()})
