"""What is common to all slices, and what is only large: known truth; and a window judged within a longer history."""

import numpy as np
import pandas as pd
import pytest

from tocsin import SliceDetector
from tocsin.detectors.slices.tables import read_rows, rows_to_slices
from tocsin.model import Facts

DIMENSIONS = ["country", "partner", "sdk"]
SIZES = (10, 6, 5)
PARTNER, COUNTRY = 1, 0


def market(seed, amount, factor, n_windows=29, of_views=False):
    """Daily views and clicks of country x partner x sdk; in the last window `factor(codes)` times as many."""
    random = np.random.default_rng(seed)
    codes = np.stack(np.unravel_index(np.arange(int(np.prod(SIZES))), SIZES))
    # traffic falls with the rank of each value: the first partner has a third of it
    views = (
        amount
        * np.prod([1 / (1 + row) ** 0.7 for row in codes], axis=0)
        * np.exp(random.normal(0, 0.5, codes.shape[1]))
    )
    rate = 0.06 * np.exp(random.normal(0, 0.3, SIZES[0])[codes[0]] + random.normal(0, 0.2, codes.shape[1]))
    shape = (codes.shape[1], n_windows)
    change = np.ones(shape)
    change[:, -1] = factor(codes)
    shared = np.append(random.normal(0, 0.03, n_windows - 1), 0.0)
    noise = np.exp(random.normal(0, 0.08, shape) + shared)
    traffic = views[:, None] * np.exp(random.normal(0, 0.1, shape))
    seen = random.poisson(traffic * (change if of_views else 1))
    clicks = random.poisson(traffic * rate[:, None] * noise * (1 if of_views else change))
    leaf, window = np.indices(shape).reshape(2, -1)
    table = {name: np.char.add(name, row[leaf].astype(str)) for name, row in zip(DIMENSIONS, codes, strict=True)}
    days = pd.date_range("2026-01-05", periods=n_windows, tz="UTC")
    return pd.DataFrame({"window_start": days[window], **table, "views": seen.ravel(), "clicks": clicks.ravel()})


def facts_of(table, measures, depth=2):
    denominator = measures[1] if len(measures) > 1 else None
    rows = read_rows(table, DIMENSIONS, measures, denominator)
    return rows_to_slices(rows, DIMENSIONS, measures, depth=depth, timezone="UTC")


def judged(table, kpi):
    facts = facts_of(table, kpi.split(" / "))
    return facts, SliceDetector(kpi=kpi, dimensions=DIMENSIONS, depth=2).judge(facts, facts.n_windows - 1)


def untouched(facts, dimension):
    """Slices that fix the troubled dimension to another value: nothing happened to them."""
    first = facts.values[dimension].tolist().index(f"{DIMENSIONS[dimension]}0")
    return (facts.codes[:, dimension] >= 0) & (facts.codes[:, dimension] != first)


@pytest.mark.parametrize(
    ("name", "dimension", "factor", "kpi", "of_views"),
    [
        ("a partner's clicks explode", PARTNER, 4.0, "clicks / views", False),
        ("an SDK counts nothing any more", 2, 0.02, "clicks / views", False),
        ("a country is promoted", COUNTRY, 2.5, "views", True),
    ],
)
def test_a_local_trouble_is_not_taken_for_common(name, dimension, factor, kpi, of_views):
    p_values, factors, flags = [], [], 0
    for seed in range(4):
        table = market(seed, 20_000, lambda codes: np.where(codes[dimension] == 0, factor, 1.0), of_views=of_views)
        facts, scores = judged(table, kpi)
        clean = untouched(facts, dimension)
        troubled = next(
            i
            for i in range(facts.n_slices)
            if facts.slice_at(i).items == ((DIMENSIONS[dimension], f"{DIMENSIONS[dimension]}0"),)
        )
        assert scores.flagged[troubled]
        p_values.append(scores.p_value[clean & np.isfinite(scores.p_value)])
        factors.append(scores.common_factor)
        flags += int((scores.flagged & clean).sum())
    p = np.concatenate(p_values)
    assert len(p) > 250
    assert np.abs(np.log(factors)).max() < 0.06
    assert np.mean(p < 0.01) < 0.03
    assert np.mean(p < 0.05) < 0.1
    assert flags < 0.1 * len(p)


@pytest.mark.parametrize("common", [0.85, 1.3])
def test_what_moves_everything_alike_is_the_common_factor(common):
    for seed in range(3):
        facts, scores = judged(market(seed, 20_000, lambda codes: np.full(codes.shape[1], common)), "clicks / views")
        assert scores.common_factor == pytest.approx(common, rel=0.06)
        assert scores.flagged[0]
        assert scores.flagged[1:].sum() <= 1, facts.n_slices


def later(facts: Facts, since: int) -> Facts:
    """The same facts from one window on, without the slices that have no row there."""
    keep = facts.window >= since
    owner = np.repeat(np.arange(facts.n_slices), np.diff(facts.indptr))[keep]
    n_facts = np.bincount(owner, minlength=facts.n_slices)
    rows = np.flatnonzero(n_facts)
    return Facts(
        facts.dimensions,
        facts.values,
        facts.codes[rows],
        facts.starts[since:],
        np.concatenate([[0], np.cumsum(n_facts[rows])]).astype(np.int64),
        (facts.window[keep] - since).astype(np.int32),
        {name: values[keep] for name, values in facts.measures.items()},
        facts.silent[since:],
    )


@pytest.mark.parametrize("kpi", ["clicks / views", "clicks", "payout", "profit"])
@pytest.mark.parametrize("mode", ["calibrated", "faithful"])
def test_a_window_is_judged_by_its_own_history_alone(kpi, mode):
    """What lies before `since`, after the window, and slices that have no row between change no score."""
    table = market(5, 4_000, lambda codes: np.where(codes[1] == 2, 0.5, 1.0), n_windows=40)
    starts = table["window_start"].unique()
    random = np.random.default_rng(0)
    table["payout"] = table["clicks"] * 0.37
    table["profit"] = table["clicks"] - random.exponential(20, len(table))
    old, new = table["window_start"] < starts[10], table["window_start"] > starts[35]
    table["clicks"] = table["clicks"].astype(float)
    table.loc[old, ["clicks", "payout"]] = -7.5  # neither a count nor a sum of payments
    table.loc[(old | new) & (table["country"] == "country3"), "country"] = "country elsewhere"
    measures = kpi.split(" / ")
    facts = facts_of(table, measures)
    alone = later(facts_of(table[~new], measures), 10)
    settings = {"kpi": kpi, "dimensions": DIMENSIONS, "mode": mode, "n_bootstrap": 50, "random_state": 0, "depth": 2}
    within, by_itself = SliceDetector(**settings), SliceDetector(**settings)
    long, short = within.judge(facts, 35, since=10), by_itself.judge(alone, 25)
    assert within.notes_ == by_itself.notes_
    place = {facts.slice_at(i): i for i in range(facts.n_slices)}
    rows = np.array([place[alone.slice_at(i)] for i in range(alone.n_slices)])
    for name in ("p_value", "q_value", "expected", "lower", "upper", "flagged", "status", "share_of_total"):
        assert np.array_equal(getattr(long, name)[rows], getattr(short, name), equal_nan=True), name
    assert np.isfinite(long.p_value[rows]).sum() > 50
    others = np.setdiff1d(np.arange(facts.n_slices), rows)
    assert len(others)
    assert np.isnan(long.p_value[others]).all()
    for ours, theirs in zip(within.history(int(rows[3])), by_itself.history(3), strict=True):
        assert np.array_equal(ours, theirs + 10 if ours.dtype == np.int64 else theirs)
    assert all(len(column) == 0 for column in within.history(int(others[0])))
