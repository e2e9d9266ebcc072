"""The default troubles of a simulated funnel: four in its last week, none at the same time as another.

Slices are chosen by rank of traffic so that one hour of each holds enough events for a sharp detector to see it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from tocsin.model import Slice
from tocsin.simulate.market import DIMENSIONS, Market
from tocsin.simulate.troubles import Trouble

__all__ = ["plan_troubles"]


def plan_troubles(market: Market, start: datetime, weeks: int) -> tuple[Trouble, ...]:
    """A partner whose clicks explode, a CTR drop, an install outage of an SDK version, a harmless promotion.

    Days count from the funnel's start: Tuesday, Wednesday, Thursday and Saturday where it starts on a Monday.
    """
    last_week = start + timedelta(days=7 * (weeks - 1))
    drop = _ranked(market, ("country", "app"), share=0.03)
    promoted = _ranked(market, ("country",), share=0.12, without=drop)
    return (
        _click_explosion(_ranked(market, ("partner",), share=0.13), last_week + timedelta(days=1, hours=14)),
        _ctr_drop(drop, _local(market, drop, last_week + timedelta(days=2, hours=11))),
        _install_outage(_ranked(market, ("sdk",), share=0.18), last_week + timedelta(days=3, hours=9)),
        _promotion(promoted, _local(market, promoted, last_week + timedelta(days=5))),
    )


def _ranked(market: Market, dimensions: tuple[str, ...], share: float, without: Slice | None = None) -> Slice:
    """The slice over `dimensions` whose share of traffic is nearest to `share`, sharing no value with `without`."""
    positions = [DIMENSIONS.index(dimension) for dimension in dimensions]
    groups, member = np.unique(market.codes[:, positions], axis=0, return_inverse=True)
    shares = np.bincount(member.ravel(), market.traffic) / market.traffic.sum()
    slices = [
        Slice(tuple((DIMENSIONS[p], market.values[p][code]) for p, code in zip(positions, group, strict=True)))
        for group in groups
    ]
    free = [i for i, part in enumerate(slices) if without is None or not set(part.items) & set(without.items)]
    best = min(free or range(len(slices)), key=lambda i: abs(np.log(shares[i] / share)))
    return slices[best]


def _local(market: Market, part: Slice, wall_time: datetime) -> datetime:
    """The whole UTC hour nearest after a wall time in the slice's country."""
    country = dict(part.items)["country"]
    offset = market.utc_offset[market.values[0].index(country)]
    return (wall_time - timedelta(hours=float(np.floor(offset)))).astimezone(UTC)


def _value(part: Slice, dimension: str) -> str:
    return dict(part.items)[dimension]


def _click_explosion(part: Slice, start: datetime) -> Trouble:
    partner = _value(part, "partner")
    return Trouble(
        name="clicks explode",
        kind="click explosion",
        slice=part,
        start=start,
        end=start + timedelta(hours=8),
        kpi="clicks / views",
        factor=4.0,
        harmful=True,
        sentence=f"Clicks of {partner} are four times the normal for 8 hours; installs do not follow.",
        also=(("installs / clicks", 0.25), ("clicks", 4.0)),
    )


def _ctr_drop(part: Slice, start: datetime) -> Trouble:
    country, app = _value(part, "country"), _value(part, "app")
    return Trouble(
        name="CTR drop",
        kind="ctr drop",
        slice=part,
        start=start,
        end=start + timedelta(hours=9),
        kpi="clicks / views",
        factor=0.38,
        harmful=True,
        sentence=f"The click-through rate of {app} in {country} falls to 38 % of the normal for 9 hours.",
        also=(("clicks", 0.38), ("installs", 0.38), ("revenue", 0.38)),
    )


def _install_outage(part: Slice, start: datetime) -> Trouble:
    return Trouble(
        name="install outage",
        kind="install outage",
        slice=part,
        start=start,
        end=start + timedelta(hours=6),
        kpi="installs / clicks",
        factor=0.05,
        harmful=True,
        sentence=f"Installs of SDK {_value(part, 'sdk')} fall to 5 % of the normal for 6 hours.",
        also=(("installs", 0.05), ("revenue", 0.05)),
    )


def _promotion(part: Slice, start: datetime) -> Trouble:
    return Trouble(
        name="promotion",
        kind="promotion",
        slice=part,
        start=start,
        end=start + timedelta(hours=24),
        kpi="views",
        factor=2.5,
        harmful=False,
        sentence=f"A promotion in {_value(part, 'country')} brings 2.5 times the traffic for a day; the rates stay.",
        also=(("clicks", 2.5), ("installs", 2.5), ("revenue", 2.5)),
    )
