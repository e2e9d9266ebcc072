"""What the features of each lens are, on anomalies as their lens describes them."""

import json
import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.incidents.test_fold import cube
from tests.relevancy.anomalies import (
    MONDAY,
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
from tocsin.incidents import (
    Indicator,
    OddCollection,
    OddEntity,
    OddPoint,
    describe_anomaly,
    describe_cause,
    describe_collection,
    describe_entity,
    describe_point,
    find_causes,
)
from tocsin.model import Kpi, Slice, Window
from tocsin.relevancy import embed

# slices --------------------------------------------------------------------------------------------------------------


def test_a_slice_in_numbers() -> None:
    details = {"n_slices": 12, "contributions": [{"share": 0.7}, {"share": -0.1}, {"share": None}]}
    found = features(slice_anomaly(hour=14, factor=0.5), details)
    assert found["direction"] == -1.0
    assert found["size"] == pytest.approx(math.log(0.5))
    assert found["deviation"] == pytest.approx(math.asinh(100 / 14))
    assert found["surprise"] == pytest.approx(math.log(10))
    assert found["breadth"] == pytest.approx(math.log(13))
    assert found["share"] == pytest.approx(-math.asinh(2.5))
    assert found["concentration"] == 0.7
    assert found["common_factor"] == pytest.approx(math.log(1.1))
    assert (found["depth"], found["weekend"]) == (1.0, 0.0)
    assert math.atan2(found["hour_sin"], found["hour_cos"]) % (2 * math.pi) == pytest.approx(2 * math.pi * 14 / 24)


def test_a_cause_as_its_lens_describes_it() -> None:
    effect = np.ones((10, 12))
    effect[3] = 0.5
    facts, scores = cube(effect)
    cause = find_causes(facts, scores, np.flatnonzero(scores.flagged))[0][0]
    about = ("m", Kpi("clicks"), 1.0, facts, scores)
    anomaly = describe_anomaly(*about, hour_of(14), cause.slice_index)
    band = {"value": anomaly.value, "expected": anomaly.expected, "lower": None, "upper": None}
    sighting = describe_cause(*about, cause, [anomaly.id], [band])
    found = features(anomaly, json.loads(json.dumps(sighting.details)))
    assert sighting.slice == Slice((("country", "country3"),))
    assert found["breadth"] == pytest.approx(math.log1p(len(cause.members)))
    assert found["concentration"] == pytest.approx(max(part["share"] for part in sighting.details["contributions"]))
    assert found["size"] == pytest.approx(math.log(anomaly.value / anomaly.expected))
    assert found["direction"] == -1.0


def test_the_hour_is_that_of_the_wall_clock() -> None:
    night = features(slice_anomaly(hour=23), timezone="America/New_York")
    assert math.atan2(night["hour_sin"], night["hour_cos"]) % (2 * math.pi) == pytest.approx(2 * math.pi * 18 / 24)
    friday_evening = slice_anomaly(hour=4 * 24 + 23)
    assert features(friday_evening)["weekend"] == 0.0
    assert features(friday_evening, timezone="Asia/Tokyo")["weekend"] == 1.0
    with pytest.raises(InputError, match="time zone"):
        embed(friday_evening, {}, "Mars/Olympus")


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.floats(1.01, 10))
def test_sizes_are_bounded_signed_and_those_of_log_ratios(value: float, expected: float, factor: float) -> None:
    size = features(slice_anomaly(value=value, expected=expected))["size"]
    assert abs(size) <= 5.0
    assert size == 0 or (size > 0) == (value > expected)
    mirrored = features(slice_anomaly(value=expected, expected=value))["size"]
    assert mirrored == pytest.approx(-size)
    if 1e-3 < abs(value) < 1e3:
        ratio = features(slice_anomaly(value=abs(value) * factor, expected=abs(value)))["size"]
        assert ratio == pytest.approx(math.log(factor), rel=1e-6)


def test_the_course_tells_a_jump_from_what_lasts() -> None:
    band = {"expected": 0.02, "lower": 0.018, "upper": 0.022}
    usual = [{"value": 0.02, **band}] * 5
    low = [{"value": 0.01, **band}] * 3
    onset = features(slice_anomaly(), {"series": [*usual, *low[:1]]})
    lasting = features(slice_anomaly(), {"series": [*usual, *low]})
    assert onset["jump"] == pytest.approx(-math.asinh(5.0))
    assert onset["run"] == pytest.approx(math.log(2))
    assert lasting["jump"] == pytest.approx(0.0)
    assert lasting["run"] == pytest.approx(math.log(4))


# collections and entities, as they are described ---------------------------------------------------------------------


def collection_features(odd: OddCollection) -> dict[str, float]:
    anomaly, sighting = describe_collection("shops", Window(MONDAY, MONDAY + timedelta(days=1)), odd)
    return features(replace(anomaly, evidence=json.loads(json.dumps(anomaly.evidence))), sighting.details)


def test_a_collection_in_numbers() -> None:
    terms = [0.0] * 24
    terms[18], terms[19], terms[3] = 0.5, 0.25, -0.25
    found = collection_features(odd_collection(terms))
    told = [found[f"terms_{place}"] for place in range(12)]
    assert told == pytest.approx([0, -0.25, 0, 0, 0, 0, 0, 0, 0, 0.75, 0, 0])
    assert found["concentration"] == pytest.approx(0.5**2 + 2 * 0.25**2)
    assert found["volume"] == pytest.approx(math.log(2))
    assert found["dispersion"] == pytest.approx(math.log(2))
    assert found["divergence"] == pytest.approx(math.log(10))
    assert found["volume_surprise"] == pytest.approx(math.log(7))
    assert found["dispersion_surprise"] == pytest.approx(math.log(5))
    assert found["of_day"] == 1.0
    prices = collection_features(odd_collection(terms, labels=tuple(f"{edge} to {edge + 1}" for edge in range(24))))
    assert prices["of_day"] == 0.0


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60))
def test_terms_keep_their_sum_whatever_the_number_of_bins(terms: list[float]) -> None:
    evidence = {"histogram": {"terms": terms}}
    found = features(slice_anomaly(kind="collections", evidence=evidence))
    stretches = np.array([found[f"terms_{place}"] for place in range(12)])
    whole = max(1.0, float(np.abs(terms).sum()))
    assert stretches.sum() == pytest.approx(sum(terms) / whole, abs=1e-9)
    assert np.abs(stretches).sum() <= 1 + 1e-9


def entity_features(*indicators: Indicator, **changes: Any) -> dict[str, float]:
    part = Slice((("publisher", changes.pop("name", "a.example")),))
    odd = replace(OddEntity(part, 0.99, 1.0, None, 30, True, indicators), **changes)
    anomaly, sighting = describe_entity("publishers", Window(MONDAY, MONDAY + timedelta(days=7)), odd)
    return features(replace(anomaly, evidence=json.loads(json.dumps(anomaly.evidence))), sighting.details)


def test_an_entity_in_numbers() -> None:
    found = entity_features(indicator("price", 6.0, 0.6), indicator("visits", 2.0, 0.2, ""))
    assert found["lead_share"] == 0.6
    assert found["evenness"] == pytest.approx(1 / 0.4)
    assert found["lead_deviation"] == pytest.approx(math.asinh(4.0))
    assert found["lead_size"] == pytest.approx(math.log(3))
    assert found["in_context"] == pytest.approx(0.6)
    assert found["peers"] == pytest.approx(math.asinh(40) / math.log(10))
    assert (found["is_new"], found["records"]) == (1.0, pytest.approx(math.asinh(30) / math.log(10)))
    assert found["surprise"] == pytest.approx(math.log(3))


def test_entities_are_near_each_other_that_are_odd_in_the_same_indicator_to_the_same_side() -> None:
    high = entity_features(indicator("price", 6.0, 0.8))
    others = [entity_features(indicator(name, 6.0, 0.8)) for name in ("visits", "bounce", "share", "age", "depth")]
    assert distance(high, entity_features(indicator("price", 7.0, 0.7)), "odd") < 0.2
    assert min(distance(high, other, "odd") for other in others) > 0.5
    assert distance(high, entity_features(indicator("price", -6.0, 0.8)), "side") > 2.0
    renamed = entity_features(indicator("price", 6.0, 0.8), name="b.example")
    assert distance(high, renamed, "odd") == 0.0 < distance(high, renamed, "entity")


def test_an_indicator_without_numbers_has_a_place_and_no_side() -> None:
    text = Indicator("country", "DE", "mostly FR", NAN, NAN, NAN, NAN, 0.9, "", "", 40, "")
    found = entity_features(text)
    assert found["lead_deviation"] == found["lead_size"] == 0.0
    assert math.hypot(*(found[f"odd_{place}"] for place in range(6))) == pytest.approx(0.9)
    assert all(found[f"side_{place}"] == 0.0 for place in range(6))


# series --------------------------------------------------------------------------------------------------------------


def test_a_point_in_numbers() -> None:
    found = features(point_anomaly([10.0, 11.0, 9.0, 10.0, 20.0]))
    assert found["direction"] == 1.0
    assert found["size"] == pytest.approx(math.log(2))
    assert found["beyond"] == pytest.approx(math.asinh(5))
    assert found["onset"] == pytest.approx(math.asinh(5))
    assert found["duration"] == pytest.approx(math.log(2))
    assert found["shape_last"] == pytest.approx(math.asinh(5))
    assert found["shape_step"] == pytest.approx(math.asinh(5))
    lasting = features(point_anomaly([10.0, 20.0, 20.0, 20.0, 20.0]))
    assert lasting["duration"] == pytest.approx(math.log(5))
    assert lasting["shape_step"] == pytest.approx(0.0)


def test_a_point_as_its_lens_describes_it() -> None:
    values = [10.0, 11.0, 9.0, 10.0, 20.0]
    course = [
        {"start": hour_of(hour).start.isoformat(), "value": value, "expected": 10.0, "lower": 8.0, "upper": 12.0}
        for hour, value in enumerate(values)
    ]
    odd = OddPoint(
        part=Slice((("app", "7"),)), value=20.0, expected=10.0, lower=8.0, upper=12.0, surprise=9.0, threshold=3.0,
        amount=20.0, expected_amount=10.0, exposure=NAN, share_of_total=0.1, unit="amount", unit_value=1.0,
        detector="iid", course=course,
    )  # fmt: skip
    anomaly, sighting = describe_point("clicks", Kpi("clicks"), hour_of(4), odd, 6.0)
    assert features(anomaly, sighting.details) == pytest.approx(features(point_anomaly(values, hour=4)))


def test_the_shape_does_not_depend_on_the_unit() -> None:
    course = [10.0, 11.0, 9.0, 10.0, 14.0, 9.5, 20.0]
    small = features(point_anomaly(course))
    large = features(point_anomaly([1024 * value for value in course], 10.0 * 1024, 2.0 * 1024))
    assert small == pytest.approx(large)


@pytest.mark.parametrize("place", ["points", "series"])
def test_the_last_points_are_found_as_rows_and_as_columns(place: str) -> None:
    anomaly = point_anomaly([10.0, 11.0, 9.0, 10.0, 20.0])
    rows = anomaly.evidence["points"]
    columns = {name: [row[name] for row in rows] for name in ("value", "expected", "lower", "upper")}
    plural = {"values" if name == "value" else name: column for name, column in columns.items()}
    expected = features(anomaly)
    for evidence in ({place: rows}, {place: columns}, {place: plural}, plural):
        assert features(replace(anomaly, evidence=evidence)) == expected
    assert features(replace(anomaly, evidence={}), {"series": rows}) == expected
