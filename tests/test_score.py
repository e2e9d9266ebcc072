"""Tables scored in pieces, by fitted and by saved detectors, and the reasons beside the scores."""

import itertools
import json
import re
import zipfile
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tocsin import ConOut, IsolationForest, Rocod
from tocsin.detectors.contextual.models import detector_of, read_model, score_batches, write_model
from tocsin.errors import InputError, NotEnoughData, SourceError
from tocsin.score import REASONS, score_table
from tocsin.score import table as score_module
from tocsin.score.sample import draw_sample


def shops(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Prices are a hundred times higher in Japan; a German shop, in row 8, has a Japanese price."""
    random = np.random.default_rng(seed)
    country = random.choice(["DE", "JP"], n)
    country[7] = "DE"
    price = np.where(country == "DE", 1.0, 100.0) * random.lognormal(0, 0.1, n)
    price[7] = 150.0
    visits = random.poisson(200, n).astype(float)
    names = [f"shop{place}.example" for place in range(n)]
    return pd.DataFrame({"shop": names, "country": country, "price": price, "visits": visits})


@pytest.fixture(scope="module")
def detectors():
    """Fitted to all but the names."""
    seen = shops().drop(columns="shop")
    contexts = [["country"]]
    return {
        "ConOut": ConOut(contexts=contexts, random_state=0).fit(seen),
        "faithful": ConOut(mode="faithful", contexts=contexts, random_state=0).fit(seen),
        "IsolationForest": IsolationForest(n_trees=20, random_state=0).fit(seen),
        "Rocod": Rocod(contexts=["country"]).fit(seen),
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The present folder, with shops.parquet in row groups of 90."""
    monkeypatch.chdir(tmp_path)
    shops().to_parquet("shops.parquet", index=False, row_group_size=90)
    return tmp_path


def pieces(frame: pd.DataFrame, *sizes: int) -> list[pa.RecordBatch]:
    """The table in batches of these sizes, and the rest."""
    batch = pa.RecordBatch.from_pandas(frame, preserve_index=False)
    edges = np.cumsum([0, *sizes, len(frame) - sum(sizes)]).tolist()
    return [batch.slice(start, stop - start) for start, stop in itertools.pairwise(edges)]


@pytest.mark.parametrize("name", ["ConOut", "faithful", "IsolationForest", "Rocod"])
def test_pieces_and_saved_models_score_as_the_whole(detectors, name, tmp_path):
    detector, frame = detectors[name], shops(seed=1).drop(columns="shop")
    whole = detector.anomaly_score(frame)
    batches = list(score_batches(detector.get_state(), pieces(frame, 1, 0, 130)))
    assert [batch.num_rows for batch in batches] == [1, 0, 130, 269]
    assert batches[0].schema.names == [*frame.columns, "anomaly_score"]
    assert np.concatenate([batch.column("anomaly_score").to_numpy() for batch in batches]) == pytest.approx(
        whole, abs=0
    )
    path = tmp_path / "models" / "shops.npz"
    write_model(path, detector, {"identifier": None})
    saved = read_model(path).detector
    assert np.array_equal(saved.anomaly_score(frame), whole)
    pd.testing.assert_frame_equal(saved.explain(frame[:9]), detector.explain(frame[:9]))


@pytest.mark.spark
def test_partitions_of_spark_score_as_the_whole(detectors, spark):
    frame, detector = shops(60, seed=2).drop(columns="shop"), detectors["IsolationForest"]
    table = spark.createDataFrame(pa.Table.from_pandas(frame, preserve_index=False))
    assert table.rdd.getNumPartitions() > 1
    schema = "country string, price double, visits double, anomaly_score double"
    found = table.mapInArrow(partial(score_batches, detector.get_state()), schema).toArrow()
    assert found["visits"].to_pylist() == frame["visits"].tolist()
    assert found["anomaly_score"].to_pylist() == detector.anomaly_score(frame).tolist()


def test_a_saved_model_holds_no_pickle_and_damage_is_said(detectors, tmp_path):
    path = tmp_path / "model.npz"
    write_model(path, detectors["Rocod"], {})
    with zipfile.ZipFile(path) as archive:
        assert all(re.fullmatch(r"(json|a\d+)\.npy", name) for name in archive.namelist())
    content = path.read_bytes()
    for damage in (content[:-40], b"\x80\x04]." + content[4:], b"", b"PK\x03\x04"):
        path.write_bytes(damage)
        with pytest.raises(InputError, match=r"cannot be read.*tocsin score --save"):
            read_model(path)
    hostile = np.array([{"a": 1}], dtype=object)
    np.savez(path, json=hostile)
    with pytest.raises(InputError, match="cannot be read"):
        read_model(path)
    np.savez(path, json=np.frombuffer(json.dumps({"format": "tocsin/model/9"}).encode(), np.uint8))
    with pytest.raises(InputError, match="another format"):
        read_model(path)


def test_a_state_of_another_detector_or_without_its_parts_is_refused(detectors):
    with pytest.raises(InputError, match="'SliceDetector'"):
        detector_of({"detector": "SliceDetector"})
    state = detectors["Rocod"].get_state()
    del state["learned"]["cells"]
    with pytest.raises(InputError, match=r"not complete.*cells"):
        detector_of(state)


def test_a_sample_does_not_depend_on_the_batches_and_is_uniform():
    frame = pd.DataFrame({"place": np.arange(3000)})
    first = draw_sample(pieces(frame), 200, seed=5)
    second = draw_sample(pieces(frame, *[7] * 300), 200, seed=5)
    assert first.rows.tolist() == second.rows.tolist() == first.table["place"].to_pylist() == sorted(first.rows)
    assert second.table.equals(first.table)
    assert (len(first.rows), first.n_rows) == (200, 3000)
    many = np.concatenate([draw_sample(pieces(frame, 1000), 200, seed=seed).rows for seed in range(30)])
    counts = np.histogram(many, bins=10, range=(0, 3000))[0]
    assert (np.abs(counts - 600) < 5 * np.sqrt(600)).all()
    assert draw_sample(pieces(frame), 5000, seed=0).rows.tolist() == list(range(3000))
    assert draw_sample([], 5, seed=0) is None


def test_the_table_comes_back_with_scores_and_reasons_of_the_oddest(folder):
    result = score_table("shops.parquet", out=folder / "out" / "scored.parquet", contexts=[["country"]], top=3)
    assert result.n_rows == 400
    lead = result.oddest[0]
    assert (lead.row, lead.name) == (8, "shop7.example")
    usual = r"expected \S+ \(\S+ to \S+\) among the \d+ rows with country = DE"
    assert re.fullmatch(rf"row 8 \(shop7\.example\), 0\.9\d{{3}}: price 150, {usual}", lead.sentence)
    scored, frame = pd.read_parquet("out/scored.parquet"), shops()
    pd.testing.assert_frame_equal(scored[frame.columns], frame)
    seen = frame.drop(columns="shop")
    scores = ConOut(contexts=[["country"]], random_state=0).fit(seen).anomaly_score(seen)
    assert scored["anomaly_score"].to_numpy() == pytest.approx(scores, abs=0)
    explained = scored["reason"].notna()
    assert sorted(np.flatnonzero(explained) + 1) == sorted(row.row for row in result.oddest)
    assert scored[explained]["anomaly_score"].min() >= scored[~explained]["anomaly_score"].max()
    assert scored.loc[7, list(REASONS[:4])].tolist() == ["country", "country = DE", "price", "150"]
    assert [note.split(":")[0] for note in result.notes] == ["shop is not used"]
    assert {path.name for path in folder.iterdir()} == {"shops.parquet", "out"}
    assert [path.name for path in (folder / "out").iterdir()] == ["scored.parquet"]


def test_a_saved_model_scores_another_table_without_learning(folder, monkeypatch):
    options = {"detector": "isolation_forest", "top": 2}
    fresh = score_table("shops.parquet", out=folder / "a.parquet", save=folder / "m.npz", **options)
    monkeypatch.setattr(IsolationForest, "fit", None)
    again = score_table("shops.parquet", out=folder / "b.parquet", model=folder / "m.npz", top=2)
    assert again.oddest == fresh.oddest
    assert pq.read_table("a.parquet").equals(pq.read_table("b.parquet"))
    other = shops(50, seed=3)[["visits", "price", "country"]].assign(country="XX")
    other.loc[0, "price"] = np.inf
    other.to_parquet("other.parquet")
    result = score_table("other.parquet", model=folder / "m.npz")
    assert "1 infinite value: taken as the largest or smallest that was learned from" in result.notes
    assert "50 values: a category that was not learned from, taken as one of its own" in result.notes
    shops().drop(columns="price").to_parquet("other.parquet")
    with pytest.raises(InputError, match="no column 'price'"):
        score_table("other.parquet", model=folder / "m.npz")


def test_a_large_table_is_learned_from_a_sample_and_read_in_batches(folder, monkeypatch):
    monkeypatch.setattr(score_module, "SAMPLE_ROWS", 100)
    monkeypatch.setattr("tocsin.sources.engines.BATCH_ROWS", 64)
    found = []
    result = score_table(
        "shops.parquet", out=folder / "s.parquet", detector="rocod", progress=lambda *step: found.append(step)
    )
    assert "learned from 100 of 400 rows; numbers of peers are among those" in result.notes
    assert len(found) > 3
    assert found[-1] == ("rows", 400, 400)
    assert pd.read_parquet("s.parquet")["shop"].tolist() == shops()["shop"].tolist()
    assert result.oddest[0].row == 8
    scores = [row.anomaly_score for row in result.oddest]
    assert scores == sorted(scores, reverse=True)
    best = pd.read_parquet("s.parquet")["anomaly_score"].nlargest(20)
    assert scores == best.tolist()


def test_csv_is_safe_for_spreadsheets_and_hostile_names_stay_visible(folder):
    frame = shops()
    frame["shop"] = ["=cmd|'/c calc'!A1", "\x1b[2J", *frame["shop"][2:]]
    frame.loc[:, "country"] = frame["country"].map({"DE": "@DE", "JP": "<b>J\nP</b>"})
    frame = frame.rename(columns={"visits": "+visits", "price": "price\u202e"}).assign(
        parts=[[1, 2]] * len(frame), raw=b"\x00="
    )
    frame.to_parquet("shops.parquet", index=False)
    result = score_table("shops.parquet", out=folder / "s.csv", detector="rocod", top=400, identifier="shop")
    text = (folder / "s.csv").read_text(encoding="utf-8")
    assert "'=cmd" in text
    assert "'+visits" in text.splitlines()[0]
    read = pd.read_csv("s.csv")
    texts = read.select_dtypes(exclude="number").stack().astype(str)
    assert not texts.str.match(r"\s*[=+\-@\t\r\n|%]").any()
    assert read.loc[0, "shop"] == "'=cmd|'/c calc'!A1"
    assert read.loc[0, ["parts", "raw"]].tolist() == ["[1, 2]", "003d"]
    assert read["'+visits"].tolist() == frame["+visits"].tolist()
    said = "".join(row.sentence for row in result.oddest)
    assert said.isprintable()
    assert "=cmd" in said
    assert "J↵P" in said


def test_results_never_hide_columns_and_earlier_results_are_replaced(folder):
    frame = shops().rename(columns={"visits": "expected"})
    frame.to_parquet("own.parquet", index=False)
    score_table("own.parquet", out=folder / "first.parquet", detector="isolation_forest")
    first = pd.read_parquet("first.parquet")
    assert first["expected"].tolist() == frame["expected"].tolist()
    assert first["tocsin_expected"].notna().sum() == 20
    score_table("shops.parquet", out=folder / "first.parquet", detector="isolation_forest")
    again = score_table("first.parquet", out=folder / "second.parquet", detector="isolation_forest")
    assert "the scores and reasons of an earlier run are not looked at, and replaced" in again.notes
    assert pq.read_table("second.parquet").equals(pq.read_table("first.parquet"))


def test_columns_can_be_kept_from_the_detector(folder):
    frame = shops().assign(fraud=[int(place == 3) for place in range(400)])
    frame.to_parquet("shops.parquet", index=False)
    frame.drop(columns="fraud").to_parquet("plain.parquet", index=False)
    seen, hidden, plain = (
        score_table(name, detector="isolation_forest", without=without).oddest
        for name, without in (("shops.parquet", ()), ("shops.parquet", ["fraud"]), ("plain.parquet", ()))
    )
    assert hidden == plain != seen


@pytest.mark.parametrize(
    ("frame", "options", "error", "said"),
    [
        (None, {}, SourceError, "no such file"),
        (shops()[:0], {}, NotEnoughData, "empty"),
        (shops()[:1], {}, InputError, "nothing to compare"),
        (shops()[["shop"]], {}, InputError, "shop"),
        (shops(), {"identifier": "shops"}, InputError, "did you mean 'shop'"),
        (shops(), {"without": ["prize"]}, InputError, "did you mean 'price'"),
        (shops(), {"contexts": [["land"]]}, InputError, "land"),
        (shops(), {"contexts": [["country"]], "detector": "isolation_forest"}, InputError, "isolation_forest"),
        (shops(), {"contexts": [["country"], ["price"]], "detector": "rocod"}, InputError, "rocod"),
        (shops(), {"detector": "conout"}, InputError, "did you mean 'con_out'"),
        (shops(), {"out": "scores.json"}, InputError, "FILE.csv"),
        (shops(), {"out": "data.parquet"}, InputError, "outside"),
        (shops(), {"top": -1}, InputError, "0 to 10,000"),
        (shops(), {"model": "data.parquet"}, InputError, "cannot be read"),
        (shops(), {"model": "absent.npz"}, InputError, "absent.npz"),
        (shops(), {"model": "absent.npz", "without": ["price"]}, InputError, "--without"),
        (shops(), {"without": ["country", "price", "visits", "shop"]}, InputError, "No column is left"),
    ],
)
def test_what_cannot_be_scored_is_said(tmp_path, monkeypatch, frame, options, error, said):
    monkeypatch.chdir(tmp_path)
    if frame is not None:
        frame.to_parquet("data.parquet", index=False)
    paths = {name: tmp_path / options[name] for name in ("out", "model") if name in options}
    with pytest.raises(error, match=said):
        score_table("data.parquet", **{**options, **paths})
    assert {path.name for path in tmp_path.iterdir()} <= {"data.parquet"}
