"""Functions, found by import path and in files; and what is said of those that can't be."""

import sys
from pathlib import Path

import pytest

from daemon.errors import FunctionBroken
from daemon.functions.source import Finder


def test_by_import_path() -> None:
    assert Finder(Path()).by_import("tests.functions.test_source:test_by_import_path") is test_by_import_path


def test_in_a_file_which_is_run_once_for_all_that_is_taken_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("runs = []\nruns.append(1)\ndef a(): return runs\ndef b(): return runs\n")
    finder = Finder(tmp_path)
    first, second = finder.in_file("shop.py:a"), finder.in_file(f"{tmp_path}/shop.py:b")
    assert first() is second()
    (tmp_path / "shop.py").write_text("def a(): return 'changed'\n")
    assert Finder(tmp_path).in_file("shop.py:a")() == "changed"
    assert first() == [1]  # a call that has begun keeps what it began with


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("shop", 'expected "package.module:name"'),
        ("shop.py:a", "importing shop.py failed: No module named 'shop'"),
        ("no.such:thing", "importing no.such failed: No module named 'no'"),
        ("json:lods", 'there is no "lods" in json'),
        ("json:JSONDecoder", '"JSONDecoder" in json is not a function'),
        ("json:__name__", '"__name__" in json is not a function'),
    ],
)
def test_import_paths_that_lead_nowhere(reference: str, message: str) -> None:
    with pytest.raises(FunctionBroken) as caught:
        Finder(Path()).by_import(reference)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def a(:", "SyntaxError in line 1: invalid syntax"),
        ("\n\nx = 1 / 0", "ZeroDivisionError in line 3: division by zero"),
        ("def f():\n    raise KeyError('a\\nb')\nf()", "KeyError in line 2: 'a\\nb'"),
        ("import no_such_thing", "No module named 'no_such_thing'"),
        ("open('/no/such')", "No such file or directory"),
        ("raise SystemExit", "SystemExit in line 1"),
        ("raise ValueError('x' * 1000)", f"ValueError in line 1: {'x' * 200}"),
        ("raise ExceptionGroup('g', [ValueError('inner')])", "ValueError: inner"),
        ("x = '\udcff'", "source code string cannot contain null bytes"),
    ],
)
def test_files_that_can_not_be_run(tmp_path: Path, code: str, message: str) -> None:
    path = tmp_path / "shop.py"
    path.write_bytes(b"\0" if "\udcff" in code else code.encode())
    with pytest.raises(FunctionBroken) as caught:
        Finder(tmp_path).in_file("shop.py:a")
    assert str(caught.value).startswith(f"running {path} failed: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "reference", ["shop.py", "shop:a", ":a", "shop.py:a.b", "shop.txt:a", "sh\0p.py:a", "a:b.py:c"]
)
def test_what_is_no_reference_to_a_file(tmp_path: Path, reference: str) -> None:
    with pytest.raises(FunctionBroken, match="expected"):
        Finder(tmp_path).in_file(reference)


def test_no_file_and_no_such_name(tmp_path: Path) -> None:
    with pytest.raises(FunctionBroken, match=r"shop.py failed: No such file or directory"):
        Finder(tmp_path).in_file("shop.py:a")
    (tmp_path / "shop.py").write_text("b = 1")
    with pytest.raises(FunctionBroken, match=f'there is no "a" in {tmp_path}/shop.py'):
        Finder(tmp_path).in_file("shop.py:a")
    with pytest.raises(FunctionBroken, match=r'"b" in .* is not a function'):
        Finder(tmp_path).in_file("shop.py:b")


def test_classes_of_a_file_know_their_module(tmp_path: Path) -> None:
    code = "from __future__ import annotations\nimport dataclasses, datetime\n@dataclasses.dataclass\n"
    (tmp_path / "shop.py").write_text(f"{code}class Day:\n    day: datetime.date\ndef a(): return Day\n")
    kind = Finder(tmp_path).in_file("shop.py:a")()
    assert sys.modules[kind.__module__].Day is kind
