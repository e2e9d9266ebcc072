"""What anomalies are like, as numbers: near where people would say that they are alike, finite whatever is stored."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.relevancy.anomalies import (
    KINDS,
    LARGEST,
    NAN,
    distance,
    features,
    hour_of,
    indicator,
    odd_collection,
    point_anomaly,
    slice_anomaly,
)
from tocsin.errors import InputError
from tocsin.incidents import OddEntity, describe_collection, describe_entity
from tocsin.model import Anomaly, Direction, Slice, Window
from tocsin.relevancy import (
    Embedding,
    Relevancy,
    embed,
    embedding_matrix,
    embedding_names,
    embedding_schema,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.just(10**400) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
READ = ("histogram", "parts", "indicators", "points", "series", "values", "expected", "threshold", "common_factor",
        "n_records", "is_new", "contributions", "n_slices", "divergence", "lower", "upper", "by_peers")  # fmt: skip
INSIDE = ("terms", "bins", "name", "share", "value", "median", "lower", "upper", "expected", "observed", "p_value",
          "context", "n_peers")  # fmt: skip
objects = st.dictionaries(st.sampled_from(INSIDE), json_values, max_size=6)
hostile = st.one_of(
    json_values,
    st.dictionaries(st.sampled_from(READ), st.one_of(json_values, objects, st.lists(objects, max_size=3)), max_size=8),
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), hostile, hostile, st.lists(st.floats(), min_size=12, max_size=12), st.text())
def test_whatever_is_stored_the_embedding_is_finite_and_of_the_one_schema(
    kind: str, evidence: Any, details: Any, figures: list[float], name: str
) -> None:
    value, expected, lower, upper, p_value, q_value, score, amount, expected_amount, sd, share, stake = figures
    anomaly = Anomaly(
        "m", hour_of(3), Slice(((name, name),)), "kpi", value, expected, lower, upper, p_value, q_value, score,
        Direction.NONE, amount, expected_amount, sd, share, stake, evidence, kind,
    )  # fmt: skip
    found = embed(anomaly, details, "Europe/Berlin")
    assert found.schema == embedding_schema(kind)
    assert found.names == embedding_names(found.schema)
    assert max(map(abs, found.values)) < LARGEST
    assert embed(anomaly, details, "Europe/Berlin") == found


@pytest.mark.parametrize("year", [1, 9999])
def test_the_first_and_the_last_day_that_there_is(year: int) -> None:
    day = datetime(year, 1, 1, tzinfo=UTC) if year == 1 else datetime(year, 12, 31, 22, tzinfo=UTC)
    window = Window(day, day + timedelta(hours=1))
    for zone in ("America/New_York", "Asia/Tokyo"):
        assert embed(slice_anomaly(window=window), {}, zone).values


PINNED = {
    "slices": "slices/1-db77313f 9d0cc61e",
    "collections": "collections/1-93d04e80 f246a523",
    "contextual": "contextual/1-81d21248 cd6a92af",
    "series": "series/1-2d947e1a bbdd6276",
}


def pinned() -> dict[str, str]:
    """A digest of what one anomaly of each kind is embedded as, to three digits."""
    terms = [0.5 if hour == 19 else -0.01 for hour in range(24)]
    shop = describe_collection("shops", hour_of(24), odd_collection(terms))[0]
    part = Slice((("publisher", "a.example"),))
    odd = OddEntity(part, 0.99, 1.0, None, 30, True, (indicator("price", 6.0, 0.6),))
    entity = describe_entity("publishers", hour_of(48), odd)[0]
    anomalies = (slice_anomaly(), shop, entity, point_anomaly([10.0, 11.0, 9.0, 10.0, 20.0]))
    found = {anomaly.kind: embed(anomaly, {"n_slices": 3}, "Europe/Berlin") for anomaly in anomalies}
    texts = {kind: " ".join(f"{round(value, 3) + 0.0:.3f}" for value in one.values) for kind, one in found.items()}
    return {
        kind: f"{found[kind].schema} {blake2b(text.encode(), digest_size=4).hexdigest()}"
        for kind, text in texts.items()
    }


def test_an_embedding_that_changes_is_of_another_version() -> None:
    """What is stored was embedded by these: whoever changes a feature counts the version of its lens up."""
    assert pinned() == PINNED


def test_embedding_loads_neither_scikit_learn_nor_torch() -> None:
    program = "import sys, tocsin.relevancy; print({'sklearn', 'scipy', 'torch', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(InputError, match="slices"):
        embed(slice_anomaly(kind="slice"), {}, "UTC")
    with pytest.raises(InputError, match="another version"):
        embedding_names("slices/0-00000000")


def test_embeddings_of_several_schemas_are_not_mixed() -> None:
    one = embed(slice_anomaly(), {}, "UTC")
    assert embedding_matrix([one, one]).shape == (2, len(one.names))
    assert embedding_matrix([]).shape == (0, 0)
    with pytest.raises(InputError, match="several schemas"):
        embedding_matrix([one, embed(point_anomaly([1.0, 5.0]), {}, "UTC")])
    renamed = Embedding.of("slices/1", {f"{name}_": value for name, value in zip(one.names, one.values, strict=True)})
    assert renamed.schema != one.schema
    with pytest.raises(InputError, match="finite"):
        Embedding.of("slices/1", {"size": NAN})
    with pytest.raises(InputError, match="values"):
        Embedding("slices/1-0", ("size",), ())


def population(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of 240 slices of four kinds: small rises at night, sharp drops of app 7, two others."""
    rng = np.random.default_rng(seed)
    found, kinds = [], []
    for number in range(240):
        kind = number % 4
        hour = 24 * int(rng.integers(0, 14)) + int(rng.integers(0, 5) if kind == 0 else rng.integers(8, 23))
        app = "7" if kind == 1 else str(rng.integers(10, 30))
        factor = {0: 1.2, 1: 0.4, 2: 0.8, 3: 3.0}[kind] * float(np.exp(rng.normal(0, 0.05)))
        details = {"n_slices": int(rng.integers(1, 4)) if kind < 2 else int(rng.integers(1, 40))}
        found.append(embed(slice_anomaly(hour, factor, app, p_value=10 ** -rng.uniform(4, 9)), details, "UTC"))
        kinds.append(kind)
    return embedding_matrix(found), np.array(kinds)


def test_the_nearest_slice_is_of_the_same_kind() -> None:
    table, kinds = population()
    scaled = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 0.05)
    away = np.linalg.norm(scaled[:, None] - scaled[None], axis=2) + np.eye(len(table)) * 1e9
    assert (kinds[away.argmin(axis=1)] == kinds).mean() > 0.9


def test_one_app_can_be_told_from_the_others_by_its_values_alone() -> None:
    apps = [str(number) for number in range(60)]
    places = np.array([[features(slice_anomaly(app=app))[f"values_{place}"] for place in range(5)] for app in apps])
    away = np.linalg.norm(places[:, None] - places[None], axis=2) + np.eye(60)
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), 1.0)
    assert away.min() > 0.02
    assert np.median(away) > 1.0
    both = features(slice_anomaly(slice=Slice((("app", "7"), ("country", "DE")))))
    seven, eight = (features(slice_anomaly(app=app)) for app in ("7", "8"))
    assert distance(both, seven, "values") == pytest.approx(1.0), "what is shared is shared"
    assert distance(both, eight, "values") != pytest.approx(1.0)


# what answers teach through them -------------------------------------------------------------------------------------


def collection_population(rng: np.random.Generator, is_wanted: bool) -> Anomaly:
    """Wanted: a burst in the evening. Not wanted: more records than usual at all hours."""
    terms = rng.normal(0, 0.02, 24)
    if is_wanted:
        terms[int(rng.integers(19, 22))] += 0.6
    odd = odd_collection(
        terms.tolist(),
        records=float(rng.normal(220 if is_wanted else 600, 20)),
        part=Slice((("shop", str(rng.integers(1000))),)),
    )
    return describe_collection("shops", hour_of(24 * int(rng.integers(0, 60))), odd)[0]


def entity_population(rng: np.random.Generator, is_wanted: bool) -> Anomaly:
    """Wanted: clicks too high. Not wanted: a price too high."""
    lead = "clicks per visit" if is_wanted else "price"
    indicators = (
        indicator(lead, float(rng.uniform(5, 12)), 0.6),
        indicator(str(rng.choice(["age", "visits", "share"])), float(rng.normal(2, 2)), 0.3, ""),
    )
    part = Slice((("publisher", str(rng.integers(1000))),))
    odd = OddEntity(part, float(rng.uniform(0.97, 0.999)), 1.0, None, 30, bool(rng.random() < 0.2), indicators)
    return describe_entity("publishers", hour_of(168 * int(rng.integers(0, 9))), odd)[0]


def point_population(rng: np.random.Generator, is_wanted: bool) -> Anomaly:
    """Wanted: a shift that lasts. Not wanted: a single point in a series that has such points often."""
    course = rng.normal(10, 0.7, 60)
    if is_wanted:
        course[-int(rng.integers(3, 9)) :] += 6
    else:
        course[int(rng.integers(0, 9)) : -1 : 9] += 6
        course[-1] += 6
    return point_anomaly(course.tolist(), hour=int(rng.integers(0, 500)))


def slice_population(rng: np.random.Generator, is_wanted: bool) -> Anomaly:
    """Wanted: drops of any app. Not wanted: those of app 7."""
    app = str(rng.integers(10, 30)) if is_wanted else "7"
    factor = float(np.exp(rng.normal(-0.9, 0.2)))
    return slice_anomaly(int(rng.integers(0, 500)), factor, app, p_value=10 ** -rng.uniform(4, 9))


@pytest.mark.parametrize(
    "draw", [slice_population, collection_population, entity_population, point_population], ids=KINDS
)
def test_twenty_answers_part_what_is_wanted_from_what_is_not(draw: Any) -> None:
    rng = np.random.default_rng(0)
    wanted = rng.random(150) < 0.5
    table = embedding_matrix([embed(draw(rng, bool(one)), {}, "UTC") for one in wanted])
    surprise = 3 + rng.exponential(1, len(table))
    model = Relevancy(threshold=3.0, candidate_threshold=1.0, random_state=0).prepare(table)
    answered = np.r_[np.flatnonzero(wanted)[:10], np.flatnonzero(~wanted)[:10]]
    model.fit(table[answered], surprise[answered], np.where(wanted[answered], 1, -1), np.zeros(20))
    others = np.setdiff1d(np.arange(len(table)), answered)
    score = np.asarray(model.adjusted_score(table[others], surprise[others], 0.0))
    good, bad = score[wanted[others]], score[~wanted[others]]
    assert (good[:, None] > bad[None]).mean() > 0.9
