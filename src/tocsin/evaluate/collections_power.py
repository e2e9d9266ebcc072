"""How small an attack would be seen: share of farmed days found by magnitude, kind and the entity's volume.

The smallest magnitude that is found half the time lies where the share found first reaches one half, interpolated
linearly between the logarithms of the magnitudes tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, NotEnoughData
from tocsin.evaluate.collections import Trial
from tocsin.evaluate.collections_measures import rates_of
from tocsin.evaluate.collections_streams import CollectionContestant

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BANDS", "MAGNITUDES", "PowerResult", "half_point", "measure_power", "volume_bands"]

BANDS = (30, 100, 300, 1_000, 3_000)
"""Records a day; a volume belongs to the nearest one on the logarithmic scale."""
MAGNITUDES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)
_REACH = np.sqrt(10 / 3)


@dataclass(frozen=True, slots=True, eq=False)
class PowerResult:
    """What was measured.

    Attributes
    ----------
    curves : pandas.DataFrame
        One line a kind, band and magnitude: kind, band (records a day), magnitude, n_entities, n_farmed, n_clean
        (days), found, found_se, false_positives, auc.
    smallest : pandas.DataFrame
        One line a kind and band: kind, band, n_entities, magnitude (found half the time; NaN = none of those tried),
        at_most (even the least one tried is found half the time), false_positives (all magnitudes together).
    detector : str
    """

    curves: pd.DataFrame
    smallest: pd.DataFrame
    detector: str


def volume_bands(volumes: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """(n,) which of `BANDS` (from 0) a volume a day belongs to, -1 = none: below 16 or above 5,477.

    Examples
    --------
    >>> volume_bands([5, 30, 60, 2_000]).tolist()
    [-1, 0, 1, 4]
    """
    values = np.asarray(volumes, dtype=float)
    logs = np.log(np.maximum(values, 1e-9))[:, None]
    band = np.abs(logs - np.log(BANDS)).argmin(axis=1)
    outside = (values < BANDS[0] / _REACH) | (values > BANDS[-1] * _REACH)
    return np.where(outside, -1, band).astype(np.int64)


def half_point(magnitudes: npt.ArrayLike, found: npt.ArrayLike) -> tuple[float, bool]:
    """The smallest magnitude that is found half the time, and whether that is only a bound from above.

    Parameters
    ----------
    magnitudes : (n,) rising, above 0
    found : (n,) in [0, 1]; NaN = unknown

    Returns
    -------
    magnitude : float
        NaN: none of them.
    at_most : bool

    Examples
    --------
    >>> half_point([0.1, 1.0], [0.0, 1.0])[0]
    0.316...
    >>> half_point([0.1, 1.0], [0.7, 1.0])
    (0.1, True)
    """
    sizes, shares = np.asarray(magnitudes, dtype=float), np.asarray(found, dtype=float)
    known = ~np.isnan(shares)
    sizes, shares = sizes[known], shares[known]
    enough = np.flatnonzero(shares >= 0.5)
    if not len(enough):
        return np.nan, False
    first = int(enough[0])
    if first == 0:
        return float(sizes[0]), True
    low, high = np.log(sizes[first - 1 : first + 1])
    part = (0.5 - shares[first - 1]) / (shares[first] - shares[first - 1])
    return float(np.exp(low + part * (high - low))), False


def measure_power(
    draw: Callable[[str, float], Trial],
    bands: npt.NDArray[np.int64],
    detector: CollectionContestant,
    *,
    kinds: Sequence[str],
    magnitudes: Sequence[float] = MAGNITUDES,
    progress: Callable[[str, int, int], None] | None = None,
) -> PowerResult:
    """Let a detector watch the same entities under attacks of every kind and magnitude.

    Parameters
    ----------
    draw : callable
        Kind and magnitude to a trial of always the same entities.
    bands : (n_entities,)
        See `volume_bands`.
    detector : CollectionContestant
    kinds : sequence of str
    magnitudes : sequence of float
        Rising.
    progress : callable, optional
        Called with ("attacks", done, total).

    Raises
    ------
    NotEnoughData
        No entity belongs to a band.
    InputError
        Magnitudes that do not rise.
    """
    import pandas as pd

    if not (bands >= 0).any():
        raise NotEnoughData("Entities to attack", allowed="a median of 16 to 5,477 records a day", got=len(bands))
    if not len(magnitudes) or magnitudes[0] <= 0 or (np.diff(magnitudes) <= 0).any():
        raise InputError("The magnitudes", allowed="rising numbers above 0", got=list(magnitudes))
    cells = [(kind, magnitude) for kind in kinds for magnitude in magnitudes]
    lines = []
    for done, (kind, magnitude) in enumerate(cells):
        if progress is not None:
            progress("attacks", done, len(cells))
        stream = draw(kind, magnitude).stream
        said = detector.watch(stream)
        for band in np.unique(bands[bands >= 0]):
            rows = bands == band
            judged = stream.judged[rows]
            rates = rates_of(*(part[rows][judged] for part in (said.flagged, stream.truth, said.score)))
            lines.append(
                (kind, BANDS[band], magnitude, int(rows.sum()), rates.n_farmed, rates.n_clean, rates.tpr, rates.tpr_se,
                 rates.fpr, rates.auc)
            )  # fmt: skip
    if progress is not None:
        progress("attacks", len(cells), len(cells))
    names = [
        "kind",
        "band",
        "magnitude",
        "n_entities",
        "n_farmed",
        "n_clean",
        "found",
        "found_se",
        "false_positives",
        "auc",
    ]
    curves = pd.DataFrame(lines, columns=names)
    return PowerResult(curves, _smallest(curves), detector.name)


def _smallest(curves: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    lines = []
    for (kind, band), group in curves.groupby(["kind", "band"], sort=False):
        size, at_most = half_point(group["magnitude"], group["found"])
        false = np.average(group["false_positives"].fillna(0), weights=np.maximum(group["n_clean"], 1))
        lines.append((kind, band, int(group["n_entities"].iloc[0]), size, at_most, float(false)))
    return pd.DataFrame(lines, columns=["kind", "band", "n_entities", "magnitude", "at_most", "false_positives"])
