"""The functions of Python tools: found, imported and described when the configuration is loaded.

So a missing name or a type hint that no model can be told of is found before anybody calls. Puts each function in the
place of the text that says where it is. Owned by `load.py`; imports functions and this room's agreement and report.
"""

from pathlib import Path
from typing import Any, Final

from daemon.config.agreement import tables
from daemon.config.report import KeyPath, Report
from daemon.errors import FunctionBroken
from daemon.functions.signature import Function, describe
from daemon.functions.source import EXPECTED_FILE, EXPECTED_FUNCTION, Finder

_EXAMPLE: Final = 'function = "package.module:name" or file = "tools/orders.py:name"'


def fetch_functions(document: dict[str, Any], folder: Path, report: Report, *, fetched: bool) -> None:
    """Replace what tools say of their functions by these, and report those that can't be used.

    If not `fetched`, they are left where they are, and only looked at for what does not go together.
    """
    finder = Finder(folder)
    for name, tool in tables(document, "tools"):
        if tool.get("type") != "python":
            continue
        key = _which(("tools", name), tool, report)
        if key is None or not fetched:
            continue
        function = _fetch(finder, key, tool[key], ("tools", name, key), report)
        if function is None:
            del tool[key]
            continue
        tool[key] = function
        if not function.description and not tool.get("description"):
            what = "the function has no docstring to tell the model what it does; write one, or add description"
            report.add(("tools", name, key), what)


def _which(path: KeyPath, tool: dict[str, Any], report: Report) -> str | None:
    keys = [key for key in ("function", "file") if tool.get(key, "") != ""]
    if not keys:
        report.add((*path, "function"), f"missing; add {_EXAMPLE}")
    elif len(keys) > 1:
        report.add((*path, "file"), "give either function or file, not both")
    elif not isinstance(tool[keys[0]], str):
        report.add((*path, keys[0]), EXPECTED_FUNCTION if keys[0] == "function" else EXPECTED_FILE)
        del tool[keys[0]]
    else:
        return keys[0]
    return None


def _fetch(finder: Finder, key: str, reference: str, path: KeyPath, report: Report) -> Function | None:
    try:
        found = finder.by_import(reference) if key == "function" else finder.in_file(reference)
        return describe(reference, found)
    except FunctionBroken as error:
        report.add(path, str(error))
        return None
