"""What the columns of a table are, found by itself, and the table as arrays that estimators compute on.

Names of categories, the order of rows, the order of named columns and affine units (of positive slope) of a number
change nothing downstream: columns are taken in the order of their names, categories are numbered by frequency, and
`canonical_order` puts the rows in an order that depends on their values alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from tocsin.detectors.contextual.reading import RawTable, days_of, numbers_of, read_table, texts_of
from tocsin.errors import InputError, nearest
from tocsin.kernels.table_columns import column_ranges, key_rows
from tocsin.model import MISSING, Codes, Floats, Ints

__all__ = ["Column", "ColumnKind", "EncodedTable", "TableSchema", "canonical_order"]

N_CELLS = float(1 << 20)
PRESENT = "(present)"


class ColumnKind(StrEnum):
    """What a column is; those of the second line are set aside."""

    NUMERIC, ORDINAL, CATEGORICAL, BOOLEAN, DATE = "numeric", "ordinal", "categorical", "boolean", "date"
    IDENTIFIER, CONSTANT, TEXT = "identifier", "constant", "text"


NUMBERS = (ColumnKind.NUMERIC, ColumnKind.ORDINAL, ColumnKind.DATE)
GROUPS = (ColumnKind.CATEGORICAL, ColumnKind.BOOLEAN)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table of fit.

    categories : of a categorical or boolean column by falling frequency (code = place), of an ordinal one in its order
    low, high : range of the finite encoded values of fit (numbers)
    origin : newest date of fit, in days since 1970 UTC; a date is encoded as its age before it, in days
    presence : the column has one value or none: encoded as a boolean, present or missing
    note : why it is set aside, or what was done to its values
    position : place in the table of fit
    """

    name: str
    kind: ColumnKind
    categories: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    origin: float | None = None
    presence: bool = False
    note: str = ""
    position: int = 0

    @property
    def used(self) -> bool:
        """Whether estimators compute on it."""
        return self.kind in NUMBERS or self.kind in GROUPS

    def text(self, value: float) -> str:
        """An encoded value as its owner would write it."""
        if math.isnan(value) or (self.kind in GROUPS and value < 0):
            return MISSING
        if self.kind is ColumnKind.DATE and self.origin is not None:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=self.origin - value)
            return moment.strftime("%Y-%m-%d" if float(self.origin - value).is_integer() else "%Y-%m-%d %H:%M")
        if self.kind in GROUPS or self.kind is ColumnKind.ORDINAL:
            place = round(value)
            return self.categories[place] if 0 <= place < len(self.categories) else "(unseen)"
        return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:,.4g}"


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTable:
    """A table as estimators take it.

    numbers : (n, n_numbers) float64, C-contiguous, finite or NaN = missing
    codes : (n, n_categoricals) int32, C-contiguous; -1 = missing, n_categories = unseen in fit
    n_infinite, n_unreadable, n_unseen : values clipped to the range of fit, taken as missing, of unseen categories
    """

    numbers: Floats
    codes: Codes
    n_infinite: int = 0
    n_unreadable: int = 0
    n_unseen: int = 0

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: Any) -> EncodedTable:
        """Some rows, by an index array, a mask or a slice."""
        return EncodedTable(np.ascontiguousarray(self.numbers[rows]), np.ascontiguousarray(self.codes[rows]))


@dataclass(frozen=True, slots=True)
class TableSchema:
    """What a table's columns are; learned in fit, used to encode every later table.

    columns : in the order of the table of fit; named : whether that table named its columns
    """

    columns: tuple[Column, ...]
    named: bool

    @classmethod
    def learn(cls, table: Any) -> TableSchema:
        """Find each column's kind (docs/reference/tables.md has the rules).

        Raises
        ------
        InputError
            For what is no table, and for one without a column that could tell one row from another.
        """
        from tocsin.detectors.contextual.kinds import find_columns

        raw = read_table(table)
        return cls(find_columns(raw), raw.named)

    def _used(self, kinds: tuple[ColumnKind, ...]) -> list[Column]:
        found = [column for column in self.columns if column.kind in kinds]
        return sorted(found, key=lambda column: column.name) if self.named else found

    @property
    def number_columns(self) -> tuple[Column, ...]:
        """Of `EncodedTable.numbers`."""
        return tuple(self._used(NUMBERS))

    @property
    def category_columns(self) -> tuple[Column, ...]:
        """Of `EncodedTable.codes`."""
        return tuple(self._used(GROUPS))

    @property
    def number_names(self) -> tuple[str, ...]:
        """Of `EncodedTable.numbers`."""
        return tuple(column.name for column in self.number_columns)

    @property
    def category_names(self) -> tuple[str, ...]:
        """Of `EncodedTable.codes`."""
        return tuple(column.name for column in self.category_columns)

    @property
    def n_categories(self) -> Ints:
        """(n_categoricals,) of `EncodedTable.codes`."""
        return np.array([len(column.categories) for column in self.category_columns], np.int64)

    @property
    def set_aside(self) -> tuple[Column, ...]:
        """Columns that are not used; each one's note says why."""
        return tuple(column for column in self.columns if not column.used)

    def encode(self, table: Any) -> EncodedTable:
        """The arrays of a table; each row's depend on that row alone.

        Columns are matched by name where both tables have names (others are ignored), else by place.

        Raises
        ------
        InputError
            For a missing column, or another number of unnamed columns.
        """
        raw = read_table(table)
        place = self._match(raw)
        numbers, n_infinite, n_unreadable = self._numbers(raw, place)
        codes, n_unseen = self._codes(raw, place)
        return EncodedTable(numbers, codes, n_infinite, n_unreadable, n_unseen)

    def _match(self, raw: RawTable) -> dict[str, int]:
        if self.named and raw.named:
            have = {name: j for j, name in enumerate(raw.names)}
            for column in self.columns:
                if column.used and column.name not in have:
                    allowed = f"a table with the columns {', '.join(one.name for one in self.columns if one.used)}"
                    hint = nearest(column.name, raw.names)
                    raise InputError(f"The table has no column {column.name!r}", allowed=allowed, hint=hint)
            return {column.name: have[column.name] for column in self.columns if column.used}
        if len(raw.names) != len(self.columns):
            raise InputError(
                f"X has {len(raw.names)} features, but TableSchema is expecting {len(self.columns)} features as input"
            )
        return {column.name: column.position for column in self.columns if column.used}

    def _numbers(self, raw: RawTable, place: Mapping[str, int]) -> tuple[Floats, int, int]:
        columns = self.number_columns
        n_unreadable = 0
        if raw.matrix is not None and all(column.kind is ColumnKind.NUMERIC for column in columns):
            wanted = [place[column.name] for column in columns]
            whole = wanted == list(range(raw.matrix.shape[1]))
            numbers = raw.matrix if whole else np.ascontiguousarray(raw.matrix[:, wanted])
        else:
            numbers = np.empty((raw.n_rows, len(columns)))
            for j, column in enumerate(columns):
                found, missed = _read_number(_series(raw, place[column.name]), column)
                numbers[:, j] = found
                n_unreadable += missed
        n_infinite = int(column_ranges(numbers)[3].sum())
        if n_infinite:
            low = np.array([column.low for column in columns])
            high = np.array([column.high for column in columns])
            numbers = np.where(np.isposinf(numbers), high, np.where(np.isneginf(numbers), low, numbers))
        return numbers, n_infinite, n_unreadable

    def _codes(self, raw: RawTable, place: Mapping[str, int]) -> tuple[Codes, int]:
        columns = self.category_columns
        codes = np.empty((raw.n_rows, len(columns)), np.int32)
        for j, column in enumerate(columns):
            codes[:, j] = _read_codes(_series(raw, place[column.name]), column)
        return codes, int((codes == self.n_categories).sum()) if columns else 0

    def row_keys(self, encoded: EncodedTable) -> Any:
        """(n,) uint64: a mix of each row's values, the same in every affine unit of positive slope."""
        low = np.array([column.low for column in self.number_columns])
        high = np.array([column.high for column in self.number_columns])
        return key_rows(encoded.numbers, low, high, encoded.codes, N_CELLS)

    def to_json(self) -> dict[str, Any]:
        """JSON values that `from_json` takes."""
        return {"named": self.named, "columns": [asdict(column) for column in self.columns]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TableSchema:
        """The schema of a `to_json`."""
        known = {field.name for field in fields(Column)}
        columns = []
        for one in value["columns"]:
            given = {name: one[name] for name in one if name in known}
            given |= {"kind": ColumnKind(one["kind"]), "categories": tuple(one["categories"])}
            columns.append(Column(**given))
        return cls(tuple(columns), bool(value["named"]))


def _series(raw: RawTable, j: int) -> pd.Series[Any]:
    return pd.Series(raw.matrix[:, j]) if raw.matrix is not None else raw.series[j]


def _read_number(series: pd.Series[Any], column: Column) -> tuple[Floats, int]:
    """Encoded numbers, and how many present values could not be read."""
    if column.kind is ColumnKind.ORDINAL:
        codes, texts = texts_of(series)
        place = {category: float(k) for k, category in enumerate(column.categories)}
        values = np.array([*(place.get(text, math.nan) for text in texts), math.nan])[codes]
    elif column.kind is ColumnKind.DATE:
        values = (column.origin or 0.0) - days_of(series)
    else:
        values = numbers_of(series)
    return values, int((np.isnan(values) & series.notna().to_numpy()).sum())


def _read_codes(series: pd.Series[Any], column: Column) -> Codes:
    if column.presence:
        present, missing = (column.categories.index(name) for name in (PRESENT, MISSING))
        return np.where(series.notna().to_numpy(), present, missing).astype(np.int32)
    codes, texts = texts_of(series)
    place = {category: k for k, category in enumerate(column.categories)}
    unseen = len(column.categories)
    return np.array([*(place.get(text, unseen) for text in texts), -1], np.int32)[codes]


def canonical_order(encoded: EncodedTable, schema: TableSchema) -> Ints:
    """(n,) the rows in an order that depends on their values alone.

    Rows of equal keys that differ (in less than a millionth of a column's range) are put in the order of their values.
    """
    keys = schema.row_keys(encoded)
    order = np.argsort(keys)
    ordered = keys[order]
    tied = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(tied) == 0:
        return order
    first, second = encoded.numbers[order[tied]], encoded.numbers[order[tied + 1]]
    same = ((first == second) | (np.isnan(first) & np.isnan(second))).all(axis=1)
    same &= (encoded.codes[order[tied]] == encoded.codes[order[tied + 1]]).all(axis=1)
    if same.all():
        return order
    rows = np.flatnonzero(np.isin(ordered, ordered[tied[~same]]))
    values = [*encoded.codes[order[rows]].T, *encoded.numbers[order[rows]].T]
    order[rows] = order[rows][np.lexsort((*values, ordered[rows]))]
    return order
