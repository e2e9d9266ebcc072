"""The calibrated mode on known truth: uniform p, power with damaged history, floors, q-values, other KPIs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.detectors.slice_funnel import DIMENSIONS, funnel
from tests.reference import counts_reference as literal
from tocsin import SliceDetector
from tocsin.detectors.slices.multiple import benjamini_hochberg, by_level, q_values
from tocsin.model import Facts, SliceStatus

DAYS = pd.date_range("2026-01-05", periods=61, tz="UTC")


def detector(**settings):
    return SliceDetector(**{"kpi": "clicks / views", "dimensions": DIMENSIONS, **settings})


def leaves(result):
    return result.dropna(subset=DIMENSIONS)


@pytest.fixture(scope="module")
def clean_leaves():
    rows = [leaves(detector().fit(a).score(b)) for a, b, _ in (funnel(seed, views=900.0) for seed in range(40, 50))]
    return pd.concat(rows).dropna(subset=["p_value"])


@pytest.mark.parametrize("band", [(5, 20), (20, 80), (80, np.inf)])
def test_p_values_are_uniform_at_every_level_of_traffic(clean_leaves, band):
    p = clean_leaves.loc[clean_leaves["expected_amount"].between(*band), "p_value"].to_numpy()
    assert len(p) > 1_000
    for level in (0.01, 0.05, 0.2, 0.5):
        error = np.sqrt(level * (1 - level) / len(p))
        assert (p < level).mean() == pytest.approx(level, abs=0.2 * level + 4 * error)


def test_damaged_history_costs_little_power():
    """A tenth of the history damaged, the same slices attacked: nearly as many are found, and few others."""
    share = {}
    for damaged in (0.01, 0.1):
        found, wanted, others = 0, 0, 0
        for seed in range(4):
            reference, recent, slices = funnel(
                seed, views=3_000, damaged=damaged, effect=lambda c, a: np.where((c * 60 + a) % 40 == 0, 0.4, 1.0)
            )
            recent = funnel(seed, views=3_000, effect=lambda c, a: np.where((c * 60 + a) % 40 == 0, 0.4, 1.0))[1]
            attacked = slices[np.arange(len(slices)) % 40 == 0]
            rows = leaves(detector().fit(reference).score(recent)).merge(
                attacked, on=DIMENSIONS, how="left", indicator=True
            )
            hit = rows["_merge"] == "both"
            found, wanted = found + (rows["flagged"] & hit).sum(), wanted + hit.sum()
            others += (rows["flagged"] & ~hit).sum()
        share[damaged] = found / wanted
        assert others <= 0.25 * (found + others)
    assert share[0.01] > 0.6
    assert share[0.1] > 0.8 * share[0.01]


def test_floors_take_flags_away_and_nothing_else():
    reference, recent, _ = funnel(6, views=3_000, effect=lambda c, a: np.where((c * 60 + a) % 20 == 0, 0.5, 1.0))
    bare = detector().fit(reference).score(recent)
    gap = (bare["amount"] - bare["expected_amount"]).abs()
    assert bare["flagged"].sum() > 10
    for settings, kept in (
        ({"min_relative": 0.6}, gap >= 0.6 * bare["expected_amount"]),
        ({"min_absolute": 100.0}, gap >= 100.0),
    ):
        floored = detector(**settings).fit(reference).score(recent)
        assert 0 < floored["flagged"].sum() < bare["flagged"].sum()
        assert (floored["flagged"] == (bare["flagged"] & kept)).all()
        assert floored["p_value"].equals(bare["p_value"])
        assert floored["q_value"].equals(bare["q_value"])
    least = detector(min_expected=200.0).fit(reference).score(recent)
    tested = least["status"] == "tested"
    assert (least.loc[tested, "expected_amount"] >= 200).all()
    assert (leaves(least[~tested])["expected_amount"].dropna() < 200).all()


def test_directions_share_the_tails():
    reference, recent, _ = funnel(7)
    down, up, both = (
        detector(direction=name).fit(reference).score(recent)["p_value"].to_numpy() for name in ("down", "up", "both")
    )
    tested = np.isfinite(both)
    assert (np.isfinite(down) == tested).all()
    assert down[tested] + up[tested] == pytest.approx(np.ones(tested.sum()), abs=5e-3)
    assert both[tested] == pytest.approx(np.minimum(1, 2 * np.minimum(down, up))[tested], abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_benjamini_hochberg_equals_its_definition(p_values):
    q = benjamini_hochberg(np.array(p_values))
    assert q == pytest.approx(literal.benjamini_hochberg(p_values), abs=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3)), min_size=1, max_size=40))
def test_levels_share_the_budget_equally_and_keep_the_order_of_p(tests):
    p, level = (np.array(column) for column in zip(*tests, strict=True))
    q = by_level(p, level)
    kinds = np.unique(level)
    scaled = [value * len(kinds) * (level == kind).sum() / len(p) for value, kind in zip(p, level, strict=True)]
    n = len(p)
    ranked = sorted(scaled)
    wanted = [min(1.0, *(n * ranked[j] / (j + 1) for j in range(n) if ranked[j] >= value)) for value in scaled]
    assert q == pytest.approx(wanted, abs=1e-12)
    for kind in kinds:
        order = np.argsort(p[level == kind], kind="stable")
        assert (np.diff(q[level == kind][order]) >= -1e-15).all()


def test_one_test_is_its_own_q_value():
    assert by_level(np.array([0.03]), np.array([0])) == pytest.approx([0.03])
    q, many = q_values(np.array([0.03, 0.5]), np.ones((2, 3)), np.array([0, 1]))
    assert many == ()
    assert q == pytest.approx([0.06, 0.5])


def test_false_discoveries_among_few_slices_stay_in_bounds():
    """48 leaves and 16 roll-ups, two leaves attacked: the mean share of flags that have nothing to do with them."""
    shares, found = [], 0
    for seed in range(30):
        reference, recent, _ = funnel(
            seed, n_countries=4, n_apps=12, views=4_000, effect=lambda c, a: np.where((c == 1) & (a < 2), 0.3, 1.0)
        )
        result = detector().fit(reference).score(recent)
        flagged = result[result["flagged"]]
        touched = flagged["country"].isin(["c1"]) | flagged["country"].isna()
        touched &= flagged["app"].isin(["a0", "a1"]) | flagged["app"].isna()
        shares.append((~touched).mean() if len(flagged) else 0.0)
        found += leaves(flagged).eval("country == 'c1' and app in ('a0', 'a1')").sum()
    assert np.mean(shares) < 0.17
    assert found > 30


def test_a_clean_month_of_few_slices_rings_rarely():
    n_windows = 0
    for seed in range(15):
        reference, recent, _ = funnel(100 + seed, n_countries=4, n_apps=12, views=4_000)
        n_windows += bool(detector().fit(reference).score(recent)["flagged"].any())
    assert n_windows <= 5  # at q = .1 one or two are expected


def facts_of(measures, silent=None):
    """Facts of a total and its parts from arrays (n_slices, n_windows), NaN = no row; the total is the first row."""
    first = next(iter(measures.values()))
    n_slices, n_windows = first.shape
    row, window = np.nonzero(np.isfinite(first))
    starts = (pd.date_range("2026-01-05", periods=n_windows + 1, tz="UTC").as_unit("s").asi8).astype(np.int64)
    return Facts(
        ("s",),
        (np.array([f"v{k}" for k in range(n_slices - 1)], object),),
        np.arange(-1, n_slices - 1, dtype=np.int32)[:, None],
        starts,
        np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n_slices))]).astype(np.int64),
        window.astype(np.int32),
        {name: values[row, window] for name, values in measures.items()},
        np.zeros(n_windows, np.bool_) if silent is None else silent,
    )


def judged(measures, kpi, window=-1, **settings):
    facts = facts_of(measures)
    found = SliceDetector(kpi=kpi, dimensions=["s"], **settings)
    return found, found.judge(facts, facts.n_windows + window if window < 0 else window)


def with_total(values, total=None):
    return np.concatenate([(np.nansum(values, axis=0) if total is None else total)[None], values])


def test_distinct_counts_need_not_add_up():
    """Users who are seen in several slices: the total is far less than the sum of its parts."""
    random = np.random.default_rng(0)
    users = random.poisson(400, (30, 29)).astype(float)
    total = random.poisson(2_000, 29).astype(float)
    users[7, -1] *= 0.4
    _, scores = judged({"users": with_total(users, total)}, "users")
    assert np.flatnonzero(scores.flagged).tolist() == [8]
    assert scores.expected_amount[0] == pytest.approx(2_000, rel=0.05)
    assert scores.expected_amount[8] == pytest.approx(400, rel=0.1)


def test_means_and_revenue_per_order_are_judged_by_a_robust_interval():
    random = np.random.default_rng(1)
    orders = random.poisson(200, (40, 31)).astype(float)
    revenue = orders * np.exp(random.normal(3, 0.1, (40, 31)))
    revenue[5, -1] *= 0.5
    revenue[9, 12] *= 50  # a damaged window
    found, scores = judged({"revenue": with_total(revenue), "orders": with_total(orders)}, "revenue / orders")
    assert scores.flagged[6]
    assert scores.p_value[6] == np.nanmin(scores.p_value)
    assert scores.flagged.sum() <= 2
    assert scores.expected[6] == pytest.approx(np.exp(3), rel=0.1)
    assert scores.upper[10] < 2 * np.exp(3)
    assert any("fractional" in note for note in found.notes_)


def test_an_outage_to_nothing_and_a_slice_that_ends_its_life():
    """A count without a row is 0, judged against what was usual; a ratio without a row has nothing to be judged by."""
    random = np.random.default_rng(2)
    installs = random.poisson(50, (20, 29)).astype(float)
    views = installs * 10
    for values in (installs, views):
        values[3, -1] = np.nan
    _, scores = judged({"installs": with_total(installs)}, "installs")
    assert scores.flagged[4]
    assert scores.amount[4] == 0
    assert scores.share_of_total[4] == pytest.approx(-0.05, abs=0.01)
    _, ratio = judged({"installs": with_total(installs), "views": with_total(views)}, "installs / views")
    assert ratio.status[4] == SliceStatus.ABSENT
    assert not ratio.flagged[4]
    assert np.isnan(ratio.p_value[4])


def test_an_exception_in_the_calendar_moves_neither_the_level_nor_the_next_day():
    """A harmless peak of all slices is one row, the total; the day after it is as usual."""
    random = np.random.default_rng(3)
    values = random.poisson(300, (30, 30)).astype(float)
    values[:, 28] = random.poisson(600, 30)
    measures = {"x": with_total(values)}
    _, peak = judged(measures, "x", window=28)
    assert np.flatnonzero(peak.flagged).tolist() == [0]
    assert peak.common_factor == pytest.approx(2.0, rel=0.1)
    _, after = judged(measures, "x", window=29)
    assert not after.flagged.any()


def test_shares_of_the_total_add_up_over_a_level():
    random = np.random.default_rng(4)
    values = random.poisson(300, (30, 30)).astype(float)
    values[2, -1] = 20
    _, scores = judged({"x": with_total(values)}, "x")
    level = scores.share_of_total[1:]
    assert level.argmin() == 2
    deviation = scores.amount[1:] - scores.expected_amount[1:]
    assert level == pytest.approx(deviation / scores.expected_amount[0])


def test_a_wall_clock_grid_needs_its_time_zone():
    """Days in Berlin over the change of the clocks: whole windows with the zone, an error without."""
    from tocsin.errors import InputError

    days = pd.date_range("2026-03-01", periods=40, tz="Europe/Berlin")
    random = np.random.default_rng(5)
    table = pd.DataFrame([(day, f"v{k}", random.poisson(300)) for day in days for k in range(10)])
    table.columns = ["window_start", "s", "x"]
    halves = table[: 39 * 10], table[39 * 10 :]
    found = SliceDetector(kpi="x", dimensions=["s"], timezone="Europe/Berlin")
    result = found.fit(halves[0]).score(halves[1])
    assert len(result) == 11
    assert result["p_value"].notna().all()
    assert str(result["window_start"].dt.tz) == "Europe/Berlin"
    with pytest.raises(InputError, match="regular grid"):
        SliceDetector(kpi="x", dimensions=["s"]).fit(halves[0]).score(halves[1])
