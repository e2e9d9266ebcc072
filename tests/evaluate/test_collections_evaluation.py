"""Judging collections: rates, drift tests by their definitions, streams with their truth, power, the paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import roc_auc_score

from tocsin.errors import InputError, NotEnoughData
from tocsin.evaluate import (
    CollectionContestant,
    PaperSeller,
    Said,
    Stream,
    Trial,
    collection_contestants,
    compare_collections,
    half_point,
    measure_power,
    paper_tables,
    rates_of,
    roc_of,
    volume_bands,
)
from tocsin.evaluate.collections_drift import DRIFT_TESTS
from tocsin.evaluate.collections_published import ALPHAS, PAPER_ACCURACY, PAPER_RATES
from tocsin.farming import (
    bands_trials,
    hours_trials,
    own_draw,
    paper_sellers,
    shop_trials,
    simulated_draw,
    volumes_of_shop,
)
from tocsin.simulate import seller_records, simulate_sellers

ORACLE = CollectionContestant("oracle", lambda stream: _say(stream, stream.truth))
ASLEEP = CollectionContestant("asleep", lambda stream: _say(stream, np.zeros_like(stream.truth)))


def _say(stream, flagged):
    return Said(np.asarray(flagged), flagged.astype(float), flagged.astype(float))


# Rates


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 4)), min_size=2, max_size=60))
@settings(max_examples=60, deadline=None)
def test_rates_are_the_literal_shares(days):
    flagged, farmed, score = (np.array(part) for part in zip(*days, strict=True))
    rates = rates_of(flagged, farmed, score)
    hits, false = (flagged & farmed).sum(), (flagged & ~farmed).sum()
    assert rates.accuracy == pytest.approx((flagged == farmed).mean())
    if farmed.any() and not farmed.all():
        assert rates.tpr == pytest.approx(hits / farmed.sum())
        assert rates.fpr == pytest.approx(false / (~farmed).sum())
        assert rates.auc == pytest.approx(roc_auc_score(farmed, score))
        literal = [
            max((score[farmed] > t).mean() for t in [*score, -1] if (score[~farmed] > t).mean() <= rate + 1e-12)
            for rate in (0.1, 0.5)
        ]
        np.testing.assert_allclose(roc_of(score, farmed, (0.1, 0.5)), literal)
        assert roc_of(score, farmed, 1.0) == 1.0
        assert 0 <= rates.auc_se < 1
    else:
        assert np.isnan(rates.auc)
        assert np.isnan(roc_of(score, farmed, [0.1])).all()


def test_a_day_without_a_score_counts_as_the_lowest():
    assert rates_of([0, 0, 0], [1, 0, 0], [np.nan, 0.0, np.nan]).auc == pytest.approx(0.25)


# Drift tests


def tables(seed, n=40, n_bins=24):
    chance = np.random.default_rng(seed)
    shape = chance.dirichlet(np.full(n_bins, 0.5), n)
    reference = chance.poisson(3_000 * shape).astype(float) + (shape > 0.02)
    today = chance.poisson(100 * shape * chance.gamma(3.0, 1 / 3, shape.shape)).astype(float)
    today[:, 5] += 1
    return reference, today


def samples(counts):
    return np.repeat(np.arange(len(counts)), counts.astype(int))


def evidently_filled(shares):
    filled = shares.copy()
    least = min(shares[shares > 0])
    filled[filled == 0] = least / 1e6 if least <= 1e-4 else 1e-4
    return filled


@pytest.mark.parametrize("seed", range(3))
def test_drift_tests_are_those_of_evidently_and_alibi_detect(seed):
    reference, today = tables(seed)
    said = {name: test(reference, today) for name, test in DRIFT_TESTS.items()}
    for row, (before, now) in enumerate(zip(reference, today, strict=True)):
        used = before + now > 0
        p, q = before[used] / before.sum(), now[used] / now.sum()
        filled_p, filled_q = evidently_filled(p), evidently_filled(q)
        expected = {
            "PSI": ((filled_p - filled_q) * np.log(filled_p / filled_q)).sum(),
            "JS distance": jensenshannon(p, q),
            "Wasserstein": stats.wasserstein_distance(samples(before), samples(now)) / np.std(samples(before)),
        }
        for name, value in expected.items():
            assert said[name][0][row] == pytest.approx(value, rel=1e-9), name
            assert said[name][1][row] == (value >= 0.1), name
        answer = stats.ks_2samp(samples(before), samples(now), method="asymp")
        n, m = before.sum(), now.sum()
        assert said["KS"][0][row] == pytest.approx(answer.statistic * np.sqrt(n * m / (n + m)))
        assert said["KS"][1][row] == (answer.pvalue < 0.05)
        table = stats.chi2_contingency(np.stack([before, now])[:, used], correction=False)
        assert said["chi-square 2 x bins"][0][row] == pytest.approx(table.statistic)
        assert said["chi-square 2 x bins"][1][row] == (table.pvalue < 0.05)
        with np.errstate(divide="ignore"):
            plain = stats.chisquare(now[used], before[used] * (now.sum() / before.sum()))
        assert said["chi-square"][0][row] == pytest.approx(plain.statistic)
        assert said["chi-square"][1][row] == (plain.pvalue < 0.05)


@pytest.mark.parametrize("name", DRIFT_TESTS)
def test_drift_tests_answer_hostile_counts(name):
    cases = np.zeros((5, 24))
    cases[1, 3], cases[2, 3], cases[3], cases[4, 0] = 1, 1e12, 1e12, 1
    score, flagged = DRIFT_TESTS[name](np.roll(cases, 1, axis=0), cases)
    assert not np.isnan(score).any()
    assert flagged.dtype == bool


# Streams


def test_a_shops_copies_have_their_truth_and_start_in_different_weeks():
    days, volumes = volumes_of_shop(None, None)
    trials = shop_trials(days, volumes, copies=2)
    assert [trial.stream.alpha for trial in trials] == [0.1, 0.5]
    for trial in trials:
        stream = trial.stream
        clean = trial.kind == "none"
        assert clean.sum() == 2
        assert not stream.farmed[clean].any()
        assert stream.farmed[~clean, 30:].mean() == pytest.approx(stream.alpha, abs=0.04)
        np.testing.assert_array_equal(stream.counts.sum(axis=2), stream.fine.sum(axis=2))
        assert stream.farmed_counts.shape[1:] == (10, 24)
        for row in np.flatnonzero(trial.magnitude == 1.0):  # a farmed evidence day has twice the records
            np.testing.assert_array_equal(
                stream.farmed_counts[row].sum(axis=1), 2 * stream.counts[row, 20:30].sum(axis=1)
            )
        first = [tuple(row) for row in stream.counts[:, :20].sum(axis=2)]
        assert len(set(first)) > len(first) // 2


def test_volumes_of_a_shop_are_its_own_days(tmp_path):
    days = pd.date_range("2026-01-01", periods=90)
    long = pd.DataFrame({"shop_id": 5, "date": days, "count": 10 + np.arange(90)})
    long = pd.concat(
        [long.drop(index=range(10, 13)), pd.DataFrame({"shop_id": [6], "date": ["2025-01-01"], "count": [1]})]
    )
    periods, volumes = volumes_of_shop(long, "5")
    assert (periods[0], len(volumes), volumes[9:14].tolist()) == (days[0].tz_localize("UTC"), 90, [19, 0, 0, 0, 23])
    with pytest.raises(InputError, match="2 in the table"):
        volumes_of_shop(long, "7")
    with pytest.raises(InputError, match="--shop"):
        volumes_of_shop(long, None)
    with pytest.raises(NotEnoughData, match="shop 6"):
        volumes_of_shop(long, "6")


def test_real_shops_come_by_volume_a_set_each():
    days = pd.date_range("2026-01-01", periods=120)
    chance = np.random.default_rng(0)
    shops = [
        pd.DataFrame({"shop_id": shop, "date": days, "count": chance.poisson(size, 120)})
        for shop, size in enumerate([30] * 7 + [300] * 2 + [4])
    ]
    rare = shops[1].iloc[::2]  # open every other day: left out
    trials = bands_trials(pd.concat([shops[0], rare, *shops[2:]]), n_a_cell=1, without=("0",))
    assert {trial.stream.name: len(trial.kind) for trial in trials} == {
        "shops of about 30 a day": 5,
        "shops of about 300 a day": 2,
    }
    assert trials[0].kind.tolist() == ["centralised", "centralised", "equalised", "equalised", "independent"]
    with pytest.raises(NotEnoughData, match="nearly every day"):
        bands_trials(rare)


def test_a_table_of_hours_is_farmed_and_hostile_ones_are_refused():
    chance = np.random.default_rng(0)
    long = pd.DataFrame(
        {"date": np.repeat(pd.date_range("2026-01-01", periods=100), 24), "hour": np.tile(np.arange(24), 100)}
    ).assign(count=chance.poisson(20, 2_400))
    trials = hours_trials(long, name="bikes", repeats=2)
    assert [trial.kind[0] for trial in trials] == ["centralised", "independent"] * 2
    stream = trials[0].stream
    assert stream.fine is None
    totals = long.groupby("date")["count"].sum().to_numpy()
    np.testing.assert_array_equal(stream.counts[0].sum(axis=1), np.where(stream.farmed[0], 2, 1) * totals)
    with pytest.raises(InputError, match="hour"):
        hours_trials(long.rename(columns={"hour": "hr"}), name="bikes")
    with pytest.raises(InputError, match="0 to 23"):
        hours_trials(long.assign(hour=24), name="bikes")
    with pytest.raises(NotEnoughData, match="70 or more"):
        hours_trials(long.head(24 * 50), name="bikes")


def test_a_stream_must_have_clean_evidence():
    counts = np.ones((1, 3, 4), dtype=int)
    days = pd.date_range("2026-01-01", periods=3, tz="UTC")
    with pytest.raises(InputError, match="none that is farmed"):
        Stream("s", days, counts, None, np.ones((1, 3), dtype=bool), 1)
    with pytest.raises(InputError, match="1 to 2"):
        Stream("s", days, counts, None, np.zeros((1, 3), dtype=bool), 3)


def test_an_oracle_is_right_a_sleeper_finds_nothing_and_who_cannot_answer_is_named():
    days, volumes = volumes_of_shop(None, None)
    trials = shop_trials(days, volumes, cells=[("centralised", 0.5)], copies=2)

    def refuse(stream):
        raise InputError("The stream", allowed="another")

    result = compare_collections(trials, [ORACLE, ASLEEP, CollectionContestant("none", refuse)])
    rates = result.rates.set_index(["alpha", "kind", "detector"])
    assert rates.loc[(0.1, "centralised", "oracle"), ["tpr", "fpr", "accuracy", "auc", "found_at_1"]].tolist() == [
        1,
        0,
        1,
        1,
        1,
    ]
    assert rates.loc[(0.5, "independent", "asleep"), ["tpr", "fpr", "auc"]].tolist() == [0, 0, 0.5]
    assert np.isnan(rates.loc[(0.1, "none", "oracle"), "tpr"])
    judged = sum(int(trial.stream.judged.sum()) for trial in trials)
    assert result.seconds.set_index("detector")["collections"].to_dict() == {
        "oracle": judged,
        "asleep": judged,
        "none": 0,
    }
    assert result.failures["detector"].tolist() == ["none"]
    with pytest.raises(NotEnoughData):
        compare_collections(trials, [])


def test_drift_tests_find_a_large_burst():
    days, volumes = volumes_of_shop(None, None)
    trials = shop_trials(days, volumes, cells=[("centralised", 1.0)], copies=2)[:1]
    result = compare_collections(trials, collection_contestants(["PSI", "JS distance", "Wasserstein"]))
    found = result.rates[result.rates["kind"] == "centralised"]
    assert (found["tpr"] > 0.9).all()
    assert (found["auc"] > 0.98).all()
    with pytest.raises(InputError, match="did you mean 'PSI'"):
        collection_contestants(["PIS"])


# Power


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([0.0, 0.2, 0.8], (np.sqrt(0.5), False)),
        ([0.6, 0.7, 0.9], (0.1, True)),
        ([0.0, 0.1, 0.4], (np.nan, False)),
        ([np.nan, np.nan, np.nan], (np.nan, False)),
        ([0.0, 0.5, 0.4], (0.5, False)),
        ([np.nan, 0.0, 1.0], (np.sqrt(0.5), False)),
    ],
)
def test_the_half_point_is_interpolated_between_logarithms(found, expected):
    size, at_most = half_point([0.1, 0.5, 1.0], found)
    np.testing.assert_allclose(size, expected[0])
    assert at_most == expected[1]


def test_volumes_belong_to_the_nearest_band():
    assert volume_bands([0, 16, 17, 54, 55, 170, 5_400, 5_500]).tolist() == [-1, -1, 0, 0, 1, 1, 4, -1]


def test_power_of_a_detector_with_a_known_limit():
    """One that flags 1.75 times the usual volume finds large attacks, hardly small ones."""
    draw, bands = simulated_draw(n_a_band=3, n_days=60, alpha=0.3)
    trial = draw("equalised", 1.0)
    assert isinstance(trial, Trial)
    np.testing.assert_array_equal(trial.stream.farmed, draw("centralised", 0.1).stream.farmed)

    def by_volume(stream):
        records = stream.counts.sum(axis=2)
        usual = records[:, : stream.n_evidence].mean(axis=1, keepdims=True)
        score = records[:, stream.n_evidence :] / usual
        return Said(score > 1.75, score, score)

    result = measure_power(draw, bands, CollectionContestant("volume", by_volume), kinds=["equalised"],
                           magnitudes=(0.1, 1.0, 5.0))  # fmt: skip
    assert result.curves["band"].unique().tolist() == [30, 100, 300, 1_000, 3_000]
    assert (result.curves.loc[result.curves["magnitude"] == 5.0, "found"] > 0.9).all()
    assert (result.curves.loc[result.curves["magnitude"] == 0.1, "found"] < 0.5).all()
    assert (result.smallest["magnitude"].between(0.1, 5.0)).all()
    asleep = measure_power(draw, bands, ASLEEP, kinds=["equalised"], magnitudes=(0.1, 1.0))
    assert asleep.smallest["magnitude"].isna().all()
    with pytest.raises(InputError, match="rising"):
        measure_power(draw, bands, ASLEEP, kinds=["equalised"], magnitudes=(1.0, 0.1))
    with pytest.raises(NotEnoughData, match="16 to"):
        measure_power(draw, np.full(5, -1), ASLEEP, kinds=["equalised"])


def test_ones_own_records_are_counted_by_their_days_and_attacked():
    sellers = simulate_sellers(8, 45, alpha=0.0, random_state=2)
    records, _ = seller_records(sellers)
    draw, bands = own_draw(records, entity="seller", time="ts", n_a_band=2, alpha=0.2)
    trial = draw("independent", 0.5)
    assert len(trial.stream.counts) == len(bands) <= 8
    clean = ~trial.stream.farmed
    kept = {tuple(row) for row in sellers.honest.sum(axis=2)[:, :30]}
    assert {tuple(row) for row in trial.stream.counts.sum(axis=2)[:, :30]} <= kept
    assert trial.stream.farmed[:, 30:].any()
    assert clean[:, :30].all()
    with pytest.raises(InputError, match="did you mean 'seller'"):
        own_draw(records, entity="sellr", time="ts")
    with pytest.raises(NotEnoughData, match="40 or more"):
        own_draw(records[records["ts"] < "2026-01-20"], entity="seller", time="ts")


# The paper


def test_what_was_printed_agrees_with_itself():
    """An accuracy lies between the shares that its TPR and FPR say were right; 88 of 885 days are farmed at .1."""
    for (level, kind, alpha), (tpr, fpr) in PAPER_RATES.items():
        accuracy = PAPER_ACCURACY[level, kind][ALPHAS.index(alpha)]
        assert accuracy == pytest.approx(alpha * tpr + (1 - alpha) * (100 - fpr), abs=4.5), (level, kind, alpha)


def test_the_papers_seller_has_its_volumes_and_all_days_farmed():
    days, volumes = volumes_of_shop(None, None)
    (seller,), periods = paper_sellers(days, volumes, n_sellers=1)
    is_open = volumes[volumes > 0][:325]
    assert len(periods) == len(is_open)
    for part in (0, 1):
        np.testing.assert_array_equal(seller.honest[part].sum(axis=1), is_open)
        for kind in ("centralised", "equalised"):
            np.testing.assert_array_equal(seller.farmed[kind][part].sum(axis=1), 2 * is_open)
    np.testing.assert_array_equal(seller.farmed["equalised"][1], 2 * seller.honest[1])
    assert 10 < seller.honest[0].shape[1] < 80


def test_the_protocol_gives_what_faithful_mode_finds_beside_the_printed_figures():
    days, volumes = volumes_of_shop(None, None)
    sellers, periods = paper_sellers(days[:100], volumes[:100], n_sellers=2)
    result = paper_tables(sellers, periods, tables=["III", "IV", "II"], alphas=[0.1], runs=1, calibrated=False)
    rows = result.rows.set_index(["table", "kind"])
    assert rows.loc[("III", "centralised"), "paper_accuracy"].item() == pytest.approx(0.9740)
    assert rows.loc[("III", "centralised"), "tpr"].item() > 0.8
    assert rows.loc[("IV", "equalised"), "tpr"].item() > 0.8
    assert set(result.differences["table"]) == {"III", "IV"}
    roc = result.roc[(result.roc["level"] == 1) & (result.roc["kind"] == "centralised")]
    assert roc["tpr"].is_monotonic_increasing
    with pytest.raises(InputError, match="II, III"):
        paper_tables(sellers, periods, tables=["VII"])
    with pytest.raises(InputError, match="a seller"):
        paper_tables([], periods)
    assert isinstance(sellers[0], PaperSeller)


def test_the_calibrated_mode_stands_the_papers_test_without_being_told():
    days, volumes = volumes_of_shop(None, None)
    sellers, periods = paper_sellers(days[:90], volumes[:90], n_sellers=1)
    result = paper_tables(sellers, periods, tables=["V", "VI", "III"], alphas=[0.3], runs=1)
    rows = result.rows[result.rows["detector"] == "calibrated"].set_index("kind")
    assert (rows["tpr"] > 0.9).all()
    assert (rows["fpr"] < 0.1).all()
    assert (rows["auc"] > 0.95).all()
    assert rows["paper_accuracy"].isna().all()
    assert result.not_run == {}
    equations = result.thresholds.set_index("equation")
    assert equations.loc[4, "f1_sum"] == equations.loc[6, "f1_sum"]  # the same threshold in another form
    assert equations["f1_sum"].between(0, 4).all()
    assert len(result.rows[result.rows["table"] == "VI"]) == 3
