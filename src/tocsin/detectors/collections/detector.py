"""CollectionDetector: whose distribution of records was manipulated, though every record looks plausible.

A collection is what one entity did in one period, as counts over bins: a seller's payments by hour of a day. All
entities are judged at once. anomaly_score is 1 - p in [0, 1), higher is more anomalous; the divergence is
Jensen-Shannon's from the mean of the entity's evidence, in nats, 0 to ln 2.

Source: Wang, Sun, Li, "Statistical Detection of Collective Data Anomalies" (arXiv:2001.00688).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from tocsin.detectors.collections.engine import CollectionScores, Counts, Engine, Explanation, FineCounts
from tocsin.detectors.collections.modes import new_engine
from tocsin.detectors.collections.parts import Parts
from tocsin.detectors.collections.reading import (
    read_counts,
    read_fine,
    read_groups,
    read_holidays,
    read_period,
    read_periods,
    read_rows,
)
from tocsin.detectors.collections.saving import read_state, write_state
from tocsin.detectors.collections.views import explanation_table, scores_table
from tocsin.errors import InputError, NotEnoughData
from tocsin.model import Floats, Ints

__all__ = ["CollectionDetector"]

VERSION = 1


class CollectionDetector(BaseEstimator):  # type: ignore[misc]
    """Finds collections whose distribution was manipulated, for all entities at once, period by period.

    Parameters
    ----------
    mode : {"calibrated", "faithful"}
        The default method, told nothing of attacks; or the paper's, with its thresholds.
    target_fpr : float
        Share of honest collections that may be flagged, in (0, 0.5]. Faithful: of "tail", "density" and MGoF.
    level : {1, 2, "both"}
        Faithful: the distribution of records over bins, that of the volumes of finer spans, or both.
    threshold : 1 to 9, "bayes", "3sigma", "tail" or "density"
        Faithful: a calculator of Table V, the exact Bayes threshold, or a rule that needs no anomalous evidence.
        Without two anomalous collections of an entity, "tail" stands in for 1 to 9 and "bayes".
    alpha : float, "estimated" or "feedback"
        Faithful: share of collections that are anomalous; "estimated": that of the marks given to fit; "feedback":
        that, followed by the confirmed ones among all judged.
    algorithm : {"dynamic", "basic", "mgof"}
        Faithful: evidence that follows the judgements (Algorithm 2), or stays (Algorithm 1); or the baseline MGoF.
    n_normal, n_anomalous : int, optional
        Collections held as evidence. None: the numbers given to fit (faithful); 30 and 10 (calibrated).
    step_factor : float
        Faithful: c of the second level's bins, c sigma k^(-1/5) (eq. 6).
    base : float
        Faithful: of the logarithm in divergences and thresholds; e gives nats.
    timezone : str
        Whose days of the week count (calibrated).
    holidays : sequence of dates
        Days that are judged like Sundays (calibrated).

    Attributes
    ----------
    n_entities_, n_bins_, n_fine_ : int, of fit; n_fine_ is 0 without finer spans
    last_period_ : datetime, aware UTC: the last one learned from

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> random = np.random.default_rng(0)
    >>> counts = random.poisson(np.linspace(5, 50, 24), (3, 31, 24))
    >>> counts[2, 30, 4] += 500
    >>> days = pd.date_range("2026-01-01", periods=31, tz="UTC")
    >>> detector = CollectionDetector(mode="faithful", target_fpr=1e-4).fit(counts[:, :30], days[:30])
    >>> detector.update(counts[:, 30], days[30])["flagged"].tolist()
    [False, False, True]
    """

    def __init__(
        self,
        *,
        mode: str = "calibrated",
        target_fpr: float = 0.01,
        level: int | str = 1,
        threshold: int | str = 5,
        alpha: float | str = 0.1,
        algorithm: str = "dynamic",
        n_normal: int | None = None,
        n_anomalous: int | None = None,
        step_factor: float = 0.5,
        base: float = math.e,
        timezone: str = "UTC",
        holidays: Sequence[date | str] = (),
    ) -> None:
        self.mode = mode
        self.target_fpr = target_fpr
        self.level = level
        self.threshold = threshold
        self.alpha = alpha
        self.algorithm = algorithm
        self.n_normal = n_normal
        self.n_anomalous = n_anomalous
        self.step_factor = step_factor
        self.base = base
        self.timezone = timezone
        self.holidays = holidays

    def fit(self, counts: Any, periods: Any, fine: Any = None, anomalous: Any = None, groups: Any = None) -> Self:
        """Learn from past collections.

        Parameters
        ----------
        counts : (n_entities, n_periods, n_bins) whole numbers; all 0 = a closed period, which is no evidence
        periods : n_periods starts; without a zone they are UTC; in any order, may repeat and have gaps
        fine : (n_entities, n_periods, n_spans), optional: the same records in finer spans
        anomalous : bool (n_periods,) or (n_entities, n_periods), optional: True = anomalous evidence
        groups : (n_entities,) labels of peer groups, optional: without, all are peers

        Raises
        ------
        InputError
            A setting out of its range; data of another shape, negative, not whole, missing or above 10^13.
        """
        return self.fit_parts([(counts, fine, anomalous)], periods, groups)

    def fit_parts(self, parts: Iterable[Sequence[Any]], periods: Any, groups: Any = None) -> Self:
        """As `fit`, but some entities at a time, for histories that are larger than memory; the result is the same.

        Parameters
        ----------
        parts : iterable of (counts, fine, anomalous), each as in `fit`, of entities that follow one another; it is read
            once, one part at a time
        groups : of all entities
        """
        engine, moments = self._new_engine(), read_periods(periods)
        if not moments:
            raise NotEnoughData("No periods to learn from", allowed="at least one")
        names: list[str] = []
        codes = read_groups(groups, names, None)
        checked = Parts(parts, len(moments), None if codes is None else len(codes))
        self._engine, self._group_names = engine.fit(checked, moments, codes), names
        self.n_bins_, self.n_fine_, self.last_period_ = checked.n_bins, checked.n_fine, max(moments)
        return self

    def update(self, counts: Any, period: Any, fine: Any = None) -> pd.DataFrame:
        """Judge the collections of a new period, then learn from them.

        Parameters
        ----------
        counts : (n_entities, n_bins), in the order of fit; array, list, pandas, Polars or Arrow
        period : start, after all earlier ones
        fine : (n_entities, n_spans), as in fit

        Returns
        -------
        A data frame, one row an entity, with the index of `counts` if that is of pandas: divergence, p_value,
        threshold (the divergence flagged by shape alone), anomaly_score in [0, 1), flagged, status ("tested",
        "closed": no records; "not_enough_data"; "by_peers"), and p_<part>, the p-value of each part. NaN = not judged.

        Raises
        ------
        InputError
            Data as in fit, or a period that is not after the last.
        """
        now, moment, spans = self._read(counts, period, fine)
        if moment <= self.last_period_:
            raise InputError("The period", allowed=f"after {self.last_period_.isoformat()}", got=moment.isoformat())
        scores = self._engine.update(now, moment, spans)
        self.last_period_ = moment
        return scores_table(scores, getattr(counts, "index", None))

    def judge(self, counts: Any, period: Any, fine: Any = None, common_factor: float | None = None) -> CollectionScores:
        """As `update`, but arrays, and nothing is learned.

        Parameters
        ----------
        common_factor : float, optional
            ln of the factor that all entities' volumes share in this period, where it is known better than from these
            entities: calibrated mode then takes it for true. Faithful mode knows none.
        """
        return self._engine.judge(*self._read(counts, period, fine), common_factor)

    def anomaly_score(self, counts: Any, period: Any, fine: Any = None) -> Floats:
        """(n_entities,) in [0, 1), higher is more anomalous, NaN = not judged; nothing is learned."""
        return self.judge(counts, period, fine).anomaly_score

    def explain(self, counts: Any, period: Any, fine: Any = None, entities: Any = None) -> pd.DataFrame:
        """Why collections are odd; before the update with the same counts.

        Parameters
        ----------
        entities : positions, optional; without, those that are flagged

        Returns
        -------
        A data frame, one line an entity, part and bin: entity, part ("shape", "volume" …), bin (of shape alone),
        observed, expected, lower, upper (95 % interval), share (of the divergence; positive = too many).
        """
        if entities is None:
            entities = np.flatnonzero(self.judge(counts, period, fine).flagged)
        found = self.explanation(counts, period, fine=fine, entities=entities)
        return explanation_table(found, self._rows(entities))

    def explanation(self, counts: Any, period: Any, fine: Any = None, entities: Any = ()) -> Explanation:
        """As `explain`, as arrays."""
        return self._engine.explain(*self._read(counts, period, fine), self._rows(entities))

    def feedback(self, entity: int, period: Any, anomalous: bool) -> bool:
        """Tell what a past collection was: it moves between the evidence sets. False where it is not remembered."""
        return self._engine.feedback(int(self._rows([entity])[0]), read_period(period), is_anomalous=bool(anomalous))

    def grow(self, n_entities: int, groups: Any = None) -> Self:
        """Give new entities the rows after the last, without history; n_entities and groups are of all from now on."""
        self._fitted()
        if n_entities < self.n_entities_:
            raise InputError("Entities do not go", allowed=f"at least {self.n_entities_:,}", got=n_entities)
        if n_entities > self.n_entities_:
            self._engine.grow(n_entities, read_groups(groups, self._group_names, n_entities))
        return self

    def subset(self, entities: Any) -> Self:
        """A detector of these entities alone, by position, that knows what this one knows of them."""
        rows, state = self._rows(entities), self.get_state()
        arrays = {name: array if name.startswith("all_") else array[rows] for name, array in state["arrays"].items()}
        return type(self)(**self.get_params()).set_state({"arrays": arrays, "meta": state["meta"]})

    @property
    def n_entities_(self) -> int:
        """Entities known."""
        self._fitted()
        return self._engine.n_entities

    def get_state(self, *, copy: bool = True) -> dict[str, Any]:
        """What was learned: {"arrays": one row an entity (or named all_…); "meta": JSON values}.

        Without a copy the arrays are the detector's own, which the next update changes.
        """
        self._fitted()
        state = self._engine.get_state()
        about = {"detector": type(self).__name__, "version": VERSION, "mode": self.mode, "groups": self._group_names}
        sizes = {"n_bins": self.n_bins_, "n_fine": self.n_fine_, "last_period": self.last_period_.isoformat()}
        arrays = {name: np.array(array) for name, array in state["arrays"].items()} if copy else state["arrays"]
        return {"arrays": arrays, "meta": {**about, **sizes, "engine": state["meta"]}}

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take a state in place of a fit: its arrays from now on belong to this detector; the settings are its own.

        Raises
        ------
        InputError
            For what is no such state.
        """
        meta = state.get("meta", {})
        if meta.get("detector") != type(self).__name__ or meta.get("version") != VERSION or meta["mode"] != self.mode:
            got = f"{meta.get('detector')}, version {meta.get('version')}, mode {meta.get('mode')}"
            raise InputError("A state", allowed=f"one of CollectionDetector, version {VERSION}, {self.mode}", got=got)
        self.n_bins_, self.n_fine_ = int(meta["n_bins"]), int(meta["n_fine"])
        self.last_period_ = datetime.fromisoformat(meta["last_period"])
        self._group_names = list(meta["groups"])
        self._engine = self._new_engine().set_state({"arrays": state["arrays"], "meta": meta["engine"]})
        return self

    def save(self, folder: str | PathLike[str]) -> None:
        """Write settings and state: one .npy an array and meta.json; a reader sees the old state or the new one."""
        state, days = self.get_state(copy=False), [day.isoformat() for day in read_holidays(self.holidays)]
        about = {"settings": {**self.get_params(), "holidays": days}, "state": state["meta"]}
        write_state(Path(folder), state["arrays"], about)

    @classmethod
    def load(cls, folder: str | PathLike[str], memory_mapped: bool = False) -> Self:
        """Read what `save` wrote; memory-mapped arrays are read as needed, and the files change only by `save`."""
        arrays, meta = read_state(Path(folder), memory_mapped=memory_mapped)
        return cls(**meta["settings"]).set_state({"arrays": arrays, "meta": meta["state"]})

    def _new_engine(self) -> Engine:
        return new_engine(self.get_params(deep=False))

    def _fitted(self) -> None:
        if not hasattr(self, "_engine"):
            raise InputError("The detector has learned nothing", hint="call fit, load or set_state first")

    def _read(self, counts: Any, period: Any, fine: Any) -> tuple[Counts, datetime, FineCounts | None]:
        self._fitted()
        now = read_counts(counts, "counts", (self.n_entities_, self.n_bins_))
        if fine is not None:
            if not self.n_fine_:
                raise InputError("fine was not given to fit", hint="give it to fit, too")
            fine = read_fine(fine, "fine", (self.n_entities_, self.n_fine_))
        return now, read_period(period), fine

    def _rows(self, entities: Any) -> Ints:
        return read_rows(entities, self.n_entities_)
