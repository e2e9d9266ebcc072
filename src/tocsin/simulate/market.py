"""The market behind a simulated funnel: who takes part, how much traffic and which rates each leaf slice has.

Traffic is heavy-tailed (Zipf weights over each dimension times a log-normal a leaf); it follows the local hour and
weekday of each country, at fixed offsets from UTC (no daylight saving). All shocks are multiplicative and log-normal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["COUNTRIES", "DIMENSIONS", "N_PARTNERS_MAX", "N_SDKS_MAX", "Market", "Rates", "draw_market", "draw_rates"]

DIMENSIONS = ("country", "app", "partner", "sdk")

COUNTRIES: tuple[tuple[str, float, float], ...] = (
    ("US", -5, 2.6), ("IN", 5.5, 0.3), ("DE", 1, 1.9), ("BR", -3, 0.5), ("GB", 0, 2.1), ("JP", 9, 2.3),
    ("FR", 1, 1.6), ("ID", 7, 0.3), ("MX", -6, 0.5), ("TR", 3, 0.5), ("KR", 9, 2.2), ("CA", -5, 2.0),
    ("ES", 1, 1.2), ("IT", 1, 1.3), ("PL", 1, 0.8), ("VN", 7, 0.3), ("PH", 8, 0.3), ("TH", 7, 0.5),
    ("EG", 2, 0.3), ("SA", 3, 1.1), ("ZA", 2, 0.6), ("NG", 1, 0.2), ("AR", -3, 0.4), ("CO", -5, 0.4),
    ("CL", -4, 0.6), ("NL", 1, 1.8), ("SE", 1, 1.9), ("NO", 1, 2.2), ("FI", 2, 1.7), ("UA", 2, 0.4),
    ("RO", 2, 0.6), ("GR", 2, 0.8), ("PT", 0, 1.0), ("IE", 0, 1.9), ("CH", 1, 2.6), ("AT", 1, 1.8),
    ("BE", 1, 1.6), ("DK", 1, 2.1), ("CZ", 1, 0.9), ("AU", 10, 2.2),
)  # fmt: skip
"""ISO 3166 code, hours ahead of UTC, mean payout of an install; by falling traffic."""

N_PARTNERS_MAX = 26
N_SDKS_MAX = 12
_SDK_RELEASES = (
    "5.2.0",
    "5.1.3",
    "5.1.0",
    "5.0.2",
    "4.12.1",
    "4.11.0",
    "4.10.4",
    "4.9.0",
    "4.8.2",
    "4.7.0",
    "4.6.1",
    "4.5.0",
)
_SDKS_PER_APP = 2

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """Everything that does not change with time.

    values       : for each of `DIMENSIONS` the names, by falling traffic
    codes        : (n_leaves, 4) into `values`
    traffic      : (n_leaves,) mean views an hour
    click_logit, install_logit : (n_leaves,)
    payout       : (n_leaves,) mean revenue of an install
    utc_offset   : (n_countries,) hours
    weekend      : (n_apps,) log of the factor on Saturdays and Sundays
    """

    values: tuple[tuple[str, ...], ...]
    codes: npt.NDArray[np.int64]
    traffic: Floats
    click_logit: Floats
    install_logit: Floats
    payout: Floats
    utc_offset: Floats
    weekend: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """What every cell is drawn from, arrays (n_leaves, n_hours): mean of views, clicks a view, installs a click."""

    views: Floats
    clicks: Floats
    installs: Floats


def draw_market(
    rng: np.random.Generator,
    *,
    n_countries: int,
    n_apps: int,
    n_partners: int,
    n_sdks: int,
    views_per_hour: float,
) -> Market:
    """Draw who takes part: each app runs two SDK versions, and a partner serves about 60 % of country x app."""
    sizes = (n_countries, n_apps, n_partners, n_sdks)
    values = (
        tuple(code for code, _, _ in COUNTRIES[:n_countries]),
        tuple(f"app {number}" for number in range(1, n_apps + 1)),
        tuple(f"partner {chr(ord('A') + number)}" for number in range(n_partners)),
        _SDK_RELEASES[:n_sdks],
    )
    codes = _leaves(rng, sizes)
    country, app, partner, sdk = codes.T
    n = len(codes)
    weights = [np.arange(1, size + 1) ** -power for size, power in zip(sizes, (1.0, 0.9, 0.7, 0.7), strict=True)]
    traffic = np.prod([weight[code] for weight, code in zip(weights, codes.T, strict=True)], axis=0)
    traffic = traffic * rng.lognormal(0.0, 1.0, n)
    click_logit = -3.1 + rng.normal(0, 0.15, n_countries)[country] + rng.normal(0, 0.35, n_apps)[app]
    click_logit = click_logit + rng.normal(0, 0.25, n_partners)[partner] + rng.normal(0, 0.15, n)
    install_logit = -1.5 + rng.normal(0, 0.3, n_sdks)[sdk] + rng.normal(0, 0.3, n_apps)[app]
    install_logit = install_logit + rng.normal(0, 0.2, n_countries)[country] + rng.normal(0, 0.15, n)
    payout = np.array([mean for _, _, mean in COUNTRIES])[country] * rng.lognormal(0.0, 0.3, n_apps)[app]
    return Market(
        values=values,
        codes=codes,
        traffic=traffic * (views_per_hour / traffic.sum()),
        click_logit=click_logit,
        install_logit=install_logit,
        payout=payout,
        utc_offset=np.array([hours for _, hours, _ in COUNTRIES[:n_countries]], dtype=float),
        weekend=rng.normal(0.15, 0.1, n_apps),
    )


def _leaves(rng: np.random.Generator, sizes: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """The combinations that exist; every country x app has at least its first partner."""
    n_countries, n_apps, n_partners, n_sdks = sizes
    n_used = min(_SDKS_PER_APP, n_sdks)
    runs = np.argsort(rng.random((n_apps, n_sdks)) * np.arange(1, n_sdks + 1) ** 0.7, axis=1)[:, :n_used]
    serves = rng.random((n_countries, n_apps, n_partners)) < 0.6
    serves[:, :, 0] = True
    country, app, partner = np.nonzero(serves)
    sdk = runs[app].reshape(-1)
    return np.column_stack([np.repeat(part, n_used) for part in (country, app, partner)] + [sdk])


def draw_rates(rng: np.random.Generator, market: Market, hours: npt.NDArray[np.int64]) -> Rates:
    """Season, shocks and overdispersion of every leaf and hour.

    Parameters
    ----------
    hours : (n_hours,) int64
        Hours since Monday 5 January 1970 00:00 UTC, consecutive.
    """
    country, app = market.codes[:, 0], market.codes[:, 1]
    local = hours[None, :] + market.utc_offset[:, None]
    hour_of_day = local % 24
    is_weekend = (local // 24) % 7 >= 5
    day = (hours - hours[0]) // 24
    n_leaves, n_days = len(market.codes), int(day[-1]) + 1
    n_pairs, pair = len(market.utc_offset) * len(market.weekend), country * len(market.weekend) + app

    season = 0.55 * np.cos(2 * np.pi * (hour_of_day - 20.5) / 24) + 0.2 * np.cos(4 * np.pi * (hour_of_day - 13) / 24)
    shock = _autoregressive(rng, len(hours), sd=0.06) + rng.normal(0, 0.03, season.shape)
    log_views = (season + shock)[country] + is_weekend[country] * market.weekend[app][:, None]
    log_views += rng.normal(0, 0.08, (n_pairs, n_days))[pair][:, day] + rng.normal(0, 0.12, (n_leaves, n_days))[:, day]
    log_views += rng.normal(0, 0.10, log_views.shape)

    click_logit = market.click_logit[:, None] + 0.06 * np.cos(2 * np.pi * (hour_of_day - 22) / 24)[country]
    click_logit += _autoregressive(rng, len(hours), sd=0.015) + rng.normal(0, 0.04, (n_pairs, n_days))[pair][:, day]
    click_logit += rng.normal(0, 0.05, (n_leaves, n_days))[:, day]
    install_logit = market.install_logit[:, None] + _autoregressive(rng, len(hours), sd=0.02)
    install_logit = install_logit + rng.normal(0, 0.06, (n_leaves, n_days))[:, day]
    return Rates(
        views=market.traffic[:, None] * np.exp(log_views - 0.16),  # e^0.16: the season's mean factor
        clicks=1 / (1 + np.exp(-click_logit)),
        installs=1 / (1 + np.exp(-install_logit)),
    )


def _autoregressive(rng: np.random.Generator, n: int, sd: float, memory: float = 0.6) -> Floats:
    """A stationary AR(1) series: what hits every slice of an hour at once, and lingers."""
    from scipy.signal import lfilter

    start = rng.normal(0, sd)
    noise = rng.normal(0, sd * np.sqrt(1 - memory**2), n)
    series, _ = lfilter([1.0], [1.0, -memory], noise, zi=np.array([memory * start]))
    return np.asarray(series, dtype=float)
