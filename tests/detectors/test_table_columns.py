"""What columns are found to be, and that an encoded row depends on that row's values alone."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tests.detectors.mixed_tables import mixed_table
from tocsin.detectors.contextual.columns import Column, ColumnKind, TableSchema, canonical_order
from tocsin.errors import InputError, NotEnoughData

N = 60
OTHER = np.random.default_rng(1).normal(size=N)


def learn(values):
    """The schema's column of some values beside a number, and its encoded values."""
    table = pd.DataFrame({"a": values, "other": OTHER[: len(values)]})
    schema = TableSchema.learn(table)
    encoded = schema.encode(table)
    column = schema.columns[0]
    if column.kind in (ColumnKind.CATEGORICAL, ColumnKind.BOOLEAN):
        return column, encoded.codes[:, schema.category_names.index("a")]
    return column, encoded.numbers[:, schema.number_names.index("a")] if column.used else None


def alternating(*values):
    return [values[i % len(values)] for i in range(N)]


KINDS = [
    ("floats", OTHER, "numeric"),
    ("few whole numbers", alternating(1, 2, 3), "numeric"),
    ("nullable", pd.array(alternating(1, 2, None), dtype="Int64"), "numeric"),
    ("decimals", alternating(Decimal("1.5"), Decimal("2.25"), Decimal("7")), "numeric"),
    ("texts of numbers", alternating("1", "2.5", "1e3"), "numeric"),
    ("Arrow numbers", pd.array(alternating(1, 2, None), dtype="int64[pyarrow]"), "numeric"),
    ("durations", pd.to_timedelta(alternating(1, 2, 5), unit="D"), "numeric"),
    ("declared codes", pd.Categorical(alternating("1", "2", "3")), "categorical"),
    ("texts", alternating("x", "y", "z"), "categorical"),
    ("Arrow texts", pd.array(alternating("x", "y", None), dtype="string[pyarrow]"), "categorical"),
    ("mixed", pd.Series(alternating("x", 7, None, 2.5), dtype=object), "categorical"),
    ("ordered", pd.Categorical(alternating("S", "L"), categories=["S", "M", "L"], ordered=True), "ordinal"),
    ("booleans", alternating(True, False), "boolean"),
    ("booleans with holes", pd.Series(alternating(True, False, None), dtype=object), "boolean"),
    ("nullable booleans", pd.array(alternating(True, False, None), dtype="boolean"), "boolean"),
    ("times", pd.date_range("2026-01-01", periods=N), "date"),
    ("aware times", pd.date_range("2026-01-01", periods=N, tz="Europe/Berlin"), "date"),
    ("dates", [date(2026, 1, 1) + timedelta(days=i % 7) for i in range(N)], "date"),
    ("Arrow dates", pd.array([date(2026, 1, 1 + i % 7) for i in range(N)], dtype="date32[pyarrow]"), "date"),
    ("ISO texts", alternating("2026-01-01", "2026-02-03T10:00", "2026-02-03T10:00:00+02:00"), "date"),
    ("own texts", [f"id{i}" for i in range(N)], "identifier"),
    ("nearly own texts", [f"id{max(i, 3)}" for i in range(N)], "identifier"),
    ("own declared categories", pd.Categorical([f"id{i}" for i in range(N)]), "identifier"),
    ("a counter", np.random.default_rng(0).permutation(N) + 1000, "identifier"),
    ("nearly a counter, as floats", np.arange(N, dtype=float), "numeric"),
    ("free text", [f"what a day number {i // 2 if i % 4 else i} was" for i in range(N)], "text"),
    ("one number", [7] * N, "constant"),
    ("one text", ["x"] * N, "constant"),
    ("nothing", [None] * N, "constant"),
    ("no number", [np.nan] * N, "constant"),
    ("no category", pd.Categorical([None] * N, categories=["never"]), "constant"),
    ("one number or none", alternating(7.0, np.nan), "boolean"),
    ("one text or none", alternating("x", None), "boolean"),
]


@pytest.mark.parametrize(("values", "kind"), [case[1:] for case in KINDS], ids=[case[0] for case in KINDS])
def test_kinds_are_found(values, kind):
    column, _ = learn(values)
    assert column.kind == kind
    assert column.used or column.note


def test_numbers_keep_their_values():
    assert learn(alternating("1", " 2.5 ", "1e3", None))[1][:4] == pytest.approx([1, 2.5, 1000, np.nan], nan_ok=True)
    assert learn(pd.to_timedelta(alternating(36, 48), unit="h"))[1][:2].tolist() == [1.5, 2.0]
    ordinal = pd.Categorical(alternating("L", "S", None), categories=["S", "M", "L"], ordered=True)
    assert learn(ordinal)[1][:3] == pytest.approx([2, 0, np.nan], nan_ok=True)


def test_dates_are_ages_in_days():
    texts = ["2026-03-01", "2026-02-27T12:00", None, "2026-02-28T01:00:00+01:00", *["2026-01-01"] * (N - 4)]
    column, ages = learn(texts)
    assert ages[:5] == pytest.approx([0, 1.5, np.nan, 1, 59], nan_ok=True)
    assert column.text(59.0) == "2026-01-01"
    assert column.text(1.5) == "2026-02-27 12:00"
    berlin = pd.DatetimeIndex(texts[:2] + texts[4:], tz="Europe/Berlin")
    assert learn(berlin)[1][1] == 1.5


def test_a_few_unreadable_values_are_missing_and_counted():
    values = ["7", *map(str, OTHER[:-6]), "n/a", "?", "", "-", "no"]
    column, numbers = learn(values)
    assert column.kind == "numeric"
    assert "5 values are no number" in column.note
    assert np.isnan(numbers).sum() == 5


def test_infinite_values_are_clipped_to_the_range_of_fit_and_counted():
    column, numbers = learn([np.inf, -np.inf, *OTHER[2:]])
    assert numbers[:2].tolist() == [OTHER[2:].max(), OTHER[2:].min()]
    assert "2 infinite values" in column.note
    schema = TableSchema.learn(np.column_stack([OTHER, OTHER]))
    later = schema.encode(np.array([[np.inf, 5.0], [-np.inf, 0.0]]))
    assert later.numbers.tolist() == [[OTHER.max(), 5.0], [OTHER.min(), 0.0]]
    assert later.n_infinite == 2


def test_categories_by_frequency_and_unseen_and_missing_ones():
    column, codes = learn(alternating("b", "a", "a", None))
    assert column.categories == ("a", "b")
    assert codes[:4].tolist() == [1, 0, 0, -1]
    schema = TableSchema.learn(pd.DataFrame({"a": alternating("b", "a", "a"), "other": OTHER}))
    later = schema.encode(pd.DataFrame({"other": [0.0] * 3, "a": ["new", "b", None]}))
    assert later.codes[:, 0].tolist() == [2, 1, -1]
    assert later.n_unseen == 1
    assert schema.category_columns[0].text(2) == "(unseen)"


def test_one_value_or_none_is_encoded_as_present_or_missing():
    table = pd.DataFrame({"a": alternating(7.0, np.nan, np.nan), "other": OTHER})
    schema = TableSchema.learn(table)
    assert schema.columns[0].categories == ("(missing)", "(present)")
    assert schema.encode(table).codes[:3, 0].tolist() == [1, 0, 0]


def test_three_is_three_in_any_type():
    schema = TableSchema.learn(pd.DataFrame({"a": pd.Categorical(alternating(3, 4)), "other": OTHER}))
    for values in ([3, 4], [3.0, 4.0], ["3", "4"], pd.Categorical([3, 4])):
        codes = schema.encode(pd.DataFrame({"a": values, "other": [0.0, 1.0]})).codes[:, 0]
        assert [schema.columns[0].categories[code] for code in codes] == ["3", "4"]


def same(left, right):
    np.testing.assert_array_equal(left.numbers, right.numbers)
    np.testing.assert_array_equal(left.codes, right.codes)


def test_pandas_polars_and_arrow_read_alike():
    table = mixed_table()
    schema = TableSchema.learn(table)
    assert [column.kind for column in schema.columns] == [
        "numeric", "numeric", "numeric", "categorical", "categorical", "ordinal", "date", "boolean",
    ]  # fmt: skip
    encoded = schema.encode(table)
    unordered = table.assign(size=table["size"].astype(str))
    arrow = pa.Table.from_pandas(table)
    assert TableSchema.learn(arrow) == schema
    for other in (arrow, pl.from_pandas(unordered), pl.from_pandas(unordered).lazy(), unordered):
        same(schema.encode(other), encoded)
    plain = table.drop(columns=["size", "category"])
    assert TableSchema.learn(pl.from_pandas(plain)) == TableSchema.learn(plain)


def test_arrays_and_lists_read_alike():
    array = np.random.default_rng(0).normal(size=(30, 4))
    array[3, 1] = np.nan
    schema = TableSchema.learn(array)
    assert schema.number_names == ("x0", "x1", "x2", "x3")
    encoded = schema.encode(array)
    assert np.shares_memory(encoded.numbers, array)  # a million rows are not copied
    for other in (array.tolist(), array.astype(object), np.asfortranarray(array), pd.DataFrame(array)):
        assert TableSchema.learn(other) == schema
        same(schema.encode(other), encoded)
    rows = [[1.0, "x"], [2.5, "y"], [7.0, "x"]]
    mixed = TableSchema.learn(rows)
    assert [column.kind for column in mixed.columns] == ["numeric", "categorical"]
    assert mixed.encode(rows).codes[:, 0].tolist() == [0, 1, 0]


def test_named_columns_come_in_any_order_and_others_are_ignored():
    table = mixed_table()
    schema = TableSchema.learn(table)
    same(schema.encode(table[table.columns[::-1]].assign(label=1)), schema.encode(table))
    turned = TableSchema.learn(table[table.columns[::-1]])
    same(turned.encode(table), schema.encode(table))
    with pytest.raises(InputError, match=r"no column 'price'.*did you mean 'prices'"):
        schema.encode(table.rename(columns={"price": "prices"}))


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_a_row_is_encoded_alone(seed, size):
    table = mixed_table(80, seed)
    schema = TableSchema.learn(table)
    whole = schema.encode(table)
    start = seed % 40
    same(schema.encode(table.iloc[start : start + size]), whole.take(slice(start, start + size)))


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([(1.0, 0.0), (1.8, 32.0), (1e-3, -7.0), (1e6, 1e6)]))
def test_rows_are_ordered_by_their_values_alone(seed, unit):
    table = mixed_table(120, seed)
    random = np.random.default_rng(seed)
    names = {name: f"n{place}" for place, name in enumerate(random.permutation(["news", "games", "shop"]))}
    other = table.iloc[random.permutation(len(table))][list(random.permutation(table.columns))]
    other = other.assign(category=other["category"].cat.rename_categories(names), visits=other["visits"] * unit[0])
    other["visits"] += unit[1]
    schema, changed = TableSchema.learn(table), TableSchema.learn(other)
    left, right = schema.encode(table), changed.encode(other)
    order, moved = canonical_order(left, schema), canonical_order(right, changed)
    np.testing.assert_array_equal(np.sort(schema.row_keys(left)), np.sort(changed.row_keys(right)))
    place = schema.number_names.index("visits")
    np.testing.assert_allclose(left.numbers[order, place] * unit[0] + unit[1], right.numbers[moved, place], rtol=1e-12)
    np.testing.assert_array_equal(left.codes[order], right.codes[moved])


def test_rows_of_one_key_are_ordered_by_their_values():
    table = np.column_stack([np.append(np.arange(50.0), 1e12), np.zeros(51)])
    table[50, 1] = 1.0
    schema = TableSchema.learn(table)
    assert len(np.unique(schema.row_keys(schema.encode(table)))) == 2  # a far value leaves one cell to all others
    shuffled = table[np.random.default_rng(0).permutation(51)]
    ordered = [rows[canonical_order(schema.encode(rows), schema)] for rows in (table, shuffled)]
    np.testing.assert_array_equal(*ordered)


def test_a_schema_comes_back_from_json():
    schema = TableSchema.learn(mixed_table())
    back = TableSchema.from_json(json.loads(json.dumps(schema.to_json())))
    assert back == schema
    same(back.encode(mixed_table(50, 1)), schema.encode(mixed_table(50, 1)))


@pytest.mark.parametrize(
    ("table", "error", "words"),
    [
        (np.zeros((0, 3)), NotEnoughData, "no rows"),
        (np.zeros((1, 3)), NotEnoughData, "n_samples=1"),
        (np.zeros((12, 0)), InputError, "0 feature"),
        (np.ones((5, 2)), InputError, "x0: one value in every row"),
        ([["a"], ["b"], ["c"]], InputError, "nearly every row has its own"),
        (np.zeros(5), InputError, "Reshape your data"),
        (5, InputError, "rows and columns"),
        (np.zeros((2, 2, 2)), InputError, "rows and columns"),
        ([[1, 2], [3]], InputError, "differ in length"),
        (np.zeros((3, 2), complex), InputError, "Complex data not supported"),
        (sparse.csr_array(np.eye(3)), InputError, "Sparse"),
        (pd.DataFrame(np.eye(3), columns=["a", "b", "a"]), InputError, "'a' more than once"),
    ],
)
def test_what_is_no_table_is_said(table, error, words):
    with pytest.raises(error, match=words):
        TableSchema.learn(table)


def test_two_rows_are_a_table():
    schema = TableSchema.learn([[1.0, "a"], [2.0, "b"]])
    assert [column.kind for column in schema.columns] == ["numeric", "categorical"]


def test_the_largest_and_smallest_numbers():
    table = np.array([[1.7e308, 5e-324], [-1.7e308, 0.0], [0.0, 5e-324], [np.nan, np.inf]])
    schema = TableSchema.learn(table)
    assert len(np.unique(schema.row_keys(schema.encode(table)))) >= 3


def test_values_as_their_owner_writes_them():
    number = Column("a", ColumnKind.NUMERIC)
    assert [number.text(value) for value in (12345.0, 0.12345, np.nan)] == ["12,345", "0.1235", "(missing)"]
    assert learn([datetime(2026, 1, 1 + i % 3) for i in range(N)])[0].text(0.0) == "2026-01-03"  # noqa: DTZ001
