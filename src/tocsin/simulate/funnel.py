"""A seeded ad funnel: hourly views, clicks, installs and revenue of country x app x partner x sdk, with known troubles.

One row an hour and leaf slice that had traffic. views ~ Poisson, clicks ~ Binomial(views), installs ~ Binomial(clicks),
revenue = a log-normal payout an install; their rates carry season, shocks and overdispersion (`market`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tocsin.errors import InputError
from tocsin.formatting import format_slice
from tocsin.model import Slice
from tocsin.simulate.market import (
    COUNTRIES,
    DIMENSIONS,
    N_PARTNERS_MAX,
    N_SDKS_MAX,
    Market,
    Rates,
    draw_market,
    draw_rates,
)
from tocsin.simulate.plan import plan_troubles
from tocsin.simulate.troubles import Cells, Trouble, apply_trouble, troubles_json

__all__ = ["MEASURES", "Funnel", "simulate_funnel", "to_events", "write_funnel"]

MEASURES = ("views", "clicks", "installs", "revenue")
MAX_CELLS = 20_000_000
"""Leaf slices x hours that are held in memory at once."""
MAX_EVENTS = 20_000_000
_HOUR = timedelta(hours=1)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_PAYOUT_SIGMA = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Funnel:
    """A simulated data set and the truth about it.

    events   : Arrow table: ts (UTC), country, app, partner, sdk, views, clicks, installs, revenue; ordered by ts
    troubles : what was planted, by start
    start, end : the time covered, [start, end)
    """

    events: pa.Table
    troubles: tuple[Trouble, ...]
    start: datetime
    end: datetime


@dataclass(slots=True, eq=False)
class _Draw:
    """Counts of every cell, (n_leaves, n_hours), and what they were drawn from."""

    market: Market
    rates: Rates
    views: npt.NDArray[np.int64] = field(init=False)
    clicks: npt.NDArray[np.int64] = field(init=False)
    installs: npt.NDArray[np.int64] = field(init=False)
    revenue: npt.NDArray[np.float64] = field(init=False)


def simulate_funnel(
    *,
    weeks: int = 6,
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC),
    random_state: int = 0,
    n_countries: int = 10,
    n_apps: int = 12,
    n_partners: int = 6,
    n_sdks: int = 5,
    views_per_hour: float = 200_000,
    troubles: Sequence[Trouble] | None = None,
) -> Funnel:
    """Simulate an ad platform's funnel.

    Parameters
    ----------
    weeks : int
        Length, 1 to 104.
    start : datetime
        Aware UTC, on a whole hour; a Monday keeps the planned troubles on the weekdays they name.
    random_state : int
        The same number gives the same table, and the same market whatever `troubles` are.
    n_countries, n_apps, n_partners, n_sdks : int
        1 to 40, 1 to 500, 1 to 26, 1 to 12. Not every combination exists.
    views_per_hour : float
        Mean of the whole platform.
    troubles : sequence of Trouble, optional
        None plants the default four in the last week; an empty sequence none.

    Returns
    -------
    Funnel

    Raises
    ------
    InputError
        A size out of range, more than 20 million cells, or a trouble outside the time or the market.

    Examples
    --------
    >>> funnel = simulate_funnel(weeks=1, n_countries=2, n_apps=2, random_state=1)
    >>> funnel.events.column_names[:3], [trouble.kind for trouble in funnel.troubles]
    (['ts', 'country', 'app'], ['click explosion', 'ctr drop', 'install outage', 'promotion'])
    """
    _check_sizes(weeks, start, views_per_hour, (n_countries, n_apps, n_partners, n_sdks))
    streams = np.random.SeedSequence(random_state).spawn(4)
    market_rng, rates_rng, counts_rng, troubles_rng = (np.random.default_rng(stream) for stream in streams)
    market = draw_market(
        market_rng,
        n_countries=n_countries,
        n_apps=n_apps,
        n_partners=n_partners,
        n_sdks=n_sdks,
        views_per_hour=views_per_hour,
    )
    n_hours = weeks * 168
    if len(market.codes) * n_hours > MAX_CELLS:
        got = f"{len(market.codes):,} x {n_hours:,}"
        raise InputError("Leaf slices x hours of a funnel", allowed=f"at most {MAX_CELLS:,}", got=got)
    first = int((start - _MONDAY) / _HOUR)
    draw = _Draw(market, draw_rates(rates_rng, market, np.arange(first, first + n_hours)))
    _draw_counts(counts_rng, draw)
    planted = tuple(plan_troubles(market, start, weeks) if troubles is None else troubles)
    for trouble in planted:
        _plant(troubles_rng, draw, trouble, start, n_hours)
    planted = tuple(sorted(planted, key=lambda trouble: (trouble.start, trouble.name)))
    return Funnel(_table(draw, start), planted, start, start + n_hours * _HOUR)


def _check_sizes(weeks: int, start: datetime, views_per_hour: float, sizes: tuple[int, ...]) -> None:
    if not 1 <= weeks <= 104:
        raise InputError("A funnel's weeks", allowed="1 to 104", got=weeks)
    if start.utcoffset() != timedelta() or start.minute or start.second or start.microsecond:
        raise InputError("A funnel's start", allowed="an aware UTC time on a whole hour", got=start)
    if not 0 < views_per_hour <= 1e9:
        raise InputError("A funnel's views_per_hour", allowed="above 0, at most 1e9", got=views_per_hour)
    for dimension, size, most in zip(DIMENSIONS, sizes, (len(COUNTRIES), 500, N_PARTNERS_MAX, N_SDKS_MAX), strict=True):
        if not 1 <= size <= most:
            raise InputError(f"The number of values of {dimension}", allowed=f"1 to {most}", got=size)


def _draw_counts(rng: np.random.Generator, draw: _Draw) -> None:
    draw.views = rng.poisson(draw.rates.views)
    draw.clicks = rng.binomial(draw.views, draw.rates.clicks)
    draw.installs = rng.binomial(draw.clicks, draw.rates.installs)
    draw.revenue = _revenue(rng, draw.installs, draw.market.payout[:, None])


def _revenue(
    rng: np.random.Generator, installs: npt.NDArray[np.int64], payout: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The sum of one log-normal payout an install, in whole cents."""
    flat = installs.ravel()
    means = np.repeat(np.broadcast_to(payout, installs.shape).ravel(), flat)
    paid = means * rng.lognormal(-(_PAYOUT_SIGMA**2) / 2, _PAYOUT_SIGMA, len(means))
    cell = np.repeat(np.arange(len(flat)), flat)
    sums: npt.NDArray[np.float64] = np.bincount(cell, paid, minlength=len(flat)).astype(np.float64)
    return sums.round(2).reshape(installs.shape)


def _plant(rng: np.random.Generator, draw: _Draw, trouble: Trouble, start: datetime, n_hours: int) -> None:
    first, last = ((moment - start) / _HOUR for moment in (trouble.start, trouble.end))
    if not 0 <= first < last <= n_hours or first % 1 or last % 1:
        allowed = "whole hours within the funnel's time"
        raise InputError(f"The time of the trouble {trouble.name!r}", allowed=allowed, got=trouble.window)
    cells = np.ix_(_leaves_of(draw.market, trouble.slice), np.arange(int(first), int(last)))
    changed = Cells(
        views=draw.views[cells],
        clicks=draw.clicks[cells],
        installs=draw.installs[cells],
        view_rate=draw.rates.views[cells],
        click_rate=draw.rates.clicks[cells],
        install_rate=draw.rates.installs[cells],
    )
    apply_trouble(trouble, changed, rng)
    draw.views[cells], draw.clicks[cells], draw.installs[cells] = changed.views, changed.clicks, changed.installs
    draw.revenue[cells] = _revenue(rng, changed.installs, draw.market.payout[cells[0].ravel(), None])


def _leaves_of(market: Market, part: Slice) -> npt.NDArray[np.int64]:
    inside = np.ones(len(market.codes), dtype=bool)
    for dimension, value in part.items:
        if dimension not in DIMENSIONS:
            raise InputError("A trouble's dimension", allowed=", ".join(DIMENSIONS), got=dimension)
        position = DIMENSIONS.index(dimension)
        names = market.values[position]
        if value not in names:
            raise InputError(f"A trouble's {dimension}", allowed=", ".join(names), got=value)
        inside &= market.codes[:, position] == names.index(value)
    if not inside.any():
        raise InputError(
            "A trouble's slice has no traffic", allowed="a combination that exists", got=format_slice(part)
        )
    return np.nonzero(inside)[0]


def _table(draw: _Draw, start: datetime) -> pa.Table:
    """The cells that had traffic, by hour and then leaf."""
    hour, leaf = np.nonzero(draw.views.T)
    moments = np.datetime64(start.replace(tzinfo=None), "us") + hour.astype("timedelta64[h]")
    columns: dict[str, Any] = {"ts": pa.array(moments, type=pa.timestamp("us", tz="UTC"))}
    for position, dimension in enumerate(DIMENSIONS):
        columns[dimension] = pa.array(draw.market.values[position], type=pa.string()).take(
            pa.array(draw.market.codes[leaf, position])
        )
    for measure in MEASURES:
        columns[measure] = pa.array(getattr(draw, measure)[leaf, hour])
    return pa.table(columns)


def to_events(
    funnel: Funnel, *, start: datetime | None = None, end: datetime | None = None, random_state: int = 0
) -> pa.Table:
    """Spell a part of a funnel out as single events: event (view, click or install), ts, the dimensions, revenue.

    Parameters
    ----------
    start, end : datetime, optional
        Aware UTC, [start, end); the funnel's last day where not given.
    random_state : int
        Places the events within their hour.

    Returns
    -------
    pyarrow.Table
        Ordered by ts; an hour's revenue is shared evenly by its installs, null elsewhere. Counting its rows an hour and
        leaf slice gives the funnel's rows again.

    Raises
    ------
    InputError
        More than 20 million events.
    """
    import pyarrow.compute as pc

    start, end = start or funnel.end - timedelta(days=1), end or funnel.end
    inside = pc.and_(pc.greater_equal(funnel.events["ts"], start), pc.less(funnel.events["ts"], end))
    rows = funnel.events.filter(inside)
    counts = {name: rows[f"{name}s"].to_numpy() for name in ("view", "click", "install")}
    n_events = int(sum(count.sum() for count in counts.values()))
    if n_events > MAX_EVENTS:
        raise InputError("Events at once", allowed=f"at most {MAX_EVENTS:,}", got=n_events, hint="take a shorter time")
    row = np.concatenate([np.repeat(np.arange(rows.num_rows), count) for count in counts.values()])
    kind = np.repeat(np.arange(3), [count.sum() for count in counts.values()])
    offset = np.random.default_rng(random_state).integers(0, 3_600_000_000, n_events)
    ts = rows["ts"].to_numpy().astype("datetime64[us]")[row] + offset.astype("timedelta64[us]")
    order = np.argsort(ts, kind="stable")
    row, kind = row[order], kind[order]
    share = rows["revenue"].to_numpy() / np.maximum(counts["install"], 1)
    columns = {
        "event": pa.array(tuple(counts), type=pa.string()).take(pa.array(kind)),
        "ts": pa.array(ts[order], type=pa.timestamp("us", tz="UTC")),
    }
    columns |= {dimension: rows[dimension].combine_chunks().take(pa.array(row)) for dimension in DIMENSIONS}
    columns["revenue"] = pa.array(share[row], mask=kind != 2)
    return pa.table(columns)


def write_funnel(folder: str | Path, funnel: Funnel) -> tuple[Path, Path]:
    """Write events.parquet (zstd, 100,000 rows a row group, by time) and troubles.json; returns both paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    events, truth = folder / "events.parquet", folder / "troubles.json"
    pq.write_table(funnel.events, events, compression="zstd", row_group_size=100_000)
    truth.write_text(troubles_json(funnel.troubles), encoding="utf-8")
    return events, truth
