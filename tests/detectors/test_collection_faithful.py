"""The faithful mode does what the paper's algorithms say, entity by entity, and answers hostile input plainly."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from tests.reference import evidence_reference as literal
from tocsin import CollectionDetector
from tocsin.detectors.collections.binning import N_SUB_VOLUME_BINS, bin_width, bins_of, edges_of_width, sub_volume_step
from tocsin.detectors.collections.thresholds import bayes_threshold, calculated_threshold
from tocsin.errors import InputError, NotEnoughData

DAYS = pd.date_range("2026-01-01", periods=80, freq="D", tz="UTC")


def sellers(seed, n=6, n_periods=60, n_bins=12, n_spans=48, volume=400):
    """Counts, fine counts, and which days are farmed: half of them by a burst, the others by doubled spans."""
    random = np.random.default_rng(seed)
    shape = random.dirichlet(np.full(n_bins, 3.0), (n, 1))
    records = volume * np.exp(random.normal(0, 0.1, (n, n_periods, 1)))
    fine = random.poisson(np.repeat(shape * records, n_spans // n_bins, axis=2) * n_bins / n_spans)
    farmed = random.random((n, n_periods)) < 0.2
    for i, day in zip(*np.nonzero(farmed), strict=True):
        if random.random() < 0.5:
            fine[i, day] *= 2
        else:
            fine[i, day, 8:12] += volume // 4
    return fine.reshape(n, n_periods, n_bins, -1).sum(axis=3), fine, farmed


def split(array):
    """20 normal and 6 anomalous collections for fit; the stream after them."""
    return array[:, :26], array[:, 26:]


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("number", range(1, 10))
def test_streams_are_judged_as_by_the_algorithm_as_written(level, number):
    counts, fine, _ = sellers(number)
    counts[2, 40], fine[2, 40] = 0, 0  # a closed day
    anomalous = np.arange(26) >= 20
    detector = CollectionDetector(mode="faithful", level=level, threshold=number, alpha=0.2)
    detector.fit(split(counts)[0], DAYS[:26], fine=split(fine)[0], anomalous=anomalous)
    flags, thresholds = [], []
    for day in range(26, 60):
        result = detector.update(counts[:, day], DAYS[day], fine=fine[:, day])
        flags.append(result["flagged"].to_numpy())
        thresholds.append(result["threshold"].to_numpy())
    assert np.isfinite(np.delete(thresholds, 14, axis=0)).all()
    agreed = 0
    for i in range(len(counts)):
        rows = counts[i]
        if level == 2:
            step = literal.step_of_eq_6(fine[i, :20], 0.5)
            rows = np.array([literal.sub_volume_histogram(spans, step, N_SUB_VOLUME_BINS) for spans in fine[i]])
        expected = literal.algorithm_2(rows[:20], rows[20:26], rows[26:], number, 0.2)
        agreed += np.array_equal(np.array(flags)[:, i], expected)
    assert agreed == len(counts)


@settings(max_examples=200)
@given(st.integers(1, 9), *[st.floats(1e-4, 0.6)] * 4, st.floats(0.01, 0.99))
def test_calculators_are_their_formulas(number, mu_n, gap, s_n, s_a, alpha):
    given_ = mu_n, s_n, mu_n + gap, s_a
    found = calculated_threshold(number, *(np.array([value]) for value in given_), alpha)[0]
    assert found == pytest.approx(literal.threshold(number, *given_, alpha), rel=1e-9)
    if number != 8:
        assert mu_n - 1e-12 <= found <= mu_n + gap + 1e-12


def test_four_is_six_and_the_first_has_equal_errors():
    normal, anomalous = (np.array([0.1]), np.array([0.02])), (np.array([0.4]), np.array([0.05]))
    assert calculated_threshold(4, *normal, *anomalous, 0.3) == calculated_threshold(6, *normal, *anomalous, 0.3)
    middle = calculated_threshold(1, *normal, *anomalous, 0.3)
    assert (middle - normal[0]) / normal[1] == pytest.approx((anomalous[0] - middle) / anomalous[1])


@settings(max_examples=60)
@given(*[st.floats(0.01, 0.3)] * 4, st.floats(0.01, 0.9))
def test_the_bayes_threshold_has_the_least_cost(mu_n, gap, s_n, s_a, alpha):
    from scipy import stats

    mu_a = mu_n + gap
    found = bayes_threshold(*(np.array([value]) for value in (mu_n, s_n, mu_a, s_a)), alpha)[0]
    _, least = literal.least_cost(mu_n, s_n, mu_a, s_a, alpha)
    cost = (1 - alpha) * stats.norm.sf(found, mu_n, s_n) + alpha * stats.norm.cdf(found, mu_a, s_a)
    assert mu_n - 1e-12 <= found <= mu_a + 1e-12
    assert cost <= least + 1e-9


@settings(max_examples=100)
@given(*[st.floats(0, 0.7) | st.just(0.0) | st.just(5e-324)] * 4, st.floats(1e-6, 1 - 1e-6))
def test_no_moments_make_a_threshold_that_warns(mu_n, s_n, mu_a, s_a, alpha):
    moments = [np.array([value, np.nan]) for value in (mu_n, s_n, mu_a, s_a)]
    assert np.isfinite(bayes_threshold(*moments, alpha)).tolist() == [True, False]
    for number in range(1, 10):
        assert np.isnan(calculated_threshold(number, *moments, alpha)[1])


def test_mgof_is_the_chi_squared_test_without_empty_bins():
    counts, _, _ = sellers(3)
    counts[:, :30, 4] = 0
    detector = CollectionDetector(mode="faithful", algorithm="mgof", target_fpr=0.05).fit(counts[:, :30], DAYS[:30])
    result = detector.update(counts[:, 30], DAYS[30])
    for i in range(len(counts)):
        divergence, p_value = literal.mgof(counts[i, 30], counts[i, :30], counts[i, 30].sum())
        assert result["divergence"][i] == pytest.approx(divergence, rel=1e-5)
        assert result["p_value"][i] == pytest.approx(p_value, rel=1e-3, abs=1e-12)
        assert result["flagged"][i] == (p_value <= 0.05)


def test_mgof_counts_spans_on_the_second_level():
    """N is what the histogram counts; were it the records, clean days would be flagged one and all."""
    counts, fine, _ = sellers(3, n=40, volume=4_000)
    clean = np.random.default_rng(0).poisson(fine[:, :1].repeat(31, axis=1))
    detector = CollectionDetector(mode="faithful", algorithm="mgof", level=2, target_fpr=0.05)
    detector.fit(counts[:, :30], DAYS[:30], fine=clean[:, :30])
    assert detector.update(counts[:, 30], DAYS[30], fine=clean[:, 30])["flagged"].mean() < 0.2
    assert detector.update(counts[:, 31], DAYS[31], fine=2 * clean[:, 30])["flagged"].mean() > 0.6


def test_rules_without_anomalous_evidence():
    counts, _, _ = sellers(4, n=40, volume=3000)
    counts[:20, 30] = counts[:20, :30].sum(axis=1) // 30  # as like the mean as whole numbers can be
    fitted = {}
    for rule in ("tail", "density", "3sigma", 5):
        detector = CollectionDetector(mode="faithful", threshold=rule, target_fpr=0.1).fit(counts[:, :30], DAYS[:30])
        fitted[rule] = detector.judge(counts[:, 30], DAYS[30])
    assert not fitted["tail"].flagged[:20].any()
    assert fitted["density"].flagged[:20].any()  # Algorithm 1's rule finds too much likeness odd
    assert np.array_equal(fitted["tail"].threshold, fitted[5].threshold)
    assert (fitted["3sigma"].threshold > fitted["tail"].threshold).all()
    assert np.array_equal(fitted["tail"].flagged, fitted["tail"].p_value <= 0.1)


def test_both_levels_flag_what_either_does():
    counts, fine, _ = sellers(5, n=20)
    seen = {}
    for level in (1, 2, "both"):
        detector = CollectionDetector(mode="faithful", level=level, threshold="tail")
        detector.fit(counts[:, :30], DAYS[:30], fine=fine[:, :30])
        seen[level] = detector.judge(counts[:, 30], DAYS[30], fine=fine[:, 30])
    assert np.array_equal(seen["both"].flagged, seen[1].flagged | seen[2].flagged)
    assert seen["both"].parts["sub-volumes"] == pytest.approx(seen[2].p_value)
    assert seen["both"].p_value == pytest.approx(1 - (1 - np.minimum(seen[1].p_value, seen[2].p_value)) ** 2)


def test_each_level_learns_by_its_own_flags():
    """Over a stream, both levels flag what either would by itself: neither calls the other's days its evidence."""
    counts, fine, _ = sellers(11)
    counts[1, 45], fine[1, 45] = 0, 0
    anomalous = np.arange(26) >= 20
    flags = {}
    for level in (1, 2, "both"):
        detector = CollectionDetector(mode="faithful", level=level, alpha=0.2)
        detector.fit(split(counts)[0], DAYS[:26], fine=split(fine)[0], anomalous=anomalous)
        updates = [detector.update(counts[:, day], DAYS[day], fine=fine[:, day]) for day in range(26, 60)]
        flags[level] = np.array([result["flagged"] for result in updates])
    assert np.array_equal(flags["both"], flags[1] | flags[2])
    assert 0 < flags[1].sum() < flags["both"].sum()


def test_a_farm_that_repeats_every_record_shows_on_the_second_level_alone():
    random = np.random.default_rng(6)
    fine = random.poisson(4.0, (30, 36, 288))
    fine[:, 30:] *= np.array([1, 2])[np.arange(6) % 2][:, None]
    counts = fine.reshape(30, 36, 24, 12).sum(axis=3)
    found = {}
    for level in (1, 2):
        detector = CollectionDetector(mode="faithful", level=level, threshold="tail", algorithm="basic")
        detector.fit(counts[:, :30], DAYS[:30], fine=fine[:, :30])
        flags = [detector.update(counts[:, d], DAYS[d], fine=fine[:, d])["flagged"].mean() for d in range(30, 36)]
        found[level] = flags[1::2]
    assert min(found[2]) == 1.0
    assert max(found[1]) < 0.2


def test_the_basic_algorithm_keeps_its_evidence():
    counts, _, _ = sellers(7)
    detector = CollectionDetector(mode="faithful", algorithm="basic").fit(counts[:, :30], DAYS[:30])
    before = json.dumps(detector.get_state()["arrays"], default=np.ndarray.tolist)
    for day in range(30, 40):
        detector.update(counts[:, day], DAYS[day])
    assert json.dumps(detector.get_state()["arrays"], default=np.ndarray.tolist) == before


def test_feedback_moves_a_collection_and_alpha_follows_confirmed_ones_alone():
    counts, _, _ = sellers(8)
    detector = CollectionDetector(mode="faithful", alpha="feedback").fit(counts[:, :30], DAYS[:30])
    engine = detector._engine
    assert engine.alpha == 0.1
    for day in range(30, 50):
        detector.update(counts[:, day], DAYS[day])
    fewer = engine.alpha
    assert fewer < 0.1  # 120 collections judged and none confirmed
    held = int(DAYS[45].timestamp())
    place = engine._evidence[0].periods[1].tolist().index(held)
    is_normal = place < 30
    kept = engine._evidence[0].shares[1, :, place].copy()
    assert detector.feedback(1, DAYS[45], anomalous=bool(is_normal))
    moved = engine._evidence[0].periods[1].tolist().index(held)
    assert (moved < 30) != is_normal
    assert np.array_equal(engine._evidence[0].shares[1, :, moved], kept)
    assert (engine.alpha > fewer) == is_normal
    assert not detector.feedback(1, "2020-01-01", anomalous=True)
    assert detector.feedback(1, DAYS[45], anomalous=bool(is_normal))  # told again, nothing moves
    assert engine._evidence[0].periods[1].tolist().count(held) == 1


def test_alpha_can_be_the_share_of_the_marks():
    counts, _, _ = sellers(21)
    scores = []
    for alpha in ("estimated", 0.2, 0.6):
        detector = CollectionDetector(mode="faithful", alpha=alpha).fit(
            counts[:, :30], DAYS[:30], anomalous=np.arange(30) >= 24
        )
        scores.append(detector.judge(counts[:, 30], DAYS[30]).threshold)
    assert np.array_equal(scores[0], scores[1])
    assert (scores[0] != scores[2]).all()


def test_evidence_after_feedback_is_that_of_a_detector_told_from_the_start():
    counts, _, _ = sellers(9)
    marks = np.zeros((len(counts), 40), dtype=bool)
    marks[:, [7, 21, 33]] = True
    sizes = {"n_normal": 50, "n_anomalous": 10}
    told = CollectionDetector(mode="faithful", **sizes).fit(counts[:, :40], DAYS[:40], anomalous=marks)
    learns = CollectionDetector(mode="faithful", **sizes).fit(counts[:, :40], DAYS[:40])
    for entity, day in np.argwhere(marks):
        assert learns.feedback(int(entity), DAYS[day], anomalous=True)
    for day in range(40, 60):
        expected, found = (each.update(counts[:, day], DAYS[day]) for each in (told, learns))
        pd.testing.assert_frame_equal(found, expected)


def test_entities_are_judged_alone_and_grow():
    counts, fine, _ = sellers(10)
    settings_ = {"mode": "faithful", "level": "both", "threshold": "tail"}
    whole = CollectionDetector(**settings_).fit(counts[:, :30], DAYS[:30], fine=fine[:, :30])
    part = CollectionDetector(**settings_).fit(counts[:4, :30], DAYS[:30], fine=fine[:4, :30])
    part.grow(6)
    for day in range(30, 40):
        all_, few = (each.update(counts[:, day], DAYS[day], fine=fine[:, day]) for each in (whole, part))
        pd.testing.assert_frame_equal(all_[:4], few[:4])
        assert (few["status"][4:] == ("not_enough_data" if day < 35 else "tested")).all()
    with pytest.raises(InputError, match="Entities do not go"):
        part.grow(3)


def test_a_state_goes_on_as_the_detector_did(tmp_path):
    counts, fine, _ = sellers(11)
    first = CollectionDetector(mode="faithful", level="both", holidays=["2026-12-24"])
    first.fit(counts[:, :26], DAYS[:26], fine=fine[:, :26], anomalous=np.arange(26) >= 20)
    state = first.get_state()
    json.dumps(state["meta"], allow_nan=False)
    second = clone(first).set_state(state)
    first.save(tmp_path / "kept")
    third = CollectionDetector.load(tmp_path / "kept", memory_mapped=True)
    assert third.get_params()["level"] == "both"
    for day in range(26, 40):
        results = [each.update(counts[:, day], DAYS[day], fine=fine[:, day]) for each in (first, second, third)]
        pd.testing.assert_frame_equal(results[0], results[1])
        pd.testing.assert_frame_equal(results[0], results[2])
    again = CollectionDetector.load(tmp_path / "kept")
    assert again.last_period_ == DAYS[25]  # mapped arrays changed in memory only
    third.save(tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 2
    assert CollectionDetector.load(tmp_path / "kept").last_period_ == DAYS[39]


def test_a_killed_save_leaves_the_state_before(tmp_path, monkeypatch):
    counts, _, _ = sellers(12)
    detector = CollectionDetector(mode="faithful").fit(counts[:, :30], DAYS[:30])
    detector.save(tmp_path)
    detector.update(counts[:, 30], DAYS[30])
    calls = []

    def dies(file, array, **_):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        np.lib.format.write_array(file, np.asarray(array))

    monkeypatch.setattr("tocsin.detectors.collections.saving.np.save", dies)
    with pytest.raises(KeyboardInterrupt):
        detector.save(tmp_path)
    monkeypatch.undo()
    assert CollectionDetector.load(tmp_path).last_period_ == DAYS[29]
    detector.save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "meta.json").write_text("{}")
    with pytest.raises(InputError, match="A saved detector"):
        CollectionDetector.load(tmp_path)


def test_a_shard_can_be_judged_twice(tmp_path):
    from tocsin.detectors.collections.shards import judge_shard

    counts, _, _ = sellers(13)
    detector = CollectionDetector(mode="faithful").fit(counts[:, :30], DAYS[:30])
    detector.save(tmp_path / "0")
    first, second = (judge_shard(tmp_path / "0", tmp_path / "1", counts[:, 30], DAYS[30]) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(first, detector.update(counts[:, 30], DAYS[30]))
    assert CollectionDetector.load(tmp_path / "1").last_period_ == DAYS[30]


def test_odd_collections_have_stated_results():
    random = np.random.default_rng(14)
    counts = random.poisson(20, (8, 30, 6))
    counts[:, :, 5] = 0
    counts[5] = 0  # never open
    counts[6, 4:] = 0  # four days of history
    counts[7, :15] = 0  # closed for a fortnight
    detector = CollectionDetector(mode="faithful", threshold="3sigma").fit(counts[:, :30], DAYS[:30])
    now = random.poisson(20, (8, 6))
    now[0] = 0
    now[1] = [1, 0, 0, 0, 0, 0]
    now[2] = [0, 0, 100, 0, 0, 0]
    now[3] = 10**12
    now[4] = [20, 20, 20, 20, 20, 60]
    result = detector.update(now, DAYS[30])
    expected = ["closed", *["tested"] * 4, "not_enough_data", "not_enough_data", "tested"]
    assert result["status"].tolist() == expected
    untested = result["status"] != "tested"
    assert result.loc[untested, ["p_value", "divergence", "threshold", "anomaly_score"]].isna().all(axis=None)
    assert not result.loc[untested, "flagged"].any()
    assert result["flagged"].tolist()[:5] == [False, True, True, True, True]
    assert result["divergence"].max() < np.log(2)
    assert ((result["anomaly_score"].dropna() >= 0) & (result["anomaly_score"].dropna() < 1)).all()


def test_a_month_closed_changes_nothing():
    counts, _, _ = sellers(15)
    detector = CollectionDetector(mode="faithful").fit(counts[:, :30], DAYS[:30])
    before = detector.judge(counts[:, 30], DAYS[30])
    for day in range(30, 60):
        result = detector.update(np.zeros_like(counts[:, 0]), DAYS[day])
        assert (result["status"] == "closed").all()
    after = detector.judge(counts[:, 30], DAYS[60])
    assert np.array_equal(before.divergence, after.divergence)
    assert np.array_equal(before.flagged, after.flagged)


def test_identical_evidence_has_no_spread_and_no_warning():
    counts = np.tile(np.array([3, 4, 5]), (2, 12, 1))
    for threshold in (*range(1, 10), "bayes", "3sigma", "tail", "density"):
        detector = CollectionDetector(mode="faithful", threshold=threshold)
        detector.fit(counts[:, :10], DAYS[:10], anomalous=np.arange(10) >= 7)
        result = detector.update(np.array([[3, 4, 5], [9, 1, 1]]), DAYS[10])
        assert result["p_value"].notna().all()
        assert result["anomaly_score"][1] > 0.999


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 1, 1e11]), st.sampled_from([5, "bayes", 7, 8, "density"]))
def test_any_counts_give_scores_in_range_in_any_order(seed, scale, threshold):
    random = np.random.default_rng(seed)
    counts = np.floor(scale * random.gamma(0.3, 5, (5, 20, 7))).astype(np.int64)
    anomalous = random.random((5, 15)) < 0.3
    detector = CollectionDetector(mode="faithful", threshold=threshold, n_normal=10, n_anomalous=4)
    order = random.permutation(5)
    other = clone(detector).fit(counts[order][:, :15], DAYS[:15], anomalous=anomalous[order])
    detector.fit(counts[:, :15], DAYS[:15], anomalous=anomalous)
    for day in range(15, 20):
        result = detector.update(counts[:, day], DAYS[day])
        shuffled = other.update(counts[order, day], DAYS[day])
        pd.testing.assert_frame_equal(result.iloc[order].reset_index(drop=True), shuffled)
        score = result["anomaly_score"].dropna()
        assert ((score >= 0) & (score < 1)).all()
        assert not result.loc[result["p_value"].isna(), "flagged"].any()


def test_bins_moved_are_explained():
    counts, _, _ = sellers(16, volume=2000)
    now = counts[:, 30].copy()
    now[2, 3] += 1500
    detector = CollectionDetector(mode="faithful", threshold="tail").fit(counts[:, :30], DAYS[:30])
    table = detector.explain(now, DAYS[30], entities=[2, 0])
    assert table["entity"].drop_duplicates().tolist() == [2, 0]
    of_farmed = table[(table["entity"] == 2) & (table["part"] == "shape")]
    assert of_farmed["share"].idxmax() == of_farmed.index[3]
    assert of_farmed["share"].abs().sum() == pytest.approx(1)
    assert of_farmed["observed"].iloc[3] > of_farmed["upper"].iloc[3]
    volume = table[(table["entity"] == 2) & (table["part"] == "volume")].iloc[0]
    assert volume["observed"] == now[2].sum() > volume["upper"]
    assert set(detector.explain(now, DAYS[30])["entity"]) >= {2}
    detector.update(now, DAYS[30])
    why = detector.explanation(now, DAYS[31], entities=[2])
    assert why.nearest[0, 0] == int(DAYS[30].timestamp())


def test_divergences_have_a_base():
    counts, _, _ = sellers(17)
    nats, bits = (
        CollectionDetector(mode="faithful", base=base).fit(counts[:, :30], DAYS[:30]).judge(counts[:, 30], DAYS[30])
        for base in (np.e, 2)
    )
    assert bits.divergence == pytest.approx(nats.divergence / np.log(2))
    assert bits.p_value == pytest.approx(nats.p_value)


def test_tables_of_any_kind_are_taken_and_pandas_keeps_its_index():
    import polars as pl
    import pyarrow as pa

    counts, _, _ = sellers(18)
    detector = CollectionDetector(mode="faithful").fit(counts[:, :30].tolist(), [str(day) for day in DAYS[:30]])
    frame = pd.DataFrame(counts[:, 30], index=list("abcdef")).astype(float)
    frame.columns = frame.columns.astype(str)
    kinds = [frame, pl.from_pandas(frame), pa.Table.from_pandas(frame, preserve_index=False), counts[:, 30].tolist()]
    scores = [detector.anomaly_score(kind, "2026-03-01") for kind in kinds]
    assert all(np.array_equal(score, scores[0]) for score in scores)
    assert detector.update(frame, DAYS[30].tz_localize(None)).index.tolist() == list("abcdef")


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([[1, 2], [3, -1]], "negative"),
        ([[1, 2], [3, 0.5]], "not whole"),
        ([[1, 2], [3, np.nan]], "missing or infinite"),
        ([[1, 2], [3, np.inf]], "missing or infinite"),
        ([[1, 2], [3, 10**14]], "above 10"),
        ([["a", "b"], ["c", "d"]], "array of numbers|holds no numbers"),
        ([[1, 2]], "shape"),
        ([[1, 2, 3], [1, 2, 3]], "shape"),
        ([[1, 2], [3]], "array of numbers"),
        ([[None, 2], [3, 4]], "missing or infinite"),
    ],
)
def test_counts_that_are_none_are_refused(counts, message):
    detector = CollectionDetector(mode="faithful").fit(np.ones((2, 9, 2), int), DAYS[:9])
    with pytest.raises(InputError, match=message):
        detector.update(counts, DAYS[9])


def test_what_does_not_fit_is_refused():
    counts, fine, _ = sellers(19)
    detector = CollectionDetector(mode="faithful")
    with pytest.raises(InputError, match="learned nothing"):
        detector.update(counts[:, 30], DAYS[30])
    with pytest.raises(InputError, match="number of periods"):
        detector.fit(counts[:, :30], DAYS[:29])
    with pytest.raises(InputError, match="marks of anomalous"):
        detector.fit(counts[:, :30], DAYS[:30], anomalous=[1] * 30)
    with pytest.raises(NotEnoughData):
        detector.fit(counts[:, :0], [])
    with pytest.raises(InputError, match="finer spans"):
        CollectionDetector(mode="faithful", level=2).fit(counts[:, :30], DAYS[:30])
    detector.fit(counts[:, :30], DAYS[:30])
    with pytest.raises(InputError, match="after 2026-01-30"):
        detector.update(counts[:, 30], DAYS[29])
    with pytest.raises(InputError, match="fine was not given"):
        detector.update(counts[:, 30], DAYS[30], fine=fine[:, 30])
    with pytest.raises(InputError, match="a time"):
        detector.update(counts[:, 30], "yesterday-ish")
    with pytest.raises(InputError, match="positions"):
        detector.explain(counts[:, 30], DAYS[30], entities=[99])
    with pytest.raises(InputError, match="A state"):
        CollectionDetector().set_state(detector.get_state())
    with pytest.raises(InputError, match="other levels"):
        CollectionDetector(mode="faithful", level=2).set_state(detector.get_state())


@pytest.mark.parametrize(
    "setting",
    [
        {"mode": "faithfull"},
        {"level": 3},
        {"threshold": 10},
        {"threshold": "bayess"},
        {"alpha": 0.0},
        {"alpha": "guess"},
        {"algorithm": "dynamik"},
        {"target_fpr": 0.0},
        {"n_normal": 2},
        {"n_normal": 2.5},
        {"step_factor": 0},
        {"base": 1.0},
        {"timezone": "Mars/Base"},
        {"holidays": ["tomorrow"]},
    ],
)
def test_settings_out_of_range_are_named(setting):
    detector = CollectionDetector(**{"mode": "faithful", **setting})
    with pytest.raises(InputError, match=next(iter(setting))):
        detector.fit(np.ones((1, 9, 2), int), DAYS[:9])


def test_steps_and_bins():
    random = np.random.default_rng(20)
    values = random.normal(5, 2, 1_000)
    width = bin_width(values)
    assert width == pytest.approx(0.5 * values.std() * 1_000**-0.2)
    edges = edges_of_width(values.min(), values.max(), width)
    assert edges[-1] >= values.max() > edges[-2]
    expected = np.minimum(np.floor((values - edges[0]) / width), len(edges) - 2)
    assert np.array_equal(bins_of(values, edges), expected)
    assert bins_of(np.array([-99.0, 99.0, np.nan]), edges).tolist() == [0, len(edges) - 2, -1]
    with pytest.raises(InputError, match="differ"):
        bin_width(np.ones(5))
    with pytest.raises(InputError, match="Too many bins"):
        edges_of_width(0, 1, 1e-9)
    fine = random.poisson(5, (3, 6, 48))
    fine[0, 2] = 0
    fine[1] = 7
    fine[2] = 0
    found = sub_volume_step(fine, np.ones((3, 6), dtype=bool), 0.5)
    assert found[0] == pytest.approx(literal.step_of_eq_6(fine[0], 0.5))
    assert found[1] == 1.0
    assert np.isnan(found[2])
