"""Whatever counts a collection has, the calibrated mode says something finite and keeps its evidence sound."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detectors.honest_sellers import days, honest, hours
from tocsin import CollectionDetector
from tocsin.errors import InputError

FIRST, N_DAYS = 30, 40
HUGE = 10**13


def sound(detector):
    """No NaN where there is evidence."""
    arrays = detector.get_state()["arrays"]
    for name, array in arrays.items():
        if array.dtype.kind == "f" and name not in ("divergence", "expected", "index", "index_variance"):
            known = not name.startswith("held") or name in ("held_residual", "held_score", "held_records")
            assert not known or np.isfinite(array).all(), name
    for name in ("head", "volume_head", "held_head"):
        assert (arrays[name] >= 0).all()
    assert (arrays["all_shapes"] > 0).all()
    assert np.all((arrays["weight"] > 0) == (arrays["records"] > 0) * (arrays["weight"] > 0))


def whole(table):
    """Scores of open entities are finite, those of others missing; nothing is flagged without a score."""
    is_judged = table["status"].isin(["tested", "by_peers"])
    numbers = table.loc[is_judged, ["divergence", "p_value", "threshold", "anomaly_score", "p_shape"]]
    assert np.isfinite(numbers).all(axis=None)
    assert numbers["anomaly_score"].between(0, 1, inclusive="left").all()
    assert numbers["p_value"].between(0, 1).all()
    assert numbers["divergence"].between(0, np.log(2) * (1 + 1e-5)).all()
    for part in ("p_shape", "p_volume", "p_dispersion"):
        assert table[part].dropna().between(0, 1).all()
    assert table.loc[~is_judged, ["p_value", "threshold", "anomaly_score"]].isna().all(axis=None)
    assert not table.loc[~is_judged, "flagged"].any()
    return table


def stream(counts, periods=None, fine=None, first=FIRST, **settings):
    periods = days(counts.shape[1]) if periods is None else periods
    detector = CollectionDetector(**settings)
    detector.fit(counts[:, :first], periods[:first], fine=None if fine is None else fine[:, :first])
    tables = []
    for day in range(first, counts.shape[1]):
        now = counts[:, day], periods[day], None if fine is None else fine[:, day]
        tables.append(detector.update(*now).assign(day=day, entity=np.arange(len(counts))))
    why = detector.explanation(now[0], now[1], fine=now[2], entities=np.arange(len(counts)))
    for part in (why.terms, why.expected, why.lower, why.upper):
        assert np.isfinite(part).all()
    sound(detector)
    return detector, whole(pd.concat(tables, ignore_index=True))


CHANCE = np.random.default_rng(40)
STREAMS = {
    "one record a day": CHANCE.multinomial(1, np.full(24, 1 / 24), (4, N_DAYS)),
    "at most one record a day": CHANCE.poisson(0.5 / 24, (4, N_DAYS, 24)),
    "all in one bin": CHANCE.poisson(50, (4, N_DAYS, 1)) * (np.arange(24) == 3),
    "one bin": CHANCE.poisson(50, (4, N_DAYS, 1)),
    "two bins": CHANCE.poisson(50, (4, N_DAYS, 2)),
    "a thousand bins": CHANCE.poisson(0.3, (4, N_DAYS, 1_000)),
    "every day the same": np.broadcast_to(np.arange(24), (4, N_DAYS, 24)),
    "always 10^13": np.full((4, N_DAYS, 24), HUGE),
    "10^12 or so": (1e12 * np.exp(CHANCE.normal(0, 0.1, (4, N_DAYS, 24)))).astype(np.int64),
}


@pytest.mark.parametrize("name", STREAMS)
def test_poor_and_huge_collections_are_judged_and_not_flagged(name):
    _, result = stream(STREAMS[name])
    assert result["flagged"].mean() <= 0.03
    assert set(result["status"].astype(str)) <= {"tested", "closed"}


def test_volumes_of_one_and_of_10_to_the_13_in_turn():
    """Nothing can be foretold of such a seller, so nothing is odd."""
    turns = np.where(np.arange(N_DAYS) % 2, 1, HUGE)[None, :, None] * np.ones((4, 1, 24), np.int64)
    _, result = stream(turns)
    assert not result["flagged"].any()


@pytest.mark.parametrize("size", [10**12, HUGE - 1_000])
def test_a_huge_burst_is_flagged_with_a_score_below_one(size):
    fine = honest(41, 5, N_DAYS)
    fine[0, 35, 100] = size
    _, result = stream(hours(fine), fine=fine)
    day = result[result["day"] == 35]
    assert day["flagged"].tolist() == [True, False, False, False, False]
    assert day["anomaly_score"].iloc[0] == np.nextafter(1, 0)
    assert day["p_value"].iloc[0] > 0
    after = result[(result["entity"] == 0) & (result["day"] > 35)]
    assert not after["flagged"].any()


def test_a_bin_never_seen_before_is_odd_but_possible():
    counts = np.random.default_rng(42).poisson(20, (40, N_DAYS, 24))
    counts[:, :, 5] = 0
    counts[0, 35, 5], counts[1, 36, 5] = 40, 1
    _, result = stream(counts)
    first = result[result["day"] == 35].iloc[0]
    assert first["flagged"]
    assert 0 < first["p_value"] < 1e-3
    assert result[(result["day"] == 36) & (result["entity"] == 1)]["p_value"].item() > 0.05  # one record is chance


def test_a_day_without_records_is_closed_and_leaves_no_trace():
    counts = np.random.default_rng(43).poisson(20, (6, 40, 24))
    detector = CollectionDetector().fit(counts[:, :30], days(30))
    before = detector.get_state()["arrays"]
    table = whole(detector.update(np.zeros((6, 24), int), days(31)[-1]))
    assert (table["status"] == "closed").all()
    assert table["divergence"].isna().all()
    why = detector.explanation(np.zeros((6, 24), int), days(32)[-1], entities=[0, 1])
    assert not why.terms.any()
    assert not why.expected.any()
    after = detector.get_state()["arrays"]
    for name in before:
        assert name.startswith("all_") or np.array_equal(before[name], after[name], equal_nan=True), name
    # neither does the next one differ from what it would have been
    straight = CollectionDetector().fit(counts[:, :30], days(30)).judge(counts[:, 31], days(32)[-1])
    assert detector.judge(counts[:, 31], days(32)[-1]).p_value == pytest.approx(straight.p_value, rel=1e-3)


@pytest.mark.parametrize("n_spans", [1, 2, 5, 12, 13, 25, 287])
def test_any_number_of_finer_spans(n_spans):
    fine = np.random.default_rng(n_spans).poisson(400 / n_spans, (8, N_DAYS, n_spans))
    counts = np.random.default_rng(44).poisson(20, (8, N_DAYS, 24))
    fine[0, 36] *= 4
    _, result = stream(counts, fine=fine)
    assert result["p_dispersion"].isna().all() == (n_spans == 1)
    assert result["flagged"].mean() <= 0.02
    if n_spans > 5:
        assert result[(result["entity"] == 0) & (result["day"] == 36)]["p_dispersion"].item() < 5e-3


def test_finer_spans_may_be_missing_on_some_days():
    """What is usual of clumps is known through them: also on the day whose place in the ring is the first."""
    fine = np.random.default_rng(45).poisson(2, (60, 62, 288)) * 3
    counts = hours(fine)
    periods = days(62)
    detector = CollectionDetector().fit(counts[:, :30], periods[:30], fine=fine[:, :30])
    flags = []
    for day in range(30, 62):
        spans = None if day in (30, 40, 41) else fine[:, day]
        table = whole(detector.update(counts[:, day], periods[day], fine=spans))
        assert table["p_dispersion"].isna().all() == (spans is None)
        assert 2.3 < detector.get_state()["arrays"]["all_usual"][2] < 3.1
        flags.append(table["flagged"].mean())
    assert np.mean(flags) <= 0.02


@settings(max_examples=10)
@given(st.data())
def test_streams_of_anything(data):
    """Entities of all sizes, closed, empty, full, in any order."""
    n_bins = data.draw(st.sampled_from([1, 2, 24]))
    sizes = st.sampled_from([0, 0, 1, 2, 30, 10**4, 10**12, HUGE])
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    rows = data.draw(st.lists(st.lists(sizes, min_size=24, max_size=24), min_size=1, max_size=4))
    volume = np.array(rows)[:, :, None]
    counts = np.minimum(random.gamma(0.5, 1.0, (*volume.shape[:2], n_bins)) * volume, HUGE).astype(np.int64)
    spans = np.repeat(counts, 5, axis=2)
    first = data.draw(st.integers(1, 20))
    fine = spans if data.draw(st.booleans()) else None
    detector, _ = stream(counts, fine=fine, first=first, n_normal=8, n_anomalous=3)
    again = CollectionDetector(n_normal=8, n_anomalous=3).set_state(detector.get_state())
    now = counts[:, 0], days(40)[-1]
    assert np.array_equal(detector.anomaly_score(*now), again.anomaly_score(*now), equal_nan=True)


def test_arrays_that_cannot_be_written(tmp_path):
    """Counts from a read-only map, a state from a buffer."""
    counts = np.random.default_rng(46).poisson(20, (6, 33, 24))
    np.save(tmp_path / "counts.npy", counts)
    mapped = np.load(tmp_path / "counts.npy", mmap_mode="r")
    periods = days(33)
    plain = CollectionDetector().fit(counts[:, :30], periods[:30])
    detector = CollectionDetector().fit(mapped[:, :30], periods[:30])
    state = detector.get_state()
    for array in state["arrays"].values():
        array.flags.writeable = False
    detector = CollectionDetector().set_state(state)
    for day in range(30, 33):
        expected = plain.update(counts[:, day], periods[day])
        pd.testing.assert_frame_equal(detector.update(mapped[:, day], periods[day]), expected)
    assert detector.feedback(0, periods[31], True)
    assert mapped[0, 31].tolist() == counts[0, 31].tolist()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint16", "int32", "uint64", "float32", ">i8", "bool"])
def test_any_kind_of_whole_number(dtype):
    counts = np.random.default_rng(47).poisson(0.5, (5, 33, 24)).clip(0, 1)
    expected = CollectionDetector().fit(counts[:, :30], days(30)).judge(counts[:, 31], days(32)[-1])
    typed = counts.astype(dtype)
    found = CollectionDetector().fit(typed[:, :30], days(30)).judge(np.asfortranarray(typed[:, 31]), days(32)[-1])
    assert np.array_equal(found.p_value, expected.p_value)


@pytest.mark.parametrize("start", ["0001-12-31", "6000-01-01", "9999-01-01"])
def test_periods_of_other_ages_are_refused(start):
    counts = np.ones((2, 5, 3), int)
    with pytest.raises(InputError, match="The period"):
        CollectionDetector().fit(counts, pd.date_range(start, periods=5, unit="s"))


@pytest.mark.parametrize("start", ["0002-01-02", "1969-12-20", "5999-10-01"])
def test_periods_far_away(start):
    counts = np.random.default_rng(48).poisson(20, (3, N_DAYS, 6))
    periods = pd.date_range(start, periods=N_DAYS, unit="s", tz="UTC")
    for timezone in ("America/New_York", "Pacific/Kiritimati"):
        detector, result = stream(counts, periods, timezone=timezone)
        assert (result["status"] == "tested").all()
    assert detector.feedback(0, periods[-1], True)


def test_no_entities_no_evidence_and_one_period():
    detector, result = stream(np.zeros((0, N_DAYS, 24), int))
    assert result.empty
    assert detector.n_entities_ == 0
    detector.grow(3)
    table = whole(detector.update(np.ones((3, 24), int), days(N_DAYS + 1)[-1]))
    assert (table["status"] == "not_enough_data").all()
    _, result = stream(np.zeros((3, N_DAYS, 24), int))
    assert (result["status"] == "closed").all()
    _, result = stream(np.random.default_rng(49).poisson(20, (3, 20, 24)), first=1)
    status = result[result["entity"] == 0]["status"].astype(str).tolist()
    assert status == ["not_enough_data"] * 6 + ["tested"] * 13
    assert not result["flagged"].any()


def test_a_hundred_thousand_entities_at_once():
    """And the state is some 3.4 KB each, with 30 collections of 24 bins remembered."""
    n, random = 100_000, np.random.default_rng(50)
    shape = random.multinomial(60, np.full(24, 1 / 24), 1_000)
    counts = np.broadcast_to(np.tile(shape, (100, 1))[:, None], (n, 7, 24))
    detector = CollectionDetector(n_normal=7).fit(counts, days(7))
    now = counts[:, 0].copy()
    now[::1_000, 7] += 60
    table = detector.update(now, days(8)[-1])
    assert len(table) == n
    assert (table["status"] == "tested").all()
    assert table["flagged"].iloc[::1_000].all()
    assert table["flagged"].sum() == 100
    few = CollectionDetector().fit(counts[:50], days(7)).get_state()["arrays"]
    assert sum(array.nbytes for name, array in few.items() if not name.startswith("all_")) / 50 <= 3_600


def test_thousands_of_groups_of_three():
    counts = np.random.default_rng(51).poisson(3, (6_000, 15, 4))
    groups = np.arange(6_000) // 3
    detector = CollectionDetector(n_normal=14).fit(counts[:, :14], days(14), groups=groups)
    table = whole(detector.update(counts[:, 14], days(15)[-1]))
    assert table["flagged"].mean() <= 0.012


def test_evidence_that_people_have_all_withdrawn():
    """Nothing is left to judge by, and nothing breaks, also where every period was given twice."""
    counts = np.random.default_rng(52).poisson(20, (30, 34, 24))
    counts[:12, 30] *= 4
    periods = days(36)
    detector = CollectionDetector(n_anomalous=40).fit(counts[:, :30], periods[:30])
    detector.update(counts[:, 30], periods[30])
    for entity in range(30):
        for day in range(31):
            detector.feedback(entity, periods[day], True)
    table = whole(detector.update(counts[:, 31], periods[31]))
    assert (table["status"] == "not_enough_data").all()
    twice = CollectionDetector().fit(counts[:, :30], periods[:15].repeat(2))
    for day in range(15):
        for entity in range(30):
            twice.feedback(entity, periods[day], True)
    whole(twice.update(counts[:, 31], periods[31]))
    sound(twice)
