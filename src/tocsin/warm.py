"""`python -m tocsin.warm`: compile the kernels now (and keep them) instead of in the first window that is judged.

numba compiles a kernel when it is first called, and caches it beside the source or in the user's cache folder. All
lenses are some 80 CPU seconds; an installation that runs this spends them once.
"""

from __future__ import annotations

from datetime import timedelta

__all__ = ["warm"]


def warm() -> None:
    """Compile the kernels of every lens."""
    warm_slices()
    warm_tables()
    warm_collections()
    warm_series()
    warm_purchases()


def warm_tables() -> None:
    """Score one small table of numbers and categories."""
    import pandas as pd

    from tocsin.detectors.contextual.con_out import ConOut
    from tocsin.detectors.contextual.isolation_forest import IsolationForest

    table = pd.DataFrame({"number": range(0, 80, 2), "category": ["a", "b"] * 20})
    IsolationForest(n_trees=2).fit(table).anomaly_score(table)
    for mode in ("calibrated", "faithful"):
        ConOut(mode=mode, random_state=0).fit(table).explain(table[:1])


def warm_collections() -> None:
    """Judge one day of a few sellers in both modes, with and without the finer spans of the day."""
    from tocsin.detectors.collections.detector import CollectionDetector
    from tocsin.simulate import simulate_sellers

    sellers = simulate_sellers(4, 20, alpha=0.3, evidence_days=14, random_state=0)
    days = sellers.periods
    for mode, level in (("calibrated", 1), ("faithful", "both")):
        for fine in (sellers.fine.astype("int64"), sellers.fine, None):
            detector = CollectionDetector(mode=mode, level=1 if fine is None else level)
            past, now = (None, None) if fine is None else (fine[:, :-1], fine[:, -1])
            detector.fit(sellers.counts[:, :-1], days[:-1], fine=past, anomalous=sellers.farmed[:, :-1])
            for entities in ([0], [0, 1]):  # rows of one entity are contiguous
                detector.explain(sellers.counts[:, -1], days[-1], fine=now, entities=entities)
            detector.update(sellers.counts[:, -1], days[-1], fine=now)


def warm_series() -> None:
    """Fit two short series, and score a few more points of them."""
    import numpy as np

    from tocsin.detectors.series import IID, HoltWinters, RandomCutForest, TailCalibration

    values = np.random.default_rng(0).normal(100.0, 1.0, (2, 60))
    for detector in (
        IID(),
        HoltWinters(season=12),
        HoltWinters(season=12, seasonal="multiplicative"),
        RandomCutForest(),
    ):
        detector.fit(values[:, :50]).update(values[:, 50:])
    TailCalibration(2).fit(values[:, :50]).surprise(values[:, 50:])
    warm_forecasts()


def warm_forecasts() -> None:
    """Forecast one point by a network that has learned nothing; that needs no torch."""
    import numpy as np

    from tocsin.detectors.series.deep_ar_tails import begin_tails, judge
    from tocsin.kernels.lstm import forecast_lstm
    from tocsin.kernels.running_scale import follow_scale

    one = np.ones((1, 1))
    follow_scale(one, *np.ones((4, 1)), 1.0, one.copy(), one.copy())
    weights = (np.ones((2, 4)), np.ones(4), np.ones((3, 1)), np.ones(3), np.ones(2))
    forecast_lstm(np.ones((1, 1, 1)), np.ones((1, 1, 2)), one.copy(), one.copy(), *weights, *np.ones((3, 1, 1)))
    judge(one, one > 0.0, begin_tails(one, one > 0.0, None), None, 0.99)


def warm_purchases() -> None:
    """Spend one small budget."""
    from tocsin.evaluate import roi

    roi({}, [1, 1], [1, 1], [1, 1], budgets=[2], n_simulations=2)


def warm_slices() -> None:
    """Judge one small window of a count, a ratio and an amount."""
    from tocsin.detectors.slices import SliceDetector
    from tocsin.simulate import simulate_funnel

    funnel = simulate_funnel(weeks=2, n_countries=8, n_apps=8, n_partners=2, n_sdks=2, troubles=())
    table = funnel.events.to_pandas().rename(columns={"ts": "window_start"})
    recent = table["window_start"] == funnel.end - timedelta(hours=1)
    for kpi in ("clicks / views", "views", "revenue"):
        detector = SliceDetector(kpi=kpi, dimensions=["country", "app", "partner"], depth=2)
        detector.fit(table[~recent]).score(table[recent])


if __name__ == "__main__":
    warm()
