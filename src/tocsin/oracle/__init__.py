"""What `tocsin evaluate relevancy` runs on: series whose truth is known, given and made, the detectors that report
their points, and an oracle that answers from the truth.
"""

from tocsin.oracle.detecting import DETECTORS, Found, detect
from tocsin.oracle.published import TABLE_1_GAINS, TABLE_2, Printed
from tocsin.oracle.summary import Gain, Summary, summaries
from tocsin.oracle.trials import RelevancyRow, rows_of_series, rows_of_spikes

__all__ = [
    "DETECTORS",
    "TABLE_1_GAINS",
    "TABLE_2",
    "Found",
    "Gain",
    "Printed",
    "RelevancyRow",
    "Summary",
    "detect",
    "rows_of_series",
    "rows_of_spikes",
    "summaries",
]
