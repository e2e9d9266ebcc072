"""ROI on the user's own table of publishers: read it, score it where it has no scores, and let the advertiser bid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, SourceError, nearest
from tocsin.evaluate.roi import BUDGETS, RoiResult, roi

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

__all__ = ["RoiColumns", "read_columns", "read_labels", "roi_of_table"]

Floats = npt.NDArray[np.float64]

_FRAUD = frozenset({"1", "1.0", "true", "t", "yes", "y", "fraud", "fraudulent", "invalid", "bad", "outlier", "anomaly"})
_HONEST = frozenset({"0", "0.0", "false", "f", "no", "n", "honest", "valid", "genuine", "good", "normal"})


@dataclass(frozen=True, slots=True)
class RoiColumns:
    """Which columns mean what.

    Parameters
    ----------
    visitors, cost, revenue : str
        Numbers; see `roi`.
    label : str, optional
        Fraud or not: bool, 0 and 1, or words such as fraud and honest, yes and no.
    scores : tuple of str
        Columns of ready scores, higher = more anomalous. Empty: the detectors of the contextual lens are fitted.
    set_aside : tuple of str
        Further columns that detectors do not see; label and revenue are never seen.
    """

    visitors: str
    cost: str
    revenue: str
    label: str | None = None
    scores: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()


def roi_of_table(
    table: pd.DataFrame,
    columns: RoiColumns,
    *,
    truth: pd.DataFrame | None = None,
    budgets: Sequence[float] = BUDGETS,
    n_simulations: int = 10_000,
    blocked_share: float | None = None,
    random_state: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> RoiResult:
    """Let an advertiser bid on the publishers of a table.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a publisher. Without columns of scores, ConOut, IsolationForest and Rocod are fitted on its other
        columns: all but label, revenue and those set aside.
    columns : RoiColumns
    truth : pandas.DataFrame, optional
        Further columns of the same rows in the same order, which may be named in `columns` and which detectors do not
        see.
    progress : callable, optional
        Called with ("detectors", done, total).

    Returns
    -------
    RoiResult

    Raises
    ------
    InputError
        A column that is not there or is in both tables, tables of different lengths, labels of other words; and all
        that `roi` raises.
    """
    given = _Columns(table, truth)
    label = None if columns.label is None else read_labels(given.column(columns.label), columns.label)
    money = {name: _numbers(given.column(name), name) for name in (columns.visitors, columns.cost, columns.revenue)}

    def bid(scores: dict[str, Floats], n_simulations: int) -> RoiResult:
        return roi(
            scores,
            money[columns.visitors],
            money[columns.cost],
            money[columns.revenue],
            label,
            budgets=budgets,
            n_simulations=n_simulations,
            blocked_share=blocked_share,
            random_state=random_state,
        )

    if columns.scores:
        return bid({name: _numbers(given.column(name), name) for name in columns.scores}, n_simulations)
    hidden = {columns.label, columns.revenue, *(given.checked(name) for name in columns.set_aside)}
    seen = table[[name for name in table.columns if name not in hidden]]
    bid({}, min(n_simulations, 2))  # what is wrong with the money is said before the detectors take their time
    return bid(_fit_detectors(seen, random_state, progress), n_simulations)


def read_columns(path: str | Path, what: str = "A table of publishers") -> pd.DataFrame:
    """A Parquet or CSV file as a data frame; `what` it is called in errors.

    Raises
    ------
    SourceError
        No such file, another kind of file, or one that cannot be read.
    """
    import pandas as pd

    path = Path(path)
    readers: dict[str, Any] = {".parquet": pd.read_parquet, ".csv": pd.read_csv}
    if path.suffix not in readers:
        raise SourceError(what, allowed="a file named *.parquet or *.csv", got=str(path))
    if not path.is_file():
        raise SourceError(what, allowed="a file that exists", got=str(path))
    try:
        frame: pd.DataFrame = readers[path.suffix](path)
    except (ValueError, OSError) as error:  # pyarrow's and pandas' own errors derive from these
        raise SourceError(f"{path} cannot be read", got=str(error)) from None
    return frame


def read_labels(values: pd.Series[Any], name: str) -> Floats:
    """1 = fraud, 0 = honest, NaN = missing, from bool, numbers 0 and 1, or words.

    Raises
    ------
    InputError
        A value that means neither.
    """
    known = values.reset_index(drop=True).dropna().astype(object)
    words = known.map(lambda value: str(value).strip().lower())
    strange = known[~words.isin(_FRAUD | _HONEST)]
    if len(strange):
        allowed = "true and false, 1 and 0, fraud and honest, yes and no"
        raise InputError(f"The label {name!r}", allowed=allowed, got=strange.iloc[0])
    labels = np.full(len(values), np.nan)
    labels[known.index] = words.isin(_FRAUD)
    return labels


def _numbers(values: pd.Series[Any], name: str) -> Floats:
    import pandas as pd

    try:
        return np.asarray(pd.to_numeric(values).astype(float), dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"The column {name!r}", allowed="numbers", got=str(error)) from None


@dataclass(frozen=True, slots=True)
class _Columns:
    """The table and its truth side by side."""

    table: pd.DataFrame
    truth: pd.DataFrame | None

    def __post_init__(self) -> None:
        if self.truth is None:
            return
        if len(self.truth) != len(self.table):
            raise InputError("The rows of the truth", allowed=f"as many as of the table, {len(self.table):,}",
                             got=len(self.truth))  # fmt: skip
        twice = [name for name in self.truth.columns if name in self.table.columns]
        if twice:
            raise InputError("Columns in both the table and the truth", allowed="none", got=twice)

    def checked(self, name: str) -> str:
        self.column(name)
        return name

    def column(self, name: str) -> pd.Series[Any]:
        for frame in (self.table, self.truth):
            if frame is not None and name in frame.columns:
                return frame[name].reset_index(drop=True)
        names = [str(column) for frame in (self.table, self.truth) if frame is not None for column in frame.columns]
        raise InputError("A column", allowed=", ".join(names), got=name, hint=nearest(name, names))


def _fit_detectors(
    seen: pd.DataFrame, random_state: int, progress: Callable[[str, int, int], None] | None
) -> dict[str, Floats]:
    from tocsin.detectors.contextual.con_out import ConOut
    from tocsin.detectors.contextual.isolation_forest import IsolationForest
    from tocsin.detectors.contextual.rocod import Rocod

    detectors = (ConOut(random_state=random_state), IsolationForest(random_state=random_state), Rocod())
    scores: dict[str, Floats] = {}
    for done, detector in enumerate(detectors):
        if progress is not None:
            progress("detectors", done, len(detectors))
        scores[type(detector).__name__] = np.asarray(detector.fit(seen).anomaly_score(seen), dtype=float)
    if progress is not None:
        progress("detectors", len(detectors), len(detectors))
    return scores
