"""Contextual anomalies planted into any table: rows that are ordinary attribute by attribute, odd in their context.

Two rows from different contexts swap their indicators. Every column keeps exactly the values it had, so nothing shows
in any attribute alone; what breaks is only the dependence between context and indicators.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, NotEnoughData

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plant_contextual"]

N_CANDIDATES = 20
"""Rows that are looked at for a partner: more would pick the same few extreme rows again and again."""
MAX_CATEGORIES = 30
"""Levels of a category that are told apart when the dependence of columns is measured."""
MAX_SAMPLE = 5_000
_DEPENDENT = 0.3

Floats = npt.NDArray[np.float64]


def plant_contextual(
    table: pd.DataFrame,
    share: float = 0.02,
    random_state: int = 0,
    *,
    context: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Let rows from different contexts swap their indicators.

    Parameters
    ----------
    table : pandas.DataFrame
        (n, p), p >= 2; any kinds of columns, missing values allowed.
    share : float
        Above 0, at most 0.5: of the rows, rounded to whole pairs, at least one.
    random_state : int
        The same number plants the same anomalies.
    context : sequence of column names, optional
        The contextual attributes; all others are indicators. None finds them: columns that depend on each other form
        groups, and of each group every other column is context, so that each indicator has a column it depends on.

    Returns
    -------
    table : pandas.DataFrame
        A copy with the same index, columns and kinds.
    labels : (n,) int64
        1 for the rows that were swapped.

    Raises
    ------
    InputError
        A share out of range; a context that is unknown, empty or all columns.
    NotEnoughData
        Fewer than four rows or two columns.

    Notes
    -----
    A row is drawn at random; of 20 others, the half whose indicators are farthest from its own stays (swapping what is
    alike would plant nothing), and of those the one farthest away in context is its partner. Distances are mean
    differences of ranks in [0, 1]; two categories differ by 1.

    Examples
    --------
    >>> import pandas as pd
    >>> size = pd.DataFrame({"height": range(150, 200), "weight": range(50, 100)})
    >>> planted, labels = plant_contextual(size, 0.04, context=["height"])
    >>> int(labels.sum()), sorted(planted["weight"]) == sorted(size["weight"])
    (2, True)
    """
    if not 0 < share <= 0.5:
        raise InputError("The share of planted rows", allowed="above 0, at most 0.5", got=share)
    if len(table) < 4 or table.shape[1] < 2:
        raise NotEnoughData("A table to plant in", allowed="4 rows and 2 columns or more", got=table.shape)
    rng = np.random.default_rng(random_state)
    is_context = _given(table, context) if context is not None else _found(table, rng)
    ranks = [_ranks(table.iloc[:, place]) for place in range(table.shape[1])]
    swap = _pairs(rng, ranks, is_context, n_pairs=max(round(share * len(table) / 2), 1))
    columns = [
        table.iloc[:, place] if inside else table.iloc[swap, place].set_axis(table.index)
        for place, inside in enumerate(is_context)
    ]
    import pandas as pd

    planted = pd.concat(columns, axis=1).copy()
    return planted, (swap != np.arange(len(table))).astype(np.int64)


def _given(table: pd.DataFrame, context: Sequence[str]) -> npt.NDArray[np.bool_]:
    unknown = [name for name in context if name not in table.columns]
    inside = np.asarray(table.columns.isin(list(context)), dtype=bool)
    if unknown or not inside.any() or inside.all():
        allowed = "some, but not all, of " + ", ".join(map(str, table.columns))
        raise InputError("The context", allowed=allowed, got=list(context))
    return inside


def _found(table: pd.DataFrame, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Every other column of each group of dependent columns; of columns without a group every other one."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    rows = rng.choice(len(table), min(len(table), MAX_SAMPLE), replace=False)
    blocks = [_block(table.iloc[rows, place]) for place in range(table.shape[1])]
    n = len(blocks)
    dependence = np.zeros((n, n))
    for first in range(n):
        for second in range(first):
            cross = np.abs(blocks[first].T @ blocks[second]) / len(rows)
            dependence[first, second] = dependence[second, first] = cross.max(initial=0.0)
    apart = squareform(np.clip(1 - dependence, 0, 1) * (1 - np.eye(n)), checks=False)
    group = fcluster(linkage(apart, "average"), 1 - _DEPENDENT, "distance")
    sizes = np.bincount(group)
    lone = sizes[group] == 1
    group = np.where(lone, 0, group)
    inside = np.zeros(n, dtype=bool)
    for number in np.unique(group):
        inside[np.flatnonzero(group == number)[::2]] = True
    if inside.all():
        inside[-1] = False
    return inside


def _block(column: pd.Series[Any]) -> Floats:
    """A column as standardised numbers (n, k): ranks of numbers, indicators of the commonest categories."""
    if _is_number(column):
        parts = _ranks(column)[:, None]
    else:
        codes = _codes(column)
        common = np.argsort(-np.bincount(codes + 1)[1:], kind="stable")[:MAX_CATEGORIES]
        parts = (codes[:, None] == common[None, :]).astype(float)
    centred = parts - parts.mean(axis=0)
    sd = centred.std(axis=0)
    return np.asarray(centred[:, sd > 0] / sd[sd > 0])


def _is_number(column: pd.Series[Any]) -> bool:
    from pandas.api import types

    return bool(
        (types.is_numeric_dtype(column) and not types.is_bool_dtype(column)) or types.is_datetime64_any_dtype(column)
    )


def _codes(column: pd.Series[Any]) -> npt.NDArray[np.int64]:
    import pandas as pd

    return np.asarray(pd.factorize(column.astype(str))[0], dtype=np.int64)


def _ranks(column: pd.Series[Any]) -> Floats:
    """Ranks in [0, 1], missing in the middle; of categories the codes, which are only compared for equality."""
    if not _is_number(column):
        return _codes(column).astype(float)
    return np.asarray(column.rank(pct=True).fillna(0.5), dtype=float)


def _pairs(
    rng: np.random.Generator, ranks: Sequence[Floats], is_context: npt.NDArray[np.bool_], n_pairs: int
) -> npt.NDArray[np.int64]:
    """(n,) the row whose indicators each row gets: itself, or its partner."""
    n = len(ranks[0])
    order = rng.permutation(n)
    firsts, free = order[:n_pairs], order[n_pairs:]
    swap = np.arange(n)
    contexts = [rank for rank, inside in zip(ranks, is_context, strict=True) if inside]
    indicators = [rank for rank, inside in zip(ranks, is_context, strict=True) if not inside]
    for row in firsts:
        places = rng.choice(len(free), min(N_CANDIDATES, len(free)), replace=False)
        others = free[places]
        far = np.argsort(-_distance(indicators, row, others), kind="stable")[: max(len(others) // 2, 1)]
        best = far[np.argmax(_distance(contexts, row, others[far]))]
        partner = others[best]
        swap[row], swap[partner] = partner, row
        free = np.delete(free, places[best])
    return swap


def _distance(ranks: Sequence[Floats], row: int, others: npt.NDArray[np.int64]) -> Floats:
    differences = [np.abs(rank[others] - rank[row]) for rank in ranks]
    return np.asarray(np.minimum(differences, 1.0).sum(axis=0))
