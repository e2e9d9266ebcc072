"""A chart of gain against budget as an SVG file."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.report.lines import ChartLine, ChartWords, draw_lines

__all__ = ["GainLine", "draw_gain"]

GainLine = ChartLine
"""Gain of one bidder at each budget, 0.1 = 10 % more; NaN = unknown."""
_WORDS = ChartWords("Gain in return on investment over a naive bidder, by budget", "Gain over a naive bidder", "budget")


def draw_gain(budgets: Sequence[float], lines: Sequence[GainLine]) -> str:
    """Draw the gain over a naive bidder against the budget.

    Parameters
    ----------
    budgets : sequence of float
        Rising.
    lines : sequence of GainLine
        As many numbers as budgets each.

    Returns
    -------
    str
        A complete SVG document; names are escaped.
    """
    return draw_lines(budgets, lines, _WORDS)
