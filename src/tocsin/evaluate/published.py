"""What the ConOut paper printed on its sets, as far as it is known, and what is wrong with it.

Source: Meghanath M Y, Pai, Akoglu, "ConOut: Contextual Outlier Detection with Multiple Contexts" (ECML PKDD 2018):
sizes of its Table 1, average precisions of its Table 4 and of its advertising set. The remarks come from running the
authors' code on the authors' files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["ADVERTISING", "Published", "published_for"]

CON_OUT, FOREST, ROCOD = "ConOut faithful", "scikit-learn IsolationForest", "Rocod"


@dataclass(frozen=True, slots=True)
class Published:
    """One set of the paper.

    title : its name there
    n_rows, n_columns, n_outliers : of its Table 1, label not counted
    average_precision : as printed, by the detector here that comes nearest
    inverted : the paper counts the normal rows as positive: its values say nothing of outliers, lower is better
    first_rows : (rows of the whole file, how many of them the paper's number of outliers is of)
    remarks : what differs or is wrong
    """

    title: str
    n_rows: int
    n_columns: int
    n_outliers: int
    average_precision: Mapping[str, float]
    inverted: bool = False
    first_rows: tuple[int, int] | None = None
    remarks: tuple[str, ...] = ()


ADVERTISING = Published(
    "AdFraud", 18_959, 14, 208,
    {FOREST: 0.327, "LocalOutlier": 0.134, "OneClassSvm": 0.011, ROCOD: 0.301, CON_OUT: 0.514},
    remarks=("the paper's set is private: its figures are of other publishers than the simulated ones",),
)  # fmt: skip

_SETS = MappingProxyType(
    {
        "conout_satimage": Published("SatImage", 5_803, 36, 71, {FOREST: 0.901, CON_OUT: 0.944}),
        "conout_pens": Published("Pens", 6_870, 16, 156, {FOREST: 0.319, CON_OUT: 0.357}),
        "conout_mammography": Published("Mammography", 11_183, 6, 260, {FOREST: 0.193, CON_OUT: 0.190}, remarks=(
            "the authors' code takes the median over contexts here, not the maximum of the paper",)),
        "conout_seismic": Published(
            "Seismic", 2_584, 18, 170, {FOREST: 0.897, ROCOD: 0.8083, CON_OUT: 0.918}, inverted=True, remarks=(
                "the paper's values are inverted: they count the normal rows as positive, a perfect detector would "
                "get .808 and a random one .934, lower is better; beside them stands what the same mistake gives here",
                "the authors' file has 15 columns, not 18",
                "ROCOD's published scores separate all 170 outliers: the label leaked into them",)),
        "conout_shuttle": Published("Shuttle", 49_097, 9, 3_511, {FOREST: 0.979, CON_OUT: 0.991}, remarks=(
            "the authors' code takes 10,000 rows and the median over contexts, and prints .921 to .981",)),
        "conout_satellite": Published("Satellite", 6_435, 36, 2_036, {FOREST: 0.656, CON_OUT: 0.686}),
        "adult": Published(
            "Income (Adult)", 48_842, 14, 7_841, {FOREST: 0.313, ROCOD: 0.560, CON_OUT: 0.581},
            first_rows=(48_842, 32_561), remarks=(
                "7,841 outliers are those of the first 32,561 rows, which are taken here; 48,842 rows have 11,687",)),
    }
)  # fmt: skip


def published_for(stem: str) -> Published | None:
    """The set of the paper that a file of this name (without its ending) holds, if any.

    The paper's sets are called conout_satimage, conout_pens, conout_mammography, conout_seismic, conout_shuttle,
    conout_satellite and adult (also conout_adult, conout_income and adult_…).
    """
    name = stem.lower()
    if name.startswith(("adult", "conout_adult", "conout_income")):
        name = "adult"
    return _SETS.get(name)
