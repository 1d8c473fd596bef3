"""Editing `config.toml` for its owner: one number's table, everything else as it stands, comments included.

Uses tomlkit for the text and tomllib to judge the result: a file is only replaced by one that says exactly what was
meant. Owned by the commands that set up numbers; imports errors, tomlkit and the standard library. Must never write a
secret, only references to one, and must never leave a half-written file behind.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AbstractTable, Item, Table

from daemon.config.toml import parse
from daemon.errors import SetupStopped

_SECRETS = "webhook_secrets"


def write_number(
    path: Path,
    number: str,
    *,
    agent: str | None,
    carrier: str,
    add: Iterable[str] = (),
    drop: Iterable[str] = (),
    dry: bool = False,
) -> bool:
    """Put a number's agent, carrier and references to its secrets into the file; tells whether anything changed.

    References in `add` come first, those in `drop` go, the others stay. An agent or carrier that is stated already is
    only replaced by one that is given. With `dry`, only see whether it could be done.

    Errors: `SetupStopped` if the file can't be read, edited as meant, or written; it is then as it was.
    """
    text = _read(path)
    meant = _meant(text, path, number, agent=agent, carrier=carrier, add=tuple(add), drop=frozenset(drop))
    if meant == parse(text):
        return False
    entry = meant["numbers"][number]
    try:
        edited = _edit(text, number, entry)
        right = parse(edited) == meant
    except (TOMLKitError, TypeError, ValueError):
        edited, right = "", False
    if not right:
        raise SetupStopped(f"{path} is written in a way that can't be edited here; paste the lines for {number}")
    if not dry:
        _replace(path, edited)
    return True


def number_lines(number: str, *, agent: str, carrier: str, references: Iterable[str]) -> str:
    """A number's table as TOML, to be pasted."""
    numbers = tomlkit.table(is_super_table=True)
    numbers.append(number, _table({"agent": agent, "carrier": carrier, _SECRETS: list(references)}))
    return tomlkit.dumps({"numbers": numbers}).strip()


def _read(path: Path) -> str:
    try:
        # Not as text: that would change how lines end.
        text = path.read_bytes().decode()
        parse(text)
    except OSError as error:
        raise SetupStopped(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise SetupStopped(f"{path} is not valid TOML: {error}") from None
    return text


def _meant(
    text: str,
    path: Path,
    number: str,
    *,
    agent: str | None,
    carrier: str,
    add: tuple[str, ...],
    drop: frozenset[str],
) -> dict[str, Any]:
    """What the file is to say, as plain values."""
    document = parse(text)
    numbers = document.setdefault("numbers", {})
    entry = numbers.setdefault(number, {}) if isinstance(numbers, dict) else None
    if not isinstance(entry, dict) or not isinstance(entry.get(_SECRETS, []), list):
        raise SetupStopped(f"{path}: [numbers] is not made of tables; put it right, or paste the lines for {number}")
    if agent:
        entry["agent"] = agent
    if carrier:
        entry["carrier"] = carrier
    present = entry.get(_SECRETS, [])
    secrets = [*add, *(reference for reference in present if reference not in {*add, *drop})]
    if secrets != present:
        entry[_SECRETS] = secrets
    return document


def _edit(text: str, number: str, entry: dict[str, Any]) -> str:
    document = tomlkit.parse(text)
    if "numbers" not in document:
        document["numbers"] = tomlkit.table(is_super_table=True)
    numbers: Any = document["numbers"]
    if number in numbers:
        _change(numbers[number], entry)
    else:
        last = next(reversed([inner for inner in numbers.values() if isinstance(inner, Table)]), None)
        table = _table(entry)
        if last is not None:
            _make_room(last, table)
        numbers[number] = table
    return tomlkit.dumps(document)


def _table(entry: dict[str, Any]) -> Table:
    table = tomlkit.table()
    for key, value in entry.items():
        if value:
            table[key] = value
    return table


def _change(table: AbstractTable, entry: dict[str, Any]) -> None:
    fresh = {key: value for key, value in entry.items() if key not in table}
    for key, value in entry.items():
        if key in table and table[key] != value:
            before: Item = table[key]
            width = len(before.as_string())
            table[key] = value
            after: Item = table[key]
            # Keeps the comments of a table in one column, as far as there is room.
            gap = len(after.trivia.comment_ws) - (len(after.as_string()) - width)
            after.trivia.comment_ws = " " * max(gap, 1) if after.trivia.comment else after.trivia.comment_ws
    if fresh:
        after_it = _cut_tail(table)
        for key, value in fresh.items():
            table[key] = value
        table.value.body.extend(after_it)


def _make_room(last: Table, table: Table) -> None:
    """Put a table behind another one, and what was written behind that behind this: it heads the next part."""
    tail = _cut_tail(last)
    last.add(tomlkit.nl())
    table.value.body.extend(tail)


def _cut_tail(table: AbstractTable) -> list[Any]:
    """Take the blank lines and comments off the end of a table, from its first blank line on."""
    body = table.value.body
    end = max((place for place, (key, _) in enumerate(body) if key is not None), default=-1) + 1
    start = next((place for place in range(end, len(body)) if not body[place][1].as_string().strip()), len(body))
    tail = list(body[start:])
    del body[start:]
    return tail


def _replace(path: Path, text: str) -> None:
    """Write beside the file and move over it, with the same owner and rights."""
    target = path.resolve()
    part = target.with_name(f".{target.name}.part")
    try:
        before = target.stat()
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(part, before.st_uid, before.st_gid)
        part.chmod(stat.S_IMODE(before.st_mode))
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SetupStopped(f"{path} can't be written: {error.strerror}") from None
