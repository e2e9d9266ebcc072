"""Embeddings of candidate points of a series, for both modes of relevancy."""

from __future__ import annotations

import numpy as np

from tocsin.model import Floats, Ints
from tocsin.oracle.detecting import Found
from tocsin.relevancy import series_features

__all__ = ["embeddings_of", "windows_of"]

MOST_DEVIATION = 50.0
"""Half widths of the band: one enormous point in a window would hide what the others are like."""


def windows_of(history: Floats, values: Floats, places: Ints, n_context: int) -> Floats:
    """(n, n_context + 1) the points up to each candidate, in standard deviations of the history, gaps filled."""
    known = history[np.isfinite(history)]
    centre, spread = (np.median(known), known.std()) if len(known) else (0.0, 0.0)
    before = history[len(history) - min(n_context, len(history)) :]
    line = np.concatenate([np.full(n_context - len(before), np.nan), before, values])
    scaled = (line - centre) / (spread or 1.0)
    last = np.maximum.accumulate(np.where(np.isfinite(scaled), np.arange(len(scaled)), 0))
    filled: Floats = np.nan_to_num(scaled[last])
    windows: Floats = filled[places[:, None] + np.arange(n_context + 1)]
    return windows


def embeddings_of(windows: Floats, found: Found, places: Ints, season: int | None) -> Floats:
    """(n, n_features) for the default mode: shape of the window, of the deviations in it, time in the season."""
    n_points = windows.shape[1]
    deviation = np.concatenate([np.zeros(n_points - 1), np.clip(found.deviation, -MOST_DEVIATION, MOST_DEVIATION)])
    deviations: Floats = deviation[places[:, None] + np.arange(n_points)]
    columns = [series_features(windows), series_features(deviations)]
    if season is not None:
        phase = 2 * np.pi * (places % season) / season
        columns.append(np.column_stack([np.sin(phase), np.cos(phase)]))
    return np.column_stack(columns)
