"""Any outlier detector as a detector of series: it sees shingles, the newest few values of a series as one row.

The model is learned from the history once; its raw scores, made higher = odder, become surprises by a calibration that
goes on learning. Which way a model's scores point is told from where it comes from, or by `odd`:

* a plain function, called with the rows (n, window): high is odd
* `decision_function` of PyOD, known by its `decision_scores_` after the fit: high is odd
* else scikit-learn's: `score_samples`, `decision_function`, `predict`, the first there is: low is odd
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import clone

from tocsin.detectors.series.base import SeriesDetector
from tocsin.detectors.series.calibration import TailCalibration
from tocsin.detectors.series.reading import Layout, read_state
from tocsin.detectors.series.scores import SeriesScores
from tocsin.detectors.series.settings import check_level
from tocsin.errors import InputError, NotEnoughData
from tocsin.model import Floats

__all__ = ["WrappedDetector", "wrap"]

METHODS = ("score_samples", "decision_function", "predict")


def wrap(model: Any, *, window: int = 8, odd: Literal["high", "low"] | None = None,
         together: bool = False, level: float = 0.99) -> WrappedDetector:  # fmt: skip
    """A detector of series from an outlier detector of rows, or from a function that scores rows.

    Parameters
    ----------
    model : object with `fit` and one of score_samples, decision_function, predict; or a function (n, window) -> (n,)
        It is copied for each series; what is given stays as it is.
    window : int, at least 1
        Values of a row: the newest ones, oldest first, standardised by the median and spread of the history.
    odd : "high" or "low"
        Which scores are odd; None = by the rule of this module.
    together : bool
        One model learns the rows of all series, not one each.
    level : float in (0, 1)
        Share of the history's steps from one value to the next inside the band around the last value.

    >>> import numpy as np
    >>> values = np.random.default_rng(0).standard_normal((1, 300))
    >>> values[0, 250] = 9.0
    >>> detector = wrap(lambda rows: np.abs(rows[:, -1])).fit(values[:, :200])
    >>> int(detector.update(values[:, 200:]).surprise.argmax())
    50
    """
    return WrappedDetector(model=model, window=window, odd=odd, together=together, level=level)


class WrappedDetector(SeriesDetector):
    """What `wrap` makes; its parameters are explained there.

    A missing value is taken as the last one before it in the rows of later points. A model has no expected value: it is
    the last value, and says where a point went to, not what the model thought of it.
    """

    def __init__(
        self,
        *,
        model: Any,
        window: int = 8,
        odd: Literal["high", "low"] | None = None,
        together: bool = False,
        level: float = 0.99,
    ) -> None:
        self.model = model
        self.window = window
        self.odd = odd
        self.together = together
        self.level = level

    def _fit(self, history: Floats) -> None:
        self._check_settings()
        self.centre_, self.unit_ = _centre_and_unit(history)
        self.tail_ = np.full((self.n_series_, self.window), np.nan)
        rows, known = self._rows(history)
        self.models_ = self._learn(rows, known)
        self.steps_ = self._usual_steps(rows, known)
        self.calibration_ = TailCalibration(self.n_series_).fit(self._raw(rows, known))

    def _update(self, values: Floats) -> SeriesScores:
        before = self._filled(values)[:, self.window - 1 : -1]
        rows, known = self._rows(values)
        surprise = self.calibration_.surprise(self._raw(rows, known))
        surprise[np.isnan(surprise) & ~np.isnan(values)] = 0.0  # before a model there is no score
        expected = before * self.unit_[:, None] + self.centre_[:, None]
        step = self.steps_ * self.unit_[:, None]
        lower, upper = (np.where(np.isnan(expected), end, expected + step[:, i : i + 1]) for i, end in
                        enumerate((-np.inf, np.inf)))  # fmt: skip
        direction = np.nan_to_num(np.sign(values - expected)).astype(np.int8)
        return SeriesScores(surprise, expected, lower, upper, direction)

    def _filled(self, values: Floats) -> Floats:
        """(n_series, window + n_new) standardised: the tail and the new values, a missing one as the one before it."""
        new = (values - self.centre_[:, None]) / self.unit_[:, None]
        whole = np.concatenate((self.tail_, new), axis=1)
        places = np.where(np.isnan(whole), 0, np.arange(whole.shape[1]))
        np.maximum.accumulate(places, axis=1, out=places)
        return np.take_along_axis(whole, places, axis=1)

    def _rows(self, values: Floats) -> tuple[Floats, Any]:
        """(n_series, n_new, window) rows, each ending at its point, and which points are known; moves the tail on.

        Before there are `window` values the first one stands for what was before it.
        """
        whole = self._filled(values)
        first = np.argmax(~np.isnan(whole), axis=1)
        start = np.take_along_axis(whole, first[:, None], axis=1)
        filled = np.where(np.isnan(whole), start, whole)
        rows = np.lib.stride_tricks.sliding_window_view(filled, self.window, axis=1)[:, 1:]
        self.tail_ = whole[:, whole.shape[1] - self.window :].copy()
        return rows, ~np.isnan(values)

    def _learn(self, rows: Floats, known: Any) -> list[Any]:
        """One fitted copy of the model a series, None where nothing is known; the same one for all if `together`."""
        if not hasattr(self.model, "fit"):
            return [self.model] * len(rows)
        if self.together:
            return [self._fitted(rows[known])] * len(rows)
        return [self._fitted(rows[i][known[i]]) for i in range(len(rows))]

    def _fitted(self, rows: Floats) -> Any:
        if not len(rows):
            return None
        model = clone(self.model, safe=False)
        try:
            model.fit(rows)
        except ValueError as error:
            hint = f"it says: {error}"
            raise NotEnoughData("The model cannot learn this history", got=f"{len(rows)} rows", hint=hint) from error
        return model

    def _raw(self, rows: Floats, known: Any) -> Floats:
        """(n_series, n_new) raw scores, high = odd; NaN where a point is missing or there is no model."""
        raw = np.full(known.shape, np.nan)
        for i, model in enumerate(self.models_):
            if model is not None and known[i].any():
                raw[i, known[i]] = self._odd_scores(model, np.ascontiguousarray(rows[i][known[i]]))
        return raw

    def _odd_scores(self, model: Any, rows: Floats) -> Floats:
        method, is_low = _scoring(model)
        if self.odd is not None:
            is_low = self.odd == "low"
        scores = np.asarray(method(rows), np.float64)
        if scores.shape != (len(rows),) or not np.isfinite(scores).all():
            raise InputError("A wrapped model scores rows", allowed=f"{len(rows)} finite numbers",
                             got=f"shape {scores.shape}, {int(np.isfinite(scores).sum())} finite")  # fmt: skip
        return -scores if is_low else scores

    def _usual_steps(self, rows: Floats, known: Any) -> Floats:
        """(n_series, 2) quantiles of the steps to the newest value from the one before it, around 0."""
        steps = np.full((len(rows), 2), np.nan)
        ends = np.array([(1.0 - self.level) / 2.0, (1.0 + self.level) / 2.0])
        for i in range(len(rows)):
            newest = rows[i][known[i], -1]
            if len(newest) > 1:
                steps[i] = np.quantile(np.diff(newest), ends)
        return np.where(np.isnan(steps), (-np.inf, np.inf), np.clip(steps, (-np.inf, 0.0), (0.0, np.inf)))

    def _check_settings(self) -> None:
        scores = any(callable(getattr(self.model, name, None)) for name in METHODS)
        if not (callable(getattr(self.model, "fit", None)) and scores) and not callable(self.model):
            raise InputError("A model to wrap", allowed=f"a function, or fit and one of {', '.join(METHODS)}",
                             got=type(self.model).__name__)  # fmt: skip
        if not isinstance(self.window, int | np.integer) or self.window < 1:
            raise InputError("Setting window of wrap", allowed="a whole number, at least 1", got=self.window)
        if self.odd not in (None, "high", "low"):
            raise InputError("Setting odd of wrap", allowed='"high", "low" or None', got=self.odd)
        check_level(self.level)

    def get_state(self) -> dict[str, Any]:
        """What was learned beside the model; of a model that learns there is no state without pickle: an error."""
        if hasattr(self.model, "fit"):
            raise InputError(
                "A wrapped model has no state that could be kept without pickle", allowed="a function",
                got=type(self.model).__name__, hint="fit it again from the history",
            )  # fmt: skip
        arrays = {"centre": self.centre_, "unit": self.unit_, "tail": self.tail_, "steps": self.steps_}
        kept = {name: array.copy() for name, array in arrays.items()}
        return {**kept, **self.calibration_.get_state()}

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take a state of `get_state` in place of a fit; the function is that of this object."""
        self._check_settings()
        number = np.float64
        layout: Layout = {"centre": (number, (-1,)), "unit": (number, (-1,)), "tail": (number, (-1, self.window))}
        found = read_state(state, layout, holes=["tail"])
        self.centre_, self.unit_, self.tail_ = found.values()
        self.n_series_ = len(self.centre_)
        self.steps_ = np.array(state["steps"], number).reshape(self.n_series_, 2)  # infinite ones, too
        self.models_ = [self.model] * self.n_series_
        self.calibration_ = TailCalibration(self.n_series_).set_state(state)
        return self


def _scoring(model: Any) -> tuple[Callable[[Floats], Any], bool]:
    """How a model scores rows, and whether its low scores are the odd ones."""
    if hasattr(model, "decision_scores_"):
        return model.decision_function, False
    for name in METHODS:
        if hasattr(model, name):
            return getattr(model, name), True
    return model, False


def _centre_and_unit(history: Floats) -> tuple[Floats, Floats]:
    """(n_series,) each: a middle value of the history, and the middle distance from it, or the largest, or 1."""
    centre, unit = np.zeros(len(history)), np.ones(len(history))
    for i, values in enumerate(history):
        known = values[~np.isnan(values)]
        if known.size:
            centre[i] = np.partition(known, (len(known) - 1) // 2)[(len(known) - 1) // 2]
            distance = np.sort(np.abs(known - centre[i]))
            unit[i] = distance[(len(known) - 1) // 2] or distance[-1] or abs(centre[i]) or 1.0
    return centre, unit
