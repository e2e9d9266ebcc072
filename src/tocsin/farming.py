"""What `tocsin evaluate collections` and `tocsin evaluate power` run on: sellers, their farmed days, and the truth.

The seller of the click-farming paper (real daily volumes where given, the shape of its one printed day), copies of a
shop under every attack, real tables of hourly counts, and one's own records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, NotEnoughData, nearest
from tocsin.evaluate import BANDS, PaperSeller, Stream, Trial, volume_bands
from tocsin.simulate import (
    KINDS,
    Farm,
    draw_fakes,
    farm_counts,
    honest_counts,
    hourly,
    read_volumes,
    simulate_volumes,
    spell_out,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CELLS",
    "bands_trials",
    "hours_trials",
    "own_draw",
    "paper_sellers",
    "shop_trials",
    "simulated_draw",
    "volumes_of_shop",
]

Ints = npt.NDArray[np.int64]
Draw = Callable[[str, float], Trial]

NONE = "none"
DAY_SECONDS = 86_400
CELLS = tuple((kind, nu) for kind in KINDS for nu in (0.1, 0.3, 0.5, 1.0))
SHOP_CELLS = tuple((kind, nu) for kind in KINDS for nu in (0.3, 1.0))
PAPER_DAYS, EVIDENCE_DAYS, ANOMALOUS_DAYS = 325, 30, 10
_LIKE_1629 = 1_984.0
"""Median payments a day of shop 1629."""
_N_STARTS = 16
_LEAST_DAYS = EVIDENCE_DAYS + 30


def volumes_of_shop(table: pd.DataFrame | None, shop: str | None, seed: int = 0) -> tuple[pd.DatetimeIndex, Ints]:
    """Days and records a day of one shop, from its first to its last open day; simulated ones without a table.

    Raises
    ------
    InputError
        No such shop, none named.
    NotEnoughData
        Fewer than 60 open days.
    """
    import pandas as pd

    if table is None:
        chance = np.random.default_rng([seed, 1629])
        days = pd.date_range("2015-11-11", periods=356, freq="D", tz="UTC")
        volumes = simulate_volumes(1, len(days), date(2015, 11, 11), chance, means=[_LIKE_1629], rest_days=False)[0]
        return days, volumes
    names, days, volumes = read_volumes(table)
    if shop not in names:
        hint = nearest(shop, names) if shop else "name one with --shop"
        raise InputError("The shop", allowed=f"one of {len(names):,} in the table", got=shop, hint=hint)
    of_shop = volumes[names.index(shop)]
    is_open = np.flatnonzero(of_shop)
    if len(is_open) < _LEAST_DAYS:
        raise NotEnoughData(f"Open days of shop {shop}", allowed=f"{_LEAST_DAYS} or more", got=len(is_open))
    whole = slice(is_open[0], is_open[-1] + 1)
    return days[whole], of_shop[whole]


def paper_sellers(
    days: pd.DatetimeIndex, volumes: Ints, *, n_sellers: int = 4, seed: int = 0
) -> tuple[list[PaperSeller], pd.DatetimeIndex]:
    """Sellers with these volumes on the first 325 open days, for the protocol of the paper's section V."""
    is_open = np.flatnonzero(volumes)[:PAPER_DAYS]
    made = [_paper_seller(np.random.default_rng([seed, number, 5]), volumes[is_open]) for number in range(n_sellers)]
    return made, days[is_open]


def _paper_seller(chance: np.random.Generator, volumes: Ints) -> PaperSeller:
    day, seconds = spell_out(honest_counts(volumes[None], chance)[0], chance)
    n_days = len(volumes)
    by_day = np.split(seconds, np.cumsum(np.bincount(day, minlength=n_days))[:-1])[:EVIDENCE_DAYS]
    step = np.mean([0.5 * times.std() * len(times) ** -0.2 for times in by_day])  # eq. 6, c = .5
    n_bins = int(np.ceil(DAY_SECONDS / step))

    def counted(owner: npt.NDArray[Any], times: npt.NDArray[np.float64]) -> tuple[Ints, Ints]:
        return _histogram(owner, times, n_days, step, n_bins), _histogram(owner, times, n_days, 300.0, 288)

    farmed = {}
    for kind in ("centralised", "equalised"):
        fakes = draw_fakes(chance, day, seconds, np.ones(n_days, dtype=bool), Farm(kind, 1.0))
        owner, times = np.concatenate([day, day[fakes.source]]), np.concatenate([seconds, fakes.seconds])
        farmed[kind] = counted(owner, times)
    return PaperSeller(counted(day, seconds), farmed)


def _histogram(day: npt.NDArray[Any], seconds: npt.NDArray[np.float64], n_days: int, step: float, n_bins: int) -> Ints:
    cell = day * n_bins + np.minimum((seconds / step).astype(np.int64), n_bins - 1)
    return np.bincount(cell, minlength=n_days * n_bins).reshape(n_days, n_bins)


def shop_trials(
    days: pd.DatetimeIndex,
    volumes: Ints,
    *,
    name: str = "shop",
    cells: Sequence[tuple[str, float]] = CELLS,
    copies: int = 4,
    seed: int = 0,
) -> list[Trial]:
    """Copies of a shop under every attack at alpha = .1, and at magnitude 1 at alpha = .5; clean ones among them.

    Copies start in different weeks of the shop's year, so that the batch does not give away what a copy's honest volume
    would have been.
    """
    n_starts = min(_N_STARTS, max(1, (len(volumes) - 100) // 7))
    n_days = len(volumes) - 7 * (n_starts - 1)
    largest = [(kind, 1.0) for kind in KINDS]
    return [
        _shop_trial(days[:n_days], volumes, name, [*of_alpha, (NONE, 0.0)] * copies, alpha, n_starts, seed)
        for of_alpha, alpha in ((list(cells), 0.1), (largest, 0.5))
    ]


def _shop_trial(
    days: pd.DatetimeIndex,
    volumes: Ints,
    name: str,
    attacks: Sequence[tuple[str, float]],
    alpha: float,
    n_starts: int,
    seed: int,
) -> Trial:
    starts = 7 * ((np.arange(len(attacks)) + np.arange(len(attacks)) // n_starts) % n_starts)
    daily = np.stack([volumes[start : start + len(days)] for start in starts])
    chance = np.random.default_rng([seed, round(1_000 * alpha)])
    honest = honest_counts(daily, chance)
    return _trial(name, days, honest, attacks, alpha, chance)


def _trial(
    name: str,
    days: pd.DatetimeIndex,
    honest: npt.NDArray[np.integer[Any]],
    attacks: Sequence[tuple[str, float]],
    alpha: float,
    chance: np.random.Generator,
    *,
    n_evidence: int = EVIDENCE_DAYS,
) -> Trial:
    """A stream of entities, each with its attack; honest in 288 spans, or in 24 (then there is nothing finer)."""
    kind = np.array([attack[0] for attack in attacks], dtype=object)
    magnitude = np.array([attack[1] for attack in attacks])
    farmed = honest.any(axis=2) & (chance.random(honest.shape[:2]) < alpha) & (kind != NONE)[:, None]
    farmed[:, :n_evidence] = False
    total = honest.astype(np.int64)
    evidence = slice(max(n_evidence - ANOMALOUS_DAYS, 0), n_evidence)
    bad = honest[:, evidence].astype(np.int64)
    for attack in dict.fromkeys(attacks):
        rows = (kind == attack[0]) & (magnitude == attack[1])
        farm = Farm("centralised", 1.0) if attack[0] == NONE else Farm(*attack)
        total[rows] = farm_counts(chance, honest[rows], farmed[rows], farm)
        bad[rows] = farm_counts(chance, honest[rows, evidence], np.ones(bad[rows].shape[:2], dtype=bool), farm)
    is_fine = honest.shape[2] > 24
    stream = Stream(
        name, days, hourly(total), total if is_fine else None, farmed, n_evidence, alpha,
        hourly(bad), bad if is_fine else None,
    )  # fmt: skip
    return Trial(stream, kind, magnitude)


def bands_trials(
    table: pd.DataFrame,
    *,
    n_a_cell: int = 4,
    without: Sequence[str] = (),
    cells: Sequence[tuple[str, float]] = SHOP_CELLS,
    seed: int = 0,
) -> list[Trial]:
    """Different real shops on their own dates, of about 30, 100, 300 … payments a day, a set each; alpha = .1.

    Parameters
    ----------
    table : pandas.DataFrame
        shop_id, date, count. Shops that are open on fewer than 98 % of the last 255 days are left out.
    n_a_cell : int
        Shops a volume and attack.
    without : sequence of str
        Shops left out.
    """
    names, days, volumes = read_volumes(table)
    days, volumes = days[-255:], volumes[:, -255:]
    steady = ((volumes > 0).mean(axis=1) >= 0.98) & ~np.isin(np.array(names), without)
    bands = np.where(steady, volume_bands(np.median(volumes, axis=1)), -1)
    chance = np.random.default_rng([seed, 17])
    trials = []
    for number, size in enumerate(BANDS):
        rows = chance.permutation(np.flatnonzero(bands == number))[: n_a_cell * len(cells)]
        if len(rows):
            attacks = [cells[place % len(cells)] for place in range(len(rows))]
            honest = honest_counts(volumes[rows], chance)
            trials.append(_trial(f"shops of about {size:,} a day", days, honest, attacks, 0.1, chance))
    if not trials:
        raise NotEnoughData("Shops open nearly every day", allowed="at least one", got=len(names))
    return trials


def hours_trials(
    table: pd.DataFrame, *, name: str, repeats: int = 4, n_evidence: int = 60, seed: int = 0
) -> list[Trial]:
    """Attacks of magnitude 1 at alpha = .1 in a real table of hourly counts: date, hour (0 to 23), count.

    One entity a stream: copies in one batch would share their volumes. Counts of the same hour are added up.

    Raises
    ------
    InputError
        A column that is not there, hours or counts that are none.
    NotEnoughData
        Too few days.
    """
    days, honest = _hours(table)
    if len(days) < n_evidence + 10:
        raise NotEnoughData(f"Days of {name}", allowed=f"{n_evidence + 10} or more", got=len(days))
    return [
        _trial(name, days, honest[None], [(kind, 1.0)], 0.1, np.random.default_rng([seed, number, repeat]),
               n_evidence=n_evidence)
        for repeat in range(repeats)
        for number, kind in enumerate(("centralised", "independent"))
    ]  # fmt: skip


def _hours(table: pd.DataFrame) -> tuple[pd.DatetimeIndex, Ints]:
    import pandas as pd

    missing = [name for name in ("date", "hour", "count") if name not in table.columns]
    if missing:
        names = [str(column) for column in table.columns]
        raise InputError("A column of hourly counts", allowed=", ".join(names), got=missing[0],
                         hint="a long table has the columns date, hour and count")  # fmt: skip
    days = pd.to_datetime(table["date"], utc=True, errors="coerce").dt.normalize()
    hour, count = (pd.to_numeric(table[name], errors="coerce") for name in ("hour", "count"))
    bad = days.isna() | ~hour.isin(range(24)) | ~(count >= 0) | (count % 1 != 0)
    if bad.any():
        got = table.loc[bad.to_numpy(), ["date", "hour", "count"]].iloc[0].tolist()
        raise InputError("A row of hourly counts", allowed="a date, an hour of 0 to 23, a count of 0 or more", got=got)
    long = pd.DataFrame({"day": days, "hour": hour.astype(int), "count": count.astype("int64")})
    wide = long.pivot_table(index="day", columns="hour", values="count", aggfunc="sum", fill_value=0)
    wide = wide.reindex(columns=range(24), fill_value=0)
    return pd.DatetimeIndex(wide.index), wide.to_numpy().astype(np.int64)


def simulated_draw(*, n_a_band: int = 40, n_days: int = 90, alpha: float = 0.1, seed: int = 0) -> tuple[Draw, Ints]:
    """Attacks on simulated sellers of 30 to 3,000 records a day, and the sellers' bands, for `measure_power`."""
    import pandas as pd

    chance = np.random.default_rng([seed, 7])
    means = np.repeat(np.array(BANDS, dtype=float), n_a_band)
    volumes = simulate_volumes(len(means), n_days, date(2026, 1, 5), chance, means=means)
    honest = honest_counts(volumes, chance, shape_spread=0.3)
    days = pd.date_range("2026-01-05", periods=n_days, freq="D", tz="UTC")
    return _draw(days, honest, alpha, seed), np.repeat(np.arange(len(BANDS)), n_a_band)


def own_draw(
    table: pd.DataFrame,
    *,
    entity: str,
    time: str,
    timezone: str = "UTC",
    n_a_band: int = 40,
    alpha: float = 0.1,
    seed: int = 0,
) -> tuple[Draw, Ints]:
    """Attacks on the entities of one's own records, at most so many of each volume, for `measure_power`.

    Raises
    ------
    InputError
        A column or time zone that is none.
    NotEnoughData
        Fewer than 40 days, no entity with 16 records a day.
    """
    from tocsin.simulate.farm_table import count_spans

    days, honest = count_spans(table, entity=entity, time=time, timezone=timezone)
    if len(days) < EVIDENCE_DAYS + 10:
        raise NotEnoughData("Days of the records", allowed=f"{EVIDENCE_DAYS + 10} or more", got=len(days))
    daily = honest.sum(axis=2)
    medians = np.array([np.median(row[row > 0]) if row.any() else 0.0 for row in daily])
    bands = volume_bands(medians)
    order = np.random.default_rng([seed, 11]).permutation(len(bands))
    kept = np.sort(np.concatenate([order[bands[order] == band][:n_a_band] for band in range(len(BANDS))]))
    return _draw(days, honest[kept], alpha, seed), bands[kept]


def _draw(days: pd.DatetimeIndex, honest: npt.NDArray[np.integer[Any]], alpha: float, seed: int) -> Draw:
    """The same days are farmed whatever the kind and magnitude, so that curves differ by these alone."""

    def draw(kind: str, magnitude: float) -> Trial:
        chance = np.random.default_rng([seed, 13])
        return _trial("power", days, honest, [(kind, magnitude)] * len(honest), alpha, chance)

    return draw
