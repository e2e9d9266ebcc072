"""What is usual among all entities: prior knowledge for those with little evidence of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tocsin.kernels.collection_peers import distances_from_peers, peer_shapes
from tocsin.kernels.collection_volumes import N_PHASES
from tocsin.model import Bools, Floats

__all__ = ["ENOUGH", "N_PEERS", "Peers"]

ENOUGH = 14
"""An entity with so many collections of its own tells something of what is usual."""
N_PEERS = 20
"""So many such entities can stand in for an entity without a past."""
USUAL_SD = 0.12
"""Day-to-day deviation of ln(records) that is assumed before there are entities to learn it from (steady shops)."""
LEAST_SD = 0.03
LEAST_STRENGTH, LARGEST_STRENGTH = 1.0, 1e4


@dataclass(frozen=True, slots=True, eq=False)
class Peers:
    """Learned from all entities.

    shapes   : (n_groups, 2, n_bins) mean shares by kind of day
    strength : (n_groups,) records that the group's shape is worth to a member
    n_known  : (n_groups,) members with enough evidence
    bias     : median of the divergence that is no chance, of one collection
    sd       : day-to-day deviation of ln(records)
    index    : index of dispersion
    effects  : (7,) of the days of the week on ln(records)
    """

    shapes: Floats
    strength: Floats
    n_known: Floats
    bias: float
    sd: float
    index: float
    effects: Floats

    @property
    def trust(self) -> float:
        """How far what is usual is known: 0 without entities, towards 1 with many."""
        n = float(self.n_known.sum())
        return n / (n + N_PEERS)

    @classmethod
    def unknown(cls, n_groups: int, n_bins: int) -> Self:
        return cls(
            np.full((n_groups, 2, n_bins), 1.0 / n_bins),
            np.full(n_groups, LEAST_STRENGTH),
            np.zeros(n_groups),
            0.0,
            USUAL_SD,
            1.0,
            np.zeros(N_PHASES),
        )

    @classmethod
    def of_shapes(cls, before: Peers, sums: Floats, totals: Floats, group: Any, n_own: Any) -> Peers:
        """With the shapes that the evidence gives now; a group without evidence keeps its own."""
        n_groups = len(before.strength)
        shapes = peer_shapes(sums, totals, group, n_groups)
        distances = distances_from_peers(sums, totals, group, shapes)
        enough = n_own >= ENOUGH
        n_known = np.bincount(group[enough], minlength=n_groups).astype(np.float64)
        strength = np.full(n_groups, LEAST_STRENGTH)
        members = np.flatnonzero(enough)
        members = members[np.argsort(group[members], kind="stable")]
        ends = np.cumsum(n_known).astype(np.int64)
        for g in np.flatnonzero(n_known >= 3):
            of_group = members[ends[g] - int(n_known[g]) : ends[g]]
            inverse = float(np.median(distances[of_group]))
            strength[g] = 1.0 / min(max(inverse, 1.0 / LARGEST_STRENGTH), 1.0 / LEAST_STRENGTH)
        return cls(shapes, strength, n_known, before.bias, before.sd, before.index, before.effects)

    def learned(self, enough: Bools, bias: Floats, own_sd: Floats, index: Floats, effects: Floats) -> Peers:
        """With the medians over entities that have `enough` evidence; few of them change little."""
        n = int(enough.sum())
        if not n:
            return self
        trust = n / (n + N_PEERS)
        own = own_sd[enough & np.isfinite(own_sd)]
        typical_sd = max(float(np.median(own)), LEAST_SD) if len(own) else USUAL_SD
        sd = float(np.exp((1 - trust) * np.log(USUAL_SD) + trust * np.log(typical_sd)))
        known = index[enough & np.isfinite(index)]
        usual = (1 - trust) + trust * float(np.median(known)) if len(known) else 1.0
        typical = trust * np.median(effects[enough], axis=0)
        middle = float(np.median(bias[enough]))
        return Peers(self.shapes, self.strength, self.n_known, middle, sd, usual, typical)

    def to_arrays(self) -> dict[str, Any]:
        return {
            "all_shapes": self.shapes,
            "all_strength": self.strength,
            "all_n_known": self.n_known,
            "all_usual": np.array([self.bias, self.sd, self.index]),
            "all_effects": self.effects,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        bias, sd, index = (float(value) for value in arrays["all_usual"])
        shapes, strength, n_known = (np.array(arrays[f"all_{name}"]) for name in ("shapes", "strength", "n_known"))
        return cls(shapes, strength, n_known, bias, sd, index, np.array(arrays["all_effects"]))
