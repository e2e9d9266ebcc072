"""How well detectors find labelled anomalies in time series: by point, by event, and in processor time, in one run.

A series is divided where its table says (`part`), or after its first 15 % (NAB's probation): a detector learns from the
end of the first part and scores the beginning of the second point by point, each before it learns from it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.errors import InputError, SourceError
from tocsin.evaluate.labelled_series import LabelledSeries, read_labelled_series
from tocsin.evaluate.publisher_table import read_columns
from tocsin.evaluate.series_contestants import Course, SeriesContestant, Told
from tocsin.evaluate.series_measures import Measures, measures_of
from tocsin.model import Bools

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MEASURES", "SeriesResult", "SeriesSet", "compare_series", "read_series_sets", "series_set"]

PROBATION = 0.15
MEASURES = tuple(one.name for one in fields(Measures))


@dataclass(frozen=True, slots=True, eq=False)
class SeriesSet:
    """Series of one table; `labels` of the new points; `left_out`: series that measure nothing, and why."""

    name: str
    names: tuple[str, ...]
    courses: tuple[Course, ...]
    labels: tuple[Bools, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class SeriesResult:
    """What was measured.

    Attributes
    ----------
    sets : pandas.DataFrame
        One line a set: set, n_series, n_left_out, points (new ones), abnormal (share of them).
    scores : pandas.DataFrame
        One line a set, detector and series: the measures of `series_measures.Measures`, and outside, the share of
        normal points outside the 99 % band (NaN for a detector without one).
    summary : pandas.DataFrame
        One line a set and detector: n_series, cpu_seconds (all series, learning and scoring), and for each measure its
        mean over series and its standard error, NAME_se.
    failures : pandas.DataFrame
        One line a set and detector without scores: set, detector, reason.
    missing : mapping of str to str
        Detectors that are not installed.
    left_out : mapping of str to str
        Files that are no labelled series, and series that measure nothing.
    """

    sets: pd.DataFrame
    scores: pd.DataFrame
    summary: pd.DataFrame
    failures: pd.DataFrame
    missing: Mapping[str, str]
    left_out: Mapping[str, str]


def read_series_sets(
    path: str | Path, *, label: str = "label", n_series: int | None = None, n_points: int = 20_000, seed: int = 0
) -> tuple[list[SeriesSet], dict[str, str]]:
    """The sets of a file, or of the files in a folder that hold labelled series; and why others are left out.

    Parameters
    ----------
    n_series : of more series, so many are drawn
    n_points : of history, and of new points, at most so many

    Raises
    ------
    SourceError, InputError : no such file, no labelled series in it
    """
    path = Path(path)
    if not path.is_dir():
        table = read_columns(path, "A table of labelled series")
        return [series_set(path.stem, table, label, n_series, n_points, seed)], {}
    sets, left_out = [], {}
    for file in sorted([*path.glob("*.parquet"), *path.glob("*.csv")]):
        try:
            table = read_columns(file, "A table of labelled series")
            if not {"timestamp", "value", label} <= set(table.columns):
                continue
            sets.append(series_set(file.stem, table, label, n_series, n_points, seed))
        except (InputError, SourceError) as error:
            left_out[file.name] = str(error)
    if not sets:
        raise SourceError("No labelled series here", allowed=f"files with the columns timestamp, value, {label}",
                          got=str(path))  # fmt: skip
    return sets, left_out


def series_set(
    name: str, table: pd.DataFrame, label: str = "label", n_series: int | None = None, n_points: int = 20_000,
    seed: int = 0,
) -> SeriesSet:  # fmt: skip
    """The series of one table that have abnormal and normal points among the new ones.

    Raises
    ------
    InputError : not a table of labelled series, or none that can be measured
    """
    usable: list[tuple[str, Course, Bools]] = []
    left_out: dict[str, str] = {}
    for one in read_labelled_series(table, label=label):
        course, labels = _divided(one, n_points)
        marked = labels[~np.isnan(course.new)]
        if len(course.history) == 0 or not marked.any() or marked.all():
            reason = "no history" if len(course.history) == 0 else "no abnormal points, or no normal ones"
            left_out[f"{name}: {one.name}"] = reason
        else:
            usable.append((one.name, course, labels))
    if not usable:
        raise InputError(f"The series of {name!r}", allowed="one or more with abnormal points after the history",
                         got=f"{len(left_out)} without")  # fmt: skip
    if n_series is not None and n_series < len(usable):
        drawn = np.random.default_rng(seed).choice(len(usable), n_series, replace=False)
        usable = [usable[place] for place in sorted(drawn)]
    names, courses, labels_of = zip(*usable, strict=True)
    return SeriesSet(name, names, courses, labels_of, left_out)


def _divided(one: LabelledSeries, n_points: int) -> tuple[Course, Bools]:
    n_known = one.n_known or int(PROBATION * len(one.values))
    history, new = one.values[max(0, n_known - n_points) : n_known], one.values[n_known : n_known + n_points]
    season = one.season if one.season is not None and 2 * one.season <= len(history) else None
    return Course(history, new, season), one.labels[n_known : n_known + n_points]


def compare_series(
    sets: Iterable[SeriesSet],
    detectors: Sequence[SeriesContestant],
    *,
    seed: int = 0,
    missing: Mapping[str, str] | None = None,
    left_out: Mapping[str, str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> SeriesResult:
    """Run every detector on every set; one that fails on a set is reported, not raised."""
    import pandas as pd

    sets = list(sets)
    described, scores, taken, failures = [], [], [], []
    out = dict(left_out or {})
    for one in sets:
        described.append(_description(one))
        out |= one.left_out
        for at, detector in enumerate(detectors):
            if progress is not None:
                progress(one.name, at + 1, len(detectors))
            start = time.process_time()
            try:
                told = _told(detector, one, seed)
                seconds = time.process_time() - start
                found = [_measured(*parts) for parts in zip(one.courses, one.labels, told, strict=True)]
            except Exception as error:  # another's detector may raise anything
                failures.append((one.name, detector.name, f"{type(error).__name__}: {error}"[:300]))
                continue
            taken.append({"set": one.name, "detector": detector.name, "cpu_seconds": seconds})
            keys = {"set": one.name, "detector": detector.name}
            scores += [{**keys, "series": name, **line} for name, line in zip(one.names, found, strict=True)]
    columns = ["set", "detector", "series", *MEASURES, "outside"]
    table = pd.DataFrame(scores, columns=columns)
    return SeriesResult(
        sets=pd.DataFrame(described),
        scores=table,
        summary=_summary(table, pd.DataFrame(taken, columns=["set", "detector", "cpu_seconds"])),
        failures=pd.DataFrame(failures, columns=["set", "detector", "reason"]),
        missing=dict(missing or {}),
        left_out=out,
    )


def _told(detector: SeriesContestant, one: SeriesSet, seed: int) -> list[Told]:
    if detector.ours:
        return detector.tell(one.courses, seed)
    with warnings.catch_warnings(record=True):  # of others' libraries about their fits; some insist on being shown
        return detector.tell(one.courses, seed)


def _description(one: SeriesSet) -> dict[str, Any]:
    n_points = sum(len(labels) for labels in one.labels)
    return {
        "set": one.name,
        "n_series": len(one.courses),
        "n_left_out": len(one.left_out),
        "points": n_points,
        "abnormal": sum(int(labels.sum()) for labels in one.labels) / n_points,
    }


def _measured(course: Course, labels: Bools, told: Told) -> dict[str, float]:
    """The measures over the points that are there."""
    known = ~np.isnan(course.new)
    outside = np.nan
    normal = known & ~labels
    if told.lower is not None and told.upper is not None:
        outside = float(np.mean((course.new < told.lower)[normal] | (course.new > told.upper)[normal]))
    return {**asdict(measures_of(labels[known], told.scores[known])), "outside": outside}


def _summary(scores: pd.DataFrame, taken: pd.DataFrame) -> pd.DataFrame:
    grouped = scores.groupby(["set", "detector"], sort=False)
    names = [*MEASURES, "outside"]
    parts = taken.set_index(["set", "detector"])
    parts = parts.join(grouped.size().rename("n_series")).join(grouped[names].mean())
    return parts.join(grouped[names].sem().add_suffix("_se")).reset_index()
