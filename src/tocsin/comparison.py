"""The labelled tables that `tocsin evaluate contextual` compares detectors on: files, and what is made by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.errors import InputError
from tocsin.evaluate import ADVERTISING, LabelledSet, LabelledTable, read_labelled, read_labelled_folder
from tocsin.simulate import plant_contextual, simulate_publishers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["comparison_sets", "made_sets", "planted_set", "planted_sets"]

N_PUBLISHERS = 18_959
PLANTED_SHARE = 0.02
LEAST_PLANTED = 100
"""Rows: two planted anomalies."""
_SHIPPED = ("breast_cancer", "wine", "digits")


def comparison_sets(
    files: Sequence[str | Path] = (),
    folder: str | Path | None = None,
    *,
    label: str = "label",
    most_rows: int | None = None,
    planted: bool | None = None,
    names: Sequence[str] = ("*",),
    also: Sequence[str] = (),
) -> tuple[list[LabelledSet], dict[str, str]]:
    """The sets of files and of a folder, or without either those of `made_sets`; and the folder's unusable files.

    Parameters
    ----------
    files : sequence of paths
        Parquet or CSV files with a column of labels.
    folder : path, optional
    label : str
        The column of labels.
    most_rows : int, optional
        Of larger tables so many rows are drawn at random.
    planted : bool, optional
        Whether `planted_sets` of them belong to it; without it, where there is a folder.
    names : sequence of str
        Patterns of the folder's file names.
    also : sequence of str
        See `planted_sets`.

    Raises
    ------
    SourceError, InputError, NotEnoughData
        A named file that is no labelled table, a folder without one.
    """
    if not files and folder is None:
        return made_sets(most_rows=most_rows), {}
    sets = [read_labelled(path, label, most_rows=most_rows) for path in files]
    left_out: dict[str, str] = {}
    if folder is not None:
        found, left_out = read_labelled_folder(folder, label, most_rows=most_rows, names=names)
        sets += found
    if planted if planted is not None else folder is not None:
        sets += planted_sets(sets, also)
    return sets, left_out


def made_sets(*, most_rows: int | None = None) -> list[LabelledSet]:
    """Simulated publishers, and anomalies planted into three tables that scikit-learn carries; anew for every seed.

    Parameters
    ----------
    most_rows : int, optional
        At most so many publishers, 1,000 or more.
    """
    if most_rows is not None and most_rows < 1_000:
        raise InputError("The number of publishers", allowed="1,000 or more, for some ten frauds", got=most_rows)
    n = min(N_PUBLISHERS, most_rows or N_PUBLISHERS)

    def publishers(seed: int) -> LabelledTable:
        table, truth = simulate_publishers(n, random_state=seed)
        return LabelledTable(table, truth["label"].to_numpy() == 1)

    note = "simulated, other publishers for every seed"
    simulated = LabelledSet("publishers", publishers, redrawn=True, notes=(note,), published=ADVERTISING)
    return [simulated, *(planted_set(name, _shipped(name)) for name in _SHIPPED)]


def planted_set(name: str, table: pd.DataFrame) -> LabelledSet:
    """Contextual anomalies planted in 2 % of the rows, other ones for every seed; the rows' own labels do not count."""

    def plant(seed: int) -> LabelledTable:
        planted, labels = plant_contextual(table, PLANTED_SHARE, seed)
        return LabelledTable(planted, labels == 1)

    note = "2 % of the rows have swapped their indicators with a row of another context, others for every seed"
    return LabelledSet(f"{name} planted", plant, redrawn=True, notes=(note,))


def planted_sets(sets: Sequence[LabelledSet], also: Sequence[str] = ()) -> list[LabelledSet]:
    """`planted_set` of every set with both numbers and categories, and of those named in `also`."""
    tables = {one.name: one.draw(0).table for one in sets if not one.redrawn}
    return [planted_set(name, table) for name, table in tables.items() if name in also or _is_mixed(table)]


def _is_mixed(table: pd.DataFrame) -> bool:
    """Whether detectors find both numbers and categories in it, and rows enough to plant in."""
    from tocsin.detectors.contextual.columns import TableSchema

    if len(table) < LEAST_PLANTED:
        return False
    schema = TableSchema.learn(table)
    return bool(schema.number_names and schema.category_names)


def _shipped(name: str) -> pd.DataFrame:
    """A table of scikit-learn's own package, its classes as one more column of categories."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    table: pd.DataFrame = bunch["data"].assign(kind=bunch["target"].astype(str).astype("category"))
    return table
