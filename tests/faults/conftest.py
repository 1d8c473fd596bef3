"""The fixture by which a test says what it saw, and the table of docs/reliability.md, written from that.

`make reliability` sets `CALLWARDEN_RELIABILITY`; then, when all tests have run, the rows between two marks of the page
are replaced: the fault and what is expected from each test's docstring, what was observed from the run.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.scene import HOLD, Seen
from tests.ledger.conftest import house

__all__ = ["house"]

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
HOLD_NOTE = f"{HOLD} hold"
BEGIN, END = "<!-- faults -->", "<!-- end of faults -->"
_NAME = re.compile(r"test_(f\d\d)_")


@dataclass
class Row:
    """A row of the table, which may be several tests."""

    fault: str
    expected: str
    seen: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)

    def line(self, name: str) -> str:
        notes = [note for note in dict.fromkeys(self.seen) if note != HOLD_NOTE]
        notes += [HOLD_NOTE] * (HOLD_NOTE in self.seen)
        cells = [name, self.fault, self.expected, "; ".join(notes) or "nothing", self.results[-1]]
        return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


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
    rows: dict[str, Row] = {}
    for result in ("passed", "skipped", "failed"):
        for report in terminalreporter.stats.get(result, []):
            known = dict(report.user_properties)
            if "row" in known and (report.when == "call" or result != "passed"):
                fault, _, expected = str(known["words"]).partition("Expected:")
                row = rows.setdefault(str(known["row"]), Row(_line(fault), _line(expected)))
                row.seen += [str(value) for name, value in report.user_properties if name == "seen"]
                row.results.append(result)
    table = ["| | fault | expected | observed | |", "|---|---|---|---|---|"]
    table += [row.line(name) for name, row in sorted(rows.items())]
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(table) + f"\n{END}{rest.partition(END)[2]}")
    terminalreporter.write_line(f"{len(rows)} rows written to {PAGE.name}")


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
