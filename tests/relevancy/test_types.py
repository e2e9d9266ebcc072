"""Types of anomalies: found again from run to run, with a card for each."""

import json
import math

import numpy as np
import pytest

from tests.relevancy.rows import SLICES, app, drop, rise, table_of
from tocsin.errors import InputError
from tocsin.relevancy import AnomalyTypes, find_types, type_cards


def blobs(centres: dict[int, int], seed: int = 0, d: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Points around far corners: corner -> how many; and the corner of each."""
    rng = np.random.default_rng(seed)
    corner = np.repeat(list(centres), list(centres.values()))
    table = rng.normal(0, 0.3, (len(corner), d))
    table[np.arange(len(corner)), corner % d] += 5.0
    return table, corner


def ids_of(types: AnomalyTypes, table: np.ndarray, corner: np.ndarray) -> dict[int, int]:
    """The id of each corner; all its points have the same."""
    ids = types.ids[types.assign(table)]
    found = {int(one): set(ids[corner == one].tolist()) for one in np.unique(corner)}
    assert all(len(mine) == 1 for mine in found.values())
    return {one: mine.pop() for one, mine in found.items()}


def test_types_are_found_and_keep_their_ids() -> None:
    table, corner = blobs({0: 40, 1: 30, 2: 20})
    first = find_types(table, schema="s")
    before = ids_of(first, table, corner)
    assert sorted(before.values()) == [1, 2, 3]

    more, places = blobs({2: 25, 0: 30, 3: 30, 1: 45}, seed=1)
    second = find_types(more, schema="s", previous=first)
    after = ids_of(second, more, places)
    assert {one: after[one] for one in before} == before
    assert after[3] == 4

    fewer, places = blobs({3: 30, 0: 30}, seed=2)
    third = find_types(fewer, schema="s", previous=second)
    assert ids_of(third, fewer, places) == {0: before[0], 3: 4}
    back, places = blobs({3: 30, 0: 30, 5: 30}, seed=3)
    assert ids_of(find_types(back, schema="s", previous=third), back, places)[5] == 5, "2 and 3 are not given again"


def test_the_order_of_the_items_does_not_matter() -> None:
    table, _ = blobs({0: 40, 1: 30, 2: 20})
    one = find_types(table)
    other = find_types(table[np.random.default_rng(5).permutation(len(table))])
    np.testing.assert_array_equal(one.centres, other.centres)
    again = find_types(table, previous=one)
    np.testing.assert_array_equal(again.ids, one.ids)


def test_types_are_read_back_as_they_were() -> None:
    table, _ = blobs({0: 40, 1: 30})
    types = find_types(table, schema="s")
    read = AnomalyTypes.from_json(json.loads(json.dumps(types.to_json())))
    assert read.to_json() == types.to_json()
    np.testing.assert_array_equal(read.assign(table), types.assign(table))
    for hostile in ({}, {**types.to_json(), "ids": [1]}, {**types.to_json(), "mean": "x"}):
        with pytest.raises(InputError, match="types"):
            AnomalyTypes.from_json(hostile)


@pytest.mark.parametrize(
    "table",
    [
        np.zeros((1, 3)),
        np.zeros((50, 3)),
        np.repeat(np.eye(3), 1, axis=0),
        np.full((9, 3), 1e300) * np.array([1, -1, 1]),
        np.random.default_rng(0).standard_normal((300, 3)),
    ],
    ids=["one", "all alike", "three", "huge", "noise"],
)
def test_what_has_no_types_is_one_type_or_some(table: np.ndarray) -> None:
    types = find_types(table)
    assert 1 <= len(types.ids) <= 12
    assert np.isfinite(types.centres).all()
    assert len(types.assign(table)) == len(table)
    assert len(find_types(np.random.default_rng(0).standard_normal((300, 3)), most=1).ids) == 1


def test_a_few_odd_ones_are_no_type() -> None:
    table, corner = blobs({0: 40, 1: 30, 2: 2})
    types = find_types(table)
    assert len(types.ids) == 2
    assert len(set(types.assign(table[corner < 2]))) == 2


def test_a_type_of_another_schema_is_another_type() -> None:
    table, _ = blobs({0: 20, 1: 20})
    first = find_types(table, schema="a")
    second = find_types(table, schema="b", previous=first)
    assert not set(first.ids) & set(second.ids)
    with pytest.raises(InputError, match="Embeddings"):
        first.assign(table[:, 1:])
    with pytest.raises(InputError, match="finite"):
        find_types(np.array([[math.nan]]))
    with pytest.raises(InputError, match="at least one"):
        find_types(np.empty((0, 3)))


def test_many_items_take_a_bounded_part() -> None:
    table, corner = blobs({0: 20_000, 1: 30_000, 2: 10_000})
    types = find_types(table)
    assert len(set(ids_of(types, table, corner).values())) == 3


def test_a_card_counts_its_own() -> None:
    rows = [drop(hour % 6) for hour in range(30)] + [rise(8 + hour % 12) for hour in range(20)]
    table = table_of(SLICES, *rows)
    table[:, SLICES.index("traffic")] = np.random.default_rng(0).normal(0, 0.01, 50)
    slices = [app(number % 5) for number in range(50)]
    types = find_types(table)
    answered, labels = table[[0, 1, 2, 30, 31]], [-1, -1, 0, 1, -1]
    cards = type_cards(
        types, table, SLICES, item_ids=[f"i{number:02}" for number in range(50)], selected=np.arange(50) % 2 == 0,
        answered=answered, labels=labels, slices=slices,
    )  # fmt: skip
    assert [(card.n_items, card.n_selected, card.n_relevant, card.n_not_relevant) for card in cards] == [
        (30, 15, 0, 2),
        (20, 10, 1, 1),
    ]
    assert [card.name for card in cards] == ["sharp drop at night", "small rise over many slices"]
    assert cards[0].relevance < 1 < cards[1].relevance
    assert {card.id for card in cards} == set(types.ids.tolist())
    for card, members in zip(cards, (range(30), range(30, 50)), strict=True):
        chosen = [int(name[1:]) for name in card.examples]
        assert len({slices[item] for item in chosen}) == 3, "three slices, not one slice three times"
        assert set(chosen) <= set(members)
    without = type_cards(types, table, SLICES, item_ids=[""] * 50, selected=[True] * 50)
    assert [card.relevance for card in without] == [1.0, 1.0]
    with pytest.raises(InputError, match="answers"):
        type_cards(types, table, SLICES, item_ids=[""] * 50, selected=[True] * 50, answered=answered)


def test_an_answer_about_what_could_be_no_member_is_on_no_card() -> None:
    """Another monitor's answers are of kinds that this one may never have seen."""
    table = table_of(SLICES, *(drop(hour % 6) for hour in range(30)), *(rise(8 + hour % 12) for hour in range(20)))
    table[:, SLICES.index("traffic")] = np.random.default_rng(0).normal(0, 0.01, 50)
    types = find_types(table)
    foreign = np.repeat(table[:1] + 3 * table.std(axis=0).max(), 4, axis=0)
    cards = type_cards(
        types, table, SLICES, item_ids=[""] * 50, selected=[True] * 50, answered=np.r_[foreign, table[:1]],
        labels=[-1, -1, -1, -1, 1],
    )  # fmt: skip
    assert sorted((card.n_relevant, card.n_not_relevant) for card in cards) == [(0, 0), (1, 0)]
    once = type_cards(
        types, table, SLICES, item_ids=[""] * 50, selected=[True] * 50, answered=table[[0, 1, 2, 30]],
        labels=[1, 1, 1, 1], subjects=["one incident"] * 3 + ["another"],
    )  # fmt: skip
    assert [card.n_relevant for card in once] == [1, 1]


def test_a_kind_without_answers_is_neither_wanted_nor_unwanted_on_its_card() -> None:
    table, corner = blobs({0: 60, 1: 50, 2: 40})
    types = find_types(table)
    known = np.concatenate([np.flatnonzero(corner == 0)[:3], np.flatnonzero(corner == 1)[:3]])
    cards = type_cards(
        types, table, SLICES[: table.shape[1]], item_ids=[str(row) for row in range(150)], selected=np.ones(150, bool),
        answered=table[known], labels=[1, 1, 1, -1, -1, -1],
    )  # fmt: skip
    assert [(card.n_items, card.n_relevant, card.n_not_relevant) for card in cards] == [
        (60, 3, 0),
        (50, 0, 3),
        (40, 0, 0),
    ]
    assert cards[1].relevance < cards[2].relevance == 1.0 < cards[0].relevance
