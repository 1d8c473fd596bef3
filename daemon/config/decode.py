"""Turns the tables of a TOML file into records, and finds everything that is wrong with them on the way.

The records say what is allowed; msgspec judges each single value, so that each key gets a message of its own; the
words of the message are ours. Owned by `load.py` for the time of one load; imports msgspec and this room's modules.
Must never stop at the first problem, and must never know a table by name.
"""

import math
from collections.abc import Collection, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

from daemon.config.checks import suggest
from daemon.config.kinds import Check, Example, Filled, Notation
from daemon.config.report import KeyPath, Report, dotted
from daemon.config.secrets import EXPECTED_REFERENCE, Secret, fill, leave, leave_all, resolve
from daemon.config.wording import amount, choices, expected, found, length_limit

RecordT = TypeVar("RecordT", bound=msgspec.Struct)
ValueT = TypeVar("ValueT")


class Decoder:
    """Decodes tables into records; what is wrong goes into the report, and what it returns then is void."""

    def __init__(self, report: Report, env: Mapping[str, str], secrets_of: Collection[str] | None = None) -> None:
        """`secrets_of` names the tables and keys, dotted, whose secrets are fetched; None is all."""
        self._report = report
        self._env = env
        self._secrets_of = secrets_of

    def table(self, record: type[RecordT], raw: object, path: KeyPath = ()) -> RecordT | None:
        """Decode one table, and all under it. Returns None if anything in it is wrong."""
        before = len(self._report.problems)
        if not isinstance(raw, dict):
            self._report.add(path, f"expected a table, got {found(raw)}")
            return None
        fields = {field.name: field for field in msgspec.structs.fields(record)}
        for key in raw:
            if key not in fields:
                self._unknown(key, tuple(fields), (*path, key), table=isinstance(raw[key], dict))
        values: dict[str, Any] = {}
        for key, field in fields.items():
            if key in raw:
                values[key] = self._value(field.type, raw[key], (*path, key))
            elif field.required:
                values[key] = self._missing(field.type, (*path, key))
        return record(**values) if len(self._report.problems) == before else None

    def _unknown(self, key: str, known: tuple[str, ...], path: KeyPath, *, table: bool) -> None:
        noun = "table" if table else "key"
        self._report.add(path, f"unknown {noun}{suggest(key, known)}", table=table)

    def _missing(self, kind: object, path: KeyPath) -> object:
        base, marks = _unwrap(kind)
        # A table that is not there is an empty one: its own required keys are what is missing.
        if _is_record(base) or get_origin(base) is dict:
            return self._value(kind, {}, path)
        lines = [mark.line for mark in marks if isinstance(mark, Example)]
        self._report.add(path, f"missing; add {lines[0]}" if lines else "missing")
        return None

    def _value(self, kind: object, raw: object, path: KeyPath, item: str = "") -> object:
        base, marks = _unwrap(kind)
        if variants := _variants(kind):
            return self._variant(variants, raw, path)
        if _is_record(base):
            return self.table(base, raw, path)
        try:
            if get_origin(base) is dict:
                return self._mapping(base, marks, raw, path)
            if get_origin(base) is tuple:
                return self._array(base, marks, raw, path)
            if base is Secret:
                return self._secret(marks, raw, path)
            return _checked(marks, _scalar(base, marks, raw))
        except ValueError as error:
            self._report.add(path, f"{item}{error}")
            return None

    def _variant(self, variants: dict[str, type[msgspec.Struct]], raw: object, path: KeyPath) -> object:
        """Decode a table whose kind stands in it."""
        if not isinstance(raw, dict):
            self._report.add(path, f"expected a table, got {found(raw)}")
            return None
        field = next(iter(variants.values())).__struct_config__.tag_field or ""
        kind = raw.get(field)
        record = variants.get(kind) if isinstance(kind, str) else None
        if record is not None:
            return self.table(record, {key: inner for key, inner in raw.items() if key != field}, path)
        there_is = ", ".join(f'"{name}"' for name in variants)
        if field not in raw:
            self._report.add((*path, field), f"missing; there is: {there_is}")
        elif isinstance(kind, str):
            self._report.add(
                (*path, field), f"there is no such {field}{suggest(kind, tuple(variants)) or f'; there is: {there_is}'}"
            )
        else:
            self._report.add((*path, field), f"expected a string, got {found(kind)}")
        return None

    def _mapping(self, base: object, marks: tuple[object, ...], raw: object, path: KeyPath) -> object:
        before = len(self._report.problems)
        table = _expect(dict, "a table", raw)
        of_key, of_value = get_args(base)
        holds_tables = _is_record(_unwrap(of_value)[0])
        values: dict[str, object] = {}
        for key, inner in table.items():
            try:
                _checked(_unwrap(of_key)[1], key)
            except ValueError as error:
                self._report.add((*path, key), str(error), table=holds_tables)
            values[key] = self._value(of_value, inner, (*path, key))
        return _checked(marks, values) if len(self._report.problems) == before else None

    def _array(self, base: object, marks: tuple[object, ...], raw: object, path: KeyPath) -> object:
        array = _expect(list, "an array", raw)
        for meta in marks:
            if isinstance(meta, msgspec.Meta) and not _fits(len(array), meta):
                raise ValueError(f"expected an array{length_limit(meta, 'items')}, got {len(array)}")
        of_item, _ = get_args(base)
        items: list[object] = []
        for place, inner in enumerate(array, start=1):
            before = len(self._report.problems)
            where = (*path, str(place)) if _is_record(of_item) else path
            item = self._value(of_item, inner, where, f"item {place}: ")
            if len(self._report.problems) == before:
                items.append(item)
        # A rule for the whole array would count places wrongly if bad items had dropped out of it.
        return _checked(marks, tuple(items)) if len(items) == len(array) else None

    def _secret(self, marks: tuple[object, ...], raw: object, path: KeyPath) -> object:
        filled = any(isinstance(mark, Filled) for mark in marks)
        text = _expect(str, "a string" if filled else f"a reference to a secret: {EXPECTED_REFERENCE}", raw)
        if not self._wanted(path):
            return leave_all(text) if filled else leave(text)
        return _checked(marks, fill(text, self._env) if filled else resolve(text, self._env))

    def _wanted(self, path: KeyPath) -> bool:
        """Whether the secret at a path is to be fetched."""
        places = {dotted(path[:depth]) for depth in range(1, len(path) + 1)}
        return self._secrets_of is None or not places.isdisjoint(self._secrets_of)


def _variants(kind: object) -> dict[str, type[msgspec.Struct]]:
    """The records that a kind can be, by tag; none if it is not told apart by one."""
    options = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    return {
        str(option.__struct_config__.tag): option
        for option in options
        if isinstance(option, type) and issubclass(option, msgspec.Struct) and option.__struct_config__.tag_field
    }


def _unwrap(kind: object) -> tuple[Any, tuple[object, ...]]:
    """Part a type from the marks on it. `X | None` counts as X, since TOML cannot write a None."""
    if get_origin(kind) in {Union, UnionType}:
        kind = next(option for option in get_args(kind) if option is not NoneType)
    if get_origin(kind) is Annotated:
        base, *marks = get_args(kind)
        return base, tuple(marks)
    return kind, ()


def _expect(kind: type[ValueT], noun: str, raw: object) -> ValueT:
    if isinstance(raw, kind):
        return raw
    raise ValueError(f"expected {noun}, got {found(raw)}")


def _is_record(base: object) -> bool:
    return isinstance(base, type) and issubclass(base, msgspec.Struct)


def _fits(length: int, meta: msgspec.Meta) -> bool:
    return (meta.min_length or 0) <= length and (meta.max_length is None or length <= meta.max_length)


def _checked(marks: tuple[object, ...], value: object) -> object:
    for mark in marks:
        if isinstance(mark, Check):
            value = mark.rule(value)
    return value


def _scalar(base: object, marks: tuple[object, ...], raw: object) -> object:
    if base is Any:
        return raw  # a rule says what it may be
    notation = next((mark for mark in marks if isinstance(mark, Notation)), None)
    if notation:
        if not isinstance(raw, notation.accepts) or isinstance(raw, bool):
            raise ValueError(f"expected {notation.expected}, got {found(raw)}")
        raw = notation.parse(raw)
    elif isinstance(raw, float) and not math.isfinite(raw):
        # TOML can write nan, and nan passes every comparison with a limit.
        raise ValueError(f"expected {expected(base, marks)}, got {raw}")
    limits = tuple(mark for mark in marks if isinstance(mark, msgspec.Meta))
    bounded: Any = Annotated[(base, *limits)] if limits else base
    try:
        return msgspec.convert(raw, bounded)
    except msgspec.ValidationError:
        raise ValueError(_complaint(base, marks, raw, notation)) from None


def _complaint(base: object, marks: tuple[object, ...], raw: object, notation: Notation | None) -> str:
    wanted = expected(base, marks)
    if words := choices(base):
        return f"expected {wanted}" + (suggest(raw, words) if isinstance(raw, str) else f", got {found(raw)}")
    try:
        msgspec.convert(raw, base)
    except msgspec.ValidationError:
        # Of no use to someone who wrote no string is how long it may be.
        return f"expected {expected(base, ()) if base is str else wanted}, got {found(raw)}"
    return f"expected {wanted}, got {amount(raw, notation)}"
