"""How the tables came to be, step by step, for Alembic. A step that was released is never changed again."""
