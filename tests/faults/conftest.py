"""The fixture by which a test says what it saw, and the table of docs/reliability.md, written from that.

`make reliability` sets `CALLWARDEN_RELIABILITY`; then, when all tests have run, the rows between two marks of the page
are replaced: the fault and what is expected from each test's docstring, what was observed from the run.
"""

import os
import re
from pathlib import Path

import pytest

from tests.faults.scene import Seen
from tests.ledger.conftest import house

__all__ = ["house"]

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- faults -->", "<!-- end of faults -->"
_NAME = re.compile(r"test_(f\d\d)_")


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Seen:
    """Notes what the test saw."""
    properties = request.node.user_properties
    return Seen(lambda words: properties.append(("seen", words)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every row its words, which travel with its report, over processes too."""
    for item in items:
        matched = _NAME.match(item.name)
        if matched and item.path.parent == Path(__file__).parent and isinstance(item, pytest.Function):
            item.user_properties += [("row", matched[1].upper()), ("words", item.function.__doc__ or "")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the table, if asked to."""
    if "CALLWARDEN_RELIABILITY" not in os.environ:
        return
    rows: dict[str, list[str]] = {}
    for result in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(result, []):
            known = dict(report.user_properties)
            if "row" in known and (report.when == "call" or result != "passed"):
                notes = [str(value) for name, value in report.user_properties if name == "seen"]
                fault, _, expected = str(known["words"]).partition("Expected:")
                words = (_line(fault), _line(expected), "; ".join(dict.fromkeys(notes)) or "nothing", result)
                rows[str(known["row"])] = [cell.replace("|", "/") for cell in words]
    table = ["| | fault | expected | observed | |", "|---|---|---|---|---|"]
    table += [f"| {row} | {' | '.join(cells)} |" for row, cells in sorted(rows.items())]
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(table) + f"\n{END}{rest.partition(END)[2]}")
    terminalreporter.write_line(f"{len(rows)} rows written to {PAGE.name}")


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
