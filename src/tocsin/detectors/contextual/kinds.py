"""The kinds of a table's columns. Every rule looks at a column as a set of values: the order of rows does not matter.

* A number of any type stays a number, however few values it has; so does a text column of which at least 90 % of the
  present values are numbers. An ordered pandas category is ordinal. Declared categories are categories.
* Dates are dates or times of any type, and text columns of which at least 90 % of the present values are ISO 8601.
* An identifier is a column in which every row (from 50 rows on: 90 % of them) has a text of its own, or whole numbers,
  all different, that fill nine tenths of their range (a counter; from 20 rows on).
* Free text: from 20 rows on, more than half of the values are of their own and have four words or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tocsin.detectors.contextual.columns import GROUPS, N_CELLS, NUMBERS, PRESENT, Column, ColumnKind
from tocsin.detectors.contextual.reading import RawTable, days_of, is_true_or_false, numbers_of, texts_of
from tocsin.errors import InputError, NotEnoughData
from tocsin.kernels.table_columns import column_ranges, key_rows
from tocsin.model import MISSING, Bools, Floats

__all__ = ["find_columns"]

READABLE_SHARE = 0.9
OWN_SHARE = 0.9
LEAST_ROWS_OWN = 50
LEAST_ROWS = 20
FREE_TEXT_WORDS = 4.0


@dataclass(slots=True, eq=False)
class Draft:
    """A column before its last decisions."""

    name: str
    kind: ColumnKind
    position: int
    numbers: Any = None
    codes: Any = None
    categories: tuple[str, ...] = ()
    whole: bool = False
    note: str = ""
    origin: float | None = None
    presence: bool = False
    low: float = 0.0
    high: float = 0.0

    def aside(self, kind: ColumnKind, note: str) -> None:
        self.kind, self.note, self.numbers, self.codes, self.categories = kind, note, None, None, ()

    def column(self) -> Column:
        return Column(
            self.name, self.kind, self.categories, self.low, self.high, self.origin, self.presence, self.note,
            self.position,
        )  # fmt: skip


def find_columns(raw: RawTable) -> tuple[Column, ...]:
    """Each column of the table; raises `InputError` where none is of use."""
    if raw.n_rows == 0:
        raise NotEnoughData("The table has no rows (n_samples=0)", allowed="at least 2 rows")
    if raw.n_rows == 1:
        raise NotEnoughData(
            "The table has one row (n_samples=1): nothing to compare it with", allowed="at least 2 rows"
        )
    if raw.matrix is not None:
        drafts = [
            Draft(name, ColumnKind.NUMERIC, j, numbers=raw.matrix[:, j], whole=raw.whole)
            for j, name in enumerate(raw.names)
        ]
        ranges = column_ranges(raw.matrix)
    else:
        drafts = [_draft(name, j, raw.series[j]) for j, name in enumerate(raw.names)]
        numbers = [draft.numbers for draft in drafts if draft.numbers is not None]
        ranges = column_ranges(np.column_stack(numbers)) if numbers else ()
    for k, draft in enumerate([draft for draft in drafts if draft.numbers is not None]):
        _judge_number(draft, *(float(part[k]) for part in ranges))
    for draft in drafts:
        if draft.codes is not None:
            _judge_category(draft)
    _number_categories(drafts, raw.named)
    columns = tuple(draft.column() for draft in drafts)
    if not any(column.used for column in columns):
        reasons = "; ".join(f"{column.name}: {column.note}" for column in columns[:5])
        raise InputError("No column tells one row from another", allowed="at least one column that varies", got=reasons)
    return columns


def _draft(name: str, position: int, series: pd.Series[Any]) -> Draft:
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes, texts = texts_of(series)
        if dtype.ordered:
            numbers = np.where(codes < 0, np.nan, codes)
            return Draft(name, ColumnKind.ORDINAL, position, numbers=numbers, categories=tuple(texts))
        return Draft(name, ColumnKind.CATEGORICAL, position, codes=codes, categories=tuple(texts))
    if is_true_or_false(series):
        codes, texts = texts_of(series)
        return Draft(name, ColumnKind.BOOLEAN, position, codes=codes, categories=tuple(texts))
    if pd.api.types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return _date_draft(name, position, days_of(series))
    if pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        whole = pd.api.types.is_integer_dtype(dtype)
        return Draft(name, ColumnKind.NUMERIC, position, numbers=numbers_of(series), whole=whole)
    return _draft_of_texts(name, position, series)


def _draft_of_texts(name: str, position: int, series: pd.Series[Any]) -> Draft:
    """A column of texts, or of values of several types: numbers, else dates, else categories."""
    present: Bools = series.notna().to_numpy()
    n_present = int(present.sum())
    for read, kind in ((numbers_of, "number"), (days_of, "date")):
        values = read(series)
        n_unread = int((np.isnan(values) & present).sum())
        if n_present and n_unread <= (1.0 - READABLE_SHARE) * n_present:
            made = _date_draft(name, position, values) if kind == "date" else None
            draft = made or Draft(name, ColumnKind.NUMERIC, position, numbers=values, whole=_all_whole(values))
            if n_unread:
                draft.note = f"{n_unread:,} values are no {kind} and count as missing"
            return draft
    codes, texts = texts_of(series)
    return Draft(name, ColumnKind.CATEGORICAL, position, codes=codes, categories=tuple(texts))


def _date_draft(name: str, position: int, days: Floats) -> Draft:
    origin = float(np.nanmax(days)) if np.isfinite(days).any() else 0.0
    return Draft(name, ColumnKind.DATE, position, numbers=origin - days, origin=origin)


def _all_whole(values: Floats) -> bool:
    finite = values[np.isfinite(values)]
    return bool((finite == np.floor(finite)).all())


def _judge_number(draft: Draft, low: float, high: float, n_missing: float, n_infinite: float) -> None:
    if low > high:
        draft.aside(ColumnKind.CONSTANT, "no value" if not n_infinite else "no finite value")
        return
    if low == high:
        if n_missing == 0:
            draft.aside(ColumnKind.CONSTANT, "one value in every row")
        else:
            _make_presence(draft, np.isnan(draft.numbers))
        return
    if draft.whole and n_missing == 0 and n_infinite == 0 and _is_counter(draft.numbers, low, high):
        draft.aside(ColumnKind.IDENTIFIER, "whole numbers that count the rows")
        return
    draft.low, draft.high = low, high
    if n_infinite:
        clipped = f"{int(n_infinite):,} infinite values count as the largest or smallest finite one"
        draft.note = f"{draft.note}; {clipped}" if draft.note else clipped


def _make_presence(draft: Draft, missing: Bools) -> None:
    draft.kind, draft.numbers, draft.presence = ColumnKind.BOOLEAN, None, True
    draft.codes, draft.categories, draft.origin = missing.astype(np.int32), (PRESENT, MISSING), None
    draft.note = "one value or none: only whether there is one counts"


def _is_counter(numbers: Floats, low: float, high: float) -> bool:
    n = len(numbers)
    if n < LEAST_ROWS or (high - low + 1) > n / OWN_SHARE:
        return False
    seen = np.zeros(int(high - low) + 1, np.bool_)
    seen[(numbers - low).astype(np.int64)] = True
    return int(seen.sum()) == n


def _judge_category(draft: Draft) -> None:
    """Set aside what tells nothing; drop categories without rows."""
    if draft.presence:
        return
    present = draft.codes[draft.codes >= 0]
    counts = np.bincount(present, minlength=len(draft.categories))
    n_own = int((counts > 0).sum())
    n_present = len(present)
    if n_own == 0:
        draft.aside(ColumnKind.CONSTANT, "no value")
    elif n_own == 1:
        if n_present == len(draft.codes):
            draft.aside(ColumnKind.CONSTANT, "one value in every row")
        else:
            _make_presence(draft, draft.codes < 0)
    elif (n_own == n_present and n_present > 2) or (n_present >= LEAST_ROWS_OWN and n_own >= OWN_SHARE * n_present):
        draft.aside(ColumnKind.IDENTIFIER, f"{n_own:,} values in {n_present:,} rows: nearly every row has its own")
    elif n_present >= LEAST_ROWS and n_own > 0.5 * n_present and _words(draft, counts) >= FREE_TEXT_WORDS:
        draft.aside(ColumnKind.TEXT, f"free text: {n_own:,} different ones in {n_present:,} rows")


def _words(draft: Draft, counts: Any) -> float:
    """Words in a value, on average over the different ones."""
    words = [len(text.split()) for text, count in zip(draft.categories, counts, strict=True) if count]
    return float(np.mean(words))


def _number_categories(drafts: list[Draft], named: bool) -> None:
    """Categories by falling frequency; those equally frequent by the values their rows have elsewhere, then by name."""
    groups = [draft for draft in drafts if draft.kind in GROUPS]
    if named:
        groups.sort(key=lambda draft: draft.name)
    counts = [np.bincount(draft.codes[draft.codes >= 0], minlength=len(draft.categories)) for draft in groups]
    keys = None
    for draft, count in zip(groups, counts, strict=True):
        if keys is None and len(np.unique(count[count > 0])) < int((count > 0).sum()):
            keys = _keys_without_names(drafts, groups, counts, named)
        rows = draft.codes >= 0
        parts: list[Any] = [np.zeros(len(count)), np.zeros(len(count))]
        if keys is not None:  # sums of 26 bits are exact in any order of the rows
            parts = [
                np.bincount(draft.codes[rows], weights=((keys[rows] >> shift) & 0x3FFFFFF), minlength=len(count))
                for shift in (np.uint64(0), np.uint64(32))
            ]
        present = np.flatnonzero(count)
        ranks = sorted(present, key=lambda k: (-count[k], parts[0][k], parts[1][k], draft.categories[k]))
        draft.categories = tuple(draft.categories[k] for k in ranks)


def _keys_without_names(drafts: list[Draft], groups: list[Draft], counts: list[Any], named: bool) -> Any:
    """Keys of the rows from their numbers and from how frequent their categories are."""
    plain = [draft for draft in drafts if draft.kind in NUMBERS]
    if named:
        plain.sort(key=lambda draft: draft.name)
    n = len(groups[0].codes)
    finite = [np.clip(draft.numbers, draft.low, draft.high) for draft in plain]
    numbers = np.column_stack(finite) if finite else np.empty((n, 0))
    low, high = (np.array([getattr(draft, end) for draft in plain]) for end in ("low", "high"))
    frequencies = [np.append(count, -1)[draft.codes] for draft, count in zip(groups, counts, strict=True)]
    codes = np.ascontiguousarray(np.column_stack(frequencies), np.int32)
    return key_rows(np.ascontiguousarray(numbers), low, high, codes, N_CELLS)
