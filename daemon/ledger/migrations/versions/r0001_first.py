"""The first tables, and the search in transcripts: an FTS5 table on SQLite, a GIN index on PostgreSQL."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SQLITE_SEARCH = (
    "CREATE VIRTUAL TABLE turns_search USING fts5(words, content='turns', content_rowid='id')",
    "CREATE TRIGGER turns_added AFTER INSERT ON turns BEGIN"
    " INSERT INTO turns_search(rowid, words) VALUES (new.id, new.words); END",
    "CREATE TRIGGER turns_removed AFTER DELETE ON turns BEGIN"
    " INSERT INTO turns_search(turns_search, rowid, words) VALUES ('delete', old.id, old.words); END",
    "CREATE TRIGGER turns_changed AFTER UPDATE OF words ON turns BEGIN"
    " INSERT INTO turns_search(turns_search, rowid, words) VALUES ('delete', old.id, old.words);"
    " INSERT INTO turns_search(rowid, words) VALUES (new.id, new.words); END",
)
_POSTGRESQL_SEARCH = ("CREATE INDEX turns_search ON turns USING gin (to_tsvector('simple', words))",)


def upgrade() -> None:
    """Make the tables."""
    _calls()
    _what_happens()
    _work()
    search = _SQLITE_SEARCH if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL_SEARCH
    for statement in search:
        op.execute(statement)


def _calls() -> None:
    op.create_table(
        "epochs",
        sa.Column("epoch", sa.Text, primary_key=True),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("lease", sa.Double, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.Column("relieved_at", sa.Double),
        sa.Column("ended_at", sa.Double),
    )
    op.create_table(
        "calls",
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("webhook_id", sa.Text, nullable=False, unique=True),
        sa.Column("claim", sa.Text, nullable=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("called", sa.Text),
        sa.Column("caller", sa.Text),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("announced_at", sa.Double),
        sa.Column("claimed_at", sa.Double, nullable=False),
        sa.Column("joined_at", sa.Double),
        sa.Column("owed_for", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("reasons", sa.Text),
        sa.Column("joined", sa.Boolean),
        sa.Column("seconds", sa.Double),
        sa.Column("events", sa.Text),
        sa.Column("ended_at", sa.Double),
    )
    op.create_index("calls_by_time", "calls", ["claimed_at"])
    _partial_index("calls_in_debt", "calls", "epoch", "outcome IS NULL")


def _what_happens() -> None:
    op.create_table(
        "entries",
        sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("entry", sa.Text, nullable=False),
    )
    op.create_index("entries_by_call", "entries", ["call_id"])
    op.create_table(
        "turns",
        sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("speaker", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("final", sa.Boolean, nullable=False),
        sa.UniqueConstraint("call_id", "item_id", "speaker", name="turns_once"),
    )
    op.create_table(
        "effects",
        sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("use_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("begun_at", sa.Double, nullable=False),
        sa.Column("output", sa.Text),
        sa.Column("ended_at", sa.Double),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.UniqueConstraint("call_id", "use_id", name="effects_once"),
    )
    op.create_table(
        "writers",
        sa.Column("writer", sa.Text, primary_key=True),
        sa.Column("written", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )


def _work() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("due_at", sa.Double),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text),
        sa.Column("delivered_at", sa.Double),
        sa.Column("failure", sa.Text),
    )
    _partial_index("deliveries_due", "deliveries", "due_at", "due_at IS NOT NULL")
    op.create_index("deliveries_by_call", "deliveries", ["call_id"])
    op.create_table(
        "orders",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("verb", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text),
        sa.Column("argument", sa.Text, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("taken_at", sa.Double),
        sa.Column("done_at", sa.Double),
        sa.Column("result", sa.Text),
    )
    _partial_index("orders_open", "orders", "epoch", "done_at IS NULL")


def _partial_index(name: str, table: str, column: str, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
