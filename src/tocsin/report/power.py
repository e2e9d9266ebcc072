"""A chart of the share of farmed days found against the magnitude of the attack as an SVG file."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.report.lines import ChartLine, ChartWords, draw_lines

__all__ = ["draw_power"]


def draw_power(magnitudes: Sequence[float], lines: Sequence[ChartLine], *, kind: str) -> str:
    """Draw the power of a detector, one line a volume.

    Parameters
    ----------
    magnitudes : sequence of float
        Fakes over honest records, rising.
    lines : sequence of ChartLine
        Shares of the farmed days that are found, in [0, 1].
    kind : str
        Of click farming.

    Returns
    -------
    str
        A complete SVG document; names are escaped.
    """
    words = ChartWords(
        f"Share of farmed days found by magnitude of the attack, {kind} fakes, by records a day",
        f"Farmed days found, {kind} fakes",
        "fakes over honest records",
    )
    return draw_lines(magnitudes, lines, words, highest=1.0)
