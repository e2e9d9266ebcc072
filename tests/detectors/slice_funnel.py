"""Small simulated funnels for the tests of the slices detector."""

import numpy as np
import pandas as pd

DIMENSIONS = ["country", "app"]


def funnel(
    seed=0, *, n_countries=12, n_apps=60, n_windows=28, tau=0.08, effect=None, views=600.0, damaged=0.0, freq="D"
):
    """(reference, recent, slices): log-linear rates, gamma noise, a shared shock; effect = factor of each rate."""
    random = np.random.default_rng(seed)
    n = n_countries * n_apps
    country, app = np.divmod(np.arange(n), n_apps)
    rate = 0.05 * np.exp(random.normal(0, 0.3, n_countries)[country] + random.normal(0, 0.3, n_apps)[app])
    mean_views = views * np.exp(random.normal(0, 1.2, n))
    shape = (n, n_windows + 1)
    noise = random.gamma(1 / tau**2, tau**2, shape) * np.exp(random.normal(0, 0.04, n_windows + 1))
    p = rate[:, None] * noise
    p = np.where(random.random(shape) < damaged, p * 0.3, p)
    if effect is not None:
        p[:, -1] *= effect(country, app)
    seen = random.poisson(mean_views[:, None], shape)
    clicks = random.binomial(seen, np.minimum(p, 0.95))
    times = pd.date_range("2026-01-05", periods=n_windows + 1, freq=freq, tz="UTC")
    row, window = np.nonzero(seen)
    table = pd.DataFrame(
        {
            "window_start": times[window],
            "country": np.char.add("c", country.astype(str))[row],
            "app": np.char.add("a", app.astype(str))[row],
            "views": seen[row, window],
            "clicks": clicks[row, window],
        }
    )
    is_recent = window == n_windows
    slices = pd.DataFrame({"country": np.char.add("c", country.astype(str)), "app": np.char.add("a", app.astype(str))})
    return table[~is_recent].reset_index(drop=True), table[is_recent].reset_index(drop=True), slices
