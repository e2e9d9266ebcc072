"""What `init` makes of tables as people have them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tocsin.errors import NotEnoughData
from tocsin.guess import EntityGuess, Guess, guess_entities, guess_settings
from tocsin.sources import open_table

HOURS = pd.date_range("2026-01-05", periods=24 * 14, freq="h", tz="UTC")


def guess(frame: pd.DataFrame, folder: Path) -> Guess:
    path = folder / "data.parquet"
    frame.to_parquet(path)
    with open_table(str(path), None, folder) as table:
        return guess_settings(table.describe())


def test_an_aggregated_funnel(tmp_path: Path) -> None:
    slices = [(hour, country, app) for hour in HOURS for country in "AB" for app in "xyz"]
    frame = pd.DataFrame(slices, columns=["hour", "country", "app"])
    frame["impressions"], frame["clicks"], frame["installs"] = 100 + frame.index, 5 + frame.index % 3, frame.index % 2
    found = guess(frame, tmp_path)
    assert found.time == "hour"
    assert found.kpis == {
        "ctr": "clicks / impressions", "installs_per_clicks": "installs / clicks", "impressions": "impressions",
    }  # fmt: skip
    assert found.dimensions == ("country", "app")
    assert (found.window, found.depth) == (timedelta(hours=1), 2)


def test_raw_events_are_counted_by_kind(tmp_path: Path) -> None:
    rows = [(hour + pd.Timedelta(minutes=n), event, "DE", n * 1.5, f"u{n}")
            for hour in HOURS for n, event in enumerate(["view", "view", "click", "it's"])]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["ts", "event", "country", "revenue", "user_id"])
    frame["country"] = ["DE", "FR"] * (len(frame) // 2)
    found = guess(frame, tmp_path)
    assert found.measures["views"] == "count where event = 'view'"
    assert found.measures["clicks"] == "count where event = 'click'"
    assert found.measures["revenue"] == "sum(revenue)"
    assert found.kpis["ctr"] == "clicks / views"
    assert "country" in found.dimensions
    assert "user_id" not in found.measures


def test_dates_make_daily_windows(tmp_path: Path) -> None:
    days = pd.date_range("2025-01-01", periods=200, freq="D").date
    frame = pd.DataFrame(
        [(day, shop, shop + 3) for day in days for shop in range(5)], columns=["date", "shop", "count"]
    )
    found = guess(frame, tmp_path)
    assert (found.window, found.kpis) == (timedelta(days=1), {"count": "count"})
    assert found.dimensions == ("shop",)


def test_epoch_seconds_and_text_times_are_seen(tmp_path: Path) -> None:
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    epoch = pd.DataFrame({"timestamp": [start + 60 * n for n in range(5000)], "value": range(5000)})
    assert guess(epoch, tmp_path).time == "timestamp"
    text = pd.DataFrame({"when": [hour.isoformat() for hour in HOURS], "value": range(len(HOURS))})
    assert guess(text, tmp_path).time == "when"


def test_rows_that_led_to_something_make_a_rate(tmp_path: Path) -> None:
    frame = pd.DataFrame({"click_time": HOURS, "is_attributed": [n % 7 == 0 for n in range(len(HOURS))]})
    frame["is_attributed"] = frame["is_attributed"].astype(int)
    assert guess(frame, tmp_path).kpis == {"is_attributed_rate": "is_attributed / rows", "rows": "rows"}


def test_no_time_and_no_rows_are_said(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="No column looks like a time"):
        guess(pd.DataFrame({"country": ["DE", "FR"], "clicks": [1, 2]}), tmp_path)
    with pytest.raises(NotEnoughData, match="empty"):
        guess(pd.DataFrame({"ts": pd.to_datetime([], utc=True), "clicks": []}), tmp_path)


def entities(frame: pd.DataFrame, folder: Path) -> EntityGuess | None:
    path = folder / "data.parquet"
    frame.to_parquet(path)
    with open_table(str(path), None, folder) as table:
        return guess_entities(table.describe())


def publishers(n: int = 200) -> pd.DataFrame:
    columns = {"id": range(1000, 1000 + n), "domain": [f"site{k}.example" for k in range(n)], "tags": [["a"]] * n}
    return pd.DataFrame({**columns, "country": ["DE", "FR"] * (n // 2), "visitors": [k * k for k in range(n)]})


def test_one_row_a_name_and_no_time_are_entities(tmp_path: Path) -> None:
    found = entities(publishers(), tmp_path)
    assert found is not None
    assert (found.n_rows, found.entity, found.columns) == (200, "domain", ("country", "visitors"))
    assert found.sentences[-1] == "not used (names of their own, or no plain values): id, tags"
    numbered = entities(publishers()[["id", "country", "visitors"]], tmp_path)
    assert numbered is not None
    assert (numbered.entity, numbered.columns) == ("id", ("country", "visitors"))


def test_beside_a_time_only_what_is_called_like_an_entity_is_one(tmp_path: Path) -> None:
    dated = publishers().assign(registered=pd.Timestamp("2026-01-05", tz="UTC"))
    found = entities(dated, tmp_path)
    assert found is not None
    assert "registered" in found.columns
    assert entities(dated.rename(columns={"domain": "order_number"}), tmp_path) is None
    often = pd.concat([dated, dated, dated], ignore_index=True)
    assert entities(often, tmp_path) is None
    assert guess(often, tmp_path).time == "registered"


def test_without_names_there_are_no_entities(tmp_path: Path) -> None:
    assert entities(publishers()[["country", "visitors"]], tmp_path) is None
    assert entities(publishers(10), tmp_path) is None
    assert entities(publishers()[["domain"]], tmp_path) is None


@pytest.mark.parametrize(
    ("name", "n_days", "n_shops", "collector"),
    [("shop", 20, 4, "shop"), ("shop", 5, 4, None), ("colour", 20, 4, None), ("shop", 20, 400, None)],
)
def test_records_of_sellers_are_collections(
    tmp_path: Path, name: str, n_days: int, n_shops: int, collector: str | None
) -> None:
    seconds = [(k * 977) % (n_days * 86_400) for k in range(4_000)]
    frame = pd.DataFrame({"ts": [HOURS[0] + timedelta(seconds=s) for s in seconds]})
    frame[name] = [f"s{k % n_shops}" for k in range(len(frame))]
    frame["price"] = [1.5 + k % 90 for k in range(len(frame))]
    assert guess(frame, tmp_path).collector == collector
