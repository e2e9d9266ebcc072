"""Tumbling windows: every instant is in exactly one, and days of 23 and 25 hours are one window."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import InputError
from tocsin.windows import WindowGrid, format_duration, parse_duration

LENGTHS = ["1min", "5min", "7min", "15min", "1h", "2h", "6h", "12h", "1d", "2d", "1w", "4w"]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca"]
EARLIEST, LATEST = datetime(2000, 1, 1), datetime(2049, 12, 31)  # noqa: DTZ001 - Hypothesis adds the zone
MOMENTS = st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))


@given(st.sampled_from(LENGTHS), st.sampled_from(ZONES), MOMENTS)
def test_every_instant_is_in_the_window_of_its_index(length: str, zone: str, moment: datetime) -> None:
    grid = WindowGrid(parse_duration(length), zone)
    index = grid.index_of(moment)
    assert grid.start_of(index) <= moment < grid.start_of(index + 1)
    assert grid.index_of(grid.start_of(index)) == index


@given(st.sampled_from(LENGTHS), st.sampled_from(ZONES), MOMENTS)
def test_pieces_of_the_offset_place_instants_like_the_grid(length: str, zone: str, moment: datetime) -> None:
    """What a database computes with a CASE over the pieces is what Python says."""
    grid = WindowGrid(parse_duration(length), zone)
    start, end = moment - timedelta(days=200), moment + timedelta(days=200)
    for probe in (start, moment, end - timedelta(seconds=1)):
        second = int(probe.timestamp())
        offset = [offset for begins, offset in grid.offsets(start, end) if begins <= second][-1]
        assert (second + offset - grid.origin_seconds) // grid.length_seconds == grid.index_of(probe)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_local_day_is_one_window_however_long(day: str, hours: int) -> None:
    grid = WindowGrid(timedelta(days=1), "Europe/Berlin")
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo("Europe/Berlin"))
    window = grid.window(grid.index_of(noon))
    assert window.end - window.start == timedelta(hours=hours)
    assert window.start.astimezone(ZoneInfo("Europe/Berlin")).isoformat().startswith(f"{day}T00:00")


def test_windows_of_an_hour_last_an_hour_on_every_day() -> None:
    grid = WindowGrid(timedelta(hours=1), "Europe/Berlin")
    first = grid.index_of(datetime(2026, 10, 24, tzinfo=UTC))
    windows = [grid.window(first + step) for step in range(72)]
    assert {window.end - window.start for window in windows} == {timedelta(hours=1)}


def test_weeks_begin_on_monday_unless_told_otherwise() -> None:
    moment = datetime(2026, 3, 5, tzinfo=UTC)
    assert WindowGrid(timedelta(days=7)).start_of(WindowGrid(timedelta(days=7)).index_of(moment)).weekday() == 0
    sundays = WindowGrid(timedelta(days=7), origin=datetime(2026, 1, 4))  # noqa: DTZ001 - a wall time
    assert sundays.start_of(sundays.index_of(moment)).weekday() == 6


def test_the_last_due_window_is_whole_and_delayed() -> None:
    grid = WindowGrid(timedelta(hours=1))
    now = datetime(2026, 3, 5, 14, 10, tzinfo=UTC)
    assert grid.window(grid.last_due(now)).end == datetime(2026, 3, 5, 14, tzinfo=UTC)
    assert grid.window(grid.last_due(now, timedelta(minutes=15))).end == datetime(2026, 3, 5, 13, tzinfo=UTC)
    exactly = datetime(2026, 3, 5, 14, tzinfo=UTC)
    assert grid.window(grid.last_due(exactly)).end == exactly


@pytest.mark.parametrize("length", ["30s", "100min", "5h", "36h", "5w"])
def test_lengths_that_do_not_tile_days_are_refused(length: str) -> None:
    with pytest.raises(InputError):
        WindowGrid(parse_duration(length))


@given(st.integers(1, 10**6), st.sampled_from(["s", "min", "h", "d", "w"]))
def test_durations_survive_being_written_and_read(number: int, unit: str) -> None:
    length = parse_duration(f"{number}{unit}")
    assert parse_duration(format_duration(length)) == length
