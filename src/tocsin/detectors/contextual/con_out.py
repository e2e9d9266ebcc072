"""ConOut: which rows of a table are odd among those in the same context, with nothing to set.

Columns that depend on one another form groups; a context is a union of groups, whose columns (contextual attributes)
say which rows are comparable, and all other columns (indicators) are judged among the comparable rows. The score is in
[0, 1), higher is more anomalous. docs/explanation/contextual.md has the method of both modes.

Source: Meghanath M Y, Pai, Akoglu, "ConOut: Contextual Outlier Detection with Multiple Contexts" (ECML PKDD 2018).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from joblib import effective_n_jobs  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tocsin.detectors.contextual.columns import EncodedTable, TableSchema
from tocsin.detectors.contextual.engine import Context, Engine
from tocsin.detectors.contextual.estimator import TableDetector
from tocsin.detectors.contextual.explain import Reference, explain_rows
from tocsin.errors import InputError, nearest
from tocsin.model import Floats, Ints

__all__ = ["ConOut"]

MODES = ("calibrated", "faithful")


class ConOut(TableDetector):
    """Finds contextual outliers in a table of mixed columns.

    Parameters
    ----------
    mode : {"calibrated", "faithful"}
        The default method, or the paper's.
    contexts : sequence of sequences of str, optional
        Columns whose values make rows comparable, one sequence a context, in place of those that would be found
        (Expert-ConOut). An empty one compares each row with all.
    n_jobs : int or None
        Threads that score; None = 1, -1 = all cores. Scores do not depend on it.
    random_state : int, Generator, RandomState or None
        Seed.

    Attributes
    ----------
    groups_ : tuple of tuples of str, columns that depend on one another
    contexts_ : tuple of tuples of str, the contexts that are looked at
    gamma_ : (n_contexts,) similarity of two contexts at distance d is exp(-gamma d) (faithful); None (calibrated)

    Notes
    -----
    Learning uses samples, scoring is row by row: any number of rows can be scored in pieces.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> random = np.random.default_rng(0)
    >>> country = random.choice(["DE", "JP"], 2000)
    >>> price = np.where(country == "DE", 1.0, 100.0) * random.lognormal(0, 0.1, 2000)
    >>> table = pd.DataFrame({"country": country, "price": price})
    >>> table.loc[0] = ["DE", 100.0]
    >>> detector = ConOut(contexts=[["country"]], random_state=0).fit(table)
    >>> reasons = detector.explain(table[:1])
    >>> reasons[["sub_population", "indicator", "observed"]].values.tolist()
    [['country = DE', 'price', '100']]
    """

    def __init__(
        self,
        *,
        mode: str = "calibrated",
        contexts: Sequence[Sequence[str]] | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.mode = mode
        self.contexts = contexts
        self.n_jobs = n_jobs
        self.random_state = random_state

    @property
    def groups_(self) -> tuple[tuple[str, ...], ...]:
        """Columns that depend on one another."""
        return tuple(self._names(group) for group in self._engine.groups)

    @property
    def contexts_(self) -> tuple[tuple[str, ...], ...]:
        """The contexts that are looked at."""
        return tuple(self._names(context) for context in self._engine.contexts)

    @property
    def gamma_(self) -> Any:
        """(n_contexts,) similarity of two contexts at distance d is exp(-gamma d); None in the calibrated mode."""
        return self._engine.gamma

    def explain(self, X: Any) -> pd.DataFrame:
        """In which context a row is odd, among whom, and in what.

        Parameters
        ----------
        X : table as in `fit`

        Returns
        -------
        A data frame with one line a row, context and deviating indicator (at least one a row), sorted by row, then
        share: row (place in X), anomaly_score, context (its columns), sub_population (the comparable rows, in words),
        n_peers (how many rows of the table of fit those are), indicator (column), observed, expected (typical value
        and central 80 % there, or the commonest category), share (part of the score, at most 1 a row in sum), peers
        (places, in the table of fit, of up to five of the most similar of those rows), and for numbers value, lower,
        median, upper (what observed and expected say; NaN for other columns).
        """
        table = self._encode(X)
        scores = self._surprise(table)
        with threadpool_limits(1, "blas"):
            winning = self._engine.winning(table)
        return explain_rows(self.schema_, table, scores, winning, self._reference)

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.mode not in MODES:
            hint = nearest(str(self.mode), MODES)
            raise InputError("The setting mode", allowed=", ".join(MODES), got=self.mode, hint=hint)

    def _fit(self, table: EncodedTable, order: Ints, random: np.random.Generator) -> None:
        given = None if self.contexts is None else self._read_contexts(self.schema_)
        with threadpool_limits(1, "blas"):  # on a shared machine its threads would wait for one another
            self._engine = self._new_engine(given).fit(table.take(order), self.schema_, random)
        self._reference = Reference.of(table, order, random)

    def _surprise(self, table: EncodedTable) -> Floats:
        with threadpool_limits(1, "blas"):
            return self._engine.anomaly_score(table)

    def _get_learned(self) -> dict[str, Any]:
        return {"mode": self.mode, "engine": self._engine.get_state(), "reference": self._reference.get_state()}

    def _set_learned(self, learned: Mapping[str, Any]) -> None:
        if learned["mode"] != self.mode:
            raise InputError("The state is of another mode", allowed=repr(self.mode), got=learned["mode"])
        self._engine = self._new_engine(None).set_state(learned["engine"], self.schema_)
        self._reference = Reference.from_state(learned["reference"])

    def _new_engine(self, contexts: tuple[Context, ...] | None) -> Engine:
        from tocsin.detectors.contextual.calibrated import CalibratedEngine
        from tocsin.detectors.contextual.faithful import FaithfulEngine

        engine = CalibratedEngine if self.mode == "calibrated" else FaithfulEngine
        return engine(contexts, effective_n_jobs(self.n_jobs))

    def _names(self, context: Context) -> tuple[str, ...]:
        names = (*self.schema_.number_names, *self.schema_.category_names)
        return tuple(names[j] for j in context)

    def _read_contexts(self, schema: TableSchema) -> tuple[Context, ...]:
        """The given contexts as positions; columns that are set aside leave them with a warning."""
        given = self.contexts
        if isinstance(given, str) or not isinstance(given, Sequence) or any(isinstance(one, str) for one in given):
            allowed = 'a sequence of sequences of column names, such as [["country", "category"]]'
            raise InputError("The setting contexts", allowed=allowed, got=given)
        if not given:
            raise InputError("The setting contexts", allowed="at least one context, or None", got=given)
        return tuple(dict.fromkeys(self._read_context(one, schema) for one in given))

    def _read_context(self, names: Sequence[str], schema: TableSchema) -> Context:
        used = (*schema.number_names, *schema.category_names)
        aside = {column.name: column.note for column in schema.set_aside}
        places = []
        for name in names:
            if name in aside:
                warnings.warn(f"{name!r} is left out of the context: {aside[name]}", stacklevel=5)
            elif name not in used:
                raise InputError(f"No column {name!r} for a context", allowed=", ".join(used), hint=nearest(name, used))
            else:
                places.append(used.index(name))
        if len(set(places)) == len(used):
            raise InputError("A context has all columns", allowed="at least one column left to judge", got=list(names))
        return tuple(sorted(set(places)))
