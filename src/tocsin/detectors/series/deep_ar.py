"""DeepAR (Salinas, Flunkert, Gasthaus, Januschowski 2017): one recurrent network forecasts all series.

An LSTM over all series gives each point a Student-t distribution from what came before it; learned by teacher forcing,
and all points of an update are forecast in one pass. The score is 1 - p, p the two-sided tail probability of the error,
in units of the distribution's spread, among the errors of its series. Learning needs torch (the extra `deep`), scoring
does not.

Differences from the paper: a series is scaled by a running centre and spread, not by its mean, so that it may be
negative and may drift; the point a season ago is an input; in training points are hidden at random, so that
the network goes on through gaps by its own state; a missing point a season ago is replaced by what was expected there;
a series whose errors are larger or smaller than the network says is judged by what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from tocsin.detectors.series.base import SeriesDetector
from tocsin.detectors.series.deep_ar_inputs import calendar, make_inputs, n_inputs, scaled
from tocsin.detectors.series.deep_ar_tails import TAILS, begin_tails, judge, spread
from tocsin.detectors.series.deep_ar_weights import Weights
from tocsin.detectors.series.reading import Layout, read_number, read_state
from tocsin.detectors.series.scores import SeriesScores
from tocsin.detectors.series.settings import check_level, check_season, directions
from tocsin.errors import InputError
from tocsin.kernels.networks import drawn_seed, import_torch, repeatable, usable_device
from tocsin.kernels.running_scale import FLOOR, ROUNDING, follow_scale
from tocsin.model import Bools, Floats

__all__ = ["DeepAR"]

WINDOW = 200
BATCH = 48
SCALE_MEMORY, SCALE_SEASONS = 2_000, 28
"""Points, or seasons if those are more, that the running centre and spread are means of."""
HELD_SHARE, MOST_HELD = 0.2, 1_000
"""The end of the history that training is judged on."""
LEAST_TIMES, LEAST_KNOWN = 40, 10
"""Shorter histories, and series with fewer points, teach nothing: the network stays as it begins."""
MOST_TAUGHT = 4_000_000
"""Points; of more, series are drawn to learn from."""
POINTS_AT_ONCE = 100_000
ARRAYS = ("known", "centre", "scale", "floor", "last", "season_ago", "hidden", "memory", *TAILS)


class DeepAR(SeriesDetector):
    """Forecasts each point by one LSTM over all series.

    Parameters
    ----------
    season : points of a cycle, None: without season
    random_state : int, RandomState, Generator or None
        First weights and drawn windows; the same number gives the same scores on the same machine's CPU.
    level : of the band, in (0, 1)
    second_season : points of a longer cycle on top of the first, as a week on a day
    hidden : units of the LSTM
    n_steps : of training, at most; it ends early when the held-out end of the history is forecast no better
    device : "cpu" or "cuda"

    Attributes
    ----------
    n_steps_ : int
        After how many steps the network was best, 0: as it begins

    A series takes 8 bytes a point of its season and 1,000. All series share one calendar: column t of one is at the
    time of column t of another; a shorter history begins with NaN.

    >>> day = 100 + 10 * np.sin(np.arange(24 * 30) * 2 * np.pi / 24)
    >>> history = (day + np.random.default_rng(0).normal(0, 1, day.shape))[None]
    >>> DeepAR(season=24, random_state=0).fit(history).update([[100.0, 140.0]]).score > 0.99  # doctest: +SKIP
    array([[False,  True]])
    """

    known_: Floats
    last_: Floats

    def __init__(
        self,
        *,
        season: int | None = None,
        random_state: Any = None,
        level: float = 0.99,
        second_season: int | None = None,
        hidden: int = 40,
        n_steps: int = 400,
        device: str = "cpu",
    ) -> None:
        self.season = season
        self.random_state = random_state
        self.level = level
        self.second_season = second_season
        self.hidden = hidden
        self.n_steps = n_steps
        self.device = device

    def get_state(self) -> dict[str, Any]:
        arrays = {name: getattr(self, f"{name}_").copy() for name in ARRAYS}
        return {**arrays, "next": self.next_, "n_steps": self.n_steps_, **self.weights_.arrays}

    def set_state(self, state: Mapping[str, Any]) -> Self:
        self._check_settings()
        n_features = n_inputs(self.season, self.second_season)
        weights = Weights(state, n_features, self.hidden, self.device)
        widths = {"season_ago": self.season or 0, "hidden": self.hidden, "memory": self.hidden}
        layout: Layout = {name: (np.float64, (-1, widths[name]) if name in widths else (-1,)) for name in ARRAYS}
        found = read_state(state, {**layout, **TAILS}, holes=["last", "season_ago"])
        self.next_, self.n_steps_ = read_number(state, "next"), read_number(state, "n_steps")
        self.weights_, self.n_series_ = weights, len(found["known"])
        for name, array in found.items():
            setattr(self, f"{name}_", array)
        return self

    def _fit(self, history: Floats) -> None:
        self._check_settings()
        import_torch("DeepAR")
        from tocsin.detectors.series.deep_ar_network import Network

        random = np.random.default_rng(drawn_seed(self.random_state))
        self._begin(history)
        with repeatable(int(random.integers(2**31))):
            network = Network(n_inputs(self.season, self.second_season), self.hidden).to(self.device)
            self.n_steps_ = self._train(network, history, random)
        self.weights_ = Weights.of(network, self.device)
        sizes, learned, *_ = self._errors(history)
        learned &= ~self._is_early(history)
        for name, part in zip(TAILS, begin_tails(sizes, learned, self.season), strict=True):
            setattr(self, f"{name}_", part)
        # the spread was that of the whole history from its first point on: count each point once
        self.known_ = np.isfinite(history).sum(axis=1).astype(np.float64)

    def _update(self, values: Floats) -> SeriesScores:
        sizes, learned, expected, claimed = self._errors(values)
        tails = tuple(getattr(self, f"{name}_") for name in TAILS)
        surprise, edge = judge(sizes, learned, tails, self.season, self.level)
        unknown = np.isnan(claimed)
        half = np.where(claimed > 0.0, claimed * edge, ROUNDING * np.abs(expected))
        half[unknown] = np.inf
        middle = np.where(unknown, 0.0, expected)
        return SeriesScores(surprise, expected, middle - half, middle + half, directions(values, expected))

    def _errors(self, values: Floats) -> tuple[Floats, Bools, Floats, Floats]:
        """Forecast each point, take it in, and say how far from its forecast it is.

        Returns
        -------
        sizes : absolute errors in spreads that the network claims, 0 where it claims none, NaN = missing
        learned : which of them say something of later ones: not those of a series that has never moved
        expected, claimed : the forecast and its spread in units of the values; not known: NaN; a constant series: 0
        """
        centres, scales, mu, sigma, nu = self._advance(values)
        constant, unknown = scales == 0.0, np.isnan(scales)
        mu[constant], sigma[constant], nu[constant] = 0.0, 1.0, 3.0
        claimed = spread(sigma, nu)
        sizes = np.abs(scaled(values, centres, scales) - mu) / claimed
        sizes[unknown & ~np.isnan(values)] = 0.0
        learned = (scales > 0.0) & ~np.isnan(values)
        return sizes, learned, np.where(unknown, centres, centres + scales * mu), scales * claimed

    def _is_early(self, history: Floats) -> Bools:
        """The first season of each series, or half of a short one: what was unknown a season ago is known later."""
        n_known = np.cumsum(~np.isnan(history), axis=1)
        early: Bools = n_known <= np.minimum(self.season or LEAST_KNOWN, n_known[:, -1:] // 2)
        return early

    def _check_settings(self) -> None:
        check_level(self.level)
        for name in ("season", "second_season"):
            check_season(name, getattr(self, name))
        for name, least in (("hidden", 1), ("n_steps", 0)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < least:
                raise InputError(f"{name} of DeepAR", allowed=f"a whole number, {least} or more", got=value)
        usable_device(self.device)

    def _begin(self, history: Floats) -> None:
        """The state before the first point: centre and spread of the whole history, no point seen."""
        n_series = len(history)
        self.known_ = np.isfinite(history).sum(axis=1).astype(np.float64)
        known = self.known_ > 0
        self.centre_, self.scale_ = np.zeros(n_series), np.zeros(n_series)
        if history.shape[1] and known.any():
            self.centre_[known] = np.nanmedian(history[known], axis=1)
            power = 2.0 ** np.frexp(np.nanmax(np.abs(history[known]), axis=1))[1]  # so that no square is too large
            self.scale_[known] = power * np.nanstd(history[known] / power[:, None], axis=1)
        # equal numbers may have a spread by rounding
        self.scale_[self.scale_ <= ROUNDING * np.abs(self.centre_)] = 0.0
        self.floor_ = FLOOR * self.scale_
        self.last_ = np.full(n_series, np.nan)
        self.season_ago_ = np.full((n_series, self.season or 0), np.nan)
        self.hidden_, self.memory_ = np.zeros((n_series, self.hidden)), np.zeros((n_series, self.hidden))
        self.next_ = 0

    def _memory(self) -> float:
        return float(max(SCALE_MEMORY, SCALE_SEASONS * (self.season or 0)))

    def _train(self, network: Any, history: Floats, random: np.random.Generator) -> int:
        from tocsin.detectors.series.deep_ar_network import Windows, train

        n_times = history.shape[1]
        if n_times < LEAST_TIMES or self.n_steps == 0:
            return 0
        observed = np.isfinite(history)
        ages = np.where(observed.any(axis=1), n_times - observed.argmax(axis=1), 0)
        rows = np.flatnonzero((ages >= LEAST_TIMES) & (observed.sum(axis=1) >= LEAST_KNOWN) & (self.scale_ > 0.0))
        if len(rows) == 0:
            return 0
        # drawn in an order that the order of the rows does not change
        rows = rows[np.argsort(np.nansum((history[rows] - self.centre_[rows, None]) / self.scale_[rows, None], axis=1))]
        rows = rows[random.permutation(len(rows))[: max(1, MOST_TAUGHT // n_times)]]
        state = [part[rows] for part in (self.known_, self.centre_, self.scale_, self.floor_)]
        known = history[rows]
        centres, scales = np.empty_like(known), np.empty_like(known)
        follow_scale(known, *state, self._memory(), centres, scales)
        season_ago = np.full_like(known, np.nan)
        if self.season is not None and self.season < n_times:
            season_ago[:, self.season :] = known[:, : -self.season]
        places = calendar(0, n_times, self.season, self.second_season)
        ago = scaled(season_ago, centres, scales)
        held = np.minimum(HELD_SHARE * ages[rows], MOST_HELD).astype(np.int64)
        windows = Windows(scaled(known, centres, scales), ago, places, WINDOW, held)
        return train(network, windows, self.n_steps, BATCH, random, self.device)

    def _advance(self, values: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Forecast each point by what was before it and take it in.

        Returns
        -------
        centres, scales, and in these units mu, sigma, nu, each (n_series, n_new)
        """
        found = np.empty((5, *values.shape))
        step = max(1, POINTS_AT_ONCE // max(1, len(values)))
        step = min(step, self.season or step)  # what was expected a season ago must be known
        for first in range(0, values.shape[1], step):
            part = np.ascontiguousarray(values[:, first : first + step])
            found[:, :, first : first + step] = self._advance_part(part)
        centres, scales, mu, sigma, nu = found
        return centres, scales, mu, sigma, nu

    def _advance_part(self, values: Floats) -> Floats:
        """`_advance` of no more points than a season has; (5, n_series, n_new)."""
        n_times = values.shape[1]
        found = np.empty((5, *values.shape))
        centres, scales, mu, sigma, nu = found
        follow_scale(values, self.known_, self.centre_, self.scale_, self.floor_, self._memory(), centres, scales)
        last = scaled(np.concatenate([self.last_[:, None], values[:, :-1]], axis=1), centres, scales)
        at = (self.next_ + np.arange(n_times)) % self.season if self.season is not None else None
        ago = np.full_like(values, np.nan) if at is None else scaled(self.season_ago_[:, at], centres, scales)
        places = calendar(self.next_, n_times, self.season, self.second_season)[None]
        self.weights_.forecast(make_inputs(last, ago, places), self.hidden_, self.memory_, mu, sigma, nu)
        if at is not None:
            self.season_ago_[:, at] = np.where(np.isnan(values), centres + np.nan_to_num(scales) * mu, values)
        self.last_ = values[:, -1].copy()
        self.next_ += n_times
        return found
