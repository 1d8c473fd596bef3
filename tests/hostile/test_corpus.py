"""The corpus: what was made up, or found by fuzzing and mended, is tried in every run."""

from pathlib import Path

import pytest

from tests.hostile.targets import CORPUS, TARGETS

CASES = sorted(path for path in CORPUS.glob("*/*"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_case(case: Path) -> None:
    TARGETS[case.parent.name](case.read_bytes())


def test_there_is_something_for_each_target() -> None:
    assert {case.parent.name for case in CASES} == set(TARGETS)
