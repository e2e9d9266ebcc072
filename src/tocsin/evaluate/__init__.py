"""What a detector is worth: in money (`roi`), and in labelled anomalies that it finds (`compare_detectors`)."""

from tocsin.evaluate.contestants import Contestant, contestants
from tocsin.evaluate.contextual import ContextualResult, compare_detectors
from tocsin.evaluate.labelled import (
    LabelledSet,
    LabelledTable,
    labelled_set,
    read_labelled,
    read_labelled_folder,
)
from tocsin.evaluate.precision import average_precision, mean_ranks
from tocsin.evaluate.published import ADVERTISING, Published
from tocsin.evaluate.publisher_table import RoiColumns, read_columns, roi_of_table
from tocsin.evaluate.roi import BUDGETS, NAIVE, ORACLE, RoiResult, roi

__all__ = [
    "ADVERTISING",
    "BUDGETS",
    "NAIVE",
    "ORACLE",
    "Contestant",
    "ContextualResult",
    "LabelledSet",
    "LabelledTable",
    "Published",
    "RoiColumns",
    "RoiResult",
    "average_precision",
    "compare_detectors",
    "contestants",
    "labelled_set",
    "mean_ranks",
    "read_columns",
    "read_labelled",
    "read_labelled_folder",
    "roi",
    "roi_of_table",
]
