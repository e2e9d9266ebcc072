"""A dimension may have any name but that of a column of the result."""

import pandas as pd
import pytest

from tocsin import SliceDetector
from tocsin.errors import InputError


@pytest.mark.parametrize("name", ["value", "status", "flagged", "amount"])
def test_a_dimension_named_like_a_result_column_is_refused(name: str) -> None:
    days = pd.date_range("2026-01-05", periods=11, tz="UTC")
    table = pd.DataFrame({"window_start": days, name: "DE", "views": 1000, "clicks": 50})
    detector = SliceDetector(kpi="clicks / views", dimensions=[name]).fit(table[:10])
    with pytest.raises(InputError, match="named like a column of the result"):
        detector.score(table[10:])
