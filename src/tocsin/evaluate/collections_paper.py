"""Section V of the click-farming paper, run by our detectors: its Tables II to VI and ROC figures.

A seller's open days in order: days 1 to 30 are normal evidence, days 21 to 30 as they would be when farmed (nu = 1) are
anomalous evidence, every later day is farmed with chance alpha. Level 1 takes counts in steps of eq. 6, level 2 the
distribution of counts of 300 s. Three runs of the same records with other farmed days are pooled, as in the paper;
standard errors are those of the mean over simulated sellers. Rates in [0, 1]; the paper's are in per cent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError
from tocsin.evaluate.collections_measures import rates_of, roc_of
from tocsin.evaluate.collections_published import (
    ALPHAS,
    PAPER_ACCURACY,
    PAPER_F1_SUMS,
    PAPER_MGOF,
    PAPER_RATES,
    PAPER_STATIC,
)
from tocsin.evaluate.collections_streams import Counts, Said, Stream, watch_detector

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PAPER_TABLES", "PaperResult", "PaperSeller", "paper_tables"]

PAPER_TABLES = ("II", "III", "IV", "V", "VI")
KINDS = ("centralised", "equalised")
EVIDENCE_DAYS, ANOMALOUS_DAYS, RUNS = 30, 10, 3
ROC_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
STATIC_ALPHA = 0.2
"""Of Table II only the rates are known here: they agree with each other at about .2 alone, and Algorithm 1 with its
density rule is what they can be of."""
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "II": {"algorithm": "basic", "threshold": "density"},
    "VI": {"algorithm": "mgof"},
}


@dataclass(frozen=True, slots=True, eq=False)
class PaperSeller:
    """One simulated seller: (n_days, n_bins) counts in steps of eq. 6 and (n_days, n_fine) finer ones.

    farmed : kind -> the same days, all of them farmed with nu = 1
    """

    honest: tuple[Counts, Counts]
    farmed: Mapping[str, tuple[Counts, Counts]]


@dataclass(frozen=True, slots=True, eq=False)
class PaperResult:
    """What was measured, beside what was printed.

    Attributes
    ----------
    rows : pandas.DataFrame
        One line a cell: table, detector, level, kind, alpha, tpr, fpr, accuracy, f1, auc (means over sellers),
        tpr_se, fpr_se, accuracy_se, paper_tpr, paper_fpr, paper_accuracy (all in [0, 1], NaN = not known).
    thresholds : pandas.DataFrame
        Table V: equation, f1_sum, f1_sum_se, paper.
    roc : pandas.DataFrame
        One line a level, kind and false-positive rate: detector, level, kind, alpha, fpr, tpr.
    differences : pandas.DataFrame
        Tables III and IV: table, mean_points (mean |difference| of accuracy in points), largest_points.
    not_run : mapping of table to reason
    """

    rows: pd.DataFrame
    thresholds: pd.DataFrame
    roc: pd.DataFrame
    differences: pd.DataFrame
    not_run: Mapping[str, str]


def paper_tables(
    sellers: Sequence[PaperSeller],
    periods: pd.DatetimeIndex,
    *,
    tables: Sequence[str] = PAPER_TABLES,
    alphas: Sequence[float] = ALPHAS,
    runs: int = RUNS,
    calibrated: bool = True,
    progress: Callable[[str, int, int], None] | None = None,
) -> PaperResult:
    """Run the protocol.

    Parameters
    ----------
    sellers : sequence of PaperSeller
        Of the same days.
    periods : pandas.DatetimeIndex
        (n_days,) these days, more than 30.
    tables : sequence of str
        Of II, III, IV, V, VI.
    alphas : sequence of float
        For Tables III and IV, of .1 to .9.
    calibrated : bool
        Whether the calibrated mode, told nothing, stands the tests of Tables III and IV, too.
    progress : callable, optional
        Called with ("tables", done, total).
    """
    unknown = set(tables) - set(PAPER_TABLES)
    if unknown or not sellers or len(periods) <= EVIDENCE_DAYS + 1:
        allowed = f"tables of {', '.join(PAPER_TABLES)}; a seller; more than {EVIDENCE_DAYS + 1} days"
        raise InputError("The protocol of section V", allowed=allowed, got=(sorted(tables), len(sellers), len(periods)))
    board = _Board(sellers, periods, runs)
    jobs = list(_jobs(tables, alphas, calibrated))
    for done, (table, measure, arguments) in enumerate(jobs):
        if progress is not None:
            progress("tables", done, len(jobs))
        if table not in board.not_run:
            try:
                measure(board, *arguments)
            except InputError as error:
                board.not_run[table] = str(error)
    if progress is not None:
        progress("tables", len(jobs), len(jobs))
    return board.result()


def _jobs(
    tables: Sequence[str], alphas: Sequence[float], calibrated: bool
) -> Iterator[tuple[str, Callable[..., None], tuple[Any, ...]]]:
    """Table, what to call on the board, and with what, for every cell."""
    for table, level in (("III", 1), ("IV", 2)):
        for kind in KINDS:
            for alpha in alphas if table in tables else ():
                yield table, _Board.faithful, (table, level, kind, alpha)
    for kind in KINDS:
        for alpha in alphas if calibrated and {"III", "IV"} & set(tables) else ():
            yield "calibrated", _Board.calibrated, (kind, alpha)
    for (level, kind), paper in PAPER_STATIC.items() if "II" in tables else ():
        yield "II", _Board.special, ("II", level, kind, STATIC_ALPHA, paper)
    for (level, kind, alpha), paper in PAPER_MGOF.items() if "VI" in tables else ():
        yield "VI", _Board.special, ("VI", level, kind, alpha, paper)
    for number in range(1, 10) if "V" in tables else ():
        yield "V", _Board.equation, (number,)


class _Board:
    """Runs cells and collects what `paper_tables` measures."""

    def __init__(self, sellers: Sequence[PaperSeller], periods: pd.DatetimeIndex, runs: int) -> None:
        self._sellers, self._periods, self._runs = sellers, periods, runs
        self._rows: list[dict[str, Any]] = []
        self._equations: list[dict[str, Any]] = []
        self._roc: list[dict[str, Any]] = []
        self.not_run: dict[str, str] = {}

    def faithful(self, table: str, level: int, kind: str, alpha: float) -> None:
        stream = self._stream(kind, alpha)
        said = watch_detector(stream, _told(level, alpha), told=True)
        paper = np.full(3, np.nan)
        paper[:2] = PAPER_RATES.get((level, kind, alpha), (np.nan, np.nan))
        if alpha in ALPHAS:
            paper[2] = PAPER_ACCURACY[level, kind][ALPHAS.index(alpha)]
        self._add(stream, said, {"table": table, "detector": "faithful", "level": level, "kind": kind}, paper)
        if alpha == ALPHAS[0]:
            self._add_roc(stream, said.divergence, {"detector": "faithful", "level": level, "kind": kind})

    def calibrated(self, kind: str, alpha: float) -> None:
        """One detector a seller and run: together, copies of one seller would give each other's volume away."""
        stream = self._stream(kind, alpha)
        alone = [
            watch_detector(_alone(stream, row), {"mode": "calibrated"}, told=False) for row in range(len(stream.counts))
        ]
        parts = ("flagged", "score", "score")  # the score is what it judges by, not the divergence
        said = Said(*(np.concatenate([getattr(one, part) for one in alone]) for part in parts))
        named = {"table": "III, IV", "detector": "calibrated", "level": 0, "kind": kind}
        self._add(stream, said, named, np.full(3, np.nan))
        if alpha == ALPHAS[0]:
            self._add_roc(stream, said.score, {"detector": "calibrated", "level": 0, "kind": kind})

    def special(self, table: str, level: int, kind: str, alpha: float, paper: tuple[float, float, float]) -> None:
        stream = self._stream(kind, alpha)
        said = watch_detector(stream, {**_told(level, alpha), **SETTINGS[table]}, told=True)
        named = {"table": table, "detector": "MGoF" if table == "VI" else "Algorithm 1", "level": level, "kind": kind}
        self._add(stream, said, named, np.array(paper))

    def equation(self, number: int) -> None:
        sums = np.zeros(len(self._sellers))
        for kind in KINDS:
            stream = self._stream(kind, 0.1)
            for level in (1, 2):
                said = watch_detector(stream, {**_told(level, 0.1), "threshold": number}, told=True)
                sums += [rates.f1 for rates in self._per_seller(stream, said)]
        paper = PAPER_F1_SUMS[number - 1]
        self._equations.append({"equation": number, "f1_sum": sums.mean(), "f1_sum_se": _se(sums), "paper": paper})

    def _stream(self, kind: str, alpha: float) -> Stream:
        """Every run of every seller: run r of seller s is entity s * runs + r."""
        width = max(seller.honest[0].shape[1] for seller in self._sellers)
        counts, fine, farmed, bad, bad_fine = [], [], [], [], []
        for number, seller in enumerate(self._sellers):
            dirty, last = seller.farmed[kind], slice(EVIDENCE_DAYS - ANOMALOUS_DAYS, EVIDENCE_DAYS)
            padding = ((0, 0), (0, width - dirty[0].shape[1]))
            for run in range(self._runs):
                chance = np.random.default_rng([number, run, round(100 * alpha)])
                is_farmed = chance.random(len(self._periods)) < alpha
                is_farmed[:EVIDENCE_DAYS] = False
                days = [np.where(is_farmed[:, None], dirty[part], seller.honest[part]) for part in (0, 1)]
                counts.append(np.pad(days[0], padding))
                fine.append(days[1])
                farmed.append(is_farmed)
                bad.append(np.pad(dirty[0][last], padding))
                bad_fine.append(dirty[1][last])
        return Stream(
            f"{kind}, alpha {alpha:g}", self._periods, np.stack(counts), np.stack(fine), np.stack(farmed),
            EVIDENCE_DAYS, alpha, np.stack(bad), np.stack(bad_fine),
        )  # fmt: skip

    def _per_seller(self, stream: Stream, said: Said) -> list[Any]:
        """Rates of each seller, its runs pooled."""
        found = []
        for first in range(0, len(stream.counts), self._runs):
            runs = slice(first, first + self._runs)
            judged = stream.judged[runs]
            parts = (said.flagged[runs][judged], stream.truth[runs][judged], said.divergence[runs][judged])
            found.append(rates_of(*parts))
        return found

    def _add(self, stream: Stream, said: Said, named: dict[str, Any], paper: npt.NDArray[np.float64]) -> None:
        rates = self._per_seller(stream, said)
        line = {**named, "alpha": stream.alpha}
        for name in ("tpr", "fpr", "accuracy", "f1", "auc"):
            values = np.array([getattr(one, name) for one in rates])
            line |= {name: values.mean(), f"{name}_se": _se(values)}
        printed = zip(("paper_tpr", "paper_fpr", "paper_accuracy"), paper / 100, strict=True)
        self._rows.append({**line, **dict(printed)})

    def _add_roc(self, stream: Stream, score: npt.NDArray[np.float64], named: dict[str, Any]) -> None:
        judged = stream.judged
        found = roc_of(score[judged], stream.truth[judged], ROC_RATES)
        self._roc += [
            {**named, "alpha": stream.alpha, "fpr": rate, "tpr": tpr}
            for rate, tpr in zip(ROC_RATES, found, strict=True)
        ]

    def result(self) -> PaperResult:
        import pandas as pd

        rows = pd.DataFrame(self._rows)
        differences = []
        for table in ("III", "IV"):
            lines = rows[(rows["table"] == table) & rows["paper_accuracy"].notna()] if len(rows) else rows
            if len(lines):
                points = 100 * (lines["accuracy"] - lines["paper_accuracy"]).abs()
                differences.append({"table": table, "mean_points": points.mean(), "largest_points": points.max()})
        return PaperResult(
            rows=rows,
            thresholds=pd.DataFrame(self._equations, columns=["equation", "f1_sum", "f1_sum_se", "paper"]),
            roc=pd.DataFrame(self._roc, columns=["detector", "level", "kind", "alpha", "fpr", "tpr"]),
            differences=pd.DataFrame(differences, columns=["table", "mean_points", "largest_points"]),
            not_run=dict(self.not_run),
        )


def _told(level: int, alpha: float) -> dict[str, Any]:
    return {"mode": "faithful", "level": level, "threshold": 5, "alpha": alpha}


def _alone(stream: Stream, row: int) -> Stream:
    """One entity of a stream, its bins hours of the day."""
    assert stream.fine is not None  # noqa: S101  `_stream` gives both
    fine = stream.fine[row : row + 1]
    hours = fine.reshape(*fine.shape[:2], 24, -1).sum(axis=3)
    return Stream(
        stream.name, stream.periods, hours, fine, stream.farmed[row : row + 1], stream.n_evidence, stream.alpha
    )


def _se(values: npt.NDArray[np.float64]) -> float:
    """Of the mean over sellers; NaN of one."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
