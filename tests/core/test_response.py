"""When the caller has heard a response."""

import pytest

from daemon.core.events import Usage
from daemon.core.response import ActiveResponse


@pytest.mark.parametrize(
    ("seconds", "now", "heard_at"),
    [
        (4.0, 11.0, 14.0),  # since the first words, not since it was done
        (4.0, 14.0, 14.0),
        (4.0, 20.0, 20.0),  # heard already
        (None, 11.0, 12.0),  # 30 characters at 15 a second
        (0.0, 11.0, 12.0),
        (-3.0, 11.0, 12.0),
        (None, 13.0, 13.0),
        (300.0, 11.0, 310.0),
        (301.0, 11.0, 310.0),  # no turn is longer
        (1e300, 11.0, 310.0),
    ],
)
def test_heard(seconds: float | None, now: float, heard_at: float) -> None:
    response = ActiveResponse("r1")
    response.speak("x" * 10, 10.0)
    response.speak("x" * 20, 10.5)
    assert response.spoke
    assert response.heard_at is None
    response.finish(Usage(output_audio_seconds=seconds), now)
    assert response.heard_at == heard_at


def test_endless_words_are_believed_no_longer_than_a_figure() -> None:
    response = ActiveResponse("r1")
    response.speak("x" * 100_000, 10.0)
    response.finish(Usage(), 11.0)
    assert response.heard_at == 310.0


def test_a_silent_response_is_heard_at_once() -> None:
    response = ActiveResponse(None)
    assert not response.spoke
    response.finish(Usage(output_audio_seconds=4.0), 11.0)
    assert response.heard_at == 11.0
