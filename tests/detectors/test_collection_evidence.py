"""What the calibrated mode remembers, of whom, and how people's answers move it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detectors.honest_sellers import days, honest, hours, watched
from tocsin import CollectionDetector
from tocsin.detectors.collections.calibrated.calendar import Calendar, is_daily, minutes
from tocsin.detectors.collections.calibrated.evidence import CONFIRMED, EMPTY, HELD
from tocsin.errors import InputError

FIRST = 30


def state(detector):
    return detector.get_state()["arrays"]


def remembered(detector, entity, period):
    """Where a collection is: as evidence of what is usual, and with which verdict it is held."""
    arrays, when = state(detector), minutes(period.to_pydatetime())
    normal = (arrays["when"][entity] == when) & (arrays["weight"][entity] > 0)
    held = arrays["held_verdict"][entity][arrays["held_when"][entity] == when]
    volume = (arrays["volume_when"][entity] == when) & arrays["volume_counts"][entity]
    return int(normal.sum()), int(volume.sum()), [int(verdict) for verdict in held if verdict != EMPTY]


def farmed_once(n=40, n_days=34, entity=0, day=31):
    fine = honest(20, n, n_days, 500)
    fine[entity, day] *= 3
    detector = CollectionDetector()
    result = watched(detector, fine, days(n_days), FIRST)
    return fine, detector, result


def test_odd_collections_are_held_and_answers_move_them():
    _, detector, result = farmed_once()
    periods = days(34)
    assert result[(result["entity"] == 0) & (result["day"] == 31)]["flagged"].all()
    assert remembered(detector, 0, periods[31]) == (0, 0, [HELD])
    assert remembered(detector, 0, periods[30]) == (1, 1, [])
    # a false alarm becomes evidence, then a confirmed anomaly leaves it again
    assert detector.feedback(0, periods[31], anomalous=False)
    assert remembered(detector, 0, periods[31]) == (1, 1, [])
    assert detector.feedback(0, periods[31], anomalous=True)
    assert remembered(detector, 0, periods[31]) == (0, 0, [CONFIRMED])
    # what was taken for usual leaves, and comes back
    assert detector.feedback(0, periods[30], anomalous=True)
    assert remembered(detector, 0, periods[30]) == (0, 0, [CONFIRMED])
    assert detector.feedback(0, periods[30], anomalous=False)
    assert remembered(detector, 0, periods[30]) == (1, 1, [])


def test_answers_twice_are_answers_once():
    _, detector, _ = farmed_once()
    periods = days(34)
    for anomalous in (True, False):
        for day in (30, 31):
            detector.feedback(0, periods[day], anomalous)
            once = state(detector)
            assert detector.feedback(0, periods[day], anomalous)
            again = state(detector)
            assert all(np.array_equal(once[name], again[name], equal_nan=once[name].dtype.kind == "f") for name in once)


def test_answers_about_what_is_not_remembered_change_nothing():
    _, detector, _ = farmed_once()
    before = state(detector)
    for period in ("2020-01-01", "2026-02-20", "1970-01-01"):
        assert detector.feedback(0, period, True) is False
        assert detector.feedback(1, period, False) is False
    after = state(detector)
    assert all(np.array_equal(before[name], after[name], equal_nan=before[name].dtype.kind == "f") for name in before)
    # 30 collections are remembered: the first is gone by now
    assert detector.feedback(1, days(1)[0], True) is False


def test_false_alarms_teach_and_confirmed_ones_do_not():
    """A seller whose records come in threes from one day on."""
    fine = honest(21, 40, 75, 300)
    fine[0, 35:] *= 3
    found = {}
    for answer in (False, None):
        detector = CollectionDetector()
        counts, periods, flags = hours(fine), days(75), []
        detector.fit(counts[:, :FIRST], periods[:FIRST], fine=fine[:, :FIRST])
        for day in range(FIRST, 75):
            flags.append(detector.update(counts[:, day], periods[day], fine[:, day])["flagged"][0])
            if flags[-1] and answer is not None:
                detector.feedback(0, periods[day], answer)
        found[answer] = np.mean(flags[-20:])
    assert found[None] == 1.0  # clumps never become usual by themselves
    assert found[False] <= 0.3


def test_confirmed_days_do_not_move_the_level():
    """Three days of many records are a new level, unless people have said that they are none."""
    fine = honest(22, 60, 50, 500)
    fine[0, 35:42] = honest(22, 60, 50, 1_000)[0, 35:42]
    counts, periods = hours(fine), days(50)
    flagged = {}
    for confirms in (False, True):
        detector = CollectionDetector().fit(counts[:, :FIRST], periods[:FIRST], fine=fine[:, :FIRST])
        rows = []
        for day in range(FIRST, 42):
            rows.append(detector.update(counts[:, day], periods[day], fine[:, day])["flagged"][0])
            if confirms and rows[-1]:
                detector.feedback(0, periods[day], True)
        flagged[confirms] = sum(rows[5:])
    assert flagged[False] <= 4
    assert flagged[True] == 7


@pytest.mark.parametrize(("factor", "most"), [(3.0, 0.05), (1.4, 0.05)])
def test_ten_confirmed_anomalies_move_the_threshold_within_bounds(factor, most):
    random, fine, target = np.random.default_rng(23), honest(23, 100, 45, 500), 0.01
    for entity in range(30):
        day = 31 + entity % 13
        fine[entity, day] = random.poisson(factor * np.repeat(hours(fine[entity, day]) / 12, 12))
    counts, periods = hours(fine), days(45)
    detector = CollectionDetector(target_fpr=target).fit(counts[:, :FIRST], periods[:FIRST], fine=fine[:, :FIRST])
    n_confirmed = 0
    for day in range(FIRST, 45):
        table = detector.update(counts[:, day], periods[day], fine[:, day])
        if n_confirmed < 10:
            assert (table["flagged"] == (table["p_value"] <= target)).all()
        for entity in range(30):
            if 31 + entity % 13 == day:
                n_confirmed += detector.feedback(entity, periods[day], True)
    assert n_confirmed == 30
    later = honest(24, 100, 60, 500)[:, -1]
    later[:50] = random.poisson(np.linspace(1, 4, 50)[:, None] * later[:50])
    scores = detector.judge(hours(later), "2026-03-02", later)
    by_now = scores.p_value[scores.flagged].max()
    assert target / 5 / 3 <= by_now <= most
    assert not scores.flagged[scores.p_value > target * 5].any()
    assert scores.flagged[scores.p_value < target / 5].all()


def test_anomalous_marks_are_never_evidence_of_what_is_usual():
    fine = honest(25, 40, 41, 300)
    marks = np.zeros((40, 40), bool)
    marks[:, 30:] = True
    fine[:, 30:40, :24] += 20  # every night
    counts, periods = hours(fine), days(41)
    detector = CollectionDetector().fit(counts[:, :40], periods[:40], fine=fine[:, :40], anomalous=marks)
    arrays = state(detector)
    assert (arrays["held_verdict"] == CONFIRMED).all()
    assert (arrays["weight"] > 0).sum(axis=1).tolist() == [30] * 40
    usual = detector.update(counts[:, 40], periods[40], fine[:, 40])
    assert not usual["flagged"].any()
    attacked = fine[:, 40].copy()
    attacked[:, :24] += 20
    without = CollectionDetector().fit(counts[:, :30], periods[:30], fine=fine[:, :30])
    scores = without.judge(hours(attacked), periods[40], attacked)
    assert scores.flagged.all()
    why = detector.explanation(hours(attacked), periods[40], fine=attacked, entities=[0])
    assert set(why.nearest[0]) <= {int(period.timestamp()) for period in periods[30:40]}
    assert detector.feedback(0, periods[35], anomalous=False)
    assert remembered(detector, 0, periods[35]) == (1, 1, [])


@pytest.mark.parametrize("n_periods", [1, 7, 29, 30, 31, 100])
def test_rings_keep_the_newest_collections(n_periods):
    counts = np.random.default_rng(26).poisson(40, (3, n_periods, 6))
    counts[1, 0] = 0
    detector = CollectionDetector().fit(counts, days(n_periods))
    arrays = state(detector)
    for entity in range(3):
        kept = np.sort(arrays["when"][entity][arrays["weight"][entity] > 0])
        is_open = counts[entity].any(axis=1)
        every = np.array([minutes(day.to_pydatetime()) for day in days(n_periods)])[is_open]
        assert kept.tolist() == every[-30:].tolist()
    volumes = arrays["volume_counts"].sum(axis=1)
    assert volumes.tolist() == [min(n_periods, 42), min(n_periods - 1, 42), min(n_periods, 42)]


def test_the_order_of_periods_in_fit_does_not_matter_and_they_may_repeat():
    fine, order = honest(27, 20, 40), np.random.default_rng(27).permutation(40)
    counts, periods = hours(fine), days(41)[:40]
    straight = CollectionDetector().fit(counts, periods, fine=fine)
    shuffled = CollectionDetector().fit(counts[:, order], periods[order], fine=fine[:, order])
    assert shuffled.last_period_ == straight.last_period_
    for name, array in state(straight).items():
        assert np.array_equal(array, state(shuffled)[name], equal_nan=array.dtype.kind == "f"), name
    # two halves of a shop under one name: every period is there twice
    twice = CollectionDetector().fit(np.repeat(counts[:, 20:], 2, axis=1), periods[20:].repeat(2))
    table = twice.update(hours(honest(27, 20, 41))[:, 40], days(41)[40])
    assert (table["status"] == "tested").all()
    assert table["flagged"].mean() <= 0.05
    assert twice.feedback(0, periods[30], True)
    assert remembered(twice, 0, periods[30])[2] == [CONFIRMED]


def test_entities_without_a_past_alone_among_peers_and_grown_up():
    fine = honest(28, 41, 60, 300)
    fine[:, :] = np.random.default_rng(28).poisson(np.repeat(hours(fine).mean(axis=(0, 1)) / 12, 12), fine.shape)
    fine[0, :45] = 0
    periods = days(60)
    among = watched(CollectionDetector(), fine, periods, FIRST)
    own = among[among["entity"] == 0].set_index("day")["status"].astype(str)
    assert (own.loc[:44] == "closed").all()
    assert (own.loc[45:51] == "by_peers").all()
    assert (own.loc[52:] == "tested").all()
    new = among[(among["entity"] == 0) & (among["day"] >= 45)]
    assert np.isfinite(new["p_value"]).all()
    assert new["p_volume"].isna().sum() == 7  # nothing tells how large a new seller is
    assert not new["flagged"].any()
    alone = watched(CollectionDetector(), fine[:1], periods, FIRST)
    status = alone["status"].astype(str)
    assert (status[15:22] == "not_enough_data").all()
    assert (status[22:] == "tested").all()
    silent = alone[status == "not_enough_data"]
    assert silent[["p_value", "anomaly_score"]].isna().all(axis=None)
    assert not silent["flagged"].any()
    # an attack on the second day of a new seller is seen by what its peers do
    attacked = fine.copy()
    attacked[0, 46, :24] += 15
    seen = watched(CollectionDetector(), attacked, periods, FIRST)
    assert seen[(seen["entity"] == 0) & (seen["day"] == 46)]["flagged"].all()


def test_a_seller_closed_for_a_month_is_known_when_it_opens_again():
    fine = honest(29, 40, 80, 300)
    fine[:5, 35:66] = 0
    result = watched(CollectionDetector(), fine, days(80), FIRST)
    closed = (result["entity"] < 5) & result["day"].between(35, 65)
    assert (result[closed]["status"] == "closed").all()
    assert result[closed][["p_value", "divergence", "anomaly_score"]].isna().all(axis=None)
    assert not result[closed]["flagged"].any()
    after = result[(result["entity"] < 5) & (result["day"] > 65)]
    assert (after["status"] == "tested").all()
    assert after["flagged"].mean() <= 0.03


def test_peers_are_those_of_the_group():
    """Two groups with opposite days; a newcomer of each, and one of a group that nobody knows."""
    random = np.random.default_rng(30)
    early, late = np.linspace(40, 2, 24), np.linspace(2, 40, 24)
    counts = np.stack([random.poisson(early if entity < 30 else late, (40, 24)) for entity in range(60)])
    periods, groups = days(40), ["early"] * 30 + ["late"] * 30
    detector = CollectionDetector().fit(counts[:, :30], periods[:30], groups=groups)
    detector.grow(63, [*groups, "early", "late", "new"])
    assert detector.n_entities_ == 63
    newcomers = random.poisson(np.stack([early, early, early]))
    table = detector.update(np.concatenate([counts[:, 30], newcomers]), periods[30])
    assert table["status"].astype(str).tolist()[60:] == ["by_peers", "by_peers", "not_enough_data"]
    assert table["flagged"].tolist()[60:] == [False, True, False]
    assert table["flagged"][:60].mean() <= 0.05
    again = CollectionDetector().set_state(detector.get_state())
    now = np.concatenate([counts[:, 31], newcomers])
    pd.testing.assert_frame_equal(again.update(now, periods[31]), detector.update(now, periods[31]), check_exact=True)


@pytest.mark.parametrize("freq", ["h", "7D", "15min", "MS"])
def test_periods_that_are_no_days_know_no_weekdays(freq):
    counts = np.random.default_rng(31).poisson(10, (20, 150, 12))
    periods = pd.date_range("2026-01-03", periods=150, freq=freq, tz="UTC")
    detector = CollectionDetector(holidays=[str(periods[140].date())]).fit(counts[:, :100], periods[:100])
    flags = [detector.update(counts[:, t], periods[t])["flagged"] for t in range(100, 150)]
    assert np.mean(flags) <= 0.02
    arrays = state(detector)
    assert not arrays["kind"].any()
    assert not arrays["volume_phase"].any()


def test_weekdays_are_those_of_the_time_zone_through_changes_of_the_clock():
    """Days of 23 and 25 hours in Berlin; a day starts at 22:00 or 23:00 UTC."""
    periods = pd.date_range("2026-03-16", periods=240, freq="D", tz="Europe/Berlin")
    calendar = Calendar("Europe/Berlin")
    phases = [calendar.phase(period.tz_convert("UTC").to_pydatetime()) for period in periods]
    assert phases == periods.day_of_week.tolist()
    assert is_daily([period.to_pydatetime() for period in periods])
    lengths = np.diff([minutes(period.to_pydatetime()) for period in periods])
    assert {23 * 60, 24 * 60, 25 * 60} == set(lengths)
    detector = CollectionDetector(timezone="Europe/Berlin")
    fine = honest(32, 40, 60, 500, weekend=1.0)
    result = watched(detector, fine, periods[:60], FIRST)
    assert result["flagged"].mean() <= 0.015
    # 8 weekends are remembered, but for days that were odd
    assert set(state(detector)["kind"].sum(axis=1)) <= {6, 7, 8}


@given(st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2100-01-01")), st.integers(0, 3))
def test_days_are_named_by_where_their_noon_is(moment, zone):
    name = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"][zone]
    start = pd.Timestamp(moment.date()).tz_localize(name, ambiguous=True, nonexistent="shift_forward")
    assert Calendar(name).phase(start.tz_convert("UTC").to_pydatetime()) == moment.weekday()


def test_holidays_are_sundays():
    fine = honest(33, 20, 45, 500, weekend=-1.2)  # too few to tell what all share
    holiday = 38  # a Thursday with the records of a Sunday
    fine[:, holiday] = fine[:, 34]
    periods = days(45)
    calendar = Calendar("UTC", {periods[holiday].date()})
    assert calendar.phase(periods[holiday].to_pydatetime()) == 6
    assert calendar.kind(periods[holiday].to_pydatetime()) == 1
    p = {}
    for holidays in ([], [periods[holiday].date()]):
        result = watched(CollectionDetector(holidays=holidays), fine, periods, FIRST)
        p[len(holidays)] = result[result["day"] == holiday]["p_volume"].median()
    assert p[0] > 0.9
    assert 0.2 < p[1] < 0.8


@pytest.mark.parametrize(
    "wrong", [{"n_normal": 6}, {"n_anomalous": 2}, {"n_normal": 40_000}, {"n_anomalous": 10_001}, {"target_fpr": 0}]
)
def test_sizes_with_which_nothing_could_be_learned_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        CollectionDetector(**wrong).fit(np.ones((2, 40, 3), int), days(40))


@settings(max_examples=12)
@given(st.data())
def test_answers_in_any_order_keep_the_evidence_sound(data):
    """Collections are in one place each, whatever people say in between."""
    counts = np.random.default_rng(34).poisson(40, (3, 24, 4))
    periods = days(24)
    detector = CollectionDetector(n_normal=8, n_anomalous=3).fit(counts[:, :9], periods[:9])
    for day in range(9, 24):
        size = data.draw(st.sampled_from([1, 1, 1, 5, 0]))
        detector.update(counts[:, day] * size, periods[day])
        for _ in range(data.draw(st.integers(0, 3))):
            at, anomalous = data.draw(st.integers(0, day)), data.draw(st.booleans())
            known = detector.feedback(1, periods[at], anomalous)
            normal, _, held = remembered(detector, 1, periods[at])
            assert known == bool(normal + len(held))
            assert normal + len(held) <= 1
            assert not known or bool(held) == anomalous
    arrays = state(detector)
    for name in ("volume", "weight", "records", "held_residual", "held_score", "jump"):
        assert np.isfinite(arrays[name]).all(), name


def test_a_shape_that_changed_for_good_becomes_usual_after_ten_days_and_not_before():
    """As long as the held ring is; a shop with other opening hours."""
    fine = honest(35, 60, 60, 500)
    fine[:10, 35:] = np.roll(fine[:10, 35:], 96, axis=2)
    result = watched(CollectionDetector(), fine, days(60), FIRST)
    rates = result[result["entity"] < 10].groupby("day")["flagged"].mean()
    assert (rates.loc[35:44] >= 0.9).all()
    assert (rates.loc[48:] <= 0.1).all()


def test_low_volumes_that_are_held_do_not_make_a_level():
    """Five half days with odd hours: what was usual before is usual after them."""
    fine = honest(36, 60, 50, 500)
    fine[:10, 35:41] = 0
    fine[:10, 35:41, 96:120] = np.random.default_rng(36).poisson(3, (10, 6, 24))
    before = watched(CollectionDetector(), honest(36, 60, 50, 500), days(50), FIRST)
    detector = CollectionDetector()
    after = watched(detector, fine, days(50), FIRST)
    assert (state(detector)["jump_when"][:10] == 0).all()  # no level was left
    later = (after["entity"] < 10) & (after["day"] >= 41)
    assert after[later]["flagged"].sum() <= before[later]["flagged"].sum() + 1
    assert after[later]["p_volume"].median() == pytest.approx(before[later]["p_volume"].median(), abs=0.1)


@pytest.mark.parametrize("freq", ["D", "h"])
def test_what_is_known_of_a_day_does_not_depend_on_how_its_start_is_written(freq):
    counts = np.random.default_rng(37).poisson(20, (5, 33, 24))
    aware = pd.date_range("2026-06-01", periods=33, freq=freq, tz="UTC")
    written = [aware, aware.tz_convert("Asia/Tokyo"), aware.tz_localize(None), [str(moment) for moment in aware]]
    tables = []
    for periods in written:
        detector = CollectionDetector(timezone="Europe/Berlin").fit(counts[:, :30], periods[:30])
        tables.append([detector.update(counts[:, day], periods[day]) for day in range(30, 33)][-1])
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], check_exact=True)
