"""What `tocsin evaluate roi` prints and draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.cli.console import Console
from tocsin.formatting import format_count, format_interval, format_number, format_p, format_ratio

if TYPE_CHECKING:
    import pandas as pd

    from tocsin.evaluate import RoiResult

__all__ = ["plot_roi", "render_roi"]


def render_roi(console: Console, result: RoiResult) -> None:
    """What took part, one line a detector and budget, and which detectors differ at the largest budget."""
    blocked = f"{format_ratio(result.blocked_share, 3)} with the highest scores are not bid on"
    console.lines([f"{format_count(result.n_publishers, 'publisher')}; the {blocked}; gain is over the naive bidder"])
    notes = [f"left out: {result.n_left_out} without visitors, cost, revenue or label"] if result.n_left_out else []
    notes += [f"{name}: {n} without a score, bid on" for name, n in result.n_unscored.items() if n]
    notes += [f"{format_count(result.n_idle, 'result')} in which a budget bought nothing"] if result.n_idle else []
    console.lines([f"  {note}" for note in notes])
    rows = [
        (
            row.detector,
            format_number(row.budget),
            format_number(row.roi, 4),
            format_number(row.roi_limit, 4),
            format_ratio(row.gain),
            format_interval(row.gain_lower, row.gain_upper, "ratio"),
            format_p(row.p_value),
        )
        for row in _rows(result.table)
    ]
    headings = ("detector", "budget", "ROI", "limit", "gain", "95 % interval", "p")
    console.table(headings, rows)
    console.lines(_differences(result))


def _rows(table: pd.DataFrame) -> list[Any]:
    return list(table.itertuples())


def _differences(result: RoiResult) -> list[str]:
    """Every pair of detectors at the largest budget, the better one first."""
    pairs = result.comparisons[result.comparisons["budget"] == result.budgets[-1]]
    fitted = set(result.detectors) & set(result.n_unscored)
    shown = [row for row in _rows(pairs) if {row.detector, row.other} <= fitted and row.gain > 0]
    at = format_number(result.budgets[-1])
    return [
        f"{row.detector} over {row.other} at {at}: {format_ratio(row.gain)}, p {format_p(row.p_value)}" for row in shown
    ]


def plot_roi(result: RoiResult) -> str:
    """Gain of every bidder but the naive one against budget, as an SVG document."""
    from tocsin.report import GainLine, draw_gain

    lines = [
        GainLine(str(name), rows["gain"].tolist(), rows["gain_lower"].tolist(), rows["gain_upper"].tolist())
        for name, rows in result.table.groupby("detector", sort=False)
        if name != result.detectors[0]
    ]
    return draw_gain(result.budgets, lines)
