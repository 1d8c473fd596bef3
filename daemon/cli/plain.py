"""How the commands show what is in the ledger: harmless text, times, tables, JSON.

What callers say, what they call themselves and what models make of it is shown to an operator at a terminal: no
character of it may move the cursor, change a colour or the direction of writing. Imports rich only.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Control, format, surrogate, private and unassigned characters, and separators of lines and paragraphs.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Persian, Indian scripts and emoji need these to be joined rightly; they do nothing else.
_JOINERS = "\u200c\u200d"
# Where nobody looks, lines are as long as they are: they may be searched, or sent to somebody.
_WIDE = 240


def harmless(text: str) -> str:
    """The text with everything that can't be seen made visible: an escape character becomes four harmless ones."""
    return "".join(letter if _is_seen(letter) else letter.encode("unicode_escape").decode() for letter in text)


def _is_seen(letter: str) -> bool:
    return unicodedata.category(letter) not in _UNSEEN or letter in _JOINERS


def make_console() -> Console:
    """A console for standard output that takes no text for markup."""
    wide = None if sys.stdout.isatty() else _WIDE
    return Console(highlight=False, markup=False, emoji=False, width=wide)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str | None]], *, empty: str) -> None:
    """Print rows under their headings; what is None is not known."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("-" if cell is None else harmless(cell)) for cell in row))
    if table.row_count:
        make_console().print(table)
    else:
        click.echo(empty, err=True)


def print_json(value: msgspec.Struct, **more: object) -> None:
    """Print a record as one line of JSON, in ASCII: that can't do anything to a terminal either."""
    click.echo(json.dumps({**msgspec.to_builtins(value), **more}))


def local_time(seconds: float | None) -> str | None:
    """A Unix time as date and time where we are."""
    return None if seconds is None else datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock_time(seconds: float) -> str:
    """A Unix time as time of the day where we are."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")


def span(seconds: float | None) -> str | None:
    """A duration for people: its two largest units."""
    if seconds is None:
        return None
    whole = round(abs(seconds))
    sign = "-" if seconds < 0 and whole else ""
    for unit, size, lesser, part in (("d", 86_400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{sign}{whole // size}{unit}" + (f" {rest}{lesser}" if rest else "")
    return f"{sign}{whole}s"
