import pytest
from structlog.testing import capture_logs

from daemon.web.quiet import Quiet


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def raise_in_a_group() -> ExceptionGroup[Exception]:
    try:
        raise ValueError("secret of a stranger")
    except ValueError as error:
        return ExceptionGroup("outer", [ExceptionGroup("inner", [error]), OSError("never raised")])


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_first_line_is_at_once_and_then_one_in_ten_seconds_with_the_count(clock: Clock) -> None:
    quiet = Quiet(clock=clock)
    with capture_logs() as lines:
        for _ in range(100):
            quiet.warning("refused", "stale", status=401)
        quiet.warning("refused", "bad_signature", status=401)
        clock.now = 9.9
        quiet.warning("refused", "stale", status=401)
        clock.now = 10.0
        quiet.warning("refused", "stale", status=401)
        quiet.info("refused", "stale")
    assert [(line["kind"], line["suppressed"]) for line in lines] == [
        ("stale", 0),
        ("bad_signature", 0),
        ("stale", 100),
    ]
    assert quiet.totals["refused", "stale"] == 103


def test_levels(clock: Clock) -> None:
    with capture_logs() as lines:
        Quiet(clock=clock).info("cut", "idle")
        Quiet(clock=clock).warning("cut", "head")
    assert [line["log_level"] for line in lines] == ["info", "warning"]


def test_a_failure_is_named_by_type_and_place_and_never_quoted(clock: Clock) -> None:
    with capture_logs() as lines:
        Quiet(clock=clock).failure("failed", raise_in_a_group())
    kinds = [line["kind"] for line in lines]
    assert kinds[0].startswith("ValueError at test_quiet.py:")
    assert kinds[1] == "OSError at nowhere"
    assert "stranger" not in str(lines)
