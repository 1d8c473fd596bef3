"""Searching in what was said. What somebody looks for is words, never a query: quotes and operators are not special.

All words must be in one turn, in any order. Statements for the two indexes that the first migration made. Imports
SQLAlchemy and this room's schema.
"""

import re
from collections.abc import Sequence

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    column,
    func,
    literal_column,
    select,
    table,
)

from daemon.ledger.schema import turns

MOST_WORDS = 32
"""A longer search is refused, before a database finds it too complex."""

_index = table("turns_search", column("rowid"), column("turns_search"))
# Exactly as in the index, or it is not used.
_LANGUAGE: ColumnElement[str] = literal_column("'simple'")


def words_of(text: str) -> list[str]:
    """What of a text can be looked for: what holds a letter or a figure. Errors: `ValueError`."""
    words = [word for word in text.replace("\0", " ").split() if any(letter.isalnum() for letter in word)]
    if not words:
        raise ValueError("there is no word in it")
    if len(words) > MOST_WORDS:
        raise ValueError(f"there are more than {MOST_WORDS} words in it")
    return words


def number_of(text: str) -> str:
    """The phone number that somebody looks for, in E.164, however they write it. Errors: `ValueError`."""
    plain = re.sub(r"[\s().-]", "", text)
    if not re.fullmatch(r"\+[0-9]{1,15}", plain):
        raise ValueError("expected a phone number in E.164 form, such as +18005550199")
    return plain


def calls_in_which(connection: Connection, words: Sequence[str]) -> Select[str]:
    """Ids of the calls in which somebody said these words."""
    return select(turns.c.call_id).where(_said(connection, words))


def first_turns(connection: Connection, words: Sequence[str], call_ids: Sequence[str]) -> dict[str, str]:
    """For each of these calls, the first turn in which somebody said these words."""
    which = select(func.min(turns.c.id)).where(_said(connection, words), turns.c.call_id.in_(call_ids))
    rows = select(turns.c.call_id, turns.c.words).where(turns.c.id.in_(which.group_by(turns.c.call_id)))
    return {row.call_id: row.words for row in connection.execute(rows)}


def _said(connection: Connection, words: Sequence[str]) -> ColumnElement[bool]:
    if connection.dialect.name == "sqlite":
        # A string in FTS5's language: a doubled quote is a quote in it, and nothing else has a meaning there.
        quoted = " ".join('"' + word.replace('"', '""') + '"' for word in words)
        return turns.c.id.in_(select(_index.c.rowid).where(_index.c.turns_search.op("MATCH")(quoted)))
    query = func.plainto_tsquery(_LANGUAGE, " ".join(words))
    return func.to_tsvector(_LANGUAGE, turns.c.words).op("@@")(query)
