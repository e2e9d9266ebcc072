"""SliceDetector: which slices of a KPI moved in a window.

The score of a slice is 1 - p, in [0, 1); p is its mid-p value under what its reference windows make expected
(calibrated), or the normal tail beyond the article's z (faithful). docs/explanation/slices.md has the formulas,
docs/reference/slice_detector.md every column and every answer to bad input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from tocsin.detectors.slices.judging import Judged, Prepared, judge_calibrated, judge_faithful
from tocsin.detectors.slices.reference import Reference
from tocsin.detectors.slices.season import Calendar
from tocsin.detectors.slices.settings import check_settings, read_kpi, read_season
from tocsin.errors import InputError, NotEnoughData, nearest
from tocsin.model import Bools, Facts, Floats, Ints, LeftOut, SliceScores

__all__ = ["SliceDetector"]

LEAST_WINDOWS = 3
STATE_VERSION = 1


class SliceDetector(BaseEstimator):  # type: ignore[misc]
    """Finds the slices of a KPI that moved in a window, at every level of the dimensions.

    Parameters
    ----------
    kpi : str or Kpi
        A measure ("clicks") or the ratio of two ("clicks / views").
    dimensions : sequence of str
        The columns that make slices.
    mode : {"calibrated", "faithful"}
        The calibrated method, or the published bootstrap rule to the letter (see `false_alarm_share` for its price).
    q : float in (0, 1)
        False-discovery rate of the flags (calibrated).
    direction : {"both", "up", "down"}
        Which deviations count (calibrated).
    min_expected : float
        Slices with a smaller expected amount are not tested (calibrated, counts).
    min_relative, min_absolute : float
        A flag needs a deviation of at least this part of the expected amount, and of at least this amount.
    season : "auto" or sequence
        Seasons to compare within: lengths of a day or a week ("1d", "7d", timedelta, seconds); () for none.
    holidays : sequence of datetime.date
        Days that count as Sundays.
    timezone : str
        IANA name; days, weekdays and windows of more than an hour follow its wall clock.
    adapt_after : int
        After this many windows in a row at a new level, older ones leave a slice's reference.
    depth : int or None
        Slices fix at most this many dimensions; None = all.
    n_bootstrap : int
        Resamples (faithful).
    bootstrap : {"shared", "independent", "analytic"}
        How the faithful mode resamples.
    random_state : int or None
        Seed of the faithful mode.

    Attributes
    ----------
    n_windows_ : int, windows of the reference
    left_out_ : tuple of LeftOut, rows that were not used and why
    notes_ : tuple of str, sentences about the last scoring

    Notes
    -----
    Method, formulas and sources: docs/explanation/slices.md.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2026-01-05", periods=31, tz="UTC")
    >>> table = pd.DataFrame({"window_start": days, "country": "DE", "views": 10_000})
    >>> table["clicks"] = [500, 510, 490] * 10 + [300]
    >>> detector = SliceDetector(kpi="clicks / views", dimensions=["country"])
    >>> result = detector.fit(table[:30]).score(table[30:])
    >>> result[["country", "value", "flagged"]].values.tolist()[1]
    ['DE', 0.03, True]
    """

    def __init__(
        self,
        *,
        kpi: Any,
        dimensions: Any,
        mode: str = "calibrated",
        q: float = 0.1,
        direction: str = "both",
        min_expected: float = 5.0,
        min_relative: float = 0.0,
        min_absolute: float = 0.0,
        season: Any = "auto",
        holidays: Any = (),
        timezone: str = "UTC",
        adapt_after: int = 7,
        depth: int | None = None,
        n_bootstrap: int = 1000,
        bootstrap: str = "shared",
        random_state: Any = None,
    ) -> None:
        self.kpi = kpi
        self.dimensions = dimensions
        self.mode = mode
        self.q = q
        self.direction = direction
        self.min_expected = min_expected
        self.min_relative = min_relative
        self.min_absolute = min_absolute
        self.season = season
        self.holidays = holidays
        self.timezone = timezone
        self.adapt_after = adapt_after
        self.depth = depth
        self.n_bootstrap = n_bootstrap
        self.bootstrap = bootstrap
        self.random_state = random_state

    def fit(self, reference: Any, y: None = None) -> SliceDetector:
        """Take the reference: a long table with one row a window and leaf slice.

        Parameters
        ----------
        reference : pandas, Polars or Arrow table
            Columns window_start (aware times), the dimensions, the KPI's measures. Rows of one window and slice are
            summed; a null in a dimension is the value "(missing)".
        y : ignored

        Raises
        ------
        InputError
            For a table that cannot be used: the message names the column, what is allowed and what was got.
        NotEnoughData
            For fewer than 3 windows.
        """
        from tocsin.detectors.slices.tables import read_rows

        check_settings(self)
        kpi = read_kpi(self.kpi)
        rows = read_rows(reference, tuple(self.dimensions), kpi.measures, kpi.denominator)
        if len(rows.starts) < LEAST_WINDOWS:
            raise NotEnoughData(
                "The reference has too few windows", allowed=f"at least {LEAST_WINDOWS}", got=len(rows.starts)
            )
        self._rows = rows
        self.n_windows_ = len(rows.starts)
        self.left_out_: tuple[LeftOut, ...] = rows.left_out
        self.notes_: tuple[str, ...] = ()
        return self

    def score(self, recent: Any, y: None = None) -> Any:
        """Judge every window of `recent` against the reference.

        Returns
        -------
        A table of the kind of `recent`: for each window one row a slice at every level (null = rolled up), the total
        first; a leaf slice without rows in the window has none. Columns: window_start, the dimensions, value,
        expected, lower, upper, p_value, q_value, anomaly_score, flagged, amount, expected_amount, share_of_total,
        status; in faithful mode also actual_value, bootstrapped_mean, within_z_score_range, within_iqr_range.
        """
        return self._table(recent, explain=False)

    def explain(self, recent: Any) -> Any:
        """The evidence behind every row of `score`: the same rows, with the arithmetic of each.

        Returns
        -------
        A table of the kind of `recent` with the columns of `score` and: exposure, deviation_sd (predictive standard
        deviation of the amount), n_windows (reference windows used), common_factor, notes.
        """
        return self._table(recent, explain=True)

    def anomaly_score(self, recent: Any) -> Floats:
        """Score in [0, 1) of every row of `recent` (its leaf slice in its window); NaN where it was not tested."""
        from tocsin.detectors.slices.tables import leaf_places

        rows, facts, judged = self._judge_table(recent)
        if self.depth is not None and self.depth < len(self.dimensions):
            return np.full(rows.n_rows_in, np.nan)
        scores = np.stack([one.scores.anomaly_score for one in judged])
        window, place = leaf_places(rows, facts)
        result = np.full(rows.n_rows_in, np.nan)
        result[slice(None) if rows.kept is None else rows.kept] = scores[window, place]
        return result

    def judge(self, facts: Facts, window: int, *, excluded: Bools | None = None, since: int = 0) -> SliceScores:
        """Judge one window of some facts against those before it.

        Parameters
        ----------
        facts : Facts
            All slices that are to be judged, rolled up.
        window : int
            Index of the target window.
        excluded : bool (n_facts,), optional
            Facts that are confirmed anomalies: they leave the reference.
        since : int
            First window of the history. Facts before it, after the target, and slices without a row between change
            nothing: a window is judged within a long stretch as it is alone.

        Returns
        -------
        SliceScores
            Of all slices of the facts; those without a row since `since` are absent.

        Raises
        ------
        NotEnoughData
            With fewer than 3 windows with data between `since` and the target.
        """
        return self._judge(facts, window, window, excluded, None, since).scores

    def history(self, slice_index: int) -> tuple[Ints, Floats, Floats, Floats, Floats]:
        """Window index, value, expected, lower, upper of a slice in the reference of the last judged window.

        Expected and interval are in sample; windows without a value are left out.
        """
        if not hasattr(self, "_judged"):
            raise InputError("No window has been judged yet", hint="call judge or score first")
        return self._judged.history(slice_index)

    def get_state(self) -> dict[str, Any]:
        """What `fit` learned: plain arrays and JSON values."""
        self._require_fit()
        rows = self._rows
        return {
            "version": STATE_VERSION,
            "kpi": str(read_kpi(self.kpi)),
            "dimensions": list(self.dimensions),
            "starts": rows.starts.copy(),
            "window": rows.window.copy(),
            "values": [[str(value) for value in values] for values in rows.values],
            "codes": rows.codes.copy(),
            "measures": rows.measures.copy(),
            "n_rows": rows.n_rows,
        }

    def set_state(self, state: Mapping[str, Any]) -> SliceDetector:
        """Take a state of `get_state` in place of a fit; its KPI and dimensions must be this detector's."""
        from tocsin.detectors.slices.tables import Rows

        check_settings(self)
        ours = {"version": STATE_VERSION, "kpi": str(read_kpi(self.kpi)), "dimensions": list(self.dimensions)}
        for name, value in ours.items():
            if state.get(name) != value:
                raise InputError(f"The state is of another {name}", allowed=repr(value), got=state.get(name))
        values = []
        for texts in state["values"]:
            array = np.empty(len(texts), object)
            array[:] = texts
            values.append(array)
        self._rows = Rows(
            np.asarray(state["starts"], np.int64),
            np.asarray(state["window"], np.int32),
            tuple(values),
            np.asarray(state["codes"], np.int32).reshape(len(self.dimensions), -1),
            np.asarray(state["measures"], np.float64),
            n_rows=int(state["n_rows"]),
        )
        self.n_windows_ = len(self._rows.starts)
        self.left_out_ = ()
        self.notes_ = ()
        return self

    def _require_fit(self) -> None:
        if not hasattr(self, "_rows"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError("This SliceDetector is not fitted yet: call fit with a reference first.")

    def _judge(
        self, facts: Facts, window: int, limit: int, excluded: Bools | None, chosen: Bools | None, since: int = 0
    ) -> Judged:
        check_settings(self)
        kpi = read_kpi(self.kpi)
        for name in kpi.measures:
            if name not in facts.measures:
                raise InputError(
                    f"The facts have no measure {name!r}", got=list(facts.measures), hint=nearest(name, facts.measures)
                )
        if not 0 <= window < facts.n_windows:
            raise InputError("The window is not one of the facts'", allowed=f"0 to {facts.n_windows - 1}", got=window)
        if not 0 <= since <= limit:
            raise InputError("The first window of the history", allowed=f"0 to {limit}", got=since)
        prepared = self._prepare(facts)
        plan = prepared.calendar.plan(window, limit, read_season(self.season), since)
        if len(plan.windows) < LEAST_WINDOWS:
            raise NotEnoughData(
                "Too few windows with data before the target",
                allowed=f"at least {LEAST_WINDOWS}",
                got=len(plan.windows),
            )
        if self.mode == "faithful":
            windows = since + np.flatnonzero(~facts.silent[since:limit])
            block = np.arange(len(windows), dtype=np.int32)
            reference = Reference.of(facts, kpi, window, windows, block, (), excluded, since)
            lattice = prepared.lattice.take(reference.rows)
            judged = judge_faithful(self, lattice, reference, None if chosen is None else chosen[reference.rows])
        else:
            reference = Reference.of(facts, kpi, window, plan.windows, plan.block, plan.seasons, excluded, since)
            lattice = prepared.lattice.take(reference.rows)
            judged = judge_calibrated(self, lattice, prepared.nature(since, window), kpi, reference, plan.run_scale)
        self._judged = judged = judged.spread(facts.n_slices)
        self.notes_ = judged.scores.notes
        return judged

    def _prepare(self, facts: Facts) -> Prepared:
        known: Prepared | None = getattr(self, "_prepared", None)
        key = (str(read_kpi(self.kpi)), self.timezone, tuple(self.holidays))
        if known is None or known.facts is not facts or getattr(self, "_prepared_for", None) != key:
            calendar = Calendar.of(facts, self.timezone, self.holidays)
            known = Prepared.of(facts, read_kpi(self.kpi), calendar)
            self._prepared: Prepared | None = known
            self._prepared_for = key
        return known

    def _judge_table(self, recent: Any) -> tuple[Any, Facts, list[Judged]]:
        from tocsin.detectors.slices.tables import join_rows, read_rows, rows_to_slices

        self._require_fit()
        kpi = read_kpi(self.kpi)
        dimensions = tuple(self.dimensions)
        rows = read_rows(recent, dimensions, kpi.measures, kpi.denominator)
        if rows.starts[0] <= self._rows.starts[-1]:
            raise InputError(
                "The recent table begins before the reference ends",
                allowed="windows after the last reference window",
                got=str(np.datetime64(int(rows.starts[0]), "s")) + "Z",
                hint=f"the reference ends with {np.datetime64(int(self._rows.starts[-1]), 's')}Z",
            )
        facts = rows_to_slices(
            join_rows(self._rows, rows), dimensions, kpi.measures, depth=self.depth, timezone=self.timezone
        )
        targets = np.searchsorted(facts.starts, rows.starts)
        leaves: Bools | None = None
        if self.mode == "faithful" and (self.depth is None or self.depth >= len(dimensions)):
            leaves = np.asarray((facts.codes >= 0).all(axis=1), np.bool_)
        judged = [self._judge(facts, int(target), int(targets[0]), None, leaves) for target in targets]
        self.left_out_ = facts.left_out
        return rows, facts, judged

    def _table(self, recent: Any, *, explain: bool) -> Any:
        from tocsin.detectors.slices.tables import scores_table

        rows, facts, judged = self._judge_table(recent)
        self._prepared = None
        return scores_table(rows, facts, judged, faithful=self.mode == "faithful", explain=explain, notes=self.notes_)
