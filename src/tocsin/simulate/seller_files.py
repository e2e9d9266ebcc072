"""Sellers' records as files: the table, the truth apart from it, and a description of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.detectors.collections.farm import Farm, UniformWidth, draw_fakes
from tocsin.errors import InputError
from tocsin.simulate.farm_table import FarmedRecords
from tocsin.simulate.sellers import Sellers, spell_out

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SELLERS_SCHEMA", "seller_records", "write_farmed", "write_sellers"]

SELLERS_SCHEMA = "tocsin/sellers/1"
"""Named in sellers.json and farm.json; changes when a field changes its meaning or goes."""
MAX_RECORDS = 50_000_000
_TRUTH = {
    "date": "the day",
    "records": "honest records of the entity on that day",
    "fakes": "what the click farm added",
    "farmed": "whether there are fakes",
    "kind": "how the entity's farmed days are farmed",
    "magnitude": "fakes over honest records on its farmed days",
}


def seller_records(sellers: Sellers, *, random_state: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every record of simulated sellers, and the truth.

    Times are drawn within the spans of the honest counts, and fakes anew from these records: equalised ones are exact
    duplicates here.

    Returns
    -------
    table : pandas.DataFrame
        seller (category), ts (µs, UTC), in order of time.
    truth : pandas.DataFrame
        One row a seller and day, closed ones too: seller, date, records, fakes, farmed, kind, magnitude.

    Raises
    ------
    InputError
        More than 50 million records.
    """
    import pandas as pd

    n_records = int(sellers.honest.sum(dtype=np.int64))
    if n_records > MAX_RECORDS:
        raise InputError("The number of records", allowed=f"at most {MAX_RECORDS:,}", got=n_records,
                         hint="fewer sellers or days")  # fmt: skip
    chance = np.random.default_rng(random_state)
    n_days = len(sellers.periods)
    collection, seconds = spell_out(sellers.honest.reshape(-1, sellers.honest.shape[2]), chance)
    pieces = [(collection, seconds)]
    for farm in dict.fromkeys(sellers.farms):
        theirs = np.array([one == farm for one in sellers.farms])
        fakes = draw_fakes(chance, collection, seconds, (sellers.farmed & theirs[:, None]).ravel(), farm)
        pieces.append((collection[fakes.source], fakes.seconds))
    owner, times = (np.concatenate([piece[part] for piece in pieces]) for part in (0, 1))
    day = sellers.periods.tz_localize(None).to_numpy().astype("datetime64[us]")[owner % n_days]
    table = pd.DataFrame(
        {
            "seller": pd.Categorical.from_codes(owner // n_days, categories=pd.Index(sellers.names)),
            "ts": pd.Series(day + np.floor(times * 1e6).astype("timedelta64[us]")).dt.tz_localize("UTC"),
        }
    ).sort_values("ts", kind="stable", ignore_index=True)
    return table, _truth(sellers, np.bincount(owner[n_records:], minlength=sellers.farmed.size))


def _truth(sellers: Sellers, n_fakes: np.ndarray[Any, Any]) -> pd.DataFrame:
    import pandas as pd

    n_sellers, n_days = sellers.farmed.shape
    kinds, magnitudes = zip(*((farm.kind, farm.magnitude) for farm in sellers.farms), strict=True)
    return pd.DataFrame(
        {
            "seller": np.repeat(np.array(sellers.names, dtype=object), n_days),
            "date": np.tile(sellers.periods.tz_localize(None), n_sellers),
            "records": sellers.honest.sum(axis=2, dtype=np.int64).ravel(),
            "fakes": n_fakes,
            "farmed": n_fakes > 0,
            "kind": np.repeat(np.array(kinds, dtype=object), n_days),
            "magnitude": np.repeat(np.array(magnitudes, dtype=float), n_days),
        }
    )


def write_sellers(folder: str | Path, sellers: Sellers, *, random_state: int = 0) -> tuple[Path, Path, Path]:
    """Write records.parquet, truth.parquet and sellers.json; returns the paths."""
    table, truth = seller_records(sellers, random_state=random_state)
    description = {
        "n_sellers": len(sellers.names),
        "n_days": len(sellers.periods),
        "n_records": len(table),
        "n_farmed_days": int(truth["farmed"].sum()),
        "farms": [_describe(farm) for farm in dict.fromkeys(sellers.farms)],
    }
    return _write(Path(folder), ".parquet", table, truth, "sellers.json", description)


def write_farmed(
    folder: str | Path, farmed: FarmedRecords, farm: Farm, *, suffix: str = ".parquet"
) -> tuple[Path, Path, Path]:
    """Write records and truth (both .parquet or .csv) and farm.json; returns the paths."""
    if suffix not in (".parquet", ".csv"):
        raise InputError("The kind of file", allowed=".parquet or .csv", got=suffix)
    description = {
        "n_records": len(farmed.table),
        "n_fakes": int(farmed.truth["fakes"].sum()),
        "n_farmed_days": int(farmed.truth["farmed"].sum()),
        "n_unusable": farmed.n_unusable,
        "farms": [_describe(farm)],
    }
    return _write(Path(folder), suffix, farmed.table, farmed.truth, "farm.json", description)


def _describe(farm: Farm) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": farm.kind, "magnitude": farm.magnitude}
    if farm.kind == "centralised" and isinstance(farm.width, UniformWidth):
        said["width_seconds"] = [farm.width.low, farm.width.high]
    return said


def _write(
    folder: Path, suffix: str, table: pd.DataFrame, truth: pd.DataFrame, name: str, description: dict[str, Any]
) -> tuple[Path, Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"records{suffix}", folder / f"truth{suffix}", folder / name
    for frame, path in zip((table, truth), paths, strict=False):
        if suffix == ".csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)
    truth_words = {column: words for column, words in _TRUTH.items() if column in truth.columns}
    whole = {"schema": SELLERS_SCHEMA, **description, "truth": truth_words}
    paths[2].write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return paths
