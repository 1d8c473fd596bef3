"""The effects of tools, as statements: plain functions on a connection. Imports SQLAlchemy, core and this room."""

from sqlalchemy import ColumnElement, Connection, and_, select, update

from daemon.core.effects import Effect, ToolUse
from daemon.ledger.inserting import insert_new
from daemon.ledger.schema import DbNow, effects


def begin(connection: Connection, call_id: str, use: ToolUse) -> Effect | None:
    """Write down that a tool is about to run: None if that is new, else what is known of it."""
    row = {
        "call_id": call_id,
        "use_id": use.id,
        "name": use.name,
        "arguments": use.arguments.replace("\0", "\ufffd"),
        "begun_at": DbNow(),
        "told": False,
    }
    if insert_new(connection, effects, row):
        return None
    return next(effect for effect in of_call(connection, call_id) if effect.use.id == use.id)


def end(connection: Connection, call_id: str, use_id: str, output: str) -> None:
    """Write down what a tool gave; the first output stands."""
    ended = update(effects).where(_is(call_id, use_id), effects.c.ended_at.is_(None))
    connection.execute(ended.values(output=output.replace("\0", "\ufffd"), ended_at=DbNow()))


def told(connection: Connection, call_id: str, use_id: str) -> None:
    """Write down that the model has the output."""
    connection.execute(update(effects).where(_is(call_id, use_id)).values(told=True))


def of_call(connection: Connection, call_id: str) -> tuple[Effect, ...]:
    """What tools did on a call, in the order in which they began."""
    rows = select(effects).where(effects.c.call_id == call_id).order_by(effects.c.begun_at, effects.c.use_id)
    return tuple(
        Effect(
            use=ToolUse(id=row.use_id, name=row.name, arguments=row.arguments), output=row.output, told=bool(row.told)
        )
        for row in connection.execute(rows)
    )


def _is(call_id: str, use_id: str) -> ColumnElement[bool]:
    return and_(effects.c.call_id == call_id, effects.c.use_id == use_id)
