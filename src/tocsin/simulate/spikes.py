"""Series with spikes of which only one kind matters: the simulated set of the paper on relevancy.

Standard normal values; at random points a sharp increase or a sharp decrease is added. To a detector both are the same;
people want only the decreases.

Source: the paper on user relevancy for black-box sequential anomaly detectors, simulated data: 100 series of 200,000
points. It does not print the size of the spikes; 3.79 standard deviations on .3 % of the points give its base F1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tocsin.errors import InputError
from tocsin.model import Bools, Floats

__all__ = ["SPIKES_SCHEMA", "SpikedSeries", "simulate_spikes", "write_spikes"]

SPIKES_SCHEMA = "tocsin/spikes/1"
"""Named in spikes.json; changes when a field changes its meaning or goes."""
SIZE, SHARE = 3.79, 0.003
MINUTE = np.timedelta64(60, "s")


@dataclass(frozen=True, slots=True, eq=False)
class SpikedSeries:
    """values : (n_points,); up, down : (n_points,) where a spike was added, in each direction."""

    values: Floats
    up: Bools
    down: Bools


def simulate_spikes(
    n_points: int = 200_000, *, size: float = SIZE, share: float = SHARE, random_state: int = 0
) -> SpikedSeries:
    """One series.

    Parameters
    ----------
    size : float
        Of a spike, in standard deviations.
    share : float
        Of the points, in [0, 1]; half of them go up, half down.

    Raises
    ------
    InputError

    Examples
    --------
    >>> series = simulate_spikes(1_000)
    >>> int(series.up.sum()), int(series.down.sum())
    (1, 2)
    """
    if n_points < 1 or not 0 <= share <= 1 or not np.isfinite(size):
        raise InputError(
            "A series with spikes", allowed="1 or more points, a share in [0, 1], a finite size",
            got=f"{n_points} points, share {share:g}, size {size:g}",
        )  # fmt: skip
    random = np.random.default_rng(random_state)
    values: Floats = random.standard_normal(n_points)
    spikes = random.choice(n_points, int(share * n_points), replace=False)
    up, down = np.zeros(n_points, dtype=bool), np.zeros(n_points, dtype=bool)
    up[spikes[: len(spikes) // 2]] = True
    down[spikes[len(spikes) // 2 :]] = True
    values += size * (up.astype(float) - down)
    return SpikedSeries(values, up, down)


def write_spikes(
    folder: Path,
    *,
    n_series: int = 10,
    n_points: int = 200_000,
    size: float = SIZE,
    share: float = SHARE,
    random_state: int = 0,
) -> list[Path]:
    """Write spikes.parquet (series, timestamp, value, label: whether it decreases sharply) and spikes.json.

    Raises
    ------
    InputError
    """
    import pandas as pd

    times = np.datetime64("2026-01-01T00:00:00", "s") + np.arange(n_points) * MINUTE
    parts = []
    for number in range(n_series):
        series = simulate_spikes(n_points, size=size, share=share, random_state=random_state + number)
        columns = {"timestamp": pd.DatetimeIndex(times, tz="UTC"), "value": series.values, "label": series.down}
        parts.append(pd.DataFrame({"series": f"spikes-{number:03}", **columns}))
    folder.mkdir(parents=True, exist_ok=True)
    table, about = folder / "spikes.parquet", folder / "spikes.json"
    pd.concat(parts, ignore_index=True).to_parquet(table, index=False)
    settings = {"n_series": n_series, "n_points": n_points, "size": size, "share": share, "random_state": random_state}
    columns = {"label": "a sharp decrease; increases are spikes, too, that nobody asked for"}
    content = {"schema": SPIKES_SCHEMA, "settings": settings, "columns": columns}
    about.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return [table, about]
