import pytest

from tests.platforms import fakes


@pytest.fixture(params=[True, False], ids=["filtered", "unfiltered"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with audio left out before it is decoded, and with audio decoded and then dropped."""
    monkeypatch.setitem(fakes.DEFAULTS, "filter_audio", request.param)
