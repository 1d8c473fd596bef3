import pytest

from daemon.texts.moment import Moment, find_zone, moment

AT = 1_790_000_000.0


def test_the_clock_on_a_wall_in_berlin() -> None:
    now = moment(AT, "Europe/Berlin")
    assert now == Moment(
        date="2026-09-21",
        time="16:13",
        weekday="Monday",
        year=2026,
        month=9,
        month_name="September",
        day=21,
        hour=16,
        minute=13,
        zone="Europe/Berlin",
    )
    assert str(now) == "Monday, 21 September 2026, 16:13"


def test_daylight_saving_is_the_zones_business() -> None:
    winter, summer = 1_767_225_600.0, 1_782_864_000.0
    assert (moment(winter, "America/New_York").time, moment(summer, "America/New_York").time) == ("19:00", "20:00")


def test_utc_needs_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.texts.moment.ZoneInfo", None)
    assert moment(AT, "UTC").time == "14:13"


@pytest.mark.parametrize("name", ["", "Europe/Berlim", "Europe", "../../etc/passwd", "/etc/localtime", "x\0", "utc+1"])
def test_a_zone_that_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="no such time zone"):
        find_zone(name)
