"""History: searching the ledger for calls, live and past, of all nodes that share it, a page at a time.

Imports the ledger's lists and this room. What is asked for stands in the address, so that a search can be sent to a
colleague; what can't be understood is said, and nothing is searched for.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import get_args
from urllib.parse import urlencode

import msgspec
from quart import Response
from sqlalchemy import Connection

from daemon.console.visit import Visit
from daemon.core.incoming import CALL_ID
from daemon.core.receipts import Outcome
from daemon.errors import LedgerUnavailable
from daemon.ledger.listing import Wanted, list_calls
from daemon.ledger.records import Call
from daemon.ledger.search import first_turns, number_of, words_of

PAGE = 50
FIELDS = ("words", "number", "call", "agent", "receipt", "from", "to")
_LONGEST = 500
_CALL = re.compile(CALL_ID)
_AFTER = re.compile(rf"(?P<at>[0-9]{{1,12}}(\.[0-9]{{1,17}})?)~(?P<call>{CALL_ID})")


class Misunderstood(ValueError):
    """A field holds what nothing can be searched by; the text says which and why."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what was found."""

    calls: tuple[Call, ...] = ()
    said: dict[str, str] = msgspec.field(default_factory=dict)
    """By call, where words were searched for: the first turn that has them."""
    more: str = ""
    """Where the next page is; empty if this is the last one."""


def wanted(asked: Mapping[str, str]) -> Wanted:
    """Read a search. Errors: `Misunderstood`."""
    fields = {name: asked.get(name, "").strip()[:_LONGEST] for name in (*FIELDS, "after")}
    receipt = fields["receipt"]
    if receipt not in ("", "live", *get_args(Outcome)):
        raise Misunderstood("receipt: choose one of the list")
    return Wanted(
        live=True if receipt == "live" else None,
        outcome=receipt if receipt not in ("", "live") else None,
        number=_number(fields["number"]),
        agent=fields["agent"] or None,
        words=_words(fields["words"]),
        beginning=_beginning(fields["call"]),
        earliest=_time(fields["from"], "from"),
        latest=_time(fields["to"], "to", whole=True),
        before=_place(fields["after"]),
        limit=PAGE + 1,
    )


def _number(text: str) -> str | None:
    try:
        return number_of(text) if text else None
    except ValueError:
        raise Misunderstood("number: write it with a plus sign and the country code, such as +18005550199") from None


def _beginning(text: str) -> str:
    if text and not _CALL.fullmatch(text):
        raise Misunderstood("call: its id, or the beginning of it, has letters, figures, - and _ only")
    return text


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(words_of(text)) if text else ()
    except ValueError as error:
        raise Misunderstood(f"words: {error}") from error


def _time(text: str, name: str, *, whole: bool = False) -> float | None:
    """A time where the daemon is, as browsers write it; a minute may be meant to its end."""
    if not text:
        return None
    try:
        seconds = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise Misunderstood(f"{name}: write a date and a time, such as 2026-07-01 09:30") from None
    return seconds + 59.999 if whole and text.count(":") == 1 else seconds


def _place(text: str) -> tuple[float, str] | None:
    match = _AFTER.fullmatch(text)
    return (float(match["at"]), match["call"]) if match else None


def search(connection: Connection, search_for: Wanted, asked: Mapping[str, str]) -> Found:
    """Look for a page of calls, and whether there is another."""
    listed = list_calls(connection, search_for)
    page, rest = listed[:PAGE], listed[PAGE:]
    ids = [call.call_id for call in page]
    said = first_turns(connection, search_for.words, ids) if search_for.words and ids else {}
    more = ""
    if rest:
        kept = {name: asked[name] for name in FIELDS if asked.get(name)}
        more = urlencode({**kept, "after": f"{page[-1].claimed_at!r}~{page[-1].call_id}"})
    return Found(calls=tuple(page), said=said, more=more)


async def history(visit: Visit) -> Response:
    """The page."""
    asked = {name: visit.asked.get(name, "")[:_LONGEST] for name in (*FIELDS, "after")}
    found, trouble = None, ""
    try:
        search_for = wanted(asked)
        found = await visit.house.archive.read(lambda connection: search(connection, search_for, asked))
    except (Misunderstood, LedgerUnavailable) as error:
        trouble = str(error)
    values = {"asked": asked, "outcomes": get_args(Outcome), "found": found, "trouble": trouble}
    return visit.page("history", title="History", values=values)
