"""A seeded table of publishers, one row each, of whom about one in a hundred defrauds advertisers in one of four ways.

Fourteen attributes of mixed kinds, as an advertising platform knows them. Traffic depends on country, category and
popularity; page views, click rate, conversion rate, price and share of programmatic demand depend on those; hosting and
the age of the domain on the site's standing. A fraud breaks these dependences while each attribute alone stays
plausible: most of its deviation shows only among publishers of the same context. Some honest publishers look odd, too:
they are what a detector has to leave alone.

The size follows the private advertising set of the ConOut paper (18,959 publishers, 14 attributes, 208 frauds).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError
from tocsin.simulate.fraud import HOSTING, NOISE, FraudSettings
from tocsin.simulate.market import COUNTRIES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ATTRIBUTES", "simulate_publishers"]

ATTRIBUTES = MappingProxyType(
    {
        "country": "where most visitors live (ISO 3166)",
        "category": "what the site is about",
        "hosting": "shared, cloud, dedicated or own network",
        "secure": "the site is served over HTTPS only",
        "visitors": "a month",
        "impressions": "ads shown, a month",
        "ctr": "clicks an impression",
        "conversion_rate": "purchases and installs a click; 0 without clicks",
        "price": "paid for 1,000 impressions",
        "dsp_share": "share of impressions sold through demand-side platforms",
        "mobile_share": "share of impressions on phones and tablets",
        "session_seconds": "mean length of a visit",
        "domain_age_days": "since the domain was registered, at most 30 years",
        "domains_on_host": "other domains at the same address, and this one",
    }
)
"""The columns and what they mean."""
N_COUNTRIES = 12
CATEGORIES = ("news", "games", "video", "sport", "shopping", "music", "finance", "travel", "forum", "recipes")
MAX_PUBLISHERS = 5_000_000

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MARKET_SEED = 2018
"""Countries and categories are the same whatever the random state, as they are in life."""
_POPULARITY = 1.0
"""What one standard deviation of popularity adds to the log of visitors."""


@dataclass(slots=True, eq=False)
class _Sites:
    """What is drawn of every publisher before its attributes: arrays (n,)."""

    country: Ints
    category: Ints
    popularity: Floats
    noise: dict[str, Floats]
    ring: Ints
    scheme: Ints
    severity: Floats
    odd: npt.NDArray[np.bool_]
    host: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Market:
    """Effects of a country and a category on each attribute, log or logit; what a country's publishers write about."""

    country: dict[str, Floats]
    category: dict[str, Floats]
    taste: Floats

    def effect(self, name: str, sites: _Sites) -> Floats:
        return self.country[name][sites.country] + self.category[name][sites.category]


def simulate_publishers(
    n_publishers: int = 18_959,
    fraud_share: float = 208 / 18_959,
    random_state: int = 0,
    *,
    settings: FraudSettings | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulate publishers of an advertising platform over a month.

    Parameters
    ----------
    n_publishers : int
        1 to 5,000,000.
    fraud_share : float
        0 to 1; the number of frauds is the nearest whole number.
    random_state : int
        The same number gives the same tables.
    settings : FraudSettings, optional
        How fraud is done.

    Returns
    -------
    table : pandas.DataFrame
        (n_publishers, 14), described in `ATTRIBUTES`: country, category, hosting (categories), secure (bool), visitors,
        impressions, domain_age_days, domains_on_host (int64), ctr, conversion_rate, dsp_share, mobile_share (0 to 1),
        price, session_seconds (float64).
    truth : pandas.DataFrame
        The same rows: label (1 = fraud), scheme ("none" where honest), severity (0 where honest), ring (-1), odd (an
        honest publisher that looks strange) and revenue (of 1,000 impressions that people see, in the unit of price; a
        fraud's, which would be that of its price, never comes in).

    Raises
    ------
    InputError
        A size or share out of range.

    Examples
    --------
    >>> table, truth = simulate_publishers(2_000, 0.01, random_state=1)
    >>> table.shape, int(truth["label"].sum())
    ((2000, 14), 20)
    """
    settings = settings or FraudSettings()
    if not 1 <= n_publishers <= MAX_PUBLISHERS:
        raise InputError("The number of publishers", allowed=f"1 to {MAX_PUBLISHERS:,}", got=n_publishers)
    if not 0 <= fraud_share <= 1:
        raise InputError("The share of fraud", allowed="0 to 1", got=fraud_share)
    n_frauds = round(n_publishers * fraud_share)
    streams = np.random.SeedSequence(random_state).spawn(3)
    sites_rng, fraud_rng, counts_rng = (np.random.default_rng(stream) for stream in streams)
    market = _draw_market(np.random.default_rng(_MARKET_SEED))
    sites = _draw_sites(sites_rng, market, n_publishers, settings)
    _plant_rings(fraud_rng, sites, n_frauds, settings)
    return _tables(counts_rng, market, sites, settings)


def _draw_market(rng: np.random.Generator) -> _Market:
    """What a country and a category do to each attribute; prices follow what an install pays in a country."""
    spread = {
        "visitors": (0.0, 0.5), "impressions": (0.05, 0.35), "ctr": (0.15, 0.40), "conversion_rate": (0.25, 0.40),
        "price": (0.15, 0.30), "dsp_share": (0.30, 0.30), "mobile_share": (0.50, 0.50), "session_seconds": (0.05, 0.35),
        "domain_age_days": (0.15, 0.20), "domains_on_host": (0.15, 0.10),
    }  # fmt: skip
    country = {name: rng.normal(0, sd, N_COUNTRIES) for name, (sd, _) in spread.items()}
    category = {name: rng.normal(0, sd, len(CATEGORIES)) for name, (_, sd) in spread.items()}
    rank = np.arange(1, N_COUNTRIES + 1)
    country["visitors"] += 0.8 - 0.5 * np.log(rank)
    country["price"] += 0.6 * np.log([payout for _, _, payout in COUNTRIES[:N_COUNTRIES]])
    category["price"] += 0.4 * category["ctr"] + 0.3 * category["conversion_rate"]
    category["session_seconds"] += 0.5 * category["impressions"]
    return _Market(country, category, taste=rng.gamma(1.5, size=(N_COUNTRIES, len(CATEGORIES))))


def _draw_sites(rng: np.random.Generator, market: _Market, n: int, settings: FraudSettings) -> _Sites:
    """Honest publishers, some of them odd."""
    weight = np.arange(1, N_COUNTRIES + 1) ** -0.8
    country = rng.choice(N_COUNTRIES, n, p=weight / weight.sum())
    edges = np.cumsum(market.taste / market.taste.sum(axis=1, keepdims=True), axis=1)
    category = np.minimum((rng.random(n)[:, None] > edges[country]).sum(axis=1), len(CATEGORIES) - 1)
    noise = {name: rng.normal(0, sd, n) for name, sd in NOISE.items()}
    noise["standing"] = rng.normal(0, 0.66, n)
    odd = rng.random(n) < settings.odd_share
    distance = settings.odd_strength * rng.lognormal(0, 0.35, (n, len(NOISE))) * rng.choice([-1.0, 1.0], (n, 1))
    place = rng.random((n, len(NOISE))).argsort(axis=1)  # the attributes at the first one to three places are odd
    is_odd = odd[:, None] & (place < rng.integers(1, 4, n)[:, None])
    for column, (name, sd) in enumerate(NOISE.items()):
        noise[name] = noise[name] + is_odd[:, column] * distance[:, column] * sd
    nobody = np.full(n, -1)
    return _Sites(
        country=country,
        category=category,
        popularity=rng.normal(0, 1, n),
        noise=noise,
        ring=nobody.copy(),
        scheme=nobody.copy(),
        severity=np.zeros(n),
        odd=odd,
        host=nobody.copy(),
    )


def _plant_rings(rng: np.random.Generator, sites: _Sites, n_frauds: int, settings: FraudSettings) -> None:
    """Turn `n_frauds` publishers into rings: a ring is in one country and category and runs one scheme."""
    rows = rng.choice(len(sites.ring), n_frauds, replace=False)
    n_rings = max(round(n_frauds / settings.ring_size), 1)
    ring = np.sort(rng.integers(0, n_rings, n_frauds))
    first = rows[np.searchsorted(ring, ring)]
    sites.ring[rows], sites.scheme[rows] = ring, ring % len(settings.schemes)
    sites.country[rows], sites.category[rows] = sites.country[first], sites.category[first]
    spread = settings.severity_sigma * np.sqrt(0.5) * _spread_evenly(rng, n_rings)[ring]
    spread += rng.normal(0, settings.severity_sigma * np.sqrt(0.5), n_frauds)
    sites.severity[rows] = settings.severity_median * np.exp(spread)
    bought = np.maximum(rng.normal(settings.bought_traffic, settings.bought_sigma, n_frauds), 0)
    sites.odd[rows] = False
    sites.popularity[rows] = 0.8 * _spread_evenly(rng, n_rings)[ring] + rng.normal(0, 0.5, n_frauds)
    for name, sd in NOISE.items():
        shared = rng.normal(0, sd * 0.6, n_rings)[ring]  # what one hand runs is alike
        sites.noise[name][rows] = shared + rng.normal(0, sd * 0.8, n_frauds)
    sites.noise["visitors"][rows] += bought
    sites.popularity[rows] -= settings.camouflage * bought / _POPULARITY
    for code, scheme in enumerate(settings.schemes):
        run = rows[sites.scheme[rows] == code]
        for name, shift in scheme.shifts.items():
            sites.noise[name][run] += shift * sites.severity[run]
        if scheme.hosting is not None:
            sites.host[run] = HOSTING.index(scheme.hosting)


def _within_reach(value: Floats, is_fraud: npt.NDArray[np.bool_], reach: float) -> Floats:
    """Fraud's values beyond half the reach, drawn smoothly back into what honest publishers show."""
    honest = value[~is_fraud]
    if not len(honest):
        return value
    centre, sd = honest.mean(), max(honest.std(), 1e-9)
    z, half = (value - centre) / sd, reach / 2
    drawn_back = np.sign(z) * (half + half * np.tanh((np.abs(z) - half) / half))
    return np.where(is_fraud & (np.abs(z) > half), centre + sd * drawn_back, value)


def _spread_evenly(rng: np.random.Generator, n: int) -> Floats:
    """Standard normal numbers, one from each of n equal shares: few rings differ less from one seed to the next."""
    from scipy.special import ndtri

    return np.asarray(ndtri((rng.permutation(n) + rng.random(n)) / n), dtype=float)


def _tables(rng: np.random.Generator, market: _Market, sites: _Sites, settings: FraudSettings) -> tuple[Any, Any]:
    """The attributes from the sites, each given those before it."""
    import pandas as pd

    def category(codes: Ints, names: Sequence[str]) -> Any:
        return pd.Categorical(np.array(names, dtype=object)[codes], categories=list(names))

    popularity, noise, n = sites.popularity, sites.noise, len(sites.ring)

    def around(name: str, base: float, by_popularity: float = 0.0) -> Floats:
        value = base + market.effect(name, sites) + by_popularity * popularity + noise[name]
        return _within_reach(value, sites.ring >= 0, settings.reach)

    standing = 0.75 * popularity + noise["standing"]
    hosting = np.digitize(standing + rng.normal(0, 0.4, n), (0.2, 0.9, 1.8))
    hosting = np.where(sites.host >= 0, sites.host, hosting)
    visitors = 1 + rng.poisson(np.exp(np.minimum(around("visitors", 10.5, _POPULARITY), 20)))
    pages = around("impressions", 0.9, 0.10)
    impressions = visitors + rng.poisson(visitors * np.exp(pages))
    clicks = rng.binomial(impressions, _share(around("ctr", -5.4, -0.08)))
    conversions = rng.binomial(clicks, _share(around("conversion_rate", -3.0)))
    price = np.exp(around("price", 0.6, 0.15))
    dsp_share = _share(around("dsp_share", 0.2, 0.60))
    session = np.exp(around("session_seconds", 4.6, 0.08) + 0.6 * (pages - 0.9))
    age = np.exp(around("domain_age_days", 6.6) + 0.45 * standing)
    domains = np.exp(around("domains_on_host", 0.0) + np.array([3.0, 1.8, 0.6, 0.3])[hosting] - 0.25 * standing)
    columns = {
        "country": category(sites.country, [code for code, _, _ in COUNTRIES[:N_COUNTRIES]]),
        "category": category(sites.category, CATEGORIES),
        "hosting": category(hosting, HOSTING),
        "secure": rng.random(n) < _share(1.2 + 1.2 * standing),
        "visitors": visitors,
        "impressions": impressions,
        "ctr": (clicks / impressions).round(6),
        "conversion_rate": (conversions / np.maximum(clicks, 1)).round(5),
        "price": price.round(3),
        "dsp_share": dsp_share.round(4),
        "mobile_share": _share(around("mobile_share", 0.3)).round(4),
        "session_seconds": session.round(1),
        "domain_age_days": np.maximum(np.minimum(age, 10_950).astype(np.int64), 1),
        "domains_on_host": 1 + rng.poisson(np.minimum(domains, 1e6)),
    }
    truth = {
        "label": (sites.ring >= 0).astype(np.int64),
        "scheme": np.array(["none", *(scheme.name for scheme in settings.schemes)], dtype=object)[sites.scheme + 1],
        "severity": sites.severity,
        "ring": sites.ring,
        "odd": sites.odd,
        "revenue": (price * rng.lognormal(0.3, 0.25, n)).round(3),
    }
    return pd.DataFrame(columns), pd.DataFrame(truth)


def _share(logit: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logit)), dtype=float)
