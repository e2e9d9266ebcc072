"""Which slices caused what was flagged: the contribution test.

One trouble moves many slices: those inside it, those that contain it, and those that overlap it. A slice S with the
relative effect d_S / e_S (deviation over expected amount) explains of another slice T

    e_I · d_S / e_S        where I is the intersection of S and T and e_I its expected amount:
                           e_S when T contains S, e_T when S contains T; for an overlap that no fact measures,
                           independence is assumed inside what both have in common, e_I = e_S · e_T / e_common;
                           0 when S and T exclude each other.

Such an assumed overlap only guides the choice. Once S is chosen, T is explained whenever some overlap would do, that
is when it deviates the same way and relatively no more than S.

Causes are chosen greedily (matching pursuit): the slice that removes the most of the squared standardised deviations
of everything flagged and not yet explained, less what it would add to slices that were tested and are as usual; between
near equals the higher slice. A flagged slice whose remaining deviation is no longer significant is folded under the
cause that explained most of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tocsin.model import Bools, Codes, Facts, Floats, SliceScores

__all__ = ["Cause", "find_causes"]

RESIDUAL_Z = 3.0
"""A slice is explained when its remaining deviation is within this many standard deviations …"""
RESIDUAL_SHARE = 1 / 3
"""… or within this share of its deviation: large slices are so precise that no proportional model fits exactly."""
NEAR_EQUAL = 0.05
"""A higher slice is preferred when it explains at most this share less than the best slice does."""
N_CANDIDATES = 100
"""Only the slices with the strongest standardised deviations are tried as causes …"""
N_JUDGED = 1000
"""… and judged by what they explain of this many flagged slices, and add to this many that are as usual."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cause:
    """A slice that explains its own deviation and that of the flagged slices folded under it.

    slice_index : the cause
    members     : indices of the flagged slices it explains, itself first, then by size of deviation
    """

    slice_index: int
    members: tuple[int, ...]


def find_causes(facts: Facts, scores: SliceScores, flagged: Indices, *, limit: int = 30) -> tuple[list[Cause], Indices]:
    """The causes of what was flagged, the one that explains most first, and what is left unexplained.

    Parameters
    ----------
    facts : Facts
        Its slices, with their codes.
    scores : SliceScores
        One window's judgement of them.
    flagged : int array
        Indices of the slices that selection has left.
    limit : int
        At most this many causes; slices that none of them explains are returned as the second value.
    """
    n_flagged = len(flagged)
    if n_flagged == 0:
        return [], flagged
    overlaps = _Overlaps(facts, scores, np.concatenate([flagged, _as_usual(scores, flagged)]))
    deviation, sd = overlaps.deviation, overlaps.sd
    order = np.argsort(-np.abs(deviation / sd)[:n_flagged], kind="stable")
    candidates, judged = order[:N_CANDIDATES], np.concatenate([order[:N_JUDGED], np.arange(n_flagged, len(sd))])
    shares, measured = overlaps.of(candidates)
    remaining, unexplained = deviation.copy(), np.arange(len(sd)) < n_flagged
    best_gain, owner = np.full(n_flagged, -np.inf), np.full(n_flagged, -1)
    chosen: list[int] = []
    while len(chosen) < limit and unexplained[candidates].any():
        counted = judged[unexplained[judged] | (judged >= n_flagged)]
        gains = _gains(overlaps, shares, measured, remaining, candidates, counted)
        gains[~unexplained[candidates]] = -np.inf
        near = np.flatnonzero(gains >= gains.max() - NEAR_EQUAL * abs(gains.max()))
        position = int(near[np.lexsort((candidates[near], -gains[near], overlaps.depth[candidates[near]]))[0]])
        cause = int(candidates[position])
        before = np.abs(remaining / sd)
        remaining = _after(overlaps, shares[position], measured[position], remaining, cause)
        gain = (before - np.abs(remaining / sd))[:n_flagged]
        better = gain > best_gain
        better[chosen] = False
        best_gain[better], owner[better] = gain[better], len(chosen)
        owner[cause] = len(chosen)
        chosen.append(cause)
        unexplained &= np.abs(remaining) > np.maximum(RESIDUAL_Z * sd, RESIDUAL_SHARE * np.abs(deviation))
        unexplained[cause] = False
    owner[unexplained[:n_flagged]] = -1
    causes = []
    for number, cause in enumerate(chosen):
        inside = np.flatnonzero(owner == number)
        inside = inside[np.lexsort((inside, -np.abs(deviation[inside]), inside != cause))]
        causes.append(Cause(int(flagged[cause]), tuple(int(flagged[member]) for member in inside)))
    return causes, flagged[unexplained[:n_flagged]]


def _as_usual(scores: SliceScores, flagged: Indices) -> Indices:
    """Tested slices that were not flagged, those that would show a deviation best."""
    usual = np.isfinite(scores.p_value) & np.isfinite(scores.deviation_sd) & (scores.deviation_sd > 0)
    usual[flagged] = False
    indices = np.flatnonzero(usual)
    precision = scores.expected_amount[indices] / scores.deviation_sd[indices]
    return indices[np.argsort(-precision, kind="stable")[:N_JUDGED]]


def _after(overlaps: _Overlaps, share: Floats, measured: Bools, remaining: Floats, cause: int) -> Floats:
    """What remains of every deviation once `cause` has explained its part."""
    relative, effect = remaining / overlaps.expected, remaining[cause] / overlaps.expected[cause]
    feasible = ~measured & (relative * effect > 0) & (np.abs(relative) <= np.abs(effect))
    left: Floats = np.where(feasible, 0.0, remaining - share * remaining[cause])
    left[cause] = 0.0
    return left


def _gains(
    overlaps: _Overlaps, shares: Floats, measured: Bools, remaining: Floats, candidates: Indices, counted: Indices
) -> Floats:
    """How much of the squared standardised deviations of `counted` slices each candidate would remove."""
    scale, left = overlaps.sd[counted], remaining[counted]
    after = (left - shares[:, counted] * remaining[candidates][:, None]) / scale
    gain = (left / scale) ** 2 - after**2
    # an overlap that is only assumed is no evidence against a cause
    gain[~measured[:, counted] & (gain < 0)] = 0.0
    gains: Floats = gain.sum(axis=1)
    return gains


class _Overlaps:
    """How much of a slice's deviation shows in each flagged slice."""

    def __init__(self, facts: Facts, scores: SliceScores, flagged: Indices) -> None:
        self.codes = facts.codes[flagged]
        self.depth = (self.codes >= 0).sum(axis=1)
        self.deviation: Floats = scores.amount[flagged] - scores.expected_amount[flagged]
        self.expected: Floats = np.maximum(scores.expected_amount[flagged], 1e-12)
        sd = scores.deviation_sd[flagged]
        self.sd: Floats = np.where(np.isfinite(sd) & (sd > 0), sd, np.maximum(np.abs(self.deviation), 1e-12))
        # a slice is found by a 64-bit hash of its codes; odd multipliers make collisions as rare as chance
        multipliers = np.random.default_rng(0).integers(1, 2**63, facts.codes.shape[1], dtype=np.uint64) * 2 + 1
        self.multipliers = multipliers
        known = np.flatnonzero(np.isfinite(scores.expected_amount))
        keys = self._keys(facts.codes[known])
        order = np.argsort(keys, kind="stable")
        self.keys, self.amounts = keys[order], scores.expected_amount[known][order]

    def _keys(self, codes: Codes) -> npt.NDArray[np.uint64]:
        keys: npt.NDArray[np.uint64] = ((codes + 1).astype(np.uint64) * self.multipliers).sum(axis=-1, dtype=np.uint64)
        return keys

    def _expected_of(self, codes: Codes) -> Floats:
        """The expected amount of slices given by their codes; NaN where no fact has it."""
        wanted = self._keys(codes)
        found = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        return np.where(self.keys[found] == wanted, self.amounts[found], np.nan)

    def of(self, causes: Indices) -> tuple[Floats, Bools]:
        """The part of each cause's deviation that shows in each slice, and whether facts measure it."""
        shares, measured = zip(*(self._row(int(cause)) for cause in causes), strict=True)
        return np.stack(shares), np.stack(measured)

    def _row(self, cause: int) -> tuple[Floats, Bools]:
        mine, expected = self.codes[cause], self.expected[cause]
        fixed = mine >= 0
        conflict = ((self.codes >= 0) & fixed & (self.codes != mine)).any(axis=1)
        contains_cause = ((self.codes < 0) | (self.codes == mine)).all(axis=1)
        inside_cause = (self.codes[:, fixed] == mine[fixed]).all(axis=1)
        overlap, measured = np.zeros(len(self.codes)), np.ones(len(self.codes), dtype=bool)
        crossing = np.flatnonzero(~conflict & ~contains_cause & ~inside_cause)
        if len(crossing):
            theirs = self.codes[crossing]
            known = self._expected_of(np.where(fixed, mine, theirs))
            common = self._expected_of(np.where(theirs == mine, mine, -1))
            assumed = self.expected[crossing] * expected / np.where(common > 0, common, np.inf)
            measured[crossing] = np.isfinite(known)
            overlap[crossing] = np.where(np.isfinite(known), known, assumed)
        overlap = np.minimum(overlap, np.minimum(self.expected, expected))
        overlap[contains_cause] = expected
        overlap[inside_cause] = self.expected[inside_cause]
        overlap[conflict] = 0.0
        share: Floats = overlap / expected
        share[cause] = 1.0
        return share, measured
