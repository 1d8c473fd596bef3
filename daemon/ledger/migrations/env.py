"""Alembic's way in: run the steps on the connection that `ledger/migrate.py` hands over. Imported by Alembic only."""

from alembic import context

from daemon.ledger.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
