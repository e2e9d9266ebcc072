"""What is asked: never twice, never too much, mostly at random among what was shown."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import InputError
from tocsin.relevancy import Question, propose_questions

questions = st.lists(
    st.builds(
        Question,
        id=st.integers(0, 40).map(lambda number: f"i{number}"),
        score=st.floats(-5, 5),
        variance=st.floats(0, 10),
        shown=st.booleans(),
        incident=st.sampled_from(["", "a", "b", "c", "d", "e"]),
        type=st.none() | st.integers(1, 4),
    ),
    max_size=30,
    unique_by=lambda one: one.id,
)
answers = st.sets(st.sampled_from([*(f"i{number}" for number in range(40)), "a", "b", ""]), max_size=8)


@settings(deadline=None)
@given(questions, st.integers(0, 12), answers, st.text(max_size=5), st.randoms(use_true_random=False))
def test_what_is_asked(candidates: list[Question], n: int, answered: set[str], seed: str, random: object) -> None:
    asked = propose_questions(candidates, n, answered=answered, seed=seed)
    open_ones = [one for one in candidates if one.id not in answered and one.incident not in answered - {""}]
    assert len(asked) == min(n, len(open_ones))
    assert set(asked) <= set(open_ones)
    assert len({one.id for one in asked}) == len(asked)

    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert propose_questions(shuffled, n, answered=answered, seed=seed) == asked

    left = [one for one in open_ones if one not in asked]
    for count, taken, other in (
        (Counter(one.incident for one in asked if one.incident), {one.incident for one in asked}, "incident"),
        (Counter(one.type for one in asked if one.type is not None), {one.type for one in asked}, "type"),
    ):
        if max(count.values(), default=0) > 1:  # then nothing else was left
            fresh = [one for one in left if one.incident not in {this.incident for this in asked} - {""}]
            if other == "type":
                fresh = [one for one in fresh if one.type is None or one.type not in taken]
            assert not fresh


def plain(number: int, *, shown: bool, score: float = 1.0) -> Question:
    return Question(f"q{number:03}", score, 1.0, shown)


def test_seven_of_ten_are_of_those_shown_and_three_the_least_certain() -> None:
    shown = [plain(number, shown=True, score=2.0 + number / 100) for number in range(100)]
    unsure = [plain(number, shown=False, score=-number / 1000) for number in range(200, 220)]
    n_uncertain = 0
    for seed in range(200):
        asked = propose_questions([*shown, *unsure], 10, seed=str(seed))
        others = [one for one in asked if not one.shown]
        assert others == unsure[: len(others)], "the least certain first"
        assert len(others) == 3
        n_uncertain += len(propose_questions([*shown, *unsure], 1, seed=str(seed))) - len(
            [one for one in propose_questions([*shown, *unsure], 1, seed=str(seed)) if one.shown]
        )
    assert 40 <= n_uncertain <= 80, "of a single question, three times in ten"


def test_all_that_is_shown_is_asked_about_equally_often() -> None:
    shown = [plain(number, shown=True, score=float(number)) for number in range(10)]
    counts = Counter(
        one.id for seed in range(600) for one in propose_questions(shown, 3, seed=["m", str(seed)]) if one.score >= 2
    )
    assert min(counts.values()) > 0.6 * max(counts.values()), "the strongest are not preferred"


def test_another_window_asks_about_others() -> None:
    shown = [plain(number, shown=True) for number in range(50)]
    assert len({propose_questions(shown, 3, seed=["m", window]) for window in "abcdefgh"}) > 1


def test_the_least_certain_take_the_variance_into_account() -> None:
    near, wide = Question("near", 0.5, 0.0, False), Question("wide", 0.6, 8.0, False)
    broken = [Question("nan", float("nan"), 1.0, False), Question("inf", 0.1, float("inf"), False)]
    assert propose_questions([near, wide, *broken], 2) == (wide, near)


def test_a_type_is_asked_about_twice_only_if_there_is_no_other() -> None:
    many = [Question(f"a{number}", 1.0, 1.0, True, f"n{number}", 1) for number in range(50)]
    rare = [Question("b", 9.0, 1.0, True, "m", 2), Question("c", 9.0, 1.0, False, "k", 3)]
    for seed in range(30):
        assert {one.type for one in propose_questions([*many, *rare], 3, seed=str(seed))} == {1, 2, 3}
        assert len(propose_questions([*many, *rare], 10, seed=str(seed))) == 10


@given(st.permutations([(True, 3.0), (True, 1.0), (False, 0.1)]))
def test_of_equal_ids_one_is_asked_about_whatever_the_order(order: list[tuple[bool, float]]) -> None:
    same = [Question("i", score, 1.0, shown, "i") for shown, score in order]
    assert propose_questions(same, 3) == (Question("i", 1.0, 1.0, True, "i"),)


def test_how_many_is_not_negative() -> None:
    assert propose_questions([], 3) == ()
    with pytest.raises(InputError, match="How many"):
        propose_questions([], -1)
