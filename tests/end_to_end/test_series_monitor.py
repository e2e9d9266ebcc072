"""Time series, from a table of events to the incident, the answer and what is known of the series."""

import json
import multiprocessing
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.end_to_end.courses import CONFIG, COUNTRIES, DAY, FIRST, HOUR, N_HOURS, START, Shop, at, events, scaled
from tocsin.check import check
from tocsin.model import Change, Direction, Feedback, IncidentState, RunStatus, Slice, Verdict
from tocsin.overview import write_report
from tocsin.pipeline import backfill
from tocsin.pipeline.memory import Memory
from tocsin.pipeline.series import SeriesLens
from tocsin.sources import open_source
from tocsin.store import WindowTransaction
from tocsin.why import why

DROP = range(FIRST + 30, FIRST + 33)
END = FIRST + 36


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return events(scaled("DE", DROP.start, DROP.stop, 0.3))


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> Shop:
    """Two days judged in a backfill; not to be changed."""
    made = Shop(tmp_path_factory.mktemp("series") / "shop")
    made.write(table)
    made.backfill(FIRST, END, alerts=True)
    return made


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


def of(shop: Shop, country: str) -> list[object]:
    with shop.store() as store:
        found = store.incidents()
    return [item for item in found if item.slice == Slice((("country", country),))]


def kept(shop: Shop) -> list[str]:
    with shop.store() as store:
        return store.state_names("orders")


def test_a_drop_is_one_incident_while_it_lasts(judged: Shop) -> None:
    (incident,) = of(judged, "DE")
    assert (incident.first.start, incident.last.end) == (START + DROP.start * HOUR, START + DROP.stop * HOUR)
    assert (incident.state, incident.kind, incident.direction) == (IncidentState.CLOSED, "series", Direction.DOWN)
    assert " orders, country DE is " in incident.headline
    assert incident.headline.startswith("down ")
    with judged.store() as store:
        anomalies = store.anomalies(incident=incident.id)
        assert len(store.incidents()) == 1
    assert [anomaly.window.start for anomaly in anomalies] == [START + hour * HOUR for hour in DROP]
    for anomaly in anomalies:
        assert anomaly.value < anomaly.lower < anomaly.expected < anomaly.upper
        assert anomaly.value == pytest.approx(0.3 * anomaly.expected, rel=0.35)
        assert anomaly.score == pytest.approx(1 - anomaly.p_value)
        assert anomaly.evidence["surprise"] > anomaly.evidence["threshold"] >= 3
        assert anomaly.stake == pytest.approx(anomaly.expected - anomaly.value)
        assert -1 < anomaly.share_of_total < 0
    course = incident.details["series"]
    assert len(course) == 72
    assert [point["start"] for point in course[-3:]] == [(START + hour * HOUR).isoformat() for hour in DROP]
    assert course[-1]["value"] == anomalies[-1].value
    assert course[-1]["expected"] == pytest.approx(anomalies[-1].expected, rel=1e-6)
    said = [alert for alert in judged.alerts() if alert["incident_id"] == incident.id]
    assert sorted(str(alert["change"]) for alert in said) == ["closed", "opened"]
    json.dumps(said, allow_nan=False)


def test_the_report_and_why_tell_of_it(judged: Shop, tmp_path: Path) -> None:
    (incident,) = of(judged, "DE")
    with judged.store() as store:
        (first, *_) = store.anomalies(incident=incident.id)
        assert any("were expected" in line for line in why(store, incident.id))
        lines = why(store, first.id)
        page = tmp_path / "report.html"
        write_report(page, judged.settings, store, START + END * HOUR)
    assert any("99 % interval" in line and "holt_winters" in line for line in lines)
    assert any("rings" in line for line in lines)
    text = page.read_text(encoding="utf-8")
    assert "country DE" in text
    assert "<svg" in text


def test_one_by_one_equals_a_backfill_and_again_changes_nothing(judged: Shop, shop: Shop, table: pd.DataFrame) -> None:
    shop.write(table)
    shop.backfill(FIRST, FIRST + 20)
    for hour in (FIRST + 21, FIRST + 23, FIRST + 24, FIRST + 30, FIRST + 32, FIRST + 33, END):
        shop.run(hour)
    assert shop.facts() == judged.facts()
    assert shop.run(END + 0.4).monitors[0].runs == []
    assert shop.backfill(FIRST, END).monitors[0].runs == []
    assert shop.facts() == judged.facts()


def test_what_is_known_is_kept_for_the_windows_that_may_be_judged_again(judged: Shop) -> None:
    grid = judged.settings.monitor_named("orders").grid
    newest = grid.index_of(START) + END
    assert kept(judged) == [f"before-{index:012}-000000" for index in range(newest - 3, newest + 1)]


def test_a_new_week_begins_anew_alike(shop: Shop, table: pd.DataFrame) -> None:
    """Across a Monday: a backfill of both weeks at once, and one run after another."""
    shop.write(table)
    monday = FIRST + 7 * DAY
    shop.backfill(monday - 4, monday + 4)
    other = Shop(shop.folder / "other")
    other.write(table)
    other.backfill(monday - 4, monday - 3)
    for hour in (monday - 1, monday, monday + 1, monday + 4):
        other.run(hour)
    assert other.facts() == shop.facts()
    assert other.facts()[0][-1][3] == len(COUNTRIES)


def test_the_order_of_rows_is_of_no_account(judged: Shop, shop: Shop, table: pd.DataFrame) -> None:
    shop.write(table.sample(frac=1, random_state=3))
    shop.backfill(FIRST, FIRST + 2)
    assert shop.facts()[0] == judged.facts()[0][:2]


def test_lost_or_kept_together_with_its_window(
    shop: Shop, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the state was put and before the transaction ended."""
    shop.write(table)
    shop.run(DROP.start)
    before, states = shop.facts(), kept(shop)
    real = WindowTransaction.put_state

    def put_and_die(self: WindowTransaction, *arguments: object) -> None:
        real(self, *arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(WindowTransaction, "put_state", put_and_die)
        with pytest.raises(KeyboardInterrupt):
            shop.run(DROP.start + 1)
    assert (shop.facts(), kept(shop)) == (before, states)
    shop.run(DROP.start + 1)
    assert len(of(shop, "DE")) == 1


@pytest.mark.parametrize(
    "trouble",
    ["delete from detector_state", "update detector_state set arrays = x'00'", "update detector_state set meta = '{}'"],
)
def test_a_lost_or_damaged_state_is_learned_again_the_same(
    judged: Shop, shop: Shop, table: pd.DataFrame, trouble: str
) -> None:
    shop.write(table)
    shop.backfill(FIRST, DROP.start)
    with closing(sqlite3.connect(next(shop.folder.glob("*.db")))) as database, database:
        assert database.execute(trouble).rowcount > 0
    shop.run(END)
    assert shop.facts() == judged.facts()
    assert kept(shop) == kept(judged)


def test_a_spike_and_a_new_level(shop: Shop) -> None:
    """Up for one hour in one country; half as many for good in another, which is told and then is the normal."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        return scaled("FR", FIRST + 10, FIRST + 11, 3.0)(scaled("US", FIRST + 20, 10_000, 0.5)(table))

    shop.write(events(change))
    shop.backfill(FIRST, FIRST + 4 * DAY)
    (spike,) = of(shop, "FR")
    assert (spike.direction, spike.first, spike.state) == (Direction.UP, spike.last, IncidentState.CLOSED)
    first, *later = sorted(of(shop, "US"), key=lambda item: item.first)
    assert first.first.start == START + (FIRST + 20) * HOUR
    assert first.direction is Direction.DOWN
    assert all(item.last.end <= START + (FIRST + 20 + 2 * DAY) * HOUR for item in (first, *later))


def test_a_gap_is_a_silent_source_and_nothing_else(shop: Shop) -> None:
    table = events()
    hours = (table["ts"] - START) / HOUR
    shop.write(table[~((hours >= FIRST + 5) & (hours < FIRST + 12))])
    report = shop.backfill(FIRST, FIRST + DAY).monitors[0]
    assert [run.status for run in report.runs] == [RunStatus.EVALUATED] * 5 + [RunStatus.SILENT] * 7 + [
        RunStatus.EVALUATED
    ] * 12
    assert {item.kind for item, _ in report.changes} == {"source silent"}


def test_a_series_that_ends_falls_to_nothing(shop: Shop) -> None:
    table = events(lambda table: table[~at(table, "FR", FIRST + 6, 10_000)])
    shop.write(table)
    report = shop.backfill(FIRST, FIRST + 12).monitors[0]
    (incident,) = of(shop, "FR")
    assert incident.first.start == START + (FIRST + 6) * HOUR
    with shop.store() as store:
        assert {anomaly.value for anomaly in store.anomalies(incident=incident.id)} == {0.0}
    assert {run.n_tested for run in report.runs} == {3}


@pytest.mark.parametrize("kpi", ["orders / visits", "size"])
def test_a_ratio_or_mean_has_no_points_without_rows(shop: Shop, kpi: str) -> None:
    table = events(lambda table: table[~at(table, "FR", FIRST + 6, 10_000)])
    config = CONFIG.replace('visits = "sum(visits)"', 'visits = "sum(visits)"\nsize = "mean(visits)"')
    shop.write(table, config.replace('kpi = "orders"', f'kpi = "{kpi}"'))
    report = shop.backfill(FIRST, FIRST + 9).monitors[0]
    assert [run.n_tested for run in report.runs] == [3] * 6 + [2] * 3
    assert of(shop, "FR") == []


def test_half_of_the_orders_of_usual_visits(shop: Shop) -> None:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table["orders"] = np.where(at(table, "US", FIRST + 3, FIRST + 5), table["orders"] // 2, table["orders"])
        return table

    shop.write(events(change), CONFIG.replace('kpi = "orders"', 'kpi = "orders / visits"'))
    shop.backfill(FIRST, FIRST + 8)
    (incident,) = of(shop, "US")
    assert "down 5" in incident.headline
    assert " %" in incident.headline.split(" is ")[1]
    with shop.store() as store:
        anomaly = store.anomalies(incident=incident.id)[0]
    assert anomaly.value == pytest.approx(0.05, abs=0.01)
    assert anomaly.stake == pytest.approx(anomaly.amount, rel=0.3)


def test_a_new_series_joins_and_is_judged_once_it_is_known(shop: Shop) -> None:
    table = events(lambda table: table[~at(table, "FR", 0, FIRST + 4)])
    shop.write(table)
    report = shop.backfill(FIRST, FIRST + 2 * DAY + 12).monitors[0]
    n_series = [run.n_slices for run in report.runs]
    assert n_series[:4] == [2] * 4
    assert set(n_series[16:]) == {3}
    n_tested = [run.n_tested for run in report.runs]
    assert n_tested[20] == 2
    assert n_tested[-1] == 3
    assert of(shop, "FR") == []
    other = Shop(shop.folder / "other")
    other.write(table)
    other.backfill(FIRST, FIRST + 8)
    other.run(FIRST + 20)
    other.run(FIRST + 2 * DAY + 12)
    assert other.facts()[0] == shop.facts()[0]


def test_a_confirmed_point_is_not_learned_from_and_undone_leaves_no_trace(
    judged: Shop, shop: Shop, table: pd.DataFrame
) -> None:
    shop.write(table)
    shop.backfill(FIRST, DROP.stop)
    plain = shop.facts()
    (incident,) = of(shop, "DE")
    with shop.store() as store:
        store.add_feedback(Feedback(incident.id, Verdict.RELEVANT, START + DROP.stop * HOUR, "anna"))
    shop.run(DROP.stop + 1)
    answered = shop.facts()
    assert answered[0][:-3] == plain[0][:-2], "what was judged without the answer"
    assert answered[0][-3:] != judged.facts()[0][len(answered[0]) - 3 : len(answered[0])]
    assert shop.run(DROP.stop + 1.3).monitors[0].runs == []
    with shop.store() as store:
        store.undo_feedback(incident.id, "anna", at=START + (DROP.stop + 1) * HOUR)
    shop.backfill(FIRST, END)
    assert shop.facts()[0] == judged.facts()[0]
    assert shop.facts()[2] == judged.facts()[2]


def test_late_rows_take_an_incident_back(shop: Shop) -> None:
    """Of an hour most rows come late; judged again it is as usual, and all is as if they had been there."""
    whole = events()
    hours = (whole["ts"] - START) / HOUR
    late = (whole["country"] == "US") & (hours >= FIRST + 5) & (hours < FIRST + 6)
    shop.write(whole[~late])
    shop.backfill(FIRST, FIRST + 6)
    (wrong,) = of(shop, "US")
    shop.write(whole)
    shop.run(FIRST + 7)
    with shop.store() as store:
        assert store.find(wrong.id).state is IncidentState.RETRACTED
    other = Shop(shop.folder / "other")
    other.write(whole)
    other.backfill(FIRST, FIRST + 7)
    assert other.facts()[0] == shop.facts()[0]
    assert other.facts()[2] == shop.facts()[2]


def test_daylight_saving_does_not_ring_for_a_week(shop: Shop) -> None:
    """The shop lives by the clock of Berlin, its windows are hours of UTC; the clock goes forward on the last day."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        table["hour"] = table["hour"] - (table["hour"] >= FIRST + 2 * DAY)
        return table

    shop.write(events(change))
    report = shop.backfill(FIRST, FIRST + 5 * DAY).monitors[0]
    flagged = np.array([run.n_flagged for run in report.runs])
    assert flagged[: 2 * DAY - 1].sum() == 0
    assert flagged[4 * DAY :].sum() <= 1


@pytest.mark.parametrize("detector", ["iid", "holt_winters", "random_cut_forest"])
def test_the_total_without_dimensions(shop: Shop, detector: str) -> None:
    config = CONFIG.replace('dimensions = ["country"]', f'detector = "{detector}"')
    shop.write(events(scaled("US", FIRST + 30, FIRST + 31, 12.0)), config)
    report = shop.backfill(FIRST + 28, FIRST + 32).monitors[0]
    assert [run.n_slices for run in report.runs] == [1] * 4
    assert [run.n_flagged for run in report.runs][:3] == [0, 0, 1]  # a forest has the spike in its shingle for longer
    assert {item.slice for item, change in report.changes if change is Change.OPENED} == {Slice()}


def test_what_is_left_out_and_too_little_history(shop: Shop, table: pd.DataFrame) -> None:
    shop.write(table)
    (run,) = shop.backfill(3, 4).monitors[0].runs
    assert (run.status, run.n_tested, run.n_flagged) == (RunStatus.NOT_ENOUGH_DATA, 0, 0)
    capped = Shop(shop.folder / "capped")
    capped.write(table, CONFIG.replace("max_catch_up", "max_series = 2\nmax_catch_up"))
    (run,) = capped.backfill(FIRST, FIRST + 1).monitors[0].runs
    assert run.n_slices == 2
    assert {left.reason: left.count for left in run.left_out}["traffic floor"] == 1
    floor = Shop(shop.folder / "floor")
    floor.write(table, CONFIG.replace("max_catch_up", "min_traffic = 300\nmax_catch_up"))
    runs = floor.backfill(FIRST, FIRST + 14).monitors[0].runs
    assert {run.n_slices for run in runs} == {2}, "one busy hour is no traffic"


def test_a_budget_is_kept_on_noise(shop: Shop) -> None:
    shop.write(events(seed=5), CONFIG.replace("alerts_a_week = 2", "alerts_a_week = 1"))
    report = shop.backfill(FIRST, FIRST + 5 * DAY).monitors[0]
    opened = [item for item, change in report.changes if change is Change.OPENED]
    assert len(opened) <= 2


def test_a_budget_that_is_overdrawn_raises_the_threshold(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of forty series scatter five times as much from the first judged hour on."""
    random = np.random.default_rng(0)
    hours = np.repeat(np.arange(FIRST + 4 * DAY), 40)
    spread = np.where(hours < FIRST, 10.0, 50.0)
    table = pd.DataFrame({"country": np.tile([f"c{i:02}" for i in range(40)], len(hours) // 40)})
    table["orders"] = table["visits"] = np.round(1_000 + spread * random.standard_normal(len(hours))).astype(int)
    table["ts"] = pd.to_datetime(START) + pd.to_timedelta(hours, unit="h")
    shop.write(table)
    first, later = (shop.backfill(FIRST + n, FIRST + 30).monitors[0] for n in (0, 5))
    n_flagged = sum(run.n_flagged for run in first.runs)
    assert later.runs == []
    assert first.runs[0].n_flagged > 10
    assert sum(run.n_flagged for run in first.runs[15:]) <= 8
    other = Shop(shop.folder / "other")
    other.write(table)
    other.backfill(FIRST, FIRST + 3)
    other.run(FIRST + 30)
    assert other.facts() == shop.facts()
    monkeypatch.setattr("tocsin.pipeline.series.knowledge.LEAST_SPARE", 1e9)
    other = Shop(shop.folder / "unbounded")
    other.write(table)
    assert sum(run.n_flagged for run in other.backfill(FIRST, FIRST + 30).monitors[0].runs) > 2 * n_flagged


def test_a_long_backfill_in_stretches_is_the_same(
    judged: Shop, shop: Shop, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also over a Monday, and where a large state is kept only now and then."""
    monkeypatch.setattr("tocsin.pipeline.series.lens.STATE_BYTES", 1_000)
    monkeypatch.setattr("tocsin.pipeline.series.SeriesLens.chunk_windows", 7)
    shop.write(table)
    shop.backfill(FIRST - 5, FIRST + 12)
    assert 0 < len(kept(shop)) < 4
    shop.run(FIRST + 15)
    shop.run(END)
    assert shop.facts()[0][5:] == judged.facts()[0]
    assert [item for item in shop.facts()[2] if item.window.start >= START + FIRST * HOUR] == judged.facts()[2]


def test_killed_it_ends_as_if_nothing_had_happened(judged: Shop, shop: Shop, table: pd.DataFrame) -> None:
    """Two runs at once, of which one is killed."""
    shop.write(table)
    n_windows = 10
    since, until = START + (END - n_windows) * HOUR, START + END * HOUR
    context = multiprocessing.get_context("forkserver")
    used = ["tocsin.pipeline.series", "tocsin.detectors.series.holt_winters", "ibis.backends.duckdb", "alembic.command"]
    context.set_forkserver_preload(["tocsin.pipeline", *used])
    processes = [
        context.Process(target=backfill, args=(shop.config, since, until), kwargs={"now": until}) for _ in range(2)
    ]
    for process in processes:
        process.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and processes[0].is_alive() and n_runs(shop.folder / "tocsin.db") < 3:
        time.sleep(0.01)
    processes[0].kill()
    for process in processes:
        process.join()
    assert processes[0].exitcode in (0, -signal.SIGKILL)
    assert processes[1].exitcode == 0
    shop.backfill(END - n_windows, END)
    runs, *rest = judged.facts()
    assert shop.facts() == (runs[-n_windows:], *rest)
    assert kept(shop) == kept(judged)


def n_runs(database: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM run").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet
        return 0


def test_what_is_just_below_the_threshold_is_a_candidate(judged: Shop, shop: Shop, table: pd.DataFrame) -> None:
    """Where relevancy asks for some: with an excess below 0, the most surprising first, never stored by the lens."""
    monitor = judged.settings.monitor_named("orders")
    first = monitor.grid.index_of(START) + FIRST
    with judged.store() as store, open_source("events", judged.settings.source["events"], judged.folder) as source:
        lens = SeriesLens.read(
            monitor, source, Memory(store, "nobody", 5), range(first, first + 4 * DAY), START + N_HOURS * HOUR
        )
    found = [lens.judge(window) for window in range(first, first + 4 * DAY)]
    candidates = [item for one in found for item in one.candidates]
    assert candidates
    assert all(-1.5 <= item.excess < 0 for item in candidates)
    assert all(item.excess > 0 for one in found for item in one.sightings)
    for one in found:
        assert [item.anomaly_ids[0] for item in one.candidates] == [item.id for item in one.candidate_anomalies]
        assert [item.excess for item in one.candidates] == sorted((c.excess for c in one.candidates), reverse=True)


def test_a_network_without_torch_is_a_finding_of_check(shop: Shop, table: pd.DataFrame, monkeypatch) -> None:
    shop.write(table, CONFIG.replace('dimensions = ["country"]', 'detector = "deep_ar"'))
    monkeypatch.setattr("tocsin.pipeline.series.lens.find_spec", lambda name: None)
    said = [finding.sentence for finding in check(shop.config, now=START + END * HOUR) if not finding.ok]
    assert any("tocsin[deep]" in sentence for sentence in said)


def test_forests_are_kept_as_arrays_a_few_together(
    shop: Shop, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.replace("dimensions", 'detector = "random_cut_forest"\nshingle = 2\ndimensions')
    shop.write(table, config.replace('"3w"', '"1w"'))
    assert shop.settings.monitor_named("orders").max_series == 500
    other = Shop(shop.folder / "other")
    other.write(table, (shop.folder / "tocsin.toml").read_text(encoding="utf-8"))
    shop.run(FIRST + 2)
    monkeypatch.setattr("tocsin.pipeline.series.knowledge.MOST_FORESTS", 2)
    other.run(FIRST + 2)
    other.run(FIRST + 3)
    shop.run(FIRST + 3)
    assert shop.facts()[0][-1][3] == len(COUNTRIES)
    assert [run[4] for run in other.facts()[0]] == [run[4] for run in shop.facts()[0]]
    shards = [name.split("-")[2] for name in kept(other)]
    assert shards.count("000000") == shards.count("000001") == len(shards) / 2
    with closing(sqlite3.connect(next(other.folder.glob("*.db")))) as database:
        ((meta,),) = database.execute("select max(length(meta)) from detector_state").fetchall()
    assert meta < 2_000
