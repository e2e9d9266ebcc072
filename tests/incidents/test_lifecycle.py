"""Open, update only on a real change, close after quiet, retract what late data took back."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.incidents import Advance, Sighting, advance
from tocsin.model import Change, Direction, Incident, IncidentState, Slice, Window

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 2, tzinfo=UTC)
DE = Slice((("country", "DE"),))
DE_APP = Slice((("country", "DE"), ("app", "7")))
FR = Slice((("country", "FR"),))


def window(hour: int) -> Window:
    return Window(START + hour * HOUR, START + (hour + 1) * HOUR)


def index_of(item: Window) -> int:
    return (item.start - START) // HOUR


def sighting(
    part: Slice, stake: float = 10.0, severity: str = "low", direction: Direction = Direction.DOWN
) -> Sighting:
    return Sighting(
        part, direction, severity, stake, f"{part.key} {stake}", (f"{part.key}@{stake}",), details={"rows": []}
    )


class Monitor:
    """A store in memory: applies windows one after the other and keeps what was announced."""

    def __init__(self) -> None:
        self.incidents: dict[str, Incident] = {}
        self.seen: set[int] = set()
        self.said: list[tuple[int, Change, str]] = []

    def evaluate(self, hour: int, *sightings: Sighting, quiet: bool = True) -> Advance:
        live = [
            incident
            for incident in self.incidents.values()
            if incident.state is IncidentState.OPEN or incident.first.start <= window(hour).start <= incident.last.start
        ]
        step = advance(
            "ctr", "clicks / views", window(hour), live, sightings,
            index_of=index_of, is_new=hour not in self.seen, counts_as_quiet=quiet, max_incidents=3,
        )  # fmt: skip
        self.seen.add(hour)
        self.incidents.update((incident.id, incident) for incident in step.incidents)
        self.said += [(hour, change, incident.slice.key) for incident, change in step.changes]
        return step

    @property
    def only(self) -> Incident:
        (incident,) = self.incidents.values()
        return incident


def test_one_trouble_of_five_windows_is_said_twice() -> None:
    monitor = Monitor()
    for hour in range(5):
        monitor.evaluate(hour, sighting(DE))
    for hour in range(5, 10):
        monitor.evaluate(hour)
    assert [(hour, change) for hour, change, _ in monitor.said] == [(0, Change.OPENED), (7, Change.CLOSED)]
    assert monitor.only.state is IncidentState.CLOSED
    assert (monitor.only.first, monitor.only.last, monitor.only.stake) == (window(0), window(4), 50.0)


def test_a_gap_shorter_than_close_after_stays_one_incident() -> None:
    monitor = Monitor()
    for hour, sightings in enumerate([[sighting(DE)], [], [], [sighting(DE)]]):
        monitor.evaluate(hour, *sightings)
    assert len(monitor.incidents) == 1
    assert monitor.only.n_quiet == 0


def test_updates_are_said_for_a_wider_slice_a_worse_severity_and_a_doubled_stake_only() -> None:
    monitor = Monitor()
    monitor.evaluate(0, sighting(DE_APP, 10))
    identity = monitor.only.id
    monitor.evaluate(1, sighting(DE_APP, 15))
    monitor.evaluate(2, sighting(DE, 16))
    monitor.evaluate(3, sighting(DE_APP, 16))
    monitor.evaluate(4, sighting(DE, 16, "high"))
    monitor.evaluate(5, sighting(DE, 40, "low"))
    assert [(hour, change) for hour, change, _ in monitor.said] == [
        (0, Change.OPENED), (2, Change.UPDATED), (4, Change.UPDATED), (5, Change.UPDATED),
    ]  # fmt: skip
    assert monitor.only.id == identity
    assert monitor.only.slice == DE
    assert monitor.only.severity == "high"


def test_other_slices_and_the_other_direction_are_other_incidents() -> None:
    monitor = Monitor()
    monitor.evaluate(0, sighting(DE))
    monitor.evaluate(1, sighting(DE), sighting(FR), sighting(DE_APP, direction=Direction.UP))
    assert len(monitor.incidents) == 3


def test_late_data_that_takes_everything_back_retracts() -> None:
    monitor = Monitor()
    monitor.evaluate(0, sighting(DE))
    monitor.evaluate(0)
    assert monitor.said == [(0, Change.OPENED, DE.key), (0, Change.RETRACTED, DE.key)]
    assert monitor.only.state is IncidentState.RETRACTED


def test_what_was_retracted_can_be_said_again_and_is_retracted_once() -> None:
    monitor = Monitor()
    for sightings in ([sighting(DE)], [], [], [sighting(DE)]):
        monitor.evaluate(0, *sightings)
    assert [change for _, change, _ in monitor.said] == [Change.OPENED, Change.RETRACTED, Change.OPENED]
    assert monitor.only.state is IncidentState.OPEN


def test_late_data_that_takes_one_window_back_leaves_the_rest() -> None:
    monitor = Monitor()
    for hour in range(3):
        monitor.evaluate(hour, sighting(DE, 10 + hour))
    monitor.evaluate(2)
    assert (monitor.only.last, monitor.only.stake, monitor.only.n_quiet) == (window(1), 21.0, 1)
    assert monitor.only.state is IncidentState.OPEN
    assert len(monitor.only.anomaly_ids) == 2


def test_a_silent_source_neither_closes_nor_hides_an_open_incident() -> None:
    monitor = Monitor()
    monitor.evaluate(0, sighting(DE))
    for hour in range(1, 6):
        silent = Sighting(Slice(), Direction.DOWN, "high", 0.0, "source silent", kind="source silent")
        monitor.evaluate(hour, silent, quiet=False)
    assert [change for _, change, _ in monitor.said] == [Change.OPENED, Change.OPENED]
    monitor.evaluate(6, sighting(DE))
    assert {incident.kind: incident.n_quiet for incident in monitor.incidents.values()} == {
        "slices": 0,
        "source silent": 1,
    }


def test_what_goes_over_the_limit_of_new_incidents_is_counted() -> None:
    monitor = Monitor()
    parts = [Slice((("country", f"C{number}"),)) for number in range(7)]
    step = monitor.evaluate(0, *(sighting(part, number) for number, part in enumerate(parts)))
    assert step.n_left == 4
    assert {incident.stake for incident in monitor.incidents.values()} == {6, 5, 4}


HISTORY = st.lists(st.lists(st.sampled_from([DE, DE_APP, FR]), unique=True, max_size=3), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None)
@given(HISTORY)
def test_evaluating_a_window_twice_changes_nothing(history: list[list[Slice]]) -> None:
    once, twice = Monitor(), Monitor()
    for hour, parts in enumerate(history):
        once.evaluate(hour, *map(sighting, parts))
        twice.evaluate(hour, *map(sighting, parts))
        twice.evaluate(hour, *map(sighting, parts))
    assert once.said == twice.said
    assert {i.id: (i.state, i.stake, i.anomaly_ids) for i in once.incidents.values()} == {
        i.id: (i.state, i.stake, i.anomaly_ids) for i in twice.incidents.values()
    }


@settings(max_examples=100, deadline=None)
@given(HISTORY)
def test_every_sighting_is_held_by_exactly_one_incident(history: list[list[Slice]]) -> None:
    monitor = Monitor()
    for hour, parts in enumerate(history):
        monitor.evaluate(hour, *(sighting(part, hour * 10 + number + 1) for number, part in enumerate(parts)))
    held = sorted(name for incident in monitor.incidents.values() for name in incident.anomaly_ids)
    given_ids = sorted(
        f"{part.key}@{hour * 10 + number + 1}"
        for hour, parts in enumerate(history)
        for number, part in enumerate(parts)
    )
    assert held == given_ids
