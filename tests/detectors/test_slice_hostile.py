"""Hostile tables, as pandas, Polars and Arrow: each input has its stated answer (docs/reference/slice_detector.md)."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tocsin import SliceDetector
from tocsin.errors import InputError
from tocsin.model import MISSING

KINDS = {
    "pandas": (lambda frame: frame, pd.DataFrame),
    "polars": (lambda frame: pl.from_pandas(frame.reset_index(drop=True)), pl.DataFrame),
    "arrow": (lambda frame: pa.Table.from_pandas(frame, preserve_index=False), pa.Table),
}
NAMES = [
    "it's", 'a "b"', "`tick`", "line\nbreak", "tab\t", "<script>alert(1)</script>", "[bold]x[/bold]", "{{ 7 * 7 }}",
    "💥", "👩‍👩‍👧", "\u202eevil", "\x1b[31mred", "nul\x00byte", "x" * 10_000, "", " ", "NULL", "None", "nan",
    "-1", "a,b;c",
    "'; DROP TABLE runs; --", "=1+1", MISSING,
]  # fmt: skip
N_DAYS = 16


@pytest.fixture(params=list(KINDS))
def kind(request):
    return request.param


def funnel_table(names, n_days=N_DAYS):
    days = pd.date_range("2026-01-05", periods=n_days, tz="UTC")
    random = np.random.default_rng(0)
    rows = [(day, name, 400, int(random.poisson(40))) for day in days for name in names]
    return pd.DataFrame(rows, columns=["window_start", "app", "views", "clicks"])


TABLE = funnel_table([f"a{k}" for k in range(8)])
REFERENCE, RECENT = TABLE[:-8].reset_index(drop=True), TABLE[-8:].reset_index(drop=True)


def score(kind, reference=REFERENCE, recent=RECENT, **settings):
    convert, type_ = KINDS[kind]
    found = SliceDetector(**{"kpi": "clicks / views", "dimensions": ["app"], **settings})
    result = found.fit(convert(reference)).score(convert(recent))
    assert isinstance(result, type_)
    return found, result if isinstance(result, pd.DataFrame) else result.to_pandas()


def refusal(kind, reference=REFERENCE, recent=RECENT, **settings):
    with pytest.raises(InputError) as caught:
        score(kind, reference, recent, **settings)
    return str(caught.value)


@pytest.mark.parametrize("mode", ["calibrated", "faithful"])
def test_values_come_back_letter_by_letter(kind, mode):
    names = [name for name in NAMES if kind == "pandas" or "\x00" not in name]
    table = funnel_table(names)
    _, result = score(kind, table[: -len(names)], table[-len(names) :], mode=mode, random_state=0)
    assert set(result["app"].dropna()) == set(names)
    assert result["p_value"].notna().all()


def test_columns_may_be_called_as_the_words_of_sql(kind):
    renamed = {"app": "select", "clicks": "install", "views": "from"}
    _, result = score(
        kind, REFERENCE.rename(columns=renamed), RECENT.rename(columns=renamed), kpi="install / from",
        dimensions=["select"],
    )  # fmt: skip
    _, plain = score(kind)
    assert result["select"].dropna().tolist() == plain["app"].dropna().tolist()
    assert result["p_value"].tolist() == plain["p_value"].tolist()


def test_null_is_a_value_and_meets_the_value_of_its_name(kind):
    holed = [table.assign(app=table["app"].where(table["app"] != "a3")) for table in (REFERENCE, RECENT)]
    _, result = score(kind, *holed)
    _, plain = score(kind)
    assert (result["app"] == MISSING).sum() == 1
    ours, theirs = result.loc[result["app"] == MISSING, "value"], plain.loc[plain["app"] == "a3", "value"]
    assert ours.to_numpy() == pytest.approx(theirs.to_numpy())
    both = [table.assign(app=table["app"].replace("a4", MISSING)) for table in holed]
    _, result = score(kind, *both)
    assert (result["app"] == MISSING).sum() == 1
    merged = RECENT[RECENT["app"].isin(["a3", "a4"])]
    assert result.loc[result["app"] == MISSING, "amount"].iloc[0] == merged["clicks"].sum()


def test_duplicate_rows_are_summed(kind):
    _, result = score(kind, pd.concat([REFERENCE] * 2), pd.concat([RECENT] * 2))
    leaf = result[result["app"] == "a2"].iloc[0]
    assert leaf["amount"] == 2 * RECENT.loc[RECENT["app"] == "a2", "clicks"].iloc[0]
    assert len(result) == 9


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
@pytest.mark.parametrize("where", ["reference", "recent"])
def test_infinite_measures_are_refused(kind, infinity, where):
    table = REFERENCE if where == "reference" else RECENT
    broken = table.assign(clicks=table["clicks"].astype(float).where(table.index != 3, infinity))
    message = refusal(kind, **{where: broken})
    assert "'clicks' has infinite values" in message
    assert f"1 infinite of {len(table)}" in message


def test_negative_measures(kind):
    lower = [table.assign(clicks=table["clicks"] - 40) for table in (REFERENCE, RECENT)]
    found, result = score(kind, *lower)
    assert result["p_value"].notna().all()
    assert any("not a count" in note and "negative" in note for note in found.notes_)
    assert "'views' has negative values" in refusal(kind, reference=REFERENCE.assign(views=-REFERENCE["views"]))


def test_more_clicks_than_views(kind):
    few = REFERENCE["views"].where(REFERENCE.index != 5, 1)
    found, result = score(kind, reference=REFERENCE.assign(views=few))
    assert any("exceeds views in 1 facts: taken as still parts of it" in note for note in found.notes_)
    found, result = score(kind, REFERENCE.assign(views=10), RECENT.assign(views=10))
    assert any("taken as not parts of it" in note for note in found.notes_)
    assert result["p_value"].between(0, 1).all()


def test_empty_measures_are_left_out_and_counted(kind):
    holed = RECENT.assign(clicks=RECENT["clicks"].astype("Int64").where(RECENT.index != 3))
    found, result = score(kind, recent=holed)
    assert [(item.reason, item.count, item.unit) for item in found.left_out_] == [("missing measure", 1, "rows")]
    assert len(result) == 8
    assert "no row with all measures" in refusal(kind, recent=RECENT.assign(clicks=np.nan))


def test_no_views_at_all_is_absent_not_a_score(kind):
    _, result = score(kind, recent=RECENT.assign(views=0, clicks=0))
    assert set(result["status"]) == {"absent"}
    assert result[["p_value", "anomaly_score"]].isna().all(axis=None)
    assert not result["flagged"].any()


def test_windows_of_the_far_future_are_windows(kind):
    """A table has no present: what follows the reference is judged, whenever it is."""
    later = [
        table.assign(window_start=table["window_start"] + pd.Timedelta(days=36_500)) for table in (REFERENCE, RECENT)
    ]
    _, result = score(kind, *later)
    _, plain = score(kind)
    # a hundred years later the weekdays differ: as many rows, the same values
    assert result["value"].tolist() == plain["value"].tolist()


@pytest.mark.parametrize("where", ["reference", "recent"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda times: times.dt.tz_localize(None), ["holds no aware times", "tz_localize"]),
        (lambda times: times.astype(str), ["holds no aware times", "to_datetime"]),
        (lambda times: times.dt.date, ["holds no aware times"]),
        (lambda times: times.where(times.index != 2), ["1 empty"]),
        (lambda times: times + pd.Timedelta(milliseconds=1), ["whole seconds"]),
    ],
)
def test_times_that_are_no_aware_whole_seconds_are_refused(kind, where, change, words):
    table = REFERENCE if where == "reference" else RECENT
    message = refusal(kind, **{where: table.assign(window_start=change(table["window_start"]))})
    for word in ["window_start" if "seconds" not in words[0] else "Windows", *words]:
        assert word in message


@pytest.mark.parametrize("where", ["reference", "recent"])
def test_empty_tables_and_renamed_columns(kind, where):
    table = REFERENCE if where == "reference" else RECENT
    assert "table is empty" in refusal(kind, **{where: table[:0]})
    for column, new in (("clicks", "klicks"), ("app", "apps"), ("window_start", "window")):
        message = refusal(kind, **{where: table.rename(columns={column: new})})
        assert f"no column '{column}'" in message
        assert f"did you mean '{new}'" in message


def test_texts_in_a_measure_are_refused(kind):
    assert "'clicks' does not hold numbers" in refusal(kind, reference=REFERENCE.assign(clicks="many"))


@pytest.mark.parametrize("mode", ["calibrated", "faithful"])
@pytest.mark.parametrize("size", [10**12, 10**15])
def test_huge_counts_have_finite_answers(kind, mode, size):
    random = np.random.default_rng(1)
    huge = [
        table.assign(views=size, clicks=(size * random.uniform(0.05, 0.06, len(table))).astype(np.int64))
        for table in (REFERENCE, RECENT)
    ]
    huge[1].loc[3, "clicks"] = 0
    _, result = score(kind, *huge, mode=mode, random_state=0)
    assert result["p_value"].between(0, 1).all()
    assert result["anomaly_score"].lt(1).all()
    assert result.set_index("app").loc["a3", "flagged"]


@pytest.mark.parametrize("mode", ["calibrated", "faithful"])
def test_constant_and_single_input(kind, mode):
    flat = [table.assign(clicks=40) for table in (REFERENCE, RECENT)]
    _, result = score(kind, *flat, mode=mode, random_state=0)
    assert not result["flagged"].any()
    one = [table[table["app"] == "a0"] for table in (REFERENCE, RECENT)]
    _, result = score(kind, *one, mode=mode, random_state=0)
    assert result["app"].dropna().tolist() == ["a0"]


@pytest.mark.parametrize("table", [None, {"window_start": [1]}, [[1, 2]], np.zeros((3, 4)), "table"])
def test_what_is_no_table_is_named(table):
    found = SliceDetector(kpi="clicks / views", dimensions=["app"])
    with pytest.raises(InputError, match="pandas, Polars or Arrow"):
        found.fit(table)


def test_a_measure_that_sums_to_nothing_is_no_trouble() -> None:
    """Returns cancel sales: the typical value of a slice is 0."""
    from tocsin.detectors.slices import measures

    values = np.ones((30, 5))
    scale = np.where(np.arange(30) < 5, 0.0, 2.0)
    factor = measures._common_factor(values, scale, np.zeros(30), np.zeros(30, dtype=np.int64))
    assert factor.tolist() == [0.5] * 5 + [1.0]
