"""People dismiss a kind of alert: it stops, other trouble still rings, and taking the answers back undoes all of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from tests.end_to_end.project import CONFIG, HOUR, START
from tocsin.anomaly_types import left_out, types_of
from tocsin.config import Settings, load_settings
from tocsin.effect import Effect, Replay, Withdrawal, change_by_answer, effect_of_answers
from tocsin.model import Direction, Feedback, IncidentState, Item, Slice, Verdict
from tocsin.overview import write_report
from tocsin.pipeline import RunReport, backfill, run
from tocsin.pipeline.relevance_model import STATE, Wishes
from tocsin.simulate import Trouble, simulate_funnel
from tocsin.store import Store, schema
from tocsin.store.engine import reading, writing
from tocsin.why import why

END = START + timedelta(weeks=3)
TURN = END - timedelta(days=3)
"""Until here everything rings; then people answer."""
FIRST = END - timedelta(days=9)
HARMLESS = (10, 14, 12, 18, 12, 16, 10, 14, 12)
"""At such an hour of each of the last nine days an app has nearly twice its clicks for two windows."""
LENGTH = 2 * HOUR
QUIET_CONFIG = CONFIG.replace("reevaluate = 3\n", "").replace('window = "1h"', 'window = "2h"')


@pytest.fixture(scope="module")
def events() -> tuple[pd.DataFrame, Slice, Slice]:
    """The funnel, the app with the harmless rises, and the country whose clicks fall."""
    sizes: dict[str, Any] = {"weeks": 3, "start": START, "n_countries": 3, "n_apps": 4, "n_partners": 2, "n_sdks": 2}
    quiet = simulate_funnel(**sizes | {"weeks": 1}, troubles=()).events.to_pandas()  # which are large takes no longer
    apps = quiet.groupby("app")["views"].sum().nlargest(2).index
    app = Slice((("app", str(apps[1])),))
    country = Slice((("country", str(quiet.groupby("country")["views"].sum().idxmax())),))
    planted = [("click explosion", app, 1.8, day, hour) for day, hour in enumerate(HARMLESS)]
    planted += [("ctr drop", country, 0.6, day, 6) for day in (1, 6, 7, 8)]
    troubles = []
    for number, (kind, part, factor, day, hour) in enumerate(planted):
        start = FIRST + timedelta(days=day) + hour * HOUR
        harmful = kind == "ctr drop"
        troubles.append(
            Trouble(str(number), kind, part, start, start + 2 * LENGTH, "clicks / views", factor, harmful, "planted")
        )
    return simulate_funnel(**sizes, troubles=tuple(troubles)).events.to_pandas(), app, country


@pytest.fixture(scope="module")
def before(events: tuple[pd.DataFrame, Slice, Slice], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data and a store that holds everything before `TURN`; nobody has answered."""
    folder = tmp_path_factory.mktemp("before")
    events[0].to_parquet(folder / "events.parquet")
    (folder / "tocsin.toml").write_text(QUIET_CONFIG, encoding="utf-8")
    backfill(folder / "tocsin.toml", FIRST, TURN, now=END)
    return folder


@pytest.fixture
def folder(before: Path, tmp_path: Path) -> Path:
    shutil.copytree(before, tmp_path / "here")
    return tmp_path / "here"


def opened(folder: Path) -> Store:
    return Store.open("sqlite:///tocsin.db", base=folder)


def settings_of(folder: Path, **relevancy: Any) -> Settings:
    settings = load_settings(folder / "tocsin.toml")
    return settings.model_copy(update={"relevancy": settings.relevancy.model_copy(update=relevancy)})


def go_on(folder: Path, until: datetime = END, **relevancy: Any) -> RunReport:
    return backfill(settings_of(folder, **relevancy), TURN, until, now=END)


def answer(folder: Path, direction: Direction, verdict: Verdict) -> list[str]:
    """Give all incidents of one direction this answer."""
    with opened(folder) as store:
        ids = sorted(item.id for item in store.incidents() if item.direction is direction)
        for place, name in enumerate(ids):
            store.add_feedback(Feedback(name, verdict, END + timedelta(seconds=place), "anna"))
    return ids


def content(folder: Path, *without: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in order."""
    with opened(folder) as store, reading(store._engine) as connection:
        return {
            table.name: sorted(tuple(map(str, row)) for row in connection.execute(sa.select(table)))
            for table in schema.metadata.sorted_tables
            if table.name not in without
        }


def outcome(folder: Path) -> tuple[list[tuple[str, bool, bool]], list[tuple[str, str, tuple[str, ...]]]]:
    """What became of each item and incident, without what charts show of the past."""
    with opened(folder) as store:
        items = [(item.id, item.is_base, item.is_selected) for item in store.items("ctr")]
        incidents = [(item.id, item.state.value, item.anomaly_ids) for item in store.incidents()]
    return items, sorted(incidents)


def rang(folder: Path, part: Slice, direction: Direction) -> list[datetime]:
    """When incidents of a slice began after `TURN`."""
    with opened(folder) as store:
        found = [item for item in store.incidents() if item.slice == part and item.direction is direction]
    return sorted(item.first.start for item in found if item.first.start >= TURN)


def test_without_answers_the_store_is_that_of_a_detector_alone(folder: Path, before: Path, tmp_path: Path) -> None:
    shutil.copytree(before, tmp_path / "off")
    until = TURN + timedelta(days=2)
    report = go_on(folder, until)
    go_on(tmp_path / "off", until, mode="off")
    assert content(folder, "item") == content(tmp_path / "off", "item")
    assert (report.monitors[0].n_held, report.monitors[0].n_raised) == (0, 0)
    with opened(folder) as store:
        items = store.items("ctr", since=TURN)
        ids = {name for incident in store.incidents() for name in incident.anomaly_ids}
    assert len(items) > 7
    assert all(item.is_base and item.is_selected and item.excess > 0 and item.anomaly_id in ids for item in items)


def test_a_dismissed_kind_is_held_back_and_another_trouble_still_rings(
    folder: Path, events: tuple[pd.DataFrame, Slice, Slice]
) -> None:
    _, app, country = events
    assert len(answer(folder, Direction.UP, Verdict.NOT_RELEVANT)) >= 6
    (monitor,) = go_on(folder).monitors
    assert rang(folder, app, Direction.UP) == []
    assert len(rang(folder, country, Direction.DOWN)) == 3
    with opened(folder) as store:
        items = store.items("ctr", since=TURN)
        anomalies = {item.id for item in store.anomalies(monitor="ctr", since=TURN)}
        runs = store.runs("ctr", since=TURN)
        state = store.get_state("ctr", STATE)
        held = [item for item in items if not item.is_selected]
        lines = why(store, held[0].anomaly_id)
        write_report(folder / "report.html", settings_of(folder), store, END)
        rang_too = why(store, next(item.anomaly_id for item in items if item.is_selected))
    assert len(held) == monitor.n_held >= 6
    assert {item.slice for item in held} == {app}
    assert all(item.is_base and item.relevance < 0 and item.model_version for item in held)
    assert {item.anomaly_id for item in held} <= anomalies, "what is held back stays stored"
    told = [note for one in runs for note in one.notes if "held back" in note]
    assert len(told) == len(held)
    assert all(f"not relevant by people's answers: app {app.items[0][1].removeprefix('app ')}" in note for note in told)
    assert sum(one.n_flagged > 0 for one in runs) > len(held), "the detector's own numbers stay"
    assert state is not None
    assert state.meta["model_version"] == items[-1].model_version
    page = (folder / "report.html").read_text(encoding="utf-8")
    section = page[page.index('id="chosen"') : page.index('id="monitors"')]
    assert all(f"<code>{item.anomaly_id}</code>" in section for item in held)
    assert section.count("likelier not wanted than wanted") == len(held)
    assert f"<b>{len(held)}</b> held back by answers" in page
    assert any(line.startswith("relevance -") and line.endswith("it was held back") for line in lines)
    assert any(line.startswith("relevance ") and line.endswith("it rang") for line in rang_too)


def test_answers_that_are_taken_back_leave_no_trace(folder: Path, before: Path, tmp_path: Path) -> None:
    shutil.copytree(before, tmp_path / "never")
    for name in answer(folder, Direction.UP, Verdict.NOT_RELEVANT):
        with opened(folder) as store:
            store.undo_feedback(name, "anna", at=END)
    until = TURN + timedelta(days=1)
    go_on(folder, until)
    go_on(tmp_path / "never", until)
    assert content(folder, "feedback") == content(tmp_path / "never", "feedback")


def test_with_the_last_answer_goes_what_was_learned(folder: Path) -> None:
    ids = answer(folder, Direction.UP, Verdict.NOT_RELEVANT)
    go_on(folder, TURN + 12 * HOUR)
    with opened(folder) as store:
        assert store.get_state("ctr", STATE) is not None
        for name in ids:
            store.undo_feedback(name, "anna", at=END)
    go_on(folder, TURN + 14 * HOUR)
    with opened(folder) as store:
        assert store.get_state("ctr", STATE) is None


def test_window_by_window_is_as_at_once_and_again_changes_nothing(folder: Path, before: Path, tmp_path: Path) -> None:
    answer(folder, Direction.UP, Verdict.NOT_RELEVANT)
    shutil.copytree(folder, tmp_path / "steps")
    until = TURN + timedelta(days=1, hours=4)
    go_on(folder, until)
    for hours in (8, 18, 28):
        run(settings_of(tmp_path / "steps"), now=TURN + hours * HOUR)
    assert outcome(folder) == outcome(tmp_path / "steps")
    assert any(not is_selected for _, _, is_selected in outcome(folder)[0])
    whole = content(folder)
    (again,) = go_on(folder, until).monitors
    assert again.runs == []
    assert content(folder) == whole


def test_what_rang_once_is_not_taken_back_by_an_answer(folder: Path, events: tuple[pd.DataFrame, Slice, Slice]) -> None:
    """Late rows have the last windows judged again, after people have dismissed the kind that rang in them."""
    data, app, _ = events
    until = TURN + timedelta(days=1)
    go_on(folder, until)
    (start,) = rang(folder, app, Direction.UP)
    answer(folder, Direction.UP, Verdict.NOT_RELEVANT)
    late = data.copy()
    hour = (late["ts"] >= start) & (late["ts"] < start + 2 * LENGTH)
    late.loc[hour, "views"] += 1
    late.to_parquet(folder / "events.parquet")
    (monitor,) = go_on(folder, until).monitors
    assert len(monitor.runs) == 2
    assert monitor.n_held == 0
    with opened(folder) as store:
        (incident,) = [item for item in store.incidents() if item.first.start == start and item.slice == app]
        assert incident.state is not IncidentState.RETRACTED
        again = [item for item in store.items("ctr", since=start) if item.slice == app]
    assert all(item.is_selected and item.relevance < 0 for item in again)


def test_a_monitor_can_be_left_out(folder: Path, events: tuple[pd.DataFrame, Slice, Slice]) -> None:
    answer(folder, Direction.UP, Verdict.NOT_RELEVANT)
    text = QUIET_CONFIG.replace('name = "ctr"', 'name = "ctr"\nrelevancy = false')
    (folder / "tocsin.toml").write_text(text, encoding="utf-8")
    (monitor,) = go_on(folder, TURN + timedelta(days=1)).monitors
    assert monitor.n_held == 0
    assert len(rang(folder, events[1], Direction.UP)) == 1


def test_monitors_of_a_kind_learn_from_each_other(folder: Path) -> None:
    """A new monitor of the same kind of KPI holds back what was dismissed in the other one."""
    answer(folder, Direction.UP, Verdict.NOT_RELEVANT)
    twin = QUIET_CONFIG[QUIET_CONFIG.index("[[monitor]]") : QUIET_CONFIG.index("[alerts")]
    other = twin.replace('name = "ctr"', 'name = "twin"')
    (folder / "tocsin.toml").write_text(QUIET_CONFIG.replace(twin, twin + other), encoding="utf-8")
    report = backfill(folder / "tocsin.toml", TURN, TURN + timedelta(days=1), now=END)
    assert [monitor.n_held > 0 for monitor in report.monitors] == [True, True]


def test_a_kill_leaves_whole_windows_with_their_items(folder: Path, before: Path, tmp_path: Path) -> None:
    answer(folder, Direction.UP, Verdict.NOT_RELEVANT)
    shutil.copytree(folder, tmp_path / "undisturbed")
    until = TURN + timedelta(days=1)
    arguments = ["--since", TURN.isoformat(), "--until", until.isoformat(), "--at", END.isoformat()]
    command = [sys.executable, "-m", "tocsin", "backfill", "-c", str(folder / "tocsin.toml"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with opened(folder) as store:
        while process.poll() is None and len(store.runs("ctr", since=TURN)) <= 2:
            time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with opened(folder) as store:
        assert 0 < len(store.runs("ctr", since=TURN)) < 12
    go_on(folder, until)
    go_on(tmp_path / "undisturbed", until)
    assert outcome(folder) == outcome(tmp_path / "undisturbed")
    with opened(folder) as store:
        told = {run.window for run in store.runs("ctr", since=TURN) if any("held back" in note for note in run.notes)}
        held = {item.window for item in store.items("ctr", since=TURN) if item.is_base and not item.is_selected}
    assert told == held != set()


def test_two_reviewers_at_the_same_moment(folder: Path) -> None:
    """Each with a store of its own, as two processes have; what either is told is of the store as it is."""
    settings = settings_of(folder)
    with opened(folder) as store:
        ids = [item.id for item in store.incidents()][:2]
    together = threading.Barrier(2)

    def say(name: str, verdict: Verdict, who: str) -> str:
        with opened(folder) as own:
            together.wait(60)
            return change_by_answer(settings, own, Feedback(name, verdict, END, who)).answer.subject_id

    with ThreadPoolExecutor(2) as people:
        said = people.map(say, ids, (Verdict.RELEVANT, Verdict.NOT_RELEVANT), ("anna", "ben"))
        assert list(said) == ids
    with opened(folder) as store:
        assert {(item.subject_id, item.author) for item in store.feedback()} == {(ids[0], "anna"), (ids[1], "ben")}
        assert {(label.answered, label.is_relevant) for label in store.labels(["ctr"])} == {
            (ids[0], True),
            (ids[1], False),
        }


def test_a_run_asks_a_few_things_that_nobody_has_answered(folder: Path) -> None:
    now = TURN + 12 * HOUR
    asked = run(settings_of(folder), now=now).questions
    assert len(asked) == 3
    assert len({question.id for question in asked}) == 3
    with opened(folder) as store:
        for question in asked[:2]:
            found = store.find(question.id)
            assert found.id == question.id
            store.add_feedback(Feedback(question.id, Verdict.UNSURE, END, "anna"))
    later = run(settings_of(folder, ask=50), now=now + LENGTH).questions
    assert not {question.id for question in asked[:2]} & {question.id for question in later}
    assert asked[2].id in {question.id for question in later}
    with opened(folder) as store:
        for item in store.items("ctr"):
            store.add_feedback(Feedback(item.anomaly_id, Verdict.UNSURE, END, "anna"))
    assert run(settings_of(folder, ask=50), now=now + 2 * LENGTH).questions == (), (
        "each has been answered by its anomaly"
    )
    assert run(settings_of(folder, ask=0), now=now + 3 * LENGTH).questions == ()
    assert run(settings_of(folder), now=now + 3 * LENGTH).questions == (), "no window was due"


def test_the_effect_is_told_from_the_store(folder: Path) -> None:
    settings = settings_of(folder)
    monitor = settings.monitor_named("ctr")
    with opened(folder) as store:
        empty = effect_of_answers(settings, store, monitor)
        assert (empty.n_answers, empty.crossed.n_alerts, empty.crossed.n_held) == (0, empty.n_base, 0)
        n_incidents = len(store.incidents())
        assert empty.n_base == n_incidents
        assert f"{n_incidents} alerts of the detector in the last 30 days" in empty.sentences()[0]
        off = effect_of_answers(settings_of(folder, mode="off"), store, monitor)
        assert off.sentences() == [
            "Relevancy is off here: whatever people answer, everything that the detector reports rings."
        ]
    n_answers = len(answer(folder, Direction.UP, Verdict.NOT_RELEVANT))
    with opened(folder) as store:
        written = content(folder)
        effect = effect_of_answers(settings, store, monitor)
        assert content(folder) == written
    assert effect.n_answers == effect.n_dismissed == n_answers
    assert effect.n_relevant == 0
    for replay in (effect.crossed, effect.with_all):
        assert replay.n_alerts == effect.n_base - replay.n_held + replay.n_raised
        assert replay.n_spared <= min(replay.n_held, effect.n_dismissed)
    assert effect.with_all.n_spared >= effect.crossed.n_spared > 0
    assert (
        f"With your {n_answers} answers: {effect.crossed.n_alerts} alerts instead of {effect.n_base}"
        in (effect.sentences()[0])
    )


def test_the_replay_never_sees_the_answers_it_is_judged_by(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(folder, Direction.UP, Verdict.NOT_RELEVANT)
    overlaps: list[set[str]] = []
    choose = Wishes.choose

    def watched(wishes: Wishes, items: list[Item], recent: list[Item], at: datetime) -> Any:
        overlaps.append({item.id for item in items} & {label.id for label in wishes._labels})
        return choose(wishes, items, recent, at)

    monkeypatch.setattr(Wishes, "choose", watched)
    settings = settings_of(folder)
    with opened(folder) as store:
        effect_of_answers(settings, store, settings.monitor_named("ctr"))
    assert len(overlaps) == 6
    assert overlaps[:5] == [set()] * 5
    assert overlaps[5]


def test_an_answer_tells_what_it_changes_and_taking_it_back_tells_the_opposite(folder: Path) -> None:
    settings = settings_of(folder)
    ids = answer(folder, Direction.UP, Verdict.NOT_RELEVANT)
    with opened(folder) as store:
        store.undo_feedback(ids[-1], "anna", at=END)
        given = change_by_answer(settings, store, Feedback(ids[-1], Verdict.NOT_RELEVANT, END, "anna"))
        back = change_by_answer(settings, store, Withdrawal(ids[-1], "anna", END))
        unsure = change_by_answer(settings, store, Feedback(ids[-1], Verdict.UNSURE, END, "ben"))
    assert (given.n_held, given.n_rung) == (back.n_rung, back.n_held)
    assert (unsure.n_held, unsure.n_rung) == (0, 0)
    assert given.answer.subject_id == back.answer.subject_id == ids[-1]


def test_kinds_have_a_card_and_keep_their_number(folder: Path, events: tuple[pd.DataFrame, Slice, Slice]) -> None:
    settings = settings_of(folder)
    monitor = settings.monitor_named("ctr")
    answer(folder, Direction.UP, Verdict.NOT_RELEVANT)
    with opened(folder) as store:
        cards, headlines = types_of(settings, store, monitor, days=30, now=END)
        n_items = len(store.items("ctr"))
        assert sum(card.n_items for card in cards) == n_items
        assert len({card.name for card in cards}) == len(cards) >= 2
        worst = min(cards, key=lambda card: card.relevance)
        assert worst.n_not_relevant > 0 == worst.n_relevant
        assert worst.relevance < 1
        assert all(name in headlines for card in cards for name in card.examples)
        assert all(store.find(name) for card in cards for name in card.examples)
    go_on(folder)
    with opened(folder) as store:
        items = store.items("ctr", since=TURN)
        assert {item.type_id for item in items} <= {card.id for card in cards}
        rises = [item for item in items if item.slice == events[1] and item.direction is Direction.UP]
        assert {item.type_id for item in rises} == {worst.id}
        again, _ = types_of(settings, store, monitor, days=30, now=END)
        assert types_of(settings, store, monitor, days=30, now=END)[0] == again
        assert types_of(settings, store, replace_name(monitor), days=30, now=END) == ((), {})
    assert worst.id in {card.id for card in again}


def test_what_kinds_and_effect_do_not_look_at_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Items of another version's embedding are left out; of very many the newest are looked at."""
    settings = settings_of(folder)
    monitor = settings.monitor_named("ctr")
    n_answers = len(answer(folder, Direction.UP, Verdict.NOT_RELEVANT))
    with opened(folder) as store:
        items = store.items("ctr")
        assert left_out(settings, store, monitor, days=30) == []
        cut = items[len(items) // 2].window.start
        n_old = sum(item.window.start < cut for item in items)
        with writing(store._engine) as connection:
            old = schema.item.c.window_start < cut
            connection.execute(sa.update(schema.item).where(old).values(schema="slices/0-0"))
            other = [{"id": "f" * 12, "monitor": "ctr", "at": START.isoformat(), "excess": 1.0, "schema": "slices/0-0",
                      "embedding": [1.0]}]  # fmt: skip
            last = sa.select(sa.func.max(schema.feedback.c.id)).scalar_subquery()
            connection.execute(sa.update(schema.feedback).where(schema.feedback.c.id == last).values(items=other))
            first = sa.select(sa.func.min(schema.feedback.c.id)).scalar_subquery()
            connection.execute(sa.update(schema.feedback).where(schema.feedback.c.id == first).values(items=None))
        cards, _ = types_of(settings, store, monitor, days=30, now=END)
        assert sum(card.n_items for card in cards) == len(items) - n_old
        assert effect_of_answers(settings, store, monitor).n_answers == n_answers - 2
        other_version, apart_from_all = left_out(settings, store, monitor, days=30)
        assert f"{n_old} sightings and 1 answer. Such an answer teaches nothing" in other_version
        assert apart_from_all.startswith("1 answer teaches nothing")
        monkeypatch.setattr("tocsin.anomaly_types.MOST_ITEMS", 5)
        monkeypatch.setattr("tocsin.effect.MOST_ITEMS", 5)
        assert f"Of {len(items) - n_old} sightings the newest 5 are" in left_out(settings, store, monitor, days=30)[0]
        assert sum(card.n_items for card in types_of(settings, store, monitor, days=30, now=END)[0]) == 5
        assert effect_of_answers(settings, store, monitor).days < 3
        with writing(store._engine) as connection:
            connection.execute(sa.update(schema.item).values(schema="slices/0-0"))
        assert types_of(settings, store, monitor, days=30, now=END)[0] == ()
        assert effect_of_answers(settings, store, monitor).n_base == 0
        assert f"{len(items)} sightings" in left_out(settings, store, monitor, days=30)[0]
        write_report(folder / "report.html", settings, store, END)
    go_on(folder, TURN + 6 * HOUR)


def replace_name(monitor: Any) -> Any:
    return monitor.model_copy(update={"name": "empty"})


def apart(one: Slice, other: Slice) -> bool:
    """Whether no record is of both."""
    mine, theirs = dict(one.items), dict(other.items)
    return any(theirs.get(name, value) != value for name, value in mine.items())


def test_slices_that_are_nearly_flagged_are_candidates_apart_from_causes(folder: Path) -> None:
    answer(folder, Direction.DOWN, Verdict.RELEVANT)
    (monitor,) = go_on(folder).monitors
    with opened(folder) as store:
        items = store.items("ctr", since=TURN)
        stored = {item.id for item in store.anomalies(monitor="ctr", since=TURN)}
        runs = store.runs("ctr", since=TURN)
    below = [item for item in items if not item.is_base]
    assert len(below) >= 5
    assert all(-0.7 < item.excess < 0 for item in below)
    for item in below:
        others = [other for other in items if other.window == item.window and other.id != item.id]
        assert all(apart(item.slice, other.slice) for other in others)
    raised = [item for item in below if item.is_selected]
    silent = next(item for item in below if not item.is_selected)
    with opened(folder) as store:
        told = why(store, silent.id[:11])
        assert told[0].startswith(f"sighting {silent.id} of ctr: ")
        assert told[2].endswith(silent.headline)
        assert told[3].endswith("below the threshold; it did not ring")
        write_report(folder / "report.html", settings_of(folder), store, END)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("like what was called relevant") == len(raised)
    assert ("raised by answers</span>" in page) == bool(raised)
    assert monitor.n_raised == len(raised)
    assert all(item.relevance > 0 for item in raised)
    assert {item.anomaly_id for item in below} & stored == {item.anomaly_id for item in raised}
    n_base = sum(item.is_base for item in items)
    assert sum(run.n_flagged > 0 for run in runs) <= n_base, "candidates are not counted as flagged"


def test_what_changes_nothing_is_told_in_a_sentence_without_zeros() -> None:
    same = Replay(n_alerts=6, n_held=0, n_raised=0, n_lost=0, n_spared=0)
    effect = Effect(days=30.0, n_answers=8, n_base=6, n_relevant=1, n_dismissed=2, crossed=same, with_all=same)
    assert effect.sentences() == ["With your 8 answers the same rings in the last 30 days as without: 6 alerts."]
    held = Replay(n_alerts=5, n_held=1, n_raised=0, n_lost=0, n_spared=1)
    assert len(replace(effect, with_all=held).sentences()) == 2
