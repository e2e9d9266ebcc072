"""The faithful mode equals the article's literal loop, in all three bootstraps, and says what it costs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from tests.reference import article_reference as literal
from tocsin import SliceDetector
from tocsin.detectors.slices.faithful import (
    article_scores,
    bootstrap_size,
    false_alarm_share,
    percentile_rule,
)

ARTICLE = ["actual_value", "bootstrapped_mean", "within_z_score_range", "within_iqr_range"]
WINDOWS = 12
DAYS = pd.date_range("2026-01-05", periods=WINDOWS + 1, tz="UTC")


@njit
def independent_draws(n_slices, n_bootstrap, n, seed):
    """The places that the compiled generator draws after `seed`, slice by slice, resample by resample."""
    np.random.seed(seed)  # noqa: NPY002
    draws = np.empty((n_slices, n_bootstrap, n), np.int64)
    for i in range(n_slices):
        for b in range(n_bootstrap):
            for j in range(n):
                draws[i, b, j] = np.random.randint(0, n)  # noqa: NPY002
    return draws


def tables(values):
    """Reference and recent long tables of (n_slices, WINDOWS + 1) values, NaN = no row; the KPI is x / d with d = 1."""
    row, window = np.nonzero(np.isfinite(values))
    table = pd.DataFrame({"window_start": DAYS[window], "s": row.astype(str), "x": values[row, window], "d": 1.0})
    recent = window == WINDOWS
    return table[~recent], table[recent]


def article_detector(**settings):
    defaults = {"kpi": "x / d", "dimensions": ["s"], "mode": "faithful", "random_state": 3, "n_bootstrap": 200}
    return SliceDetector(**{**defaults, **settings})


def with_gaps(seed, n_slices=40):
    """Heavy-tailed values, ties among the old ones; every slice has 3 to WINDOWS old values."""
    random = np.random.default_rng(seed)
    values = random.gamma(0.7, 1.0, (n_slices, WINDOWS + 1))
    values[:, :WINDOWS] = values[:, :WINDOWS].round(1)
    for i in range(n_slices):
        missing = random.choice(WINDOWS, random.integers(0, WINDOWS - 2), replace=False)
        values[i, missing] = np.nan
    return values


def draws_of(bootstrap, sizes, n_bootstrap, seed):
    """{number of old values: draws for each slice with that many}, from the detector's seed."""
    random = np.random.default_rng(seed)
    found = {}
    for n in sorted(set(sizes)):
        count = sizes.count(n)
        if bootstrap == "shared":
            found[n] = [random.integers(0, n, (n_bootstrap, n))] * count
        else:
            found[n] = list(independent_draws(count, n_bootstrap, n, int(random.integers(2**31))))
    return found


@pytest.mark.parametrize("bootstrap", ["shared", "independent"])
def test_every_slice_equals_the_literal_loop(bootstrap):
    values = with_gaps(1)
    reference, recent = tables(values)
    result = article_detector(bootstrap=bootstrap).fit(reference).score(recent)
    result = result.assign(place=result["s"].astype(int)).sort_values("place")
    order = result["s"].to_numpy()
    old = {name: group.sort_values("window_start")["x"].to_numpy() for name, group in reference.groupby("s")}
    # the detector's slices are in the order of their texts
    names = sorted(old)
    draws = draws_of(bootstrap, [len(old[name]) for name in names], 200, 3)
    of_slice = {name: draws[len(old[name])].pop(0) for name in names}
    for name, (_, row) in zip(order, result.iterrows(), strict=True):
        means = literal.resampled_means(old[name], of_slice[name])
        wanted = literal.judged(row["value"], means)
        if wanted["deviation"] < 1e-12:
            assert row["status"] != "tested"
            continue
        assert row["bootstrapped_mean"] == pytest.approx(wanted["bootstrapped_mean"], rel=1e-10)
        assert row["actual_value"] == values[int(name), WINDOWS]
        assert row["upper"] - row["expected"] == pytest.approx(2 * wanted["deviation"], rel=1e-9)
        for field in ARTICLE[2:]:
            assert bool(row[field]) == wanted[field], (name, field)
        assert bool(row["flagged"]) == (not (wanted["within_z_score_range"] and wanted["within_iqr_range"]))


def test_both_arms_of_the_rule_flag():
    """With few resamples the quartiles may lie so close together that the fence alone decides."""
    values = np.random.default_rng(4).gamma(0.3, 1.0, (400, WINDOWS + 1))
    reference, recent = tables(values)
    result = article_detector(n_bootstrap=6).fit(reference).score(recent).query("status == 'tested'")
    z, fence = result["within_z_score_range"].astype(bool), result["within_iqr_range"].astype(bool)
    for both in ((z & fence), (~z & fence), (z & ~fence), (~z & ~fence)):
        assert both.any()
    assert (result["flagged"] == ~(z & fence)).all()


@pytest.mark.parametrize("n", [8, 30])
def test_the_analytic_limit_is_within_monte_carlo_error_of_many_resamples(n):
    random = np.random.default_rng(n)
    old = np.concatenate([random.normal(5, 1, (15, n)), random.gamma(2.0, 1.0, (15, n))])
    sizes = np.full(len(old), n)
    exact = article_scores(old, sizes, bootstrap="analytic", n_bootstrap=2, random=random)
    n_bootstrap = 40_000
    many = article_scores(old, sizes, bootstrap="shared", n_bootstrap=n_bootstrap, random=random)
    sd = exact.deviation
    assert exact.mean == pytest.approx(old.mean(axis=1), rel=1e-12)
    assert sd == pytest.approx(old.std(axis=1) / np.sqrt(n), rel=1e-9)
    assert (np.abs(many.mean - exact.mean) < 5 * sd / np.sqrt(n_bootstrap)).all()
    assert (np.abs(many.deviation / sd - 1) < 5 / np.sqrt(2 * n_bootstrap)).all()
    # the quartile's own error is 1.36 sd / sqrt B; where one value rules a few, means have gaps that no expansion knows
    for ours, theirs in ((exact.first_quartile, many.first_quartile), (exact.third_quartile, many.third_quartile)):
        error = np.abs(ours - theirs) / sd
        assert np.median(error) < 3 * 1.36 / np.sqrt(n_bootstrap)
        assert error.max() < 2.0 / n


@pytest.mark.parametrize("bootstrap", ["shared", "independent", "analytic"])
def test_what_cannot_be_tested_is_not_flagged(bootstrap):
    values = np.random.default_rng(0).normal(10, 1, (6, WINDOWS + 1))
    values[0] = 7.0  # constant, and as ever
    values[1, :WINDOWS], values[1, WINDOWS] = 7.0, 9.0  # constant, then it moves
    values[2, : WINDOWS - 1] = np.nan  # a single old value
    values[3, :WINDOWS] = 0.1 + 0.2  # constant, with a rounding error in its mean
    values[4, :WINDOWS] = np.nan  # no old value
    reference, recent = tables(values)
    result = article_detector(bootstrap=bootstrap).fit(reference).score(recent).set_index("s")
    for name in "01234":
        assert result.loc[name, "status"] == "no_history"
        assert not result.loc[name, "flagged"]
        assert np.isnan(result.loc[name, ["p_value", "q_value", "anomaly_score"]].astype(float)).all()
    assert result.loc["5", "status"] == "tested"
    assert result.loc["1", "bootstrapped_mean"] == pytest.approx(7.0)


def test_the_output_is_the_articles_and_the_notes_state_the_price():
    reference, recent = tables(np.random.default_rng(0).normal(10, 1, (50, WINDOWS + 1)))
    found = article_detector().fit(reference)
    result = found.score(recent)
    assert set(ARTICLE) <= set(result.columns)
    assert result["s"].notna().all()  # the article knows no roll-ups
    share = float(false_alarm_share(WINDOWS))
    assert any(f"{share:.0%} of clean slices" in note for note in found.notes_)


def test_the_law_of_false_alarms():
    """2 P(T_{n-1} > 2 sqrt((n - 1) / n) / sqrt(n + 1)): integrated by hand, and simulated with the detector."""
    from scipy import integrate, special

    for n, known in ((7, 0.54), (30, 0.73), (90, 0.84)):
        m = n - 1
        top = np.exp(special.gammaln((m + 1) / 2) - special.gammaln(m / 2)) / np.sqrt(m * np.pi)
        limit = 2 * np.sqrt(m / n) / np.sqrt(n + 1)
        tail, _ = integrate.quad(lambda t, top=top, m=m: top * (1 + t * t / m) ** (-(m + 1) / 2), limit, np.inf)
        assert float(false_alarm_share(n)) == pytest.approx(2 * tail, rel=1e-6)
        assert float(false_alarm_share(n)) == pytest.approx(known, abs=0.005)
    assert (np.diff(false_alarm_share(np.array([3, 7, 14, 30, 1_000]))) > 0).all()
    n_slices = 6_000
    values = np.random.default_rng(5).normal(100, 1, (n_slices, WINDOWS + 1))
    result = article_detector(bootstrap="analytic").fit(tables(values)[0]).score(tables(values)[1])
    error = np.sqrt(0.25 / n_slices)
    assert result["flagged"].mean() == pytest.approx(float(false_alarm_share(WINDOWS)), abs=4 * error)


RANGES = ((5, 50.0), (12, 80.0), (30, 95.0))


@settings(max_examples=200)
@given(
    st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=40),
    st.integers(-6, 6).map(float),
)
def test_the_percentile_rule_takes_the_range_of_the_number_of_values(old, value):
    found = bool(percentile_rule(np.array(old), value, RANGES))
    fitting = [share for fewest, share in RANGES if len(old) >= fewest]
    assert found == (bool(fitting) and bool(literal.outside_central(old, value, fitting[-1])))


def test_no_level_under_two_by_n_plus_one_can_be_reached_by_percentiles():
    random = np.random.default_rng(6)
    n, n_slices = 30, 4_000
    outside = [percentile_rule(row[:n], row[n], ((1, 100.0),)) for row in random.random((n_slices, n + 1))]
    assert np.mean(outside) == pytest.approx(2 / (n + 1), abs=4 * np.sqrt(0.06 / n_slices))


def test_the_loop_that_sizes_the_bootstrap_ends_on_agreement_and_is_capped_without():
    random = np.random.default_rng(7)
    old = random.normal(0, 1, (40, 30))
    assert bootstrap_size(old, old, random=random) == (1, True)
    assert bootstrap_size(old, old + 0.6, random=random, most=6) == (6, False)
    # a weak agreement is enough where it is asked for
    factor, ended = bootstrap_size(old, random.normal(0, 1, (40, 30)), random=random, agreeing=0.2)
    assert ended
    assert factor == 1


def test_larger_samples_agree_less_which_is_why_the_loop_needs_its_cap():
    random = np.random.default_rng(8)
    old, recent = random.normal(0, 1, (60, 25)), random.normal(0, 1, (60, 25))
    reached = [bootstrap_size(old, recent, random=random, agreeing=share, most=8)[1] for share in (0.3, 0.999)]
    assert reached == [True, False]
