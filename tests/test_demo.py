"""What the demo plants and says; the whole of it is a command of half a minute."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest

from tocsin.config import load_settings
from tocsin.demo import mailings, payouts, sellers
from tocsin.demo.configuration import CONFIG
from tocsin.demo.publishers import PUBLISHERS
from tocsin.errors import InputError
from tocsin.model import Incident, Slice, Window

END = datetime(2026, 2, 16, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.setattr(sellers, "N_SHOPS", 12)
    monkeypatch.setattr(sellers, "ALPHA", 0.5)
    return sellers.write_demo_orders(tmp_path, END, 6 * DAY, 0)


def test_only_judged_days_are_farmed_and_the_truth_stays_apart(tmp_path: Path, truth: pd.DataFrame) -> None:
    orders = pd.read_parquet(tmp_path / "orders.parquet")
    whole = pd.read_parquet(tmp_path / "orders_truth.parquet")
    assert list(orders.columns) == ["shop", "ts"]
    assert END - sellers.N_DAYS * DAY <= orders["ts"].min() <= orders["ts"].max() < END
    assert len(orders) == (whole["records"] + whole["fakes"]).sum()
    assert len(truth) == 6 * 12
    assert truth["farmed"].sum() == whole["farmed"].sum() > 0


def judged(found: list[tuple[str, datetime]]) -> tuple[list[SimpleNamespace], SimpleNamespace]:
    """Incidents, one a flagged day, and the report of the monitor."""
    anomalies = [
        SimpleNamespace(slice=Slice((("shop", shop),)), window=Window(start, start + DAY), id=f"a{number}")
        for number, (shop, start) in enumerate(found)
    ]
    runs = [SimpleNamespace(window=Window(END + n * DAY, END + (n + 1) * DAY)) for n in range(-6, 0)]
    incidents = [
        SimpleNamespace(id=f"i{number}", anomaly_ids=(item.id,), headline=f"{item.slice.items[0][1]}: odd")
        for number, item in enumerate(anomalies)
    ]
    return incidents, SimpleNamespace(anomalies=anomalies, runs=runs)


def test_a_row_a_kind_says_how_many_days_are_found(truth: pd.DataFrame) -> None:
    farmed = truth[truth["farmed"] & (truth["kind"] == "centralised")].sort_values("fakes", ascending=False)
    largest = farmed.iloc[0]
    honest = truth[~truth["farmed"]].iloc[0]
    found = [(one["shop"], one["date"].to_pydatetime().replace(tzinfo=UTC)) for one in (largest, honest)]
    rows, sentence = sellers.compare_shops(truth, *judged(found))  # type: ignore[arg-type]
    assert len(rows) == 3
    assert rows[0].incident_ids == ("i0",)
    assert rows[0].remark == f"1 of {len(farmed)} flagged; {largest['shop']}: odd"
    assert rows[0].window == Window(END - 6 * DAY, END)
    assert [row.incident_ids for row in rows[1:]] == [(), ()]
    assert sentence.startswith(f"of 72 days of 12 shops {truth['farmed'].sum()} are farmed")
    assert sentence.endswith("1 of the 2 flagged are among them")


def test_the_configuration_names_the_monitors_that_are_compared(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text(CONFIG.format(end=END.isoformat()), encoding="utf-8")
    kinds = {monitor.name: monitor.kind for monitor in load_settings(tmp_path / "tocsin.toml").monitor}
    assert (kinds[sellers.SHOPS], kinds[PUBLISHERS]) == ("collections", "contextual")
    assert (kinds[payouts.PAYOUTS], kinds[mailings.MAILED]) == ("series", "slices")


def test_only_the_payouts_of_some_hours_are_cut(tmp_path: Path) -> None:
    hours = [END - timedelta(hours=n) for n in range(24, 0, -1)]
    times, countries = hours * 2, ["JP"] * 24 + ["US"] * 24
    events = pa.table(
        {
            "ts": pa.array(times, pa.timestamp("us", "UTC")),
            "country": pa.array(countries),
            "revenue": pa.array([10.0] * 48),
        }
    )
    cut, window = payouts.plant_low_payouts(tmp_path, events, END)
    assert cut.drop_columns("revenue").equals(events.drop_columns("revenue"))
    expected = [3.0 if country == "JP" and window.start <= ts < window.end else 10.0
                for ts, country in zip(times, countries, strict=True)]  # fmt: skip
    assert cut["revenue"].to_pylist() == expected
    assert expected.count(3.0) == 3
    assert json.loads((tmp_path / "payouts.json").read_text())["start"] == window.start.isoformat()


def told(start: datetime, hours: int = 1, part: Slice = mailings.SLICE) -> Incident:
    """What an incident of a slice is compared by."""
    first, last = Window(start, start + HOUR), Window(start + (hours - 1) * HOUR, start + hours * HOUR)
    identity = f"{start.isoformat()} {part.key}"
    return SimpleNamespace(id=identity, slice=part, first=first, last=last, headline="odd")  # type: ignore[return-value]


def test_mailings_that_rang_are_counted_before_and_after_the_answers() -> None:
    planned = mailings.plan_mailings(END)
    at = END - mailings.ANSWERED
    assert [one.start for one in planned] == sorted(one.start for one in planned)
    assert END - 6 * DAY < planned[0].start < at < planned[-1].end <= END
    before, after = [one for one in planned if one.start < at], [one for one in planned if one.start >= at]
    other = told(after[1].start, part=Slice((("country", "DE"),)))
    late = told(after[0].start - 2 * HOUR, hours=2)  # over before the mailing
    answered = [told(one.start) for one in before[:3]]
    row = mailings.compare_mailings(planned, answered, at, [*answered, told(after[0].start), other, late])
    assert row.remark == f"3 of {len(before)} rang before they were answered, 1 of {len(after)} after that"
    assert row.incident_ids == tuple(one.id for one in answered)
    assert not row.harmful


def test_low_payouts_are_found_by_an_incident_of_the_country_at_that_time() -> None:
    country, window = Slice((("country", payouts.COUNTRY),)), Window(END - 14 * HOUR, END - 11 * HOUR)
    hit, early = told(window.start + HOUR, 4, country), told(window.start - 2 * HOUR, 2, country)
    elsewhere = told(window.start, 3, Slice((("country", "DE"),)))
    assert payouts.compare_payouts(window, [early, elsewhere, hit]).incident_ids == (hit.id,)
    assert payouts.compare_payouts(window, [early, elsewhere]).remark == "nothing rang"


def test_a_folder_that_no_demo_wrote_is_left_alone(tmp_path: Path) -> None:
    from tocsin.demo import run_demo

    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        run_demo(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"
