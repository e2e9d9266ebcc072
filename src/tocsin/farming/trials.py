"""Trials with known truth: copies of a shop under every attack, other real shops, real tables of hourly counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, NotEnoughData
from tocsin.evaluate import BANDS, Stream, Trial, volume_bands
from tocsin.simulate import KINDS, Farm, farm_counts, honest_counts, hourly, read_volumes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CELLS", "EVIDENCE_DAYS", "attacked", "bands_trials", "hours_trials", "shop_trials"]

Ints = npt.NDArray[np.int64]

NONE = "none"
EVIDENCE_DAYS, ANOMALOUS_DAYS = 30, 10
CELLS = tuple((kind, nu) for kind in KINDS for nu in (0.1, 0.3, 0.5, 1.0))
SHOP_CELLS = tuple((kind, nu) for kind in KINDS for nu in (0.3, 1.0))
_N_STARTS = 16


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
    return attacked(name, days, honest, attacks, alpha, chance)


def attacked(
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
            trials.append(attacked(f"shops of about {size:,} a day", days, honest, attacks, 0.1, chance))
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
        attacked(name, days, honest[None], [(kind, 1.0)], 0.1, np.random.default_rng([seed, number, repeat]),
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
