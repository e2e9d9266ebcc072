"""Tables with known anomalies, to compare detectors on: files with a column of labels, and tables made anew a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, NotEnoughData, SourceError, TocsinError, nearest
from tocsin.evaluate.published import Published, published_for
from tocsin.evaluate.publisher_table import read_columns, read_labels

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LabelledSet", "LabelledTable", "labelled_set", "read_labelled", "read_labelled_folder"]

Labels = npt.NDArray[np.bool_]
_SAMPLE_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class LabelledTable:
    """table : what detectors see, n rows; labels : (n,) True = anomalous."""

    table: pd.DataFrame
    labels: Labels


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSet:
    """A table with labels, the same for every seed or made anew.

    draw : gives the table of a seed
    redrawn : whether another seed gives another table
    notes : what was done to it
    published : the paper's set that it is, if any
    """

    name: str
    draw: Callable[[int], LabelledTable]
    redrawn: bool = False
    notes: tuple[str, ...] = ()
    published: Published | None = None


def labelled_set(
    name: str,
    data: pd.DataFrame,
    label: str = "label",
    *,
    most_rows: int | None = None,
    published: Published | None = None,
) -> LabelledSet:
    """A set of a data frame with a column of labels.

    Parameters
    ----------
    name : str
    data : pandas.DataFrame
    label : str
        Its column of labels: true and false, 1 and 0, or words as in `read_labels`; rows without one are left out.
    most_rows : int, optional
        Of more rows so many are drawn at random, the same for every seed.
    published : Published, optional
        Where that says so, only the first rows are taken.

    Raises
    ------
    InputError
        No such column, labels of other words, no column that tells rows apart.
    NotEnoughData
        No column beside the labels, no anomaly among the rows, or nothing else.
    """
    names = [str(column) for column in data.columns]
    if label not in names:
        raise InputError(f"The column of labels of {name}", allowed=", ".join(names), got=label,
                         hint=nearest(label, names))  # fmt: skip
    if len(names) < 2:
        raise NotEnoughData(f"The columns of {name} beside {label!r}", allowed="at least one", got=0)
    from tocsin.detectors.contextual.columns import TableSchema

    notes = []
    if published is not None and published.first_rows is not None and len(data) == published.first_rows[0]:
        data = data.head(published.first_rows[1])
        notes.append(f"only the first {len(data):,} rows")
    found = read_labels(data[label], label)
    known = ~np.isnan(found)
    if not known.all():
        notes.append(f"{(~known).sum():,} rows without a label are left out")
    data, found = data[known], found[known]
    if most_rows is not None and len(data) > most_rows:
        notes.append(f"{most_rows:,} of {len(data):,} rows, drawn at random")
        rows = np.sort(np.random.default_rng(_SAMPLE_SEED).choice(len(data), most_rows, replace=False))
        data, found = data.iloc[rows], found[rows]
    labels = found == 1
    for kind, count in (("anomalous", labels.sum()), ("ordinary", (~labels).sum())):
        if not count:
            raise NotEnoughData(f"Rows of {name} that {label!r} calls {kind}", allowed="at least one", got=0)
    table = data.drop(columns=label).reset_index(drop=True)
    TableSchema.learn(table)  # what no detector could take is said before any of them runs
    drawn = LabelledTable(table, labels)
    return LabelledSet(name, lambda seed: drawn, notes=tuple(notes), published=published)


def read_labelled(path: str | Path, label: str = "label", *, most_rows: int | None = None) -> LabelledSet:
    """The set of a Parquet or CSV file; it is called as the file, and the paper's sets are known by their names.

    Raises
    ------
    SourceError, InputError, NotEnoughData
        As `read_columns` and `labelled_set`.
    """
    stem = Path(path).stem
    data = read_columns(path, "A labelled table")
    return labelled_set(stem, data, label, most_rows=most_rows, published=published_for(stem))


def read_labelled_folder(
    folder: str | Path, label: str = "label", *, most_rows: int | None = None, names: Sequence[str] = ("*",)
) -> tuple[list[LabelledSet], dict[str, str]]:
    """Every Parquet file of a folder that has labels, by name, and why each other file is left out.

    Parameters
    ----------
    names : sequence of str
        Patterns of file names without their ending, such as conout_*.

    Raises
    ------
    SourceError
        No such folder, or no file of these names in it.
    NotEnoughData
        None of the files can be used.
    """
    folder = Path(folder)
    paths = sorted({path for name in names for path in folder.glob(f"{name}.parquet")})
    if not paths:
        raise SourceError("A folder of labelled tables", allowed="one with Parquet files", got=str(folder))
    sets: list[LabelledSet] = []
    left_out: dict[str, str] = {}
    for path in paths:
        try:
            sets.append(read_labelled(path, label, most_rows=most_rows))
        except TocsinError as error:
            left_out[path.stem] = str(error)
    if not sets:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise NotEnoughData("Labelled tables in the folder", allowed="at least one", got=0, hint=reasons)
    return sets, left_out
