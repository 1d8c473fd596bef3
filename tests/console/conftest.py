"""What the console's tests have around them: one browser for all of them, in which each has tabs of its own."""

from collections.abc import Iterator

import pytest

from tests.browser import CHROMIUM, running_browser


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where to connect to."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with running_browser(tmp_path_factory.mktemp("chromium")) as url:
        yield url
