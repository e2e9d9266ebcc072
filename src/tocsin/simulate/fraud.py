"""How simulated publishers defraud: four schemes, run by rings of sites that keep to what looks plausible.

A scheme shifts some attributes of a site away from what its context lets expect. Three things hide it: bought visits
go to smaller sites, no attribute leaves the range that honest publishers show (`FraudSettings.reach`), and honest
oddities are eight times as many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tocsin.errors import InputError

__all__ = ["HOSTING", "NOISE", "SCHEMES", "FraudSettings", "Scheme"]

HOSTING = ("shared", "cloud", "dedicated", "own network")
NOISE: Mapping[str, float] = MappingProxyType(
    {
        "visitors": 0.5, "impressions": 0.26, "ctr": 0.3, "conversion_rate": 0.36, "price": 0.22, "dsp_share": 0.42,
        "mobile_share": 0.42, "session_seconds": 0.26, "domain_age_days": 0.54, "domains_on_host": 0.6,
    }
)  # fmt: skip
"""Standard deviation of an honest publisher around what its context lets expect: log of amounts and rates, logit of
shares. impressions are a visitor's, clicks an impression's, conversions a click's."""


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
        "People or scripts click on the ads of a site; hardly anybody buys, and the visits are short and mobile.",
        MappingProxyType(
            {
                "ctr": 1.00, "conversion_rate": -1.30, "session_seconds": -0.85, "mobile_share": 1.15,
                "dsp_share": 0.70, "domain_age_days": -0.85,
            }
        ),
    ),
    Scheme(
        "impression long tail",
        "Small sites reload their pages for ads that nobody sees and sell nearly all of them programmatically.",
        MappingProxyType(
            {
                "impressions": 1.30, "ctr": -0.80, "dsp_share": 1.45, "session_seconds": -1.10, "price": -0.60,
                "domains_on_host": 0.85,
            }
        ),
    ),
    Scheme(
        "domain hopping",
        "Fresh domains, many to a host, receive bought traffic until they are found out.",
        MappingProxyType(
            {
                "domain_age_days": -2.40, "domains_on_host": 1.95, "dsp_share": 1.10, "conversion_rate": -0.85,
                "session_seconds": -0.65,
            }
        ),
        hosting="shared",
    ),
    Scheme(
        "price targeting",
        "Bots that carry the profiles of wealthy buyers raise the price of a site that converts nobody.",
        MappingProxyType(
            {
                "price": 1.10, "conversion_rate": -1.30, "dsp_share": 1.10, "mobile_share": -1.00, "ctr": 0.50,
                "domain_age_days": -0.85,
            }
        ),
    ),
)  # fmt: skip


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
    reach : float
        Above 0: no attribute of a fraudulent site is more standard deviations from the mean of all honest publishers.
    odd_share : float
        Share of honest publishers with one to three attributes far from what their context lets expect.
    odd_strength : float
        Mean distance of those, in standard deviations of the honest noise.
    """

    schemes: tuple[Scheme, ...] = SCHEMES
    ring_size: float = 6.0
    severity_median: float = 2.3
    severity_sigma: float = 0.4
    bought_traffic: float = 4.0
    bought_sigma: float = 0.5
    camouflage: float = 0.25
    reach: float = 2.4
    odd_share: float = 0.08
    odd_strength: float = 2.0

    def __post_init__(self) -> None:
        if not self.schemes:
            raise InputError("FraudSettings.schemes", allowed="at least one Scheme", got=self.schemes)
        for scheme in self.schemes:
            unknown = set(scheme.shifts) - set(NOISE)
            if unknown:
                raise InputError(f"The shifts of {scheme.name!r}", allowed=", ".join(NOISE), got=sorted(unknown))
        ranges = {
            "ring_size": (1, 1e6), "severity_median": (0, 100), "severity_sigma": (0, 5), "bought_traffic": (0, 20),
            "bought_sigma": (0, 5), "camouflage": (0, 1), "reach": (1e-3, 1e3), "odd_share": (0, 1),
            "odd_strength": (0, 100),
        }  # fmt: skip
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise InputError(f"FraudSettings.{name}", allowed=f"{low} to {high:g}", got=getattr(self, name))
