"""Settings given on the command line: `--set dotted.key=value`, laid over the file before anything is decoded.

Owned by `load.py`; imports the standard library and this room's report. Must never repeat the value of an override
in a message, since it may be a secret that does not belong there.
"""

import re
import tomllib
from collections.abc import Sequence
from typing import Any, Final

from daemon.config.report import KeyPath, Report, dotted
from daemon.config.toml import parse

_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_OVERRIDE: Final = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=\s*(.*)", re.DOTALL)


def apply_overrides(document: dict[str, Any], overrides: Sequence[str], report: Report) -> None:
    """Write each override into the document, and what is wrong with it into the report.

    A value replaces what the file says at its key, also if it is a table; later overrides win over earlier ones.
    """
    for override in overrides:
        try:
            path, value = _parse(override)
        except ValueError as error:
            report.add_override(str(error))
            continue
        _assign(document, path, value, report)


def _parse(override: str) -> tuple[KeyPath, object]:
    match = _OVERRIDE.fullmatch(override)
    if match is None:
        raise ValueError("expected KEY=VALUE, such as log.level=debug")
    key, text = match.groups()
    try:
        # Quotes and escapes in keys are TOML's business, so TOML reads them.
        tree: object = parse(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        raise ValueError("the key is not a valid TOML key") from None
    path: KeyPath = ()
    while isinstance(tree, dict):
        ((part, tree),) = tree.items()
        path = (*path, part)
    return path, _value(text, path)


def _value(text: str, path: KeyPath) -> object:
    try:
        parsed = parse(f"value = {text}")
    except tomllib.TOMLDecodeError as error:
        # A bare word is meant as a string, because shells eat quotes. A broken array or table is a mistake.
        if text[:1] in {"[", "{", '"', "'"}:
            raise ValueError(f"{dotted(path)}: the value is not valid TOML: {error}") from None
        return text
    # A line break could otherwise smuggle in more keys.
    return parsed["value"] if len(parsed) == 1 else text


def _assign(document: dict[str, Any], path: KeyPath, value: object, report: Report) -> None:
    table = document
    for depth, key in enumerate(path[:-1], start=1):
        if key not in table:
            # A table that only exists because of this override is the override's to answer for.
            report.blame_override(path[:depth])
            table[key] = {}
        table = table[key]
        if not isinstance(table, dict):
            report.blame_override(path)
            report.add(path, f"{dotted(path[:depth])} is not a table in the file")
            return
    report.blame_override(path)
    table[path[-1]] = value
