"""What the click-farming paper printed, as far as it is known here, and what is wrong with it.

Source: Wang, Sun, Li, "Statistical Detection of Collective Data Anomalies", section V: seller 1629, evidence days 1 to
30 and 21 to 30 farmed, 295 test days in each of 3 runs pooled (most of its accuracies are multiples of 1/885). Rates in
per cent. What the printed figures contradict is named in `REMARKS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ALPHAS", "PAPER_ACCURACY", "PAPER_F1_SUMS", "PAPER_MGOF", "PAPER_RATES", "PAPER_STATIC", "REMARKS"]

ALPHAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
C, E = "centralised", "equalised"

PAPER_ACCURACY: Mapping[tuple[int, str], tuple[float, ...]] = MappingProxyType(
    {
        (1, C): (97.40, 91.30, 87.68, 81.30, 88.25, 89.83, 90.51, 94.35, 98.19),
        (1, E): (79.66, 64.29, 53.67, 53.79, 54.46, 51.64, 56.16, 67.00, 70.73),
        (2, C): (93.74, 83.73, 81.69, 82.49, 80.00, 83.41, 87.80, 91.19, 94.58),
        (2, E): (98.31, 94.01, 83.05, 84.75, 88.36, 84.63, 90.84, 92.66, 97.40),
    }
)
"""Tables III (level 1) and IV (level 2): accuracy by alpha; level 2, centralised, .2 is corrected (see `REMARKS`)."""

PAPER_RATES: Mapping[tuple[int, str, float], tuple[float, float]] = MappingProxyType(
    {
        (1, C, 0.1): (86.10, 1.14), (1, C, 0.3): (98, 16), (1, C, 0.5): (99.33, 23.40), (1, C, 0.9): (100, 16),
        (1, E, 0.1): (5.75, 12.28), (1, E, 0.3): (37, 39), (1, E, 0.5): (67.67, 58.23), (1, E, 0.9): (77, 75),
        (2, C, 0.1): (75.60, 3.90), (2, C, 0.3): (95, 24), (2, C, 0.5): (98.33, 36.54), (2, C, 0.9): (99, 48),
        (2, E, 0.1): (97.84, 1.64), (2, E, 0.3): (100, 24), (2, E, 0.5): (100.00, 23.76), (2, E, 0.9): (100, 28),
    }
)  # fmt: skip
"""TPR and FPR beside them, where known; whole numbers are rounded."""

PAPER_STATIC: Mapping[tuple[int, str], tuple[float, float, float]] = MappingProxyType(
    {(1, C): (100, 4.1, 96.7), (1, E): (27, 28, 62), (2, C): (88, 8, 91), (2, E): (84, 16, 84)}
)
"""Table II: TPR, FPR, ACC of Algorithm 1."""

PAPER_F1_SUMS = (1.0588, 0.7688, 0.8158, 1.5227, 2.6013, 1.4155, 2.2730, 2.0753, 1.9300)
"""Table V, seller data: the sum of four F1 (two levels, two kinds) at alpha .1, for equations 1 to 9."""

PAPER_MGOF: Mapping[tuple[int, str, float], tuple[float, float, float]] = MappingProxyType(
    {(1, C, 0.1): (100, 54, 52), (1, C, 0.5): (100, 93, 54), (2, C, 0.1): (32, 27, 70)}
)
"""Table VI: TPR, FPR, ACC of MGoF, where known; the kind of the row of level 2 is a guess."""

REMARKS = (
    "Table IV, centralised, alpha .2: printed as 93.73, which its own TPR and FPR contradict; 83.73 = 741/885 fits "
    "them and is taken here",
    "Table V: equations 4 and 6 are the same threshold in another form; the printed 1.5227 and 1.4155 differ by the "
    "chance of the runs, so figures of this table are uncertain by about .1",
    "equation 9 is not the threshold of least cost, as the paper says, but that of equal errors; "
    "threshold='bayes' solves equation 10 exactly",
    "equation 7 needs the absolute value under its root, which the paper's table lost; equations 7 and 8 depend on the "
    "unit of the divergence",
    "level 2 must keep the step of its bins from the evidence; with a step of each day's own an equalised attack is "
    "invisible",
    "the paper's hourly records of seller 1629 are not public: ours are its daily volumes (or simulated ones) in the "
    "shape of the one hourly day that it prints; how much days vary was fitted to these tables",
    "Tables II and VI: settings are known in part; alpha .2 of Table II and the kind of Table VI's level 2 are guesses",
    "a TPR at alpha .1 has a standard error of about 3.7 points in the paper (some 88 farmed days)",
)
