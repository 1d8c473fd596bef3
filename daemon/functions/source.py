"""Finding a function: by import path, such as `shop.phone:look_up`, or in a file, such as `tools/orders.py:look_up`.

A module is code of the operator's and may do anything when it is imported, so whatever it raises is made into one line
here. A file is run once for each load of the configuration, so that a reload sees what was changed in it; a module on
the import path is imported once in the life of the process, as always. Imports errors only.
"""

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from daemon.errors import FunctionBroken

EXPECTED_FUNCTION: Final = 'expected "package.module:name"'
EXPECTED_FILE: Final = 'expected "folder/file.py:name"'
_IMPORT_PATH: Final = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
_IN_FILE: Final = re.compile(r"([^\0:]+\.py):([A-Za-z_]\w*)")
_LONGEST: Final = 200


class Finder:
    """Finds functions for one load of the configuration; files are looked for from `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Path, ModuleType] = {}

    def by_import(self, reference: str) -> Callable[..., Any]:
        """Import a function. Errors: `FunctionBroken`."""
        parts = _IMPORT_PATH.fullmatch(reference)
        if parts is None:
            raise FunctionBroken(EXPECTED_FUNCTION)
        return _member(_guarded(lambda: importlib.import_module(parts[1]), f"importing {parts[1]}"), parts[2], parts[1])

    def in_file(self, reference: str) -> Callable[..., Any]:
        """Take a function out of a file. Errors: `FunctionBroken`."""
        parts = _IN_FILE.fullmatch(reference)
        if parts is None:
            raise FunctionBroken(EXPECTED_FILE)
        path = (self._folder / parts[1]).absolute()
        if path not in self._files:
            self._files[path] = _guarded(lambda: _run(path), f"running {path}", path)
        return _member(self._files[path], parts[2], str(path))


def _run(path: Path) -> ModuleType:
    # Under a name that is the file's own and stays the same: classes look up their module by it.
    name = f"callwarden_tool_{path.stem}_{hashlib.sha256(bytes(path)).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _guarded(load: Callable[[], ModuleType], what: str, path: Path | None = None) -> ModuleType:
    module: ModuleType | None = None
    why = ""
    try:
        module = load()
    except* (Exception, SystemExit) as errors:
        why = _describe(errors, path)
    if module is None:
        raise FunctionBroken(f"{what} failed: {why}")
    return module


def _describe(error: BaseException, path: Path | None) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    words = " ".join(str(error).split())[:_LONGEST]
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__} in line {error.lineno}: {error.msg}"
    if isinstance(error, ImportError):
        return words or type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if path is not None and frame.filename == str(path)]
    place = f" in line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}{place}: {words}" if words else f"{type(error).__name__}{place}"


def _member(module: ModuleType, name: str, where: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if found is None:
        raise FunctionBroken(f'there is no "{name}" in {where}')
    if not inspect.isfunction(found):
        raise FunctionBroken(f'"{name}" in {where} is not a function')
    return found
