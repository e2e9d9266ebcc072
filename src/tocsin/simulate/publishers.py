"""A seeded table of publishers, one row each, of whom about one in a hundred defrauds advertisers in one of four ways.

Fourteen attributes of mixed kinds, as an advertising platform knows them. Traffic depends on country, category and
popularity; page views, click rate, conversion rate, price and share of programmatic demand depend on those; hosting and
the age of the domain on the site's standing. A fraud breaks these dependences while each attribute alone stays
plausible: most of its deviation shows only among publishers of the same context. Honest oddities are as frequent as
in real life and are not fraud: they are what a detector has to leave alone.

The manner follows the private advertising set of the ConOut paper (18,959 publishers, 14 attributes, 208 frauds).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError
from tocsin.simulate.market import COUNTRIES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ATTRIBUTES", "SCHEMES", "FraudSettings", "Scheme", "simulate_publishers"]

ATTRIBUTES = (
    "country", "category", "hosting", "secure", "visitors", "impressions", "clicks", "conversions", "price",
    "dsp_share", "mobile_share", "session_seconds", "domain_age_days", "domains_on_host",
)  # fmt: skip
N_COUNTRIES = 20
CATEGORIES = (
    "news", "games", "video", "sport", "shopping", "music", "finance", "travel", "health", "forum", "recipes", "jobs",
)  # fmt: skip
HOSTING = ("shared", "cloud", "dedicated", "own network")
MAX_PUBLISHERS = 5_000_000

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NOISE: Mapping[str, float] = MappingProxyType(
    {
        "visitors": 0.5, "impressions": 0.26, "clicks": 0.3, "conversions": 0.36, "price": 0.22, "dsp_share": 0.42,
        "mobile_share": 0.42, "session_seconds": 0.26, "domain_age_days": 0.54, "domains_on_host": 0.6,
    }
)  # fmt: skip
"""Standard deviation of an honest publisher around what its context lets expect: log of amounts and rates, logit of
shares. impressions are a visitor's, clicks an impression's, conversions a click's."""
_MARKET_SEED = 2018
"""Countries and categories are the same whatever the random state, as they are in life."""
_POPULARITY = 1.2
"""What one standard deviation of popularity adds to the log of visitors."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to defraud.

    Parameters
    ----------
    name : str
    sentence : str
        For people.
    shifts : mapping of attribute to float
        What one unit of severity adds to the log (of amounts and rates) or logit (of shares).
    hosting : str, optional
        Where its sites are always hosted.
    """

    name: str
    sentence: str
    shifts: Mapping[str, float]
    hosting: str | None = None


SCHEMES = (
    Scheme(
        "click farm",
        "People or scripts click on the ads of a site; hardly anybody buys, and the visits are short.",
        MappingProxyType({"clicks": 0.80, "conversions": -0.80, "session_seconds": -0.40, "mobile_share": 0.55}),
    ),
    Scheme(
        "impression long tail",
        "Small sites reload their pages for ads that nobody sees and sell nearly all of them programmatically.",
        MappingProxyType({"impressions": 0.75, "clicks": -0.75, "dsp_share": 0.75, "session_seconds": -0.30}),
    ),
    Scheme(
        "domain hopping",
        "Fresh domains, many to a host, receive bought traffic until they are found out.",
        MappingProxyType({"domain_age_days": -1.25, "domains_on_host": 1.15, "dsp_share": 0.50}),
        hosting="shared",
    ),
    Scheme(
        "price targeting",
        "Bots that carry the profiles of wealthy buyers raise the price of a site that converts nobody.",
        MappingProxyType({"price": 0.65, "conversions": -0.75, "dsp_share": 0.65}),
    ),
)


@dataclass(frozen=True, slots=True)
class FraudSettings:
    """How fraud is done, and what else is odd.

    Parameters
    ----------
    schemes : tuple of Scheme
        Rings take them in turn.
    ring_size : float
        Mean number of sites that one ring runs: same country, category, scheme, hosting and nearly the same severity.
    severity_median, severity_sigma : float
        A site's severity is log-normal, half of its variance the ring's; it multiplies a scheme's shifts.
    bought_traffic, bought_sigma : float
        Mean and standard deviation of what bought visits add to the log of a fraudulent site's visitors.
    camouflage : float
        0 to 1: the share of bought visits that is hidden by taking smaller sites, so that the number of visitors is
        that of an ordinary site of the same country and category.
    odd_share : float
        Share of honest publishers with one to three attributes far from what their context lets expect.
    odd_strength : float
        Mean distance of those, in standard deviations of the honest noise.
    """

    schemes: tuple[Scheme, ...] = SCHEMES
    ring_size: float = 6.0
    severity_median: float = 2.3
    severity_sigma: float = 0.4
    bought_traffic: float = 5.0
    bought_sigma: float = 0.5
    camouflage: float = 0.25
    odd_share: float = 0.08
    odd_strength: float = 2.7

    def __post_init__(self) -> None:
        if not self.schemes:
            raise InputError("FraudSettings.schemes", allowed="at least one Scheme", got=self.schemes)
        for scheme in self.schemes:
            unknown = set(scheme.shifts) - set(_NOISE)
            if unknown:
                raise InputError(f"The shifts of {scheme.name!r}", allowed=", ".join(_NOISE), got=sorted(unknown))
        ranges = {
            "ring_size": (1, 1e6), "severity_median": (0, 100), "severity_sigma": (0, 5), "bought_traffic": (0, 20),
            "bought_sigma": (0, 5), "camouflage": (0, 1), "odd_share": (0, 1), "odd_strength": (0, 100),
        }  # fmt: skip
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise InputError(f"FraudSettings.{name}", allowed=f"{low} to {high:g}", got=getattr(self, name))


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
        (n_publishers, 14), `ATTRIBUTES`: country, category, hosting (categories), secure (bool), visitors, impressions,
        clicks, conversions (int64, a month), price (paid for 1,000 impressions), dsp_share, mobile_share (0 to 1),
        session_seconds, domain_age_days, domains_on_host (int64).
    truth : pandas.DataFrame
        The same rows: label (1 = fraud), scheme ("none" where honest), severity (0 where honest), ring (-1), odd (an
        honest publisher that looks strange) and revenue (what 1,000 impressions there bring an advertiser as long as
        people see them; a fraud's never come in).

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
        "visitors": (0.0, 0.5), "impressions": (0.05, 0.35), "clicks": (0.15, 0.40), "conversions": (0.25, 0.40),
        "price": (0.15, 0.30), "dsp_share": (0.30, 0.30), "mobile_share": (0.50, 0.50), "session_seconds": (0.05, 0.35),
        "domain_age_days": (0.15, 0.20), "domains_on_host": (0.15, 0.10),
    }  # fmt: skip
    country = {name: rng.normal(0, sd, N_COUNTRIES) for name, (sd, _) in spread.items()}
    category = {name: rng.normal(0, sd, len(CATEGORIES)) for name, (_, sd) in spread.items()}
    rank = np.arange(1, N_COUNTRIES + 1)
    country["visitors"] += 0.8 - 0.5 * np.log(rank)
    country["price"] += 0.6 * np.log([payout for _, _, payout in COUNTRIES[:N_COUNTRIES]])
    category["price"] += 0.4 * category["clicks"] + 0.3 * category["conversions"]
    category["session_seconds"] += 0.5 * category["impressions"]
    return _Market(country, category, taste=rng.gamma(1.5, size=(N_COUNTRIES, len(CATEGORIES))))


def _draw_sites(rng: np.random.Generator, market: _Market, n: int, settings: FraudSettings) -> _Sites:
    """Honest publishers, some of them odd."""
    weight = np.arange(1, N_COUNTRIES + 1) ** -0.8
    country = rng.choice(N_COUNTRIES, n, p=weight / weight.sum())
    edges = np.cumsum(market.taste / market.taste.sum(axis=1, keepdims=True), axis=1)
    category = np.minimum((rng.random(n)[:, None] > edges[country]).sum(axis=1), len(CATEGORIES) - 1)
    noise = {name: rng.normal(0, sd, n) for name, sd in _NOISE.items()}
    noise["standing"] = rng.normal(0, 0.66, n)
    odd = rng.random(n) < settings.odd_share
    distance = settings.odd_strength * rng.lognormal(0, 0.35, (n, len(_NOISE))) * rng.choice([-1.0, 1.0], (n, 1))
    place = rng.random((n, len(_NOISE))).argsort(axis=1)  # the attributes at the first one to three places are odd
    is_odd = odd[:, None] & (place < rng.integers(1, 4, n)[:, None])
    for column, (name, sd) in enumerate(_NOISE.items()):
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
    spread = rng.normal(0, settings.severity_sigma * np.sqrt(0.5), n_rings)[ring]
    spread += rng.normal(0, settings.severity_sigma * np.sqrt(0.5), n_frauds)
    sites.severity[rows] = settings.severity_median * np.exp(spread)
    bought = np.maximum(rng.normal(settings.bought_traffic, settings.bought_sigma, n_frauds), 0)
    sites.odd[rows] = False
    sites.popularity[rows] = rng.normal(0, 0.8, n_rings)[ring] + rng.normal(0, 0.5, n_frauds)
    for name, sd in _NOISE.items():
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


def _tables(rng: np.random.Generator, market: _Market, sites: _Sites, settings: FraudSettings) -> tuple[Any, Any]:
    """The attributes from the sites, each given those before it."""
    import pandas as pd

    popularity, noise, n = sites.popularity, sites.noise, len(sites.ring)

    def around(name: str, base: float, by_popularity: float = 0.0) -> Floats:
        return base + market.effect(name, sites) + by_popularity * popularity + noise[name]

    standing = 0.75 * popularity + noise["standing"]
    hosting = np.digitize(standing + rng.normal(0, 0.4, n), (0.2, 0.9, 1.8))
    hosting = np.where(sites.host >= 0, sites.host, hosting)
    visitors = 1 + rng.poisson(np.exp(np.minimum(around("visitors", 9.5, _POPULARITY), 20)))
    pages = around("impressions", 0.9, 0.10)
    impressions = visitors + rng.poisson(visitors * np.exp(pages))
    clicks = rng.binomial(impressions, _share(around("clicks", -5.4, -0.08)))
    conversions = rng.binomial(clicks, _share(around("conversions", -3.0)))
    price = np.exp(around("price", 0.6, 0.15))
    dsp_share = _share(around("dsp_share", 0.2, 0.60))
    session = np.exp(around("session_seconds", 4.6, 0.08) + 0.6 * (pages - 0.9))
    age = np.exp(around("domain_age_days", 6.6) + 0.45 * standing)
    domains = np.exp(around("domains_on_host", 0.0) + np.array([3.0, 1.8, 0.6, 0.3])[hosting] - 0.25 * standing)
    columns = {
        "country": pd.Categorical.from_codes(sites.country, [code for code, _, _ in COUNTRIES[:N_COUNTRIES]]),
        "category": pd.Categorical.from_codes(sites.category, list(CATEGORIES)),
        "hosting": pd.Categorical.from_codes(hosting, list(HOSTING)),
        "secure": rng.random(n) < _share(1.2 + 1.2 * standing),
        "visitors": visitors,
        "impressions": impressions,
        "clicks": clicks,
        "conversions": conversions,
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
