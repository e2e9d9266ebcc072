"""How well detectors find labelled anomalies in tables: average precision and processor time in one run.

Every detector is fitted on the whole table without its labels and scores the same rows, as in the ConOut paper.
Processor time is that of fit and score, over all threads. A detector without randomness runs once on a table that is
the same for every seed.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.errors import InputError, NotEnoughData
from tocsin.evaluate.contestants import REFERENCE, Contestant
from tocsin.evaluate.labelled import LabelledSet, LabelledTable
from tocsin.evaluate.precision import Floats, average_precision, mean_ranks

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

__all__ = ["ContextualResult", "compare_detectors"]

RUN_COLUMNS = ("set", "detector", "seed", "average_precision", "inverted_precision", "cpu_seconds")


@dataclass(frozen=True, slots=True, eq=False)
class ContextualResult:
    """What was measured.

    Attributes
    ----------
    sets : pandas.DataFrame
        One line a set: set, rows, numbers, categories, set_aside (columns), anomalies, and beside them, where the set
        is one of the paper's, title, paper_rows, paper_columns, paper_anomalies; notes.
    scores : pandas.DataFrame
        One line a set and detector: set, detector, average_precision (mean over seeds), sd (NaN for one run), n_runs,
        cpu_seconds (mean), paper (average precision as printed), inverted_precision (that of the ordinary rows, where
        the paper's value is of these).
    summary : pandas.DataFrame
        One line a detector, best mean rank first: detector, average_precision (mean over its sets), mean_rank, n_sets
        (on which it gave scores), wins, ties, losses (sets on which its mean is above, equal to or below
        IsolationForest's), cpu_seconds (sum over sets).
    runs : pandas.DataFrame
        One line a run: set, detector, seed, average_precision, inverted_precision, cpu_seconds.
    failures : pandas.DataFrame
        One line a set and detector without scores: set, detector, reason.
    missing : mapping of str to str
        Detectors that cannot be imported, and why.
    left_out : mapping of str to str
        Files that are no labelled tables, and why.
    """

    sets: pd.DataFrame
    scores: pd.DataFrame
    summary: pd.DataFrame
    runs: pd.DataFrame
    failures: pd.DataFrame
    missing: Mapping[str, str]
    left_out: Mapping[str, str]


def compare_detectors(
    sets: Sequence[LabelledSet],
    detectors: Sequence[Contestant],
    *,
    seeds: Iterable[int] = range(5),
    missing: Mapping[str, str] | None = None,
    left_out: Mapping[str, str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> ContextualResult:
    """Let every detector score every set.

    Parameters
    ----------
    sets : sequence of LabelledSet
        Of different names.
    detectors : sequence of Contestant
        Of different names; see `contestants`.
    seeds : ints
        Of the detectors, and of the sets that are made anew.
    missing, left_out : mapping of str to str
        Reported as they are.
    progress : callable, optional
        Called with ("runs", done, total).

    Raises
    ------
    InputError
        Two sets or detectors of one name, no seed.
    NotEnoughData
        No set or no detector.
    """
    seeds = tuple(dict.fromkeys(seeds))
    _check(sets, detectors, seeds)
    _warm_up(detectors)
    board = _Board()
    total = len(sets) * len(detectors) * len(seeds)
    for number, one in enumerate(sets):
        for place, seed in enumerate(seeds):
            drawn = one.draw(seed)
            if place == 0:
                board.describe(one, drawn)
            for turn, detector in enumerate(detectors):
                if progress is not None:
                    progress("runs", (number * len(seeds) + place) * len(detectors) + turn, total)
                if place == 0 or one.redrawn or detector.seeded:
                    board.run(one, drawn, detector, seed)
    if progress is not None:
        progress("runs", total, total)
    return board.result([one.name for one in sets], detectors, missing or {}, left_out or {})


def _check(sets: Sequence[LabelledSet], detectors: Sequence[Contestant], seeds: Sequence[int]) -> None:
    for kind, names in (("sets", [one.name for one in sets]), ("detectors", [one.name for one in detectors])):
        if not names:
            raise NotEnoughData(f"The {kind} to compare", allowed="at least one", got=0)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"The names of the {kind}", allowed="one each", got=twice)
    if not seeds:
        raise InputError("The seeds", allowed="at least one", got=0)


def _warm_up(detectors: Sequence[Contestant]) -> None:
    """One uncounted run each: imports, and kernels that are not compiled yet."""
    import pandas as pd

    random = np.random.default_rng(0)
    table = pd.DataFrame({"a": random.normal(size=60), "b": random.normal(size=60), "c": list("xyz") * 20})
    for detector in detectors:
        _scored(detector, table, 0)


def _scored(detector: Contestant, table: pd.DataFrame, seed: int) -> tuple[Floats, str]:
    """(n,) scores and an empty text, or no scores and what went wrong."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # what a detector finds odd of a table is not what is measured
        try:
            return np.asarray(detector.score(table, seed), dtype=float), ""
        except Exception as error:  # other people's detectors raise anything; it is reported
            return np.empty(0), f"{type(error).__name__}: {error}"


class _Board:
    """Collects what `compare_detectors` measures."""

    def __init__(self) -> None:
        self._sets: list[dict[str, Any]] = []
        self._runs: list[tuple[Any, ...]] = []
        self._failures: dict[tuple[str, str], str] = {}
        self._printed: dict[tuple[str, str], float] = {}

    def describe(self, one: LabelledSet, drawn: LabelledTable) -> None:
        from tocsin.detectors.contextual.columns import TableSchema

        schema = TableSchema.learn(drawn.table)
        paper = one.published
        self._sets.append(
            {
                "set": one.name,
                "rows": len(drawn.table),
                "numbers": len(schema.number_names),
                "categories": len(schema.category_names),
                "set_aside": len(schema.set_aside),
                "anomalies": int(drawn.labels.sum()),
                "title": paper.title if paper else "",
                "paper_rows": paper.n_rows if paper else None,
                "paper_columns": paper.n_columns if paper else None,
                "paper_anomalies": paper.n_outliers if paper else None,
                "notes": (*one.notes, *(paper.remarks if paper else ())),
            }
        )
        if paper:
            self._printed |= {(one.name, name): value for name, value in paper.average_precision.items()}

    def run(self, one: LabelledSet, drawn: LabelledTable, detector: Contestant, seed: int) -> None:
        start = time.process_time()
        scores, reason = _scored(detector, drawn.table.copy(), seed)
        taken = time.process_time() - start
        if not reason:
            try:
                value = average_precision(drawn.labels, scores)
                is_inverted = one.published is not None and one.published.inverted
                inverted = average_precision(~drawn.labels, scores) if is_inverted else np.nan
                self._runs.append((one.name, detector.name, seed, value, inverted, taken))
            except InputError as error:
                reason = str(error)
        if reason:
            self._failures.setdefault((one.name, detector.name), reason)

    def result(
        self,
        names: Sequence[str],
        detectors: Sequence[Contestant],
        missing: Mapping[str, str],
        left_out: Mapping[str, str],
    ) -> ContextualResult:
        import pandas as pd

        runs = pd.DataFrame(self._runs, columns=list(RUN_COLUMNS))
        scores = _scores(runs, self._printed)
        reasons = [(*key, reason) for key, reason in self._failures.items()]
        return ContextualResult(
            sets=pd.DataFrame(self._sets),
            scores=scores,
            summary=_summary(scores, names, [detector.name for detector in detectors]),
            runs=runs,
            failures=pd.DataFrame(reasons, columns=["set", "detector", "reason"]),
            missing=dict(missing),
            left_out=dict(left_out),
        )


def _scores(runs: pd.DataFrame, printed: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    grouped = runs.groupby(["set", "detector"], sort=False)
    scores = grouped.agg(
        average_precision=("average_precision", "mean"),
        sd=("average_precision", "std"),
        n_runs=("seed", "size"),
        cpu_seconds=("cpu_seconds", "mean"),
        inverted_precision=("inverted_precision", "mean"),
    ).reset_index()
    keys = zip(scores["set"], scores["detector"], strict=True)
    return scores.assign(paper=np.array([printed.get(key, np.nan) for key in keys], dtype=float))


def _summary(scores: pd.DataFrame, names: Sequence[str], detectors: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    def wide(column: str) -> pd.DataFrame:
        return scores.pivot(index="set", columns="detector", values=column).reindex(
            index=list(names), columns=list(detectors)
        )

    values = wide("average_precision").astype(float)
    against = values[REFERENCE] if REFERENCE in values else pd.Series(np.nan, index=values.index)
    difference = values.sub(against, axis=0)
    summary = pd.DataFrame(
        {
            "average_precision": values.mean(),
            "mean_rank": mean_ranks(values),
            "n_sets": values.notna().sum(),
            "wins": (difference > 0).sum(),
            "ties": (difference == 0).sum(),
            "losses": (difference < 0).sum(),
            "cpu_seconds": wide("cpu_seconds").sum(),
        }
    )
    return summary.sort_values("mean_rank", kind="stable").rename_axis("detector").reset_index()
