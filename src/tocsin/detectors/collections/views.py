"""Scores and explanations as data frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tocsin.detectors.collections.engine import CollectionScores, CollectionStatus, Explanation
from tocsin.model import Ints

__all__ = ["explanation_table", "scores_table"]

STATUS = pd.Index([status.name.lower() for status in CollectionStatus])


def scores_table(scores: CollectionScores, index: Any = None) -> pd.DataFrame:
    """One row an entity."""
    columns: dict[str, Any] = {
        "divergence": scores.divergence,
        "p_value": scores.p_value,
        "threshold": scores.threshold,
        "anomaly_score": scores.anomaly_score,
        "flagged": scores.flagged,
        "status": pd.Categorical.from_codes(scores.status, STATUS),
    }
    columns.update({f"p_{name.replace('-', '_')}": part for name, part in scores.parts.items()})
    return pd.DataFrame(columns, index=index if isinstance(index, pd.Index) else None)


def explanation_table(why: Explanation, entities: Ints) -> pd.DataFrame:
    """One line an entity, part and bin: first the bins of the shape, then the other parts."""
    n, n_bins = why.observed.shape
    shape = pd.DataFrame(
        {
            "entity": np.repeat(entities, n_bins),
            "part": "shape",
            "bin": pd.array(np.tile(np.arange(n_bins), n), dtype="Int64"),
            "observed": why.observed.ravel().astype(np.float64),
            "expected": why.expected.ravel(),
            "lower": why.lower.ravel(),
            "upper": why.upper.ravel(),
            "share": why.terms.ravel(),
        }
    )
    tables = [shape]
    for name, part in why.parts.items():
        values = dict(zip(("observed", "expected", "lower", "upper"), np.asarray(part).T, strict=True))
        missing = pd.array([pd.NA] * n, dtype="Int64")
        tables.append(pd.DataFrame({"entity": entities, "part": name, "bin": missing, **values, "share": np.nan}))
    order = np.concatenate([np.repeat(np.arange(n), n_bins), *[np.arange(n)] * len(why.parts)])
    together = pd.concat(tables, ignore_index=True)
    return together.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)
