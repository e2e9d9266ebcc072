"""ROI: against the literal algorithm, the closed form and scipy's t-test; and at the edges of its input."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.reference.roi_reference import one_budget, uniforms
from tocsin.errors import InputError, NotEnoughData
from tocsin.evaluate import NAIVE, ORACLE, roi
from tocsin.evaluate.roi import bid_probability, closed_form
from tocsin.kernels.auction import guide_table, simulate_purchases


def market(n=400, seed=0):
    """Visitors, cost, revenue, label and a score that knows the label half."""
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.1).astype(int)
    visitors = rng.lognormal(3, 1, n) * (1 + 3 * label)
    cost = rng.lognormal(0.5, 0.4, n)
    return visitors, cost, cost * rng.lognormal(0.3, 0.3, n), label, label + rng.normal(0, 0.7, n)


publishers = st.lists(
    st.tuples(
        st.integers(1, 9),  # visitors: whole, so that both ways of summing shares agree to the last bit
        st.sampled_from([0.0, 0.5, 1.0, 2.25]),
        st.sampled_from([-1.0, 0.0, 1.5, 4.0]),
        st.sampled_from([0.0, 0.25, 1.0]),
    ),
    min_size=1,
    max_size=8,
).filter(lambda rows: any(cost * bid > 0 for _, cost, _, bid in rows))


@given(publishers, st.integers(0, 2**64 - 1), st.lists(st.sampled_from([0.1, 1.0, 3.0, 7.5, 20.0]), min_size=1))
@settings(max_examples=60, deadline=None)
def test_the_kernel_is_the_literal_algorithm(rows, seed, budgets):
    visitors, cost, revenue, bid = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    bids = np.column_stack([bid, np.where(bid > 0, 1.0, 0.0)])
    rising = np.unique(budgets)
    cumulative = np.cumsum(visitors) / visitors.sum()
    spent, earned = simulate_purchases(
        cumulative, guide_table(cumulative), bids, cost, revenue, rising, 3, np.uint64(seed)
    )
    for simulation in range(3):
        for bidder in range(2):
            for k, budget in enumerate(rising):
                expected = one_budget(
                    visitors.tolist(), bids[:, bidder], cost, revenue, budget, uniforms(seed, simulation)
                )
                assert (spent[simulation, bidder, k], earned[simulation, bidder, k]) == pytest.approx(expected)


def test_a_large_budget_reaches_the_closed_form():
    visitors, cost, revenue, label, score = market()
    result = roi({"half": score}, visitors, cost, revenue, label, budgets=[20_000], n_simulations=40)
    p = np.ones(len(label))
    p[np.argsort(-score)[: label.sum()]] = 0
    literal = (visitors * p * revenue * (1 - label)).sum() / (visitors * p * cost).sum()
    line = result.table.set_index("detector").loc["half"]
    assert line["roi_limit"] == pytest.approx(literal)
    assert line["roi"] == pytest.approx(literal, rel=0.01)
    assert closed_form(p[:, None], visitors, cost, revenue, label)[0] == pytest.approx(literal)


def test_requests_are_common_to_all_bidders():
    """A copy of a detector does exactly as well, and what it does depends on neither the others nor their order."""
    visitors, cost, revenue, label, score = market()
    rest = (visitors, cost, revenue, label)
    both = roi({"first": score, "copy": score * 2 + 1}, *rest, n_simulations=50)
    alone = roi({"copy": score}, *rest, n_simulations=50)
    assert both.detectors == (NAIVE, "first", "copy", ORACLE)
    np.testing.assert_array_equal(both.roi[:, 1], both.roi[:, 2])
    np.testing.assert_array_equal(both.roi[:, 2], alone.roi[:, 1])
    np.testing.assert_array_equal(both.roi[:, 0], alone.roi[:, 0])
    longer = roi({"copy": score}, *rest, n_simulations=70, budgets=[500, 1000])
    np.testing.assert_array_equal(longer.roi[:50, :, :2], alone.roi[:, :, :2])
    other = roi({"copy": score}, *rest, n_simulations=50, random_state=1)
    assert not np.array_equal(other.roi[:, 0], alone.roi[:, 0])


def test_p_values_are_the_paired_one_sided_t_test():
    visitors, cost, revenue, label, score = market()
    noise = np.random.default_rng(5).normal(size=len(label))
    result = roi({"half": score, "noise": noise}, visitors, cost, revenue, label, n_simulations=30, budgets=[50, 90])
    places = {name: place for place, name in enumerate(result.detectors)}
    assert len(result.comparisons) == 4 * 3 * 2
    for line in result.comparisons.itertuples():
        ours, theirs = (result.roi[:, places[name], result.budgets.index(line.budget)] for name in line[1:3])
        assert line.p_value == pytest.approx(stats.ttest_rel(ours, theirs, alternative="greater").pvalue)
        assert line.gain == pytest.approx(ours.mean() / theirs.mean() - 1)


def test_gain_orders_naive_half_and_oracle():
    visitors, cost, revenue, label, score = market()
    result = roi({"half": score}, visitors, cost, revenue, label, n_simulations=2_000)
    lines = result.table.set_index(["detector", "budget"])
    for budget in result.budgets:
        naive, half, oracle = (lines.loc[(name, budget)] for name in (NAIVE, "half", ORACLE))
        assert naive["gain"] == 0
        assert naive["p_value"] == 1
        assert 0 < half["gain_lower"] < half["gain"] < half["gain_upper"] < oracle["gain"]
        assert half["p_value"] < 1e-3
    assert result.blocked_share == label.mean()


def test_the_interval_covers_the_gain_of_the_limit():
    visitors, cost, revenue, label, score = market()
    covered = []
    for seed in range(60):
        table = roi(
            {"half": score}, visitors, cost, revenue, label, budgets=[4_000], n_simulations=100, random_state=seed
        ).table.set_index("detector")
        limit = table.loc["half", "roi_limit"] / table.loc[NAIVE, "roi_limit"] - 1
        covered.append(table.loc["half", "gain_lower"] <= limit <= table.loc["half", "gain_upper"])
    assert np.mean(covered) > 0.85


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, np.nan]), min_size=1, max_size=30), st.floats(0, 0.99))
def test_the_blocked_number_is_exact_whatever_ties(scores, share):
    values = np.array(scores)
    bids = bid_probability(values, share)
    n_blocked = min(round(share * len(values)), int((~np.isnan(values)).sum()))
    assert (1 - bids).sum() == pytest.approx(n_blocked)
    assert (bids[np.isnan(values)] == 1).all()
    for low in np.unique(values[~np.isnan(values)]):
        assert len(np.unique(bids[values == low])) == 1
        assert (bids[values < low].min(initial=1) >= bids[values == low].max()) or n_blocked == 0


def test_without_labels_every_request_earns_and_there_is_no_oracle():
    visitors, cost, revenue, _, score = market()
    result = roi({"half": score}, visitors, cost, revenue, n_simulations=20)
    assert result.detectors == (NAIVE, "half")
    assert result.blocked_share == 0.01
    naive = result.table.set_index("detector").loc[NAIVE, "roi_limit"].iloc[0]
    assert naive == pytest.approx((visitors * revenue).sum() / (visitors * cost).sum())


def test_no_fraud_blocks_nobody():
    visitors, cost, revenue, label, score = market()
    result = roi({"half": score}, visitors, cost, revenue, label * 0, n_simulations=20)
    assert result.blocked_share == 0
    assert (result.table["gain"] == 0).all()
    assert (result.table["p_value"] == 1).all()


def test_rows_that_are_not_known_are_left_out_and_counted():
    visitors, cost, revenue, label, score = (np.asarray(column, dtype=float) for column in market())
    for place, column in enumerate((visitors, cost, revenue, label)):
        column[place] = np.nan
    score[10:13] = np.nan
    result = roi({"half": score}, visitors, cost, revenue, label, n_simulations=20)
    assert (result.n_left_out, result.n_publishers) == (4, 396)
    assert result.n_unscored == {"half": 3}
    clean = [column[4:] for column in (visitors, cost, revenue, label)]
    np.testing.assert_array_equal(result.roi, roi({"half": score[4:]}, *clean, n_simulations=20).roi)


def test_zero_cost_losses_and_budgets_below_every_cost():
    free = roi({}, [1, 1], [0, 2], [1, 1], [False, False], budgets=[100], n_simulations=500)
    assert free.table["roi_limit"].tolist() == [1.0, 1.0]
    assert free.table["roi"].to_numpy() == pytest.approx(1.0, rel=0.02)
    losing = roi({}, [1, 1], [1, 1], [-1, -3], [0, 0], budgets=[1_000], n_simulations=50)
    assert losing.table["roi"].to_numpy() == pytest.approx(-2.0, rel=0.05)
    assert losing.table["gain"].isna().all()
    poor = roi({}, [1, 1], [5, 5], [9, 9], [0, 1], budgets=[4, 100], n_simulations=10)
    assert poor.n_idle == 2 * 10
    assert poor.table.loc[poor.table["budget"] == 4, "roi"].isna().all()
    assert poor.table.loc[poor.table["budget"] == 100, "roi"].notna().all()


GOOD = {"visitors": [5, 5], "cost": [1, 1], "revenue": [2, 2], "label": [0, 1]}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"visitors": [-1, 5]}, "Visitors"),
        ({"cost": [-1, 5]}, "Cost"),
        ({"cost": [np.inf, 5]}, "finite"),
        ({"revenue": [1, -np.inf]}, "Revenue"),
        ({"label": [1, 2]}, "0 \\(honest\\) and 1"),
        ({"label": ["fraud", "honest"]}, "label"),
        ({"label": [0]}, "as many as"),
        ({"cost": [0, 0]}, "above 0"),
        ({"visitors": [[5, 5]]}, "one dimension"),
        ({"scores": {"half": [1]}}, "half"),
        ({"scores": {"half": ["a", "b"]}}, "half"),
        ({"scores": {"oracle": [1, 2]}}, "oracle"),
        ({"budgets": []}, "budgets"),
        ({"budgets": [0]}, "budgets"),
        ({"budgets": [np.nan]}, "budgets"),
        ({"n_simulations": 1}, "n_simulations"),
        ({"n_simulations": 10**9}, "Simulations x bidders"),
        ({"blocked_share": 1.0}, "blocked share"),
        ({"budgets": [1e12]}, "unit of cost"),
        ({"blocked_share": 0.99, "scores": {"all": [1, 1]}}, "all bids on"),
    ],
)
def test_wrong_input_is_named(wrong, said):
    with pytest.raises(InputError, match=said):
        roi(**{"scores": {}, **GOOD, **wrong})


@pytest.mark.parametrize("wrong", [{"label": [1, 1]}, {"visitors": [0, 0]}, {"cost": [np.nan, np.nan]}])
def test_nothing_to_judge_is_an_answer(wrong):
    with pytest.raises(NotEnoughData):
        roi({}, **{**GOOD, **wrong})


def test_ten_thousand_simulations_are_a_matter_of_seconds():
    rng = np.random.default_rng(0)
    visitors, cost, revenue, label, score = market(5_000)
    scores = {f"detector {k}": score + rng.normal(0, 1, len(score)) for k in range(4)}
    begin = time.process_time()
    result = roi(scores, visitors, cost, revenue, label)
    assert time.process_time() - begin < 15
    assert result.roi.shape == (10_000, 6, 5)
