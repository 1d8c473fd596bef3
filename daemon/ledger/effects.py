"""The effects of tools, as statements: plain functions on a connection. Imports SQLAlchemy, core and this room.

To begin an effect is a decision, which only the call's owner may make. What became of it is a fact, whoever owns the
call by now, and is written down by whoever knows.
"""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, and_, select, update

from daemon.core.effects import Effect, ToolUse
from daemon.ledger.claims import is_ours
from daemon.ledger.inserting import insert_new
from daemon.ledger.schema import DbNow, effects


def begin_if_ours(connection: Connection, call_id: str, epoch: str, use: ToolUse) -> Effect | None:
    """Write down that a tool is about to run: None if it may be.

    Otherwise what is known of it; of a call that is another's, that it was begun, and by whom and how it ends is not
    for us to know.
    """
    if not is_ours(connection, call_id, epoch):
        return Effect(use=use)
    return begin(connection, call_id, use)


def begin(connection: Connection, call_id: str, use: ToolUse, ago: float = 0.0) -> Effect | None:
    """Write down that a tool was begun: None if that is new, else what is known of it."""
    row = {
        "call_id": call_id,
        "use_id": use.id,
        "name": use.name,
        "arguments": use.arguments,
        "begun_at": DbNow() - ago,
        "told": False,
    }
    if insert_new(connection, effects, row):
        return None
    known = connection.execute(select(effects.c.output, effects.c.told).where(_is(call_id, use.id))).one()
    return Effect(use=use, output=known.output, told=bool(known.told))


def end(connection: Connection, call_id: str, use_id: str, output: str, ago: float = 0.0) -> bool:
    """Write down what a tool gave; the first output stands, and then this is False."""
    ended = update(effects).where(_is(call_id, use_id), effects.c.ended_at.is_(None))
    return connection.execute(ended.values(output=output, ended_at=DbNow() - ago)).rowcount == 1


def told(connection: Connection, call_id: str, use_id: str) -> None:
    """Write down that the model has the output."""
    connection.execute(update(effects).where(_is(call_id, use_id)).values(told=True))


def of_calls(connection: Connection, call_ids: Iterable[str]) -> dict[str, tuple[Effect, ...]]:
    """What tools did on calls, in the order in which they began."""
    found: dict[str, list[Effect]] = defaultdict(list)
    rows = select(effects).where(effects.c.call_id.in_([*call_ids])).order_by(effects.c.id)
    for row in connection.execute(rows):
        use = ToolUse(id=row.use_id, name=row.name, arguments=row.arguments)
        found[row.call_id].append(Effect(use=use, output=row.output, told=bool(row.told)))
    return {call_id: tuple(known) for call_id, known in found.items()}


def _is(call_id: str, use_id: str) -> ColumnElement[bool]:
    return and_(effects.c.call_id == call_id, effects.c.use_id == use_id)
