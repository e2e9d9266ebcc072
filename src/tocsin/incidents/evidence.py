"""From the detector's lines of explanation to the indicators of one entity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tocsin.formatting import make_visible, shorten
from tocsin.incidents.entities import Indicator

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["indicators_of"]

N_INDICATORS = 6
"""The indicators kept with an anomaly, those with the largest shares of the score."""


def indicators_of(lines: pd.DataFrame | None, row: int, compared: Sequence[str]) -> tuple[Indicator, ...]:
    """The lines about one row, largest share first.

    Parameters
    ----------
    lines : what the detector explains of the flagged rows, or None where there are none
    row : place among the flagged rows
    compared : names of the entities that were learned from
    """
    if lines is None:
        return ()
    mine = lines[lines["row"] == row].head(N_INDICATORS)
    return tuple(_indicator(dict(line), compared) for line in mine.to_dict("records"))


def _indicator(line: Mapping[Any, Any], compared: Sequence[str]) -> Indicator:
    return Indicator(
        name=str(line["indicator"]),
        observed=str(line["observed"]),
        expected=str(line["expected"]),
        value=float(line["value"]),
        lower=float(line["lower"]),
        median=float(line["median"]),
        upper=float(line["upper"]),
        share=float(line["share"]),
        context=str(line["context"]),
        population=str(line["sub_population"]),
        n_peers=int(line["n_peers"]),
        peers=_names(str(line["peers"]), compared),
    )


def _names(places: str, compared: Sequence[str]) -> str:
    """The names of the entities at "12, 7, 3" in the table of fit."""
    found = [int(place) for place in places.split(", ") if place.isdecimal()]
    names = dict.fromkeys(shorten(make_visible(compared[place]), 60) for place in found if place < len(compared))
    return ", ".join(names)
