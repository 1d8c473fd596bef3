"""A report as JUnit XML, which every CI system reads. Imports the standard library and this room's plain text."""

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec

# What no XML 1.0 document can hold, however it is written.
_IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was tried."""

    suite: str
    name: str
    seconds: float
    failures: tuple[str, ...]
    details: str
    """What is worth reading about them."""


def write_junit(path: Path, name: str, cases: Sequence[Case]) -> None:
    """Write a report; cases of one suite stand together. Errors: `OSError`."""
    root = ET.Element("testsuites", _counts(name, cases))
    for suite, members in groupby(cases, key=lambda case: case.suite):
        inside = [*members]
        element = ET.SubElement(root, "testsuite", _counts(suite, inside))
        for case in inside:
            _add(element, case)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _counts(name: str, cases: Sequence[Case]) -> dict[str, str]:
    return {
        "name": _possible(name),
        "tests": str(len(cases)),
        "failures": str(sum(bool(case.failures) for case in cases)),
        "errors": "0",
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }


def _add(suite: ET.Element, case: Case) -> None:
    attributes = {"classname": _possible(case.suite), "name": _possible(case.name), "time": f"{case.seconds:.3f}"}
    element = ET.SubElement(suite, "testcase", attributes)
    if case.failures:
        failure = ET.SubElement(element, "failure", {"message": _possible(case.failures[0])})
        failure.text = _possible("\n".join((*case.failures, "", case.details)))


def _possible(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text)
