"""The trials of `tocsin evaluate relevancy`: the paper's two tables, in its own mode and in ours.

Simulated: spikes up and down, only those down matter; batches of 10,000 points, answers in the first 5 of 20, the
other 15 count. A detector first learns from 1,000 points that are not counted.

Labelled files: the first half is history (or the part "train"); answers are about the third quarter, and the last one
counts. Beside relevancy's own number of alerts it is held to the detector's: more alerts alone can raise F1, too.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tocsin.evaluate.labelled_series import LabelledSeries
from tocsin.evaluate.relevancy import (
    MODES,
    Candidates,
    Mode,
    Quality,
    quality,
    taught_in_batches,
    taught_once,
    thresholds,
)
from tocsin.model import Bools, Floats, Ints
from tocsin.oracle.detecting import detect
from tocsin.oracle.embedding import embeddings_of, windows_of
from tocsin.simulate import simulate_spikes

__all__ = ["RelevancyRow", "rows_of_series", "rows_of_spikes"]

Progress = Callable[[str, int, int], None]

BATCH, N_BATCHES, N_TEACHING = 10_000, 20, 5
N_WARM = 1_000
SPIKE_CONTEXT, SERIES_CONTEXT = 9, 59
SPIKE_SHARES = (0.002425, 0.005)
"""Reported and candidate points: the paper's budget as its base rows imply it."""
N_DRAWS = 3
"""Which reported points are asked about is drawn so many times, and the mean taken."""
MIN_CANDIDATES = 20
CANDIDATES_AN_ALERT = 3
"""A candidate threshold three times as wide as the alert budget."""
MOST_ENCODED = 2_000


@dataclass(frozen=True, slots=True)
class RelevancyRow:
    """One series: a detector's alerts, and what relevancy makes of them.

    n_answers : of which relevancy learned; 0 = as many as the batches gave
    own, same : with relevancy's number of alerts, with the detector's (None in the paper's course)
    """

    series: str
    detector: str
    mode: str
    n_answers: int
    base: Quality
    own: Quality
    same: Quality | None = None


def rows_of_spikes(
    detectors: Sequence[str], *, n_series: int, n_points: int = BATCH * N_BATCHES, seed: int = 0, progress: Progress
) -> Iterator[RelevancyRow]:
    """The paper's Table 2: each detector over simulated series, both modes.

    Raises
    ------
    InputError
    """
    size = max(n_points // N_BATCHES, 1)
    for number in range(n_series):
        series = simulate_spikes(size * N_BATCHES, random_state=seed + number)
        warm = np.random.default_rng((seed + number, 1)).standard_normal(N_WARM)
        for detector in detectors:
            found = detect(detector, warm, series.values, None, seed)
            places = _places(found.surprise, SPIKE_SHARES)
            windows = windows_of(warm, series.values, places, SPIKE_CONTEXT)
            embeddings = {"default": embeddings_of(windows, found, places, None), "faithful": windows}
            candidates = _candidates(found.surprise, places, series.down, embeddings, SPIKE_SHARES, size)
            after = candidates.stretch(N_TEACHING, N_BATCHES)
            base = quality(after, after.reported)
            for mode in MODES:
                chosen = taught_in_batches(candidates, mode, n_teaching=N_TEACHING, seed=seed)
                own = quality(after, chosen[candidates.batch >= N_TEACHING])
                yield RelevancyRow(f"spikes {number}", detector, mode, 0, base, own)
        progress("simulated series", number + 1, n_series)


def rows_of_series(
    series: Sequence[LabelledSeries],
    detectors: Sequence[str],
    *,
    answers: Sequence[int],
    alert_share: float,
    modes: Sequence[Mode] = MODES,
    seed: int = 0,
    progress: Progress,
) -> Iterator[RelevancyRow]:
    """The paper's Table 1, on labelled series: each detector, each mode, so many answers.

    Series with fewer than 20 candidates to ask about, or none to choose from later, give no row.

    Raises
    ------
    InputError
    """
    for number, detector in enumerate(detectors):
        found = [_stretches(one, detector, alert_share, seed) for one in series]
        pairs = [pair for pair in found if pair is not None]
        for pair in _encoded(pairs, seed) if "faithful" in modes else pairs:
            yield from _taught(detector, pair, modes, answers, seed)
        progress("detectors over labelled series", number + 1, len(detectors))


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """The third and the last quarter of a series, and the windows of the candidates of both, one after the other."""

    name: str
    candidates: Candidates
    windows: Floats

    @property
    def stretches(self) -> tuple[Candidates, Candidates]:
        return self.candidates.stretch(0, 1), self.candidates.stretch(1, len(self.candidates.n_wanted))


def _taught(
    detector: str, pair: _Pair, modes: Sequence[Mode], answers: Sequence[int], seed: int
) -> Iterator[RelevancyRow]:
    earlier, later = pair.stretches
    base = quality(later, later.reported)
    for mode in modes:
        for n_answers in answers:
            drawn = []
            for draw in range(N_DRAWS):
                chosen = taught_once(earlier, later, mode, n_answers, seed=seed + draw)
                drawn.append([quality(later, mask) for mask in chosen])
            own, same = (_mean([qualities[place] for qualities in drawn]) for place in (0, 1))
            yield RelevancyRow(pair.name, detector, mode, n_answers, base, own, same)


def _stretches(one: LabelledSeries, detector: str, alert_share: float, seed: int) -> _Pair | None:
    """Thresholds are those of the third quarter."""
    n_known = one.n_known or len(one.values) // 2
    history, values, labels = one.values[:n_known], one.values[n_known:], one.labels[n_known:]
    quarter = len(values) // 2
    if quarter < MIN_CANDIDATES:
        return None
    found = detect(detector, history, values, one.season, seed)
    shares = alert_share, CANDIDATES_AN_ALERT * alert_share
    _, lowest = thresholds(found.surprise[:quarter], *shares)
    places = np.flatnonzero(found.surprise > lowest)
    n_early = int((places < quarter).sum())
    if n_early < MIN_CANDIDATES or n_early == len(places):
        return None
    windows = windows_of(history, values, places, SERIES_CONTEXT)
    embeddings = {"default": embeddings_of(windows, found, places, one.season)}
    candidates = _candidates(found.surprise, places, labels, embeddings, shares, quarter, known=quarter)
    return _Pair(one.name, candidates, windows)


def _encoded(pairs: Sequence[_Pair], seed: int) -> list[_Pair]:
    """With embeddings for the faithful mode: by the paper's auto-encoder where torch is installed, one for all series
    that has seen the windows of their third quarters; else the windows as they are.
    """
    encode: Callable[[Floats], Floats] = np.copy
    if pairs and importlib.util.find_spec("torch") is not None:
        from tocsin.relevancy.sequence_encoder import SequenceEncoder

        encoder = SequenceEncoder(max_windows=MOST_ENCODED, random_state=seed)
        encoder.fit(np.concatenate([pair.windows[pair.candidates.batch == 0] for pair in pairs]))
        encode = encoder.transform
    return [
        replace(
            pair,
            candidates=replace(
                pair.candidates, embeddings={**pair.candidates.embeddings, "faithful": encode(pair.windows)}
            ),
        )
        for pair in pairs
    ]


def _places(surprise: Floats, shares: tuple[float, float]) -> Ints:
    return np.flatnonzero(surprise > thresholds(surprise, *shares)[1])


def _candidates(
    surprise: Floats,
    places: Ints,
    wanted: Bools,
    embeddings: dict[str, Floats],
    shares: tuple[float, float],
    batch_size: int,
    *,
    known: int | None = None,
) -> Candidates:
    """Thresholds are those of the first `known` points, by default of all; a batch is `batch_size` points."""
    high, low = thresholds(surprise[:known], *shares)
    n_batches = -(-len(surprise) // batch_size)
    n_wanted = np.bincount(np.flatnonzero(wanted) // batch_size, minlength=n_batches)
    return Candidates(surprise[places], places // batch_size, wanted[places], n_wanted, embeddings, high, low)


def _mean(drawn: Sequence[Quality]) -> Quality:
    return Quality(*(float(np.mean([getattr(one, part) for one in drawn])) for part in ("f1", "precision", "recall")))
