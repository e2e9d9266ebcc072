"""What relevancy does to one window: raises, holds back, lets pass; and what each lens gives it to choose from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.end_to_end.publishers import CONFIG as PUBLISHERS
from tests.end_to_end.publishers import Publishers
from tests.end_to_end.publishers import events as publisher_events
from tests.end_to_end.sellers import FIRST, Shops, orders
from tests.relevancy.anomalies import KINDS, slice_anomaly
from tests.relevancy.test_embeddings import (
    collection_population,
    entity_population,
    point_population,
)
from tests.store.conftest import make_anomaly, make_incident, make_run, window
from tocsin.anomaly_types import types_of
from tocsin.config import RelevancySettings, Settings, parse_settings
from tocsin.effect import effect_of_answers
from tocsin.incidents import Sighting, describe_silence
from tocsin.model import Anomaly, Direction, Feedback, Item, LabelledItem, Slice, Verdict
from tocsin.pipeline.contextual.candidates import excesses, next_entities
from tocsin.pipeline.excess import excess, midway, surprise
from tocsin.pipeline.lens import Found
from tocsin.pipeline.relevance import MOST_ITEMS, Relevance, labels_of
from tocsin.pipeline.relevance_model import Wishes
from tocsin.relevancy import embed, embedding_schema
from tocsin.store import Store

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CONFIG = """
[source.s]
path = "x.parquet"
time = "ts"
measures = { clicks = "count" }
[[monitor]]
name = "ctr"
source = "s"
kpi = "clicks"
dimensions = ["country"]
"""
FAR = Slice((("country", "FR"),))


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    return parse_settings(CONFIG, base=tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open("sqlite:///tocsin.db", base=tmp_path) as opened:
        yield opened


def sighting(anomaly: Anomaly, beyond: float) -> Sighting:
    details = {"n_slices": 1, "share_of_total": anomaly.share_of_total}
    return Sighting(
        anomaly.slice, anomaly.direction, "high", 1.0, f"{anomaly.slice.items[0][1]}", (anomaly.id,), excess=beyond,
        details=details,
    )  # fmt: skip


def rise(index: int, part: str, **changes: Any) -> Anomaly:
    """The other kind: a huge rise where `make_anomaly` is a drop."""
    figures = {"value": 0.2, "expected": 0.02, "lower": 0.01, "upper": 0.03, "amount": 900.0, "expected_amount": 90.0,
               "direction": Direction.UP, "share_of_total": 0.4, **changes}  # fmt: skip
    return make_anomaly(index, part, **figures)


def found_of(base: list[tuple[Anomaly, float]], below: list[tuple[Anomaly, float]] | None = None) -> Found:
    return Found(
        n_flagged=len(base),
        anomalies=tuple(anomaly for anomaly, _ in base),
        sightings=tuple(sighting(anomaly, beyond) for anomaly, beyond in base),
        candidates=tuple(sighting(anomaly, beyond) for anomaly, beyond in below or ()),
        candidate_anomalies=tuple(anomaly for anomaly, _ in below or ()),
    )


def write(store: Store, relevance: Relevance, index: int, found: Found) -> list[Item]:
    chosen = relevance.settle(found, relevance.judge(found, window(index)), None, [])
    with store.window_transaction("ctr", window(index)) as transaction:
        transaction.write(make_run(index), chosen.found.anomalies, [], [], chosen.items)
    return list(chosen.items)


def teach(store: Store, config: Settings, n: int = 6) -> Relevance:
    """A history of drops, called relevant, and of rises, dismissed; what is learned from it."""
    plain = Relevance(store, config, config.monitor[0])
    for index in range(n):
        drop, up = make_anomaly(index, "DE"), rise(index, "FR")
        write(store, plain, index, found_of([(drop, 2.0), (up, 2.0)]))
        for anomaly, verdict in ((drop, Verdict.RELEVANT), (up, Verdict.NOT_RELEVANT)):
            store.add_feedback(Feedback(anomaly.id, verdict, NOON, "anna"))
    return Relevance(store, config, config.monitor[0])


def test_what_is_like_the_relevant_rings_below_the_threshold(store: Store, config: Settings) -> None:
    assert Relevance(store, config, config.monitor[0]).n_candidates == 0, "without answers none is looked for"
    relevance = teach(store, config)
    assert relevance.n_candidates > 0
    like, unlike = make_anomaly(30, "DE"), rise(30, "IT")
    found = found_of([], [(like, -0.2), (unlike, -0.2)])
    chosen = relevance.settle(found, relevance.judge(found, window(30)), None, [])
    assert [item.slice for item in chosen.found.sightings] == [like.slice]
    assert chosen.found.anomalies == (like,)
    assert (chosen.n_held, chosen.n_raised, chosen.found.n_flagged) == (0, 1, 0)
    assert [(item.anomaly_id, item.is_base, item.is_selected) for item in chosen.items] == [
        (like.id, False, True), (unlike.id, False, False),
    ]  # fmt: skip
    (note,) = chosen.found.notes
    assert note == "1 sighting rings below the detector's threshold, relevant by people's answers: country DE."
    relevant, dismissed = (item.relevance for item in chosen.items)
    assert relevant > 0 > dismissed


def test_what_is_like_the_dismissed_is_held_back_and_stays_stored(store: Store, config: Settings) -> None:
    relevance = teach(store, config)
    bad, good = rise(30, "FR"), make_anomaly(30, "DE")
    found = found_of([(bad, 3.0), (good, 1.0)])
    chosen = relevance.settle(found, relevance.judge(found, window(30)), None, [])
    assert [item.slice for item in chosen.found.sightings] == [good.slice]
    assert chosen.found.anomalies == found.anomalies
    assert (chosen.n_held, chosen.n_raised) == (1, 0)
    assert chosen.found.notes == ("1 sighting is held back, not relevant by people's answers: country FR.",)


def test_a_silent_source_and_what_cannot_be_embedded_always_ring(store: Store, config: Settings) -> None:
    relevance = teach(store, config)
    foreign = rise(30, "FR", kind="of another world")
    lost = replace(sighting(rise(30, "XX"), 3.0), anomaly_ids=("ffffffffffff",))
    odd = rise(30, "IT", evidence={"exposure": "many"}, value=math.nan, expected=math.inf)
    found = found_of([(foreign, 3.0), (odd, 3.0)])
    found = replace(found, sightings=(describe_silence("ctr", "s"), lost, *found.sightings))
    chosen = relevance.settle(found, relevance.judge(found, window(30)), None, [])
    assert {item.headline for item in found.sightings[:3]} <= {item.headline for item in chosen.found.sightings}
    assert [item.anomaly_id for item in chosen.items] == [odd.id]


def test_of_very_many_sightings_the_strongest_are_judged_and_the_rest_ring(store: Store, config: Settings) -> None:
    relevance = teach(store, config)
    crowd = [(rise(30, f"c{n}"), 1.0 + n / 1e4) for n in range(MOST_ITEMS + 20)]
    chosen = relevance.settle(found_of(crowd), relevance.judge(found_of(crowd), window(30)), None, [])
    weakest = {anomaly.id for anomaly, _ in crowd[:20]}
    assert len(chosen.items) == MOST_ITEMS
    assert not {item.anomaly_id for item in chosen.items} & weakest
    assert weakest <= {item.anomaly_ids[0] for item in chosen.found.sightings}


def test_what_rang_before_there_were_items_rings_again(store: Store, config: Settings) -> None:
    relevance = teach(store, config)
    bad = rise(30, "FR")
    found = found_of([(bad, 3.0)])
    items = relevance.judge(found, window(30))
    assert relevance.settle(found, items, make_run(30, n_flagged=1), []).n_held == 0
    assert relevance.settle(found, items, make_run(30, n_flagged=0), []).n_held == 1
    held = [replace(item, is_selected=False) for item in items]
    assert relevance.settle(found, items, make_run(30, n_flagged=1), held).n_held == 1
    rang = [replace(item, is_selected=True) for item in items]
    assert relevance.settle(found, items, make_run(30, n_flagged=1), rang).n_held == 0


def test_a_raised_item_that_is_no_longer_wanted_is_let_go(store: Store, config: Settings) -> None:
    """Only what the detector itself reports is kept for having rung."""
    relevance = teach(store, config)
    found = found_of([], [(rise(30, "FR"), -0.2)])
    items = relevance.judge(found, window(30))
    rang = [replace(item, is_selected=True) for item in items]
    assert relevance.settle(found, items, make_run(30), rang).found.sightings == ()


def test_a_window_is_chosen_beside_those_before_it_alone(
    store: Store, config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window that is judged again later is not judged by what came since."""
    relevance = teach(store, config)
    found = found_of([(rise(30, "FR"), 3.0)])
    write(store, relevance, 30, found)
    write(store, relevance, 31, found_of([(make_anomaly(31, "DE"), 3.0)]))
    seen: list[Item] = []
    choose = Wishes.choose

    def watched(wishes: Wishes, items: list[Item], recent: list[Item], at: datetime) -> Any:
        seen.extend(recent)
        return choose(wishes, items, recent, at)

    monkeypatch.setattr(Wishes, "choose", watched)
    relevance.judge(found, window(30))
    assert len(seen) == 12
    assert all(item.window < window(30) for item in seen)


def test_turned_off_nothing_is_remembered(store: Store, config: Settings) -> None:
    teach(store, config)
    off = config.model_copy(update={"relevancy": RelevancySettings(mode="off")})
    relevance = Relevance(store, off, off.monitor[0])
    found = found_of([(rise(30, "FR"), 3.0)])
    chosen = relevance.settle(found, relevance.judge(found, window(30)), None, [])
    assert (chosen.found, chosen.items) == (found, ())


def test_a_monitor_with_answers_enough_learns_from_its_own(store: Store, config: Settings) -> None:
    twin = config.monitor[0].model_copy(update={"name": "twin"})
    both = config.model_copy(update={"monitor": (config.monitor[0], twin)})
    teach(store, both)
    assert len(labels_of(store, both, twin)) == 12
    relevance = Relevance(store, both, twin)
    for index in range(50):
        anomaly = rise(index, "JP", monitor="twin")
        chosen = relevance.settle(
            found_of([(anomaly, 1.0)]), relevance.judge(found_of([(anomaly, 1.0)]), window(index)), None, []
        )
        with store.window_transaction("twin", window(index)) as transaction:
            transaction.write(make_run(index, "twin"), chosen.found.anomalies, [], [], chosen.items)
        store.add_feedback(Feedback(anomaly.id, Verdict.RELEVANT, NOON, "anna"))
    assert {label.monitor for label in labels_of(store, both, twin)} == {"twin"}
    assert {label.monitor for label in labels_of(store, both, config.monitor[0])} == {"ctr", "twin"}
    off = config.monitor[0].model_copy(update={"relevancy": False})
    assert labels_of(store, both, off) == []


def items_at(embeddings: np.ndarray, beyond: np.ndarray, kind: str = "slices") -> list[Item]:
    return [
        Item("ctr", window(number), Slice((("n", str(number)),)), Direction.UP, kind, float(value),
             f"{number:012x}", "s/1", tuple(map(float, row)), "", bool(value > 0), bool(value > 0))
        for number, (row, value) in enumerate(zip(embeddings, beyond, strict=True))
    ]  # fmt: skip


def labels_of_items(items: list[Item], relevant: np.ndarray) -> list[LabelledItem]:
    return [
        LabelledItem(item.id, item.anomaly_id, "ctr", item.window.start, item.excess, "s/1", item.embedding, bool(good))
        for item, good in zip(items, relevant, strict=True)
    ]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.sampled_from(["default", "faithful"]))
def test_whatever_people_answer_the_choice_is_sound(seed: int, n_labels: int, mode: str) -> None:
    random = np.random.default_rng(seed)
    items = items_at(random.normal(size=(120, 4)), random.normal(size=120) * 2)
    answered = list(random.permutation(80)[:n_labels])
    labels = labels_of_items([items[place] for place in answered], random.random(n_labels) < random.random())
    wishes = Wishes(RelevancySettings(mode=mode), labels, items[:80])
    at = window(120).start
    chosen, scores = wishes.choose(items[80:], items[:80], at)
    assert np.isfinite(scores).all()
    is_base = np.array([item.is_base for item in items[80:]])
    n_alike = wishes.n_alike(items[80:], at)
    assert (n_alike <= n_labels).all()
    if mode == "default":
        assert not (chosen & ~is_base & (scores <= 0)).any(), "nothing is raised that is likelier not wanted"
        assert not (chosen & ~is_base & (n_alike < 1)).any(), "nothing is raised of whose like nobody has spoken"
        is_unwanted = (scores < 0) & (wishes.n_alike(items[80:], at, dismissed=True) > 0.67 * n_alike)
        assert not (chosen & is_unwanted & (n_alike >= 2)).any(), "a known unwanted kind is gone"
        assert chosen[is_base & (scores > 0)].all(), "nothing that is reported and wanted is held back"
    again, same = Wishes(RelevancySettings(mode=mode), labels, items[:80]).choose(items[80:], items[:80], at)
    assert (again == chosen).all()
    assert (same == scores).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_turning_an_answer_to_relevant_never_costs_its_item_the_alert(seed: int, is_crowded: bool) -> None:
    """The window that is judged again holds the item; the others of its kind compete with it."""
    random = np.random.default_rng(seed)
    n, n_now = int(random.integers(12, 50)), 8
    places = random.normal(size=(4, 2))[random.integers(0, 4, n)] + 0.05 * random.normal(size=(n, 2))
    items = items_at(places if is_crowded else random.normal(size=(n, 2)), random.normal(size=n))
    mine = int(random.integers(n - n_now, n))
    answered = [mine, *random.permutation(n - n_now)[: random.integers(0, n - n_now)]]
    relevant = random.random(len(answered)) < random.random()
    found = []
    for relevant[0] in (False, True):
        wishes = Wishes(RelevancySettings(), labels_of_items([items[place] for place in answered], relevant), items)
        chosen, scores = wishes.choose(items[-n_now:], items[:-n_now], window(n).start)
        found.append((bool(chosen[mine - n]), float(scores[mine - n])))
    assert found[1] >= found[0]
    assert found[1][1] >= found[0][1] - 1e-7


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 9), st.floats(0, 1))
def test_until_there_is_evidence_as_many_ring_as_are_reported(seed: int, n_answers: int, share: float) -> None:
    """Answers about what is far from everything: no kind that is judged is known."""
    random = np.random.default_rng(seed)
    items = items_at(random.normal(size=(60, 3)), random.normal(size=60) * 2)
    far = items_at(random.normal(size=(5 * n_answers, 3)) + 50, np.ones(5 * n_answers))
    labels = [
        replace(label, answered=f"incident {number // 5}")
        for number, label in enumerate(labels_of_items(far, np.repeat(random.random(n_answers) < share, 5)))
    ]
    if not labels:
        return
    chosen, _ = Wishes(RelevancySettings(), labels, items).choose(items, [], window(60).start)
    assert chosen.sum() == sum(item.is_base for item in items)


@pytest.mark.parametrize("wrong", [0.1, 0.2])
def test_wrong_answers_make_nothing_worse_than_no_answers(wrong: float) -> None:
    """Two kinds of the same rarity, one wanted; 40 answers, some of them wrong. F1 of what rings."""
    gains = []
    for seed in range(4):
        random = np.random.default_rng(seed)
        wanted = random.random(240) < 0.5
        table = np.where(wanted, 1.0, -1.0)[:, None] + 0.7 * random.normal(size=(240, 4))
        items = items_at(table, random.normal(size=240) + 0.5)
        answered = np.flatnonzero([item.is_base for item in items[:120]])[:40]
        flipped = wanted[answered] ^ (random.random(len(answered)) < wrong)
        labels = labels_of_items([items[place] for place in answered], flipped)
        now = items[120:]
        rings, _ = Wishes(RelevancySettings(), labels, items[:120]).choose(now, [], window(240).start)
        base = np.array([item.is_base for item in now])
        f1 = [2 * (mask & wanted[120:]).sum() / (mask.sum() + wanted[120:].sum()) for mask in (base, rings)]
        gains.append(f1[1] - f1[0])
    assert min(gains) > 0


def test_one_dismissal_holds_back_its_like_and_no_other(store: Store) -> None:
    """Two far groups, a single answer: the other group goes on."""
    random = np.random.default_rng(0)
    groups = np.repeat([[0.0, 0.0], [8.0, 8.0]], 50, axis=0) + 0.1 * random.normal(size=(100, 2))
    items = items_at(groups, np.full(100, 2.0))
    for n_answers in (1, 2, 5):
        labels = labels_of_items(items[:n_answers], np.zeros(n_answers, bool))
        chosen, _ = Wishes(RelevancySettings(), labels, items).choose(items, [], window(100).start)
        assert chosen[50:].all()
    assert not chosen[:50].any(), "five have said so"


def test_the_faithful_mode_takes_the_weakest_of_a_dismissed_cluster() -> None:
    random = np.random.default_rng(0)
    groups = np.repeat([[0.0, 0.0], [8.0, 8.0]], 50, axis=0) + 0.1 * random.normal(size=(100, 2))
    items = items_at(groups, 1 + random.random(100))
    answered = np.r_[0:10, 50:60]
    labels = labels_of_items([items[place] for place in answered], answered < 50)
    chosen, _ = Wishes(RelevancySettings(mode="faithful"), labels, items).choose(items, [], window(100).start)
    assert chosen[:50].all()
    beyond = np.array([item.excess for item in items])[50:]
    assert chosen[50:].sum() == 33  # floor(50 x 2/3)
    assert beyond[chosen[50:]].min() > beyond[~chosen[50:]].max()


def drops_and_rises(random: np.random.Generator, is_wanted: bool) -> Anomaly:
    """Of many sizes, at any hour. A kind that only which app it is tells is beyond five clusters."""
    size = float(np.exp(random.normal(0.9, 0.2)))
    expected = float(np.exp(random.normal(5, 2)))
    changes = {"expected_amount": expected, "amount": expected * size}
    return slice_anomaly(
        int(random.integers(0, 500)), 1 / size if is_wanted else size, str(random.integers(10, 30)), **changes
    )


@pytest.mark.parametrize(
    "draw", [drops_and_rises, collection_population, entity_population, point_population], ids=KINDS
)
def test_the_faithful_mode_finds_the_kinds_of_every_lens(draw: Any) -> None:
    """Features differ in size: clusters of unscaled ones would part collections by chance."""
    random = np.random.default_rng(0)
    wanted = np.arange(240) % 2 == 0
    table = np.array([embed(draw(random, bool(good)), {"n_slices": 3}, "UTC").values for good in wanted])
    items = items_at(table, 1 + random.random(240))
    labels = labels_of_items(items[:60], wanted[:60])
    wishes = Wishes(RelevancySettings(mode="faithful"), labels, items)
    shift = wishes.latent(items, window(240).start)[0] - np.array([item.excess for item in items])
    good, bad = shift[wanted][:, None], shift[~wanted].round(9)
    assert (good.round(9) > bad).mean() + (good.round(9) == bad).mean() / 2 > 0.9


def test_the_replay_leaves_out_an_answer_whole(store: Store, config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Incidents of ten windows, a new one every five: what is said of one is not used where it goes on later."""
    relevance = Relevance(store, config, config.monitor[0])
    parts = [f"c{number}" for number in range(6)]
    for index in range(35):
        alive = [number for number in range(6) if 5 * number <= index < 5 * number + 10]
        found = found_of([(rise(index, parts[number]), 2.0 + index % 10) for number in alive])
        chosen = relevance.settle(found, relevance.judge(found, window(index)), None, [])
        incidents = [
            make_incident(
                5 * number, index, tuple(rise(past, parts[number]).id for past in range(5 * number, index + 1)),
                slice=Slice((("country", parts[number]),)),
            )
            for number in alive
        ]  # fmt: skip
        with store.window_transaction("ctr", window(index)) as transaction:
            transaction.write(make_run(index), chosen.found.anomalies, incidents, [], chosen.items)
    known = store.incidents()
    assert len(known) == 6
    for incident in known:
        store.add_feedback(Feedback(incident.id, Verdict.NOT_RELEVANT, NOON, "anna"))
    of_item = store.subjects(store.items("ctr"))[0]
    seen: list[set[str]] = []
    choose = Wishes.choose

    def watched(wishes: Wishes, items: list[Item], recent: list[Item], at: datetime) -> Any:
        seen.append({label.answered for label in wishes._labels} & {of_item[item.anomaly_id] for item in items})
        return choose(wishes, items, recent, at)

    monkeypatch.setattr(Wishes, "choose", watched)
    effect = effect_of_answers(config, store, config.monitor[0])
    assert effect.n_base == effect.n_answers == 6
    *crossed, whole = seen
    assert crossed == [set()] * len(crossed) != []
    assert len(whole) == 6


def test_answers_of_long_ago_fade() -> None:
    items = items_at(np.zeros((20, 2)) + np.arange(20)[:, None] / 10, np.full(20, 1.0))
    labels = labels_of_items(items[:10], np.zeros(10, bool))
    wishes = Wishes(RelevancySettings(memory=timedelta(days=2)), labels, items)
    soon, late = (wishes.n_alike(items, window(20).start + timedelta(days=days)) for days in (0, 20))
    assert (late < soon / 1000).all()
    scores = [wishes.latent(items, window(20).start + timedelta(days=days))[0] for days in (0, 200)]
    assert (scores[0] < scores[1]).all()
    assert scores[1] == pytest.approx(np.arcsinh(1.0))


def test_the_version_follows_what_was_learned_from() -> None:
    items = items_at(np.random.default_rng(0).normal(size=(30, 3)), np.ones(30))
    labels = labels_of_items(items[:4], np.array([True, False, True, True]))
    versions = {
        Wishes(RelevancySettings(), labels, items).version,
        Wishes(RelevancySettings(), labels[:3], items).version,
        Wishes(RelevancySettings(), labels, items[:20]).version,
        Wishes(RelevancySettings(memory=timedelta(days=9)), labels, items).version,
        Wishes(RelevancySettings(), [replace(labels[0], is_relevant=False), *labels[1:]], items).version,
    }
    assert len(versions) == 5
    assert Wishes(RelevancySettings(ask=0), labels, items).version in versions


def test_how_far_beyond_the_threshold() -> None:
    assert surprise(0.0) == 300
    assert math.isnan(surprise(math.nan))
    assert excess(surprise(1e-5), surprise(1e-3), reported=True) == pytest.approx(2)
    assert 0 < excess(surprise(0.5), surprise(1e-3), reported=True) < 1e-3
    assert -1e-3 < excess(surprise(1e-9), surprise(1e-3), reported=False) < 0
    assert excess(math.nan, 1.0, reported=True) > 0
    assert midway(np.array([3.0, 5.0]), np.array([1.0, 2.0]), 9.0) == 2.5
    assert midway(np.empty(0), np.array([1.0]), 9.0) == 9.0
    assert midway(np.array([1.0]), np.empty(0), 9.0) == 9.0


def test_the_next_entities_are_the_oddest_that_are_not_flagged() -> None:
    scores = np.array([0.5, 0.999, 0.9, np.nan, 0.99, 0.95])
    flagged = np.array([1])
    below = next_entities(scores, flagged, 20)
    assert below.tolist() == [4, 5]  # twice as many as are flagged
    assert next_entities(scores, flagged, 1).tolist() == [4]
    assert next_entities(scores, flagged, 0).tolist() == []
    beyond = excesses(scores, np.r_[flagged, below], 1, 0.0)
    assert beyond == pytest.approx([0.5, -0.5, -0.5 - math.log10(5)])
    assert excesses(scores[:1], np.array([0]), 1, 0.0)[0] > 0
    assert excesses(scores, np.array([1]), 0, 0.9999) == pytest.approx([-1.0])


def candidates_of(project: Publishers | Shops, monitor: str, first: int, end: int) -> tuple[list[Item], list[Item]]:
    """Judge some days, call an incident relevant, judge the next day: its items, those below the threshold apart."""
    project.backfill(first, end - 1)
    with project.store() as store:
        (anomaly, *_) = store.anomalies(monitor=monitor, order="score")
        store.add_feedback(Feedback(anomaly.id, Verdict.RELEVANT, NOON, "anna"))
    project.backfill(end - 1, end)
    with project.store() as store:
        items = [item for item in store.items(monitor) if item.window == store.last_run(monitor).window]  # type: ignore[union-attr]
        stored = {item.id for item in store.anomalies(monitor=monitor)}
    assert len({item.id for item in items}) == len(items)
    assert all((item.excess > 0) == item.is_base for item in items)
    assert all((item.anomaly_id in stored) == (item.is_base or item.is_selected) for item in items)
    return [item for item in items if item.is_base], [item for item in items if not item.is_base]


def test_publishers_that_are_nearly_flagged_are_candidates(tmp_path: Path) -> None:
    project = Publishers(tmp_path)
    project.write(publisher_events(3, {"site6.example": range(1, 3)}))
    base, below = candidates_of(project, "publishers", 0, 3)
    assert len(base) == 2
    assert 0 < len(below) <= 4
    assert "ctr" in {item.kpi for item in base}
    assert {item.kpi for item in (*base, *below)} <= {"ctr", "cost", "views"}
    assert max(item.excess for item in below) < 0 < min(item.excess for item in base)


def test_kinds_of_entities_are_named_by_their_indicator(store: Store, tmp_path: Path) -> None:
    config = parse_settings(PUBLISHERS, base=tmp_path)
    random = np.random.default_rng(0)
    schema = embedding_schema("contextual")
    for index in range(12):
        wanted = index % 3 > 0
        lead = entity_population(random, wanted)
        item = Item("publishers", window(index), lead.slice, lead.direction, "contextual", 1.0, lead.id, schema,
                    embed(lead, {}, "UTC").values, "", True, True, kpi=lead.kpi)  # fmt: skip
        with store.window_transaction("publishers", window(index)) as transaction:
            transaction.write(make_run(index, "publishers"), [], [], [], [item])
    cards, _ = types_of(config, store, config.monitor[0], days=30, now=NOON)
    assert [card.name.split(",")[0] for card in cards] == [
        "odd publisher: clicks per visit too high",
        "odd publisher: price too high",
    ]


def test_sellers_that_are_nearly_flagged_are_candidates(tmp_path: Path) -> None:
    project = Shops(tmp_path)
    project.write(orders(farmed={"shop6": range(FIRST + 1, FIRST + 3)}))
    config = project.config.read_text(encoding="utf-8").replace("target_fpr = 0.001", "target_fpr = 0.05")
    project.config.write_text(config, encoding="utf-8")
    base, below = candidates_of(project, "farmed", FIRST, FIRST + 3)
    assert "shop6" in {item.slice.items[0][1] for item in base}
    assert all(-math.log10(5) <= item.excess < 0 for item in below)
