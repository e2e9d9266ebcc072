"""Raw events in bulk: as many as asked for, in order, over as many slices as asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tocsin.errors import InputError
from tocsin.simulate import events as bulk
from tocsin.simulate import simulate_events

START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def _small_chunks(monkeypatch):
    monkeypatch.setattr(bulk, "_CHUNK", 30_000)


@pytest.mark.usefixtures("_small_chunks")
def test_events_are_ordered_over_chunks_and_cover_the_slices(tmp_path):
    path = simulate_events(tmp_path / "events.parquet", n_events=100_000, n_slices=500, days=3, start=START)
    assert pq.ParquetFile(path).num_row_groups == 4
    table = pq.read_table(path).to_pandas()
    assert len(table) == 100_000
    assert list(table.columns) == ["event", "ts", "country", "app", "partner", "sdk", "revenue"]
    assert table["ts"].is_monotonic_increasing
    assert table["ts"].min() >= START
    assert table["ts"].max() < START + timedelta(days=3)
    assert table["ts"].dt.floor("h").nunique() == 72
    sizes = table.groupby(["country", "app", "partner", "sdk"]).size().sort_values(ascending=False)
    assert len(sizes) == 500
    assert sizes.iloc[:50].sum() > 0.4 * len(table)
    shares = table["event"].value_counts(normalize=True)
    np.testing.assert_allclose([shares["view"], shares["click"], shares["install"]], [0.94, 0.05, 0.01], atol=0.005)
    assert (table["revenue"].notna() == (table["event"] == "install")).all()


def test_the_file_depends_on_the_seed_alone(tmp_path):
    made = [
        simulate_events(tmp_path / f"{i}.parquet", n_events=5_000, n_slices=50, days=1, random_state=seed).read_bytes()
        for i, seed in enumerate((1, 1, 2))
    ]
    assert made[0] == made[1] != made[2]


def test_columns_are_plain_strings(tmp_path):
    path = simulate_events(tmp_path / "events.parquet", n_events=10, n_slices=3, days=1)
    schema = pq.read_schema(path)
    assert all(schema.field(name).type == pa.string() for name in ("event", "country", "app", "partner", "sdk"))
    assert schema.field("ts").type == pa.timestamp("us", tz="UTC")


@pytest.mark.parametrize("wrong", [{"n_events": 0}, {"n_slices": 0}, {"days": 0}, {"n_slices": 3_000_000}])
def test_sizes_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        simulate_events(tmp_path / "events.parquet", **wrong)
