"""Everything that is wrong with one configuration, and where: the list that a load ends with.

Owned by `load.py` for the time of one load; imports errors. Must never raise a problem the moment it is found: an
operator wants to mend a file once.
"""

import json
import re
from typing import Final, TypeAlias

from daemon.errors import Problem

KeyPath: TypeAlias = tuple[str, ...]
"""Keys from the top of the file down."""

_LONGEST: Final = 300
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def dotted(path: KeyPath) -> str:
    """Write a path as TOML does, with quotes around keys that need them."""
    return ".".join(shown(key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)) for key in path)


def shown(text: str) -> str:
    """A text fit for one line of a terminal: what can't be seen, or moves the rest about, stands as TOML's escape.

    Of a text that is too long the middle is left out: somebody's value, as our own words stand around it.
    """
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
    return "".join(each if each.isprintable() else _escape(ord(each)) for each in text)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class Report:
    """Collects problems, and names for each the place in the file, or the `--set`, that caused it."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._overridden: set[KeyPath] = set()
        self._written: dict[KeyPath, KeyPath] = {}

    def blame_override(self, path: KeyPath) -> None:
        """Remember that everything at and under `path` was put there by a `--set`."""
        self._overridden.add(path)

    def inherit(self, path: KeyPath, source: KeyPath) -> None:
        """Remember that what is at and under `path` was not written there but at `source`, or where that comes from."""
        self._written[path] = self.written(source)

    def written(self, path: KeyPath) -> KeyPath:
        """Where in the file a key was written."""
        for depth in range(len(path), 0, -1):
            source = self._written.get(path[:depth])
            if source is not None:
                return (*source, *path[depth:])
        return path

    def add(self, path: KeyPath, what: str, *, table: bool = False) -> None:
        """Add what is wrong with the key, or with the whole table, at `path`."""
        self.problems.append(Problem(self._where(path, table=table), shown(what)))

    def add_override(self, what: str) -> None:
        """Add what is wrong with a `--set` that could not be read."""
        self.problems.append(Problem("--set", shown(what)))

    def _where(self, path: KeyPath, *, table: bool) -> str:
        path = self.written(path)
        if any(path[:depth] in self._overridden for depth in range(1, len(path) + 1)):
            return f"--set {dotted(path)}"
        owner, key = (path, ()) if table else (path[:-1], path[-1:])
        parts = (f"[{dotted(owner)}]" if owner else "", dotted(key))
        return " ".join((f"{self._file}:", *filter(None, parts)))
