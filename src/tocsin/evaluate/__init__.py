"""What a detector is worth: in money (`roi`), on the user's own table or on simulated publishers."""

from tocsin.evaluate.publisher_table import RoiColumns, read_columns, roi_of_table
from tocsin.evaluate.roi import BUDGETS, NAIVE, ORACLE, RoiResult, roi

__all__ = ["BUDGETS", "NAIVE", "ORACLE", "RoiColumns", "RoiResult", "read_columns", "roi", "roi_of_table"]
