"""The base of all contextual detectors: a scikit-learn outlier detector for tables of mixed columns.

A subclass says how it learns (`_fit`), how odd rows are (`_surprise`, in [0, 1)) and what it keeps (`_get_learned`,
`_set_learned`). Reading tables, the order of rows, thresholds, the explanation by substitution and the state are here.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from tocsin.detectors.contextual.columns import ColumnKind, EncodedTable, TableSchema, canonical_order
from tocsin.errors import InputError, NotEnoughData
from tocsin.model import Codes, Floats, Ints

__all__ = ["EXPLAIN_COLUMNS", "TableDetector"]

STATE_VERSION = 1
MOST_ROWS_OF_THRESHOLD = 20_000
CONTAMINATION = 0.01
EXPLAIN_COLUMNS = (
    "row", "anomaly_score", "context", "sub_population", "n_peers", "indicator", "observed", "expected", "share",
    "peers", "value", "lower", "median", "upper",
)  # fmt: skip


class TableDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Scores the rows of a table.

    A row's score depends on that row and on what was learned, not on the rows beside it. What is learned does not
    depend on the order of the rows, of named columns, on category names or on affine units of a number.

    Attributes
    ----------
    schema_ : TableSchema, what the columns were found to be and which were set aside
    n_features_in_ : int, columns of the table of fit
    feature_names_in_ : array of str, their names, where they have names
    offset_ : float, threshold of `predict` on the scale of `score_samples`
    """

    _min_rows: ClassVar[int] = 2

    def fit(self, X: Any, y: None = None) -> Self:
        """Learn what is usual.

        Parameters
        ----------
        X : pandas, Polars or Arrow table, two-dimensional array or list of rows
            Columns of any kind; NaN, None and NaT are missing values.
        y : ignored

        Raises
        ------
        InputError
            For what is no table, a setting out of its range, or a table in which no column varies.
        NotEnoughData
            For fewer than two rows.
        """
        self._check_settings()
        schema = TableSchema.learn(X)
        table = schema.encode(X)
        if len(table) < self._min_rows:
            raise NotEnoughData(
                f"The table has too few rows (n_samples={len(table)})", allowed=f"at least {self._min_rows}"
            )
        self.schema_ = schema
        self.n_features_in_ = len(schema.columns)
        if schema.named:
            self.feature_names_in_ = np.array([column.name for column in schema.columns], dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        order = canonical_order(table, schema)
        self._fit(table, order, self._random())
        self.offset_ = self._threshold(table, order)
        return self

    def anomaly_score(self, X: Any) -> Floats:
        """(n,) in [0, 1), higher is more anomalous.

        Parameters
        ----------
        X : table as in `fit`; named columns may come in any order
        """
        return self._surprise(self._encode(X))

    def score_encoded(self, table: EncodedTable) -> Floats:
        """(n,) the anomaly scores of a table that `schema_.encode` gave."""
        check_is_fitted(self)
        return self._surprise(table)

    def score_samples(self, X: Any) -> Floats:
        """(n,) -anomaly_score: lower is more anomalous, as in scikit-learn."""
        return -self.anomaly_score(X)

    def decision_function(self, X: Any) -> Floats:
        """(n,) score_samples - offset_; below 0 are the rows that `predict` calls outliers."""
        scores = self.score_samples(X)
        result: Floats = scores - self.offset_
        return result

    def predict(self, X: Any) -> Ints:
        """(n,) -1 for outliers, 1 for the others."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def explain(self, X: Any) -> pd.DataFrame:
        """Which columns make a row odd: how far its score falls when one value is replaced by the typical one.

        Returns
        -------
        A data frame with one line a row and deviating column (at least one a row), sorted by row, then share:
        row (place in X), anomaly_score, context and sub_population (empty here: the whole table), n_peers (rows of
        fit), indicator (column), observed, expected (typical value), share (part of the sum of falls), peers (empty),
        value and median (of numbers: observed and typical), lower and upper (NaN).
        """
        table = self._encode(X)
        scores = self._surprise(table)
        falls, columns = self._falls(table, scores)
        lines = []
        for i, falling in enumerate(falls):
            total = falling.sum()
            shown = [j for j in np.argsort(-falling, kind="stable") if falling[j] > 0.01 * total] or [0]
            for j in shown:
                column, typical, values = columns[j]
                share = float(falling[j] / total) if total > 0.0 else 0.0
                own = float(values[i])
                evidence = (column.name, column.text(own), column.text(typical), share, "")
                is_number = column.kind is ColumnKind.NUMERIC
                numbers = (own, np.nan, typical, np.nan) if is_number else (np.nan,) * 4
                lines.append((i, float(scores[i]), "", "", self._n_rows, *evidence, *numbers))
        return pd.DataFrame(lines, columns=list(EXPLAIN_COLUMNS))

    def get_state(self) -> dict[str, Any]:
        """What was learned: plain arrays and JSON values."""
        check_is_fitted(self)
        return {
            "detector": type(self).__name__,
            "version": STATE_VERSION,
            "schema": self.schema_.to_json(),
            "offset": float(self.offset_),
            "n_rows": self._n_rows,
            "typical_numbers": self._typical[0],
            "typical_codes": self._typical[1],
            "learned": self._get_learned(),
        }

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take a state of `get_state` in place of a fit; the settings are this object's own."""
        if state.get("detector") != type(self).__name__ or state.get("version") != STATE_VERSION:
            got = f"{state.get('detector')}, version {state.get('version')}"
            raise InputError("A state", allowed=f"one of {type(self).__name__}, version {STATE_VERSION}", got=got)
        self._check_settings()
        self.schema_ = TableSchema.from_json(state["schema"])
        self.n_features_in_ = len(self.schema_.columns)
        if self.schema_.named:
            self.feature_names_in_ = np.array([column.name for column in self.schema_.columns], dtype=object)
        self._n_rows = int(state["n_rows"])
        self._typical = np.asarray(state["typical_numbers"], np.float64), np.asarray(state["typical_codes"], np.int32)
        self._set_learned(state["learned"])
        self.offset_ = float(state["offset"])
        return self

    def _check_settings(self) -> None:
        """Raise `InputError` for a setting out of its range."""
        contamination = getattr(self, "contamination", CONTAMINATION)
        if not isinstance(contamination, Real) or not 0.0 < float(contamination) <= 0.5:
            raise InputError("The setting contamination", allowed="a number in (0, 0.5]", got=contamination)

    @abstractmethod
    def _fit(self, table: EncodedTable, order: Ints, random: np.random.Generator) -> None:
        """Learn from table.take(order): rows in an order that depends on their values alone."""

    @abstractmethod
    def _surprise(self, table: EncodedTable) -> Floats:
        """(n,) anomaly score in [0, 1) of each row, from that row alone."""

    @abstractmethod
    def _get_learned(self) -> dict[str, Any]:
        """Arrays and JSON values."""

    @abstractmethod
    def _set_learned(self, learned: Mapping[str, Any]) -> None:
        """Take what `_get_learned` gave."""

    def _random(self) -> np.random.Generator:
        seed = getattr(self, "random_state", None)
        if seed is None or isinstance(seed, Integral | np.random.Generator):
            return np.random.default_rng(seed)  # type: ignore[arg-type]
        return np.random.default_rng(check_random_state(seed).randint(2**31 - 1))

    def _encode(self, X: Any) -> EncodedTable:
        check_is_fitted(self)
        if self.schema_.named and not hasattr(X, "columns") and not hasattr(X, "column_names"):
            warnings.warn(
                f"X does not have valid feature names, but {type(self).__name__} was fitted with feature names",
                stacklevel=3,
            )
        return self.schema_.encode(X)

    def _threshold(self, table: EncodedTable, order: Ints) -> float:
        """Quantile of the scores of fit (of at most 20,000 of its rows), and the typical row on the way."""
        n = len(order)
        rows = order if n <= MOST_ROWS_OF_THRESHOLD else order[:: -(-n // MOST_ROWS_OF_THRESHOLD)]
        sample = table.take(rows)
        self._n_rows = n
        self._typical = _typical_row(sample)
        share = float(getattr(self, "contamination", CONTAMINATION))
        return float(np.percentile(-self._surprise(sample), 100.0 * share))

    def _falls(self, table: EncodedTable, scores: Floats) -> tuple[Floats, list[tuple[Any, float, Any]]]:
        """(n, n_columns) how far each score falls when a column takes its typical value; column, that value, values."""
        falls: list[Floats] = []
        columns: list[tuple[Any, float, Any]] = []
        for j, column in enumerate(self.schema_.number_columns):
            typical = float(self._typical[0][j])
            numbers = table.numbers.copy()
            numbers[:, j] = typical
            falls.append(scores - self._surprise(EncodedTable(numbers, table.codes)))
            columns.append((column, typical, table.numbers[:, j]))
        for j, column in enumerate(self.schema_.category_columns):
            usual = int(self._typical[1][j])
            codes = table.codes.copy()
            codes[:, j] = usual
            falls.append(scores - self._surprise(EncodedTable(table.numbers, codes)))
            columns.append((column, float(usual), table.codes[:, j]))
        return np.maximum(np.column_stack(falls), 0.0), columns

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _typical_row(sample: EncodedTable) -> tuple[Floats, Codes]:
    """Medians (lower of the two in the middle) and the commonest categories."""
    n_numbers = sample.numbers.shape[1]
    medians = np.full(n_numbers, np.nan)
    for j in range(n_numbers):
        present = sample.numbers[~np.isnan(sample.numbers[:, j]), j]
        if len(present):
            medians[j] = np.partition(present, (len(present) - 1) // 2)[(len(present) - 1) // 2]
    commonest = [np.bincount(sample.codes[:, j] + 1).argmax() - 1 for j in range(sample.codes.shape[1])]
    return medians, np.array(commonest, np.int32)
