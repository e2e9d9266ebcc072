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


def test_interval_and_p_value_agree() -> None:
    """A value is outside its 95 % interval exactly where its p-value is under .05, however short the history."""
    from tests.detectors.slice_funnel import funnel

    reference, recent, *_ = funnel(seed=3, n_windows=5)
    result = SliceDetector(kpi="clicks / views", dimensions=["country", "app"]).fit(reference).score(recent)
    tested = result[result["p_value"].notna()]
    inside = (tested["value"] > tested["lower"]) & (tested["value"] < tested["upper"])
    assert (tested.loc[inside, "p_value"] >= 0.05).all()
    assert len(tested) > 100
