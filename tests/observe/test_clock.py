import datetime

from daemon.observe.clock import system_clock


def test_it_is_now() -> None:
    assert abs(system_clock() - datetime.datetime.now(datetime.UTC).timestamp()) < 5
