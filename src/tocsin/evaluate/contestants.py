"""The detectors that are compared on labelled tables: ours, scikit-learn's, and what is installed of PyOD and isotree.

Ours take the table as it is. The others take one dense matrix: standardised numbers with medians for missing ones, and
one column of 0 and 1 for each of a column's 50 most frequent categories (`DenseMap`); building it counts as their time.
All have the settings their makers chose, except that every isolation forest has 100 trees of 256 rows, and isotree one
thread. MCD, whose time grows with the cube of the columns, takes at most 200.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, NotEnoughData, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CON_OUT", "REFERENCE", "Contestant", "contestants"]

CON_OUT = "ConOut"
REFERENCE = "IsolationForest"
"""Whom the others' wins and losses are counted against."""
N_TREES, N_SAMPLES = 100, 256
MOST_COLUMNS_OF_MCD = 200

Floats = npt.NDArray[np.float64]
Score = Callable[["pd.DataFrame", int], Floats]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A detector.

    score : takes a table (n rows) and a seed, gives (n,) numbers, higher = more anomalous
    seeded : whether the seed matters
    """

    name: str
    score: Score
    seeded: bool = True


def contestants(names: Sequence[str] = ()) -> tuple[list[Contestant], dict[str, str]]:
    """The detectors of these names (all, without names) that can be imported, and why the others cannot.

    Raises
    ------
    InputError
        An unknown name.
    """
    candidates = {candidate.name: candidate for candidate in _candidates()}
    for name in names:
        if name not in candidates:
            hint = nearest(name, candidates)
            raise InputError("A detector", allowed=", ".join(candidates), got=name, hint=hint)
    wanted = [candidates[name] for name in dict.fromkeys(names)] if names else list(candidates.values())
    found, missing = [], {}
    for candidate in wanted:
        reason = _why_missing(candidate)
        if reason is None:
            found.append(Contestant(candidate.name, candidate.score, candidate.seeded))
        else:
            missing[candidate.name] = reason
    return found, missing


@dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    score: Score
    seeded: bool = True
    module: str | None = None


def _candidates() -> list[_Candidate]:
    ours = [
        _Candidate(CON_OUT, partial(_ours, "con_out.ConOut")),
        _Candidate("ConOut faithful", partial(_ours, "con_out.ConOut", mode="faithful")),
        _Candidate("Expert-ConOut", _expert),
        _Candidate(REFERENCE, partial(_ours, "isolation_forest.IsolationForest")),
        _Candidate("Rocod", partial(_ours, "rocod.Rocod"), seeded=False),
        _Candidate("LocalOutlier", partial(_ours, "density.LocalOutlier")),
        _Candidate("OneClassSvm", partial(_ours, "density.OneClassSvm")),
        _Candidate("scikit-learn IsolationForest", _scikit_learn, module="sklearn"),
    ]
    pyod = [
        _Candidate(f"PyOD {name}", partial(_pyod, name), seeded, "pyod")
        for name, seeded in {
            "ECOD": False, "COPOD": False, "KNN": False, "HBOS": False, "CBLOF": True, "LODA": True, "MCD": True,
        }.items()
    ]  # fmt: skip
    variants: dict[str, dict[str, Any]] = {
        "isotree": {"ndim": 1},
        "isotree extended": {"ndim": 2},
        "isotree density": {"ndim": 1, "scoring_metric": "density"},
        "isotree fair-cut": {"ndim": 2, "prob_pick_pooled_gain": 1.0},
    }
    isotree = [_Candidate(name, partial(_isotree, settings), module="isotree") for name, settings in variants.items()]
    return [*ours, *pyod, *isotree]


def _why_missing(candidate: _Candidate) -> str | None:
    if candidate.module is None:
        return None
    if importlib.util.find_spec(candidate.module) is None:
        return f"{candidate.module} is not installed"
    try:
        importlib.import_module(f"pyod.models.{candidate.name.split()[1].lower()}" if candidate.module == "pyod" else
                                candidate.module)  # fmt: skip
    except Exception as error:  # a broken installation raises whatever it likes
        return f"{candidate.module} cannot be imported: {error}"
    return None


def _ours(path: str, table: pd.DataFrame, seed: int, **settings: Any) -> Floats:
    module, name = path.split(".")
    detector = getattr(importlib.import_module(f"tocsin.detectors.contextual.{module}"), name)
    if "random_state" in inspect.signature(detector).parameters:
        settings["random_state"] = seed
    return np.asarray(detector(**settings).fit(table).anomaly_score(table), dtype=float)


def _expert(table: pd.DataFrame, seed: int) -> Floats:
    """ConOut with one given context: the columns of categories."""
    from tocsin.detectors.contextual.columns import TableSchema

    schema = TableSchema.learn(table)
    if not schema.category_names or not schema.number_names:
        allowed = "categories as the context and numbers beside them"
        raise NotEnoughData("The columns for an expert's context", allowed=allowed)
    return _ours("con_out.ConOut", table, seed, contexts=[schema.category_names])


def _dense(table: pd.DataFrame) -> Floats:
    from tocsin.detectors.contextual.columns import TableSchema
    from tocsin.detectors.contextual.dense import DenseMap

    schema = TableSchema.learn(table)
    encoded = schema.encode(table)
    return np.ascontiguousarray(DenseMap.learn(encoded, schema.n_categories).matrix(encoded))


def _scikit_learn(table: pd.DataFrame, seed: int) -> Floats:
    from sklearn.ensemble import IsolationForest

    matrix = _dense(table)
    forest = IsolationForest(n_estimators=N_TREES, max_samples=min(N_SAMPLES, len(matrix)), random_state=seed)
    return np.asarray(-forest.fit(matrix).score_samples(matrix))


def _pyod(name: str, table: pd.DataFrame, seed: int) -> Floats:
    peer = getattr(importlib.import_module(f"pyod.models.{name.lower()}"), name)
    settings = {"random_state": seed} if "random_state" in inspect.signature(peer).parameters else {}
    matrix = _dense(table)
    if name == "MCD" and matrix.shape[1] > MOST_COLUMNS_OF_MCD:
        raise InputError("The columns for MCD", allowed=f"at most {MOST_COLUMNS_OF_MCD}",
                         got=matrix.shape[1])  # fmt: skip
    return np.asarray(peer(**settings).fit(matrix).decision_scores_, dtype=float)


def _isotree(settings: dict[str, Any], table: pd.DataFrame, seed: int) -> Floats:
    peer = importlib.import_module("isotree").IsolationForest
    matrix = _dense(table)
    forest = peer(ntrees=N_TREES, sample_size=min(N_SAMPLES, len(matrix)), nthreads=1, random_seed=seed, **settings)
    return np.asarray(forest.fit(matrix).predict(matrix), dtype=float)
