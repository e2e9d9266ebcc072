"""The detectors that are compared on labelled series: ours, plain rules, and what is installed of others.

Every one learns from the history of a series and scores what comes after it without looking ahead; none sees a label.

Ours have their default settings and a season of a day. The plain rules say what a detector must beat. The others:
scikit-learn's IsolationForest and PyOD's ECOD on windows of eight points, standardised by the history, fitted on it
once; statsmodels' exponential smoothing (ETS; additive season up to 60 points a day, smoothing by maximum likelihood on
the newest 3,000 points of the history), the absolute error of its forecasts one point ahead; river's HalfSpaceTrees,
learning point by point from the same windows, scaled into [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from tocsin.errors import InputError, nearest
from tocsin.model import Floats

__all__ = ["Course", "SeriesContestant", "Told", "series_contestants"]

WINDOW = 8
MOST_SEASON = 60
MOST_SMOOTHED = 3_000


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What a detector is given of one series: history and what comes next, (n,) each, NaN = missing; points a day."""

    history: Floats
    new: Floats
    season: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a detector says of the new points: scores, higher = odder, NaN where missing; and a 99 % band or none."""

    scores: Floats
    lower: Floats | None = None
    upper: Floats | None = None


Tell = Callable[[Sequence[Course], int], list[Told]]


@dataclass(frozen=True, slots=True)
class SeriesContestant:
    """A detector: `tell` takes all series of a set and a seed; `ours`: one of tocsin's; `needs`: a package."""

    name: str
    tell: Tell
    ours: bool = False
    needs: str | None = None


def series_contestants(names: Sequence[str] = ()) -> tuple[list[SeriesContestant], dict[str, str]]:
    """The detectors of these names (all, without names) that are installed, and why the others are not run.

    Raises
    ------
    InputError : an unknown name
    """
    candidates = {one.name: one for one in CANDIDATES}
    for name in names:
        if name not in candidates:
            raise InputError("A detector of series", allowed=", ".join(candidates), got=name,
                             hint=nearest(name, candidates))  # fmt: skip
    wanted = [candidates[name] for name in dict.fromkeys(names)] if names else list(CANDIDATES)
    missing = {one.name: f"{one.needs} is not installed" for one in wanted if one.needs and not find_spec(one.needs)}
    return [one for one in wanted if one.name not in missing], missing


def _each(tell: Callable[[Course, int], Told]) -> Tell:
    return lambda courses, seed: [tell(course, seed) for course in courses]


def _alone(make: Callable[[int | None, int], Any]) -> Tell:
    """One of our detectors, fitted to each series by itself."""

    def tell(course: Course, seed: int) -> Told:
        scores = make(course.season, seed).fit(course.history[None]).update(course.new[None])
        return Told(scores.surprise[0], scores.lower[0], scores.upper[0])

    return _each(tell)


def _together(courses: Sequence[Course], seed: int) -> list[Told]:
    """DeepAR on all series of a season at once: histories end, and new points begin, in the same column."""
    from tocsin.detectors.series.deep_ar import DeepAR

    told: dict[int, Told] = {}
    for season in dict.fromkeys(course.season for course in courses):
        rows = [row for row, course in enumerate(courses) if course.season == season]
        history = np.full((len(rows), max(len(courses[row].history) for row in rows)), np.nan)
        new = np.full((len(rows), max(len(courses[row].new) for row in rows)), np.nan)
        for place, row in enumerate(rows):
            course = courses[row]
            history[place, history.shape[1] - len(course.history) :] = course.history
            new[place, : len(course.new)] = course.new
        scores = DeepAR(season=season, random_state=seed).fit(history).update(new)
        for place, row in enumerate(rows):
            n = len(courses[row].new)
            told[row] = Told(scores.surprise[place, :n], scores.lower[place, :n], scores.upper[place, :n])
    return [told[row] for row in range(len(courses))]


def _iid(season: int | None, seed: int) -> Any:
    from tocsin.detectors.series.iid import IID

    return IID()


def _holt_winters(season: int | None, seed: int) -> Any:
    from tocsin.detectors.series.holt_winters import HoltWinters

    return HoltWinters(season=season)


def _forest(season: int | None, seed: int) -> Any:
    from tocsin.detectors.series.random_cut_forest import RandomCutForest

    return RandomCutForest(random_state=seed)


def _filled(course: Course) -> Floats:
    """History and new points with the last known point in place of missing ones."""
    values = np.concatenate([course.history, course.new])
    known = ~np.isnan(values)
    places = np.maximum.accumulate(np.where(known, np.arange(len(values)), 0))
    filled: Floats = values[places]
    filled[np.isnan(filled)] = values[known][0] if known.any() else 0.0
    return filled


def _of_new(course: Course, scores: Floats) -> Told:
    """The scores (n_history + n_new,) of the new points that are not missing."""
    return Told(np.where(np.isnan(course.new), np.nan, scores[len(course.history) :]))


def _difference(course: Course, delay: int) -> Told:
    filled = _filled(course)
    scores = np.zeros(len(filled))
    scores[delay:] = np.abs(filled[delay:] - filled[:-delay])
    return _of_new(course, scores)


def _previous(course: Course, seed: int) -> Told:
    return _difference(course, 1)


def _day_ago(course: Course, seed: int) -> Told:
    return _difference(course, course.season or 1)


def _windows(course: Course) -> Floats:
    """(n_history + n_new, WINDOW): the newest points at each point, standardised by the history."""
    filled = _filled(course)
    history = filled[: len(course.history)]
    scaled = (filled - history.mean()) / (history.std() or 1.0)
    padded = np.concatenate([np.full(WINDOW - 1, scaled[0]), scaled])
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW).copy()


def _isolation_forest(course: Course, seed: int) -> Told:
    from sklearn.ensemble import IsolationForest

    windows = _windows(course)
    model = IsolationForest(random_state=seed).fit(windows[: len(course.history)])
    return _of_new(course, -model.score_samples(windows))


def _loaded(module: str) -> Any:
    """A module of a package that may not be installed."""
    return import_module(module)


def _ecod(course: Course, seed: int) -> Told:
    windows, known = _windows(course), len(course.history)
    scores = np.zeros(len(windows))
    scores[known:] = _loaded("pyod.models.ecod").ECOD().fit(windows[:known]).decision_function(windows[known:])
    return _of_new(course, scores)


def _half_space_trees(course: Course, seed: int) -> Told:
    windows, known = _windows(course), len(course.history)
    low, high = windows[:known].min(), windows[:known].max()
    windows = np.clip((windows - low) / ((high - low) or 1.0), 0.0, 1.0)
    model = _loaded("river.anomaly").HalfSpaceTrees(seed=seed)
    scores = np.zeros(len(windows))
    for place, window in enumerate(windows):
        row = dict(enumerate(window.tolist()))
        if place >= known:
            scores[place] = model.score_one(row)
        model.learn_one(row)
    return _of_new(course, scores)


def _smoothing(course: Course, seed: int) -> Told:
    values = np.concatenate([course.history[-MOST_SMOOTHED:], course.new])
    n_known = len(values) - len(course.new)
    season = course.season if course.season is not None and course.season <= MOST_SEASON else None
    smoothing = _loaded("statsmodels.tsa.statespace.exponential_smoothing")
    fitted = smoothing.ExponentialSmoothing(values[:n_known], seasonal=season).fit(disp=False, maxiter=50)
    forecasts = fitted.append(values[n_known:]).fittedvalues
    return Told(np.abs(values - np.asarray(forecasts))[n_known:])


CANDIDATES: Sequence[SeriesContestant] = (
    SeriesContestant("IID", _alone(_iid), ours=True),
    SeriesContestant("HoltWinters", _alone(_holt_winters), ours=True),
    SeriesContestant("RandomCutForest", _alone(_forest), ours=True),
    SeriesContestant("DeepAR", _together, ours=True, needs="torch"),
    SeriesContestant("previous point", _each(_previous)),
    SeriesContestant("a day ago", _each(_day_ago)),
    SeriesContestant("IsolationForest", _each(_isolation_forest)),  # scikit-learn's
    SeriesContestant("PyOD ECOD", _each(_ecod), needs="pyod"),
    SeriesContestant("HalfSpaceTrees", _each(_half_space_trees), needs="river"),
    SeriesContestant("statsmodels ETS", _each(_smoothing), needs="statsmodels"),
)
