"""Simulated funnels with known truth for the benchmark of the slices detector.

Rates are gamma-distributed around a log-linear mean (not the detector's own assumptions: its predictive distribution
is a mixture over tau^2 and its prior is normal), with a season whose phase differs by the first dimension, a shock
shared by all slices in a window, and damaged reference windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["Funnel", "Scenario", "simulate"]


@dataclass(frozen=True)
class Scenario:
    """One structure of a funnel; sizes of the dimensions, windows, noise."""

    name: str
    sizes: tuple[int, ...] = (20, 100)
    n_windows: int = 30
    hours: int = 24
    """Length of a window."""
    views_log_mean: float = 6.0
    views_log_sd: float = 1.8
    rate: float = 0.04
    tau: float = 0.1
    """Median of the slices' standard deviation of the log rate between windows."""
    tau_log_sd: float = 0.5
    shock_sd: float = 0.05
    season: float = 0.0
    """Amplitude of the log rate's daily (hourly windows) or weekly season."""
    own_phase: bool = False
    """Whether each value of the first dimension has its own phase (a time zone)."""
    damaged: float = 0.01
    count_only: bool = False
    """The KPI is a count without a denominator: views themselves."""
    kpi: str = "clicks / views"


@dataclass(frozen=True)
class Funnel:
    reference: pd.DataFrame
    recent: pd.DataFrame
    slices: pd.DataFrame
    """Dimensions, mean views, expected clicks, attacked."""
    dimensions: list[str]


def simulate(scenario: Scenario, seed: int, *, drop: float = 1.0, share: float = 0.0) -> Funnel:
    """A funnel in which `share` of the leaf slices have their rate multiplied by `drop` in the recent window."""
    random = np.random.default_rng([seed, len(scenario.name)])
    n_slices, n_windows = int(np.prod(scenario.sizes)), scenario.n_windows + 1
    codes = np.unravel_index(np.arange(n_slices), scenario.sizes)
    log_rate = np.log(scenario.rate) + random.normal(0, 0.3, n_slices)
    for dimension, size in enumerate(scenario.sizes):
        log_rate += random.normal(0, 0.3, size)[codes[dimension]]
    views_mean = np.exp(random.normal(scenario.views_log_mean, scenario.views_log_sd, n_slices))
    tau = scenario.tau * np.exp(random.normal(0, scenario.tau_log_sd, n_slices))
    phases = random.uniform(0, 1, scenario.sizes[0])[codes[0]] if scenario.own_phase else np.zeros(n_slices)
    period = 24 / scenario.hours if scenario.hours < 24 else 7.0
    cycle = 2 * np.pi * (np.arange(n_windows)[None, :] / period + phases[:, None])
    season = scenario.season * np.sin(cycle)
    shape = (n_slices, n_windows)
    views = random.poisson(views_mean[:, None] * np.exp(random.normal(0, 0.2, shape) + 0.3 * np.sin(cycle)))
    noise = random.gamma(1 / tau[:, None] ** 2, tau[:, None] ** 2, shape)
    rate = np.exp(log_rate[:, None] + season + random.normal(0, scenario.shock_sd, n_windows)) * noise
    is_damaged = random.random(shape) < scenario.damaged
    is_damaged[:, -1] = False
    rate = np.where(is_damaged, rate * random.uniform(0.05, 0.7, shape), rate)
    attacked = random.random(n_slices) < share
    rate[:, -1] *= np.where(attacked, drop, 1.0)
    if scenario.count_only:
        views = np.full(shape, 1)
        clicks = random.poisson(rate * views_mean[:, None])
        expected = np.exp(log_rate) * views_mean
    else:
        clicks = random.binomial(views, np.minimum(rate, 0.95))
        expected = np.exp(log_rate) * views_mean
    dimensions = [f"dimension_{k}" for k in range(len(scenario.sizes))]
    slices = pd.DataFrame({name: np.char.add(f"v{k}_", codes[k].astype(str)) for k, name in enumerate(dimensions)})
    slices["expected_clicks"], slices["attacked"] = expected, attacked
    row, window = np.nonzero(clicks if scenario.count_only else views)
    times = pd.Timestamp("2025-03-03", tz="UTC") + pd.to_timedelta(window * scenario.hours, unit="h")
    table = pd.DataFrame({"window_start": times, "views": views[row, window], "clicks": clicks[row, window]})
    for name in dimensions:
        table[name] = slices[name].to_numpy()[row]
    is_recent = window == n_windows - 1
    return Funnel(table[~is_recent].reset_index(drop=True), table[is_recent].reset_index(drop=True), slices, dimensions)
