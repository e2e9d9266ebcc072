"""What is said of a collection that looks manipulated."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.incidents import OddCollection, Part, describe_collection
from tocsin.model import Direction, Slice, Window

DAY = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
LABELS = tuple(f"{hour:02}:00" for hour in range(24))
USUAL = (10.0,) * 24
FARMED = (10.0,) * 19 + (160.0, 10.0, 10.0, 10.0, 10.0)
TERMS = (-0.01,) * 19 + (0.77, -0.01, -0.01, -0.01, -0.01)
VOLUME = Part("volume", 390.0, 240.0, 200.0, 290.0, 1e-6)
SHAPE = Part("shape", math.nan, math.nan, math.nan, math.nan, 1e-9)
ODD = OddCollection(
    part=Slice((("seller", "1629"),)),
    attribute="time of day",
    score=0.999999,
    p_value=1e-6,
    divergence=0.1,
    threshold=0.01,
    by_peers=False,
    labels=LABELS,
    ends=(*LABELS[1:], "24:00"),
    observed=FARMED,
    expected=tuple(16.25 * 1.0 for _ in USUAL),
    lower=(8.0,) * 24,
    upper=(25.0,) * 24,
    terms=TERMS,
    parts=(SHAPE, VOLUME),
    nearest=(datetime(2026, 2, 1, 23, tzinfo=UTC),),
    unit_value=2.0,
    timezone="Europe/Berlin",
)


def headline(odd: OddCollection) -> str:
    return describe_collection("farmed", DAY, odd)[1].headline


def test_the_oddest_part_is_told_first() -> None:
    assert headline(ODD) == (
        "seller 1629: 41 % of its records between 19:00 and 20:00, 4.2 % usual; 1.6 times the usual volume"
    )
    louder = replace(ODD, parts=(SHAPE, replace(VOLUME, p_value=1e-12)))
    assert headline(louder).startswith("seller 1629: 1.6 times the usual volume; 41 %")
    only = replace(ODD, parts=(replace(SHAPE, p_value=0.4), VOLUME))
    assert headline(only) == "seller 1629: 1.6 times the usual volume"
    quiet = replace(ODD, parts=(replace(SHAPE, p_value=0.3), replace(VOLUME, p_value=0.4)))
    assert headline(quiet).startswith("seller 1629: 41 %"), "something is always told"
    assert headline(replace(ODD, parts=())).startswith("seller 1629: 41 %")


def test_fewer_records_and_uneven_ones_have_words() -> None:
    fewer = replace(VOLUME, observed=96.0)
    assert headline(replace(ODD, parts=(fewer,))) == "seller 1629: 40 % of the usual volume"
    dispersion = Part("dispersion", 3.1, 1.1, 0.8, 1.5, 1e-4)
    assert headline(replace(ODD, parts=(dispersion,))).endswith(
        "more unevenly spread than usual (index of dispersion 3.1, 1.1 usual)"
    )
    assert "more evenly" in headline(replace(ODD, parts=(replace(dispersion, observed=0.2),)))


def test_neighbouring_bins_make_one_peak_and_a_peak_at_the_end_of_the_day_ends_it() -> None:
    terms = (-0.01,) * 21 + (0.2, 0.4, 0.3)
    assert " between 21:00 and 24:00, " in headline(replace(ODD, terms=terms))
    falling = (-0.5, *(0.0,) * 23)
    assert " between 00:00 and 01:00, " in headline(replace(ODD, terms=falling)), "a deficit, where there is no surplus"


def test_other_attributes_name_their_bins() -> None:
    odd = replace(
        ODD, attribute="price", labels=("below 10", "10 to 20", "20 and more"), ends=(),
        observed=(1.0, 2.0, 7.0), expected=(3.0, 4.0, 3.0), lower=(1.0,) * 3, upper=(5.0,) * 3, terms=(-0.2, -0.2, 0.6),
    )  # fmt: skip
    assert "70 % of its records with price 20 and more, 30 % usual" in headline(odd)
    many = tuple(f"value {k}" for k in range(24))
    spread = replace(ODD, labels=many, ends=(), attribute="kind", terms=(0.25,) * 4 + (0.0,) * 20)
    assert "with kind value 0, value 1, value 2 and 1 more" in headline(spread)


def test_the_stake_is_records_too_many_and_the_direction_is_of_the_volume() -> None:
    anomaly, sighting = describe_collection("farmed", DAY, ODD)
    assert anomaly.stake == sighting.stake == 2.0 * 150
    assert anomaly.direction is Direction.UP
    assert sighting.direction is Direction.NONE
    assert (anomaly.value, anomaly.expected, anomaly.lower, anomaly.upper) == (390.0, 240.0, 200.0, 290.0)
    shape_only, _ = describe_collection("farmed", DAY, replace(ODD, parts=(SHAPE,)))
    assert shape_only.stake == pytest.approx(2.0 * 143.75), "more than expected of so many records"
    assert (shape_only.direction, math.isnan(shape_only.expected)) == (Direction.NONE, True)


def test_the_evidence_is_json_and_whole() -> None:
    anomaly, sighting = describe_collection("farmed", DAY, ODD)
    json.dumps([anomaly.evidence, sighting.details], allow_nan=False)
    assert anomaly.evidence["histogram"]["observed"] == list(FARMED)
    assert anomaly.evidence["parts"][0] == {
        "name": "shape", "observed": None, "expected": None, "lower": None, "upper": None, "p_value": 1e-9,
    }  # fmt: skip
    reasons = " ".join(sighting.details["reasons"])
    for said in ("390 records, 200 to 290 expected", "0.1 nats", "p = 1e-6", "Mon 2 Feb 2026"):
        assert said in reasons, said
    assert "by its peers" not in reasons
    assert "by its peers" in " ".join(describe_collection("m", DAY, replace(ODD, by_peers=True))[1].details["reasons"])


@pytest.mark.parametrize(("score", "severity"), [(0.992, "low"), (0.9995, "medium"), (0.999999, "high")])
def test_severity_follows_the_score(score: float, severity: str) -> None:
    assert describe_collection("farmed", DAY, replace(ODD, score=score))[1].severity == severity


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(
    name=st.text(max_size=20),
    label=st.text(max_size=20),
    numbers=st.lists(st.tuples(st.integers(0, 10**12), NUMBERS, NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=5),
    part=st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
)
def test_whatever_the_numbers_and_names_are_something_is_said(
    name: str, label: str, numbers: list[tuple[float, ...]], part: tuple[float, ...]
) -> None:
    observed, expected, lower, upper, terms = zip(*numbers, strict=True)
    odd = replace(
        ODD, part=Slice((("seller", name),)), labels=(label,) * len(numbers), ends=(), attribute=name,
        observed=[float(value) for value in observed], expected=expected, lower=lower, upper=upper, terms=terms,
        parts=(Part("volume", *part), Part("dispersion", *part), Part("shape", *part)),
    )  # fmt: skip
    anomaly, sighting = describe_collection("farmed", DAY, odd)
    json.dumps([anomaly.evidence, sighting.details], allow_nan=False)
    assert sighting.headline
    assert "\n" not in sighting.headline
    assert anomaly.window.end - anomaly.window.start == timedelta(days=1)


def test_a_share_of_next_to_nothing_is_said_in_words() -> None:
    expected = [1e-9 if place == 19 else value for place, value in enumerate(ODD.expected)]
    assert ", hardly any usual" in headline(replace(ODD, expected=expected))
