"""What the demo says of its shops; the whole of it is a command of half a minute."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from tocsin.config import load_settings
from tocsin.demo import sellers
from tocsin.demo.configuration import CONFIG
from tocsin.demo.publishers import PUBLISHERS
from tocsin.errors import InputError
from tocsin.model import Slice, Window

END = datetime(2026, 2, 16, tzinfo=UTC)
DAY = timedelta(days=1)


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


def test_a_folder_that_no_demo_wrote_is_left_alone(tmp_path: Path) -> None:
    from tocsin.demo import run_demo

    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        run_demo(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"
