"""Simulated publishers as files: the table, its truth apart from it, and a description of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.simulate.fraud import FraudSettings
from tocsin.simulate.publishers import ATTRIBUTES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PUBLISHERS_SCHEMA", "write_publishers"]

PUBLISHERS_SCHEMA = "tocsin/publishers/1"
"""Named in publishers.json; changes when a field changes its meaning or goes."""

_TRUTH = {
    "label": "1 = fraud",
    "scheme": "how it defrauds; none = honest",
    "severity": "multiplies the scheme's shifts; 0 = honest",
    "ring": "sites with the same number are run by one hand; -1 = honest",
    "odd": "honest, but some attributes are far from what the context lets expect",
    "revenue": "of 1,000 impressions that people see, in the unit of price; of a fraud none of it comes in",
}


def write_publishers(
    folder: str | Path, table: pd.DataFrame, truth: pd.DataFrame, *, settings: FraudSettings | None = None
) -> tuple[Path, Path, Path]:
    """Write publishers.parquet, truth.parquet (the same rows in the same order) and publishers.json; returns the paths.

    Parameters
    ----------
    settings : FraudSettings, optional
        What the tables were simulated with; the defaults where not given.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "publishers.parquet", folder / "truth.parquet", folder / "publishers.json"
    table.to_parquet(paths[0], index=False)
    truth.to_parquet(paths[1], index=False)
    description = json.dumps(_describe(table, truth, settings or FraudSettings()), indent=2, ensure_ascii=False)
    paths[2].write_text(description + "\n", encoding="utf-8")
    return paths


def _describe(table: pd.DataFrame, truth: pd.DataFrame, settings: FraudSettings) -> dict[str, Any]:
    n_sites = truth["scheme"].value_counts()
    numbers = {name: value for name, value in _fields(settings).items() if name != "schemes"}
    return {
        "schema": PUBLISHERS_SCHEMA,
        "n_publishers": len(table),
        "n_frauds": int(truth["label"].sum()),
        "n_odd": int(truth["odd"].sum()),
        "attributes": dict(ATTRIBUTES),
        "truth": _TRUTH,
        "schemes": [
            {
                "name": scheme.name,
                "sentence": scheme.sentence,
                "n_sites": int(n_sites.get(scheme.name, 0)),
                "shifts": dict(scheme.shifts),
                "hosting": scheme.hosting,
            }
            for scheme in settings.schemes
        ],
        "settings": numbers,
    }


def _fields(settings: FraudSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in FraudSettings.__dataclass_fields__}
