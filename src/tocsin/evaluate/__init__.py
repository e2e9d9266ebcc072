"""What a detector is worth: in money (`roi`), in labelled anomalies that it finds (`compare_detectors`), and
in farmed days of collections (`compare_collections`, `paper_tables`, `measure_power`)."""

from tocsin.evaluate.collections import CollectionsResult, Trial, compare_collections
from tocsin.evaluate.collections_measures import Rates, rates_of, roc_of
from tocsin.evaluate.collections_paper import PAPER_TABLES, PaperResult, PaperSeller, paper_tables
from tocsin.evaluate.collections_power import (
    BANDS,
    MAGNITUDES,
    PowerResult,
    half_point,
    measure_power,
    volume_bands,
)
from tocsin.evaluate.collections_published import ALPHAS, REMARKS
from tocsin.evaluate.collections_streams import CollectionContestant, Said, Stream, collection_contestants
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
    "ALPHAS",
    "BANDS",
    "BUDGETS",
    "MAGNITUDES",
    "NAIVE",
    "ORACLE",
    "PAPER_TABLES",
    "REMARKS",
    "CollectionContestant",
    "CollectionsResult",
    "Contestant",
    "ContextualResult",
    "LabelledSet",
    "LabelledTable",
    "PaperResult",
    "PaperSeller",
    "PowerResult",
    "Published",
    "Rates",
    "RoiColumns",
    "RoiResult",
    "Said",
    "Stream",
    "Trial",
    "average_precision",
    "collection_contestants",
    "compare_collections",
    "compare_detectors",
    "contestants",
    "half_point",
    "labelled_set",
    "mean_ranks",
    "measure_power",
    "paper_tables",
    "rates_of",
    "read_columns",
    "read_labelled",
    "read_labelled_folder",
    "roc_of",
    "roi",
    "roi_of_table",
    "volume_bands",
]
