"""What `make bench` and `make bench-quick` conclude from numbers. That they measure is seen by running them."""

from pathlib import Path

import pytest

from benchmarks import table, targets
from benchmarks.bench import Row
from benchmarks.cases.scale import exponent
from benchmarks.keep import Done
from benchmarks.quick import judge


def test_a_loss_of_more_than_a_quarter_in_a_ratio_fails() -> None:
    assert judge({"a": 0.6}, {"a": 0.5})[1]
    text, well = judge({"a": 0.63, "b": 2.0}, {"a": 0.5, "b": 2.0})
    assert not well
    assert [line.endswith("LOST") for line in text.splitlines()] == [True, False]


def test_a_gain_and_what_was_never_committed_pass() -> None:
    assert judge({"a": 0.1, "new": 9.0}, {"a": 0.5})[1]


@pytest.mark.parametrize(("values", "power"), [([3.0, 3.0, 3.0], 0), ([1.0, 2.0, 4.0], 1), ([1.0, 4.0, 16.0], 2)])
def test_growth(values: list[float], power: float) -> None:
    assert exponent(values) == pytest.approx(power)


def measured(ours: float, theirs: float) -> Done:
    rows = [Row("events-plain", "callwarden", "CPU per event", [ours - 1, ours, ours + 1], "us")]
    rows += [Row("events-plain", "aiohttp", "CPU per event", [theirs], "us")]
    return Done("events-plain", rows, failed={"stock": "it\nfell over"})


@pytest.mark.parametrize(("ours", "verdict"), [(40.0, "met"), (60.0, "MISSED")])
def test_a_target_is_a_ratio(ours: float, verdict: str) -> None:
    lines = [line for line in targets.verdicts([measured(ours, 50.0)]) if line[3] != "-"]
    assert lines == [("CPU per event, plain", "aiohttp", "<= 1x", f"{ours / 50:.2f}x", verdict)]


def test_the_table_names_who_could_not_be_measured(tmp_path: Path) -> None:
    text = table.everything([measured(40.0, 50.0)])
    assert "| CPU per event, us | 40 ±2%     | 50      |" in text
    assert "stock could not be measured here: fell over" in text
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- what `make bench PUBLISH=1` measured -->\nold\n<!-- end -->\nafter\n")
    for _ in range(2):
        table.publish(text, page)
    assert page.read_text().count(text) == 1
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("-->\nafter\n")
    assert "old" not in page.read_text()
